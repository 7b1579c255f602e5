/* The set of a group's entries: adding, its file, and what it tells. See roster.h; who counts is judged in
 * roster_judge.c. */
#include "sync/group/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

/* roster.bin: magic, group ID, then entries behind their lengths. Entries prove themselves, so there is no checksum. */
static const uint8_t file_magic[8] = "lanyardR";

static const size_t file_max = sizeof(file_magic) + HASH_LEN + (size_t)ROSTER_MAX_ENTRIES * (ROSTER_ENTRY_MAX + 4);

/* --- life --- */

struct roster *roster_new(const struct group_id *id)
{
	struct roster *r = MEM_NEW(struct roster);

	r->group = *id;
	r->view = MEM_NEW(struct view);
	return r;
}

static void item_remove(struct roster *r, struct item *it);

void roster_free(struct roster *r)
{
	struct item *it, *tmp;

	if (r == NULL)
		return;
	HASH_ITER(hh, r->items, it, tmp)
		item_remove(r, it);
	free(r->view->members);
	free(r->view);
	free(r);
}

struct roster *roster_found(const struct identity *founder, const char *group_name, bool hidden, bool sealed,
                            const char *member_name, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t flags = (uint8_t)((hidden ? ENTRY_HIDDEN : 0) | (sealed ? ENTRY_SEALED : 0));
	struct roster *r = NULL;
	struct group_id id = { { 0 } };

	if (group_name_valid(group_name) &&
	    roster_entry_found(&entry, founder, group_name, flags, member_name, now_s) == 0) {
		sha256(id.b, entry.p, entry.len);
		r = roster_new(&id);
		if (roster_add(r, entry.p, entry.len) != ROSTER_ADDED)
			abort();
	}
	bytes_free(&entry);
	return r;
}

/* --- the set --- */

struct agent *roster_agent(const struct roster *r, const struct agent_id *id)
{
	struct agent *a;

	HASH_FIND(hh, r->agents, id->b, sizeof(id->b), a);
	return a;
}

static struct agent *agent_hold(struct roster *r, const struct agent_id *id)
{
	struct agent *a = roster_agent(r, id);

	if (a == NULL) {
		a = MEM_NEW(struct agent);
		a->id = *id;
		HASH_ADD(hh, r->agents, id.b, sizeof(a->id.b), a);
	}
	a->refs++;
	return a;
}

static void agent_release(struct roster *r, struct agent *a)
{
	if (a == NULL || --a->refs > 0)
		return;
	HASH_DEL(r->agents, a); /* NOLINT(clang-analyzer-core.NullDereference): a is in it */
	free(a);
}

static struct item *item_find(const struct roster *r, const uint8_t hash[HASH_LEN])
{
	struct item *it;

	HASH_FIND(hh, r->items, hash, HASH_LEN, it);
	return it;
}

/* A new item, waiting for its authority. */
static struct item *item_new(struct roster *r, const uint8_t *entry, size_t n, const uint8_t hash[HASH_LEN])
{
	struct item *it = MEM_NEW(struct item);

	it->bytes = mem_dup(entry, n);
	it->n = n;
	memcpy(it->hash, hash, HASH_LEN);
	if (roster_entry_parse(&it->e, it->bytes, n) < 0)
		abort(); /* it was parsed before */
	it->target = agent_hold(r, &it->e.target);
	it->signer = agent_hold(r, &it->e.signer);
	/* A search for what defeats an addition ends at the first JOIN, of which there may be many. */
	if (it->e.kind == ENTRY_JOIN)
		DL_APPEND2(it->target->about, it, target_prev, target_next);
	else
		DL_PREPEND2(it->target->about, it, target_prev, target_next);
	DL_APPEND2(it->signer->signed_by, it, signer_prev, signer_next);
	if (it->e.kind == ENTRY_JOIN) {
		it->issuer = agent_hold(r, &it->e.issuer);
		DL_APPEND2(it->issuer->invited_by, it, issuer_prev, issuer_next);
	}
	HASH_ADD(hh, r->items, hash, HASH_LEN, it);
	DL_APPEND2(r->waiting, it, waiting_prev, waiting_next);
	r->nwaiting++;
	return it;
}

static void item_remove(struct roster *r, struct item *it)
{
	if (it->valid) {
		DL_DELETE2(r->valid, it, valid_prev, valid_next);
		r->view->fresh = false;
	}
	if (!it->was_valid) {
		DL_DELETE2(r->waiting, it, waiting_prev, waiting_next);
		r->nwaiting--;
	}
	DL_DELETE2(it->target->about, it, target_prev, target_next);
	DL_DELETE2(it->signer->signed_by, it, signer_prev, signer_next);
	if (it->issuer != NULL)
		DL_DELETE2(it->issuer->invited_by, it, issuer_prev, issuer_next);
	HASH_DEL(r->items, it);
	agent_release(r, it->target);
	agent_release(r, it->signer);
	agent_release(r, it->issuer);
	free(it->bytes);
	free(it);
}

/* Of the removals that one agent signed of another, or of itself, only the last is kept: it defeats whatever the others do.
 * False when e is not the last. */
static bool replace_removal(struct roster *r, const struct roster_entry *e, const uint8_t hash[HASH_LEN])
{
	struct agent *a = e->kind == ENTRY_REMOVE ? roster_agent(r, &e->target) : NULL;
	struct item *old;

	if (a == NULL)
		return true;
	DL_FOREACH2(a->about, old, target_next) {
		if (old->e.kind == ENTRY_REMOVE && agent_id_equal(&old->e.signer, &e->signer))
			break;
	}
	if (old == NULL)
		return true;
	if (old->e.time_s > e->time_s || (old->e.time_s == e->time_s && memcmp(old->hash, hash, HASH_LEN) > 0))
		return false;
	item_remove(r, old);
	return true;
}

/* The same as roster_add(); keep: it counted once, and must not be thrown away even while it does not. */
static enum roster_add add(struct roster *r, const uint8_t *entry, size_t n, bool keep)
{
	struct roster_entry e;
	uint8_t hash[HASH_LEN];
	struct item *it;

	if (roster_entry_parse(&e, entry, n) < 0 || !group_id_equal(&e.group, &r->group))
		return ROSTER_BAD;
	sha256(hash, entry, n);
	if (item_find(r, hash) != NULL)
		return ROSTER_KNOWN;
	if (HASH_COUNT(r->items) >= ROSTER_MAX_ENTRIES || !roster_entry_signed(entry, n))
		return ROSTER_BAD;
	if (!replace_removal(r, &e, hash))
		return ROSTER_KNOWN;
	it = item_new(r, entry, n, hash);
	if (e.kind == ENTRY_FOUND) {
		r->founding = it;
		memcpy(r->name, e.group_name, e.group_name_n);
	}
	if (roster_judge_counts(r, it)) {
		roster_judge_one(r, it);
		return ROSTER_ADDED;
	}
	if (keep) {
		DL_DELETE2(r->waiting, it, waiting_prev, waiting_next);
		r->nwaiting--;
		it->was_valid = true;
	} else if (r->nwaiting > ROSTER_MAX_WAITING) {
		item_remove(r, r->waiting);
	}
	return ROSTER_PENDING;
}

enum roster_add roster_add(struct roster *r, const uint8_t *entry, size_t n)
{
	return add(r, entry, n, false);
}

/* --- the file --- */

struct roster *roster_load(int dirfd, const char *path, char **why)
{
	size_t n = 0;
	char *content = fs_read_file(dirfd, path, file_max, &n);
	struct reader in = READER_INIT((uint8_t *)content, n);
	const uint8_t *magic, *group;
	struct group_id id;
	struct roster *r = NULL;

	if (content == NULL) {
		*why = mem_printf("cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	magic = reader_take(&in, sizeof(file_magic));
	group = reader_take(&in, sizeof(id.b));
	if (group != NULL && memcmp(magic, file_magic, sizeof(file_magic)) == 0) {
		memcpy(id.b, group, sizeof(id.b));
		r = roster_new(&id);
		while (!in.bad && reader_left(&in) > 0) {
			uint32_t len = reader_u32(&in);
			const uint8_t *entry = reader_take(&in, len);

			if (entry == NULL || add(r, entry, len, true) == ROSTER_BAD)
				r->damaged = true;
		}
	}
	free(content);
	if (r != NULL && r->founding != NULL)
		return r;
	roster_free(r);
	*why = mem_printf("%s is damaged: it does not hold its group's founding entry; move it away and join the group "
	                  "again",
	                  path);
	return NULL;
}

bool roster_is_damaged(const struct roster *r)
{
	return r->damaged;
}

static void save_item(struct bytes *out, const struct item *it)
{
	bytes_append_u32(out, (uint32_t)it->n);
	bytes_append(out, it->bytes, it->n);
}

int roster_save(const struct roster *r, int dirfd, const char *path)
{
	struct bytes out = BYTES_INIT(file_max);
	struct item *it, *tmp;
	int rc, saved;

	bytes_append(&out, file_magic, sizeof(file_magic));
	bytes_append(&out, r->group.b, sizeof(r->group.b));
	DL_FOREACH2(r->valid, it, valid_next)
		save_item(&out, it);
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->was_valid && !it->valid)
			save_item(&out, it);
	}
	rc = fs_write_file(dirfd, path, out.p, out.len, 0600);
	saved = errno;
	bytes_free(&out);
	errno = saved;
	return rc;
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
	struct item *it;

	DL_FOREACH2(r->valid, it, valid_next) {
		if (!fn(arg, it->bytes, it->n))
			return;
	}
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, HASH_LEN);
}

void roster_digest(const struct roster *r, uint8_t digest[32])
{
	uint8_t *hashes = mem_calloc(HASH_COUNT(r->items), HASH_LEN);
	struct item *it;
	size_t n = 0;

	DL_FOREACH2(r->valid, it, valid_next)
		memcpy(hashes + n++ * HASH_LEN, it->hash, HASH_LEN);
	qsort(hashes, n, HASH_LEN, by_hash);
	sha256(digest, hashes, n * HASH_LEN);
	free(hashes);
}

/* The first member whose ID is not below id; view->n when there is none. */
static size_t member_from(const struct view *view, const struct agent_id *id)
{
	size_t low = 0, high = view->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (memcmp(view->members[mid].agent->id.b, id->b, sizeof(id->b)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct view_member *member_find(const struct roster *r, const struct agent_id *id)
{
	const struct view *view = roster_judge_view(r);
	size_t i = member_from(view, id);

	return i < view->n && agent_id_equal(&view->members[i].agent->id, id) ? &view->members[i] : NULL;
}

enum role roster_role(const struct roster *r, const struct agent_id *id)
{
	const struct view_member *m = member_find(r, id);

	return m != NULL ? m->role : ROLE_NONE;
}

static void tell(struct roster_member *m, const struct view_member *v)
{
	m->id = v->agent->id;
	m->role = v->role;
	m->name = v->name;
	m->since_s = v->by->e.time_s;
}

void roster_members(const struct roster *r, bool (*fn)(void *arg, const struct roster_member *m), void *arg)
{
	const struct view *view = roster_judge_view(r);

	for (size_t i = 0; i < view->n; i++) {
		struct roster_member m;

		tell(&m, &view->members[i]);
		if (!fn(arg, &m))
			return;
	}
}

bool roster_member_by_short(const struct roster *r, uint64_t short_id, struct roster_member *m)
{
	const struct view *view = roster_judge_view(r);
	struct agent_id least = { { 0 } };
	size_t i;

	put_u64(least.b, short_id);
	i = member_from(view, &least);
	if (i == view->n || agent_id_short(&view->members[i].agent->id) != short_id)
		return false;
	tell(m, &view->members[i]);
	return true;
}

/* Items still to be looked at, each marked as it is put there, so none comes twice. */
struct stack {
	struct item **items;
	size_t n;
};

static void stack_put(struct stack *s, struct item *it)
{
	if (it == NULL || it->marked)
		return;
	it->marked = true;
	s->items[s->n++] = it;
}

void roster_credential(const struct roster *r, const struct agent_id *id,
                       bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	const struct view_member *m = member_find(r, id);
	struct stack s = { 0 };
	struct item *it;
	bool more = true;

	if (m == NULL)
		return;
	s.items = mem_calloc(HASH_COUNT(r->items), sizeof(s.items[0]));
	stack_put(&s, r->founding);
	stack_put(&s, m->by);
	while (s.n > 0) {
		it = s.items[--s.n];
		if (it->e.kind == ENTRY_ADD)
			stack_put(&s, it->signer->acts_by);
		if (it->e.kind == ENTRY_JOIN) {
			stack_put(&s, it->issuer->acts_by);
			stack_put(&s, it->signer->stands_by);
		}
	}
	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->marked && more)
			more = fn(arg, it->bytes, it->n);
		it->marked = false;
	}
	free(s.items);
}
