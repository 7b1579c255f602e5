/* See toll.h. */
#include "sync/plan/toll.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "sync/plan/burst.h"

enum toll_kind {
	MADE,   /* by the author itself, and there */
	UNMADE, /* deleted by it, too */
	LOST,
	KINDS
};

struct toll_path {
	uint64_t path;
	int64_t at_ms;
	enum toll_kind kind;
	bool done; /* LOST, and the author's content is there */
	UT_hash_handle hh;
};

struct toll {
	struct toll_path *all; /* in the order of their times */
	int64_t n[KINDS];
	unsigned thinned; /* paths whose lowest bits, so many, are not all zero stand for nothing here */
};

struct toll *toll_new(void)
{
	return MEM_NEW(struct toll);
}

static void forget(struct toll *l, struct toll_path *one)
{
	HASH_DEL(l->all, one);
	l->n[one->kind]--;
	free(one);
}

void toll_free(struct toll *l)
{
	if (l == NULL)
		return;
	while (l->all != NULL)
		forget(l, l->all);
	free(l);
}

static bool is_remembered(const struct toll *l, uint64_t path)
{
	return (path & ((UINT64_C(1) << l->thinned) - 1)) == 0;
}

static void thin(struct toll *l)
{
	struct toll_path *one, *next;

	l->thinned++;
	HASH_ITER(hh, l->all, one, next) {
		if (!is_remembered(l, one->path))
			forget(l, one);
	}
}

static void age(struct toll *l, int64_t now_ms)
{
	while (l->all != NULL && l->all->at_ms < now_ms - BURST_WINDOW_MS)
		forget(l, l->all);
	if (l->all == NULL)
		l->thinned = 0;
}

static struct toll_path *find(const struct toll *l, uint64_t path)
{
	struct toll_path *one;

	HASH_FIND(hh, l->all, &path, sizeof(path), one);
	return one;
}

static void note(struct toll *l, uint64_t path, enum toll_kind kind, int64_t now_ms)
{
	struct toll_path *one;

	age(l, now_ms);
	if (!is_remembered(l, path))
		return;
	one = find(l, path);
	if (one != NULL)
		forget(l, one);
	one = MEM_NEW(struct toll_path);
	*one = (struct toll_path){ .path = path, .at_ms = now_ms, .kind = kind };
	HASH_ADD(hh, l->all, path, sizeof(one->path), one);
	l->n[kind]++;
	while (HASH_COUNT(l->all) > TOLL_REMEMBERED)
		thin(l);
}

void toll_made(struct toll *l, uint64_t path, int64_t now_ms)
{
	const struct toll_path *before = find(l, path);

	/* What it took away there before is still lost. */
	if (before == NULL || before->kind != LOST)
		note(l, path, MADE, now_ms);
}

bool toll_is_own(const struct toll *l, uint64_t path, int64_t now_ms)
{
	const struct toll_path *one = find(l, path);

	return one != NULL && one->kind != LOST && one->at_ms >= now_ms - BURST_WINDOW_MS;
}

void toll_add(struct toll *l, uint64_t path, bool own, int64_t now_ms)
{
	note(l, path, own ? UNMADE : LOST, now_ms);
}

void toll_took(struct toll *l, uint64_t path)
{
	struct toll_path *one = find(l, path);

	if (one != NULL && one->kind == LOST)
		one->done = true;
}

bool toll_has_taken(const struct toll *l, uint64_t path, int64_t now_ms)
{
	const struct toll_path *one = find(l, path);

	return one != NULL && one->done && one->at_ms >= now_ms - BURST_WINDOW_MS;
}

void toll_drop(struct toll *l, uint64_t path)
{
	struct toll_path *one = find(l, path);

	if (one == NULL || one->kind == MADE)
		return;
	l->n[one->kind]--;
	if (one->kind == UNMADE) {
		one->kind = MADE;
		l->n[MADE]++;
		return;
	}
	HASH_DEL(l->all, one);
	free(one);
}

int64_t toll_count(struct toll *l, int64_t shrunk, int64_t now_ms)
{
	int64_t own;

	age(l, now_ms);
	own = l->n[UNMADE] << l->thinned;
	if (own > shrunk)
		own = shrunk > 0 ? shrunk : 0;
	return (l->n[LOST] << l->thinned) + own;
}
