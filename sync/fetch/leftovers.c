/* The leftovers of an earlier run in parts/, at the start. Interrupted installs are finished or undone
 * (sync/install/recover.h); unfinished downloads stay if they are still wanted (sync/get/parts.h). See
 * fetch_internal.h.
 *
 * A worker looks through parts/; the loop compares what it found with the index, a piece per turn; a worker removes
 * the rest. */
#include "sync/fetch/fetch_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/get/parts.h"
#include "sync/install/recover.h"

enum { JUDGE_TURN = 4096 };

struct leftovers {
	struct fetch *f;
	char *group; /* recover.group; owned */
	struct recover recover;
	struct parts parts;
	struct found_part *by_root; /* one of each content that no offer for its own path has */
	uint64_t after;             /* wanted contents up to this one were compared with them */
};

static void leftovers_work(void *arg)
{
	struct leftovers *l = arg;

	recover_run(&l->recover);
	parts_find(&l->parts);
}

static void leftovers_remove(void *arg)
{
	struct leftovers *l = arg;

	parts_remove_unwanted(&l->parts);
}

static void leftovers_done(void *arg)
{
	struct leftovers *l = arg;
	struct fetch *f = l->f;

	parts_clear(&l->parts);
	recover_clear(&l->recover);
	for (size_t i = 0; i < l->recover.nleft; i++)
		free(l->recover.left[i]);
	free(l->recover.left);
	close(l->recover.root);
	close(l->recover.parts);
	free(l->group);
	free(l);
	f->cleaning = false;
	if (!f->dead)
		index_leftovers_forget(f->c.index);
	fetch_wake(f);
	fetch_job_end(f);
}

struct part_judge {
	struct index *index;
	struct found_part *found;
};

/* What is only listed, and not chosen, does not keep a part. */
static bool is_offered(void *arg, uint64_t peer, const struct record *r)
{
	const struct part_judge *j = arg;

	(void)peer;
	if (!r->deleted && r->kind == RECORD_FILE && content_equal(&r->content, &j->found->content) &&
	    index_wants(j->index, r))
		j->found->wanted = true;
	return !j->found->wanted;
}

bool leftovers_can_be_judged(struct fetch *f)
{
	uint64_t *peers = NULL;
	int n = index_peers(f->c.index, &peers);

	free(peers);
	return n != 0;
}

/* Reports the files that were put back into the share; then a part is wanted if an offer for its own path has its
 * content, or, as leftovers_pump() finds out, an offer for any path. */
static void leftovers_found(void *arg)
{
	struct leftovers *l = arg;
	const struct recover *r = &l->recover;
	struct fetch *f = l->f;

	if (f->dead) {
		leftovers_done(l);
		return;
	}
	for (size_t i = 0; i < r->nkept; i += 2) {
		if (f->c.hint != NULL)
			f->c.hint(f->c.arg, r->kept[i]);
		if (f->c.conflict != NULL && strcmp(r->kept[i], r->kept[i + 1]) != 0)
			f->c.conflict(f->c.arg, r->kept[i], r->kept[i + 1]);
	}
	for (size_t i = 0; i < l->parts.n; i++) {
		struct found_part *found = &l->parts.found[i], *known;
		struct part_judge judge = { .index = f->c.index, .found = found };

		found->wanted = get_has_spare(f->get, found->name);
		index_offers(f->c.index, found->path, is_offered, &judge);
		HASH_FIND(hh, l->by_root, found->content.root, sizeof(found->content.root), known);
		if (!found->wanted && known == NULL)
			HASH_ADD(hh, l->by_root, content.root, sizeof(found->content.root), found);
	}
	f->leftovers = l;
	leftovers_pump(f);
}

static bool mark_wanted(void *arg, const struct content *c)
{
	struct leftovers *l = arg;
	struct found_part *found;

	HASH_FIND(hh, l->by_root, c->root, sizeof(c->root), found);
	if (found != NULL && content_equal(&found->content, c)) {
		found->wanted = true;
		HASH_DEL(l->by_root, found);
	}
	return true;
}

/* All wanted contents were compared. */
static void leftovers_judged(struct leftovers *l)
{
	struct fetch *f = l->f;
	size_t unwanted = 0;

	f->leftovers = NULL;
	HASH_CLEAR(hh, l->by_root);
	for (size_t i = 0; i < l->parts.n; i++)
		unwanted += !l->parts.found[i].wanted;
	/* A new index does not know yet what is wanted. */
	if (!leftovers_can_be_judged(f))
		unwanted = 0;
	f->parts_kept = unwanted < l->parts.n;
	if (unwanted > 0)
		workers_submit(f->c.workers, WORKERS_QUICK, leftovers_remove, leftovers_done, l);
	else
		leftovers_done(l);
}

/* A part may be wanted for another path than it was begun for. */
void leftovers_pump(struct fetch *f)
{
	struct leftovers *l = f->leftovers;
	int n = 0;

	if (l == NULL)
		return;
	if (l->by_root != NULL)
		n = index_wants_contents(f->c.index, &l->after, JUDGE_TURN, mark_wanted, l);
	/* When the index cannot be read, all are kept. */
	for (size_t i = 0; n < 0 && i < l->parts.n; i++)
		l->parts.found[i].wanted = true;
	if (n == JUDGE_TURN)
		fetch_wake(f);
	else
		leftovers_judged(l);
}

void leftovers_stop(struct fetch *f)
{
	struct leftovers *l = f->leftovers;

	f->leftovers = NULL;
	if (l == NULL)
		return;
	HASH_CLEAR(hh, l->by_root);
	leftovers_done(l);
}

static void add_left(void *arg, const struct record *r)
{
	struct recover *recover = arg;

	recover->left = mem_realloc(recover->left, recover->nleft + 1, sizeof(*recover->left));
	recover->left[recover->nleft++] = mem_strdup(r->path);
}

void leftovers_clean(struct fetch *f)
{
	struct leftovers *l = MEM_NEW(struct leftovers);

	l->f = f;
	l->group = mem_strdup(share_group(f->c.share));
	l->recover.short_id = f->c.short_id;
	l->recover.group = l->group;
	index_leftovers(f->c.index, add_left, &l->recover);
	l->recover.root = fcntl(share_root(f->c.share), F_DUPFD_CLOEXEC, 0);
	l->recover.parts = fcntl(share_parts(f->c.share), F_DUPFD_CLOEXEC, 0);
	l->parts.dir = l->recover.parts;
	l->parts.coming_stay = get_has_coming(f->get);
	f->cleaning = true;
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, leftovers_work, leftovers_found, l);
}
