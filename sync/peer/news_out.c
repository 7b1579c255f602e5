/* Sends our rows to a peer, in the order of their numbers, from where the peer is. A reader's rows change nothing, so
 * only one that is on demand sends any: peers learn what content it has, and acknowledge nothing. A small file that was
 * changed here travels inside its record. A row that came from this very peer during the connection is not sent back.
 * The bytes that are sent and not acknowledged are bounded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/path.h"

enum {
	RECORD_BYTES =
		512, /* what a record counts for beside its file's bytes, where members share out what they carry */
	RECORD_MEMORY =
		2048, /* what it takes at its receiver until it is settled there, beside what it takes on the wire */
};

/* A message on its way, until the peer acknowledges its last number. */
struct news_unacked {
	struct news_unacked *prev, *next;
	uint64_t upto;
	size_t bytes;
	size_t carried; /* what counts in talk.carry_owed */
};

/* The rows of one message, and the worker job that reads the files that travel inside. */
struct news_batch {
	struct session *session;
	const struct talk *of;    /* while rows are gathered */
	struct ranges_told *told; /* the same */
	uint64_t talk;            /* its serial */
	const struct peer_group *group;
	uint64_t after, upto;              /* numbers that the message covers: after < number <= upto */
	uint64_t committed;                /* our last number that is committed: no row beyond it is sent */
	uint64_t resend_upto;              /* rows up to it are sent even if they came from the peer */
	uint64_t absent_after;             /* no row up to it is sent of which we do not have the bytes */
	uint64_t self, peer;               /* short IDs */
	bool chooses;                      /* we have ever chosen what is here, so peers have to be told */
	bool inlines;                      /* files may travel inside */
	enum news_way way;                 /* of the bytes of our own small files ... */
	struct news_turn turn;             /* ... and how many of them may be in it */
	size_t small;                      /* bytes of those, whichever way they go */
	bool stopped;                      /* the next row is for another message */
	struct msg_record *records;        /* own their record, content.p and blocks.p */
	struct content_reading **readings; /* of the files that travel inside; NULL for other records */
	size_t n, max;
	size_t carry; /* bytes of files to be read */
	size_t owed;  /* the same, with what each of their records takes */
	size_t seen;  /* rows considered */
};

static void news_batch_free(struct news_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		union {
			const uint8_t *in;
			void *out;
		} content = { .in = b->records[i].content.p }, blocks = { .in = b->records[i].blocks.p };

		content_close(b->readings[i]);
		record_clear(&b->records[i].record);
		free(content.out);
		free(blocks.out);
	}
	free(b->readings);
	free(b->records);
	free(b);
}

static bool travels_inside(const struct news_batch *b, const struct record *r)
{
	return b->inlines && !r->absent && r->kind == RECORD_FILE && !r->deleted && r->content.size > 0 &&
	       r->content.size <= NEWS_INLINE_MAX && r->content.nblocks == 1;
}

/* Only changes made here: a row that came from a peer is known to others too, and they may have its content. */
static bool is_made_here(const struct news_batch *b, const struct record *r)
{
	return r->modified_by == b->self && r->via == 0;
}

/* Opens the file that is to travel inside m. */
static void carry_file(struct news_batch *b, struct msg_record *m)
{
	const struct content *c = &m->record.content;
	struct block_want want = { .len = (uint32_t)c->size };

	memcpy(want.hash, c->root, sizeof(want.hash)); /* the root of a single block is its hash */
	b->readings[m - b->records] = content_open(&b->group->config.sources, c, &m->record, &want);
	b->carry += (size_t)c->size;
	b->owed += (size_t)c->size + RECORD_BYTES;
}

/* The bytes of a small file of ours go along, or its carrier is named; of one that we carry for others, they go
 * along. */
static void carry_small(struct news_batch *b, struct msg_record *m)
{
	const struct record *r = &m->record;

	if (is_made_here(b, r)) {
		b->small += (size_t)r->content.size + RECORD_BYTES;
		m->carried = b->turn.carrier != 0;
		if (b->turn.carrier == 0 || b->turn.carrier == b->peer)
			carry_file(b, m);
	} else if (news_relay_is_due(b->of, &r->content)) {
		carry_file(b, m);
	}
}

static struct msg_record *news_batch_add(struct news_batch *b, const struct record *r)
{
	struct msg_record *m;

	if (b->n == b->max) {
		b->max = b->max ? 2 * b->max : 16;
		b->records = mem_realloc(b->records, b->max, sizeof(*b->records));
		b->readings = mem_realloc(b->readings, b->max, sizeof(*b->readings));
	}
	b->readings[b->n] = NULL;
	m = &b->records[b->n++];
	memset(m, 0, sizeof(*m));
	record_copy(&m->record, r);
	return m;
}

/* The peer has announced it during this connection. It is told even so that we have the bytes, if it cannot know. */
static bool came_from_peer(const struct news_batch *b, const struct record *r)
{
	return r->via == b->peer && r->seq > b->resend_upto && (!b->chooses || r->absent || r->deleted);
}

/* index_since_but's callback: adds a row to the batch. The number of a row that is left out still counts as covered. */
static bool news_batch_take(void *arg, const struct record *r)
{
	const struct peer_group_config *config;
	struct news_batch *b = arg;
	struct msg_record *m;

	if (r->seq > b->committed || r->seq > b->turn.upto)
		return false;
	if (b->way == NEWS_WAITS && travels_inside(b, r) && is_made_here(b, r)) {
		b->stopped = true;
		return false;
	}
	config = &b->group->config;
	b->seen++;
	b->upto = r->seq;
	/* What our role made doubtful is nobody's version. An index of version 0.1.0 may have rows of .lanyard in a
	 * subfolder, and of .lanyardignore. */
	if (r->version.n == 0 || came_from_peer(b, r) || ranges_was_told(b->told, r->seq) ||
	    (r->absent && r->seq <= b->absent_after) || path_check(r->path, strlen(r->path)) != PATH_OK ||
	    (!r->deleted && !config->hooks->accepts(config->arg, r->path, r->kind == RECORD_DIR)))
		return true;
	m = news_batch_add(b, r);
	if (travels_inside(b, r))
		carry_small(b, m);
	b->stopped = b->carry >= NEWS_BATCH_BYTES || b->small >= b->turn.bytes;
	return !b->stopped;
}

/* Worker. The record of a file that is not what its row says any more travels without bytes. */
static void read_files(void *arg)
{
	struct news_batch *b = arg;

	for (size_t i = 0; i < b->n; i++) {
		size_t n = (size_t)b->records[i].record.content.size;
		uint8_t *p;

		if (b->readings[i] == NULL)
			continue;
		p = mem_calloc(1, n);
		if (content_read(b->readings[i], p) == 0)
			b->records[i].content = (struct msg_bytes){ .p = p, .n = n };
		else
			free(p);
	}
}

/* Short block lists travel with their record, so that the peer need not request them. */
static void add_lists(struct news_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct record *r = &b->records[i].record;
		struct blocklist list;

		if (r->kind != RECORD_FILE || r->deleted || r->content.nblocks < 2 ||
		    r->content.nblocks > MSG_BLOCKS_INLINE_MAX || r->modified_by != b->self)
			continue;
		if (index_blocks(b->group->config.index, &r->content, &list) != 1)
			continue;
		uint8_t *p = mem_calloc(list.n, 36);

		blocklist_encode(p, &list);
		b->records[i].blocks = (struct msg_bytes){ .p = p, .n = 36 * (size_t)list.n };
		blocklist_clear(&list);
	}
}

/* The number of the last row sent is noted as sent before the message leaves, and the message counts against the window
 * until the peer acknowledges that number. */
static void send_batch(struct talk *t, struct news_batch *b)
{
	struct msg_news m = { .channel = (uint32_t)t->my_channel,
		              .after = b->after,
		              .upto = b->upto,
		              .carrier = b->turn.carrier,
		              .records = b->records,
		              .nrecords = b->n };
	size_t size;
	uint8_t *body;

	m.signature = (struct msg_bytes){ .p = numbers_signature(t->group, b->upto), .n = SIGNATURE_LEN };
	add_lists(b);
	body = msg_news_encode(&m, &size);
	if (b->upto > t->acked && !index_is_reader(t->group->config.index)) {
		struct news_unacked *u = MEM_NEW(struct news_unacked);

		*u = (struct news_unacked){ .upto = b->upto, .bytes = size + b->n * RECORD_MEMORY, .carried = b->owed };
		t->unacked += u->bytes;
		if (t->carry_owed == 0)
			t->carry_acked_ms = loop_now_ms(t->session->peers->config.loop);
		t->carry_owed += b->owed;
		DL_APPEND(t->unacked_list, u);
	}
	t->sent = b->upto;
	numbers_note_sent(t, b->upto);
	t->group->counters.records_sent += b->n;
	talk_send(t, FRAME_NEWS, body, size);
}

static void files_read(void *arg)
{
	struct news_batch *b = arg;
	struct session *s = b->session;
	struct talk *t = talk_of_serial(s, b->talk);

	if (t && t->up) {
		t->reading = false;
		send_batch(t, b);
		news_out_kick(t);
	}
	news_batch_free(b);
	session_job_done(s);
}

/* Collects the next rows; NULL if the index does not answer, or nothing may be told just now. The batch ends at
 * NEWS_BATCH_ROWS rows, at NEWS_BATCH_BYTES of files, or where another carrier begins; if no bound is met there are no
 * further rows, and it covers all numbers that are committed. */
static struct news_batch *news_batch_gather(struct talk *t)
{
	struct news_batch *b = MEM_NEW(struct news_batch);
	struct peer_group *g = t->group;
	int64_t stamp = 0;
	uint64_t after;
	int n;

	b->session = t->session;
	b->of = t;
	b->told = &t->told;
	b->talk = t->serial;
	b->group = g;
	b->after = b->upto = t->sent;
	b->committed = g->committed;
	b->self = agent_id_short(identity_id(t->session->peers->config.self));
	b->peer = t->session->peer;
	b->resend_upto = t->resend_upto;
	b->absent_after = t->absent_after;
	(void)index_meta_get(g->config.index, INDEX_META_STAMP, &stamp);
	b->chooses = stamp > 0 || index_choices(g->config.index)->mode == CHOOSE_ON_DEMAND;
	b->inlines = !t->no_inline;
	b->way = news_carry_turn(t, &b->turn);
	after = t->told.upto > t->sent ? t->told.upto : t->sent;
	/* What the peer has told us itself is not even read, unless it has to be told that we have the bytes. */
	if (b->chooses)
		n = index_since(g->config.index, after, NEWS_BATCH_ROWS, news_batch_take, b);
	else
		n = index_since_but(g->config.index, after, NEWS_BATCH_ROWS, b->peer, b->resend_upto, news_batch_take,
		                    b);
	if (b->seen < NEWS_BATCH_ROWS && !b->stopped)
		b->upto = b->turn.upto < b->committed ? b->turn.upto : b->committed;
	if (n < 0 || (b->upto == b->after && b->stopped)) {
		t->group->carry.waiting |= b->stopped;
		news_batch_free(b);
		return NULL;
	}
	/* Noted before the message is sent: another talk may come to these rows while a worker reads the files. */
	if (b->small > 0 && news_carry_is_shared(t))
		news_carry_note(t, b->after, b->upto, b->turn.carrier, b->small);
	return b;
}

/* The owner tells a vault. */
static bool is_told(const struct talk *t)
{
	struct index *index = t->group->config.index;

	if (talk_is_vault(t))
		return false;
	return !index_is_reader(index) || index_choices(index)->mode == CHOOSE_ON_DEMAND;
}

void news_out_kick(struct talk *t)
{
	while (t->up && !t->ranges_due && is_told(t) && !t->reading && t->unacked < NEWS_WINDOW &&
	       t->sent < t->group->committed && session_has_room(t->session)) {
		struct news_batch *b = news_batch_gather(t);

		if (!b)
			return;
		if (b->carry) {
			t->reading = true;
			t->session->jobs++;
			workers_submit(t->group->config.workers, WORKERS_QUICK, read_files, files_read, b);
			return;
		}
		send_batch(t, b);
		news_batch_free(b);
	}
}

/* The key in the index of our number up to which rows are sent to the peer although they came from it, in an earlier
 * epoch of its index. */
static const char *resend_key(char out[32], const struct talk *t)
{
	(void)snprintf(out, 32, "anew %016" PRIx64, t->session->peer);
	return out;
}

void news_out_resend_all(struct talk *t)
{
	struct index *index = t->group->config.index;
	char name[32];

	index_meta_put(index, resend_key(name, t), (int64_t)index_seq(index));
}

/* The key of the number up to which all rows were sent to the peer again, after a change of the ignore rules. */
static const char *retold_key(char out[32], const struct talk *t)
{
	(void)snprintf(out, 32, "retold %016" PRIx64, t->session->peer);
	return out;
}

/* If the ignore rules have changed since all rows were sent to this peer, sends all of them again: a row that was left
 * out then may be shared now. */
static void retell_begin(struct talk *t)
{
	struct index *index = t->group->config.index;
	int64_t due = 0, done = 0;
	char name[32];

	index_meta_get(index, INDEX_META_RETELL, &due);
	index_meta_get(index, retold_key(name, t), &done);
	t->retell = 0;
	if (due <= done || talk_is_vault(t))
		return;
	/* Acknowledgements come in order, so that of a later number, which is new to the peer, covers all these
	 * rows. */
	t->retell = (uint64_t)due > t->acked ? (uint64_t)due : t->acked;
	t->sent = 0;
}

/* The peer has acknowledged a number after t->retell, so all rows that were sent again have arrived. */
static void retell_done(struct talk *t)
{
	char name[32];

	(void)index_meta_put(t->group->config.index, retold_key(name, t), (int64_t)t->retell);
	t->retell = 0;
}

void news_out_start(struct talk *t, const struct msg_index_hello *theirs, bool all)
{
	bool same = theirs->have_epoch == index_epoch(t->group->config.index);
	char name[32];
	int64_t resend;

	t->sent = t->acked = same ? theirs->have_seq : 0;
	t->settled = same ? theirs->settled : 0;
	if (all)
		t->sent = 0; /* but t->acked stays: the peer does not acknowledge again what it has acknowledged */
	retell_begin(t);
	t->no_inline = theirs->no_inline;
	index_meta_get(t->group->config.index, resend_key(name, t), &resend);
	/* Rows that came from the peer before this connection are sent too: a power cut may have taken the peer's row
	 * and its note of the number. */
	t->resend_upto = (uint64_t)resend > t->group->committed ? (uint64_t)resend : t->group->committed;
	t->absent_after = index_is_reader(t->group->config.index) ? t->group->committed : 0;
}

void news_out_ack(struct talk *t, const struct msg_news_ack *m)
{
	struct news_unacked *u, *next;
	struct peer_group *g = t->group;

	if (m->epoch != index_epoch(g->config.index) || m->received > t->sent)
		return;
	if (m->received > t->acked)
		t->acked = m->received;
	if (t->retell > 0 && m->received > t->retell)
		retell_done(t);
	if (m->settled > t->settled)
		g->progress = true; /* stored at the end of the turn */
	t->settled = m->settled;
	/* What it had of its own is told of by now: what comes from here on is new to it. */
	if (t->settled >= g->committed)
		t->no_inline &= t->on_demand;
	DL_FOREACH_SAFE(t->unacked_list, u, next) {
		if (u->upto > t->acked)
			break;
		t->unacked -= u->bytes;
		t->carry_owed -= u->carried;
		if (u->carried > 0)
			t->carry_acked_ms = loop_now_ms(t->session->peers->config.loop);
		DL_DELETE(t->unacked_list, u);
		free(u);
	}
	g->config.hooks->state(g->config.arg);
	news_out_kick(t);
	news_out_kick_waiting(g);
}

void news_out_kick_waiting(struct peer_group *g)
{
	struct talk *t;

	if (!g->carry.waiting)
		return;
	g->carry.waiting = false;
	DL_FOREACH2(g->talks, t, group_next)
		news_out_kick(t);
}

void news_out_stop(struct talk *t)
{
	struct news_unacked *u, *next;

	DL_FOREACH_SAFE(t->unacked_list, u, next) {
		DL_DELETE(t->unacked_list, u);
		free(u);
	}
	t->unacked = 0;
	t->carry_owed = t->carry_due = 0;
}
