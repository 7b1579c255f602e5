/* A vault's rows: workers open and check one message at a time, in order, and the loop decides which of them count. A
 * vault vouches for nothing; who endorsed a row must be able to write, by our roster, when it is taken. A row that
 * cannot be judged yet is not passed over, since its number would count as received: it waits, and all behind it. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_sealed.h"
#include "sync/keeping/keeping_internal.h"

/* Bytes that wait, with what each row costs here: a vault has less than half of it under way, twice where it begins
 * again. */
enum { TAKE_BYTES = 48 << 20 };

enum take_result {
	TAKE_OPENED,
	TAKE_KEYS,  /* a generation's keys are not here */
	TAKE_LATER, /* of a form that a later lanyard writes */
	TAKE_BAD,   /* malformed or altered: an honest vault gives no such row */
	TAKE_FALSE, /* its endorser sealed it wrongly, which a vault cannot see */
};

/* One row of a message. */
struct take_row {
	uint64_t seq;                   /* the vault's */
	size_t at, ncore, nendorsement; /* in the bytes of the message */
	enum take_result result;
	bool unknown; /* who endorsed it: that is of a later form */
	struct agent_id endorser;
	uint64_t epoch, endorsed; /* the endorser's, and its number of the row */
	struct core *core;        /* owned; NULL unless OPENED */
	struct row_opened opened;
};

struct keeping_take_job {
	struct keeping *k;
	struct keeping_vault *v; /* NULL: it is gone */
	struct group_id group;
	struct keeping_keys *keys; /* owned */
	uint64_t after, upto;
	struct take_row *rows; /* owned */
	size_t n, done;        /* those before `done` are handed on, or left out */
	uint8_t *bytes;        /* owned */
	size_t cost;           /* bytes that count for it, so that many that say nothing are too many as well */
	struct endorse_root known;
	struct keeping_take_job *prev, *next;
};

static struct keeping_take_job *take_new(struct keeping *k, struct keeping_vault *v, const struct msg_cores *m)
{
	struct keeping_take_job *job = MEM_NEW(struct keeping_take_job);
	size_t at = 0, nbytes;

	job->k = k;
	job->v = v;
	job->group = *roster_group(k->config.roster);
	job->after = m->after;
	job->upto = m->upto;
	job->n = m->ncores;
	job->rows = mem_calloc(m->ncores + 1, sizeof(*job->rows));
	job->bytes = msg_cores_bytes(m, &nbytes);
	job->cost = sizeof(*job) + (job->n + 1) * sizeof(*job->rows) + nbytes;
	for (size_t i = 0; i < m->ncores; i++) {
		const struct msg_core *c = &m->cores[i];

		job->rows[i] = (struct take_row){ .seq = c->seq,
			                          .at = at,
			                          .ncore = c->core.n,
			                          .nendorsement = c->endorsement.n,
			                          .result = TAKE_KEYS };
		at += c->core.n + c->endorsement.n;
	}
	return job;
}

static void take_row_clear(struct take_row *t)
{
	row_opened_clear(&t->opened);
	if (t->core != NULL)
		core_clear(t->core);
	free(t->core);
	t->core = NULL;
}

static void take_free(struct keeping_take_job *job)
{
	for (size_t i = 0; i < job->n; i++)
		take_row_clear(&job->rows[i]);
	keeping_keys_free(job->keys);
	free(job->rows);
	free(job->bytes);
	free(job);
}

/* --- a worker --- */

static enum take_result take_check(struct keeping_take_job *job, struct take_row *t)
{
	const uint8_t *p = job->bytes + t->at;
	enum core_result form = core_parse(t->core, p, t->ncore);
	struct endorse_signer signer;
	enum endorse_result endorsed;
	uint8_t name[CORE_NAME_LEN];

	if (form == CORE_FORM)
		return TAKE_BAD;
	sha256(name, p, t->ncore); /* of a later form, too: nobody is stopped by what a vault made up */
	endorsed = endorse_check(&job->group, name, p + t->ncore, t->nendorsement, &job->known, &signer, &t->endorsed);
	t->unknown = endorsed == ENDORSE_VERSION;
	if (endorsed != ENDORSE_OK)
		return t->unknown ? TAKE_LATER : TAKE_BAD;
	identity_id_of_key(&t->endorser, signer.key);
	t->epoch = signer.epoch;
	return form == CORE_OK ? TAKE_OPENED : TAKE_LATER;
}

static void take_open(struct keeping_take_job *job, struct take_row *t)
{
	const struct row_keys held = keeping_keys_row(job->keys);
	const char *why;

	t->core = MEM_NEW(struct core);
	t->result = take_check(job, t);
	if (t->result == TAKE_OPENED) {
		switch (row_open(&t->opened, &held, t->core, &why)) {
		case ROW_OK:
			return;
		case ROW_KEYS:
			t->result = TAKE_KEYS;
			break;
		case ROW_BAD:
			t->result = TAKE_FALSE;
			break;
		}
	}
	take_row_clear(t);
}

static void take_work(void *arg)
{
	struct keeping_take_job *job = arg;

	for (size_t i = job->done; i < job->n; i++) {
		if (job->rows[i].result == TAKE_KEYS)
			take_open(job, &job->rows[i]);
	}
}

/* --- which rows count --- */

enum take_step { TAKE_HAND_ON, TAKE_LEAVE_OUT, TAKE_STOP, TAKE_ROLLED_BACK };

/* A number that this index has given by now may be one that it has given twice: the scan that comes after an older copy
 * was put back takes them again. */
static bool is_our_future(const struct keeping *k, const struct take_row *t)
{
	return memcmp(&t->endorser, identity_id(k->config.self), sizeof(t->endorser)) == 0 &&
	       t->epoch == index_epoch(k->config.index) && t->endorsed > k->endorsed;
}

static void take_warn(const struct take_row *t, const char *why)
{
	char text[ID_TEXT_MAX];

	if (!log_allow("rows of vaults", 5))
		return;
	agent_id_text(text, &t->endorser);
	log_warn("a vault's row is left out: %s, who endorsed it, %s", text, why);
}

/* Its endorser may not write, as far as we know. The vault may have heard of somebody before we have; once it has
 * heard what we have, it would not give this row if it counted. */
static enum take_step take_fallen(const struct keeping *k, struct keeping_vault *v, const struct take_row *t,
                                  const char **why)
{
	int64_t since = v->take.equal_ms;

	if (since > 0 && loop_now_ms(k->config.loop) - since >= k->config.patience_ms) {
		take_warn(t, "may not write");
		return TAKE_LEAVE_OUT;
	}
	*why = "news of who wrote a vault's rows";
	return TAKE_STOP;
}

static enum take_step take_judge(struct keeping *k, struct keeping_vault *v, const struct take_row *t, const char **why)
{
	if (t->result == TAKE_BAD) {
		v->bad++;
		k->config.ops->misbehaved(k->config.arg, v->peer, "gave a row that is malformed or not endorsed");
		return TAKE_LEAVE_OUT;
	}
	/* Before all else: what counts for nothing need not be readable. */
	if (!t->unknown && !roster_may(k->config.roster, &t->endorser, RIGHT_WRITE))
		return take_fallen(k, v, t, why);
	if (t->result == TAKE_LATER) {
		*why = "a later version of lanyard, which wrote a vault's rows";
		return TAKE_STOP;
	}
	if (is_our_future(k, t))
		return TAKE_ROLLED_BACK;
	if (t->result == TAKE_KEYS) {
		*why = "keys of a vault's rows";
		return TAKE_STOP;
	}
	if (t->result == TAKE_FALSE) {
		take_warn(t, "sealed it wrongly");
		return TAKE_LEAVE_OUT;
	}
	return TAKE_HAND_ON;
}

/* --- handing on --- */

/* How its content is sealed at the vault; it need not be where we have it. */
static void take_note(struct keeping *k, const struct row_opened *o)
{
	const struct record *r = &o->record.record;
	struct index_sealed s = { .generation = o->generation };

	if (!record_is(r, RECORD_FILE) || r->content.nblocks == 0 || (r->content.nblocks == 1 && o->generation == 0))
		return;
	s.paged = o->npages > 0;
	s.list = s.paged ? o->pages[0] : o->record.sealed_list.p;
	s.n = s.paged ? o->npages * 32 : o->record.sealed_list.n;
	(void)index_sealed_put(k->config.index, &r->content, &s);
}

/* A row as NEWS says it; its block list, if that is short, is the caller's. */
static void take_say(struct msg_record *m, const struct take_row *t)
{
	const struct blocklist *list = &t->opened.blocks;
	uint8_t *blocks;

	*m = (struct msg_record){ .record = t->opened.record.record };
	m->record.seq = t->seq;
	if (list->n < 2)
		return;
	blocks = mem_calloc(list->n, 36);
	blocklist_encode(blocks, list);
	m->blocks = (struct msg_bytes){ .p = blocks, .n = (size_t)list->n * 36 };
}

/* Some rows on their way; they are the job's. */
struct take_news {
	struct msg_news m;
	struct msg_record *records; /* owned */
};

static void take_news_free(struct take_news *news)
{
	for (size_t i = 0; i < news->m.nrecords; i++) {
		union {
			const uint8_t *in;
			void *out;
		} blocks = { .in = news->records[i].blocks.p };

		free(blocks.out);
	}
	free(news->records);
}

/* The rows of the job up to the first that has to wait. */
static enum take_step take_gather(struct keeping *k, struct keeping_vault *v, struct keeping_take_job *job,
                                  struct take_news *news, const char **why)
{
	*news = (struct take_news){ .m = { .after = job->after },
		                    .records = mem_calloc(job->n + 1, sizeof(*news->records)) };
	for (; job->done < job->n; job->done++) {
		const struct take_row *t = &job->rows[job->done];
		enum take_step step = take_judge(k, v, t, why);

		if (step == TAKE_STOP || step == TAKE_ROLLED_BACK) {
			news->m.upto = t->seq - 1;
			news->m.records = news->records;
			return step;
		}
		if (step == TAKE_LEAVE_OUT) {
			(void)index_note_rejected(k->config.index, v->epoch, t->seq);
			continue;
		}
		take_note(k, &t->opened);
		take_say(&news->records[news->m.nrecords++], t);
	}
	news->m.upto = job->upto;
	news->m.records = news->records;
	return TAKE_HAND_ON;
}

static void take_submit(struct keeping *k, struct keeping_vault *v);

/* The first message is checked: hands on what counts of it. May end v. */
static void take_go_on(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_take_job *job = v->take.jobs;
	const struct keeping_ops *ops = k->config.ops;
	uint64_t peer = v->peer;
	struct take_news news;
	const char *why = NULL;
	enum take_step step = take_gather(k, v, job, &news, &why);
	bool more = news.m.upto > job->after;

	job->after = news.m.upto;
	if (news.m.upto > v->take.cursor) {
		v->take.cursor = news.m.upto;
		v->take.last_ms = loop_now_ms(k->config.loop);
		loop_timer_start(k->soon, 0, 0); /* ours may be told now */
	}
	if (v->take.stopped != why)
		ops->state(k->config.arg);
	v->take.stopped = why;
	if (step == TAKE_HAND_ON) {
		DL_DELETE(v->take.jobs, job);
		v->take.bytes -= job->cost;
		job->v = NULL;
		take_submit(k, v);
	} else {
		v->take.lent = job;
	}
	/* v may go in these calls, and takes with it the jobs that it still has, except what is lent. */
	if (more)
		ops->news(k->config.arg, peer, &news.m);
	if (step == TAKE_ROLLED_BACK)
		ops->rolled_back(k->config.arg, peer);
	take_news_free(&news);
	if (job->v == NULL)
		take_free(job);
	else
		job->v->take.lent = NULL;
}

static void take_done(void *arg)
{
	struct keeping_take_job *job = arg;
	struct keeping *k = job->k;
	struct keeping_vault *v = job->v;

	k->jobs--;
	if (v == NULL) {
		take_free(job);
		return;
	}
	v->take.working = false;
	v->take.known = job->known;
	take_go_on(k, v);
}

/* Hands the first message to a worker. */
static void take_submit(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_take_job *job = v->take.jobs;

	if (job == NULL)
		return;
	keeping_keys_free(job->keys);
	job->keys = keeping_keys_new(k);
	job->known = v->take.known;
	v->take.working = true;
	keeping_job_submit(k, WORKERS_QUICK, take_work, take_done, job);
}

void keeping_take_again(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_take_job *job = v->take.jobs;

	if (job == NULL || v->take.working || v->take.lent != NULL)
		return;
	if (job->done < job->n && job->rows[job->done].result == TAKE_KEYS)
		take_submit(k, v);
	else
		take_go_on(k, v);
}

/* --- in and out --- */

void keeping_take_cores(struct keeping *k, struct keeping_vault *v, const struct msg_cores *m)
{
	struct keeping_take_job *job;

	if (v->take.overflowed)
		return;
	job = take_new(k, v, m);
	v->take.bytes += job->cost;
	if (v->take.bytes > TAKE_BYTES) {
		v->take.bytes -= job->cost;
		v->take.overflowed = true;
		take_free(job);
		k->config.ops->misbehaved(k->config.arg, v->peer, "gave more rows than there is room for");
		return;
	}
	DL_APPEND(v->take.jobs, job);
	if (v->take.jobs == job)
		take_submit(k, v);
}

void keeping_take_tick(struct keeping *k, struct keeping_vault *v)
{
	int64_t now = loop_now_ms(k->config.loop);

	if (!k->config.ops->rosters_equal(k->config.arg, v->peer))
		v->take.equal_ms = 0;
	else if (v->take.equal_ms == 0)
		v->take.equal_ms = now;
	if (v->take.stopped != NULL)
		keeping_take_again(k, v);
}

bool keeping_take_heard(const struct keeping *k, struct keeping_vault *v)
{
	v->take.heard = v->take.heard || v->take.cursor >= v->take.hello_seq ||
	                loop_now_ms(k->config.loop) - v->take.last_ms >= k->config.patience_ms;
	return v->take.heard;
}

void keeping_take_up(struct keeping *k, struct keeping_vault *v, const struct msg_vault *hello)
{
	struct index_peer known;

	v->take.hello_seq = hello->seq;
	v->take.last_ms = loop_now_ms(k->config.loop);
	if (index_peer_get(k->config.index, v->peer, &known) == 0 && known.epoch == v->epoch)
		v->take.cursor = known.received;
}

void keeping_take_down(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_take_job *job, *next;

	(void)k;
	DL_FOREACH_SAFE(v->take.jobs, job, next) {
		DL_DELETE(v->take.jobs, job);
		job->v = NULL;
		if (job != v->take.lent && !v->take.working)
			take_free(job);
		v->take.working = false; /* a worker has the first alone, and frees it */
	}
}
