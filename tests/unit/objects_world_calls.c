/* What the members of objects_world.h call: messages to the played vault, and results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/objects_world.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_sealed.h"
#include "sync/plan/zeros.h"
#include "sync/seal/row.h"
#include "tests/unit/noise.h"
#include "tests/unit/run_until.h"

/* --- what the members call --- */

static int on_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	struct objects_end *e = arg;

	assert_int_equal(peer, e->w->vault);
	for (size_t i = 0; i < m->ncores && e->who == GIVER; i++)
		objects_world_told(e->w, &m->cores[i]);
	return 0;
}

static void answer_add(struct objects_world *w, const struct msg_object_want *want)
{
	struct objects_answer *a = MEM_NEW(struct objects_answer);

	a->want = *want;
	w->nanswers++;
	DL_APPEND(w->answers, a);
}

static void answers_cancel(struct objects_world *w, const struct msg_vault *m)
{
	struct objects_answer *a, *next;

	w->cancelled += m->nrequests;
	DL_FOREACH_SAFE(w->answers, a, next) {
		for (size_t i = 0; i < m->nrequests; i++) {
			if (a->want.request != m->requests[i])
				continue;
			DL_DELETE(w->answers, a);
			w->nanswers--;
			free(a);
			break;
		}
	}
}

static int on_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	struct objects_end *e = arg;
	struct objects_world *w = e->w;

	assert_int_equal(peer, w->vault);
	if (e->who != GETTER)
		return 0;
	if (m->what == MSG_VAULT_WANT) {
		assert_int_equal(m->row, 0);
		w->wanted += m->nwants;
		for (size_t i = 0; i < m->nwants; i++) {
			w->bases += m->wants[i].kind == OBJECT_BLOCK;
			w->open_bases += m->wants[i].kind == OBJECT_BLOCK;
			if (w->open_bases > w->most_bases)
				w->most_bases = w->open_bases;
			answer_add(w, &m->wants[i]);
		}
	} else if (m->what == MSG_VAULT_CANCEL) {
		answers_cancel(w, m);
	} else if (m->what == MSG_VAULT_BAD) {
		w->bad += m->nwants;
	}
	return 0;
}

/* As a vault reads it. */
static int on_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	struct objects_world *w = ((struct objects_end *)arg)->w;
	struct objects_stored *o, *had;
	struct object_head h;

	assert_int_equal(peer, w->vault);
	assert_true(request <= w->request);
	w->given += status == MSG_OBJECT_HERE;
	w->none += status == MSG_OBJECT_NONE;
	if (status != MSG_OBJECT_HERE)
		return 0;
	assert_int_equal(object_parse(&h, bytes, n), OBJECT_OK);
	if (w->watch != NULL)
		w->watch(bytes, n);
	o = MEM_NEW(struct objects_stored);
	o->name[0] = h.kind;
	put_u64(o->name + 1, h.self.generation);
	memcpy(o->name + 9, h.self.name, 32);
	o->p = bytes;
	o->n = n;
	HASH_FIND(hh, w->stored, o->name, sizeof(o->name), had);
	if (had != NULL) {
		HASH_DELETE(hh, w->stored, had);
		free(had->p);
		free(had);
	}
	HASH_ADD(hh, w->stored, name, sizeof(o->name), o);
	return 0;
}

static size_t on_room(void *arg, uint64_t peer, bool bulk)
{
	(void)peer;
	(void)bulk;
	return ((struct objects_end *)arg)->w->room;
}

static bool on_accepts(void *arg, const char *path, bool is_dir)
{
	(void)arg;
	(void)path;
	(void)is_dir;
	return true;
}

static bool on_rosters_equal(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return true;
}

static void on_news(void *arg, uint64_t peer, const struct msg_news *m)
{
	(void)arg;
	(void)peer;
	(void)m;
}

static bool on_fetching(void *arg)
{
	(void)arg;
	return true; /* nothing is stored of what is told */
}

static bool on_older(void *arg, const struct content *c, struct record *row)
{
	const struct objects_file *f = ((struct objects_end *)arg)->w->older;

	(void)c;
	if (f == NULL)
		return false;
	*row = (struct record){ .path = mem_strdup(f->path), .kind = RECORD_FILE, .content = f->content };
	return true;
}

static const char *on_path(void *arg, const struct content *c)
{
	const struct objects_world *w = ((struct objects_end *)arg)->w;

	for (size_t i = 0; i < w->nfiles; i++) {
		if (content_equal(&w->files[i]->content, c))
			return w->files[i]->path;
	}
	return NULL;
}

static void on_misbehaved(void *arg, uint64_t peer, const char *what)
{
	struct objects_end *e = arg;

	(void)peer;
	(void)what;
	e->w->misbehaved[e->who]++;
}

static void on_rolled_back(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

static void on_block(void *arg, uint64_t peer, uint32_t request, struct slab *bytes)
{
	struct objects_world *w = ((struct objects_end *)arg)->w;
	struct objects_got *g = MEM_NEW(struct objects_got), *had;
	struct slab taken = *bytes; /* the caller's stays as it is: who frees it as well is found by a sanitizer */

	assert_int_equal(peer, w->vault);
	g->request = request;
	g->n = taken.n;
	g->p = taken.p != NULL ? slab_flatten(&taken) : NULL;
	HASH_FIND(hh, w->got, &request, sizeof(request), had);
	assert_null(had);
	HASH_ADD(hh, w->got, request, sizeof(g->request), g);
}

static void on_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct objects_world *w = ((struct objects_end *)arg)->w;

	(void)request;
	assert_int_equal(peer, w->vault);
	w->nlists++;
	w->nlists_none += blocks == NULL;
	if (blocks == NULL)
		return;
	assert_true(n > 0 && n % 36 == 0);
	w->list = mem_realloc(w->list, ((size_t)first + 1) * 36 + n, 1);
	memcpy(w->list + (size_t)first * 36, blocks, n);
	w->nlist = first + n / 36;
}

static void on_state(void *arg)
{
	((struct objects_end *)arg)->w->states++;
}

const struct keeping_ops objects_world_ops = {
	.cores = on_cores,
	.vault = on_vault,
	.object = on_object,
	.room = on_room,
	.accepts = on_accepts,
	.rosters_equal = on_rosters_equal,
	.news = on_news,
	.fetching = on_fetching,
	.older = on_older,
	.path = on_path,
	.misbehaved = on_misbehaved,
	.rolled_back = on_rolled_back,
	.block = on_block,
	.list = on_list,
	.state = on_state,
};
