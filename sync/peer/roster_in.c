/* What others show of the roster: entries, credentials and requests to join, each a "paper". A worker checks
 * signatures, one job at a time for each group and in the order in which the papers came. The loop judges once per
 * job what they change. What one peer may bring is bounded: an entry that is unknown and turns out not to count
 * uses up the peer's allowance, which comes back slowly. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum {
	JOB_ENTRIES = 128,    /* of one job: under 40 ms */
	QUEUED_MAX = 4 << 20, /* bytes that one peer may have waiting */
	COST_UNKNOWN = 32,    /* of an entry whose signatures are to be checked */
	COST_KNOWN = 1,
	ALLOWANCE = 2048 * COST_UNKNOWN,
	REFILL_MS = 16, /* for one unit */
	BRINGERS_MAX = 2 * ROSTER_MAX_MEMBERS,
	LEAVES_MAX = 2, /* of a joiner: one that abandons the group, and one that does not */
};

enum paper_kind { PAPER_ENTRIES, PAPER_OPEN, PAPER_LEFT, PAPER_JOIN };

struct paper {
	struct paper *prev, *next;
	enum paper_kind kind;
	uint64_t talk; /* serial */
	uint64_t bringer;
	bool by_member;       /* its bringer was in the group when the paper came */
	struct bytes entries; /* each behind its length (4 bytes) */
	size_t n, size;
	bool good[JOB_ENTRIES];
	bool has_digest;
	uint8_t digest[32]; /* PAPER_OPEN: the peer's roster's */
};

/* What is left of one peer's allowance. */
struct roster_allowance {
	uint64_t peer;
	int64_t spent, at_ms;
	size_t queued;
	bool told; /* the log was told that it has spent all */
	UT_hash_handle hh;
};

struct roster_in {
	struct peer_group *group; /* NULL: it was freed while a job was out */
	const struct roster_in_events *events;
	struct workers *workers;
	struct group_id id;
	struct paper *waiting;
	struct paper *job; /* at a worker */
	bool busy;         /* a job is out, or its result is being handed on */
	struct roster_allowance *bringers;
};

struct roster_in *roster_in_new(struct peer_group *g, const struct roster_in_events *events)
{
	struct roster_in *in = MEM_NEW(struct roster_in);

	in->group = g;
	in->events = events;
	in->workers = g->peers->config.workers;
	in->id = *roster_group(g->config.roster);
	return in;
}

static void papers_free(struct paper **list)
{
	struct paper *p, *next;

	DL_FOREACH_SAFE(*list, p, next) {
		DL_DELETE(*list, p);
		bytes_free(&p->entries);
		free(p);
	}
}

static void roster_in_release(struct roster_in *in)
{
	struct roster_allowance *b, *tmp;

	papers_free(&in->waiting);
	HASH_ITER(hh, in->bringers, b, tmp) {
		HASH_DEL(in->bringers, b);
		free(b);
	}
	free(in);
}

void roster_in_free(struct roster_in *in)
{
	if (in == NULL)
		return;
	in->group = NULL;
	if (!in->busy)
		roster_in_release(in);
}

/* --- what one may bring --- */

static void forget_idle_bringers(struct roster_in *in)
{
	struct roster_allowance *b, *tmp;

	HASH_ITER(hh, in->bringers, b, tmp) {
		if (b->queued > 0 || HASH_COUNT(in->bringers) < BRINGERS_MAX)
			continue;
		HASH_DEL(in->bringers, b);
		free(b);
	}
}

static struct roster_allowance *allowance_of(struct roster_in *in, uint64_t peer, int64_t now_ms)
{
	struct roster_allowance *b;
	int64_t back;

	HASH_FIND(hh, in->bringers, &peer, sizeof(peer), b);
	if (b == NULL) {
		forget_idle_bringers(in);
		b = MEM_NEW(struct roster_allowance);
		b->peer = peer;
		b->at_ms = now_ms;
		HASH_ADD(hh, in->bringers, peer, sizeof(b->peer), b);
	}
	back = (now_ms - b->at_ms) / REFILL_MS;
	b->spent = b->spent > back ? b->spent - back : 0;
	b->at_ms += back * REFILL_MS;
	return b;
}

/* Whether to have a worker check the entry: not if it is known, nor when its bringer has used up its allowance. */
static bool is_worth_it(struct talk *t, struct roster_allowance *b, const struct msg_bytes *e)
{
	const struct log_about about = talk_about(t);
	bool known = roster_knows(t->group->config.roster, e->p, e->n);

	b->spent += known ? COST_KNOWN : COST_UNKNOWN;
	if (known || e->n > ROSTER_ENTRY_MAX)
		return false;
	if (b->spent <= ALLOWANCE && b->queued + e->n <= QUEUED_MAX) {
		b->told = false;
		return true;
	}
	if (!b->told)
		log_about(LOG_WARN, &about, "%s: sends more roster entries than can take effect: the rest is ignored",
		          t->session->link->address);
	b->told = true;
	b->spent -= COST_UNKNOWN;
	return false;
}

/* --- jobs --- */

static void paper_check(struct paper *p, const struct group_id *id)
{
	struct reader r = READER_INIT(p->entries.p, p->entries.len);

	for (size_t i = 0; i < p->n; i++) {
		uint32_t n = reader_u32(&r);
		const uint8_t *entry = reader_take(&r, n);

		p->good[i] = p->kind == PAPER_JOIN ? invite_request_signed(entry, n) : roster_check(id, entry, n);
	}
}

static void papers_check(void *arg)
{
	struct roster_in *in = arg;
	struct paper *p;

	DL_FOREACH(in->job, p)
		paper_check(p, &in->id);
}

static void papers_checked(void *arg);

static void papers_submit(struct roster_in *in)
{
	struct paper *p, *next;
	size_t n = 0;

	if (in->busy || in->waiting == NULL)
		return;
	in->busy = true;
	DL_FOREACH_SAFE(in->waiting, p, next) {
		if (n > 0 && n + p->n > JOB_ENTRIES)
			break;
		n += p->n;
		DL_DELETE(in->waiting, p);
		DL_APPEND(in->job, p);
	}
	workers_submit(in->workers, n > JOB_ENTRIES / 8 ? WORKERS_BULK : WORKERS_QUICK, papers_check, papers_checked,
	               in);
}

static struct talk *paper_talk(const struct peer_group *g, uint64_t serial)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next)
		if (t->serial == serial)
			return t;
	return NULL;
}

static void warn_of(struct talk *t)
{
	const struct log_about about = talk_about(t);

	if (log_allow("roster-bad", 5))
		log_about(LOG_WARN, &about, "%s: sent an invalid roster entry", t->session->link->address);
}

/* A stranger's entries are not taken. A member's are, even if it left before they were checked: it may have said
 * its last. */
static bool is_taken(const struct paper *p, const struct talk *t)
{
	return p->kind == PAPER_OPEN || p->kind == PAPER_LEFT || p->by_member ||
	       (t != NULL && rights_has(t->role, RIGHT_TAKE_PART));
}

static void put_paper(struct roster_in *in, const struct paper *p)
{
	struct talk *t = paper_talk(in->group, p->talk);
	struct reader r = READER_INIT(p->entries.p, p->entries.len);

	for (size_t i = 0; i < p->n && is_taken(p, t); i++) {
		uint32_t n = reader_u32(&r);
		const uint8_t *entry = reader_take(&r, n);

		if (p->good[i])
			(void)roster_put(in->group->config.roster, p->bringer, entry, n);
		else if (t != NULL)
			warn_of(t);
	}
}

/* Entries that count cost nothing in the end, except those of which a member can make any number. */
static void allowance_give_back(struct roster_in *in, const struct paper *p)
{
	struct roster_allowance *b = allowance_of(in, p->bringer, loop_now_ms(in->group->peers->config.loop));
	struct reader r = READER_INIT(p->entries.p, p->entries.len);

	b->queued -= p->size;
	for (size_t i = 0; i < p->n && p->kind != PAPER_JOIN; i++) {
		uint32_t n = reader_u32(&r);
		const uint8_t *entry = reader_take(&r, n);

		if (b->spent >= COST_UNKNOWN && !roster_is_repeatable(entry, n) &&
		    roster_counts(in->group->config.roster, entry, n))
			b->spent -= COST_UNKNOWN;
	}
}

static void paper_answer(struct roster_in *in, const struct paper *p)
{
	struct talk *t = paper_talk(in->group, p->talk);

	if (t == NULL || p->kind == PAPER_ENTRIES || p->kind == PAPER_LEFT)
		return;
	t->opening = false;
	if (p->kind == PAPER_OPEN)
		in->events->credential(t, p->has_digest ? p->digest : NULL);
	else
		in->events->request(t, p->entries.p + 4, p->entries.len - 4, p->good[0]);
}

/* Papers in their order. The roster is judged before each paper that needs an answer, and at the end. A callback
 * may free the group, so that is asked again each time. */
static void papers_checked(void *arg)
{
	struct roster_in *in = arg;
	struct paper *papers = in->job, *p;

	in->job = NULL;
	DL_FOREACH(papers, p) {
		if (in->group == NULL)
			break;
		if (p->kind != PAPER_JOIN)
			put_paper(in, p);
		if (p->kind != PAPER_ENTRIES || p->next == NULL)
			in->events->entries(in->group);
		allowance_give_back(in, p);
		paper_answer(in, p);
	}
	papers_free(&papers);
	in->busy = false;
	if (in->group == NULL)
		roster_in_release(in);
	else
		papers_submit(in);
}

/* --- taking in --- */

static struct paper *paper_new(const struct talk *t, enum paper_kind kind)
{
	struct paper *p = MEM_NEW(struct paper);

	p->kind = kind;
	p->talk = t->serial;
	p->bringer = t->session->peer;
	p->by_member = rights_has(t->role, RIGHT_TAKE_PART);
	p->entries = BYTES_INIT((size_t)JOB_ENTRIES * (ROSTER_ENTRY_MAX + 4));
	return p;
}

static void paper_add(struct paper *p, struct roster_allowance *b, const struct msg_bytes *e)
{
	bytes_append_u32(&p->entries, (uint32_t)e->n);
	bytes_append(&p->entries, e->p, e->n);
	p->n++;
	p->size += e->n;
	b->queued += e->n;
}

/* Entries, cut into papers; the last one, which may be empty, is returned and not queued yet. */
static struct paper *papers_take(struct talk *t, enum paper_kind last, const struct msg_bytes *entries, size_t n)
{
	struct roster_in *in = t->group->roster_in;
	struct roster_allowance *b = allowance_of(in, t->session->peer, loop_now_ms(in->group->peers->config.loop));
	struct paper *p = paper_new(t, last);

	for (size_t i = 0; i < n; i++) {
		if (!is_worth_it(t, b, &entries[i]))
			continue;
		if (p->n == JOB_ENTRIES) {
			p->kind = PAPER_ENTRIES;
			DL_APPEND(in->waiting, p);
			p = paper_new(t, last);
		}
		paper_add(p, b, &entries[i]);
	}
	return p;
}

void roster_in_entries(struct talk *t, const struct msg_bytes *entries, size_t n)
{
	struct roster_in *in = t->group->roster_in;
	struct paper *p = papers_take(t, PAPER_ENTRIES, entries, n);

	if (p->n == 0)
		free(p);
	else
		DL_APPEND(in->waiting, p);
	papers_submit(in);
}

void roster_in_open(struct talk *t, const struct msg_group_open *m)
{
	struct roster_in *in = t->group->roster_in;
	struct paper *p = papers_take(t, PAPER_OPEN, m->credential, m->ncredential);

	p->has_digest = m->roster_digest.n == sizeof(p->digest);
	if (p->has_digest)
		memcpy(p->digest, m->roster_digest.p, sizeof(p->digest));
	t->opening = true;
	DL_APPEND(in->waiting, p);
	papers_submit(in);
}

/* Of all that a stranger could show only what it says of itself is taken. */
void roster_in_left(struct talk *t, const struct msg_bytes *entries, size_t n)
{
	struct roster_in *in = t->group->roster_in;
	size_t own = 0;
	struct paper *p;

	while (own < n && own < LEAVES_MAX && roster_is_leave_of(entries[own].p, entries[own].n, &t->session->id))
		own++;
	p = papers_take(t, PAPER_LEFT, entries, own);
	if (p->n == 0)
		free(p);
	else
		DL_APPEND(in->waiting, p);
}

void roster_in_join(struct talk *t, const struct msg_bytes *request)
{
	struct roster_in *in = t->group->roster_in;
	struct roster_allowance *b = allowance_of(in, t->session->peer, loop_now_ms(in->group->peers->config.loop));
	struct paper *p = paper_new(t, PAPER_JOIN);

	paper_add(p, b, request);
	t->opening = true;
	DL_APPEND(in->waiting, p);
	papers_submit(in);
}
