/* Blocks that were changed in place, got by their leaves (sync/plan/leaf.h). The file that stands at the download's
 * path is its older version: of a block that it does not have, digests are asked for, a worker compares them with what
 * stands there at the same place, and only the leaves that differ are asked for. The block that is put together goes
 * the way of any block that arrived, which verifies it. See get_internal.h.
 *
 * It must cost nothing where nothing is gained: a few blocks are tried first, the others wait for them, and when little
 * was saved a stretch of blocks is requested as a whole, twice as long each time, before the next few are tried. */
#include "sync/get/get_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/leaf.h"

enum {
	PROBES = 4,           /* blocks that are tried before it is known whether anything is saved */
	OUT_MAX = 128,        /* blocks under way after that, */
	OUT_BYTES = 12 << 20, /* and bytes of them, which the giver reads for requests of a few bytes */
	SKIP_MIN = 32,
	SKIP_MAX = 4096,
	WORTH_PARTS = 4,       /* of a block, three of which may differ at most */
	SAVED_PARTS = 4,       /* of the bytes tried, one of which must be saved */
	REMEMBERED = 16 << 20, /* bytes tried: what was before counts half */
	FAILED_MAX = 3,        /* blocks that were not right in the end, until the download tries no more */
	RUN = 16,              /* blocks in a row that one source is asked about */
};

struct leaf_job {
	struct get *g;
	struct download *d;
	struct leaf_work *work; /* owned */
	uint64_t peer;
	struct slab answer; /* owned */
	int old;            /* the download's */
	int64_t base;
	uint8_t *bytes; /* out: the block; NULL: leaves are needed, or it is not worth it; owned */
	bool worth;
};

void leaves_begin(struct download *d, const struct leaves *learned, const struct leaves *of)
{
	d->leaves = (struct leaves){
		.fd = of->fd >= 0 && learned->failed < FAILED_MAX ? fcntl(of->fd, F_DUPFD_CLOEXEC, 0) : -1,
		.size = of->size,
		.base = of->base,
		.judged = learned->judged,
		.tried = learned->tried,
		.saved = learned->saved,
		.skip = learned->skip,
		.next_skip = learned->next_skip,
		.failed = learned->failed,
	};
}

bool leaves_want(struct download *d, uint32_t block)
{
	struct leaves *l = &d->leaves;

	if (l->fd < 0 || l->base + d->offset_of[block] + LEAF_SIZE > l->size)
		return false;
	if (l->skip > 0) {
		l->skip--;
		return false;
	}
	return true;
}

/* --- asking --- */

static bool gives_leaves(const struct get *g, uint64_t peer)
{
	return g->c.ops.leaves == NULL || g->c.ops.leaves(g->c.ops_arg, peer);
}

static struct get_source *source_for(struct download *d, uint32_t block)
{
	for (size_t i = 0; i < d->nsources; i++) {
		struct get_source *s = &d->sources[(d->leaves.turn + i) % d->nsources];

		if (source_usable(d->g, s) && get_now(d->g) >= get_peer(d->g, s->peer)->rest_ms &&
		    gives_leaves(d->g, s->peer) && holders_has(d, s, block))
			return s;
	}
	return NULL;
}

static struct block_want *leaf_request(struct download *d, uint64_t peer, struct leaf_work *w)
{
	struct get_request *r = request_new(d, get_peer(d->g, peer), LEAF_BLOCK, w->want.len);

	r->leaf = w;
	w->want.request = r->number;
	return &w->want;
}

static struct leaf_work *work_new(const struct download *d, uint32_t block)
{
	struct leaf_work *w = MEM_NEW(struct leaf_work);
	const struct block *b = &d->list.b[block];

	w->block = block;
	w->want = (struct block_want){ .len = b->len,
		                       .offset = d->offset_of[block],
		                       .what = WANT_DIGESTS,
		                       .skew = (uint16_t)(d->leaves.base % LEAF_SIZE) };
	memcpy(w->want.hash, b->hash, sizeof(b->hash));
	return w;
}

static bool leaves_may_ask(const struct download *d)
{
	const struct leaves *l = &d->leaves;

	return l->waiting > 0 && l->at < d->list.n &&
	       (l->judged < PROBES ? l->judged + l->out < PROBES : l->out < OUT_MAX) && l->out_bytes < OUT_BYTES &&
	       d->g->bytes_out < d->g->c.memory;
}

/* Asks one source about a few blocks in a row; false: nobody can be asked. */
static bool ask_run(struct download *d)
{
	struct leaves *l = &d->leaves;
	struct block_want wants[RUN];
	struct get_source *s = NULL;
	size_t n = 0;

	for (; n < RUN && leaves_may_ask(d); l->at++) {
		if (d->state_of[l->at] != BLOCK_LEAVES)
			continue;
		if (s == NULL)
			s = source_for(d, l->at);
		if (s == NULL || !holders_has(d, s, l->at))
			break;
		wants[n++] = *leaf_request(d, s->peer, work_new(d, l->at));
		download_set(d, l->at, BLOCK_LEAFING);
	}
	l->turn++;
	if (n > 0)
		d->g->c.ops.blocks(d->g->c.ops_arg, s->peer, &d->c, wants, n);
	return n > 0 || l->at == d->list.n || s != NULL;
}

void leaves_pump(struct download *d)
{
	while (leaves_may_ask(d)) {
		if (!ask_run(d))
			download_set(d, d->leaves.at++, BLOCK_NEEDED);
	}
}

/* --- what it saves --- */

/* The blocks that wait are requested as others are: as many as are to be skipped. */
static void skip_waiting(struct download *d)
{
	struct leaves *l = &d->leaves;

	for (; l->skip > 0 && l->waiting > 0 && l->at < d->list.n; l->at++) {
		if (d->state_of[l->at] != BLOCK_LEAVES)
			continue;
		l->skip--;
		download_set(d, l->at, BLOCK_NEEDED);
	}
}

static void note_saved(struct download *d, int64_t tried, int64_t saved)
{
	struct leaves *l = &d->leaves;

	l->judged++;
	l->tried += tried;
	l->saved += saved;
	if (l->judged < PROBES)
		return;
	if (l->saved >= l->tried / SAVED_PARTS) {
		l->next_skip = SKIP_MIN;
		if (l->tried > REMEMBERED) {
			l->tried /= 2;
			l->saved /= 2;
		}
		return;
	}
	if (l->next_skip < SKIP_MIN)
		l->next_skip = SKIP_MIN;
	l->skip = l->next_skip;
	l->next_skip = l->next_skip < SKIP_MAX / 2 ? l->next_skip * 2 : SKIP_MAX;
	l->judged = 0;
	l->tried = l->saved = 0;
	skip_waiting(d);
}

void leaves_failed(struct download *d)
{
	if (++d->leaves.failed < FAILED_MAX)
		return;
	d->leaves.skip = UINT32_MAX;
	d->leaves.next_skip = SKIP_MAX;
	d->leaves.size = 0;
	skip_waiting(d);
}

/* --- answers --- */

/* Worker. The old file may be shorter than the block reaches; nothing is known of what is behind its end. */
static void leaf_job_run(void *arg)
{
	struct leaf_job *j = arg;
	struct block_want *w = &j->work->want;
	uint8_t *old = j->work->old;
	ssize_t n;

	j->work->old = NULL;
	if (w->what == WANT_LEAVES) {
		leaf_apply(w, old, j->answer.p);
		j->bytes = old;
		return;
	}
	old = mem_realloc(NULL, w->len, 1);
	n = fs_pread_full(j->old, old, w->len, j->base + w->offset);
	if (n < 0) {
		free(old);
		return;
	}
	memset(old + n, 0, w->len - (size_t)n);
	leaf_compare(w, old, j->answer.p);
	j->worth = leaf_answer_len(w) <= w->len - w->len / WORTH_PARTS;
	if (w->nruns == 0)
		j->bytes = old;
	else if (j->worth)
		j->work->old = old;
	else
		free(old);
}

/* The block, or what is missing of it, is known now. */
static void leaf_settled(struct download *d, struct leaf_job *j)
{
	uint32_t block = j->work->block, len = j->work->want.len;
	struct source_peer *p = get_peer(d->g, j->peer);

	if (j->worth)
		note_saved(d, len, len - leaf_answer_len(&j->work->want));
	else if (j->bytes == NULL)
		note_saved(d, len, 0);
	if (j->bytes != NULL) {
		struct slab bytes = { .p = j->bytes, .n = len, .base = j->bytes };

		j->bytes = NULL;
		download_arrived(d, block, j->peer, &bytes, true);
	} else if (j->worth && p->up && !d->parked) {
		d->g->c.ops.blocks(d->g->c.ops_arg, j->peer, &d->c, leaf_request(d, j->peer, j->work), 1);
		j->work = NULL;
	} else {
		download_set(d, block, BLOCK_NEEDED);
	}
}

static void leaf_job_done(void *arg)
{
	struct leaf_job *j = arg;
	struct download *d = j->d;
	struct get *g = j->g;

	g->bytes_out -= j->work->want.len; /* a request for leaves counts it again */
	if (d->state == DOWNLOAD_GETTING && !d->parked)
		leaf_settled(d, j);
	else if (d->state != DOWNLOAD_DYING)
		download_set(d, j->work->block, BLOCK_NEEDED);
	download_job_back(d);
	slab_free(&j->answer);
	free(j->bytes);
	if (j->work != NULL)
		free(j->work->old);
	free(j->work);
	free(j);
	get_wake(g);
	get_job_end(g);
}

void leaves_take(struct get_request *r, struct slab *bytes)
{
	struct download *d = r->d;
	struct get *g = d->g;
	uint64_t peer = r->peer->id;
	struct leaf_job *j;

	if (bytes->p == NULL || bytes->n != leaf_answer_len(&r->leaf->want)) {
		request_forget(r, true);
		if (bytes->p == NULL)
			source_has_not(d, peer);
		else
			source_lied(d, peer, "sent leaves of a different length than requested");
		slab_free(bytes);
		return;
	}
	j = MEM_NEW(struct leaf_job);
	*j = (struct leaf_job){ .g = g,
		                .d = d,
		                .work = r->leaf,
		                .peer = peer,
		                .answer = *bytes,
		                .old = d->leaves.fd,
		                .base = d->leaves.base };
	r->leaf = NULL;
	request_forget(r, false);
	g->counters.bytes_received += j->answer.n;
	g->bytes_out += j->work->want.len; /* until the job is back */
	d->jobs++;
	get_job_begin(g);
	workers_submit(g->c.workers, WORKERS_BULK, leaf_job_run, leaf_job_done, j);
}
