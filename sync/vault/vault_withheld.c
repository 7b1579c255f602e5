/* Rows that were not told to members since who endorsed them could not write at that time. The numbers of such rows are
 * past for those members. If their endorser may write again and nobody else has endorsed them, the rows get new
 * numbers, so everybody hears of them, whoever is connected now. Whose rows were withheld is noted before anything
 * behind them is told: a vault that crashed in between would not know of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/vault/vault_internal.h"

enum { WITHHELD_SLICE = 256 }; /* rows that one turn reads */

/* An agent whose rows are, as it is noted in the index. */
struct vault_withheld {
	uint64_t id;
	bool safe;        /* the note is committed */
	uint64_t commits; /* of the index when it was written */
	UT_hash_handle hh;
};

/* The walk over all rows that gives new numbers to those of agents that may write again. */
struct vault_restored {
	uint64_t *ids; /* owned */
	size_t n;
	uint64_t at, end; /* looked at up to here, and the last one when it began */
	uint64_t seqs[WITHHELD_SLICE];
	size_t nseqs;
};

/* The key of a value of the index: 1: rows of this agent were withheld. */
static const char *withheld_key(char out[32], uint64_t id)
{
	(void)snprintf(out, 32, "withheld %016" PRIx64, id);
	return out;
}

bool vault_withheld_is_noted(const struct vault *v, uint64_t id)
{
	const struct vault_withheld *w;

	HASH_FIND(hh, v->withheld, &id, sizeof(id), w);
	return w != NULL && w->safe;
}

bool vault_withheld_note(struct vault *v, uint64_t id)
{
	struct index *index = v->config.index;
	struct vault_withheld *w;
	int64_t noted = 0;
	char key[32];

	HASH_FIND(hh, v->withheld, &id, sizeof(id), w);
	if (w != NULL && w->safe)
		return true;
	v->withheld_waits = true;
	/* A turn after it was written it is committed, or else the index fails, and it is looked again in a second. */
	if (w != NULL && index_commits(index) <= w->commits)
		return false;
	/* A commit that fails takes the note back. */
	if (index_meta_get(index, withheld_key(key, id), &noted) < 0)
		return false;
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
	if (w == NULL) {
		w = MEM_NEW(struct vault_withheld);
		w->id = id;
		HASH_ADD(hh, v->withheld, id, sizeof(w->id), w);
	}
	w->safe = noted > 0;
	w->commits = index_commits(index);
	if (!w->safe)
		(void)index_meta_put(index, key, 1);
	return w->safe;
}

/* --- who may write again --- */

static void restored_end(struct vault *v)
{
	if (v->restored != NULL)
		free(v->restored->ids);
	free(v->restored);
	v->restored = NULL;
}

static bool restored_add(void *arg, const struct roster_member *m)
{
	struct vault *v = arg;
	uint64_t id = agent_id_short(&m->id);
	struct vault_restored *r = v->restored;
	int64_t noted = 0;
	char key[32];

	if (!rights_has(m->role, RIGHT_WRITE) || index_meta_get(v->config.index, withheld_key(key, id), &noted) <= 0 ||
	    noted == 0)
		return true;
	if (r == NULL)
		r = v->restored = MEM_NEW(struct vault_restored);
	r->ids = mem_realloc(r->ids, r->n + 1, sizeof(*r->ids));
	r->ids[r->n++] = id;
	return true;
}

void vault_withheld_look(struct vault *v)
{
	restored_end(v);
	roster_members(v->config.roster, restored_add, v);
	if (v->restored != NULL) {
		v->restored->end = index_seq(v->config.index);
		loop_timer_start(v->pump, 0, 0);
	}
}

/* index_vault_since()'s callback. */
static bool restored_collect(void *arg, const struct index_vault_core *c)
{
	struct vault_restored *r = arg;
	struct agent_id endorser;
	uint64_t id;

	if (c->seq > r->end)
		return false;
	r->at = c->seq;
	if (c->superseded != 0)
		return true;
	memcpy(endorser.b, c->endorser, sizeof(endorser.b));
	id = agent_id_short(&endorser);
	for (size_t i = 0; i < r->n; i++) {
		if (r->ids[i] == id)
			r->seqs[r->nseqs++] = c->seq;
	}
	return true;
}

/* All of their rows have new numbers. */
static void restored_done(struct vault *v)
{
	const struct vault_restored *r = v->restored;
	struct vault_withheld *w;
	char key[32];

	for (size_t i = 0; i < r->n; i++) {
		(void)index_meta_put(v->config.index, withheld_key(key, r->ids[i]), 0);
		HASH_FIND(hh, v->withheld, &r->ids[i], sizeof(r->ids[i]), w);
		if (w != NULL)
			HASH_DELETE(hh, v->withheld, w);
		free(w);
	}
	restored_end(v);
}

void vault_withheld_go_on(struct vault *v)
{
	struct vault_restored *r = v->restored;
	int n;

	if (r == NULL)
		return;
	r->nseqs = 0;
	n = index_vault_since(v->config.index, r->at, WITHHELD_SLICE, restored_collect, r);
	for (size_t i = 0; n >= 0 && i < r->nseqs; i++) {
		if (index_vault_renumber(v->config.index, r->seqs[i]) < 0)
			n = -1;
	}
	/* After a failure of the index the notes stay, and it is looked again when the vault starts. */
	if (n < 0) {
		restored_end(v);
		return;
	}
	if (n < WITHHELD_SLICE || r->at >= r->end)
		restored_done(v);
	else
		loop_timer_start(v->pump, 0, 0);
}

void vault_withheld_free(struct vault *v)
{
	struct vault_withheld *w, *next;

	restored_end(v);
	HASH_ITER(hh, v->withheld, w, next) {
		HASH_DELETE(hh, v->withheld, w);
		free(w);
	}
}
