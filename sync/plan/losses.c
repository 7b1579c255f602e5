/* See losses.h. */
#include "sync/plan/losses.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "sync/plan/burst.h"

enum losses_kind {
	MADE,   /* the author made it, and it is there */
	UNMADE, /* the author made and deleted it */
	LOST,   /* the author took away what another made */
	KINDS
};

struct losses_path {
	uint64_t path;
	int64_t at_ms;
	enum losses_kind kind;
	bool done; /* LOST: it has happened */
	UT_hash_handle hh;
};

struct losses {
	struct losses_path *all; /* in the order of their times */
	int64_t n[KINDS];
	unsigned thinned; /* remembers paths whose lowest `thinned` bits are 0; each stands for 2^thinned */
};

struct losses *losses_new(void)
{
	return MEM_NEW(struct losses);
}

static void losses_forget(struct losses *l, struct losses_path *one)
{
	HASH_DEL(l->all, one);
	l->n[one->kind]--;
	free(one);
}

void losses_free(struct losses *l)
{
	if (l == NULL)
		return;
	while (l->all != NULL)
		losses_forget(l, l->all);
	free(l);
}

static bool is_remembered(const struct losses *l, uint64_t path)
{
	return (path & ((UINT64_C(1) << l->thinned) - 1)) == 0;
}

static void losses_thin(struct losses *l)
{
	struct losses_path *one, *next;

	l->thinned++;
	HASH_ITER(hh, l->all, one, next) {
		if (!is_remembered(l, one->path))
			losses_forget(l, one);
	}
}

static void losses_age(struct losses *l, int64_t now_ms)
{
	while (l->all != NULL && l->all->at_ms < now_ms - BURST_WINDOW_MS)
		losses_forget(l, l->all);
	if (l->all == NULL)
		l->thinned = 0;
}

static struct losses_path *losses_find(const struct losses *l, uint64_t path)
{
	struct losses_path *one;

	HASH_FIND(hh, l->all, &path, sizeof(path), one);
	return one;
}

static void losses_note(struct losses *l, uint64_t path, enum losses_kind kind, int64_t now_ms)
{
	struct losses_path *one;

	losses_age(l, now_ms);
	if (!is_remembered(l, path))
		return;
	one = losses_find(l, path);
	if (one != NULL)
		losses_forget(l, one);
	one = MEM_NEW(struct losses_path);
	*one = (struct losses_path){ .path = path, .at_ms = now_ms, .kind = kind };
	HASH_ADD(hh, l->all, path, sizeof(one->path), one);
	l->n[kind]++;
	while (HASH_COUNT(l->all) > LOSSES_REMEMBERED)
		losses_thin(l);
}

void losses_note_made(struct losses *l, uint64_t path, int64_t now_ms)
{
	const struct losses_path *before = losses_find(l, path);

	/* What the author took away there before stays lost. */
	if (before == NULL || before->kind != LOST)
		losses_note(l, path, MADE, now_ms);
}

bool losses_has_made(const struct losses *l, uint64_t path, int64_t now_ms)
{
	const struct losses_path *one = losses_find(l, path);

	return one != NULL && one->kind != LOST && one->at_ms >= now_ms - BURST_WINDOW_MS;
}

void losses_add(struct losses *l, uint64_t path, bool own, int64_t now_ms)
{
	losses_note(l, path, own ? UNMADE : LOST, now_ms);
}

void losses_done(struct losses *l, uint64_t path)
{
	struct losses_path *one = losses_find(l, path);

	if (one != NULL && one->kind == LOST)
		one->done = true;
}

bool losses_has_done(const struct losses *l, uint64_t path, int64_t now_ms)
{
	const struct losses_path *one = losses_find(l, path);

	return one != NULL && one->done && one->at_ms >= now_ms - BURST_WINDOW_MS;
}

void losses_cancel(struct losses *l, uint64_t path)
{
	struct losses_path *one = losses_find(l, path);

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

int64_t losses_count(struct losses *l, int64_t shrunk, int64_t now_ms)
{
	int64_t own;

	losses_age(l, now_ms);
	own = l->n[UNMADE] << l->thinned;
	if (own > shrunk)
		own = shrunk > 0 ? shrunk : 0;
	return (l->n[LOST] << l->thinned) + own;
}
