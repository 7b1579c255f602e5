/* An owner's statements: the last of them covers all others, so that a missing one is noticed. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

static int statements_by_hash(const void *a, const void *b)
{
	return memcmp(a, b, HASH_LEN);
}

static bool is_own_statement(const struct roster_item *it)
{
	return it->e.kind == ENTRY_FOUND || it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_REMOVE ||
	       it->e.kind == ENTRY_REVOKE;
}

void roster_statements(const struct roster_agent *signer, enum entry_kind kind, const struct agent_id *target,
                       uint8_t digest[HASH_LEN])
{
	const struct roster_item *it;
	uint8_t *hashes;
	size_t n = 0;

	DL_FOREACH2(signer->signed_by, it, signer_next)
		n++;
	hashes = mem_calloc(n + 1, HASH_LEN);
	n = 0;
	DL_FOREACH2(signer->signed_by, it, signer_next) {
		if (is_own_statement(it) &&
		    !(it->e.kind == kind && target != NULL && agent_id_equal(&it->e.target, target)))
			memcpy(hashes + n++ * HASH_LEN, it->hash, HASH_LEN);
	}
	qsort(hashes, n, HASH_LEN, statements_by_hash);
	sha256(digest, hashes, n * HASH_LEN);
	free(hashes);
}

const struct roster_item *roster_last_statement(const struct roster_agent *signer)
{
	const struct roster_item *last = NULL, *it;

	DL_FOREACH2(signer->signed_by, it, signer_next) {
		if (is_own_statement(it) &&
		    (last == NULL || it->e.number > last->e.number ||
		     (it->e.number == last->e.number && memcmp(it->hash, last->hash, HASH_LEN) > 0)))
			last = it;
	}
	return last;
}

/* Whether exactly the statements of a that its last one covers are here. */
static bool statements_are_complete(const struct roster_agent *a, const struct roster_item *last)
{
	uint8_t digest[HASH_LEN];

	if (last->e.kind == ENTRY_FOUND)
		return true;
	if (last->e.statements == NULL)
		return false;
	roster_statements(a, last->e.kind, &last->e.target, digest);
	return memcmp(digest, last->e.statements, HASH_LEN) == 0;
}

static size_t marks_of(const struct roster *r, bool silenced, struct roster_mark marks[ROSTER_MAX_OWNERS])
{
	size_t n = 0;

	for (size_t i = 0; i < r->nspeakers; i++) {
		const struct roster_agent *a = r->speakers[i];
		const struct roster_item *last = roster_last_statement(a);

		if ((a->silenced && !silenced) || last == NULL || !statements_are_complete(a, last))
			continue;
		marks[n++] = (struct roster_mark){ .owner = agent_id_short(&a->id), .number = last->e.number };
	}
	return n;
}

size_t roster_marks(const struct roster *r, struct roster_mark marks[ROSTER_MAX_OWNERS])
{
	return marks_of(r, false, marks);
}

size_t roster_lasting_marks(const struct roster *r, struct roster_mark marks[ROSTER_MAX_OWNERS])
{
	return marks_of(r, true, marks);
}

static bool shows(const struct roster *r, const struct roster_mark *mark)
{
	const struct roster_agent *a, *tmp;

	for (a = r->agents; a != NULL; a = tmp) {
		const struct roster_item *last =
			agent_id_short(&a->id) == mark->owner ? roster_last_statement(a) : NULL;

		tmp = a->hh.next;
		if (last != NULL && last->e.number >= mark->number && statements_are_complete(a, last))
			return true;
	}
	return false;
}

bool roster_shows(const struct roster *r, const struct roster_mark *marks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!shows(r, &marks[i]))
			return false;
	}
	return true;
}

static bool speaks(const struct roster *r, uint64_t short_id)
{
	for (size_t i = 0; i < r->nspeakers; i++) {
		if (agent_id_short(&r->speakers[i]->id) == short_id)
			return true;
	}
	return false;
}

bool roster_still_shows(const struct roster *r, const struct roster_mark *marks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (speaks(r, marks[i].owner) && !shows(r, &marks[i]))
			return false;
	}
	return true;
}

/* --- what has been heard --- */

/* The greatest leave of this agent that counts, or any; 0: none. */
static uint64_t last_leave(const struct roster_agent *a, bool that_counts)
{
	const struct roster_item *it;
	uint64_t number = 0;

	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (it->e.kind == ENTRY_LEAVE && (it->valid || !that_counts) && it->e.number > number)
			number = it->e.number;
	}
	return number;
}

/* Below the marks' flags. */
static uint64_t mark_number(uint64_t number)
{
	return number < ROSTER_SAID ? number : ROSTER_SAID - 1;
}

struct heard {
	struct roster_mark *marks; /* room for ROSTER_HEARD_MAX */
	size_t n;
};

static void hear(struct heard *h, const struct roster_agent *a, uint64_t number, uint64_t flag)
{
	if (h->n < ROSTER_HEARD_MAX)
		h->marks[h->n++] =
			(struct roster_mark){ .owner = agent_id_short(&a->id), .number = mark_number(number) | flag };
}

static void hear_owner(struct heard *h, const struct roster_agent *a)
{
	const struct roster_item *last = roster_last_statement(a), *it;

	if (last != NULL && statements_are_complete(a, last)) {
		hear(h, a, last->e.number, 0);
		return;
	}
	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (it->valid && is_own_statement(it) && roster_generations_exit(&it->e))
			hear(h, a, it->e.number, ROSTER_SAID);
	}
}

struct roster_mark *roster_heard(const struct roster *r, size_t *n)
{
	struct heard h = { .marks = mem_calloc(ROSTER_HEARD_MAX, sizeof(h.marks[0])) };
	struct roster_agent *a, *tmp;

	for (size_t i = 0; i < r->nspeakers; i++)
		hear_owner(&h, r->speakers[i]);
	HASH_ITER(hh, r->agents, a, tmp) {
		uint64_t number = last_leave(a, true);

		if (number != 0 && !roster_may(r, &a->id, RIGHT_KEYS))
			hear(&h, a, number, ROSTER_LEFT);
	}
	*n = h.n;
	return h.marks;
}

static bool has_heard_leave(const struct roster *r, const struct roster_mark *mark)
{
	struct roster_member m;
	const struct roster_agent *a;

	if (!roster_member_by_short(r, mark->owner, &m) || !rights_has(m.role, RIGHT_KEYS))
		return true;
	a = roster_agent_find(r, &m.id);
	return a != NULL && mark_number(last_leave(a, false)) >= (mark->number & ~ROSTER_LEFT);
}

static bool has_said(const struct roster_agent *a, uint64_t number)
{
	const struct roster_item *it;

	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (is_own_statement(it) && mark_number(it->e.number) == number)
			return true;
	}
	return false;
}

static bool has_heard_owner(const struct roster *r, const struct roster_mark *mark)
{
	const uint64_t number = mark->number & ~ROSTER_SAID;

	for (size_t i = 0; i < r->nspeakers; i++) {
		const struct roster_agent *a = r->speakers[i];
		const struct roster_item *last = roster_last_statement(a);

		if (agent_id_short(&a->id) != mark->owner)
			continue;
		return (last != NULL && mark_number(last->e.number) >= number && statements_are_complete(a, last)) ||
		       ((mark->number & ROSTER_SAID) != 0 && has_said(a, number));
	}
	return true;
}

bool roster_has_heard(const struct roster *r, const struct roster_mark *marks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((marks[i].number & ROSTER_LEFT) != 0 ? !has_heard_leave(r, &marks[i])
		                                         : !has_heard_owner(r, &marks[i]))
			return false;
	}
	return true;
}
