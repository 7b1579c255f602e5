/* Entries that prove something to an agent that does not know them: each together with those that give it its
 * authority, back to the founding one. */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

/* Entries still to be visited. Each is marked when it is put there, so none comes twice. */
struct stack {
	struct roster_item **items;
	size_t n;
};

static void stack_put(struct stack *s, struct roster_item *it)
{
	if (it == NULL || it->marked)
		return;
	it->marked = true;
	s->items[s->n++] = it;
}

/* The addition by which it may admit others. */
static struct roster_item *stands_by(const struct roster_agent *a)
{
	struct roster_item *by = roster_weigh_standing(a);

	return by != NULL ? by : roster_weigh_deciding(a);
}

/* Follows authority back to the founder, marks what it passes, and passes on the marked entries in the order of
 * roster.valid, in which each comes after those that it depends on. */
void roster_proof(const struct roster *r, struct roster_item *const *items, size_t n,
                  bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	struct stack s = { .items = mem_calloc(HASH_COUNT(r->items) + 1, sizeof(s.items[0])) };
	struct roster_item *it;
	bool more = true;

	stack_put(&s, r->founding);
	for (size_t i = 0; i < n; i++)
		stack_put(&s, items[i]);
	while (s.n > 0) {
		it = s.items[--s.n];
		if (it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_REMOVE || it->e.kind == ENTRY_REVOKE)
			stack_put(&s, it->signer->acts_by);
		if (it->e.kind == ENTRY_LEAVE)
			stack_put(&s, stands_by(it->signer));
		if (it->e.kind == ENTRY_JOIN) {
			stack_put(&s, it->issuer->acts_by);
			stack_put(&s, stands_by(it->signer));
		}
	}
	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->marked && more)
			more = fn(arg, it->bytes, it->n);
		it->marked = false;
	}
	free(s.items);
}

void roster_credential(const struct roster *r, const struct agent_id *id,
                       bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	const struct view_member *m = roster_view_find(r, id);

	if (m != NULL)
		roster_proof(r, &(struct roster_item *){ m->by }, 1, fn, arg);
}

/* --- owners that are none any more --- */

static bool is_owners(const struct roster_item *it)
{
	return it->was_valid && (it->e.kind == ENTRY_FOUND || it->e.kind == ENTRY_ADD) &&
	       rights_has(it->e.role, RIGHT_OWN);
}

static bool is_deposed(const struct roster_agent *a)
{
	const struct roster_item *by = roster_weigh_standing(a), *it;

	if (by != NULL && rights_has(by->e.role, RIGHT_OWN))
		return false;
	DL_FOREACH2(a->about, it, target_next) {
		if (is_owners(it))
			return true;
	}
	return false;
}

void roster_deposed(const struct roster *r, bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	struct roster_item **items = mem_calloc(HASH_COUNT(r->items) + 1, sizeof(items[0])), *it;
	struct roster_agent *a, *tmp;
	size_t n = 0;

	HASH_ITER(hh, r->agents, a, tmp) {
		if (!is_deposed(a))
			continue;
		DL_FOREACH2(a->about, it, target_next) {
			if (it->valid && (it->e.kind == ENTRY_REMOVE || it->e.kind == ENTRY_ADD))
				items[n++] = it;
		}
	}
	if (n > 0)
		roster_proof(r, items, n, fn, arg);
	free(items);
}
