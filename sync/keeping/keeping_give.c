/* Objects that a vault wants of our rows. Its wants wait in the order in which they came, by row; workers read what the
 * front ones are made of, and seal it. What is sealed is named by the bytes that were read just now, whatever the list
 * said of them: a nonce that was made of an older digest could serve twice.
 *
 * Of a block of a larger file that the vault was given whole, digests of its leaves are kept. The block that stands at
 * its place later is given as a patch of it, if the vault takes one and most of it is the same. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_bases.h"
#include "sync/keeping/keeping_objects_internal.h"
#include "sync/seal/pad.h"
#include "sync/seal/patch.h"

enum {
	GIVE_WANTS = 8192,      /* that wait */
	GIVE_READS = 16,        /* at once, for one vault, */
	GIVE_READING = 8 << 20, /* and bytes of these */
	GIVE_PER_TURN = 32,     /* of the loop, for one vault */
	GIVE_ROWS = 4,          /* whose names are kept, of those that have more than KEEPING_NAMES_SHORT blocks, */
	GIVE_NAMES = 64 << 20,  /* and bytes of these; the first is always kept */
	GIVE_SMALL = 64 << 10,  /* a reading that need not wait behind large ones */
	GIVE_PAGE = 64 << 10,   /* about what a page comes to */
};

/* The wants of one message: objects of one row. */
struct give_group {
	uint64_t seq, generation;      /* generation 0: nothing of it can be given */
	struct keeping_names *names;   /* a reference; NULL: its turn has not come */
	struct msg_object_want *wants; /* owned */
	size_t n, at;
	struct give_group *prev, *next;
};

struct keeping_give {
	struct keeping *k;
	struct keeping_vault *v; /* NULL: it is gone, and this goes with its last job */
	struct give_group *groups;
	size_t nwants;
	struct keeping_names *kept; /* the last used first; a reference each */
	int reads, jobs;
	size_t reading; /* bytes */
	struct loop_timer *timer;
};

static void give_go_on(void *arg);

static void give_free_if_over(struct keeping_give *g)
{
	if (g->v == NULL && g->jobs == 0)
		free(g);
}

static void give_answer_none(struct keeping_give *g, uint32_t request)
{
	(void)g->k->config.ops->object(g->k->config.arg, g->v->peer, request, MSG_OBJECT_NONE, NULL, 0);
}

/* --- names of rows --- */

static void give_named(void *arg)
{
	struct keeping_give *g = arg;

	g->jobs--;
	if (g->v != NULL && !g->k->stopping)
		give_go_on(g);
	give_free_if_over(g);
}

static void give_names_drop(struct keeping_give *g, struct keeping_names *n)
{
	DL_DELETE(g->kept, n);
	keeping_names_unref(n);
}

static void give_names_keep(struct keeping_give *g, struct keeping_names *n)
{
	struct keeping_names *other, *next;
	size_t bytes = 0;
	int rows = 0;

	if (n->row.content.nblocks <= KEEPING_NAMES_SHORT)
		return;
	(void)keeping_names_ref(n);
	DL_PREPEND(g->kept, n);
	DL_FOREACH_SAFE(g->kept, other, next) {
		bytes += keeping_names_bytes(other);
		if (rows++ > 0 && (rows > GIVE_ROWS || bytes > GIVE_NAMES))
			give_names_drop(g, other);
	}
}

static struct keeping_names *give_names_of(struct keeping_give *g, const struct give_group *group)
{
	struct keeping_names *n;

	DL_FOREACH(g->kept, n) {
		if (n->seq != group->seq || n->generation != group->generation)
			continue;
		DL_DELETE(g->kept, n);
		DL_PREPEND(g->kept, n);
		return keeping_names_ref(n);
	}
	n = keeping_names_new(g->k, group->seq, group->generation, give_named, g);
	if (n == NULL)
		return NULL;
	if (!n->made)
		g->jobs++;
	give_names_keep(g, n);
	return n;
}

/* --- one object --- */

struct give_read {
	struct keeping_give *give;
	struct keeping_names *names; /* a reference */
	uint32_t request;
	uint8_t kind;
	size_t index;                              /* of the page */
	struct block_want want;                    /* the block */
	struct content_reading *reading;           /* of it */
	size_t len;                                /* that `reading` counts for it */
	struct index_base bases[OBJECT_BASES_MAX]; /* what the vault was given at this place; their leaves are owned */
	int nbases;                                /* 0 as well if it takes no patch */
	struct keeping_keys *base_keys;            /* that their names are made with; owned */
	struct keeping_leaves leaves;              /* the block's; owned */
	uint8_t *bytes;                            /* the object; NULL: there is none */
	size_t n;
	bool patched; /* it is a patch */
};

static void give_read_free(struct give_read *r)
{
	keeping_names_unref(r->names);
	keeping_keys_free(r->base_keys);
	for (int i = 0; i < r->nbases; i++)
		free(r->bases[i].leaves);
	keeping_leaves_free(&r->leaves);
	free(r->bytes);
	free(r);
}

static int give_ref_order(const void *a, const void *b)
{
	return memcmp(a, b, OBJECT_REF);
}

/* What the bases are called, in the order of a head. How many; 0: that is not known, or two of them are one. */
static uint32_t give_base_refs(const struct give_read *r, const uint8_t *content, size_t n,
                               uint8_t refs[OBJECT_BASES_MAX][OBJECT_REF])
{
	struct patch p;

	if (!patch_read(&p, content, n))
		return 0;
	for (uint32_t i = 0; i < p.nbases; i++) {
		struct object_ref ref = { .generation = p.bases[i].generation };
		struct keys *keys = keeping_keys_find(r->base_keys, ref.generation);

		if (keys == NULL)
			return 0;
		object_name(keys, OBJECT_BLOCK, p.bases[i].sha, ref.name);
		object_ref_put(refs[i], &ref);
	}
	qsort(refs, p.nbases, OBJECT_REF, give_ref_order);
	for (uint32_t i = 1; i < p.nbases; i++) {
		if (memcmp(refs[i - 1], refs[i], OBJECT_REF) == 0)
			return 0;
	}
	return p.nbases;
}

/* The block as a patch of what the vault was given, if that is worth it. */
static void give_seal_patch(struct give_read *r, const uint8_t sha[SHA256_SIZE], const uint8_t *plain)
{
	uint8_t name[32], refs[OBJECT_BASES_MAX][OBJECT_REF];
	struct patch_known known[OBJECT_BASES_MAX];
	struct object_input in = { .kind = OBJECT_PATCH, .name = name, .refs = refs[0] };
	uint8_t *content;

	for (int i = 0; i < r->nbases; i++) {
		if (memcmp(r->bases[i].sha, sha, SHA256_SIZE) == 0)
			return;
	}
	keeping_leaves_known(known, r->bases, (size_t)r->nbases);
	content = patch_make(known, (size_t)r->nbases, r->want.offset, plain, r->want.len, r->leaves.digests, &in.n);
	if (content == NULL)
		return;
	in.content = content;
	in.nrefs = give_base_refs(r, content, in.n, refs);
	object_name(r->names->keys, OBJECT_BLOCK, sha, name);
	if (in.nrefs > 0)
		r->bytes = object_seal(r->names->keys, &in, &r->n);
	free(content);
}

static void give_seal_block(struct give_read *r)
{
	uint8_t *plain = malloc(r->want.len), sha[SHA256_SIZE];
	struct object_input in = { .kind = OBJECT_BLOCK, .content = plain, .n = r->want.len, .sha = sha };

	if (plain == NULL || content_read(r->reading, plain) < 0)
		goto out;
	sha256(sha, plain, r->want.len);
	if (memcmp(sha, r->want.hash, sizeof(sha)) != 0)
		goto out;
	keeping_leaves_make(&r->leaves, r->want.offset, plain, r->want.len);
	if (r->leaves.n > 0)
		give_seal_patch(r, sha, plain);
	if (r->bytes == NULL) {
		in.avg_log2 = pad_block_avg(keys_about(r->names->keys)->policy, r->names->row.chunk_log2, r->want.len);
		r->bytes = object_seal(r->names->keys, &in, &r->n);
	} else {
		r->patched = true;
	}
out:
	free(plain);
}

static void give_seal_page(struct give_read *r)
{
	struct bytes content = BYTES_INIT(OBJECT_CONTENT_MAX), refs = BYTES_INIT(OBJECT_HEAD_MAX);

	if (row_page(&r->names->sealed, r->index, &content, &refs) == 0) {
		struct object_input in = { .kind = OBJECT_PAGE,
			                   .content = content.p,
			                   .n = content.len,
			                   .refs = refs.p,
			                   .nrefs = (uint32_t)(refs.len / OBJECT_REF) };

		r->bytes = object_seal(r->names->keys, &in, &r->n);
	}
	bytes_free(&content);
	bytes_free(&refs);
}

/* Worker. */
static void give_work(void *arg)
{
	struct give_read *r = arg;

	if (r->kind == OBJECT_PAGE)
		give_seal_page(r);
	else
		give_seal_block(r);
}

static void give_done(void *arg)
{
	struct give_read *r = arg;
	struct keeping_give *g = r->give;

	g->k->jobs--;
	g->jobs--;
	g->reads--;
	g->reading -= r->len;
	content_close(r->reading);
	if (g->v != NULL && !g->k->stopping) {
		if (r->bytes == NULL)
			give_answer_none(g, r->request);
		else if (g->k->config.ops->object(g->k->config.arg, g->v->peer, r->request, MSG_OBJECT_HERE, r->bytes,
		                                  r->n) == 0 &&
		         !r->patched)
			keeping_leaves_note(g->k, &r->leaves, g->v->peer, r->names->row.path, &r->want,
			                    r->names->generation);
		r->bytes = NULL;
		give_go_on(g);
	}
	give_read_free(r);
	give_free_if_over(g);
}

static void give_look_for_bases(struct keeping_give *g, struct give_read *r, bool patches)
{
	const struct record *row = &r->names->row;

	keeping_leaves_begin(g->k, &r->leaves, &row->content, &r->want);
	if (!patches || r->leaves.digests == NULL)
		return;
	r->nbases = index_bases_get(g->k->config.index, row->path, g->v->peer, r->want.offset, r->want.len, r->bases,
	                            OBJECT_BASES_MAX);
	if (r->nbases < 0)
		r->nbases = 0;
	if (r->nbases > 0)
		r->base_keys = keeping_keys_new(g->k);
}

/* Begins to read and seal it. False: it is not of this row, or is not here. */
static bool give_begin(struct keeping_give *g, struct keeping_names *names, const struct msg_object_want *want)
{
	int64_t index = keeping_names_find(names, want->kind, want->name);
	struct give_read *r;
	bool quick = true;

	if (index < 0 || want->generation != names->generation)
		return false;
	r = MEM_NEW(struct give_read);
	r->kind = want->kind == OBJECT_PAGE ? OBJECT_PAGE : OBJECT_BLOCK;
	r->index = (size_t)index;
	r->len = GIVE_PAGE;
	if (r->kind == OBJECT_BLOCK) {
		r->want = keeping_names_block(names, (size_t)index);
		r->len = r->want.len;
		r->reading = content_open(&g->k->config.sources, &names->row.content, NULL, &r->want);
		if (r->reading == NULL) {
			free(r);
			return false;
		}
		quick = r->len <= GIVE_SMALL || r->reading->warm;
	}
	r->give = g;
	r->names = keeping_names_ref(names);
	r->request = want->request;
	if (r->kind == OBJECT_BLOCK)
		give_look_for_bases(g, r, want->kind == OBJECT_PATCH);
	g->jobs++;
	g->reads++;
	g->reading += r->len;
	keeping_job_submit(g->k, quick ? WORKERS_QUICK : WORKERS_BULK, give_work, give_done, r);
	return true;
}

/* --- in turn --- */

static void give_group_free(struct keeping_give *g, struct give_group *group)
{
	DL_DELETE(g->groups, group);
	g->nwants -= group->n - group->at;
	keeping_names_unref(group->names);
	free(group->wants);
	free(group);
}

/* What the network and memory have room for. Nothing is sealed unless there is a generation to seal with now: it may
 * have to be known first who may read. */
static bool give_may_begin(const struct keeping_give *g)
{
	return g->reads < GIVE_READS && g->reading <= GIVE_READING - BLOCK_MAX &&
	       ring_current(g->k->config.ring) != NULL &&
	       g->k->config.ops->room(g->k->config.arg, g->v->peer, true) > 0;
}

/* Answers the first want of the front group, or begins to. False: that has to wait. */
static bool give_next(struct keeping_give *g, struct give_group *group)
{
	const struct msg_object_want *want = &group->wants[group->at];

	if (group->names == NULL && group->generation != 0) {
		group->names = give_names_of(g, group);
		if (group->names == NULL)
			group->generation = 0;
	}
	if (group->names != NULL && !group->names->made)
		return false;
	group->at++;
	g->nwants--;
	if (group->names == NULL || !give_begin(g, group->names, want))
		give_answer_none(g, want->request);
	if (group->at == group->n)
		give_group_free(g, group);
	return true;
}

static void give_go_on(void *arg)
{
	struct keeping_give *g = arg;

	for (int i = 0; g->groups != NULL && give_may_begin(g); i++) {
		if (i == GIVE_PER_TURN) {
			loop_timer_start(g->timer, 0, 0);
			return;
		}
		if (!give_next(g, g->groups))
			return;
	}
}

/* --- what the vault says --- */

void keeping_give_want(struct keeping *k, struct keeping_vault *v, const struct msg_vault *m)
{
	const struct keeping_unsettled *told = keeping_tell_find(v, m->row);
	struct keeping_give *g = v->give;
	struct give_group *group;

	if (m->nwants == 0)
		return;
	if (g->nwants + m->nwants > GIVE_WANTS) {
		k->config.ops->misbehaved(k->config.arg, v->peer, "requested more objects than it may at a time");
		return;
	}
	group = MEM_NEW(struct give_group);
	group->seq = m->row;
	group->generation = told != NULL ? told->generation : 0;
	group->wants = mem_dup(m->wants, m->nwants * sizeof(*m->wants));
	group->n = m->nwants;
	g->nwants += m->nwants;
	DL_APPEND(g->groups, group);
	give_go_on(g);
}

static int give_request_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void give_group_cancel(struct keeping_give *g, struct give_group *group, const uint32_t *sorted, size_t n)
{
	size_t kept = group->at;

	for (size_t i = group->at; i < group->n; i++) {
		if (bsearch(&group->wants[i].request, sorted, n, sizeof(*sorted), give_request_order) == NULL)
			group->wants[kept++] = group->wants[i];
	}
	g->nwants -= group->n - kept;
	group->n = kept;
	if (group->at == group->n)
		give_group_free(g, group);
}

void keeping_give_cancel(struct keeping *k, struct keeping_vault *v, const struct msg_vault *m)
{
	struct keeping_give *g = v->give;
	struct give_group *group, *next;
	uint32_t *sorted;

	(void)k;
	if (m->nrequests == 0)
		return;
	sorted = mem_dup(m->requests, m->nrequests * sizeof(*sorted));
	qsort(sorted, m->nrequests, sizeof(*sorted), give_request_order);
	DL_FOREACH_SAFE(g->groups, group, next)
		give_group_cancel(g, group, sorted, m->nrequests);
	free(sorted);
}

void keeping_give_room(struct keeping *k, struct keeping_vault *v)
{
	if (!k->stopping)
		give_go_on(v->give);
}

/* --- beginning and end --- */

void keeping_give_up(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_give *g = MEM_NEW(struct keeping_give);

	g->k = k;
	g->v = v;
	g->timer = loop_timer_new(k->config.loop, give_go_on, g);
	v->give = g;
}

void keeping_give_down(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_give *g = v->give;

	(void)k;
	while (g->groups != NULL)
		give_group_free(g, g->groups);
	while (g->kept != NULL)
		give_names_drop(g, g->kept);
	loop_timer_free(g->timer);
	g->timer = NULL;
	g->v = NULL;
	v->give = NULL;
	give_free_if_over(g);
}
