/* The set of a group's entries: adding, dropping, and what others are told of it. See roster.h; roster_judge.c
 * decides which entries count. */
#include "sync/group/roster.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

/* --- life --- */

struct roster *roster_new(const struct group_id *id)
{
	struct roster *r = MEM_NEW(struct roster);

	r->group = *id;
	r->view = MEM_NEW(struct view);
	return r;
}

static void item_remove(struct roster *r, struct roster_item *it);

void roster_free(struct roster *r)
{
	struct roster_item *it, *tmp;

	if (r == NULL)
		return;
	roster_generations_clear(r);
	HASH_ITER(hh, r->items, it, tmp)
		item_remove(r, it);
	free(r->view->members);
	free(r->view);
	free(r);
}

static struct roster *found_roster(const struct identity *founder, const char *group_name, uint8_t flags,
                                   const char *member_name, int64_t now_s, const uint8_t *nonce)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct roster *r = NULL;
	struct group_id id = { { 0 } };

	if (roster_name_valid(group_name) &&
	    roster_entry_found(&entry, founder, group_name, flags, member_name, now_s, nonce) == 0) {
		sha256(id.b, entry.p, entry.len);
		r = roster_new(&id);
		if (roster_add(r, entry.p, entry.len) != ROSTER_ADDED)
			abort();
	}
	bytes_free(&entry);
	return r;
}

struct roster *roster_found(const struct identity *founder, const char *group_name, bool hidden, bool sealed,
                            const char *member_name, int64_t now_s)
{
	uint8_t flags = (uint8_t)((hidden ? ENTRY_HIDDEN : 0) | (sealed ? ENTRY_SEALED : 0));

	return found_roster(founder, group_name, flags, member_name, now_s, NULL);
}

struct roster *roster_found_with(const struct identity *founder, const char *group_name, const char *member_name,
                                 int64_t now_s, const uint8_t nonce[ROSTER_NONCE_LEN])
{
	return found_roster(founder, group_name, 0, member_name, now_s, nonce);
}

const uint8_t *roster_founding_nonce(const struct roster *r, const uint8_t **founder_key)
{
	const struct roster_item *it = r->founding;

	if (it == NULL)
		return NULL;
	*founder_key = it->bytes + it->n - SIGNATURE_LEN - PUBLIC_KEY_LEN;
	return it->e.nonce;
}

/* --- the set --- */

struct roster_agent *roster_agent_find(const struct roster *r, const struct agent_id *id)
{
	struct roster_agent *a;

	HASH_FIND(hh, r->agents, id->b, sizeof(id->b), a);
	return a;
}

static struct roster_agent *agent_hold(struct roster *r, const struct agent_id *id)
{
	struct roster_agent *a = roster_agent_find(r, id);

	if (a == NULL) {
		a = MEM_NEW(struct roster_agent);
		a->id = *id;
		HASH_ADD(hh, r->agents, id.b, sizeof(a->id.b), a);
	}
	a->refs++;
	return a;
}

static void agent_release(struct roster *r, struct roster_agent *a)
{
	if (a == NULL || --a->refs > 0)
		return;
	HASH_DEL(r->agents, a); /* NOLINT(clang-analyzer-core.NullDereference): a is in it */
	free(a);
}

static struct roster_item *item_find(const struct roster *r, const uint8_t hash[HASH_LEN])
{
	struct roster_item *it;

	HASH_FIND(hh, r->items, hash, HASH_LEN, it);
	return it;
}

/* A new entry of the set, not judged yet. */
static struct roster_item *item_new(struct roster *r, const uint8_t *entry, size_t n, const uint8_t hash[HASH_LEN])
{
	struct roster_item *it = MEM_NEW(struct roster_item);

	it->bytes = mem_dup(entry, n);
	it->n = n;
	memcpy(it->hash, hash, HASH_LEN);
	if (roster_entry_parse(&it->e, it->bytes, n) < 0)
		abort(); /* it was parsed before */
	it->target = agent_hold(r, &it->e.target);
	it->signer = agent_hold(r, &it->e.signer);
	if (it->e.invited)
		it->invite = agent_hold(r, &it->e.invite);
	if (it->e.kind == ENTRY_JOIN)
		it->issuer = agent_hold(r, &it->e.issuer);
	/* JOINs come last: a search for what defeats an addition ends at the first of them, since there may be
	 * many. Generations stay in the order in which they came. */
	if (it->e.kind == ENTRY_JOIN || it->e.kind == ENTRY_GEN)
		DL_APPEND2(it->target->about, it, target_prev, target_next);
	else
		DL_PREPEND2(it->target->about, it, target_prev, target_next);
	DL_APPEND2(it->signer->signed_by, it, signer_prev, signer_next);
	HASH_ADD(hh, r->items, hash, HASH_LEN, it);
	return it;
}

static void item_remove(struct roster *r, struct roster_item *it)
{
	if (it->valid) {
		DL_DELETE2(r->valid, it, valid_prev, valid_next);
		r->view->fresh = false;
	}
	r->lost |= it->heard;
	DL_DELETE2(it->target->about, it, target_prev, target_next);
	DL_DELETE2(it->signer->signed_by, it, signer_prev, signer_next);
	HASH_DEL(r->items, it);
	agent_release(r, it->target);
	agent_release(r, it->signer);
	agent_release(r, it->issuer);
	agent_release(r, it->invite);
	free(it->bytes);
	free(it);
}

/* Of one signer, kind and subject only the entry with the greatest number is kept, so that an older one cannot be
 * brought back. False when e is not that one. Admissions and generations have no number: each is kept. */
static bool replace_older(struct roster *r, const struct roster_entry *e, const uint8_t hash[HASH_LEN])
{
	struct roster_agent *a = roster_agent_find(r, &e->target);
	struct roster_item *old;

	if (a == NULL || e->kind == ENTRY_JOIN || e->kind == ENTRY_GEN)
		return true;
	DL_FOREACH2(a->about, old, target_next) {
		if (old->e.kind == e->kind && old->e.abandon == e->abandon &&
		    agent_id_equal(&old->e.signer, &e->signer))
			break;
	}
	if (old == NULL)
		return true;
	if (old->e.number > e->number || (old->e.number == e->number && memcmp(old->hash, hash, HASH_LEN) > 0))
		return false;
	item_remove(r, old);
	return true;
}

bool roster_check(const struct group_id *group, const uint8_t *entry, size_t n)
{
	struct roster_entry e;

	return roster_entry_parse(&e, entry, n) == 0 && group_id_equal(&e.group, group) &&
	       roster_entry_signed(entry, n);
}

bool roster_knows(const struct roster *r, const uint8_t *entry, size_t n)
{
	uint8_t hash[HASH_LEN];

	sha256(hash, entry, n);
	return item_find(r, hash) != NULL;
}

/* Kinds that only sealed groups have. Before the founding entry is here, nobody knows whether the group is one. */
static bool is_of_sealed(const struct roster_entry *e)
{
	return e->kind == ENTRY_GEN || e->kind == ENTRY_BOX;
}

/* An older statement of the same signer about the same subject is dropped here, so the set does not grow with
 * repetition. */
enum roster_add roster_insert(struct roster *r, uint64_t bringer, const uint8_t *entry, size_t n, bool keep)
{
	struct roster_entry e;
	uint8_t hash[HASH_LEN];
	struct roster_item *it;

	if (roster_entry_parse(&e, entry, n) < 0 || !group_id_equal(&e.group, &r->group) ||
	    (is_of_sealed(&e) && r->founding != NULL && !roster_sealed(r)))
		return ROSTER_BAD;
	sha256(hash, entry, n);
	if (item_find(r, hash) != NULL || !replace_older(r, &e, hash))
		return ROSTER_KNOWN;
	it = item_new(r, entry, n, hash);
	it->bringer = bringer;
	it->was_valid = keep;
	r->put = true;
	if (e.kind == ENTRY_FOUND) {
		r->founding = it;
		memcpy(r->name, e.group_name, e.group_name_n);
	}
	return ROSTER_PENDING;
}

enum roster_add roster_put(struct roster *r, uint64_t bringer, const uint8_t *entry, size_t n)
{
	return roster_insert(r, bringer, entry, n, false);
}

enum roster_add roster_add(struct roster *r, const uint8_t *entry, size_t n)
{
	uint8_t hash[HASH_LEN];
	enum roster_add rc = ROSTER_BAD;
	const struct roster_item *it;

	if (n > ROSTER_ENTRY_MAX)
		return ROSTER_BAD;
	sha256(hash, entry, n);
	if (item_find(r, hash) != NULL)
		return ROSTER_KNOWN;
	if (roster_check(&r->group, entry, n))
		rc = roster_put(r, 0, entry, n);
	if (rc != ROSTER_PENDING)
		return rc;
	roster_settle(r);
	it = item_find(r, hash);
	return it != NULL && it->valid ? ROSTER_ADDED : ROSTER_PENDING;
}

/* --- what does not count --- */

enum use { COUNTS, WAITS, PAST_WORD, PAST_JOIN, PAST_GEN, USES };

static const size_t use_max[USES] = { [WAITS] = ROSTER_MAX_WAITING,
	                              [PAST_WORD] = ROSTER_MAX_PAST,
	                              [PAST_JOIN] = ROSTER_MAX_PAST_JOINS,
	                              [PAST_GEN] = ROSTER_MAX_PAST_GENS };

static enum use use_of(const struct roster_item *it)
{
	if (it->heard)
		return COUNTS;
	if (!it->was_valid)
		return WAITS;
	if (it->e.kind == ENTRY_GEN)
		return PAST_GEN;
	return it->e.kind == ENTRY_JOIN || it->e.kind == ENTRY_LEAVE || it->e.kind == ENTRY_BOX ? PAST_JOIN : PAST_WORD;
}

/* How many entries of a use there are because of one agent: of those that wait its bringer, of past generations its
 * signer. */
struct roster_share {
	struct {
		uint64_t id;
		uint64_t use;
	} key;
	size_t n;
	UT_hash_handle hh;
};

/* NULL: of this use nobody has a share. */
static struct roster_share *roster_share_of(struct roster_share **all, const struct roster_item *it)
{
	enum use use = use_of(it);
	struct roster_share *s, key = { .key = { .use = use } };

	if (use != WAITS && use != PAST_GEN)
		return NULL;
	key.key.id = use == WAITS ? it->bringer : agent_id_short(&it->e.signer);
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all of the key is set above */
	HASH_FIND(hh, *all, &key.key, sizeof(key.key), s);
	if (s == NULL) {
		s = MEM_NEW(struct roster_share);
		s->key = key.key;
		HASH_ADD(hh, *all, key, sizeof(s->key), s);
	}
	return s;
}

static bool is_too_much(const struct roster_share *s, enum use use)
{
	return s != NULL && s->n > (use == WAITS ? BRINGER_MAX_WAITING : SIGNER_MAX_PAST_GENS);
}

/* Of the entries that do not count the oldest goes first; the hash keeps them in the order in which they came. */
static void throw_away(struct roster *r)
{
	size_t n[USES] = { 0 };
	struct roster_share *shares = NULL, *s, *s_tmp;
	struct roster_item *it, *tmp;

	HASH_ITER(hh, r->items, it, tmp) {
		n[use_of(it)]++;
		s = roster_share_of(&shares, it);
		if (s != NULL)
			s->n++;
	}
	HASH_ITER(hh, r->items, it, tmp) {
		enum use use = use_of(it);

		s = roster_share_of(&shares, it);
		if (use == COUNTS || (n[use] <= use_max[use] && !is_too_much(s, use)))
			continue;
		n[use]--;
		if (s != NULL)
			s->n--;
		item_remove(r, it);
	}
	HASH_ITER(hh, shares, s, s_tmp) {
		HASH_DEL(shares, s);
		free(s);
	}
}

bool roster_settle(struct roster *r)
{
	bool changed = r->lost;
	struct roster_item *it, *tmp;

	if (!r->put && !r->lost)
		return false;
	roster_judge(r);
	HASH_ITER(hh, r->items, it, tmp) {
		changed |= it->settled != it->valid || it->settled_heard != it->heard;
		it->settled = it->valid;
		it->settled_heard = it->heard;
	}
	throw_away(r);
	r->put = r->lost = false;
	return changed;
}

bool roster_is_repeatable(const uint8_t *entry, size_t n)
{
	struct roster_entry e;

	return roster_entry_parse(&e, entry, n) == 0 &&
	       (e.kind == ENTRY_JOIN || e.kind == ENTRY_GEN || e.kind == ENTRY_BOX);
}

bool roster_counts(const struct roster *r, const uint8_t *entry, size_t n)
{
	uint8_t hash[HASH_LEN];
	const struct roster_item *it;

	sha256(hash, entry, n);
	it = item_find(r, hash);
	return it != NULL && it->valid;
}

void roster_news(struct roster *r, void (*fn)(void *arg, uint64_t bringer, const uint8_t *entry, size_t n), void *arg)
{
	struct roster_item *it, *tmp;

	DL_FOREACH2(r->valid, it, valid_next) {
		if (!it->told)
			fn(arg, it->bringer, it->bytes, it->n);
		it->told = true;
	}
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->heard && !it->told)
			fn(arg, it->bringer, it->bytes, it->n);
		it->told |= it->heard;
	}
}

static int items_by_hash(const void *a, const void *b)
{
	return memcmp(a, b, HASH_LEN);
}

/* --- what it tells --- */

const struct group_id *roster_group(const struct roster *r)
{
	return &r->group;
}

const char *roster_name(const struct roster *r)
{
	return r->name;
}

bool roster_hidden(const struct roster *r)
{
	return r->founding != NULL && (r->founding->e.flags & ENTRY_HIDDEN) != 0;
}

bool roster_sealed(const struct roster *r)
{
	return r->founding != NULL && (r->founding->e.flags & ENTRY_SEALED) != 0;
}

void roster_entries(const struct roster *r, bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	struct roster_item *it, *tmp;

	DL_FOREACH2(r->valid, it, valid_next) {
		if (!fn(arg, it->bytes, it->n))
			return;
	}
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->heard && !it->valid && !fn(arg, it->bytes, it->n))
			return;
	}
}

void roster_digest(const struct roster *r, uint8_t digest[32])
{
	uint8_t *hashes = mem_calloc(HASH_COUNT(r->items), HASH_LEN);
	struct roster_item *it, *tmp;
	size_t n = 0;

	HASH_ITER(hh, r->items, it, tmp) {
		if (it->heard)
			memcpy(hashes + n++ * HASH_LEN, it->hash, HASH_LEN);
	}
	qsort(hashes, n, HASH_LEN, items_by_hash);
	sha256(digest, hashes, n * HASH_LEN);
	free(hashes);
}
