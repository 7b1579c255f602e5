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

enum { ROWS_MAX = 4 };

/* One block being read. */
struct read_job {
	struct session *session;
	uint64_t talk; /* its serial */
	struct msg_want want;
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
static bool is_block(int fd, const struct record *r, const struct msg_want *w, const uint8_t *plain)
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
	bool found;

	if (!plain)
		return;
	if (j->fd >= 0)
		found = fs_pread_full(j->fd, plain, n, j->offset) == (ssize_t)n;
	else
		found = read_rows(j, plain);
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
	if (j->fd >= 0)
		close(j->fd);
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

static bool take_row(void *arg, const struct record *r)
{
	struct read_job *j = arg;

	record_copy(&j->rows[j->nrows++], r);
	return j->nrows < ROWS_MAX;
}

/* Where the block can be read: files of ours with that content, or a download of it that has come that far. */
static struct read_job *locate(struct talk *t, const struct serve_want *w)
{
	struct peer_group *g = t->group;
	struct read_job *j = MEM_NEW(struct read_job);
	int fd;

	j->fd = -1;
	j->want = w->want;
	j->offset = w->want.offset;
	if (index_by_content(g->config.index, &w->content, take_row, j) >= 0 && j->nrows)
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
	size_t share = p->config.memory / (p->nsessions > 0 ? p->nsessions : 1);

	if (p->config.memory == 0 || share > SERVE_QUEUED_MAX)
		return SERVE_QUEUED_MAX;
	return share > LINK_BULK_LOW ? share : LINK_BULK_LOW + 1;
}

void serve_more(struct talk *t)
{
	size_t most = queued_max(t->session->peers);
	int reads = most < SERVE_QUEUED_MAX ? 1 : SERVE_MAX_READS;

	while (t->wants && t->reads < reads && t->session->link->queued_bulk < most) {
		struct serve_want *w = t->wants;
		struct read_job *j = locate(t, w);

		if (j) {
			j->session = t->session;
			j->talk = t->serial;
			j->root = share_root(t->group->config.share);
			t->reads++;
			t->session->jobs++;
			workers_submit(t->session->peers->config.workers,
			               w->want.len > NEWS_INLINE_MAX ? WORKERS_BULK : WORKERS_QUICK, read_block,
			               block_read, j);
		} else {
			send_block(t, w->want.request, MSG_BLOCK_NONE, 0, NULL, 0);
		}
		DL_DELETE(t->wants, w);
		t->nwants--;
		free(w);
	}
}

void serve_get(struct talk *t, const struct msg_get *m)
{
	if (t->nwants + m->nwants > SERVE_MAX_QUEUE) {
		peer_group_misbehaved(t->group, t->session->peer, "", "asked for more blocks than it may at a time");
		return;
	}
	for (size_t i = 0; i < m->nwants; i++) {
		struct serve_want *w = MEM_NEW(struct serve_want);

		w->content = m->content;
		w->want = m->wants[i];
		DL_APPEND(t->wants, w);
		t->nwants++;
	}
	serve_more(t);
}

void serve_list(struct talk *t, const struct msg_list_get *m)
{
	struct msg_list answer = { .request = m->request, .first = m->first, .none = true };
	struct blocklist list = { 0 };
	uint8_t *p = NULL;
	size_t n;

	if (index_blocks(t->group->config.index, &m->content, &list) == 1 && m->first < list.n) {
		struct blocklist part = { .n = list.n - m->first, .b = list.b + m->first };

		if (part.n > MSG_LIST_MAX)
			part.n = MSG_LIST_MAX;
		p = mem_calloc(part.n, 36);
		blocklist_encode(p, &part);
		answer.blocks = (struct msg_bytes){ .p = p, .n = 36 * (size_t)part.n };
		answer.none = false;
	}
	uint8_t *body = msg_list_encode(&answer, &n);

	session_send(t->session, FRAME_LIST, body, n);
	free(p);
	blocklist_clear(&list);
}

void serve_cancel(struct session *s, const struct msg_cancel *m)
{
	struct serve_want *w, *next;
	struct talk *t;

	DL_FOREACH(s->talks, t) {
		DL_FOREACH_SAFE(t->wants, w, next) {
			bool named = false;

			for (size_t i = 0; i < m->n && !named; i++)
				named = m->requests[i] == w->want.request;
			if (!named)
				continue;
			DL_DELETE(t->wants, w);
			t->nwants--;
			free(w);
		}
	}
}

void serve_stop(struct talk *t)
{
	struct serve_want *w, *next;

	DL_FOREACH_SAFE(t->wants, w, next) {
		DL_DELETE(t->wants, w);
		free(w);
	}
	t->nwants = 0;
}
