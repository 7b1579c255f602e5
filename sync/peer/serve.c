/* Blocks for others: what a peer asks for waits in its talk's queue, a few at a time are read by workers, and reading stops
 * while the network is behind, so that memory stays bounded however much is asked. What is read is not hashed here: the
 * file still being what its row says is checked before and after, the peer verifies the bytes. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/peer/peers_internal.h"
#include "sync/wire/codec.h"

enum {
	ROWS_MAX = 4,
	LOOKS_A_TURN = 32, /* blocks looked for in the index in one turn of a connection */
	LIST_PART = 16384, /* blocks of a list in one answer */
};

/* One block being read. */
struct read_job {
	struct session *session;
	uint64_t talk; /* its serial */
	struct block_want want;
	int fd;         /* of an unfinished download; -1: open path */
	int64_t offset; /* in fd or path */
	int root;
	struct record rows[ROWS_MAX]; /* owned: files that should hold it */
	size_t nrows;
	uint8_t *out; /* result, NULL: not to be had */
	size_t out_n;
	uint8_t flags;
	bool changed; /* the file is not what the row says */
};

/* Where a file's ctime alone is another (it was renamed, or its mode set), only its hash tells. */
static bool is_block(int fd, const struct record *r, const struct block_want *w, const uint8_t *plain)
{
	uint8_t hash[32];
	struct fs_stat st;

	if (fs_stat_fd(fd, &st) || st.size != r->seen.size || st.mtime_ns != r->seen.mtime_ns || st.ino != r->seen.ino)
		return false;
	if (st.ctime_ns == r->seen.ctime_ns)
		return true;
	sha256(hash, plain, w->len);
	return memcmp(hash, w->hash, sizeof(hash)) == 0;
}

/* The first file that still is what its row says. Several rows may name the content while one of them is being replaced. */
static bool read_rows(const struct read_job *j, uint8_t *plain)
{
	bool found = false;

	for (size_t i = 0; i < j->nrows && !found; i++) {
		int fd = fs_open(j->root, j->rows[i].path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

		if (fd < 0)
			continue;
		found = fs_pread_full(fd, plain, j->want.len, j->offset) == (ssize_t)j->want.len &&
		        is_block(fd, &j->rows[i], &j->want, plain);
		close(fd);
	}
	return found;
}

/* Worker. */
static void read_block(void *arg)
{
	struct read_job *j = arg;
	size_t n = j->want.len;
	uint8_t *plain = malloc(n);
	bool found = false;

	if (plain && j->fd >= 0)
		found = fs_pread_full(j->fd, plain, n, j->offset) == (ssize_t)n;
	else if (plain)
		found = read_rows(j, plain);
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	if (!plain)
		return;
	j->changed = !found && j->nrows;
	if (found && codec_block(&j->out, &j->out_n, plain, n) == 1) {
		j->flags = MSG_BLOCK_ZSTD;
	} else if (found) {
		j->out = plain;
		j->out_n = n;
		plain = NULL;
	}
	free(plain);
}

static void send_block(struct talk *t, uint32_t request, uint8_t flags, uint32_t plain_len, uint8_t *body, size_t n)
{
	uint8_t head[MSG_BLOCK_HEAD];

	msg_block_head(head, request, flags, plain_len);
	link_send(t->session->link, LINK_BULK, FRAME_BLOCK, head, sizeof(head), body, n);
}

static void job_free(struct read_job *j)
{
	for (size_t i = 0; i < j->nrows; i++)
		record_clear(&j->rows[i]);
	free(j->out);
	free(j);
}

static void block_read(void *arg)
{
	struct read_job *j = arg;
	struct session *s = j->session;
	struct talk *t = talk_of_serial(s, j->talk);

	if (t) {
		struct peer_group *g = t->group;

		t->reads--;
		if (j->out) {
			g->counters.blocks_sent++;
			g->counters.bytes_sent += j->want.len;
			send_block(t, j->want.request, j->flags, j->want.len, j->out, j->out_n);
			j->out = NULL;
		} else {
			send_block(t, j->want.request, MSG_BLOCK_NONE, 0, NULL, 0);
			if (j->changed)
				for (size_t i = 0; i < j->nrows; i++)
					g->config.hooks->hint(g->config.arg, j->rows[i].path);
		}
		serve_more(t);
	}
	job_free(j);
	session_job_done(s);
}

/* What the rules leave out by now is not shared any more. */
static bool is_shared(const struct peer_group *g, const struct record *r)
{
	return share_accepts(g->config.share, r->path, false);
}

struct rows {
	const struct peer_group *group;
	struct read_job *job;
};

static bool take_row(void *arg, const struct record *r)
{
	struct rows *rows = arg;
	struct read_job *j = rows->job;

	if (is_shared(rows->group, r))
		record_copy(&j->rows[j->nrows++], r);
	return j->nrows < ROWS_MAX;
}

/* Where the block can be read: files of ours with that content, or a download of it that has come that far. */
static struct read_job *locate(struct talk *t, const struct serve_want *w)
{
	struct peer_group *g = t->group;
	struct read_job *j = MEM_NEW(struct read_job);
	struct rows rows = { .group = g, .job = j };
	int fd;

	j->fd = -1;
	j->want = w->want;
	j->offset = w->want.offset;
	if (index_by_content(g->config.index, &w->content, take_row, &rows) >= 0 && j->nrows)
		return j;
	if (g->config.hooks->partial(g->config.arg, &w->content, w->want.offset, w->want.len, &fd) == 1) {
		j->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (j->fd >= 0)
			return j;
	}
	job_free(j);
	return NULL;
}

/* How much one connection may have waiting. More than LINK_BULK_LOW, since going on depends on falling below that. */
static size_t queued_max(const struct peers *p)
{
	size_t all = p->config.memory ? p->config.memory : SERVE_QUEUED_ALL;
	size_t share = all / (p->nsessions > 0 ? p->nsessions : 1);

	if (share > SERVE_QUEUED_MAX)
		return SERVE_QUEUED_MAX;
	return share > LINK_BULK_LOW ? share : LINK_BULK_LOW + 1;
}

static void want_free(struct serve_want *w)
{
	struct talk *t = w->talk;

	HASH_DEL(t->session->wants, w);
	DL_DELETE(t->wants, w);
	t->nwants--;
	free(w);
}

static void begin_read(struct talk *t, const struct serve_want *w, struct read_job *j)
{
	j->session = t->session;
	j->talk = t->serial;
	j->root = share_root(t->group->config.share);
	t->reads++;
	t->session->jobs++;
	workers_submit(t->group->config.workers, w->want.len > NEWS_INLINE_MAX ? WORKERS_BULK : WORKERS_QUICK,
	               read_block, block_read, j);
}

/* In one turn a few: a look at the index for each is work that the peer chose. */
static void more_blocks(struct talk *t)
{
	size_t most = queued_max(t->session->peers);
	int reads = most < SERVE_QUEUED_MAX ? 1 : SERVE_MAX_READS;

	for (int looks = 0; t->wants && t->reads < reads && t->session->link->queued_bulk < most; looks++) {
		struct serve_want *w = t->wants;
		struct read_job *j;

		if (looks >= LOOKS_A_TURN) {
			session_go_on(t->session);
			return;
		}
		j = locate(t, w);
		if (j)
			begin_read(t, w, j);
		else
			send_block(t, w->want.request, MSG_BLOCK_NONE, 0, NULL, 0);
		want_free(w);
	}
}

/* --- lists --- */

struct shared {
	const struct peer_group *group;
	bool any, left_out;
};

static bool note_row(void *arg, const struct record *r)
{
	struct shared *s = arg;

	if (is_shared(s->group, r))
		s->any = true;
	else
		s->left_out = true;
	return !s->any;
}

/* All files of that content are left out by the rules. */
static bool is_left_out(const struct peer_group *g, const struct content *c)
{
	struct shared s = { .group = g };

	(void)index_by_content(g->config.index, c, note_row, &s);
	return s.left_out && !s.any;
}

static void send_list(struct talk *t, const struct serve_list *l)
{
	struct msg_list answer = { .request = l->request, .first = l->first, .none = true };
	struct blocklist list = { 0 };
	uint8_t *p = NULL;
	size_t n;

	if (!is_left_out(t->group, &l->content) &&
	    index_blocks_part(t->group->config.index, &l->content, l->first, LIST_PART, &list) == 1) {
		p = mem_calloc(list.n, 36);
		blocklist_encode(p, &list);
		answer.blocks = (struct msg_bytes){ .p = p, .n = 36 * (size_t)list.n };
		answer.none = false;
	}
	uint8_t *body = msg_list_encode(&answer, &n);

	session_send(t->session, FRAME_LIST, body, n);
	free(p);
	blocklist_clear(&list);
}

static void list_free(struct talk *t, struct serve_list *l)
{
	DL_DELETE(t->lists, l);
	t->nlists--;
	free(l);
}

/* One a turn, and none while the peer has not taken the last. */
static void more_lists(struct talk *t)
{
	struct serve_list *l = t->lists;

	if (!l || t->session->link->queued_control >= LINK_CONTROL_LOW)
		return;
	send_list(t, l);
	list_free(t, l);
	if (t->lists)
		session_go_on(t->session);
}

/* --- what a peer asks for --- */

void serve_more(struct talk *t)
{
	if (!t->up)
		return;
	more_lists(t);
	more_blocks(t);
}

/* As the hash knows a request: a peer that does not know the secret cannot choose numbers which fall together. */
static uint32_t key_of(const struct session *s, uint32_t request)
{
	return request ^ s->secret;
}

static void want_new(struct talk *t, const struct msg_get *m, size_t i)
{
	struct serve_want *w = MEM_NEW(struct serve_want);

	w->talk = t;
	w->content = m->content;
	w->want = m->wants[i];
	w->key = key_of(t->session, w->want.request);
	HASH_ADD(hh, t->session->wants, key, sizeof(w->key), w);
	DL_APPEND(t->wants, w);
	t->nwants++;
}

void serve_get(struct talk *t, const struct msg_get *m)
{
	struct serve_want *known;

	if (t->nwants + m->nwants > SERVE_MAX_QUEUE) {
		peer_group_misbehaved(t->group, t->session->peer, "", "requested more blocks than it may at a time");
		return;
	}
	for (size_t i = 0; i < m->nwants; i++) {
		uint32_t key = key_of(t->session, m->wants[i].request);

		HASH_FIND(hh, t->session->wants, &key, sizeof(key), known);
		if (known) {
			peer_group_misbehaved(t->group, t->session->peer, "", "used the number of a request twice");
			return;
		}
		want_new(t, m, i);
	}
	serve_more(t);
}

void serve_list(struct talk *t, const struct msg_list_get *m)
{
	struct serve_list *l;

	if (t->nlists >= SERVE_MAX_LISTS) {
		peer_group_misbehaved(t->group, t->session->peer, "",
		                      "requested more block lists than it may at a time");
		return;
	}
	l = MEM_NEW(struct serve_list);
	*l = (struct serve_list){ .content = m->content, .request = m->request, .first = m->first };
	DL_APPEND(t->lists, l);
	t->nlists++;
	serve_more(t);
}

void serve_cancel(struct session *s, const struct msg_cancel *m)
{
	for (size_t i = 0; i < m->n; i++) {
		uint32_t key = key_of(s, m->requests[i]);
		struct serve_want *w;

		HASH_FIND(hh, s->wants, &key, sizeof(key), w);
		if (w)
			want_free(w);
	}
}

void serve_stop(struct talk *t)
{
	while (t->wants)
		want_free(t->wants);
	while (t->lists)
		list_free(t, t->lists);
}
