/* What a vault gives: rows whose endorsers may write (see vault_withheld.c for others), told in the order of their
 * numbers and no faster than they are acknowledged, and objects by name. What is read is compared with its digest
 * before it goes out. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"

enum {
	SERVE_TOLD_ROWS = 4096,      /* told and not acknowledged */
	SERVE_TOLD_BYTES = 16 << 20, /* the same */
	SERVE_MESSAGE_ROWS = 256,
	SERVE_MESSAGE_BYTES = 1 << 20, /* and one core more */
	SERVE_ROOM = 256 << 10,        /* less is not worth a message */
	SERVE_WANTS = 16384,           /* that wait; a member asks for half of that at most, and reports what is bad */
	SERVE_READS = 16,              /* at once, for one peer, */
	SERVE_READING = 12 << 20,      /* and bytes of these, and one object more */
	SERVE_PER_TURN = 64,           /* wants that are looked up, of one peer */
};

/* --- rows --- */

struct serve_message {
	struct vault *v;
	struct vault_peer *p;
	struct msg_core cores[SERVE_MESSAGE_ROWS];
	uint8_t *owned[SERVE_MESSAGE_ROWS];
	size_t n, bytes;
	uint64_t upto;
	int looked;
	bool stopped;      /* before a row that is left out, until that is noted ... */
	uint64_t withheld; /* ... of this agent */
};

/* Whether it is the peer's own, and known to it. If its index was rolled back, what it has lost has greater numbers
 * than its hello says, and came here before that. The epoch that an endorsement was made in and the number stand behind
 * its format and key. */
static bool serve_is_its_own(const struct index_vault_core *c, const struct vault_peer *p)
{
	const uint8_t *numbers = c->endorsement + 1 + PUBLIC_KEY_LEN;

	return memcmp(c->endorser, p->agent.b, sizeof(c->endorser)) == 0 &&
	       c->nendorsement >= 1 + PUBLIC_KEY_LEN + 16 && get_u64(numbers) == p->epoch &&
	       (get_u64(numbers + 8) <= p->last || c->seq > p->had);
}

static bool serve_collect(void *arg, const struct index_vault_core *c)
{
	struct serve_message *s = arg;
	struct agent_id endorser;
	uint8_t *copy;
	bool tells;

	if (c->seq > s->v->committed)
		return false;
	memcpy(endorser.b, c->endorser, sizeof(endorser.b));
	tells = c->superseded == 0 && !serve_is_its_own(c, s->p);
	if (tells && !roster_may(s->v->config.roster, &endorser, RIGHT_WRITE)) {
		s->withheld = agent_id_short(&endorser);
		s->stopped = !vault_withheld_is_noted(s->v, s->withheld);
		if (s->stopped)
			return false;
		tells = false;
	}
	s->upto = c->seq;
	s->looked++;
	if (!tells)
		return true;
	copy = mem_calloc(c->ncore + c->nendorsement, 1);
	memcpy(copy, c->core, c->ncore);
	memcpy(copy + c->ncore, c->endorsement, c->nendorsement);
	s->owned[s->n] = copy;
	s->cores[s->n++] = (struct msg_core){ c->seq, { copy, c->ncore }, { copy + c->ncore, c->nendorsement } };
	s->bytes += c->ncore + c->nendorsement;
	return s->n < SERVE_MESSAGE_ROWS && s->bytes < SERVE_MESSAGE_BYTES;
}

static void told(struct vault_peer *p, const struct serve_message *s)
{
	struct vault_told *t = MEM_NEW(struct vault_told);

	*t = (struct vault_told){ .upto = s->upto, .rows = s->n, .bytes = s->bytes };
	if (p->newest != NULL)
		p->newest->next = t;
	else
		p->unacked = t;
	p->newest = t;
	p->unacked_rows += t->rows;
	p->unacked_bytes += t->bytes;
}

/* False: that was all, or it cannot be sent. */
static bool serve_message(struct vault *v, struct vault_peer *p)
{
	struct serve_message *s = MEM_NEW(struct serve_message);
	struct msg_cores m = { .after = p->cursor };
	bool more;

	s->v = v;
	s->p = p;
	s->upto = p->cursor;
	more = index_vault_since(v->config.index, p->cursor, SERVE_MESSAGE_ROWS, serve_collect, s) >= 0;
	/* Numbers without rows count as told too. */
	if (more && !s->stopped && s->looked < SERVE_MESSAGE_ROWS && s->n < SERVE_MESSAGE_ROWS &&
	    s->bytes < SERVE_MESSAGE_BYTES) {
		s->upto = v->committed;
		more = false;
	}
	m.upto = s->upto;
	m.cores = s->cores;
	m.ncores = s->n;
	if (s->stopped)
		more = vault_withheld_note(v, s->withheld);
	else if (s->upto == p->cursor)
		more = false;
	if (s->upto > p->cursor) {
		if (v->config.ops->cores(v->config.arg, p->id, &m) == 0) {
			told(p, s);
			p->cursor = s->upto;
		} else {
			more = false;
		}
	}
	for (size_t i = 0; i < s->n; i++)
		free(s->owned[i]);
	free(s);
	return more;
}

void vault_serve_tell(struct vault *v, struct vault_peer *p)
{
	if (p->serve == NULL || !vault_peer_may(v, p, RIGHT_READ))
		return;
	while (p->unacked_rows < SERVE_TOLD_ROWS && p->unacked_bytes < SERVE_TOLD_BYTES &&
	       v->config.ops->room(v->config.arg, p->id, false) >= SERVE_ROOM) {
		if (!serve_message(v, p))
			break;
	}
}

/* Takes what it says of our numbers. */
static void serve_note(struct vault *v, struct vault_peer *p, const struct msg_vault *m)
{
	struct index_peer known;

	if (m->have_epoch != index_epoch(v->config.index) || m->settled > index_seq(v->config.index) ||
	    index_peer_get(v->config.index, p->id, &known) < 0)
		return;
	if (known.settled == m->settled && known.settled_epoch == m->have_epoch)
		return;
	known.settled = m->settled;
	known.settled_epoch = m->have_epoch;
	(void)index_peer_put(v->config.index, p->id, &known);
}

void vault_serve_ack(struct vault *v, struct vault_peer *p, const struct msg_vault *m)
{
	if (m->have_epoch != index_epoch(v->config.index))
		return;
	while (p->unacked != NULL && p->unacked->upto <= m->have_seq) {
		struct vault_told *t = p->unacked;

		p->unacked = t->next;
		if (p->unacked == NULL)
			p->newest = NULL;
		p->unacked_rows -= t->rows;
		p->unacked_bytes -= t->bytes;
		free(t);
	}
	serve_note(v, p, m);
	vault_serve_tell(v, p);
}

/* --- objects --- */

struct serve_wish {
	struct msg_object_want want;
	bool check; /* the peer says that it is bad: read, and not sent */
	struct serve_wish *prev, *next;
};

struct vault_serve {
	struct serve_wish *wants;
	size_t n;
	int reads;
	int64_t reading;         /* bytes */
	struct serve_read *jobs; /* that workers have */
};

struct serve_read {
	struct vault *v;
	struct vault_peer *peer; /* NULL: it is gone */
	struct share_handle *share;
	struct index_vault_object is;
	uint32_t request;
	bool check;
	uint8_t *bytes; /* NULL: it is missing or bad */
	size_t n;
	struct serve_read *prev, *next;
};

static void read_work(void *arg)
{
	struct serve_read *r = arg;
	uint8_t sum[SHA256_SIZE];

	r->bytes = vault_store_read(r->share->root, r->is.name, &r->n, NULL);
	if (r->bytes == NULL)
		return;
	sha256(sum, r->bytes, r->n);
	if (memcmp(sum, r->is.sum, sizeof(sum)) != 0) {
		free(r->bytes);
		r->bytes = NULL;
	}
}

static void answer_none(struct vault *v, uint64_t peer, uint32_t request)
{
	(void)v->config.ops->object(v->config.arg, peer, request, MSG_OBJECT_NONE, NULL, 0);
}

/* Whether it is still what was looked up: it may have gone, or come in another form. */
static bool read_is_current(struct vault *v, const struct serve_read *r)
{
	struct index_vault_object is;

	return index_vault_object_get(v->config.index, r->is.name, &is) > 0 && !is.gone &&
	       memcmp(is.sum, r->is.sum, sizeof(is.sum)) == 0;
}

static void read_done(void *arg)
{
	struct serve_read *r = arg;
	struct vault *v = r->v;
	struct vault_peer *p = r->peer;

	v->jobs--;
	if (!v->stopping && r->bytes == NULL && read_is_current(v, r))
		vault_repair_lost(v, r->is.name);
	if (p != NULL) {
		DL_DELETE(p->serve->jobs, r);
		p->serve->reads--;
		p->serve->reading -= r->is.size;
	}
	if (!v->stopping && p != NULL) {
		if (r->check) {
			/* What is as it came was sealed like that. */
		} else if (r->bytes == NULL) {
			answer_none(v, p->id, r->request);
		} else {
			(void)v->config.ops->object(v->config.arg, p->id, r->request, MSG_OBJECT_HERE, r->bytes, r->n);
			r->bytes = NULL;
		}
		vault_serve_go_on(v, p);
	}
	share_handle_free(r->share);
	free(r->bytes);
	free(r);
}

static void serve_read(struct vault *v, struct vault_peer *p, const struct serve_wish *w,
                       const struct index_vault_object *is)
{
	struct serve_read *r = MEM_NEW(struct serve_read);

	r->v = v;
	r->peer = p;
	r->share = share_handle_ref(v->share);
	r->is = *is;
	r->request = w->want.request;
	r->check = w->check;
	DL_APPEND(p->serve->jobs, r);
	p->serve->reads++;
	p->serve->reading += is->size;
	vault_job_submit(v, read_work, read_done, r);
}

/* False: it is not here, or not in a form that was asked for. Whoever asks for a patch takes the block as well, and may
 * have itself what the patch needs, if that is lost here. */
static bool serve_find(struct vault *v, const struct serve_wish *w, struct index_vault_object *is)
{
	bool patched = w->want.kind == OBJECT_PATCH;
	uint8_t name[INDEX_VAULT_OBJECT];

	vault_row_object(name, patched ? OBJECT_BLOCK : w->want.kind, w->want.generation, w->want.name);
	if (index_vault_object_get(v->config.index, name, is) <= 0 || is->gone)
		return false;
	return w->check || patched || w->want.kind != OBJECT_BLOCK || !is->needs;
}

void vault_serve_go_on(struct vault *v, struct vault_peer *p)
{
	struct vault_serve *s = p->serve;
	int looked = 0;

	while (s != NULL && s->wants != NULL && s->reads < SERVE_READS && s->reading < SERVE_READING && !v->stopping &&
	       v->config.ops->room(v->config.arg, p->id, true) > 0) {
		struct serve_wish *w = s->wants;
		struct index_vault_object is;

		if (looked++ == SERVE_PER_TURN) {
			loop_timer_start(v->pump, 0, 0);
			return;
		}
		DL_DELETE(s->wants, w);
		s->n--;
		if (serve_find(v, w, &is))
			serve_read(v, p, w, &is);
		else if (!w->check)
			answer_none(v, p->id, w->want.request);
		free(w);
	}
}

void vault_serve_want(struct vault *v, struct vault_peer *p, const struct msg_vault *m)
{
	bool check = m->what == MSG_VAULT_BAD;

	if (p->serve == NULL || !vault_peer_may(v, p, RIGHT_READ))
		return;
	/* Even an answer of a few bytes to each would be memory without bound, if it does not read them. */
	if (p->serve->n + m->nwants > SERVE_WANTS) {
		v->config.ops->misbehaved(v->config.arg, p->id, "requested more objects than it may at a time");
		return;
	}
	for (size_t i = 0; i < m->nwants; i++) {
		struct serve_wish *w = MEM_NEW(struct serve_wish);

		w->want = m->wants[i];
		w->check = check;
		DL_APPEND(p->serve->wants, w);
		p->serve->n++;
	}
	vault_serve_go_on(v, p);
}

static int request_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void vault_serve_cancel(struct vault_peer *p, const struct msg_vault *m)
{
	struct serve_wish *w, *next;
	uint32_t *sorted;

	if (p->serve == NULL || m->nrequests == 0)
		return;
	sorted = mem_dup(m->requests, m->nrequests * sizeof(*sorted));
	qsort(sorted, m->nrequests, sizeof(*sorted), request_order);
	DL_FOREACH_SAFE(p->serve->wants, w, next) {
		if (w->check || bsearch(&w->want.request, sorted, m->nrequests, sizeof(*sorted), request_order) == NULL)
			continue;
		DL_DELETE(p->serve->wants, w);
		p->serve->n--;
		free(w);
	}
	free(sorted);
}

/* --- beginning and end --- */

/* Up to where it needs to be told nothing. What it has received and not settled it may have lost. But it may not say
 * that something is settled before its index is on disk once more, and what it has settled once it still has if it has
 * received that much: an older index would not. */
static uint64_t serve_settled(struct vault *v, const struct vault_peer *p, const struct msg_vault *hello)
{
	struct index_peer known;

	if (hello->have_epoch != index_epoch(v->config.index) || hello->settled > v->committed ||
	    index_peer_get(v->config.index, p->id, &known) < 0)
		return 0;
	return known.settled_epoch == hello->have_epoch && known.settled > hello->settled &&
	                       known.settled <= hello->have_seq && known.settled <= v->committed
	               ? known.settled
	               : hello->settled;
}

void vault_serve_start(struct vault *v, struct vault_peer *p, const struct msg_vault *hello)
{
	struct msg_vault said = *hello;

	if (p->serve == NULL)
		p->serve = MEM_NEW(struct vault_serve);
	while (p->unacked != NULL) {
		struct vault_told *t = p->unacked;

		p->unacked = t->next;
		free(t);
	}
	p->newest = NULL;
	p->unacked_rows = p->unacked_bytes = 0;
	said.settled = p->cursor = serve_settled(v, p, hello);
	serve_note(v, p, &said);
	vault_serve_tell(v, p);
}

void vault_serve_end(struct vault_peer *p)
{
	struct serve_wish *w, *next;
	struct serve_read *r;

	if (p->serve == NULL)
		return;
	DL_FOREACH_SAFE(p->serve->wants, w, next)
		free(w);
	DL_FOREACH(p->serve->jobs, r)
		r->peer = NULL;
	free(p->serve);
	p->serve = NULL;
}
