/* Rows that a writer tells: workers check form and endorsement, one message of a peer at a time and in order, so that
 * what they find is taken in the order in which it was told. */
#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/vault/vault_internal.h"

/* One core of a message. */
struct told_core {
	uint64_t seq;
	size_t at, ncore, nendorsement; /* in the bytes of the message */
	enum vault_row_result result;
	struct vault_row *row; /* owned */
};

/* A message of a peer. It belongs to the peer until a worker has it. */
struct vault_check {
	struct vault *v;
	struct vault_peer *peer; /* NULL: it is gone */
	struct group_id group;
	uint64_t upto;
	struct told_core *cores; /* owned */
	size_t ncores;
	uint8_t *bytes; /* owned */
	size_t cost;    /* bytes that count for it, so that many that say nothing are too many as well */
	struct endorse_root known;
	struct vault_check *prev, *next;
};

static struct vault_check *told_new(struct vault *v, struct vault_peer *p, const struct msg_cores *m)
{
	struct vault_check *check = MEM_NEW(struct vault_check);
	size_t at = 0, nbytes;

	check->v = v;
	check->peer = p;
	check->group = *roster_group(v->config.roster);
	check->upto = m->upto;
	check->ncores = m->ncores;
	check->cores = mem_calloc(m->ncores + 1, sizeof(*check->cores));
	check->bytes = msg_cores_bytes(m, &nbytes);
	check->cost = sizeof(*check) + (check->ncores + 1) * sizeof(*check->cores) + nbytes;
	for (size_t i = 0; i < m->ncores; i++) {
		const struct msg_core *c = &m->cores[i];
		struct told_core *told = &check->cores[i];

		*told = (struct told_core){ .seq = c->seq,
			                    .at = at,
			                    .ncore = c->core.n,
			                    .nendorsement = c->endorsement.n };
		at += c->core.n + c->endorsement.n;
	}
	return check;
}

static void told_free(struct vault_check *check)
{
	for (size_t i = 0; i < check->ncores; i++)
		vault_row_free(check->cores[i].row);
	free(check->cores);
	free(check->bytes);
	free(check);
}

static void told_work(void *arg)
{
	struct vault_check *check = arg;

	for (size_t i = 0; i < check->ncores; i++) {
		struct told_core *t = &check->cores[i];
		const uint8_t *p = check->bytes + t->at;

		t->result = vault_row_read(&t->row, &check->group, p, t->ncore, p + t->ncore, t->nendorsement,
		                           &check->known);
	}
}

/* Takes it, or leaves it owed: the peer tells it again when our roster has changed, or this version of lanyard has. */
static void told_take(struct vault *v, struct vault_peer *p, struct told_core *t)
{
	struct vault_row *row = t->row;

	t->row = NULL;
	if (t->result == VAULT_ROW_BAD)
		v->config.ops->misbehaved(v->config.arg, p->id, "told a row that is malformed or not endorsed");
	if (row != NULL && roster_may(v->config.roster, &row->endorser, RIGHT_WRITE)) {
		vault_pending_add(v, row, p, t->seq);
		return;
	}
	vault_peer_owe(p, t->seq);
	vault_row_free(row);
}

static void told_next(struct vault *v, struct vault_peer *p);

static void told_done(void *arg)
{
	struct vault_check *check = arg;
	struct vault *v = check->v;
	struct vault_peer *p = check->peer;

	v->jobs--;
	if (p != NULL) {
		p->checks = NULL;
		p->checking = false;
		p->told_bytes -= check->cost;
		p->ntold -= check->ncores;
	}
	if (p == NULL || v->stopping) {
		told_free(check);
		return;
	}
	p->known = check->known;
	/* Its role may have changed since it told them. What it tells again, unasked, it may have kept back before. */
	if (vault_peer_vouches(v, p)) {
		for (size_t i = 0; i < check->ncores; i++)
			told_take(v, p, &check->cores[i]);
		if (check->upto > p->told)
			p->told = check->upto;
		vault_peer_note(v, p);
	}
	told_free(check);
	told_next(v, p);
	loop_timer_start(v->pump, 0, 0);
	v->config.ops->state(v->config.arg);
}

static void told_next(struct vault *v, struct vault_peer *p)
{
	struct vault_check *check = p->waiting;

	if (check == NULL || p->checking)
		return;
	DL_DELETE(p->waiting, check);
	p->checks = check;
	p->checking = true;
	check->known = p->known;
	vault_job_submit(v, told_work, told_done, check);
}

void vault_cores_take(struct vault *v, struct vault_peer *p, const struct msg_cores *m)
{
	struct vault_check *check;
	uint64_t expected = p->waiting != NULL ? p->waiting->prev->upto : p->checks != NULL ? p->checks->upto : p->told;

	if (!vault_peer_vouches(v, p)) {
		/* A member that does not know yet that it is none any more does so; who knows is not asked. */
		if (p->writes && log_allow("vault rows", 3))
			log_warn("rows are not taken from a peer that may not write");
		return;
	}
	/* What goes on from before a hello of ours that asked for all again. */
	if (m->after > expected)
		return;
	if (p->nowed + p->ntold + m->ncores > VAULT_ROWS + MSG_MAX_CORES || p->told_bytes > VAULT_TOLD_BYTES) {
		v->config.ops->misbehaved(v->config.arg, p->id, "told more rows than its window has room for");
		return;
	}
	check = told_new(v, p, m);
	p->told_bytes += check->cost;
	p->ntold += check->ncores;
	DL_APPEND(p->waiting, check);
	told_next(v, p);
}

void vault_cores_drop(struct vault_peer *p)
{
	struct vault_check *check, *next;

	if (p->checks != NULL) {
		p->checks->peer = NULL;
		p->told_bytes -= p->checks->cost;
		p->ntold -= p->checks->ncores;
	}
	p->checks = NULL;
	p->checking = false;
	DL_FOREACH_SAFE(p->waiting, check, next) {
		p->told_bytes -= check->cost;
		p->ntold -= check->ncores;
		told_free(check);
	}
	p->waiting = NULL;
}

/* A row fails where its objects cannot be had, most often since its file was changed under way. Then it has a later
 * number, under which it is told, and the earlier one has no row any more. */
void vault_cores_ask_again(struct vault *v, struct vault_peer *p)
{
	const struct vault_owed *first = p->owed;
	int64_t now = loop_now_ms(v->config.loop);

	if (first == NULL || first->held || first->seq > p->told || !vault_peer_vouches(v, p)) {
		p->failed_ms = 0;
		return;
	}
	if (p->failed_ms == 0 || p->failed != first->seq) {
		p->ask_ms = p->failed == first->seq && p->ask_ms > 0 ? 2 * p->ask_ms : VAULT_ASK_MS;
		if (p->ask_ms > VAULT_ASK_MOST_MS)
			p->ask_ms = VAULT_ASK_MOST_MS;
		p->failed = first->seq;
		p->failed_ms = now;
		return;
	}
	if (now - p->failed_ms < p->ask_ms)
		return;
	p->failed_ms = 0;
	vault_cores_drop(p);
	vault_peer_rewind(v, p, p->done);
	vault_peer_hello(v, p->id);
}
