/* What strangers ask, and what members bring of them. A worker checks signatures; the loop judges. A stranger causes
 * little work: messages have a budget for each connection, salts one for each address, and requests that are not known
 * are checked only if a member is said to have signed them. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"

enum ask_job_kind { ASK_JOB_SHOWN, ASK_JOB_REVEALED, ASK_JOB_MAIL };

struct ask_job {
	enum ask_job_kind kind;
	struct session *session; /* counted in its jobs */
	struct group_id group;
	struct group_tag tag;
	struct bytes entries; /* each behind its length (4 bytes) */
	size_t n;
	bool good[ASK_JOB_ENTRIES];
};

/* --- jobs --- */

static struct ask_job *ask_job_new(struct session *s, const struct peer_group *g, enum ask_job_kind kind)
{
	struct ask_job *job = MEM_NEW(struct ask_job);

	job->kind = kind;
	job->session = s;
	job->group = *roster_group(g->config.roster);
	group_id_tag_of(&job->tag, &job->group);
	job->entries = BYTES_INIT((size_t)ASK_JOB_ENTRIES * (REQUEST_ENTRY_MAX + 4));
	return job;
}

static void ask_job_free(struct ask_job *job)
{
	bytes_free(&job->entries);
	free(job);
}

static void ask_job_add(struct ask_job *job, const uint8_t *entry, size_t n)
{
	bytes_append_u32(&job->entries, (uint32_t)n);
	bytes_append(&job->entries, entry, n);
	job->n++;
}

static void ask_job_run(void *arg)
{
	struct ask_job *job = arg;
	struct reader in = READER_INIT(job->entries.p, job->entries.len);

	for (size_t i = 0; i < job->n; i++) {
		uint32_t n = reader_u32(&in);
		const uint8_t *entry = reader_take(&in, n);

		job->good[i] = job->kind == ASK_JOB_REVEALED ? request_part_signed(entry, n)
		                                             : requests_check(&job->tag, entry, n);
	}
}

static void ask_job_done(void *arg);

static void ask_job_submit(struct ask_job *job)
{
	struct session *s = job->session;

	s->jobs++;
	workers_submit(s->peers->config.workers, WORKERS_QUICK, ask_job_run, ask_job_done, job);
}

/* --- strangers --- */

static struct asking *asking_of(const struct session *s, const struct peer_group *g)
{
	struct asking *a;

	DL_FOREACH(s->asking, a)
		if (a->group == g)
			return a;
	return NULL;
}

static struct asking *asking_new(struct session *s, struct peer_group *g)
{
	struct asking *a;

	if (s->nasking >= ASK_OF_SESSION)
		return NULL;
	a = MEM_NEW(struct asking);
	a->session = s;
	a->group = g;
	s->nasking++;
	DL_APPEND(s->asking, a);
	return a;
}

static void say(struct asking *a, enum msg_ask_state state, struct msg_bytes salt, struct msg_bytes entry)
{
	const struct peer_group *g = a->group;
	struct group_tag tag;

	group_id_tag_of(&tag, roster_group(g->config.roster));
	a->told = true;
	a->told_state = state;
	a->told_ms = loop_now_ms(a->session->peers->config.loop);
	ask_out_answer(a->session,
	               &(struct msg_ask_answer){
			       .tag = tag.b,
			       .state = state,
			       .salt = salt,
			       .entry = entry,
			       .number = salt.n > 0 ? requests_number(g->config.requests, &a->session->id) : 0 });
}

static const struct msg_bytes no_bytes;

/* A member's salt is what makes the code safe, so a reader gives none: with a helper it could make any code. */
static void give_salt(struct asking *a)
{
	struct session *s = a->session;
	struct peers *p = s->peers;
	char host[REQUEST_ADDRESS_MAX + 1];

	ask_budget_host(host, s->link->address);
	if (!roster_may(a->group->config.roster, identity_id(p->config.self), RIGHT_ADMIT) ||
	    (!a->salted && !ask_budget_salt(a->group->asks->budget, host, loop_now_ms(p->config.loop)))) {
		say(a, MSG_ASK_LATER, no_bytes, no_bytes);
		return;
	}
	if (!a->salted) /* a second salt for one commitment would be a try for nothing */
		random_bytes(a->salt, sizeof(a->salt));
	a->salted = true;
	say(a, MSG_ASK_SALT, (struct msg_bytes){ .p = a->salt, .n = sizeof(a->salt) }, no_bytes);
}

static void answer_stranger(struct asking *a)
{
	a->told = false;
	if (!ask_out_tell(a))
		give_salt(a);
}

static bool asks_too_often(struct session *s)
{
	if (ask_budget_take(&s->asked_ms, ASK_AT_ONCE, ASK_MS, loop_now_ms(s->peers->config.loop)))
		return false;
	if (!s->condemned)
		s->condemned = "asks too often";
	return true;
}

/* Requests that we do not know, which a member has signed. */
static struct ask_job *unknown_ones(struct session *s, struct peer_group *g, const struct msg_ask *m)
{
	struct ask_job *job = ask_job_new(s, g, ASK_JOB_SHOWN);
	struct request_entry e;

	for (size_t i = 0; i < m->nentries; i++) {
		const struct msg_bytes *b = &m->entries[i];

		if (request_parse(&e, b->p, b->n) < 0 || e.is_answer || !agent_id_equal(&e.asker, &s->id) ||
		    !roster_may(g->config.roster, &e.signer, RIGHT_ADMIT) ||
		    requests_knows(g->config.requests, b->p, b->n))
			continue;
		ask_job_add(job, b->p, b->n);
	}
	return job;
}

/* Its own claim: nobody else is told of it. */
static uint64_t latest_shown(const struct session *s, const struct msg_ask *m)
{
	struct request_entry e;
	uint64_t latest = 0;

	for (size_t i = 0; i < m->nentries; i++)
		if (request_parse(&e, m->entries[i].p, m->entries[i].n) == 0 && !e.is_answer &&
		    agent_id_equal(&e.asker, &s->id) && e.number > latest)
			latest = e.number;
	return latest;
}

void ask_in_ask(struct session *s, const struct msg_ask *m)
{
	struct peer_group *g = ask_out_group(s->peers, m->tag);
	struct asking *a = g ? asking_of(s, g) : NULL;
	struct ask_job *job;

	if (asks_too_often(s))
		return;
	if (g && !a)
		a = asking_new(s, g);
	if (!a) {
		ask_out_answer(s, &(struct msg_ask_answer){ .tag = m->tag, .state = MSG_ASK_NO });
		return;
	}
	a->made = m->number;
	a->shown = latest_shown(s, m);
	/* A salt is for one commitment: who could commit again would choose the code. */
	if (memcmp(a->commitment, m->commitment, sizeof(a->commitment)) != 0)
		a->salted = false;
	memcpy(a->commitment, m->commitment, sizeof(a->commitment));
	job = unknown_ones(s, g, m);
	if (job->n > 0) {
		ask_job_submit(job);
		return;
	}
	ask_job_free(job);
	answer_stranger(a);
}

void ask_in_reveal(struct session *s, const struct msg_ask_reveal *m)
{
	struct peer_group *g = ask_out_group(s->peers, m->tag);
	struct asking *a = g ? asking_of(s, g) : NULL;
	uint8_t commitment[REQUEST_NONCE];
	struct request_entry e;
	struct ask_job *job;

	if (asks_too_often(s) || !a || !a->salted)
		return;
	a->salted = false; /* whatever comes of it: the next try needs another salt */
	if (request_parse_part(&e, m->request.p, m->request.n) < 0 || memcmp(e.tag.b, m->tag, MSG_TAG_LEN) != 0 ||
	    !agent_id_equal(&e.asker, &s->id) || !agent_id_equal(&e.signer, identity_id(s->peers->config.self)))
		return;
	request_commit(commitment, e.key, e.r);
	if (memcmp(commitment, a->commitment, sizeof(commitment)) != 0 || memcmp(e.s, a->salt, sizeof(a->salt)) != 0)
		return;
	job = ask_job_new(s, g, ASK_JOB_REVEALED);
	ask_job_add(job, m->request.p, m->request.n);
	ask_job_submit(job);
}

/* The request is complete: from now on we carry it, unless there is no room for it. */
static void carry(struct asking *a, const uint8_t *part, size_t n)
{
	struct session *s = a->session;
	struct peer_group *g = a->group;
	struct bytes entry = BYTES_INIT(REQUEST_ENTRY_MAX);
	char host[REQUEST_ADDRESS_MAX + 1];
	struct request_entry e;
	int64_t now_s = clock_wall_s();

	ask_budget_host(host, s->link->address);
	if (request_vouch(&entry, part, n, host, now_s > 0 ? now_s : 0, s->peers->config.self) == 0 &&
	    request_parse(&e, entry.p, entry.len) == 0) {
		a->made = a->shown = e.number;
		a->told = true; /* by say(), unless it is settled already, or there is no room */
		a->told_state = MSG_ASK_WAITING;
		(void)requests_put(g->config.requests, 0, entry.p, entry.len, now_s);
		ask_out_settle(g);
		if (a->told_state == MSG_ASK_WAITING)
			say(a, MSG_ASK_WAITING, no_bytes, (struct msg_bytes){ .p = entry.p, .n = entry.len });
	}
	bytes_free(&entry);
}

/* --- members --- */

static struct peer_group *ask_job_group(const struct ask_job *job)
{
	struct peer_group *g;

	DL_FOREACH(job->session->peers->groups, g)
		if (g->asks != NULL && group_id_equal(roster_group(g->config.roster), &job->group))
			return g;
	return NULL;
}

static void put_entries(const struct ask_job *job, struct peer_group *g)
{
	struct session *s = job->session;
	struct reader in = READER_INIT(job->entries.p, job->entries.len);
	uint64_t bringer = job->kind == ASK_JOB_MAIL ? s->peer : 0;
	bool fresh = false;

	for (size_t i = 0; i < job->n; i++) {
		uint32_t n = reader_u32(&in);
		const uint8_t *entry = reader_take(&in, n);

		if (job->good[i])
			fresh |= requests_put(g->config.requests, bringer, entry, n, clock_wall_s()) == REQUESTS_NEW;
		else if (job->kind == ASK_JOB_MAIL && log_allow("requests-bad", 5))
			log_about(LOG_WARN,
			          &(struct log_about){ .group = roster_name(g->config.roster), .peer = s->id_text },
			          "%s: sent an invalid request to join", s->link->address);
	}
	if (fresh)
		ask_out_settle(g);
}

static void ask_job_done(void *arg)
{
	struct ask_job *job = arg;
	struct session *s = job->session;
	struct peer_group *g = s->closed ? NULL : ask_job_group(job);
	struct asking *a = g ? asking_of(s, g) : NULL;

	if (g != NULL && job->kind != ASK_JOB_REVEALED)
		put_entries(job, g);
	if (a != NULL && job->kind == ASK_JOB_REVEALED && job->good[0])
		carry(a, job->entries.p + 4, job->entries.len - 4);
	if (a != NULL && job->kind == ASK_JOB_SHOWN)
		answer_stranger(a);
	ask_job_free(job);
	session_job_done(s);
}

void ask_in_requests(struct talk *t, const struct msg_requests *m)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;
	struct ask_job *job;
	uint8_t digest[32];

	if (g->asks == NULL || !t->open_in || !roster_may(g->config.roster, &s->id, RIGHT_TAKE_PART))
		return;
	job = ask_job_new(s, g, ASK_JOB_MAIL);
	for (size_t i = 0; i < m->nentries; i++) {
		const struct msg_bytes *b = &m->entries[i];

		if (b->n > REQUEST_ENTRY_MAX || requests_knows(g->config.requests, b->p, b->n) ||
		    !ask_budget_entry(g->asks->budget, s->peer, loop_now_ms(s->peers->config.loop)))
			continue;
		ask_job_add(job, b->p, b->n);
		if (job->n == ASK_JOB_ENTRIES) {
			ask_job_submit(job);
			job = ask_job_new(s, g, ASK_JOB_MAIL);
		}
	}
	if (job->n > 0)
		ask_job_submit(job);
	else
		ask_job_free(job);
	(void)requests_digest(g->config.requests, digest);
	if (m->digest.n == sizeof(digest) && memcmp(m->digest.p, digest, sizeof(digest)) != 0 && t->open_sent)
		ask_out_all(t);
}
