/* What agents sign: the first byte says what the rest is. 0: a head; 1: an endorsement; 2: the endorsement of a whole
 * batch; 3: a GEN entry; 4: a BOX entry. 5 to 7: a head, a GEN or a BOX entry whose signature is made to fit. */
#include <stdlib.h>
#include <string.h>

#include "sync/seal/endorse.h"
#include "sync/seal/generation_entry.h"
#include "sync/seal/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct group_id group = { { 1 } };
static struct identity *self;

static void read_head(const uint8_t *data, size_t size)
{
	struct bytes again = BYTES_INIT(HEAD_LEN_MAX);
	struct head h;

	if (head_parse(&h, &group, data, size) == HEAD_OK) {
		if (head_compare(&h, &h) != HEAD_SAME || !head_covers(&h, &h) || head_sign(&h, self, &again) < 0 ||
		    again.len != size)
			abort();
	} else if (h.have != NULL) {
		abort();
	}
	bytes_free(&again);
	head_clear(&h);
}

static void read_endorsement(const uint8_t *data, size_t size)
{
	static const uint8_t core[32];
	struct endorse_signer signer;
	uint64_t seq;

	endorse_check(&group, core, data, size, NULL, &signer, &seq);
}

static void read_whole(const uint8_t *data, size_t size)
{
	static const uint8_t cores[8][32];
	struct endorse_signer signer;
	uint64_t seqs[8];

	if (size != 0)
		endorse_check_whole(&group, cores, data[0] % 9, data + 1, size - 1, &signer, seqs);
}

static void read_gen(const uint8_t *data, size_t size)
{
	struct bytes again = BYTES_INIT(4096);
	struct generation g, same;

	if (generation_entry_read(&g, &group, data, size) == GENERATION_ENTRY_OK) {
		same = g;
		if (generation_entry_sign(&same, &group, self, 0, &again) < 0 || again.len != size)
			abort();
	}
	bytes_free(&again);
}

static void read_box(const uint8_t *data, size_t size)
{
	struct generation_box b;

	generation_entry_read_box(&b, &group, data, size);
}

static void signed_again(const uint8_t *data, size_t size, const char *label, size_t label_n, size_t key_at,
                         void (*read)(const uint8_t *data, size_t size))
{
	struct bytes in = BYTES_INIT(1 << 20), whole = BYTES_INIT(1 << 20);
	uint8_t signature[SIGNATURE_LEN];

	bytes_append(&whole, data, size);
	if (key_at != 0 && whole.len >= key_at + PUBLIC_KEY_LEN)
		memcpy(whole.p + key_at, identity_public_key(self), PUBLIC_KEY_LEN);
	else if (key_at == 0)
		bytes_append(&whole, identity_public_key(self), PUBLIC_KEY_LEN);
	bytes_append(&in, label, label_n);
	bytes_append(&in, whole.p, whole.len);
	identity_sign(self, in.p, in.len, signature);
	bytes_append(&whole, signature, sizeof(signature));
	read(whole.p, whole.len);
	bytes_free(&in);
	bytes_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head_label[] = "lanyard head 1", entry_label[] = "lanyard roster entry 1";
	static void (*const cases[])(const uint8_t *data, size_t size) = { read_head, read_endorsement, read_whole,
		                                                           read_gen, read_box };

	if (self == NULL)
		self = identity_from_seed((const uint8_t[32]){ 3 });
	if (size == 0)
		return 0;
	if (data[0] % 8 < 5)
		cases[data[0] % 8](data + 1, size - 1);
	else if (data[0] % 8 == 5)
		signed_again(data + 1, size - 1, head_label, sizeof(head_label), 33, read_head);
	else
		signed_again(data + 1, size - 1, entry_label, sizeof(entry_label), 0,
		             data[0] % 8 == 6 ? read_gen : read_box);
	return 0;
}
