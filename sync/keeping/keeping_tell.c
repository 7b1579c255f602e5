/* Our rows, told to a vault in the order of their numbers: the loop gathers some, a worker seals and endorses them, and
 * they leave once it is noted and committed with which generation their contents are sealed. What is told and not
 * settled is bounded. A row counts as told too where there is nothing to tell of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_sealed.h"
#include "sync/keeping/keeping_internal.h"
#include "sync/plan/path.h"

enum {
	TELL_ROWS = 64,               /* sealed and endorsed at once */
	TELL_LOOKED = 256,            /* rows that are read for these */
	TELL_BLOCKS = 1 << 16,        /* in their lists, and one list more */
	TELL_MESSAGE_BYTES = 1 << 20, /* and one core more */
	TELL_ROOM = 256 << 10,        /* less is not worth a message */
};

struct tell_row {
	struct record r;         /* owned */
	struct blocklist blocks; /* owned; empty if there is none */
	uint64_t generation;     /* of its content, if that is settled; once it is sealed, of its objects; 0: none */
	bool sealed;
	struct bytes core, endorsement; /* owned */
	struct index_sealed note;       /* its list is note_list */
	struct bytes note_list;         /* owned */
};

struct keeping_tell_job {
	struct keeping *k;
	struct keeping_vault *v; /* NULL: it is gone */
	struct group_id group;
	const struct identity *self;
	struct keeping_keys *keys; /* owned */
	uint64_t epoch, after, upto;
	struct tell_row rows[TELL_ROWS];
	size_t n, blocks;
	int looked;
	bool back;        /* from the worker */
	bool noted;       /* something had to be written ... */
	uint64_t commits; /* ... and is committed when there are more than these */
};

static void tell_free(struct keeping_tell_job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct tell_row *t = &job->rows[i];

		record_clear(&t->r);
		blocklist_clear(&t->blocks);
		bytes_free(&t->core);
		bytes_free(&t->endorsement);
		bytes_free(&t->note_list);
	}
	keeping_keys_free(job->keys);
	free(job);
}

/* --- a worker --- */

/* How its content is sealed, for the index. */
static void tell_describe(struct tell_row *t, const struct row_sealed *s)
{
	t->generation = 0;
	for (size_t i = 0; i < s->nlist && t->generation == 0; i++)
		t->generation = s->list[i].generation;
	t->note = (struct index_sealed){ .generation = t->generation, .paged = s->npages > 0 };
	t->note_list = BYTES_INIT(INDEX_SEALED_MAX);
	if (s->npages > 0)
		bytes_append(&t->note_list, s->pages[0], s->npages * 32);
	else if (s->nlist > 0 && t->r.content.nblocks > 1)
		(void)page_list_encode(s->list, s->nlist, &t->note_list);
	t->note.list = t->note_list.p;
	t->note.n = t->note_list.len;
}

static void tell_seal(const struct keeping_tell_job *job, struct tell_row *t)
{
	const struct row_keys held = keeping_keys_row(job->keys);
	struct keys *content = keeping_keys_find(job->keys, t->generation);
	struct row_sealed s;

	if (content == NULL)
		content = job->keys->now;
	t->sealed = row_seal(&s, &held, job->keys->now, content, &t->r, t->blocks.n > 0 ? &t->blocks : NULL) == 0;
	if (!t->sealed)
		return;
	t->core = s.core;
	s.core = (struct bytes){ 0 };
	tell_describe(t, &s);
	row_sealed_clear(&s);
}

static void tell_endorse(struct keeping_tell_job *job)
{
	struct endorse_item items[TELL_ROWS];
	struct endorse_batch *b;
	size_t n = 0;

	for (size_t i = 0; i < job->n; i++) {
		if (!job->rows[i].sealed)
			continue;
		/* The core's name is its hash. */
		sha256(items[n].core, job->rows[i].core.p, job->rows[i].core.len);
		items[n++].seq = job->rows[i].r.seq;
	}
	if (n == 0)
		return;
	b = endorse_batch_new(&job->group, job->self, job->epoch, items, n);
	n = 0;
	for (size_t i = 0; i < job->n; i++) {
		struct tell_row *t = &job->rows[i];

		if (!t->sealed)
			continue;
		t->endorsement = BYTES_INIT(ENDORSE_LEN_MAX);
		t->sealed = endorse_batch_one(b, n++, &t->endorsement) == 0;
	}
	endorse_batch_free(b);
}

static void tell_work(void *arg)
{
	struct keeping_tell_job *job = arg;

	for (size_t i = 0; i < job->n; i++)
		tell_seal(job, &job->rows[i]);
	tell_endorse(job);
}

/* --- gathering --- */

static bool has_objects(const struct record *r)
{
	return record_is(r, RECORD_FILE) && r->content.nblocks > 0;
}

/* Its bytes, or its list, are not here: the vault does not have it from us, and will seem to have settled it. What was
 * dropped here after the vault had got it is known to be there. */
static void tell_leave_out(struct keeping *k, const struct keeping_vault *v, const struct record *r)
{
	if (has_objects(r) && r->via != v->peer && !index_has(k->config.index, r, v->peer))
		(void)index_holds_put(k->config.index, r, v->peer, false);
}

static void tell_add(struct keeping_tell_job *job, const struct record *r, struct blocklist *blocks)
{
	struct tell_row *t = &job->rows[job->n++];
	struct index_sealed known;

	record_copy(&t->r, r);
	t->blocks = *blocks;
	job->blocks += blocks->n;
	if (has_objects(r) && index_sealed_get(job->k->config.index, &r->content, &known) > 0)
		t->generation = known.generation;
}

/* index_since_but's callback. */
static bool tell_take(void *arg, const struct record *r)
{
	struct keeping_tell_job *job = arg;
	struct keeping *k = job->k;
	struct keeping_vault *v = job->v;
	struct blocklist blocks = { 0 };

	if (r->seq > k->committed)
		return false;
	job->looked++;
	job->upto = r->seq;
	if (r->version.n == 0 || (r->via == v->peer && r->seq > v->tell.had) ||
	    path_check(r->path, strlen(r->path)) != PATH_OK ||
	    (!r->deleted && !k->config.ops->accepts(k->config.arg, r->path, r->kind == RECORD_DIR)))
		return true;
	if (r->absent ||
	    (has_objects(r) && r->content.nblocks > 1 && index_blocks(k->config.index, &r->content, &blocks) != 1)) {
		tell_leave_out(k, v, r);
		return true;
	}
	tell_add(job, r, &blocks);
	return job->n < TELL_ROWS && job->blocks < TELL_BLOCKS;
}

/* NULL: the index does not answer, or nothing can be sealed now. */
static struct keeping_tell_job *tell_gather(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_tell_job *job = MEM_NEW(struct keeping_tell_job);

	job->k = k;
	job->v = v;
	job->group = *roster_group(k->config.roster);
	job->self = k->config.self;
	job->keys = keeping_keys_new(k);
	job->epoch = index_epoch(k->config.index);
	job->after = job->upto = v->tell.cursor;
	if (job->keys->now == NULL ||
	    index_since_but(k->config.index, job->after, TELL_LOOKED, v->peer, v->tell.had, tell_take, job) < 0) {
		tell_free(job);
		return NULL;
	}
	/* If no bound was met there are no further rows, and it covers all numbers that are committed. */
	if (job->looked < TELL_LOOKED && job->n < TELL_ROWS && job->blocks < TELL_BLOCKS)
		job->upto = k->committed;
	return job;
}

/* --- noting --- */

/* Notes how the contents are sealed. 1: something was written; 0: all of it is known; -1: one of them is sealed with
 * another generation by now, of which the keys are here; -2: the index fails. */
static int tell_note(const struct keeping_tell_job *job)
{
	struct index *index = job->k->config.index;
	int wrote = 0;

	for (size_t i = 0; i < job->n; i++) {
		const struct tell_row *t = &job->rows[i];
		struct index_sealed known;
		int rc;

		if (!t->sealed || !has_objects(&t->r))
			continue;
		rc = index_sealed_get(index, &t->r.content, &known);
		if (rc > 0 && known.generation == t->generation)
			continue;
		if (rc > 0 && keeping_keys_find(job->keys, known.generation) != NULL)
			return -1;
		if (rc < 0 || index_sealed_put(index, &t->r.content, &t->note) < 0)
			return -2;
		wrote = 1;
	}
	return wrote;
}

/* Whether what was sealed may be told: the current generation may be another by now, or none. */
static bool tell_holds(const struct keeping_tell_job *job)
{
	const struct keys *now = ring_current(job->k->config.ring);

	return now != NULL && keys_about(now)->id == keys_about(job->keys->now)->id &&
	       job->epoch == index_epoch(job->k->config.index);
}

/* --- sending --- */

static void tell_unsettled(struct keeping_vault *v, const struct tell_row *t)
{
	struct keeping_unsettled *u;

	if (v->tell.ntold == v->tell.max_told) {
		v->tell.max_told = v->tell.max_told > 0 ? 2 * v->tell.max_told : TELL_ROWS;
		v->tell.told = mem_realloc(v->tell.told, v->tell.max_told, sizeof(*v->tell.told));
	}
	u = &v->tell.told[v->tell.ntold++];
	*u = (struct keeping_unsettled){ t->r.seq, t->generation, t->core.len + t->endorsement.len };
	v->tell.bytes += u->bytes;
}

/* Sends the rows from *at on that fit into one message. 0; -1: it is not connected. */
static int tell_send_some(struct keeping *k, struct keeping_vault *v, const struct keeping_tell_job *job, size_t *at)
{
	struct msg_core cores[TELL_ROWS];
	struct msg_cores m = { .after = v->tell.cursor, .cores = cores };
	size_t bytes = 0, i = *at;

	for (; i < job->n && bytes < TELL_MESSAGE_BYTES; i++) {
		const struct tell_row *t = &job->rows[i];

		if (!t->sealed) {
			tell_leave_out(k, v, &t->r);
			continue;
		}
		cores[m.ncores++] = (struct msg_core){ t->r.seq,
			                               { t->core.p, t->core.len },
			                               { t->endorsement.p, t->endorsement.len } };
		bytes += t->core.len + t->endorsement.len;
	}
	m.upto = i < job->n ? job->rows[i - 1].r.seq : job->upto;
	if (k->config.ops->cores(k->config.arg, v->peer, &m) < 0)
		return -1;
	for (; *at < i; (*at)++) {
		if (job->rows[*at].sealed)
			tell_unsettled(v, &job->rows[*at]);
	}
	v->tell.cursor = m.upto;
	if (m.upto > k->endorsed)
		k->endorsed = m.upto;
	return 0;
}

static void tell_send(struct keeping *k, struct keeping_vault *v, const struct keeping_tell_job *job)
{
	size_t at = 0;

	do {
		if (tell_send_some(k, v, job, &at) < 0)
			return; /* the talk ends, and the next one begins from what is settled */
	} while (at < job->n);
}

static void tell_drop(struct keeping_vault *v)
{
	tell_free(v->tell.job);
	v->tell.job = NULL;
}

/* What the worker has sealed leaves, or waits for a commit, or is gathered again. True: the next may be gathered. */
static bool tell_finish(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_tell_job *job = v->tell.job;
	int noted = tell_holds(job) && job->after == v->tell.cursor ? tell_note(job) : -1;

	if (noted > 0) {
		job->noted = true;
		job->commits = index_commits(k->config.index);
	}
	/* A failed commit takes the note back; then it is written again. */
	if (noted >= 0 && job->noted && index_commits(k->config.index) <= job->commits) {
		loop_timer_start(k->soon, 0, 0);
		return false;
	}
	if (noted >= 0)
		tell_send(k, v, job);
	tell_drop(v);
	/* An index that fails now fails at the next rows too: they wait for the tick. */
	return noted != -2;
}

static void tell_done(void *arg)
{
	struct keeping_tell_job *job = arg;
	struct keeping *k = job->k;

	k->jobs--;
	job->back = true;
	if (job->v == NULL)
		tell_free(job);
	else
		keeping_tell_go_on(k, job->v);
}

static bool tell_may(const struct keeping *k, struct keeping_vault *v)
{
	const struct keeping_config *c = &k->config;

	return v->tell.cursor < k->committed && v->tell.ntold < KEEPING_TOLD_ROWS &&
	       v->tell.bytes < KEEPING_TOLD_BYTES && roster_may(c->roster, identity_id(c->self), RIGHT_WRITE) &&
	       ring_current(c->ring) != NULL && keeping_take_heard(k, v) &&
	       c->ops->room(c->arg, v->peer, false) >= TELL_ROOM;
}

void keeping_tell_go_on(struct keeping *k, struct keeping_vault *v)
{
	if (v->tell.job != NULL && (!v->tell.job->back || !tell_finish(k, v)))
		return;
	while (tell_may(k, v)) {
		struct keeping_tell_job *job = tell_gather(k, v);

		if (job == NULL)
			return;
		if (job->n > 0) {
			v->tell.job = job;
			keeping_job_submit(k, WORKERS_QUICK, tell_work, tell_done, job);
			return;
		}
		tell_send(k, v, job);
		if (v->tell.cursor != job->upto) {
			tell_free(job);
			return;
		}
		tell_free(job);
	}
}

/* --- rules --- */

/* The key of the number up to which all rows were told to it again, after a change of the ignore rules. */
static const char *tell_retold_key(char out[32], const struct keeping_vault *v)
{
	(void)snprintf(out, 32, "vault retold %016" PRIx64, v->peer);
	return out;
}

/* If the rules have changed since, a row that was kept back may be shared now. */
static void tell_retell(struct keeping *k, struct keeping_vault *v, uint64_t settled)
{
	int64_t due = 0, done = 0;
	char key[32];

	(void)index_meta_get(k->config.index, INDEX_META_RETELL, &due);
	(void)index_meta_get(k->config.index, tell_retold_key(key, v), &done);
	v->tell.retell = 0;
	if (due <= done)
		return;
	v->tell.retell = (uint64_t)due > settled ? (uint64_t)due : settled;
	v->tell.cursor = 0;
}

/* It has settled something that was told after all these, and it settles in order. */
static void tell_retold(struct keeping *k, struct keeping_vault *v, uint64_t settled)
{
	char key[32];

	if (v->tell.retell == 0 || v->tell.cursor < v->tell.retell || settled <= v->tell.retell)
		return;
	(void)index_meta_put(k->config.index, tell_retold_key(key, v), (int64_t)v->tell.retell);
	v->tell.retell = 0;
}

/* --- what is settled --- */

void keeping_tell_settled(struct keeping *k, struct keeping_vault *v)
{
	struct index_peer p;
	size_t n = 0;

	if (index_peer_get(k->config.index, v->peer, &p) < 0 || p.settled_epoch != index_epoch(k->config.index))
		return;
	tell_retold(k, v, p.settled);
	for (; n < v->tell.ntold && v->tell.told[n].seq <= p.settled; n++)
		v->tell.bytes -= v->tell.told[n].bytes;
	v->tell.ntold -= n;
	if (n > 0 && v->tell.ntold > 0)
		memmove(v->tell.told, v->tell.told + n, v->tell.ntold * sizeof(*v->tell.told));
}

static const struct keeping_unsettled *told_find(const struct keeping_unsettled *told, size_t n, uint64_t seq)
{
	size_t from = 0, to = n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (told[mid].seq < seq)
			from = mid + 1;
		else
			to = mid;
	}
	return from < n && told[from].seq == seq ? &told[from] : NULL;
}

const struct keeping_unsettled *keeping_tell_find(const struct keeping_vault *v, uint64_t seq)
{
	const struct keeping_unsettled *u = told_find(v->tell.told, v->tell.ntold, seq);

	return u != NULL ? u : told_find(v->tell.before, v->tell.nbefore, seq);
}

/* --- beginning and end --- */

void keeping_tell_up(struct keeping *k, struct keeping_vault *v, const struct msg_vault *hello)
{
	bool ours = hello->have_epoch == index_epoch(k->config.index) && hello->settled <= k->committed;

	v->tell.cursor = ours ? hello->settled : 0;
	tell_retell(k, v, v->tell.cursor);
	/* It may still want objects of what was told to it before. */
	if (v->tell.ntold > 0) {
		free(v->tell.before);
		v->tell.before = v->tell.told;
		v->tell.nbefore = v->tell.ntold;
		v->tell.told = NULL;
	}
	v->tell.ntold = v->tell.max_told = v->tell.bytes = 0;
	/* What came from it before, it may have lost. */
	v->tell.had = k->committed;
	keeping_tell_go_on(k, v);
}

void keeping_tell_down(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_tell_job *job = v->tell.job;

	(void)k;
	if (job != NULL && job->back)
		tell_free(job);
	else if (job != NULL)
		job->v = NULL;
	free(v->tell.told);
	free(v->tell.before);
}
