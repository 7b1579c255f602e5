/* Endorsements of cores in batches: see endorse.h. */
#include "sync/seal/endorse.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

/* The NUL is part of it. */
static const char endorse_label[] = "lanyard endorse 1";

/* A batch's tree, flat: width leaves, then half as many nodes, and so on up to the root. Missing leaves are zeros,
 * which no hash is. */
struct endorse_batch {
	struct endorse_signer signer;
	uint8_t signature[SIGNATURE_LEN];
	size_t n;
	unsigned depth;
	uint64_t *seqs;       /* owned; n */
	uint8_t (*nodes)[32]; /* owned; 2 * 2^depth - 1 */
};

const char *endorse_result_text(enum endorse_result result)
{
	static const char *const texts[] = {
		[ENDORSE_OK] = "is good",
		[ENDORSE_VERSION] = "is of a form that this lanyard does not know",
		[ENDORSE_FORM] = "is malformed",
		[ENDORSE_FORGED] = "was altered, or is not signed by its endorser",
	};

	return texts[result];
}

/* --- the tree --- */

/* Leaves and nodes begin differently, so that neither passes for the other. */
static void endorse_leaf(uint8_t out[32], uint64_t seq, const uint8_t core[32])
{
	uint8_t in[1 + 8 + 32] = { 0 };

	put_u64(in + 1, seq);
	memcpy(in + 9, core, 32);
	sha256(out, in, sizeof(in));
}

static void endorse_node(uint8_t out[32], const uint8_t left[32], const uint8_t right[32])
{
	uint8_t in[1 + 32 + 32] = { 1 };

	memcpy(in + 1, left, 32);
	memcpy(in + 33, right, 32);
	sha256(out, in, sizeof(in));
}

static unsigned endorse_depth(size_t n)
{
	unsigned depth = 0;

	while (((size_t)1 << depth) < n)
		depth++;
	return depth;
}

/* Fills in the nodes above the 2^depth leaves; the last node is the root. */
static void endorse_grow(uint8_t (*nodes)[32], unsigned depth)
{
	size_t width = (size_t)1 << depth, from = 0;

	for (; width > 1; width /= 2) {
		for (size_t i = 0; i < width / 2; i++)
			endorse_node(nodes[from + width + i], nodes[from + 2 * i], nodes[from + 2 * i + 1]);
		from += width;
	}
}

static void endorse_signed_bytes(struct bytes *b, const struct endorse_signer *s, const uint8_t root[32])
{
	bytes_append(b, endorse_label, sizeof(endorse_label));
	bytes_append(b, s->group.b, sizeof(s->group.b));
	bytes_append(b, s->key, sizeof(s->key));
	bytes_append_u64(b, s->epoch);
	bytes_append(b, root, 32);
}

static bool endorse_is_signed(const struct endorse_root *r)
{
	struct bytes b = BYTES_INIT(256);
	bool good;

	endorse_signed_bytes(&b, &r->signer, r->root);
	good = identity_verify(r->signer.key, b.p, b.len, r->signature) == 0;
	bytes_free(&b);
	return good;
}

/* --- signing --- */

struct endorse_batch *endorse_batch_new(const struct group_id *group, const struct identity *self, uint64_t epoch,
                                        const struct endorse_item *items, size_t n)
{
	struct endorse_batch *batch = MEM_NEW(struct endorse_batch);
	struct bytes b = BYTES_INIT(256);
	size_t all;

	if (n == 0 || n > ENDORSE_BATCH_MAX)
		abort();
	batch->signer.group = *group;
	memcpy(batch->signer.key, identity_public_key(self), PUBLIC_KEY_LEN);
	batch->signer.epoch = epoch;
	batch->n = n;
	batch->depth = endorse_depth(n);
	all = 2 * ((size_t)1 << batch->depth) - 1;
	batch->seqs = mem_calloc(n, sizeof(batch->seqs[0]));
	batch->nodes = mem_calloc(all, sizeof(batch->nodes[0]));
	for (size_t i = 0; i < n; i++) {
		batch->seqs[i] = items[i].seq;
		endorse_leaf(batch->nodes[i], items[i].seq, items[i].core);
	}
	endorse_grow(batch->nodes, batch->depth);
	endorse_signed_bytes(&b, &batch->signer, batch->nodes[all - 1]);
	identity_sign(self, b.p, b.len, batch->signature);
	bytes_free(&b);
	return batch;
}

void endorse_batch_free(struct endorse_batch *b)
{
	if (b == NULL)
		return;
	free(b->seqs);
	free(b->nodes);
	free(b);
}

static void endorse_write_head(struct bytes *out, const struct endorse_batch *b)
{
	bytes_append_u8(out, ENDORSE_FORMAT);
	bytes_append(out, b->signer.key, sizeof(b->signer.key));
	bytes_append_u64(out, b->signer.epoch);
}

int endorse_batch_one(const struct endorse_batch *b, size_t i, struct bytes *out)
{
	struct bytes one = BYTES_INIT(ENDORSE_LEN_MAX);
	size_t from = 0, at = i;
	int rc;

	endorse_write_head(&one, b);
	bytes_append_u64(&one, b->seqs[i]);
	bytes_append_u8(&one, (uint8_t)(i >> 8));
	bytes_append_u8(&one, (uint8_t)i);
	bytes_append_u8(&one, (uint8_t)b->depth);
	for (size_t width = (size_t)1 << b->depth; width > 1; width /= 2) {
		bytes_append(&one, b->nodes[from + (at ^ 1)], 32);
		from += width;
		at /= 2;
	}
	bytes_append(&one, b->signature, sizeof(b->signature));
	rc = bytes_append(out, one.p, one.len);
	bytes_free(&one);
	return rc;
}

int endorse_batch_whole(const struct endorse_batch *b, struct bytes *out)
{
	struct bytes all = BYTES_INIT(ENDORSE_HEAD_LEN + SIGNATURE_LEN + ENDORSE_BATCH_MAX * 8);
	int rc;

	endorse_write_head(&all, b);
	for (size_t i = 0; i < b->n; i++)
		bytes_append_u64(&all, b->seqs[i]);
	bytes_append(&all, b->signature, sizeof(b->signature));
	rc = bytes_append(out, all.p, all.len);
	bytes_free(&all);
	return rc;
}

/* --- checking --- */

static enum endorse_result endorse_read_head(struct reader *r, const struct group_id *group, struct endorse_signer *s)
{
	const uint8_t *key;
	uint8_t format = reader_u8(r);

	if (!r->bad && format > ENDORSE_FORMAT)
		return ENDORSE_VERSION;
	key = reader_take(r, PUBLIC_KEY_LEN);
	s->epoch = reader_u64(r);
	if (r->bad || format != ENDORSE_FORMAT)
		return ENDORSE_FORM;
	memcpy(s->key, key, PUBLIC_KEY_LEN);
	s->group = *group;
	return ENDORSE_OK;
}

/* Follows the way from a leaf to the root: ENDORSE_DEPTH_MAX steps at most. */
static int endorse_climb(struct reader *r, uint64_t *seq, const uint8_t core[32], uint8_t root[32])
{
	const uint8_t *sibling;
	unsigned index, depth;

	*seq = reader_u64(r);
	index = (unsigned)reader_u8(r) << 8;
	index |= reader_u8(r);
	depth = reader_u8(r);
	/* No two ways to write one place. */
	if (*seq == 0 || depth > ENDORSE_DEPTH_MAX || index >> depth != 0)
		return -1;
	endorse_leaf(root, *seq, core);
	for (; depth > 0; depth--, index /= 2) {
		sibling = reader_take(r, 32);
		if (sibling == NULL)
			return -1;
		if (index % 2 == 0)
			endorse_node(root, root, sibling);
		else
			endorse_node(root, sibling, root);
	}
	return 0;
}

static bool endorse_root_equal(const struct endorse_root *a, const struct endorse_root *b)
{
	return group_id_equal(&a->signer.group, &b->signer.group) && a->signer.epoch == b->signer.epoch &&
	       memcmp(a->signer.key, b->signer.key, sizeof(a->signer.key)) == 0 &&
	       memcmp(a->root, b->root, sizeof(a->root)) == 0 &&
	       memcmp(a->signature, b->signature, sizeof(a->signature)) == 0;
}

enum endorse_result endorse_check(const struct group_id *group, const uint8_t core[32], const uint8_t *p, size_t n,
                                  struct endorse_root *known, struct endorse_signer *signer, uint64_t *seq)
{
	struct reader r = READER_INIT(p, n);
	struct endorse_root it;
	enum endorse_result result = endorse_read_head(&r, group, &it.signer);
	const uint8_t *signature;
	uint64_t number;

	if (result != ENDORSE_OK)
		return result;
	if (endorse_climb(&r, &number, core, it.root) < 0)
		return ENDORSE_FORM;
	signature = reader_take(&r, SIGNATURE_LEN);
	if (signature == NULL || reader_left(&r) != 0)
		return ENDORSE_FORM;
	memcpy(it.signature, signature, SIGNATURE_LEN);
	if (known == NULL || !endorse_root_equal(&it, known)) {
		if (!endorse_is_signed(&it))
			return ENDORSE_FORGED;
		if (known != NULL)
			*known = it;
	}
	*signer = it.signer;
	*seq = number;
	return ENDORSE_OK;
}

enum endorse_result endorse_check_whole(const struct group_id *group, const uint8_t (*cores)[32], size_t ncores,
                                        const uint8_t *p, size_t n, struct endorse_signer *signer, uint64_t *seqs)
{
	struct reader r = READER_INIT(p, n);
	struct endorse_root it;
	enum endorse_result result = endorse_read_head(&r, group, &it.signer);
	uint8_t(*nodes)[32];
	unsigned depth;
	size_t all;
	bool good = true;

	if (result != ENDORSE_OK)
		return result;
	/* The caller counted the cores; the bytes must be just as many. */
	if (ncores == 0 || ncores > ENDORSE_BATCH_MAX || reader_left(&r) != ncores * 8 + SIGNATURE_LEN)
		return ENDORSE_FORM;
	depth = endorse_depth(ncores);
	all = 2 * ((size_t)1 << depth) - 1;
	nodes = mem_calloc(all, sizeof(nodes[0]));
	for (size_t i = 0; i < ncores; i++) {
		seqs[i] = reader_u64(&r);
		good &= seqs[i] != 0;
		endorse_leaf(nodes[i], seqs[i], cores[i]);
	}
	endorse_grow(nodes, depth);
	memcpy(it.root, nodes[all - 1], sizeof(it.root));
	memcpy(it.signature, reader_take(&r, SIGNATURE_LEN), SIGNATURE_LEN);
	free(nodes);
	if (!good)
		return ENDORSE_FORM;
	if (!endorse_is_signed(&it))
		return ENDORSE_FORGED;
	*signer = it.signer;
	return ENDORSE_OK;
}
