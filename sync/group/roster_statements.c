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
	return it->e.kind != ENTRY_JOIN && it->e.kind != ENTRY_LEAVE && it->e.kind != ENTRY_INVITE;
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

size_t roster_marks(const struct roster *r, struct roster_mark marks[ROSTER_MAX_OWNERS])
{
	size_t n = 0;

	for (size_t i = 0; i < r->nspeakers; i++) {
		const struct roster_agent *a = r->speakers[i];
		const struct roster_item *last = roster_last_statement(a);

		if (a->silenced || last == NULL || !statements_are_complete(a, last))
			continue;
		marks[n++] = (struct roster_mark){ .owner = agent_id_short(&a->id), .number = last->e.number };
	}
	return n;
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
