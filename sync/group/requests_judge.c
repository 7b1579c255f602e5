/* Which entries of the mailbox count. The result depends on the set of entries, the roster, and on what has expired
 * here; never on the order in which entries came.
 *
 * Room is shared out so that nobody takes another's. A member has its own room for the requests it gave a salt for,
 * and in that every address has its own. So a stranger with many keys fills his address's room; one with many addresses
 * too fills the member's, newest first, where what an owner has seen stays as far as it is not of a crowd at one
 * address; and a member that invents requests leaves those of others alone. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/group/requests_internal.h"

/* Entries that may count, as a list to be sorted. */
struct mail_list {
	struct mail **m;
	size_t n;
};

/* --- time --- */

static bool is_out_of_time(const struct mail *m, int64_t now_s)
{
	int64_t days = m->e.is_answer ? REQUESTS_KEEP_DAYS : REQUESTS_DAYS;

	if (m->e.is_answer && m->e.verdict == REQUEST_BARRED)
		return false;
	return now_s - m->heard_s > days * REQUESTS_DAY_S;
}

static void drop_old(struct requests *r, int64_t now_s)
{
	struct requests_expired *x, *tmp;
	struct mail *m, *next;

	HASH_ITER(hh, r->items, m, next) {
		if (m->heard_s > now_s) /* the clock was ahead then */
			m->heard_s = now_s;
		if (!is_out_of_time(m, now_s))
			continue;
		if (!m->e.is_answer)
			requests_expire(r, &m->e.asker, m->e.number, now_s);
		requests_drop(r, m);
	}
	HASH_ITER(hh, r->expired, x, tmp) {
		if (x->at_s > now_s)
			x->at_s = now_s;
		if (now_s - x->at_s <= (int64_t)REQUESTS_KEEP_DAYS * REQUESTS_DAY_S)
			continue;
		HASH_DEL(r->expired, x);
		free(x);
	}
}

/* --- answers --- */

static bool is_rejection(const struct mail *m)
{
	return m->e.is_answer && m->e.verdict != REQUEST_SEEN;
}

/* Of two answers of one kind by one owner about one agent: which one counts. */
static bool is_stronger(const struct mail *a, const struct mail *b)
{
	bool a_barred = a->e.verdict == REQUEST_BARRED, b_barred = b->e.verdict == REQUEST_BARRED;

	if (a_barred != b_barred)
		return a_barred;
	if (a->e.number != b->e.number)
		return a->e.number > b->e.number;
	return memcmp(a->hash, b->hash, sizeof(a->hash)) > 0;
}

/* Answers by owner; of one owner rejections for good first, then others, then "seen"; the newest first. */
static int answers_in_order(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;
	int order = memcmp(&x->e.signer, &y->e.signer, sizeof(x->e.signer));

	if (order != 0)
		return order;
	if (x->e.verdict != y->e.verdict)
		return x->e.verdict > y->e.verdict ? -1 : 1;
	if (x->e.date_s != y->e.date_s)
		return x->e.date_s > y->e.date_s ? -1 : 1;
	return memcmp(x->hash, y->hash, sizeof(x->hash));
}

static int answers_by_subject(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;
	int order = memcmp(&x->e.signer, &y->e.signer, sizeof(x->e.signer));

	if (order == 0)
		order = memcmp(&x->e.asker, &y->e.asker, sizeof(x->e.asker));
	if (order == 0)
		order = (int)is_rejection(y) - (int)is_rejection(x);
	if (order == 0)
		order = is_stronger(x, y) ? -1 : 1;
	return order;
}

static bool is_same_subject(const struct mail *a, const struct mail *b)
{
	return agent_id_equal(&a->e.signer, &b->e.signer) && agent_id_equal(&a->e.asker, &b->e.asker) &&
	       is_rejection(a) == is_rejection(b);
}

/* Of each owner's answers about one agent the strongest, as many as an owner may have. */
static void judge_answers(struct mail_list *l)
{
	const struct mail *owner = NULL;
	size_t kept = 0, of_owner = 0;

	if (l->n == 0)
		return;
	qsort(l->m, l->n, sizeof(*l->m), answers_by_subject);
	for (size_t i = 1; i < l->n; i++)
		if (!is_same_subject(l->m[kept], l->m[i]))
			l->m[++kept] = l->m[i];
	l->n = kept + 1;
	qsort(l->m, l->n, sizeof(*l->m), answers_in_order);
	for (size_t i = 0; i < l->n; i++) {
		if (owner == NULL || !agent_id_equal(&owner->e.signer, &l->m[i]->e.signer))
			of_owner = 0;
		owner = l->m[i];
		l->m[i]->counts = ++of_owner <= REQUESTS_ANSWERS_MAX;
	}
}

const struct mail *requests_rejection(const struct requests *r, const struct agent_id *asker)
{
	const struct mail *found = NULL, *m, *next;

	HASH_ITER(hh, r->items, m, next)
		if (m->counts && is_rejection(m) && agent_id_equal(&m->e.asker, asker) &&
		    (found == NULL || is_stronger(m, found)))
			found = m;
	return found;
}

static bool is_rejected(const struct requests *r, const struct mail *m)
{
	const struct mail *no = requests_rejection(r, &m->e.asker);

	return no != NULL && (no->e.verdict == REQUEST_BARRED || m->e.number <= no->e.number);
}

static bool is_seen(const struct requests *r, const struct mail *request)
{
	const struct mail *m, *next;

	HASH_ITER(hh, r->items, m, next)
		if (m->counts && m->e.is_answer && m->e.verdict == REQUEST_SEEN && m->e.number == request->e.number &&
		    agent_id_equal(&m->e.asker, &request->e.asker))
			return true;
	return false;
}

/* --- requests --- */

static int compare_networks(const struct mail *a, const struct mail *b)
{
	size_t an = request_network(a->address), bn = request_network(b->address);
	int order = memcmp(a->address, b->address, an < bn ? an : bn);

	return order != 0 ? order : (int)an - (int)bn;
}

static int requests_by_asker(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;
	int order = memcmp(&x->e.asker, &y->e.asker, sizeof(x->e.asker));

	if (order != 0)
		return order;
	if (x->e.number != y->e.number)
		return x->e.number > y->e.number ? -1 : 1;
	return memcmp(y->hash, x->hash, sizeof(x->hash));
}

static int seen_first(const struct mail *a, const struct mail *b)
{
	return (int)b->seen - (int)a->seen;
}

/* One that was seen goes before its equals only: else what a crowd asked before an owner looked would keep everybody
 * else out until it expires. */
static int rank_first(const struct mail *a, const struct mail *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return seen_first(a, b);
}

static int newest_first(const struct mail *a, const struct mail *b)
{
	if (a->e.date_s != b->e.date_s)
		return a->e.date_s > b->e.date_s ? -1 : 1;
	return memcmp(a->hash, b->hash, sizeof(a->hash));
}

static int requests_by_address(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;
	int order = memcmp(&x->e.signer, &y->e.signer, sizeof(x->e.signer));

	if (order == 0)
		order = compare_networks(x, y);
	if (order == 0)
		order = seen_first(x, y);
	return order != 0 ? order : newest_first(x, y);
}

static int requests_by_giver(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;
	int order = memcmp(&x->e.signer, &y->e.signer, sizeof(x->e.signer));

	if (order == 0)
		order = rank_first(x, y);
	return order != 0 ? order : newest_first(x, y);
}

static int requests_by_rank(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;
	int order = rank_first(x, y);

	return order != 0 ? order : memcmp(x->hash, y->hash, sizeof(x->hash));
}

/* One for each agent: its latest. */
static void keep_latest(struct mail_list *l)
{
	size_t kept = 0;

	qsort(l->m, l->n, sizeof(*l->m), requests_by_asker);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || !agent_id_equal(&l->m[kept - 1]->e.asker, &l->m[i]->e.asker))
			l->m[kept++] = l->m[i];
	l->n = kept;
}

static bool is_same_giver(const struct mail *a, const struct mail *b)
{
	return agent_id_equal(&a->e.signer, &b->e.signer);
}

/* Sets each rank to its place in its run of equals, and keeps those below `most`. */
static void rank_runs(struct mail_list *l, bool by_address, size_t most)
{
	const struct mail *last = NULL;
	size_t kept = 0, rank = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct mail *m = l->m[i];
		bool again = last != NULL && is_same_giver(last, m) && (!by_address || compare_networks(last, m) == 0);

		rank = again ? rank + 1 : 0;
		last = m;
		m->rank = rank;
		if (rank < most)
			l->m[kept++] = m;
	}
	l->n = kept;
}

static void judge_requests(struct requests *r, struct mail_list *l)
{
	keep_latest(l);
	for (size_t i = 0; i < l->n; i++)
		l->m[i]->seen = is_seen(r, l->m[i]);
	qsort(l->m, l->n, sizeof(*l->m), requests_by_address);
	rank_runs(l, true, REQUESTS_OF_ADDRESS);
	qsort(l->m, l->n, sizeof(*l->m), requests_by_giver);
	rank_runs(l, false, REQUESTS_OF_GIVER);
	qsort(l->m, l->n, sizeof(*l->m), requests_by_rank);
	if (l->n > REQUESTS_MAX)
		l->n = REQUESTS_MAX;
	for (size_t i = 0; i < l->n; i++)
		l->m[i]->counts = true;
	r->waiting = l->n;
}

/* --- all --- */

/* A member's request is settled, and so is what was answered to it. */
static bool may_stand(const struct roster *roster, const struct mail *m)
{
	return roster_may(roster, &m->e.signer, m->e.is_answer ? RIGHT_OWN : RIGHT_ADMIT) &&
	       !roster_may(roster, &m->e.asker, RIGHT_TAKE_PART);
}

static void collect_standing(struct requests *r, struct mail_list *l, bool answers)
{
	struct mail *m, *next;

	l->n = 0;
	HASH_ITER(hh, r->items, m, next)
		if (m->stands && m->e.is_answer == answers && (answers || !is_rejected(r, m)))
			l->m[l->n++] = m;
}

static int mail_by_serial(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;

	return x->serial != y->serial ? (x->serial < y->serial ? -1 : 1) : 0;
}

/* What does not count may count later, so some of it is kept: what came last. */
static void drop_idle(struct requests *r, struct mail_list *l)
{
	struct mail *m, *next;

	l->n = 0;
	HASH_ITER(hh, r->items, m, next)
		if (!m->counts)
			l->m[l->n++] = m;
	qsort(l->m, l->n, sizeof(*l->m), mail_by_serial);
	for (size_t i = 0; i + REQUESTS_IDLE_MAX < l->n; i++)
		requests_drop(r, l->m[i]);
}

/* A request that waited when its agent became a member was accepted. Once that agent has left or was removed, it does
 * not wait again: only a new one does. An admission that turns out to be void accepts nothing. */
static void drop_accepted(struct requests *r, const struct roster *roster, int64_t now_s)
{
	struct mail *m, *next;
	struct agent_id by;

	HASH_ITER(hh, r->items, m, next) {
		enum roster_outside why;

		if (m->e.is_answer)
			continue;
		if (m->counts && roster_may(roster, &m->e.asker, RIGHT_TAKE_PART))
			m->accepted = true;
		if (!m->accepted)
			continue;
		why = roster_outside(roster, &m->e.asker, &by);
		if (why != OUTSIDE_LEFT && why != OUTSIDE_REMOVED)
			continue;
		requests_expire(r, &m->e.asker, m->e.number, now_s);
		requests_drop(r, m);
	}
}

bool requests_settle(struct requests *r, const struct roster *roster, int64_t now_s)
{
	uint8_t before[32], after[32];
	struct mail_list l = { 0 };
	struct mail *m, *next;

	(void)requests_digest(r, before);
	drop_old(r, now_s);
	drop_accepted(r, roster, now_s);
	HASH_ITER(hh, r->items, m, next) {
		m->counts = false;
		m->seen = false;
		m->stands = may_stand(roster, m);
	}
	l.m = mem_calloc(HASH_COUNT(r->items) + 1, sizeof(*l.m));
	collect_standing(r, &l, true);
	judge_answers(&l);
	collect_standing(r, &l, false);
	judge_requests(r, &l);
	drop_idle(r, &l);
	free(l.m);
	(void)requests_digest(r, after);
	return memcmp(before, after, sizeof(before)) != 0;
}
