/* The first meeting of two members that both have files: from the hellos to the set of our rows, and the end. See
 * ranges_internal.h and docs/protocol.md. Whatever fails here, or takes too long, ends with news as ever. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/path.h"

static bool others_compare(const struct talk *t)
{
	const struct talk *other;

	DL_FOREACH2(t->group->talks, other, group_next)
		if (other != t && other->range)
			return true;
	return false;
}

/* A comparison costs a walk over the index: somebody who connects again and again gets few. */
static bool budget_take(struct peer_group *g)
{
	int64_t now = loop_now_ms(g->peers->config.loop);
	int64_t used = now - (int64_t)RANGES_CREDITS * RANGES_CREDIT_MS;

	if (g->ranges.used_ms != 0 && g->ranges.used_ms > used)
		used = g->ranges.used_ms;
	if (used > now - RANGES_CREDIT_MS)
		return false;
	g->ranges.used_ms = used + RANGES_CREDIT_MS;
	if (g->ranges.used_ms == 0)
		g->ranges.used_ms = 1;
	return true;
}

static uint32_t rows_min(const struct talk *t)
{
	uint32_t min = t->session->peers->config.ranges_min;

	return min > 0 ? min : RANGES_MIN;
}

/* --- the set of our rows --- */

/* Its worker job. The talk may have gone when it is back. */
struct sorting {
	struct session *session;
	uint64_t talk; /* serial */
	struct range_set *set;
	unsigned depth;
};

static void sort_work(void *arg)
{
	struct sorting *job = arg;

	range_sort(job->set, job->depth);
}

static void sort_done(void *arg)
{
	struct sorting *job = arg;
	struct session *s = job->session;
	struct talk *t = talk_of_serial(s, job->talk);
	struct ranges *r = t ? t->range : NULL;

	if (r && r->state == RANGE_SORTING) {
		r->set = job->set;
		r->since_ms = loop_now_ms(s->peers->config.loop);
		ranges_compare_begin(r);
	} else {
		range_clear(job->set);
		free(job->set);
	}
	free(job);
	session_job_done(s);
}

/* Both know how many rows the other has. */
static void sort_begin(struct ranges *r)
{
	struct talk *t = r->talk;
	uint32_t most = r->their_rows > r->set->n ? r->their_rows : r->set->n;
	struct sorting *job;

	if (r->their_rows < rows_min(t) || r->their_rows > RANGE_ROWS_MAX) {
		ranges_give_up(t);
		return;
	}
	job = MEM_NEW(struct sorting);
	*job = (struct sorting){ .session = t->session, .talk = t->serial, .set = r->set, .depth = range_depth(most) };
	r->set = NULL;
	r->state = RANGE_SORTING;
	t->session->jobs++;
	workers_submit(t->group->config.workers, WORKERS_QUICK, sort_work, sort_done, job);
}

/* As news would tell it. */
static bool is_told_of(const struct talk *t, const struct record *row)
{
	const struct peer_group_config *c = &t->group->config;

	return !row->deleted && !row->absent && !row->leaving && row->version.n > 0 &&
	       path_check(row->path, strlen(row->path)) == PATH_OK &&
	       c->hooks->accepts(c->arg, row->path, row->kind == RECORD_DIR);
}

static bool is_plain(const struct talk *t, const struct record *row)
{
	return record_is_as_made(row, index_epoch(t->group->config.index)) &&
	       row->modified_by == agent_id_short(identity_id(t->session->peers->config.self));
}

static void walk_end(struct ranges *r)
{
	struct talk *t = r->talk;
	struct msg_ranges m = { .what = MSG_RANGES_BEGIN, .rows = r->set->n };

	index_cursor_free(r->cursor);
	r->cursor = NULL;
	if (r->set->n < rows_min(t)) {
		ranges_give_up(t);
		return;
	}
	ranges_send(t, &m);
	r->state = RANGE_BEGUN;
	if (r->begin_in)
		sort_begin(r);
}

static void walk_some(struct ranges *r)
{
	struct talk *t = r->talk;
	struct record row;
	int rc = 1, most = ranges_rows(t, RANGES_WALK);

	for (int i = 0; i < most && (rc = index_next(r->cursor, &row)) > 0; i++) {
		bool told = is_told_of(t, &row), room = !told || range_add(r->set, &row, is_plain(t, &row));

		r->whole &= told;
		record_clear(&row);
		if (!room)
			rc = -1;
		if (rc < 0)
			break;
	}
	r->since_ms = loop_now_ms(t->session->peers->config.loop);
	if (rc < 0)
		ranges_give_up(t);
	else if (rc == 0)
		walk_end(r);
	else
		ranges_go_on(r);
}

static void walk_begin(struct ranges *r)
{
	const struct talk *t = r->talk;
	struct index_totals totals = index_totals(t->group->config.index);

	if (totals.files + totals.dirs + totals.symlinks < (int64_t)rows_min(t)) {
		ranges_give_up(r->talk);
		return;
	}
	r->upto = index_seq(t->group->config.index);
	r->rows_gone = index_rows_gone(t->group->config.index);
	r->whole = totals.tombstones == 0 && index_listed(t->group->config.index) == 0;
	r->cursor = index_walk(t->group->config.index, "");
	r->set = MEM_NEW(struct range_set);
	r->state = RANGE_WALKING;
	ranges_go_on(r);
}

/* The timer's. */
static void ranges_turn(void *arg)
{
	struct ranges *r = arg;

	if (r->state == RANGE_HASHING)
		walk_begin(r);
	else if (r->state == RANGE_WALKING)
		walk_some(r);
	else if (r->state == RANGE_TELLING)
		ranges_rows_out(r);
	else if (r->state > RANGE_SORTING)
		ranges_compare_out(r);
}

void ranges_begin(struct talk *t)
{
	struct loop *loop = t->session->peers->config.loop;
	struct ranges *r;

	if (!talk_vouches(t) || t->retell > 0 || others_compare(t) || !budget_take(t->group)) {
		ranges_give_up(t);
		return;
	}
	r = MEM_NEW(struct ranges);
	r->talk = t;
	r->timer = loop_timer_new(loop, ranges_turn, r);
	r->since_ms = loop_now_ms(loop);
	t->range = r;
	if (t->group->hashed)
		ranges_go_on(r);
}

void ranges_tick(struct peer_group *g)
{
	int64_t now = loop_now_ms(g->peers->config.loop);
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		const struct ranges *r = t->range;
		int64_t most = r && (r->state == RANGE_HASHING || r->state == RANGE_BEGUN) ? RANGES_HASHING_MS
		                                                                           : RANGES_STEP_MS;

		if (r && now - r->since_ms > most)
			ranges_give_up(t);
	}
}

void ranges_in(struct talk *t, const struct msg_ranges *m)
{
	struct ranges *r = t->range;

	if (!r)
		return;
	r->since_ms = loop_now_ms(t->session->peers->config.loop);
	if (m->what == MSG_RANGES_NO || !talk_vouches(t)) {
		ranges_none(t);
	} else if (m->what == MSG_RANGES_BEGIN && !r->begin_in) {
		r->begin_in = true;
		r->their_rows = m->rows;
		if (r->state == RANGE_BEGUN)
			sort_begin(r);
	} else if (m->what == MSG_RANGES_DONE && r->state == RANGE_TELLING && !r->done_in) {
		ranges_rows_done(r, m);
	} else {
		/* Also what was said before: it would put off the end for ever. */
		ranges_compare_in(r, m);
	}
}
