/* Sealed objects. First byte odd: the rest is an object from anywhere, opened as what its head says. Even: the second
 * byte is a policy, the rest the inside of an object that a holder of the keys sealed: refused, or a content that bears
 * its name and seals to an object again. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "sync/seal/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIXED = 46, HEAD = FIXED + OBJECT_REF, NONCE = 12, TAG = 16 };
static struct keys *keys[KEYS_POLICIES];

static void setup(void)
{
	const struct group_id group = { "a group" };
	const uint8_t secret[KEYS_SECRET_LEN] = { 3 };

	for (uint8_t policy = 0; policy < KEYS_POLICIES && keys[policy] == NULL; policy++) {
		const struct keys_about about = { .id = 7, .suite = KEYS_SUITE, .policy = policy };

		keys[policy] = keys_new(&group, &about, secret);
	}
}

static void check_opened(const struct keys *k, const struct object_plain *plain)
{
	struct object_input in = { .kind = OBJECT_BLOCK, .content = plain->p, .n = plain->n };
	size_t n;
	uint8_t *sealed = object_seal(k, &in, &n);
	struct object_head h;

	if (sealed == NULL || object_parse(&h, sealed, n) != OBJECT_OK)
		abort();
	free(sealed);
}

static void from_anywhere(const uint8_t *data, size_t size)
{
	struct object_head h;
	struct object_plain plain;
	uint8_t *copy = malloc(size + 1);

	memcpy(copy, data, size);
	if (object_parse(&h, copy, size) == OBJECT_OK) {
		const struct object_ref self = h.self;

		for (uint32_t i = 0; i < h.nrefs; i++)
			(void)object_head_ref(&h, i);
		if (object_open(keys[0], h.kind, &self, copy, size, &plain) == OBJECT_OK)
			object_plain_free(&plain);
		else if (plain.p != NULL || plain.unpacked != NULL)
			abort();
	}
	free(copy);
}

/* A patch, since its name is not the content's: the content is reached whatever it is. */
static void from_a_holder(const struct keys *k, const uint8_t *inside, size_t n)
{
	const uint8_t kind = OBJECT_PATCH;
	struct object_ref ref = { .generation = keys_about(k)->id };
	uint8_t *p = calloc(HEAD + NONCE + n + TAG, 1), key[32];
	const struct aead_part of_key[] = { { &kind, 1 }, { ref.name, 32 } };
	const struct aead_part aad[] = { AEAD_LABEL("lanyard object 1"), { keys_group(k)->b, 32 }, { p, HEAD } };
	struct object_plain plain;

	p[0] = OBJECT_FORMAT;
	p[1] = kind;
	object_ref_put(p + 2, &ref);
	put_u32(p + FIXED - 4, 1);
	p[HEAD - 1] = 1; /* of another block */
	keys_prf(k, KEYS_BLOCK, of_key, 2, key);
	aead_seal(key, p + HEAD, aad, 3, inside, n, p + HEAD + NONCE, p + HEAD + NONCE + n);
	if (object_open(k, kind, &ref, p, HEAD + NONCE + n + TAG, &plain) == OBJECT_OK)
		check_opened(k, &plain);
	else if (plain.p != NULL || plain.unpacked != NULL)
		abort();
	object_plain_free(&plain);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setup();
	if (size < 2)
		return 0;
	if (data[0] & 1)
		from_anywhere(data + 1, size - 1);
	else
		from_a_holder(keys[data[1] % KEYS_POLICIES], data + 2, size - 2);
	return 0;
}
