/* The rows that both have, in the order of paths, which both know: each side tells versions and numbers alone, and
 * makes the other's records of them with its own rows. Each then passes the same checks as one that news bring. See
 * ranges_internal.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"

/* --- ours --- */

/* The row with this number, which the caller clears. False: it is another one by now. */
static bool row_get(const struct talk *t, uint64_t seq, struct record *out)
{
	return index_get_numbered(t->group->config.index, seq, out) > 0;
}

/* What SAME says of it; without a version if it is gone. A plain one need not be read. One that the peer's record has
 * changed before it was told is told as it is by now: it counts as come from the peer, so no news would tell it. */
static void same_of(const struct ranges *r, uint32_t row, struct record *out)
{
	const struct talk *t = r->talk;
	struct range_row *at = &r->set->rows[row];
	struct version_entry e = { .writer = index_epoch(t->group->config.index), .counter = at->seq };

	*out = (struct record){ 0 };
	if (at->marks & RANGE_PLAIN) {
		out->seq = at->seq;
		out->chunk_log2 = at->chunk_log2;
		out->modified_by = agent_id_short(identity_id(t->session->peers->config.self));
		out->version = (struct version){ .e = mem_dup(&e, sizeof(e)), .n = 1 };
	} else if (!row_get(t, at->seq, out) && (at->now == 0 || !row_get(t, at->now, out))) {
		at->marks |= RANGE_UNTOLD;
	}
}

void ranges_rows_begin(struct ranges *r)
{
	r->state = RANGE_TELLING;
	r->row_out = r->row_in = range_next_equal(r->set, 0);
	ranges_go_on(r);
}

static void done_out(struct ranges *r)
{
	struct msg_ranges m = { .what = MSG_RANGES_DONE, .again = r->again, .nagain = r->nagain, .all = r->again_all };

	if (!r->all_out || !r->all_in || r->done_out)
		return;
	r->done_out = true;
	ranges_send(r->talk, &m);
	if (r->done_in)
		ranges_over(r->talk);
}

static void send_some(struct ranges *r)
{
	struct record *records = mem_calloc(RANGES_ROWS, sizeof(*records));
	struct msg_same m = { .channel = (uint32_t)r->talk->my_channel, .records = records };
	size_t entries = 0, most = (size_t)ranges_rows(r->talk, RANGES_ROWS), n;

	while (r->row_out < r->set->n && m.n < most && entries < RANGES_ENTRIES) {
		struct record *out = &records[m.n++];

		same_of(r, r->row_out, out);
		entries += out->version.n + out->base.n + out->mode_base.n;
		r->row_out = range_next_equal(r->set, r->row_out + 1);
	}
	m.ended = r->all_out = r->row_out == r->set->n;
	uint8_t *body = msg_same_encode(&m, &n);

	talk_send(r->talk, FRAME_SAME, body, n);
	for (size_t i = 0; i < m.n; i++)
		record_clear(&records[i]);
	free(records);
}

void ranges_rows_out(struct ranges *r)
{
	if (r->all_out || !session_has_room(r->talk->session))
		return;
	/* Several, since what comes meanwhile takes long, and the peer has nothing to do before it has ours. */
	for (int i = 0; i < RANGES_AT_ONCE && !r->all_out; i++)
		send_some(r);
	r->since_ms = loop_now_ms(r->talk->session->peers->config.loop);
	if (r->all_out)
		done_out(r);
	else
		ranges_go_on(r);
}

/* --- theirs --- */

/* A row of ours that is another one by now is told with the news; of it, the peer tells again what it has. */
static void want_again(struct ranges *r, uint32_t place)
{
	if (r->nagain == MSG_MAX_AGAIN)
		r->again_all = true;
	else
		r->again[r->nagain++] = place;
}

static bool bases_fit(const struct record *r)
{
	return r->base.n == 0 || (r->kind != RECORD_DIR && (r->mode_base.n == 0 || r->kind == RECORD_FILE));
}

/* What the peer tells of one of our rows. */
struct same_row {
	struct range_row *at;
	const struct record *said; /* the message's */
	uint32_t place;            /* among the rows that both have */
};

/* The peer's record of our row. What it borrows is the row's or the message's. */
static void row_in(struct ranges *r, const struct same_row *same)
{
	const struct record *said = same->said;
	struct range_row *at = same->at;
	struct record ours = { 0 }, theirs;

	if (said->version.n == 0) {
		at->marks |= RANGE_UNTOLD;
		return;
	}
	if (!row_get(r->talk, at->seq, &ours)) {
		want_again(r, same->place);
		return;
	}
	theirs = ours;
	theirs.seq = said->seq;
	theirs.version = said->version;
	theirs.base = said->base;
	theirs.mode_base = said->mode_base;
	theirs.modified_by = said->modified_by;
	theirs.chunk_log2 = said->chunk_log2;
	theirs.via = 0;
	theirs.seen = (struct seen){ 0 };
	if (bases_fit(&theirs))
		at->now = news_in_same(r->talk, &ours, &theirs);
	else
		talk_misbehaved(r->talk, ours.path, "a base where there can be none");
	record_clear(&ours);
}

/* Rows, one after the other, of which both sides have what they made themselves. */
struct plain_run {
	struct same_row rows[RANGES_ROWS];
	struct index_pair pairs[RANGES_ROWS];
	size_t n;
};

/* Both versions follow from the two numbers. */
static bool is_plain_pair(const struct talk *t, const struct same_row *same)
{
	const struct record *said = same->said;

	return (same->at->marks & RANGE_PLAIN) != 0 && said->seq < VERSION_PLAIN_MAX &&
	       record_is_as_made(said, t->their_epoch) && said->modified_by == t->session->peer &&
	       said->chunk_log2 == same->at->chunk_log2;
}

/* All of them at once where nothing has happened to any row since the set was made, or one by one. */
static void run_in(struct ranges *r, struct plain_run *run)
{
	struct talk *t = r->talk;
	const struct peer_hooks *hooks = t->group->config.hooks;
	bool joined = run->n > 0 && hooks->same_plain != NULL &&
	              index_rows_gone(t->group->config.index) == r->rows_gone &&
	              hooks->same_plain(t->group->config.arg, t->session->peer, t->their_epoch, run->pairs, run->n);

	for (size_t i = 0; i < run->n; i++) {
		if (joined)
			run->rows[i].at->now = run->rows[i].at->seq;
		else
			row_in(r, &run->rows[i]);
	}
	if (joined) {
		t->group->counters.records_received += run->n;
		t->group->counters.records_same += run->n;
	}
	run->n = 0;
}

/* In their order. */
static void rows_in(struct ranges *r, const struct msg_same *m)
{
	struct plain_run *run = MEM_NEW(struct plain_run);

	for (size_t i = 0; i < m->n && r->row_in < r->set->n; i++) {
		struct same_row same = { .at = &r->set->rows[r->row_in], .said = &m->records[i], .place = r->place_in };
		bool plain = is_plain_pair(r->talk, &same);

		if (!plain || run->n == RANGES_ROWS)
			run_in(r, run);
		if (plain) {
			run->pairs[run->n] = (struct index_pair){ .ours = same.at->seq, .theirs = same.said->seq };
			run->rows[run->n++] = same;
		} else {
			row_in(r, &same);
		}
		r->row_in = range_next_equal(r->set, r->row_in + 1);
		r->place_in++;
	}
	run_in(r, run);
	free(run);
}

void ranges_same_in(struct talk *t, const struct msg_same *m)
{
	struct peer_group *g = t->group;
	struct ranges *r = t->range;

	if (!r || !talk_vouches(t))
		return;
	r->since_ms = loop_now_ms(t->session->peers->config.loop);
	if (r->state != RANGE_TELLING || r->all_in || (m->n == 0 && !m->ended)) {
		ranges_misfit(t, "other rows in common than its digests said");
		return;
	}
	rows_in(r, m);
	g->config.hooks->records_end(g->config.arg, t->session->peer);
	g->progress = true;
	g->config.hooks->state(g->config.arg);
	if (!m->ended)
		return;
	r->all_in = true;
	if (r->row_in < r->set->n)
		ranges_misfit(t, "other rows in common than its digests said");
	else
		done_out(r);
}

/* --- the end --- */

/* The peer has changed its row since: what became of ours with that one's older record is told to it too. */
static void tell_again(struct ranges *r, uint32_t row)
{
	const struct talk *t = r->talk;
	struct range_row *at = &r->set->rows[row];
	struct record now = { 0 };

	at->marks |= RANGE_UNTOLD;
	if (at->now == 0 || !row_get(t, at->now, &now))
		return;
	t->group->config.hooks->tell_again(t->group->config.arg, &now);
	record_clear(&now);
}

void ranges_rows_done(struct ranges *r, const struct msg_ranges *m)
{
	struct talk *t = r->talk;
	uint32_t row = range_next_equal(r->set, 0), place = 0;

	for (size_t i = 0; i < m->nagain && row < r->set->n; row = range_next_equal(r->set, row + 1), place++) {
		if (place != m->again[i])
			continue;
		tell_again(r, row);
		i++;
	}
	/* So many that all are told: those that came from the peer too. */
	if (m->all) {
		for (row = 0; row < r->set->n; row++)
			r->set->rows[row].marks |= RANGE_UNTOLD;
		t->resend_upto = index_seq(t->group->config.index);
	}
	r->done_in = true;
	if (r->done_out)
		ranges_over(t);
}
