/* Keys of generations on their way to a member: see envelope.h. */
#include "sync/seal/envelope.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ENVELOPE_MAGIC = 4 };

/* The last byte is the form's version. */
static const uint8_t envelope_magic[ENVELOPE_MAGIC] = { 'L', 'K', 'E', '1' };
/* Of the encryption key, and of the signature. The NUL is part of them, so that what follows cannot be taken for it.
 * */
static const char envelope_key_label[] = "lanyard envelope key 1";
static const char envelope_label[] = "lanyard envelope 1";

const char *envelope_result_text(enum envelope_result result)
{
	static const char *const texts[] = {
		[ENVELOPE_OK] = "is good",
		[ENVELOPE_VERSION] = "is of a form that this lanyard does not know",
		[ENVELOPE_FORM] = "is malformed",
		[ENVELOPE_FORGED] = "was altered, or is not signed by its sender",
		[ENVELOPE_RECIPIENT] = "is for another agent",
		[ENVELOPE_LOCKED] = "is not encrypted to this agent",
		[ENVELOPE_INSIDE] = "holds no keys in order",
		[ENVELOPE_MEMORY] = "does not fit into locked memory",
	};

	return texts[result];
}

/* --- the key --- */

int envelope_agree(uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32])
{
	static const uint8_t zeros[32];
	EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
	EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, 32);
	EVP_PKEY_CTX *ctx = ours != NULL ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
	size_t n = 32;
	int rc = -1;

	if (ctx != NULL && theirs != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, theirs) == 1 && EVP_PKEY_derive(ctx, shared, &n) == 1 && n == 32 &&
	    CRYPTO_memcmp(shared, zeros, sizeof(zeros)) != 0)
		rc = 0;
	if (rc < 0)
		memset(shared, 0, 32);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ours);
	ERR_clear_error();
	return rc;
}

/* Between which two halves of box keys, and of whom. */
struct envelope_ends {
	const uint8_t *ephemeral, *box; /* both public */
	const struct agent_id *recipient;
	const uint8_t *sender;
};

/* The encryption key is bound to everything that says for whom it is, so an envelope that is readdressed opens for
 * nobody. */
static void envelope_derive(uint8_t key[AEAD_KEY_LEN], const struct group_id *group, const struct envelope_ends *ends,
                            const uint8_t shared[32])
{
	uint8_t salt[2 * ENVELOPE_BOX_LEN];
	const struct aead_part info[] = {
		AEAD_LABEL(envelope_key_label),
		{ .p = group->b, .n = sizeof(group->b) },
		{ .p = ends->recipient->b, .n = sizeof(ends->recipient->b) },
		{ .p = ends->sender, .n = PUBLIC_KEY_LEN },
	};

	memcpy(salt, ends->ephemeral, ENVELOPE_BOX_LEN);
	memcpy(salt + ENVELOPE_BOX_LEN, ends->box, ENVELOPE_BOX_LEN);
	aead_hkdf(key, AEAD_KEY_LEN, salt, sizeof(salt), shared, 32, info, sizeof(info) / sizeof(info[0]));
}

/* A key serves one envelope, so that the nonce may be constant. */
static const uint8_t envelope_nonce[AEAD_NONCE_LEN];

/* What the sender signs: everything before its signature, in this group. */
static void envelope_signed_bytes(struct bytes *in, const struct group_id *group, const uint8_t *p, size_t n)
{
	bytes_append(in, envelope_label, sizeof(envelope_label));
	bytes_append(in, group->b, sizeof(group->b));
	bytes_append(in, p, n);
}

/* --- sealing --- */

static bool envelope_in_order(const struct envelope_contents *c)
{
	for (size_t i = 1; i < c->nkeys; i++) {
		if (c->keys[i - 1].generation >= c->keys[i].generation)
			return false;
	}
	return c->nkeys > 0 && c->nkeys <= ENVELOPE_KEYS_MAX && c->nmarks <= ROSTER_HEARD_MAX;
}

/* Draws a key for this envelope alone; appends its public half to b, and sets the encryption key. */
static int envelope_begin(struct bytes *b, const struct group_id *group, const struct agent_id *recipient,
                          const uint8_t *sender, const uint8_t *recipient_box, uint8_t key[AEAD_KEY_LEN])
{
	uint8_t seed[32], private_key[32], public_key[32], shared[32];
	const struct envelope_ends ends = { .ephemeral = public_key,
		                            .box = recipient_box,
		                            .recipient = recipient,
		                            .sender = sender };
	int rc;

	random_bytes(seed, sizeof(seed));
	keys_box(private_key, public_key, seed);
	rc = envelope_agree(shared, private_key, recipient_box);
	if (rc == 0) {
		bytes_append(b, public_key, sizeof(public_key));
		envelope_derive(key, group, &ends, shared);
	}
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(private_key, sizeof(private_key));
	OPENSSL_cleanse(shared, sizeof(shared));
	return rc;
}

static void envelope_put_in(uint8_t *p, const struct envelope_contents *c)
{
	put_u32(p, (uint32_t)c->nkeys);
	p += 4;
	for (size_t i = 0; i < c->nkeys; i++, p += ENVELOPE_KEY) {
		put_u64(p, c->keys[i].generation);
		memcpy(p + 8, c->keys[i].secret, KEYS_SECRET_LEN);
	}
	put_u32(p, (uint32_t)c->nmarks);
	p += 4;
	for (size_t i = 0; i < c->nmarks; i++, p += ENVELOPE_MARK) {
		put_u64(p, c->marks[i].owner);
		put_u64(p + 8, c->marks[i].number);
	}
}

/* Appends the length, the sealed contents and the tag. -1: the secure heap is full. */
static int envelope_fill(struct bytes *b, const uint8_t key[AEAD_KEY_LEN], const struct envelope_contents *c)
{
	const size_t head_n = b->len, n = 4 + c->nkeys * ENVELOPE_KEY + 4 + c->nmarks * ENVELOPE_MARK;
	uint8_t *plain = keys_memory(n), *sealed, tag[AEAD_TAG_LEN];
	struct aead_part aad;

	if (plain == NULL)
		return -1;
	envelope_put_in(plain, c);
	bytes_append_u32(b, (uint32_t)n);
	sealed = bytes_extend(b, n);
	if (sealed != NULL) {
		aad = (struct aead_part){ .p = b->p, .n = head_n };
		aead_seal(key, envelope_nonce, &aad, 1, plain, n, sealed, tag);
		bytes_append(b, tag, sizeof(tag));
	}
	keys_wipe(plain, n);
	return b->full ? -1 : 0;
}

int envelope_seal(const struct group_id *group, const struct identity *sender, const struct agent_id *recipient,
                  const uint8_t recipient_box[ENVELOPE_BOX_LEN], const uint8_t current[32],
                  const struct envelope_contents *contents, struct bytes *out)
{
	struct bytes b = BYTES_INIT(ENVELOPE_MAX), in = BYTES_INIT(ENVELOPE_MAX + 64);
	uint8_t key[AEAD_KEY_LEN], signature[SIGNATURE_LEN];
	int rc = -1;

	if (!envelope_in_order(contents))
		return -1;
	bytes_append(&b, envelope_magic, sizeof(envelope_magic));
	bytes_append(&b, recipient->b, sizeof(recipient->b));
	bytes_append(&b, identity_public_key(sender), PUBLIC_KEY_LEN);
	bytes_append(&b, current, 32);
	if (envelope_begin(&b, group, recipient, identity_public_key(sender), recipient_box, key) == 0 &&
	    envelope_fill(&b, key, contents) == 0) {
		envelope_signed_bytes(&in, group, b.p, b.len);
		identity_sign(sender, in.p, in.len, signature);
		bytes_append(&b, signature, sizeof(signature));
		rc = b.full || in.full ? -1 : bytes_append(out, b.p, b.len);
	}
	OPENSSL_cleanse(key, sizeof(key));
	bytes_free(&in);
	bytes_free(&b);
	return rc;
}

/* --- reading --- */

static bool envelope_is_signed(const struct envelope *e, const struct group_id *group)
{
	struct bytes in = BYTES_INIT(ENVELOPE_MAX + 64);
	const size_t n = e->n - SIGNATURE_LEN;
	bool good;

	envelope_signed_bytes(&in, group, e->bytes, n);
	good = identity_verify(e->sender, in.p, in.len, e->bytes + n) == 0;
	bytes_free(&in);
	return good;
}

enum envelope_result envelope_parse(struct envelope *e, const struct group_id *group, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);
	const uint8_t *magic = reader_take(&r, ENVELOPE_MAGIC), *recipient, *sender, *current;
	size_t sealed;

	memset(e, 0, sizeof(*e));
	if (magic == NULL || memcmp(magic, envelope_magic, ENVELOPE_MAGIC - 1) != 0 || n > ENVELOPE_MAX)
		return ENVELOPE_FORM;
	if (magic[ENVELOPE_MAGIC - 1] != envelope_magic[ENVELOPE_MAGIC - 1])
		return ENVELOPE_VERSION;
	recipient = reader_take(&r, sizeof(e->recipient.b));
	sender = reader_take(&r, PUBLIC_KEY_LEN);
	current = reader_take(&r, sizeof(e->current));
	reader_take(&r, ENVELOPE_BOX_LEN);
	sealed = reader_u32(&r);
	if (r.bad || sealed < 4 + ENVELOPE_KEY + 4 || sealed > ENVELOPE_INSIDE_MAX ||
	    reader_left(&r) != sealed + AEAD_TAG_LEN + SIGNATURE_LEN)
		return ENVELOPE_FORM;
	memcpy(e->recipient.b, recipient, sizeof(e->recipient.b));
	memcpy(e->sender, sender, PUBLIC_KEY_LEN);
	memcpy(e->current, current, sizeof(e->current));
	e->bytes = p;
	e->n = n;
	return envelope_is_signed(e, group) ? ENVELOPE_OK : ENVELOPE_FORGED;
}

/* The decryption key, by our box key. -1: the sender's half is worthless. */
static int envelope_unlock(const struct envelope *e, const struct group_id *group, const struct identity *self,
                           uint8_t key[AEAD_KEY_LEN])
{
	uint8_t seed[32], private_key[32], public_key[32], shared[32];
	const struct envelope_ends ends = { .ephemeral = e->bytes + ENVELOPE_HEAD - ENVELOPE_BOX_LEN,
		                            .box = public_key,
		                            .recipient = &e->recipient,
		                            .sender = e->sender };
	int rc;

	identity_seed(self, seed);
	keys_box(private_key, public_key, seed);
	rc = envelope_agree(shared, private_key, ends.ephemeral);
	if (rc == 0)
		envelope_derive(key, group, &ends, shared);
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(private_key, sizeof(private_key));
	OPENSSL_cleanse(shared, sizeof(shared));
	return rc;
}

void envelope_wipe(struct envelope_contents *c)
{
	keys_wipe(c->keys, c->nkeys * sizeof(c->keys[0]));
	free(c->marks);
	memset(c, 0, sizeof(*c));
}

/* Makes room for what n opened bytes hold, if they hold that many keys and marks. */
static enum envelope_result envelope_count(const uint8_t *plain, size_t n, struct envelope_contents *c)
{
	const size_t nkeys = get_u32(plain);
	size_t nmarks, rest;

	if (nkeys > ENVELOPE_KEYS_MAX || n < 4 + nkeys * ENVELOPE_KEY + 4)
		return ENVELOPE_INSIDE;
	rest = n - 4 - nkeys * ENVELOPE_KEY - 4;
	nmarks = get_u32(plain + 4 + nkeys * ENVELOPE_KEY);
	if (nkeys == 0 || nmarks > ROSTER_HEARD_MAX || rest != nmarks * ENVELOPE_MARK)
		return ENVELOPE_INSIDE;
	c->keys = keys_memory(nkeys * sizeof(c->keys[0]));
	if (c->keys == NULL)
		return ENVELOPE_MEMORY;
	c->nkeys = nkeys;
	c->marks = mem_calloc(nmarks + 1, sizeof(c->marks[0]));
	c->nmarks = nmarks;
	return ENVELOPE_OK;
}

static enum envelope_result envelope_take_out(const uint8_t *plain, size_t n, struct envelope_contents *c)
{
	enum envelope_result result = envelope_count(plain, n, c);
	const uint8_t *p = plain + 4;

	if (result != ENVELOPE_OK)
		return result;
	for (size_t i = 0; i < c->nkeys; i++, p += ENVELOPE_KEY) {
		c->keys[i].generation = get_u64(p);
		memcpy(c->keys[i].secret, p + 8, KEYS_SECRET_LEN);
	}
	p += 4;
	for (size_t i = 0; i < c->nmarks; i++, p += ENVELOPE_MARK)
		c->marks[i] = (struct roster_mark){ .owner = get_u64(p), .number = get_u64(p + 8) };
	if (envelope_in_order(c))
		return ENVELOPE_OK;
	envelope_wipe(c);
	return ENVELOPE_INSIDE;
}

enum envelope_result envelope_open(const struct envelope *e, const struct group_id *group, const struct identity *self,
                                   struct envelope_contents *c)
{
	const struct aead_part aad = { .p = e->bytes, .n = ENVELOPE_HEAD };
	const uint8_t *sealed = e->bytes + ENVELOPE_HEAD + 4;
	const size_t n = e->n - ENVELOPE_HEAD - 4 - AEAD_TAG_LEN - SIGNATURE_LEN;
	enum envelope_result result = ENVELOPE_LOCKED;
	uint8_t key[AEAD_KEY_LEN], *plain;

	memset(c, 0, sizeof(*c));
	if (!agent_id_equal(&e->recipient, identity_id(self)))
		return ENVELOPE_RECIPIENT;
	plain = keys_memory(n);
	if (plain == NULL)
		return ENVELOPE_MEMORY;
	if (envelope_unlock(e, group, self, key) == 0 &&
	    aead_open(key, envelope_nonce, &aad, 1, sealed, n, sealed + n, plain) == 0)
		result = envelope_take_out(plain, n, c);
	OPENSSL_cleanse(key, sizeof(key));
	keys_wipe(plain, n);
	return result;
}
