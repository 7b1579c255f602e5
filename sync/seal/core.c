/* Sealed records: see core.h. */
#include "sync/seal/core.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/pad.h"

enum {
	CORE_DELETED = 1,
	CORE_PAGED = 2,
	CORE_STEP = 64,                                /* small bodies are padded to multiples of this, */
	CORE_SMALL = 512,                              /* up to this */
	CORE_TAIL = AEAD_NONCE_LEN + 4 + AEAD_TAG_LEN, /* bytes around the sealed body */
};

static const char core_label[] = "lanyard record 1"; /* the NUL is part of it */

const char *core_result_text(enum core_result result)
{
	static const char *const texts[] = {
		[CORE_OK] = "is good",
		[CORE_VERSION] = "is of a format that this lanyard does not know",
		[CORE_FORM] = "is malformed",
		[CORE_GENERATION] = "is of another generation than the key",
		[CORE_FORGED] = "was altered, or sealed with another key",
		[CORE_INSIDE] = "was sealed wrongly by a holder of the key",
	};

	return texts[result];
}

void core_path_id(const struct keys *k, const char *path, uint8_t id[32])
{
	keys_prf(k, KEYS_PATH, &(struct aead_part){ .p = path, .n = strlen(path) }, 1, id);
}

bool core_is_of(const struct keys *k, const struct core *c, const char *path)
{
	uint8_t id[32];

	core_path_id(k, path, id);
	return keys_about(k)->id == c->head.generation && memcmp(id, c->head.path_id, sizeof(id)) == 0;
}

int core_compare(const struct core *a, uint32_t a_number, const struct core *b, uint32_t b_number)
{
	if (a_number != b_number)
		return a_number > b_number ? -1 : 1;
	return memcmp(a->name, b->name, sizeof(a->name));
}

/* --- rules that both ways share --- */

/* Bytes of a body with a record of n bytes: in coarse steps, so that the length of a path hides among others. */
static size_t core_body_size(size_t n)
{
	n += 4;
	return n <= CORE_SMALL ? (n + CORE_STEP - 1) / CORE_STEP * CORE_STEP : pad_size(n);
}

static bool core_names_ascend(const struct core_group *g)
{
	for (size_t i = 1; i < g->n; i++) {
		if (memcmp(g->names + (i - 1) * 32, g->names + i * 32, 32) >= 0)
			return false;
	}
	return true;
}

/* One head has one form: whatever can be in an order is in ascending order. */
static bool core_head_valid(const struct core_head *h)
{
	size_t refs = 0;

	if (h->version.n == 0 || h->version.n > VERSION_MAX || h->ngroups > CORE_GROUPS_MAX ||
	    h->nolder > CORE_OLDER_MAX || (h->deleted && h->ngroups != 0) || (h->paged && h->ngroups == 0))
		return false;
	for (size_t i = 0; i < h->ngroups; i++) {
		const struct core_group *g = &h->groups[i];

		/* Counted before the names are read. */
		if (g->n == 0 || g->n > CORE_PAGES_MAX || (i > 0 && g[-1].generation >= g->generation) ||
		    !core_names_ascend(g))
			return false;
		refs += g->n;
	}
	for (size_t i = 0; i < h->nolder; i++) {
		if (h->older[i].generation == h->generation ||
		    (i > 0 && h->older[i - 1].generation >= h->older[i].generation))
			return false;
	}
	return refs <= (h->paged ? CORE_PAGES_MAX : CORE_BLOCKS_MAX);
}

/* --- sealing --- */

static void core_head_write(struct bytes *b, const struct core_head *h)
{
	uint8_t *p;

	bytes_append_u8(b, CORE_FORMAT);
	bytes_append_u8(b, (uint8_t)((h->deleted ? CORE_DELETED : 0) | (h->paged ? CORE_PAGED : 0)));
	bytes_append_u64(b, h->generation);
	bytes_append(b, h->path_id, sizeof(h->path_id));
	bytes_append_u8(b, (uint8_t)(h->version.n >> 8));
	bytes_append_u8(b, (uint8_t)h->version.n);
	p = bytes_extend(b, h->version.n * 16);
	if (p != NULL)
		version_encode(p, &h->version);
	bytes_append_u8(b, (uint8_t)h->ngroups);
	for (size_t i = 0; i < h->ngroups; i++) {
		bytes_append_u64(b, h->groups[i].generation);
		bytes_append_u32(b, h->groups[i].n);
		bytes_append(b, h->groups[i].names, (size_t)h->groups[i].n * 32);
	}
	bytes_append_u8(b, (uint8_t)h->nolder);
	for (size_t i = 0; i < h->nolder; i++) {
		bytes_append_u64(b, h->older[i].generation);
		bytes_append(b, h->older[i].path_id, sizeof(h->older[i].path_id));
	}
}

/* The key is the head's own; the nonce stands for head and body, so that no two inputs share both. */
struct core_secrets {
	uint8_t key[AEAD_KEY_LEN];
	uint8_t nonce[32]; /* of which the first AEAD_NONCE_LEN are used */
};

static void core_key(struct core_secrets *s, const struct keys *k, const uint8_t *head, size_t head_n)
{
	uint8_t sha[SHA256_SIZE];

	sha256(sha, head, head_n);
	keys_prf(k, KEYS_RECORD, &(struct aead_part){ .p = sha, .n = sizeof(sha) }, 1, s->key);
}

static void core_nonce(struct core_secrets *s, const struct keys *k, const uint8_t *head, size_t head_n,
                       const uint8_t *body, size_t body_n)
{
	uint8_t sha[2][SHA256_SIZE];

	sha256(sha[0], head, head_n);
	sha256(sha[1], body, body_n);
	keys_prf(k, KEYS_NONCE, &(struct aead_part){ .p = sha, .n = sizeof(sha) }, 1, s->nonce);
}

/* What is bound to the ciphertext: one record of one group, of just this head. */
static void core_bound(struct aead_part aad[3], const struct keys *k, const uint8_t *head, size_t head_n)
{
	aad[0] = AEAD_LABEL(core_label);
	aad[1] = (struct aead_part){ .p = keys_group(k)->b, .n = sizeof(keys_group(k)->b) };
	aad[2] = (struct aead_part){ .p = head, .n = head_n };
}

int core_seal(const struct keys *k, const struct core_head *head, const void *record, size_t n, struct bytes *out)
{
	struct bytes b = BYTES_INIT(CORE_MAX);
	struct core_secrets s;
	struct aead_part aad[3];
	uint8_t *body, *sealed, tag[AEAD_TAG_LEN];
	size_t body_n, head_n;
	int rc;

	if (n == 0 || n > CORE_RECORD_MAX || head->generation != keys_about(k)->id || !core_head_valid(head))
		return -1;
	core_head_write(&b, head);
	head_n = b.len;
	body_n = core_body_size(n);
	body = mem_calloc(body_n, 1);
	put_u32(body, (uint32_t)n);
	memcpy(body + 4, record, n);
	core_key(&s, k, b.p, head_n);
	core_nonce(&s, k, b.p, head_n, body, body_n);
	bytes_append(&b, s.nonce, AEAD_NONCE_LEN);
	bytes_append_u32(&b, (uint32_t)body_n);
	sealed = bytes_extend(&b, body_n);
	if (sealed != NULL) {
		core_bound(aad, k, b.p, head_n);
		aead_seal(s.key, s.nonce, aad, 3, body, body_n, sealed, tag);
		bytes_append(&b, tag, sizeof(tag));
	}
	rc = b.full ? -1 : bytes_append(out, b.p, b.len);
	OPENSSL_cleanse(&s, sizeof(s));
	free(body);
	bytes_free(&b);
	return rc;
}

/* --- reading --- */

static void core_groups_read(struct reader *r, struct core_head *h)
{
	h->ngroups = reader_u8(r);
	if (h->ngroups > CORE_GROUPS_MAX) {
		r->bad = true;
		h->ngroups = 0;
	}
	for (size_t i = 0; i < h->ngroups && !r->bad; i++) {
		h->groups[i].generation = reader_u64(r);
		h->groups[i].n = reader_u32(r);
		if (h->groups[i].n > CORE_PAGES_MAX)
			r->bad = true;
		else
			h->groups[i].names = reader_take(r, (size_t)h->groups[i].n * 32);
	}
}

static void core_older_read(struct reader *r, struct core_head *h)
{
	const uint8_t *p;

	h->nolder = reader_u8(r);
	if (h->nolder > CORE_OLDER_MAX) {
		r->bad = true;
		h->nolder = 0;
	}
	for (size_t i = 0; i < h->nolder && !r->bad; i++) {
		h->older[i].generation = reader_u64(r);
		p = reader_take(r, sizeof(h->older[i].path_id));
		if (p != NULL)
			memcpy(h->older[i].path_id, p, sizeof(h->older[i].path_id));
	}
}

static void core_head_read(struct reader *r, struct core_head *h)
{
	uint8_t flags = reader_u8(r);
	const uint8_t *p;
	size_t n;

	h->deleted = (flags & CORE_DELETED) != 0;
	h->paged = (flags & CORE_PAGED) != 0;
	if ((flags & ~(CORE_DELETED | CORE_PAGED)) != 0)
		r->bad = true;
	h->generation = reader_u64(r);
	p = reader_take(r, sizeof(h->path_id));
	if (p != NULL)
		memcpy(h->path_id, p, sizeof(h->path_id));
	n = (size_t)reader_u8(r) << 8;
	n |= reader_u8(r);
	p = n <= VERSION_MAX ? reader_take(r, n * 16) : NULL;
	if (p == NULL || version_decode(&h->version, p, n * 16) < 0)
		r->bad = true;
	core_groups_read(r, h);
	core_older_read(r, h);
	if (!r->bad && !core_head_valid(h))
		r->bad = true;
}

/* Whether n is a size that some record's body has. */
static bool core_body_fits(size_t n)
{
	return n >= CORE_STEP && n <= CORE_BODY_MAX && core_body_size(n - 4) == n;
}

enum core_result core_parse(struct core *c, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);

	memset(c, 0, sizeof(*c));
	if (n > CORE_MAX)
		return CORE_FORM;
	if (n != 0 && reader_u8(&r) > CORE_FORMAT)
		return CORE_VERSION;
	if (n == 0 || p[0] != CORE_FORMAT)
		return CORE_FORM;
	core_head_read(&r, &c->head);
	c->head_n = (size_t)(r.p - p);
	reader_take(&r, AEAD_NONCE_LEN);
	n = reader_u32(&r);
	if (r.bad || !core_body_fits(n) || reader_left(&r) != n + AEAD_TAG_LEN) {
		core_clear(c);
		return CORE_FORM;
	}
	c->bytes = p;
	c->n = c->head_n + CORE_TAIL + n;
	sha256(c->name, p, c->n);
	return CORE_OK;
}

void core_clear(struct core *c)
{
	version_clear(&c->head.version);
	memset(c, 0, sizeof(*c));
}

/* The record in an opened body. The nonce is computed again: whoever seals has no choice of it, so equal rows are
 * equal cores, and no key that is not this group's opens what it sealed. */
static enum core_result core_unwrap(const struct keys *k, const struct core *c, const uint8_t *body, size_t body_n,
                                    struct bytes *out)
{
	struct core_secrets s = { 0 };
	size_t n = get_u32(body);

	if (n == 0 || n > CORE_RECORD_MAX || core_body_size(n) != body_n)
		return CORE_INSIDE;
	for (size_t i = 4 + n; i < body_n; i++) {
		if (body[i] != 0)
			return CORE_INSIDE;
	}
	core_nonce(&s, k, c->bytes, c->head_n, body, body_n);
	if (memcmp(s.nonce, c->bytes + c->head_n, AEAD_NONCE_LEN) != 0)
		return CORE_INSIDE;
	return bytes_append(out, body + 4, n) == 0 ? CORE_OK : CORE_FORM;
}

enum core_result core_open(const struct keys *k, const struct core *c, struct bytes *out)
{
	const uint8_t *nonce = c->bytes + c->head_n, *sealed = nonce + AEAD_NONCE_LEN + 4;
	size_t n = c->n - c->head_n - CORE_TAIL;
	struct core_secrets s;
	struct aead_part aad[3];
	enum core_result result = CORE_FORGED;
	uint8_t *body;

	if (keys_about(k)->id != c->head.generation)
		return CORE_GENERATION;
	body = mem_calloc(n, 1);
	core_key(&s, k, c->bytes, c->head_n);
	core_bound(aad, k, c->bytes, c->head_n);
	if (aead_open(s.key, nonce, aad, 3, sealed, n, sealed + n, body) == 0)
		result = core_unwrap(k, c, body, n, out);
	OPENSSL_cleanse(&s, sizeof(s));
	free(body);
	return result;
}
