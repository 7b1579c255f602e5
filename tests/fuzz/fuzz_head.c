/* What agents sign: the first byte says what the rest is. 0: a head; 1: an endorsement; 2: the endorsement of a whole
 * batch; 3: a head whose signature is made to fit. */
#include <stdlib.h>
#include <string.h>

#include "sync/seal/endorse.h"
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

static void read_head_signed(const uint8_t *data, size_t size)
{
	static const char label[] = "lanyard head 1";
	static const size_t key_at = 33;
	struct bytes in = BYTES_INIT(1 << 20), whole = BYTES_INIT(1 << 20);
	uint8_t signature[SIGNATURE_LEN];

	bytes_append(&whole, data, size);
	if (whole.len >= key_at + PUBLIC_KEY_LEN)
		memcpy(whole.p + key_at, identity_public_key(self), PUBLIC_KEY_LEN);
	bytes_append(&in, label, sizeof(label));
	bytes_append(&in, whole.p, whole.len);
	identity_sign(self, in.p, in.len, signature);
	bytes_append(&whole, signature, sizeof(signature));
	read_head(whole.p, whole.len);
	bytes_free(&in);
	bytes_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const cases[])(const uint8_t *data, size_t size) = { read_head, read_endorsement, read_whole,
		                                                           read_head_signed };

	if (self == NULL)
		self = identity_from_seed((const uint8_t[32]){ 3 });
	if (size != 0)
		cases[data[0] % 4](data + 1, size - 1);
	return 0;
}
