/* Envelopes. The first byte: even, the rest is one. 1 mod 4: the rest is signed as its sender would, so that what is
 * behind the signature is reached. 3 mod 4: the rest is sealed as the plain keys inside a good one. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/seal/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct group_id group = { { 1 } };
static struct identity *sender, *recipient;
static uint8_t box[32];

static void setup(void)
{
	uint8_t seed[32] = { 4 }, private_key[32];

	if (sender != NULL)
		return;
	sender = identity_from_seed((const uint8_t[32]){ 3 });
	recipient = identity_from_seed(seed);
	keys_box(private_key, box, seed);
}

static void open_one(const uint8_t *data, size_t size)
{
	struct envelope e;
	struct envelope_contents c;

	if (envelope_parse(&e, &group, data, size) != ENVELOPE_OK)
		return;
	if (e.n != size)
		abort();
	if (envelope_open(&e, &group, recipient, &c) != ENVELOPE_OK) {
		if (c.keys != NULL || c.marks != NULL)
			abort();
		return;
	}
	if (c.nkeys == 0 || c.nkeys > ENVELOPE_KEYS_MAX || c.nmarks > ROSTER_HEARD_MAX)
		abort();
	envelope_wipe(&c);
}

static void sign_again(const uint8_t *data, size_t size)
{
	static const char label[] = "lanyard envelope 1";
	struct bytes whole = BYTES_INIT(ENVELOPE_MAX), in = BYTES_INIT(ENVELOPE_MAX + 64);
	uint8_t signature[SIGNATURE_LEN];

	bytes_append(&whole, data, size);
	if (whole.len >= 68)
		memcpy(whole.p + 36, identity_public_key(sender), PUBLIC_KEY_LEN);
	bytes_append(&in, label, sizeof(label));
	bytes_append(&in, group.b, sizeof(group.b));
	bytes_append(&in, whole.p, whole.len);
	identity_sign(sender, in.p, in.len, signature);
	bytes_append(&whole, signature, sizeof(signature));
	open_one(whole.p, whole.len);
	bytes_free(&whole);
	bytes_free(&in);
}

/* The first byte is how many marks are at the end. */
static void seal_keys(const uint8_t *data, size_t size)
{
	size_t nmarks = size > 0 && data[0] < (size - 1) / ENVELOPE_MARK ? data[0] : 0;
	size_t n = size > 0 ? (size - 1 - nmarks * ENVELOPE_MARK) / ENVELOPE_KEY : 0;
	struct envelope_contents c = { .nkeys = n, .nmarks = nmarks };
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);

	c.keys = calloc(n + 1, sizeof(c.keys[0]));
	c.marks = calloc(nmarks + 1, sizeof(c.marks[0]));
	if (c.keys == NULL || c.marks == NULL)
		abort();
	random_set_seed(1);
	for (size_t i = 0; i < n; i++) {
		c.keys[i].generation = get_u64(data + 1 + i * ENVELOPE_KEY);
		memcpy(c.keys[i].secret, data + 1 + i * ENVELOPE_KEY + 8, KEYS_SECRET_LEN);
	}
	for (size_t i = 0; i < nmarks; i++)
		c.marks[i].owner = get_u64(data + size - (i + 1) * ENVELOPE_MARK);
	if (envelope_seal(&group, sender, identity_id(recipient), box, box, &c, &out) == 0)
		open_one(out.p, out.len);
	bytes_free(&out);
	free(c.keys);
	free(c.marks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setup();
	if (size == 0)
		return 0;
	if ((data[0] & 1) == 0)
		open_one(data + 1, size - 1);
	else if ((data[0] & 2) == 0)
		sign_again(data + 1, size - 1);
	else
		seal_keys(data + 1, size - 1);
	return 0;
}
