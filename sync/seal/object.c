/* Sealing and opening: see object.h.
 *
 * Each object has a key of its own, made of its kind and name, so of its content. Under that key, the nonce is made of
 * all that is encrypted and all that is bound to it: the head, the lengths, the packed bytes and how far they are
 * padded. So two inputs share a nonce only if a 96-bit PRF collides among the packings of one content. */
#include "sync/seal/object.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/seal/aead.h"
#include "sync/seal/pad.h"
#include "sync/wire/codec.h"

enum { CODEC_RAW, CODEC_ZSTD };
enum {
	HEAD_FIXED = 1 + 1 + OBJECT_REF + 4,
	INSIDE = 1 + 4 + 4, /* codec, length, packed length: before the packed bytes */
};

const char *object_result_text(enum object_result result)
{
	static const char *const text[] = {
		[OBJECT_OK] = "is right",
		[OBJECT_FORM] = "has a form that this version of lanyard does not know",
		[OBJECT_ASKED] = "is not the one that was asked for",
		[OBJECT_GENERATION] = "is of another generation than the keys",
		[OBJECT_FORGED] = "was altered, moved, or sealed with other keys",
		[OBJECT_INSIDE] = "was sealed wrongly by a holder of the keys",
		[OBJECT_CONTENT] = "holds another content than its name says",
	};

	return text[result];
}

/* --- heads --- */

bool object_ref_equal(const struct object_ref *a, const struct object_ref *b)
{
	return a->generation == b->generation && memcmp(a->name, b->name, sizeof(a->name)) == 0;
}

static struct object_ref ref_get(const uint8_t *p)
{
	struct object_ref ref = { .generation = get_u64(p) };

	memcpy(ref.name, p + 8, sizeof(ref.name));
	return ref;
}

void object_ref_put(uint8_t p[OBJECT_REF], const struct object_ref *ref)
{
	put_u64(p, ref->generation);
	memcpy(p + 8, ref->name, sizeof(ref->name));
}

struct object_ref object_head_ref(const struct object_head *h, size_t i)
{
	return ref_get(h->refs + i * OBJECT_REF);
}

static bool refs_fit(uint8_t kind, uint32_t n)
{
	switch (kind) {
	case OBJECT_BLOCK:
		return n == 0;
	case OBJECT_PAGE:
		return n >= 1 && n <= OBJECT_REFS_MAX;
	case OBJECT_PATCH:
		return n >= 1 && n <= OBJECT_BASES_MAX;
	default:
		return false;
	}
}

/* Refs ascend, each once; nothing is a patch of itself. A vault sees that too, and a getter that goes from patch to
 * base is not sent round in a circle of one. */
static bool refs_in_form(uint8_t kind, const uint8_t *name, const uint8_t *refs, uint32_t n)
{
	for (uint32_t i = 0; i < n && kind == OBJECT_PATCH; i++) {
		if (memcmp(refs + (size_t)i * OBJECT_REF + 8, name, OBJECT_REF - 8) == 0)
			return false;
	}
	for (uint32_t i = 1; i < n; i++) {
		if (memcmp(refs + (size_t)(i - 1) * OBJECT_REF, refs + (size_t)i * OBJECT_REF, OBJECT_REF) >= 0)
			return false;
	}
	return true;
}

/* Writes a head of h->len bytes. */
static void head_put(uint8_t *p, const struct object_head *h)
{
	p[0] = OBJECT_FORMAT;
	p[1] = h->kind;
	object_ref_put(p + 2, &h->self);
	put_u32(p + 2 + OBJECT_REF, h->nrefs);
	if (h->nrefs > 0)
		memcpy(p + HEAD_FIXED, h->refs, (size_t)h->nrefs * OBJECT_REF);
}

enum object_result object_parse(struct object_head *h, const uint8_t *p, size_t n)
{
	size_t around;

	if (n < HEAD_FIXED || n > OBJECT_SEALED_MAX || p[0] != OBJECT_FORMAT)
		return OBJECT_FORM;
	*h = (struct object_head){
		.kind = p[1],
		.self = ref_get(p + 2),
		.nrefs = get_u32(p + 2 + OBJECT_REF),
		.refs = p + HEAD_FIXED,
	};
	if (!refs_fit(h->kind, h->nrefs))
		return OBJECT_FORM;
	h->len = HEAD_FIXED + (size_t)h->nrefs * OBJECT_REF;
	around = h->len + AEAD_NONCE_LEN + INSIDE + AEAD_TAG_LEN;
	if (n < around || n - around > OBJECT_CONTENT_MAX || !pad_possible(n - around))
		return OBJECT_FORM;
	return refs_in_form(h->kind, h->self.name, h->refs, h->nrefs) ? OBJECT_OK : OBJECT_FORM;
}

/* --- what is derived --- */

static bool named_by_content(uint8_t kind)
{
	return kind == OBJECT_BLOCK || kind == OBJECT_PAGE;
}

void object_name(const struct keys *k, enum object_kind kind, const uint8_t sha[32], uint8_t name[32])
{
	const uint8_t byte = (uint8_t)kind;
	const struct aead_part parts[] = { { &byte, 1 }, { sha, SHA256_SIZE } };

	keys_prf(k, KEYS_NAME, parts, 2, name);
}

static void object_key(const struct keys *k, const struct object_head *h, uint8_t key[AEAD_KEY_LEN])
{
	const struct aead_part parts[] = { { &h->kind, 1 }, { h->self.name, sizeof(h->self.name) } };

	keys_prf(k, KEYS_BLOCK, parts, 2, key);
}

struct sealed_at {
	uint8_t *head, *nonce, *inside, *tag; /* in one object */
	size_t head_n, inside_n;
};

static struct sealed_at places(uint8_t *p, size_t head_n, size_t padded)
{
	return (struct sealed_at){
		.head = p,
		.head_n = head_n,
		.nonce = p + head_n,
		.inside = p + head_n + AEAD_NONCE_LEN,
		.inside_n = INSIDE + padded,
		.tag = p + head_n + AEAD_NONCE_LEN + INSIDE + padded,
	};
}

/* digest: of the packed bytes. */
static void make_nonce(const struct keys *k, const struct sealed_at *at, const uint8_t digest[SHA256_SIZE])
{
	uint8_t padded[4], prf[AEAD_PRF_LEN];
	const struct aead_part parts[] = { { at->head, at->head_n },
		                           { at->inside, INSIDE },
		                           { padded, 4 },
		                           { digest, SHA256_SIZE } };

	put_u32(padded, (uint32_t)(at->inside_n - INSIDE));
	keys_prf(k, KEYS_NONCE, parts, 4, prf);
	memcpy(at->nonce, prf, AEAD_NONCE_LEN);
}

/* The associated data is bound to the tag. */
static size_t bound(struct aead_part aad[3], const struct keys *k, const struct sealed_at *at)
{
	aad[0] = AEAD_LABEL("lanyard object 1");
	aad[1] = (struct aead_part){ keys_group(k)->b, sizeof(keys_group(k)->b) };
	aad[2] = (struct aead_part){ at->head, at->head_n };
	return 3;
}

/* --- sealing --- */

static bool input_fits(const struct keys *k, const struct object_input *in)
{
	if (in->n < 1 || in->n > OBJECT_CONTENT_MAX || !refs_fit((uint8_t)in->kind, in->nrefs) ||
	    (in->name == NULL) != named_by_content((uint8_t)in->kind) ||
	    !refs_in_form((uint8_t)in->kind, in->name, in->refs, in->nrefs))
		return false;
	if (in->packed != NULL && (keys_about(k)->policy != KEYS_PACKED || in->npacked == 0 || in->npacked >= in->n))
		return false;
	if (in->avg_log2 == 0)
		return true;
	return in->kind == OBJECT_BLOCK && in->avg_log2 >= CHUNK_MIN_LOG2 && in->avg_log2 <= CHUNK_MAX_LOG2 &&
	       in->n <= pad_block_max(keys_about(k)->policy, in->avg_log2);
}

/* Lays out head and content in fresh memory, and seals it. packed NULL: the content as it is, which has this sha. */
static uint8_t *seal_packed(const struct keys *k, const struct object_input *in, const uint8_t sha[SHA256_SIZE],
                            const uint8_t *packed, size_t npacked, size_t *n)
{
	struct object_head head = { .kind = (uint8_t)in->kind, .nrefs = in->nrefs, .refs = in->refs };
	size_t p = packed != NULL ? npacked : in->n, padded = pad_content(keys_about(k)->policy, p, in->avg_log2);
	uint8_t key[AEAD_KEY_LEN], digest[SHA256_SIZE], *out;
	struct aead_part aad[3];
	struct sealed_at at;

	head.self.generation = keys_about(k)->id;
	if (in->name != NULL)
		memcpy(head.self.name, in->name, sizeof(head.self.name));
	else
		object_name(k, in->kind, sha, head.self.name);
	head.len = HEAD_FIXED + (size_t)in->nrefs * OBJECT_REF;
	*n = head.len + AEAD_NONCE_LEN + INSIDE + padded + AEAD_TAG_LEN;
	out = mem_realloc(NULL, *n, 1);
	at = places(out, head.len, padded);
	head_put(at.head, &head);
	at.inside[0] = packed != NULL ? CODEC_ZSTD : CODEC_RAW;
	put_u32(at.inside + 1, (uint32_t)in->n);
	put_u32(at.inside + 5, (uint32_t)p);
	memcpy(at.inside + INSIDE, packed != NULL ? packed : in->content, p);
	memset(at.inside + INSIDE + p, 0, padded - p);
	if (packed != NULL)
		sha256(digest, packed, npacked);
	make_nonce(k, &at, packed != NULL ? digest : sha);
	object_key(k, &head, key);
	aead_seal(key, at.nonce, aad, bound(aad, k, &at), at.inside, at.inside_n, at.inside, at.tag);
	OPENSSL_cleanse(key, sizeof(key));
	return out;
}

uint8_t *object_seal(const struct keys *k, const struct object_input *in, size_t *n)
{
	uint8_t sha[SHA256_SIZE], *packed = NULL, *out;
	size_t npacked = 0;

	if (!input_fits(k, in))
		return NULL;
	if (in->sha != NULL)
		memcpy(sha, in->sha, sizeof(sha));
	else
		sha256(sha, in->content, in->n);
	if (in->packed != NULL)
		return seal_packed(k, in, sha, in->packed, in->npacked, n);
	if (keys_about(k)->policy == KEYS_PACKED && codec_block(&packed, &npacked, in->content, in->n) == 0)
		packed = NULL;
	out = seal_packed(k, in, sha, packed, npacked, n);
	free(packed);
	return out;
}

/* --- opening --- */

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* What was decrypted comes from a holder of the keys, which may be defective or malicious: nothing in it is trusted. */
static enum object_result unpack_inside(const struct keys *k, const uint8_t *inside, size_t padded,
                                        struct object_plain *out)
{
	size_t length = get_u32(inside + 1), p = get_u32(inside + 5);
	const uint8_t *packed = inside + INSIDE;

	if (length < 1 || length > OBJECT_CONTENT_MAX || p < 1 || p > padded ||
	    !pad_fits(keys_about(k)->policy, p, padded) || !all_zero(packed + p, padded - p))
		return OBJECT_INSIDE;
	out->n = length;
	if (inside[0] == CODEC_RAW) {
		out->p = packed;
		return p == length ? OBJECT_OK : OBJECT_INSIDE;
	}
	if (inside[0] != CODEC_ZSTD || keys_about(k)->policy != KEYS_PACKED || p >= length)
		return OBJECT_INSIDE;
	out->unpacked = mem_realloc(NULL, length, 1);
	out->p = out->unpacked;
	return codec_unblock(out->unpacked, length, packed, p) == 0 ? OBJECT_OK : OBJECT_INSIDE;
}

static enum object_result check_content(const struct keys *k, const struct object_head *h, struct object_plain *out)
{
	uint8_t name[SHA256_SIZE];

	sha256(out->sha, out->p, out->n);
	if (!named_by_content(h->kind))
		return OBJECT_OK;
	object_name(k, h->kind, out->sha, name);
	return memcmp(name, h->self.name, sizeof(name)) == 0 ? OBJECT_OK : OBJECT_CONTENT;
}

static enum object_result decrypt(const struct keys *k, const struct object_head *h, const struct sealed_at *at)
{
	uint8_t key[AEAD_KEY_LEN];
	struct aead_part aad[3];
	int rc;

	object_key(k, h, key);
	rc = aead_open(key, at->nonce, aad, bound(aad, k, at), at->inside, at->inside_n, at->tag, at->inside);
	OPENSSL_cleanse(key, sizeof(key));
	return rc == 0 ? OBJECT_OK : OBJECT_FORGED;
}

enum object_result object_open(const struct keys *k, enum object_kind kind, const struct object_ref *asked, uint8_t *p,
                               size_t n, struct object_plain *out)
{
	struct object_head h;
	enum object_result result = object_parse(&h, p, n);
	struct sealed_at at;
	size_t padded;

	*out = (struct object_plain){ 0 };
	if (result != OBJECT_OK)
		return result;
	if (h.kind != kind || !object_ref_equal(&h.self, asked))
		return OBJECT_ASKED;
	if (h.self.generation != keys_about(k)->id)
		return OBJECT_GENERATION;
	padded = n - h.len - AEAD_NONCE_LEN - INSIDE - AEAD_TAG_LEN;
	at = places(p, h.len, padded);
	result = decrypt(k, &h, &at);
	if (result == OBJECT_OK)
		result = unpack_inside(k, at.inside, padded, out);
	if (result == OBJECT_OK)
		result = check_content(k, &h, out);
	if (result != OBJECT_OK)
		object_plain_free(out);
	return result;
}

void object_plain_free(struct object_plain *o)
{
	free(o->unpacked);
	*o = (struct object_plain){ 0 };
}
