/* The disk compared with the index: every core and its endorsement are checked, every object is read and hashed,
 * slowly in the background, or all of them at once when somebody asks. Files that the index does not know go when
 * they are old enough not to be on their way. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/vault/vault_internal.h"

enum {
	SCRUB_CORES = 64,
	SCRUB_OBJECTS = 16,
	SCRUB_SHARE = 20,             /* the background takes this part of the time */
	SCRUB_PASS_MS = 24 * 3600000, /* between two passes of it */
	SCRUB_STRAY_S = 24 * 3600,    /* a file that the index does not know is that old before it goes */
	SCRUB_STRAYS = 4096,          /* in one look */
};

struct vault_scrub {
	int64_t after;       /* the last object's row */
	uint64_t after_core; /* the last core */
	int shard;           /* the next one to be listed; SCRUB_ROWS, SCRUB_STORED: cores and objects come first */
	bool busy;           /* a worker has a part of it */
	int64_t next_ms;
	struct vault_found found;
	void (*done)(void *arg, const struct vault_found *f); /* NULL: in the background */
	void *arg;
};

enum { SCRUB_ROWS = -2, SCRUB_STORED = -1 };

struct scrub_core {
	int64_t path;
	uint64_t seq;
	uint8_t name[32];
	uint8_t *bytes; /* owned */
	size_t ncore, nendorsement;
	bool bad;
};

struct scrub_job {
	struct vault *v;
	struct share_handle *share;
	struct group_id group;
	struct scrub_core cores[SCRUB_CORES];
	size_t ncores;
	struct index_vault_object objects[SCRUB_OBJECTS];
	enum { SCRUB_GOOD, SCRUB_BAD, SCRUB_MISSING } is[SCRUB_OBJECTS];
	size_t n;
	int shard; /* below 0: none */
	int64_t before_ns;
	struct vault_stored *strays; /* owned */
	size_t nstrays;
	int64_t took_ns;
};

static void scrub_object(struct scrub_job *j, size_t i)
{
	uint8_t sum[SHA256_SIZE], behind[SHA256_SIZE];
	const uint8_t *known = j->objects[i].sum;
	size_t n;
	uint8_t *p = vault_store_read(j->share->root, j->objects[i].name, &n, behind);

	if (p == NULL) {
		j->is[i] = SCRUB_MISSING;
		return;
	}
	sha256(sum, p, n);
	j->is[i] = memcmp(sum, known, sizeof(sum)) == 0 ? SCRUB_GOOD : SCRUB_BAD;
	/* The digest behind it is what is left to go by if the index is lost. The object itself is good; a disk that
	 * takes no digest now may take it in the next pass. */
	if (j->is[i] == SCRUB_GOOD && memcmp(behind, known, sizeof(behind)) != 0)
		(void)vault_store_mend(j->share->root, j->objects[i].name, n, known);
	free(p);
}

static void scrub_one_core(const struct scrub_job *j, struct scrub_core *c, struct endorse_root *known)
{
	struct vault_row *row;

	c->bad = vault_row_read(&row, &j->group, c->bytes, c->ncore, c->bytes + c->ncore, c->nendorsement, known) !=
	                 VAULT_ROW_OK ||
	         memcmp(row->name, c->name, sizeof(c->name)) != 0;
	vault_row_free(row);
}

static void scrub_stray(void *arg, const struct vault_stored *file)
{
	struct scrub_job *j = arg;

	if (j->nstrays == SCRUB_STRAYS)
		return;
	if (j->strays == NULL)
		j->strays = mem_calloc(SCRUB_STRAYS, sizeof(*j->strays));
	j->strays[j->nstrays++] = *file;
}

static void scrub_job_work(void *arg)
{
	struct scrub_job *j = arg;
	struct endorse_root known = { 0 };
	int64_t start = clock_mono_ns();

	for (size_t i = 0; i < j->ncores; i++)
		scrub_one_core(j, &j->cores[i], &known);
	for (size_t i = 0; i < j->n; i++)
		scrub_object(j, i);
	if (j->shard >= 0)
		vault_store_list(j->share->root, j->shard, j->before_ns, scrub_stray, j);
	j->took_ns = clock_mono_ns() - start;
}

/* A file that the index does not know goes if it was there when nobody wanted it. Any other may be all that is left of
 * an index that was set back, of which those who are here do not know. */
static void scrub_found_stray(struct vault *v, const struct vault_stored *file)
{
	struct index_vault_object o;

	if (v->kept_since_s != 0 || index_vault_object_get(v->config.index, file->name, &o) != 0)
		return;
	if (!vault_kept_unwanted(v, file->mtime_ns)) {
		log_info("%s: %s has objects that the vault's index does not know; they stay until all members that "
		         "may need them have been here",
		         share_path(v->config.share), VAULT_FOLDER);
		vault_kept_again(v);
		return;
	}
	vault_arrival_delete(v, file->name);
	vault_kept_less(v, file->size);
}

static void scrub_found(struct vault *v, const struct scrub_job *j)
{
	struct index_vault_object o;

	for (size_t i = 0; i < j->ncores; i++) {
		if (j->cores[i].bad)
			vault_repair_core(v, j->cores[i].path, j->cores[i].seq);
		v->scrub->found.bad_rows += j->cores[i].bad;
	}
	for (size_t i = 0; i < j->n; i++) {
		v->scrub->found.checked++;
		v->scrub->found.bad += j->is[i] == SCRUB_BAD;
		v->scrub->found.missing += j->is[i] == SCRUB_MISSING;
		/* It may have gone, or come again, meanwhile. */
		if (j->is[i] != SCRUB_GOOD && index_vault_object_get(v->config.index, j->objects[i].name, &o) > 0 &&
		    !o.gone && memcmp(o.sum, j->objects[i].sum, sizeof(o.sum)) == 0)
			vault_repair_lost(v, o.name);
	}
	for (size_t i = 0; i < j->nstrays; i++)
		scrub_found_stray(v, &j->strays[i]);
}

static void scrub_go_on(struct vault *v);

static void scrub_job_done(void *arg)
{
	struct scrub_job *j = arg;
	struct vault *v = j->v;

	v->jobs--;
	v->scrub->busy = false;
	if (!v->stopping) {
		scrub_found(v, j);
		v->scrub->next_ms = loop_now_ms(v->config.loop) + j->took_ns * SCRUB_SHARE / 1000000;
		if (v->scrub->done != NULL)
			scrub_go_on(v);
	}
	share_handle_free(j->share);
	for (size_t i = 0; i < j->ncores; i++)
		free(j->cores[i].bytes);
	free(j->strays);
	free(j);
}

static bool scrub_collect_core(void *arg, const struct index_vault_core *stored)
{
	struct scrub_job *j = arg;
	struct scrub_core *c = &j->cores[j->ncores++];

	j->v->scrub->after_core = stored->seq;
	c->path = stored->path;
	c->seq = stored->seq;
	memcpy(c->name, stored->name, sizeof(c->name));
	c->ncore = stored->ncore;
	c->nendorsement = stored->nendorsement;
	c->bytes = mem_calloc(c->ncore + c->nendorsement + 1, 1);
	if (c->ncore > 0)
		memcpy(c->bytes, stored->core, c->ncore);
	if (c->nendorsement > 0)
		memcpy(c->bytes + c->ncore, stored->endorsement, c->nendorsement);
	return true;
}

static bool scrub_collect(void *arg, const struct index_vault_object *o)
{
	struct scrub_job *j = arg;

	j->v->scrub->after = o->id;
	if (o->gone) /* of what nothing needs, nothing is missing */
		j->v->scrub->found.missing += o->dead == 0;
	else
		j->objects[j->n++] = *o;
	return j->n < SCRUB_OBJECTS;
}

static void scrub_end(struct vault *v)
{
	struct vault_scrub *s = v->scrub;
	void (*done)(void *arg, const struct vault_found *f) = s->done;

	s->done = NULL;
	s->shard = SCRUB_ROWS;
	s->after = 0;
	s->after_core = 0;
	s->next_ms = loop_now_ms(v->config.loop) + SCRUB_PASS_MS;
	if (v->kept_since_s == 0)
		v->kept_bytes = 0;
	if (done != NULL)
		done(s->arg, &s->found);
	s->found = (struct vault_found){ 0 };
}

static void scrub_go_on(struct vault *v)
{
	struct vault_scrub *s = v->scrub;
	struct scrub_job *j = MEM_NEW(struct scrub_job);

	j->v = v;
	j->shard = SCRUB_STORED;
	j->group = *roster_group(v->config.roster);
	if (s->shard == SCRUB_ROWS &&
	    index_vault_since(v->config.index, s->after_core, SCRUB_CORES, scrub_collect_core, j) <= 0)
		s->shard = SCRUB_STORED;
	if (s->shard == SCRUB_STORED &&
	    index_vault_objects(v->config.index, s->after, 4 * SCRUB_OBJECTS, scrub_collect, j) <= 0)
		s->shard = 0;
	if (s->shard == VAULT_SHARDS) {
		free(j);
		scrub_end(v);
		return;
	}
	if (s->shard >= 0) {
		j->shard = s->shard++;
		j->before_ns = clock_wall_ns() - SCRUB_STRAY_S * INT64_C(1000000000);
	}
	s->busy = true;
	j->share = share_handle_ref(v->share);
	vault_job_submit(v, scrub_job_work, scrub_job_done, j);
}

void vault_scrub_tick(struct vault *v)
{
	struct vault_scrub *s = v->scrub;

	if (s->busy || s->done != NULL)
		return;
	/* Rows may wait for the space. The next pass has the rest. */
	if (v->kept_over) {
		v->kept_over = false;
		s->shard = 0;
		s->next_ms = 0;
	}
	if (loop_now_ms(v->config.loop) >= s->next_ms)
		scrub_go_on(v);
}

void vault_scrub_start(struct vault *v, void (*done)(void *arg, const struct vault_found *f), void *arg)
{
	struct vault_scrub *s = v->scrub;

	if (s->done != NULL)
		return;
	s->after = 0;
	s->after_core = 0;
	s->shard = SCRUB_ROWS;
	s->found = (struct vault_found){ 0 };
	s->done = done;
	s->arg = arg;
	if (!s->busy)
		scrub_go_on(v);
}

void vault_scrub_new(struct vault *v)
{
	v->scrub = MEM_NEW(struct vault_scrub);
	v->scrub->shard = SCRUB_ROWS;
	v->scrub->next_ms = loop_now_ms(v->config.loop) + 60000;
}

void vault_scrub_free(struct vault *v)
{
	free(v->scrub);
	v->scrub = NULL;
}
