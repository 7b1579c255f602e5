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
	struct envelope_key *keys;
	size_t nkeys;

	if (envelope_parse(&e, &group, data, size) != ENVELOPE_OK)
		return;
	if (e.n != size)
		abort();
	if (envelope_open(&e, &group, recipient, &keys, &nkeys) != ENVELOPE_OK) {
		if (keys != NULL)
			abort();
		return;
	}
	if (nkeys == 0 || nkeys > ENVELOPE_KEYS_MAX)
		abort();
	keys_wipe(keys, nkeys * sizeof(keys[0]));
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

static void seal_keys(const uint8_t *data, size_t size)
{
	size_t n = size / ENVELOPE_KEY;
	struct envelope_key *keys = calloc(n + 1, sizeof(keys[0]));
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);

	if (keys == NULL)
		abort();
	random_set_seed(1);
	for (size_t i = 0; i < n; i++) {
		keys[i].generation = get_u64(data + i * ENVELOPE_KEY);
		memcpy(keys[i].secret, data + i * ENVELOPE_KEY + 8, KEYS_SECRET_LEN);
	}
	if (envelope_seal(&group, sender, identity_id(recipient), box, box, keys, n, &out) == 0)
		open_one(out.p, out.len);
	bytes_free(&out);
	free(keys);
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
