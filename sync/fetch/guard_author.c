/* Whose losses are counted, and whether a ticket is one: the lowest part of the guard. See guard.h. */
#include "sync/fetch/guard_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"

uint64_t guard_hash(const struct guard *g, const char *path)
{
	struct sha256_stream s = { 0 };
	uint8_t key[8], hash[SHA256_SIZE];

	put_u64(key, g->key);
	sha256_begin(&s);
	sha256_update(&s, key, sizeof(key));
	sha256_update(&s, path, strlen(path));
	sha256_end(&s, hash);
	sha256_free(&s);
	return get_u64(hash);
}

struct who guard_author_of(const struct ticket *t)
{
	return (struct who){ .id = t->want.modified_by };
}

struct who guard_bringer_of(const struct ticket *t)
{
	return (struct who){ .id = t->peer, .brings = 1 };
}

struct author *guard_author(struct guard *g, struct who who)
{
	struct author *a;

	HASH_FIND(hh, g->authors, &who, sizeof(who), a);
	return a;
}

void guard_author_free(struct guard *g, struct author *a)
{
	HASH_DEL(g->authors, a);
	losses_free(a->losses);
	free(a);
}

bool guard_same(struct who a, struct who b)
{
	return a.id == b.id && a.brings == b.brings;
}

bool guard_takes_away(const struct ticket *t)
{
	const struct record *ours = &t->ours;

	return t->action == RECONCILE_TAKE && !t->repair && t->aside == NULL && record_is_live(ours) &&
	       (ours->kind == RECORD_SYMLINK || (ours->kind == RECORD_FILE && ours->content.size > 0)) &&
	       !record_same_content(ours, &t->merged);
}

bool guard_weighs(const struct ticket *t)
{
	return !t->passed && guard_takes_away(t);
}

struct kept_hands guard_hands(const struct fetch *f, const struct ticket *t)
{
	uint64_t via = t->ours.via != f->c.short_id ? t->ours.via : 0;
	struct kept_hands hands = { 0 };

	if (!record_is_live(&t->ours))
		return hands;
	hands.wrote = kept_hand(t->ours.modified_by, via);
	/* The admin here released it: no version is spared for that. */
	hands.took = t->released ? hands.wrote : kept_hand(t->want.modified_by, t->peer);
	return hands;
}

void guard_end_loss(struct guard *g, struct ticket *t)
{
	g->going -= t->going;
	t->going = false;
	t->loss = false;
	t->stays = false;
}

void guard_waits(struct fetch *f, struct ticket *t)
{
	t->weighed = false;
	guard_end_loss(f->guard, t);
}

void guard_forget(struct fetch *f, struct ticket *t)
{
	struct author *a = t->loss ? guard_author(f->guard, guard_author_of(t)) : NULL;
	struct author *b = t->loss ? guard_author(f->guard, guard_bringer_of(t)) : NULL;
	uint64_t path = a != NULL || b != NULL ? guard_hash(f->guard, t->want.path) : 0;

	if (a != NULL)
		losses_cancel(a->losses, path);
	if (b != NULL)
		losses_cancel(b->losses, path);
	t->weighed = false;
	guard_end_loss(f->guard, t);
	t->passed = false;
	t->released = false;
}
