/* Rows that were told and are not stored yet: their objects are looked up, a slice in each turn, and wanted where they
 * are missing. A row goes into the index when all of it is here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"

enum {
	PENDING_TRIES = 8,
	PENDING_STUCK = 2, /* seconds without an object */
};

/* --- queues --- */

/* If all of it is here, it waits behind no other that wants objects. */
static void pending_enqueue(struct vault *v, struct vault_row *row)
{
	struct vault_peer *p;

	if (row->queue != NULL || row->dropped || row->nholders == 0)
		return;
	p = row->holders[0].peer;
	row->queue = row->next_ref == row->nrefs ? &p->ready : &p->rows;
	DL_APPEND(*row->queue, row);
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
}

/* To the front, until the peer has room for what it needs: what the peer told first is acknowledged first. */
static void pending_put_back(struct vault_row *row)
{
	struct vault_peer *p = row->holders[0].peer;

	row->queue = &p->rows;
	DL_PREPEND(p->rows, row);
	p->no_room = 1;
}

static void pending_dequeue(struct vault_row *row)
{
	if (row->queue != NULL)
		DL_DELETE(*row->queue, row);
	row->queue = NULL;
}

static struct vault_row *twins(struct vault *v, const struct vault_row *row)
{
	struct vault_row *first;

	HASH_FIND(hh_path, v->by_path, &row->path, sizeof(row->path), first);
	return first;
}

/* Whether another one of the same version came before: of two that say the same, one is uploaded. */
static bool has_earlier_twin(struct vault *v, const struct vault_row *row)
{
	struct vault_row *other;

	DL_FOREACH2(twins(v, row), other, same_next) {
		if (other == row)
			return false;
		if (version_compare(&other->version, &row->version) == VERSION_EQUAL)
			return true;
	}
	return false;
}

static void pending_insert(struct vault *v, struct vault_row *row)
{
	struct vault_row *first = twins(v, row), *had = first;

	HASH_ADD(hh, v->rows, name, sizeof(row->name), row);
	DL_APPEND2(first, row, same_prev, same_next);
	if (had == NULL)
		HASH_ADD(hh_path, v->by_path, path, sizeof(row->path), row);
}

static bool has_room_for_twin(struct vault *v, const struct vault_row *row)
{
	struct vault_row *other;
	int n = 0;

	DL_COUNT2(twins(v, row), other, n, same_next);
	return n < VAULT_TWINS;
}

/* Its twins may go on. */
static void pending_remove(struct vault *v, struct vault_row *row)
{
	struct vault_row *first = twins(v, row), *had = first, *other;

	HASH_DELETE(hh, v->rows, row);
	DL_DELETE2(first, row, same_prev, same_next);
	if (had == row) {
		HASH_DELETE(hh_path, v->by_path, row);
		if (first != NULL)
			HASH_ADD(hh_path, v->by_path, path, sizeof(first->path), first);
	}
	pending_dequeue(row);
	if (row->charged != NULL)
		row->charged->told_bytes -= row->ncore + row->nendorsement;
	row->charged = NULL;
	DL_FOREACH2(first, other, same_next)
		pending_enqueue(v, other);
}

/* Its numbers are not settled: peers have to tell it again. */
static void pending_let_go(struct vault_row *row)
{
	for (size_t i = 0; i < row->nholders; i++)
		row->holders[i].owed->held = false;
	row->nholders = 0;
}

static void pending_drop(struct vault *v, struct vault_row *row)
{
	pending_remove(v, row);
	pending_let_go(row);
	if (!row->stored)
		(void)index_vault_path_forget(v->config.index, row->path);
	row->dropped = true;
	DL_APPEND(v->dropped_rows, row);
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
}

/* --- what becomes of its numbers --- */

static void settle_all(struct vault *v, struct vault_row *row)
{
	for (size_t i = 0; i < row->nholders; i++)
		vault_peer_settle(v, row->holders[i].peer, row->holders[i].owed);
	row->nholders = 0;
}

/* Whether the peer has told something later of the path, which is pending too. */
static bool told_later(struct vault *v, const struct vault_row *row, const struct vault_peer *p)
{
	struct vault_row *other;

	DL_FOREACH2(twins(v, row), other, same_next) {
		if (version_compare(&other->version, &row->version) != VERSION_NEWER)
			continue;
		for (size_t i = 0; i < other->nholders; i++) {
			if (other->holders[i].peer == p)
				return true;
		}
	}
	return false;
}

/* It cannot be had from anybody. A number of whose path something later is told is settled; the peer tells others
 * again when it connects the next time, and they hold up what is acknowledged until then. */
static void pending_fail(struct vault *v, struct vault_row *row)
{
	int64_t path =
		index_vault_path(v->config.index, (const uint8_t(*)[INDEX_VAULT_PATH])row->ids, row->nids, false);
	struct vault_change change;
	bool known = vault_judge(v, row, path, &change) == VAULT_KNOWN;

	for (size_t i = 0; i < row->nholders; i++) {
		if (known || told_later(v, row, row->holders[i].peer)) {
			vault_peer_settle(v, row->holders[i].peer, row->holders[i].owed);
			row->holders[i--] = row->holders[--row->nholders];
		}
	}
	pending_drop(v, row);
}

void vault_pending_met(struct vault *v, struct vault_row *row, bool here)
{
	if (row->dropped)
		return;
	if (here)
		pending_enqueue(v, row);
	else
		pending_fail(v, row);
}

/* --- storing --- */

/* 0, -1; -2: an object is not here any more. */
static int pending_put(struct vault *v, struct vault_row *row, int64_t path, const struct vault_change *change)
{
	struct index_vault_core c = {
		.path = path,
		.deleted = row->deleted,
		.generation = row->generation,
		.core = row->bytes,
		.ncore = row->ncore,
		.endorsement = row->bytes + row->ncore,
		.nendorsement = row->nendorsement,
	};
	int64_t now_s = v->now_s;
	int rc = 0;

	memcpy(c.name, row->name, sizeof(c.name));
	memcpy(c.endorser, row->endorser.b, sizeof(c.endorser));
	/* The name of a core occurs once, so what it replaces goes first. */
	for (size_t i = 0; rc == 0 && i < change->ngoes; i++)
		rc = vault_judge_remove(v, path, change->goes[i], now_s);
	/* The IDs may have gone with the path's last core. */
	if (rc == 0 && change->ngoes > 0)
		c.path = index_vault_path(v->config.index, (const uint8_t(*)[INDEX_VAULT_PATH])row->ids, row->nids,
		                          true);
	if (rc < 0 || c.path < 0)
		return -1;
	rc = index_vault_put(v->config.index, &c, (const uint8_t(*)[INDEX_VAULT_OBJECT])row->refs, row->nrefs,
	                     change->beats, change->nbeats, now_s);
	return rc < 0 && errno == EINVAL ? -2 : rc;
}

/* All of it is here. */
static void pending_ready(struct vault *v, struct vault_row *row)
{
	int64_t path = index_vault_path(v->config.index, (const uint8_t(*)[INDEX_VAULT_PATH])row->ids, row->nids, true);
	struct vault_change change;
	enum vault_judgement what = vault_judge(v, row, path, &change);
	int rc = -1;

	/* Its endorser may have gone meanwhile. */
	if (what == VAULT_FAILED || !roster_may(v->config.roster, &row->endorser, RIGHT_WRITE)) {
		pending_drop(v, row);
		return;
	}
	if (what == VAULT_KNOWN || (what == VAULT_REPAIR && change.same))
		rc = 0;
	else if (index_vault_refs_here(v->config.index, (const uint8_t(*)[INDEX_VAULT_OBJECT])row->refs, row->nrefs) !=
	         1)
		rc = -2;
	else
		rc = pending_put(v, row, path, &change);
	if (rc == -2 && row->tries++ < PENDING_TRIES) {
		row->next_ref = 0;
		pending_enqueue(v, row);
		return;
	}
	row->stored = rc == 0;
	if (rc == 0)
		settle_all(v, row);
	pending_drop(v, row);
}

/* --- looking up --- */

/* The blocks of a page that is here may be gone. */
static int need_deep(struct vault *v, struct vault_row *row, const uint8_t name[INDEX_VAULT_OBJECT], int *budget)
{
	size_t n;
	uint8_t(*refs)[INDEX_VAULT_OBJECT] = index_vault_object_refs(v->config.index, name, &n);
	int rc = 0;

	for (size_t i = 0; i < n && rc >= 0 && !row->dropped; i++)
		rc = vault_object_need(v, &row->need, refs[i], row->holders[0].peer);
	*budget -= (int)n;
	free(refs);
	return rc;
}

/* Whether what it waited for has made it known. Then it is settled. */
static bool pending_known(struct vault *v, struct vault_row *row)
{
	struct vault_change change;

	if (vault_judge(v, row, row->path, &change) != VAULT_KNOWN)
		return false;
	row->stored = true;
	settle_all(v, row);
	pending_drop(v, row);
	return true;
}

static void pending_advance(struct vault *v, struct vault_row *row, int *budget)
{
	size_t most = row->paged ? VAULT_PAGES : VAULT_ASKED;
	int rc = 0;

	row->waited = row->waited || has_earlier_twin(v, row);
	if (has_earlier_twin(v, row) || (row->waited && pending_known(v, row)))
		return;
	row->waited = false;
	row->need.missing++; /* held: what fails at once drops the row, and frees nothing */
	while (!row->dropped && row->next_ref < row->nrefs && row->need.missing <= most && *budget > 0) {
		const uint8_t *name = row->refs[row->next_ref];

		rc = vault_object_need(v, &row->need, name, row->holders[0].peer);
		(*budget)--;
		if (rc == 0 && row->deep && row->paged)
			rc = need_deep(v, row, name, budget);
		if (rc < 0)
			break;
		row->next_ref++;
	}
	row->need.missing--;
	if (row->dropped)
		return;
	if (rc == -1)
		pending_drop(v, row);
	else if (row->next_ref == row->nrefs && row->need.missing == 0)
		pending_ready(v, row);
	else if (rc == -2)
		pending_put_back(row);
	else if (*budget <= 0)
		pending_enqueue(v, row);
}

static void free_dropped(struct vault *v)
{
	struct vault_row *row, *next;

	if (v->dropped_rows == NULL)
		return;
	vault_object_sweep(v);
	DL_FOREACH_SAFE(v->dropped_rows, row, next) {
		DL_DELETE(v->dropped_rows, row);
		vault_row_free(row);
	}
}

static struct vault_row *pending_next(const struct vault_peer *p)
{
	return p->ready != NULL || p->no_room > 0 ? p->ready : p->rows;
}

/* What another peer told too, or what needs nothing, should not wait for ever behind what this one does not give. */
void vault_pending_tick(struct vault *v, struct vault_peer *p)
{
	struct vault_row *row = p->rows, *next;

	if (p->no_room == 0 || p->no_room++ < PENDING_STUCK)
		return;
	p->no_room = 0;
	if (row != NULL) {
		DL_DELETE(p->rows, row);
		DL_APPEND(p->rows, row);
	}
	DL_FOREACH_SAFE(p->rows, row, next) {
		struct vault_holder first = row->holders[0];

		if (row->nholders < 2)
			continue;
		pending_dequeue(row);
		memmove(row->holders, row->holders + 1, (row->nholders - 1) * sizeof(first));
		row->holders[row->nholders - 1] = first;
		pending_enqueue(v, row);
	}
}

void vault_pending_pump(struct vault *v)
{
	int budget = VAULT_LOOKUPS;
	struct vault_peer *p;
	bool idle = v->arrived_bytes == 0;

	free_dropped(v);
	DL_FOREACH(v->peers, p) {
		/* Each peer gets some of it, however much another has told. */
		int own = budget / 2 + 1;
		struct vault_row *row;

		budget -= own;
		while (own > 0 && (row = pending_next(p)) != NULL) {
			pending_dequeue(row);
			pending_advance(v, row, &own);
		}
		budget += own > 0 ? own : 0;
		if (pending_next(p) != NULL)
			loop_timer_start(v->pump, 0, 0);
		vault_object_ask(v, p);
		idle = idle && p->nasked == 0 && p->ready == NULL && p->rows == NULL;
	}
	vault_arrival_sync(v, idle);
}

/* --- in and out --- */

static void add_holder(struct vault *v, struct vault_row *row, struct vault_peer *p, uint64_t seq)
{
	for (size_t i = 0; i < row->nholders; i++) {
		struct vault_holder *h = &row->holders[i];

		if (h->peer != p)
			continue;
		if (h->owed->seq == seq)
			return;
		vault_peer_settle(v, p, h->owed);
		h->owed = vault_peer_owe(p, seq);
		h->owed->held = true;
		return;
	}
	row->holders = mem_realloc(row->holders, row->nholders + 1, sizeof(*row->holders));
	row->holders[row->nholders] = (struct vault_holder){ p, vault_peer_owe(p, seq) };
	row->holders[row->nholders++].owed->held = true;
}

void vault_pending_add(struct vault *v, struct vault_row *row, struct vault_peer *p, uint64_t seq)
{
	struct vault_change change;
	enum vault_judgement what;
	struct vault_row *known;

	HASH_FIND(hh, v->rows, row->name, sizeof(row->name), known);
	if (known != NULL) {
		add_holder(v, known, p, seq);
		vault_row_free(row);
		return;
	}
	/* Made already, so that rows of one path are known by one number, whatever generation they are of. */
	row->path = index_vault_path(v->config.index, (const uint8_t(*)[INDEX_VAULT_PATH])row->ids, row->nids, true);
	what = vault_judge(v, row, row->path, &change);
	if (what == VAULT_KNOWN || what == VAULT_FAILED || !has_room_for_twin(v, row)) {
		if (what != VAULT_KNOWN)
			vault_peer_owe(p, seq);
		vault_row_free(row);
		return;
	}
	/* A version that is new to us may need, by way of a page or a patch, what one before it has lost. */
	row->deep = what == VAULT_REPAIR || index_vault_lacks(v->config.index);
	row->charged = p;
	p->told_bytes += row->ncore + row->nendorsement;
	add_holder(v, row, p, seq);
	pending_insert(v, row);
	/* A tombstone needs no space, and may free some. */
	if (row->nrefs == 0 && !has_earlier_twin(v, row))
		pending_ready(v, row);
	else
		pending_enqueue(v, row);
}

void vault_pending_peer_gone(struct vault *v, struct vault_peer *p)
{
	struct vault_row *row, *next;

	HASH_ITER(hh, v->rows, row, next) {
		if (row->charged == p)
			row->charged = NULL;
		for (size_t i = 0; i < row->nholders; i++) {
			if (row->holders[i].peer != p)
				continue;
			row->holders[i] = row->holders[--row->nholders];
			break;
		}
		if (row->queue == &p->rows || row->queue == &p->ready) {
			pending_dequeue(row);
			pending_enqueue(v, row);
		}
		if (row->nholders == 0)
			pending_drop(v, row);
	}
	free_dropped(v);
}

void vault_pending_free_all(struct vault *v)
{
	struct vault_row *row, *next;

	HASH_CLEAR(hh_path, v->by_path);
	HASH_ITER(hh, v->rows, row, next) {
		HASH_DELETE(hh, v->rows, row);
		vault_row_free(row);
	}
	DL_FOREACH_SAFE(v->dropped_rows, row, next) {
		DL_DELETE(v->dropped_rows, row);
		vault_row_free(row);
	}
}
