/* GEN and BOX entries as bytes: see generation_entry.h. */
#include "sync/seal/generation_entry.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/sha256.h"
#include "sync/seal/keys.h"

enum {
	GENERATION_FORMAT = 2, /* of roster entries */
	GENERATION_TAIL = PUBLIC_KEY_LEN + SIGNATURE_LEN,
	GENERATION_BYTES_MAX = 4096, /* of an entry */
};

static const int64_t generation_time_max = (int64_t)1 << 40;

/* All roster entries are signed under this label; their kinds keep them apart. The NUL is part of it. */
static const char generation_label[] = "lanyard roster entry 1";

const char *generation_entry_result_text(enum generation_entry_result result)
{
	static const char *const texts[] = {
		[GENERATION_ENTRY_OK] = "is good",
		[GENERATION_ENTRY_VERSION] = "is of a form that this lanyard does not know",
		[GENERATION_ENTRY_FORM] = "is malformed",
		[GENERATION_ENTRY_OTHER] = "is of another group",
		[GENERATION_ENTRY_FORGED] = "was altered, or is not signed by its signer",
	};

	return texts[result];
}

/* --- the frame --- */

static void generation_frame_begin(struct bytes *b, uint8_t kind, const struct group_id *group, int64_t time_s)
{
	bytes_append_u8(b, GENERATION_FORMAT);
	bytes_append_u8(b, kind);
	bytes_append(b, group->b, sizeof(group->b));
	bytes_append_u64(b, (uint64_t)time_s);
}

static void generation_frame_input(struct bytes *in, const uint8_t *p, size_t n)
{
	bytes_append(in, generation_label, sizeof(generation_label));
	bytes_append(in, p, n);
}

/* Ends what was gathered in b with key and signature, and appends it to out. */
static int generation_frame_end(struct bytes *b, const struct identity *self, struct bytes *out)
{
	struct bytes in = BYTES_INIT(GENERATION_BYTES_MAX + sizeof(generation_label));
	uint8_t signature[SIGNATURE_LEN];
	int rc;

	bytes_append(b, identity_public_key(self), PUBLIC_KEY_LEN);
	generation_frame_input(&in, b->p, b->len);
	identity_sign(self, in.p, in.len, signature);
	bytes_append(b, signature, sizeof(signature));
	rc = b->full ? -1 : bytes_append(out, b->p, b->len);
	bytes_free(&in);
	return rc;
}

/* Reads up to the time. */
static enum generation_entry_result generation_frame_read(struct reader *r, uint8_t kind, const struct group_id *group,
                                                          int64_t *time_s)
{
	uint8_t format = reader_u8(r), found = reader_u8(r);
	const uint8_t *id = reader_take(r, sizeof(group->b));
	uint64_t seconds = reader_u64(r);

	if (!r->bad && format > GENERATION_FORMAT)
		return GENERATION_ENTRY_VERSION;
	if (r->bad || format != GENERATION_FORMAT || found != kind || seconds > (uint64_t)generation_time_max)
		return GENERATION_ENTRY_FORM;
	*time_s = (int64_t)seconds;
	return memcmp(id, group->b, sizeof(group->b)) == 0 ? GENERATION_ENTRY_OK : GENERATION_ENTRY_OTHER;
}

/* The rest, from the signer's key on; p and n are the whole entry. */
static enum generation_entry_result generation_frame_check(struct reader *r, const uint8_t *p, size_t n,
                                                           struct agent_id *signer)
{
	struct bytes in = BYTES_INIT(GENERATION_BYTES_MAX + sizeof(generation_label));
	const uint8_t *key;
	bool good;

	if (r->bad || reader_left(r) != GENERATION_TAIL || n > GENERATION_BYTES_MAX)
		return GENERATION_ENTRY_FORM;
	key = reader_take(r, PUBLIC_KEY_LEN);
	generation_frame_input(&in, p, n - SIGNATURE_LEN);
	good = identity_verify(key, in.p, in.len, p + n - SIGNATURE_LEN) == 0;
	bytes_free(&in);
	identity_id_of_key(signer, key);
	return good ? GENERATION_ENTRY_OK : GENERATION_ENTRY_FORGED;
}

/* --- GEN --- */

static bool generation_ascend(const uint8_t (*names)[GENERATION_NAME_LEN], size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (memcmp(names[i - 1], names[i], GENERATION_NAME_LEN) >= 0)
			return false;
	}
	return true;
}

static bool generation_in_order(const struct generation *g)
{
	return g->number != 0 && g->nparents <= GENERATION_PARENTS_MAX && g->nexits <= GENERATION_EXITS_MAX &&
	       generation_ascend((const uint8_t(*)[GENERATION_NAME_LEN])g->parents, g->nparents) &&
	       generation_ascend((const uint8_t(*)[GENERATION_NAME_LEN])g->exits, g->nexits);
}

int generation_entry_sign(struct generation *g, const struct group_id *group, const struct identity *self,
                          int64_t time_s, struct bytes *out)
{
	struct bytes b = BYTES_INIT(GENERATION_BYTES_MAX);
	int rc;

	if (!generation_in_order(g))
		return -1;
	generation_frame_begin(&b, GENERATION_ENTRY_GEN, group, time_s);
	bytes_append_u32(&b, g->number);
	bytes_append_u8(&b, g->suite);
	bytes_append_u8(&b, g->policy);
	bytes_append(&b, g->commitment, sizeof(g->commitment));
	bytes_append(&b, g->keyring, sizeof(g->keyring));
	bytes_append_u8(&b, g->nparents);
	bytes_append(&b, g->parents, (size_t)g->nparents * GENERATION_NAME_LEN);
	bytes_append_u8(&b, g->nexits);
	bytes_append(&b, g->exits, (size_t)g->nexits * GENERATION_NAME_LEN);
	rc = generation_frame_end(&b, self, out);
	g->signer = *identity_id(self);
	sha256(g->name, b.p, b.len);
	bytes_free(&b);
	return rc;
}

static void generation_take(struct reader *r, void *out, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		memcpy(out, p, n);
}

/* A count, at most `most`, and as many names. Returns the count. */
static uint8_t generation_take_names(struct reader *r, uint8_t (*names)[GENERATION_NAME_LEN], uint8_t most)
{
	uint8_t n = reader_u8(r);

	if (n > most) {
		r->bad = true;
		return 0;
	}
	generation_take(r, names, (size_t)n * GENERATION_NAME_LEN);
	return n;
}

enum generation_entry_result generation_entry_read(struct generation *g, const struct group_id *group, const uint8_t *p,
                                                   size_t n)
{
	struct reader r = READER_INIT(p, n);
	enum generation_entry_result result;
	int64_t time_s;

	memset(g, 0, sizeof(*g));
	result = generation_frame_read(&r, GENERATION_ENTRY_GEN, group, &time_s);
	if (result != GENERATION_ENTRY_OK)
		return result;
	g->number = reader_u32(&r);
	g->suite = reader_u8(&r);
	g->policy = reader_u8(&r);
	generation_take(&r, g->commitment, sizeof(g->commitment));
	generation_take(&r, g->keyring, sizeof(g->keyring));
	g->nparents = generation_take_names(&r, g->parents, GENERATION_PARENTS_MAX);
	g->nexits = generation_take_names(&r, g->exits, GENERATION_EXITS_MAX);
	if (!generation_in_order(g))
		return GENERATION_ENTRY_FORM;
	result = generation_frame_check(&r, p, n, &g->signer);
	if (result == GENERATION_ENTRY_OK)
		sha256(g->name, p, n);
	return result;
}

/* --- BOX --- */

int generation_entry_sign_box(const struct group_id *group, const struct identity *self, int64_t time_s,
                              struct bytes *out)
{
	struct bytes b = BYTES_INIT(GENERATION_BYTES_MAX);
	uint8_t seed[32], private_key[32], public_key[32];
	int rc;

	identity_seed(self, seed);
	keys_box(private_key, public_key, seed);
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(private_key, sizeof(private_key));
	generation_frame_begin(&b, GENERATION_ENTRY_BOX, group, time_s);
	bytes_append(&b, public_key, sizeof(public_key));
	rc = generation_frame_end(&b, self, out);
	bytes_free(&b);
	return rc;
}

enum generation_entry_result generation_entry_read_box(struct generation_box *b, const struct group_id *group,
                                                       const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);
	enum generation_entry_result result;

	memset(b, 0, sizeof(*b));
	result = generation_frame_read(&r, GENERATION_ENTRY_BOX, group, &b->time_s);
	if (result != GENERATION_ENTRY_OK)
		return result;
	generation_take(&r, b->key, sizeof(b->key));
	return generation_frame_check(&r, p, n, &b->signer);
}
