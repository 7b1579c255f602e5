/* Blocks that a vault has as patches of others. What a patch leaves as it was is read from the file that stands where
 * the block is to come, which mostly is the version before; or else the vault is asked for the blocks that it is of. A
 * worker puts the block together, and only its own hash says whether it is right. Bases that have come are noted: the
 * vault has them whole. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/keeping/keeping_objects_internal.h"
#include "sync/seal/patch.h"

enum {
	PATCHING = 32 << 20,   /* bytes of bases that one vault is asked for, and that have come; but always some */
	PATCHING_LEAST = 8192, /* that a base counts, so that they are no more than a quarter of what a vault takes */
};

struct keeping_patched {
	struct keeping_wanted *get;
	struct object_ref self;
	uint32_t request;
	struct content of; /* that has the block */
	struct block_want want;
	struct slab content; /* the patch; owned, but while a worker has it */
	struct patch patch;  /* what it says */
	struct object_ref bases[OBJECT_BASES_MAX];
	struct keys *keys[OBJECT_BASES_MAX];         /* that these were sealed with; references */
	struct keeping_ask *asked[OBJECT_BASES_MAX]; /* for these; NULL: not, or it is here: */
	struct slab came[OBJECT_BASES_MAX];          /* owned */
	struct patch_job *job;                       /* a worker has it; NULL: none does */
	size_t counted;                              /* in get->patching; 0: its bases were not asked for */
	bool waits;                                  /* in get->patches_waiting */
	struct keeping_patched *prev, *next;
	void (*done)(struct keeping_wanted *g, uint32_t request, struct slab *bytes);
	UT_hash_handle hh;
};

/* What a worker has of it. */
struct patch_job {
	struct keeping_wanted *get;
	struct keeping_patched *of; /* NULL: it was taken back */
	struct slab content;        /* owned */
	struct patch patch;
	struct content_reading *reading;                /* of the file; NULL: the bases came from the vault */
	struct slab bases[OBJECT_BASES_MAX];            /* owned */
	struct keeping_leaves leaves[OBJECT_BASES_MAX]; /* of these; owned */
	int64_t offset;                                 /* of the block */
	uint8_t hash[SHA256_SIZE];
	uint8_t *block; /* what came of it; owned; NULL: it is not the block */
};

static void slabs_free(struct slab slabs[OBJECT_BASES_MAX])
{
	for (uint32_t i = 0; i < OBJECT_BASES_MAX; i++)
		slab_free(&slabs[i]);
}

/* Off the table. What a worker has goes with its job. */
static void patched_take_out(struct keeping_patched *p)
{
	HASH_DEL(p->get->patched, p);
	p->get->bytes -= p->want.len;
	p->get->patching -= p->counted;
	if (p->waits)
		DL_DELETE(p->get->patches_waiting, p);
	if (p->job != NULL)
		p->job->of = NULL;
	slab_free(&p->content);
	slabs_free(p->came);
	for (uint32_t i = 0; i < p->patch.nbases; i++)
		keys_free(p->keys[i]);
}

static void patch_ask_waiting(struct keeping_wanted *g);

/* Whoever hears of it may end what it was asked for: g stays for the rest of this. */
static void patched_over(struct keeping_patched *p, struct slab *bytes)
{
	struct keeping_wanted *g = p->get;

	patched_take_out(p);
	g->jobs++;
	p->done(g, p->request, bytes);
	free(p);
	g->jobs--;
	if (g->v != NULL && !g->k->stopping)
		patch_ask_waiting(g);
	keeping_ask_free_if_over(g);
}

/* --- putting it together --- */

/* Worker. */
static void patch_work(void *arg)
{
	struct patch_job *j = arg;
	uint8_t sha[SHA256_SIZE], *block = mem_calloc(j->patch.len, 1);
	bool here = true;

	if (j->reading != NULL)
		here = content_read(j->reading, block) == 0;
	for (uint32_t i = 0; i < j->patch.nbases && j->reading == NULL; i++) {
		const struct patch_base *b = &j->patch.bases[i];

		here = here && j->bases[i].n == b->len;
		if (!here)
			break;
		patch_put_base(&j->patch, i, j->bases[i].p, block);
		keeping_leaves_make(&j->leaves[i], j->offset + b->begin, j->bases[i].p, b->len);
	}
	if (here) {
		patch_put_runs(&j->patch, block);
		sha256(sha, block, j->patch.len);
	}
	if (here && memcmp(sha, j->hash, sizeof(sha)) == 0)
		j->block = block;
	else
		free(block);
}

/* Where a base was in the file. */
static struct block_want patch_base_place(const struct patch *patch, int64_t offset, uint32_t i)
{
	struct block_want place = { .len = patch->bases[i].len, .offset = offset + patch->bases[i].begin };

	memcpy(place.hash, patch->bases[i].sha, sizeof(place.hash));
	return place;
}

static void patch_note_bases(struct keeping_patched *p, const struct patch_job *j)
{
	const struct keeping_config *c = &p->get->k->config;
	const char *path = c->ops->path != NULL ? c->ops->path(c->arg, &p->of) : NULL;

	for (uint32_t i = 0; i < j->patch.nbases; i++) {
		struct block_want place = patch_base_place(&j->patch, j->offset, i);

		keeping_leaves_note(p->get->k, &j->leaves[i], p->get->v->peer, path, &place,
		                    j->patch.bases[i].generation);
	}
}

static void patch_ask(struct keeping_patched *p);

static void patch_end(struct keeping_patched *p, struct patch_job *j)
{
	struct slab bytes = { .p = j->block, .n = p->want.len, .base = j->block };

	p->job = NULL;
	if (j->block == NULL && j->reading != NULL) {
		p->content = j->content;
		j->content = (struct slab){ 0 };
		patch_ask(p);
		return;
	}
	if (j->block != NULL)
		patch_note_bases(p, j);
	if (j->block == NULL) {
		bytes = (struct slab){ 0 };
		keeping_ask_bad(p->get, OBJECT_PATCH, &p->self, "does not make the block that it says");
	}
	j->block = NULL;
	patched_over(p, &bytes); /* takes them */
}

static void patch_done(void *arg)
{
	struct patch_job *j = arg;
	struct keeping_wanted *g = j->get;

	g->k->jobs--;
	if (j->of != NULL && g->v != NULL && !g->k->stopping)
		patch_end(j->of, j);
	content_close(j->reading);
	slab_free(&j->content);
	slabs_free(j->bases);
	for (uint32_t i = 0; i < OBJECT_BASES_MAX; i++)
		keeping_leaves_free(&j->leaves[i]);
	free(j->block);
	free(j);
	g->jobs--;
	keeping_ask_free_if_over(g);
}

/* With the reading, which is taken, or all bases. */
static void patch_submit(struct keeping_patched *p, struct content_reading *reading)
{
	struct patch_job *j = MEM_NEW(struct patch_job);

	j->get = p->get;
	j->of = p;
	j->content = p->content;
	p->content = (struct slab){ 0 };
	j->patch = p->patch;
	j->reading = reading;
	j->offset = p->want.offset;
	for (uint32_t i = 0; i < p->patch.nbases && reading == NULL; i++) {
		struct block_want place = patch_base_place(&p->patch, p->want.offset, i);

		if (place.offset >= 0)
			keeping_leaves_begin(p->get->k, &j->leaves[i], &p->of, &place);
	}
	memcpy(j->hash, p->want.hash, sizeof(j->hash));
	memcpy(j->bases, p->came, sizeof(j->bases));
	memset(p->came, 0, sizeof(p->came));
	p->job = j;
	p->get->jobs++;
	keeping_job_submit(p->get->k, WORKERS_BULK, patch_work, patch_done, j);
}

/* --- the bases, from the vault --- */

static void patch_stop_asking(struct keeping_patched *p)
{
	struct keeping_ask *asks[OBJECT_BASES_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < p->patch.nbases; i++) {
		if (p->asked[i] != NULL)
			asks[n++] = p->asked[i];
		p->asked[i] = NULL;
	}
	if (n > 0)
		keeping_ask_cancel(p->get, asks, n);
}

static void patch_base_came(struct keeping_ask *a, struct keeping_opened *o)
{
	struct keeping_patched *p = a->patched;
	struct slab none = { 0 };

	p->asked[a->base] = NULL;
	if (o == NULL) {
		patch_stop_asking(p);
		patched_over(p, &none);
		return;
	}
	p->came[a->base] = o->content;
	o->content = (struct slab){ 0 };
	for (uint32_t i = 0; i < p->patch.nbases; i++) {
		if (p->asked[i] != NULL)
			return;
	}
	patch_submit(p, NULL);
}

static size_t patch_counts(const struct keeping_patched *p)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->patch.nbases; i++)
		n += p->patch.bases[i].len > PATCHING_LEAST ? p->patch.bases[i].len : PATCHING_LEAST;
	return n;
}

static bool patch_has_room(const struct keeping_wanted *g, const struct keeping_patched *p)
{
	return g->patching == 0 || g->patching + patch_counts(p) <= PATCHING;
}

static void patch_ask_now(struct keeping_patched *p)
{
	p->counted = patch_counts(p);
	p->get->patching += p->counted;
	for (uint32_t i = 0; i < p->patch.nbases; i++) {
		struct keeping_ask *a = keeping_ask_new(p->get, p->keys[i]);

		a->kind = OBJECT_BLOCK;
		memcpy(a->ref.name, p->bases[i].name, sizeof(a->ref.name));
		a->bytes = p->patch.bases[i].len;
		a->done = patch_base_came;
		a->patched = p;
		a->base = i;
		p->asked[i] = a;
	}
	keeping_ask_send(p->get, p->asked, p->patch.nbases);
}

/* In the order in which they came. */
static void patch_ask(struct keeping_patched *p)
{
	p->waits = p->get->patches_waiting != NULL || !patch_has_room(p->get, p);
	if (p->waits)
		DL_APPEND(p->get->patches_waiting, p);
	else
		patch_ask_now(p);
}

static void patch_ask_waiting(struct keeping_wanted *g)
{
	struct keeping_patched *p;

	while ((p = g->patches_waiting) != NULL && patch_has_room(g, p)) {
		DL_DELETE(g->patches_waiting, p);
		p->waits = false;
		patch_ask_now(p);
	}
}

/* --- the file that stands there --- */

/* What it has at the block's place. It may end before the block does. */
static struct content_reading *patch_open(const struct keeping_patched *p, const struct content *c)
{
	const struct keeping_config *config = &p->get->k->config;
	struct content_reading *reading = NULL;
	struct block_want want = { .offset = p->want.offset, .len = p->want.len };
	struct record row = { 0 };

	if (config->ops->older == NULL || !config->ops->older(config->arg, c, &row))
		return NULL;
	if (want.offset < row.content.size) {
		if (want.len > row.content.size - want.offset)
			want.len = (uint32_t)(row.content.size - want.offset);
		reading = content_open(&config->sources, &row.content, &row, &want);
	}
	record_clear(&row);
	return reading;
}

/* --- beginning and end --- */

void keeping_patch_begin(struct keeping_wanted *g, const struct keeping_ask *a, struct keeping_opened *o,
                         void (*done)(struct keeping_wanted *g, uint32_t request, struct slab *bytes))
{
	struct keeping_patched *p = MEM_NEW(struct keeping_patched);
	struct content_reading *reading;

	p->get = g;
	p->self = a->ref;
	p->request = a->request;
	p->of = a->content;
	p->want = a->want;
	p->content = o->content;
	o->content = (struct slab){ 0 };
	(void)patch_read(&p->patch, p->content.p, p->content.n); /* again: its bytes may be elsewhere now */
	for (uint32_t i = 0; i < p->patch.nbases; i++) {
		p->bases[i] = o->bases[i];
		p->keys[i] = keys_ref(o->base_keys[i]);
	}
	p->done = done;
	g->bytes += p->want.len;
	HASH_ADD(hh, g->patched, request, sizeof(p->request), p);
	reading = patch_open(p, &a->content);
	if (reading != NULL)
		patch_submit(p, reading);
	else
		patch_ask(p);
}

static void patched_drop(struct keeping_patched *p)
{
	patched_take_out(p);
	free(p);
}

bool keeping_patch_cancel(struct keeping_wanted *g, uint32_t request)
{
	struct keeping_patched *p;

	HASH_FIND(hh, g->patched, &request, sizeof(request), p);
	if (p == NULL)
		return false;
	patch_stop_asking(p);
	patched_drop(p);
	patch_ask_waiting(g);
	return true;
}

/* Of the bases that the vault was asked for, nobody hears. */
void keeping_patch_drop_all(struct keeping_wanted *g)
{
	struct keeping_patched *p, *next;

	HASH_ITER(hh, g->patched, p, next)
		patched_drop(p);
}
