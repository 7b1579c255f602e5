/* What this agent has chosen of the group: see engine_choices.h. Changes that come while one is written are written
 * together. The order of a write: the new stamp into the index, sync, the file into the share, effect. So a stamp of
 * the index that is not the file's tells that one of the two is from another time: until a full scan has compared
 * everything without taking absence for a deletion, and both have a new stamp, no further change is written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/engine/choice_change.h"
#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/plan/pattern.h"
#include "sync/share/share_choices.h"

enum {
	ROOTS_MAX = 16,       /* beyond, all that is listed is judged again, not only what is below the paths */
	WALK_AGAIN_MS = 1000, /* after a failed write */
	ASIDES_AT_ONCE = 256,
	HEARD_MS = 1000, /* of what others list: one event for all of it */
};

/* What the index has set aside, a page at a time. */
struct unshared_page {
	struct share_choices *to;
	char *last; /* owned */
	bool full;
};

struct engine_choices {
	struct share_choices *now;
	struct choices view;      /* of `now`: the index keeps this address */
	bool merging;             /* the stamps differ, and the scan is not complete */
	bool writing;             /* a worker writes the file now */
	bool stopped;             /* the engine stops: only what is in effect stays, until the index is closed */
	struct loop_timer *walk;  /* runs while the index judges rows again */
	struct loop_timer *heard; /* runs from the first record of others until they are told of */
	struct loop_timer *soon;  /* for the end of this turn, so that all that is chosen in it is one write */
	struct choice_change *waiting, *written;
};

struct write_job {
	struct engine *e;
	struct index *index;
	struct share_handle *handle;
	struct share_choices *next; /* what is written; NULL once it is in effect */
	char *why;
};

/* --- effect --- */

/* Where the choice of something may have changed. */
struct scope {
	bool mode, all;
	bool changed; /* by something other than drops */
	char *roots[ROOTS_MAX];
	size_t n;
};

static void scope_add(struct scope *s, const struct choice_change *change)
{
	if (change->why != NULL)
		return;
	s->mode = s->mode || change->kind == CHANGE_MODE;
	s->changed = s->changed || !change->dropped;
	for (size_t i = 0; i < change->n; i++) {
		if (s->n == ROOTS_MAX) {
			s->all = true;
			return;
		}
		s->roots[s->n++] =
			change->kind == CHANGE_RULES ? pattern_root(change->what[i]) : mem_strdup(change->what[i]);
	}
}

/* --- rows judged again, a slice each turn --- */

/* After a failed write it tries again later: the engine may also start again meanwhile, and then so does the walk. */
static void walk_on(void *arg)
{
	struct engine *e = arg;
	int rc;

	if (e->choices->stopped || !engine_has_mirror(e) || !index_choosing(e->index))
		return;
	rc = index_choose_some(e->index, INDEX_CHOOSE_SLICE);
	if (rc < 0)
		loop_timer_start(e->choices->walk, WALK_AGAIN_MS, 0);
	if (rc != 0)
		return;
	fetch_choices_changed(e->fetch);
	e->dirty = true;
}

void engine_choices_turn(struct engine *e)
{
	if (e->choices != NULL && !e->choices->stopped && index_choosing(e->index) &&
	    !loop_timer_running(e->choices->walk))
		loop_timer_start(e->choices->walk, 0, 0);
}

static void tell_heard(void *arg)
{
	engine_emit(arg, "files-listed", NULL, NULL);
}

void engine_choices_heard(struct engine *e)
{
	if (engine_is_on_demand(e) && e->choices != NULL && !e->choices->stopped &&
	    !loop_timer_running(e->choices->heard))
		loop_timer_start(e->choices->heard, HEARD_MS, 0);
}

static void take_effect(struct engine *e, struct scope *s)
{
	struct engine_choices *c = e->choices;

	c->view = *share_choices_view(c->now);
	if (s->mode || s->all)
		(void)index_choose_begin(e->index, &c->view, INDEX_CHOOSE_SLICE);
	for (size_t i = 0; i < s->n; i++) {
		if (!s->mode && !s->all)
			(void)index_choose_under(e->index, &c->view, s->roots[i]);
		free(s->roots[i]);
	}
	/* While rows are still judged, it waits for the last one. */
	if (e->fetch != NULL && s->changed && !index_choosing(e->index))
		fetch_choices_changed(e->fetch);
	if (s->mode && e->peers != NULL && !e->paused)
		peer_group_hello_again(e->peers);
	e->dirty = true;
}

static void choices_take_effect(struct engine *e)
{
	struct engine_choices *c = e->choices;
	struct choice_change *list = c->written, *change;
	struct scope s = { 0 };

	c->written = NULL;
	DL_FOREACH(list, change)
		scope_add(&s, change);
	take_effect(e, &s);
	while ((change = list) != NULL) {
		DL_DELETE(list, change);
		if (change->why == NULL && (change->kind == CHANGE_UNSHARE || change->kind == CHANGE_SHARE)) {
			/* Its files follow, one after the other. */
			engine_aside_begin(e, change->kind == CHANGE_UNSHARE, change->what, change->n, change->done,
			                   change->arg);
			change->done = NULL;
		}
		choice_change_end(change, NULL);
	}
}

/* --- writing --- */

static void choices_write_begin(struct engine *e);

static void write_work(void *arg)
{
	struct write_job *j = arg;

	if (index_sync(j->index) < 0)
		j->why = mem_printf("the index cannot be synced: %s", strerror(errno));
	else if (share_handle_check(j->handle, &j->why) == 0 && share_choices_write(j->handle->root, j->next) < 0)
		j->why = mem_printf("%s/" SHARE_CHOICES_FILE ": %s", j->handle->path, strerror(errno));
}

static void write_done(void *arg)
{
	struct write_job *j = arg;
	struct engine *e = j->e;
	struct engine_choices *c = e->choices;

	if (!c->stopped) {
		c->writing = false;
		if (j->why == NULL) {
			share_choices_free(c->now);
			c->now = j->next;
			j->next = NULL;
			c->merging = false;
			choices_take_effect(e);
		} else {
			engine_log(e, LOG_ERROR, "group %s: %s", engine_name(e), j->why);
			choice_change_end_all(&c->written, j->why);
		}
	}
	share_handle_free(j->handle);
	share_choices_free(j->next);
	free(j->why);
	free(j);
	if (!c->stopped)
		choices_write_begin(e);
}

/* The stamp that is above both; in the index, and committed. */
static int raise_stamp(struct engine *e, struct share_choices *next)
{
	int64_t stamp = 0;

	if (index_meta_get(e->index, INDEX_META_STAMP, &stamp) < 0)
		return -1;
	if (share_choices_stamp(next) > stamp)
		stamp = share_choices_stamp(next);
	share_choices_set_stamp(next, stamp + 1);
	(void)index_meta_put(e->index, INDEX_META_STAMP, stamp + 1);
	return engine_index_commit(e);
}

static bool is_merged(const struct engine_choices *c)
{
	const struct choice_change *change;

	DL_FOREACH(c->waiting, change)
		if (change->kind == CHANGE_MERGED)
			return true;
	return !c->merging;
}

/* Starts to write all that waits. */
static void choices_write_begin(struct engine *e)
{
	struct engine_choices *c = e->choices;
	struct choice_change *change;
	struct share_choices *next;
	struct share_handle *handle;
	struct write_job *j;

	if (c->writing || c->waiting == NULL || !is_merged(c))
		return;
	next = share_choices_dup(c->now);
	c->written = c->waiting;
	c->waiting = NULL;
	DL_FOREACH(c->written, change)
		choice_change_apply(change, &next);
	handle = share_handle_of(e->share);
	if (handle == NULL || raise_stamp(e, next) < 0) {
		share_handle_free(handle);
		share_choices_free(next);
		choice_change_end_all(&c->written, "what was chosen cannot be stored now; see the agent's log");
		return;
	}
	j = MEM_NEW(struct write_job);
	*j = (struct write_job){ .e = e, .index = e->index, .handle = handle, .next = next };
	c->writing = true;
	workers_submit(e->workers, WORKERS_QUICK, write_work, write_done, j);
}

static void begin_soon(void *arg)
{
	choices_write_begin(arg);
}

static const char *const no_words[] = { NULL };

static void change_add(struct engine *e, struct choice_change template, const char *const *what, size_t n)
{
	struct choice_change *change = MEM_NEW(struct choice_change);

	*change = template;
	change->what = mem_calloc(n + 1, sizeof(*change->what));
	for (; change->n < n; change->n++)
		change->what[change->n] = mem_strdup(what[change->n]);
	if (e->choices == NULL || e->choices->stopped) {
		choice_change_end(change, engine_why_no_files(e));
		return;
	}
	DL_APPEND(e->choices->waiting, change);
	loop_timer_start(e->choices->soon, 0, 0);
}

/* --- commands --- */

const struct choices *engine_choices(const struct engine *e)
{
	static const struct choices mirror = { .mode = CHOOSE_MIRROR };

	return e->choices != NULL ? &e->choices->view : &mirror;
}

bool engine_is_on_demand(const struct engine *e)
{
	return e->choices != NULL ? e->choices->view.mode == CHOOSE_ON_DEMAND : e->begin_on_demand;
}

bool engine_choices_known(const struct engine *e)
{
	return e->choices != NULL || e->error == NULL;
}

void engine_choices_mode(struct engine *e, enum choose_mode mode, engine_choices_fn *done, void *arg)
{
	change_add(e, (struct choice_change){ .kind = CHANGE_MODE, .mode = mode, .done = done, .arg = arg }, no_words,
	           0);
}

void engine_choices_rules(struct engine *e, const char *const *patterns, size_t n, bool get, engine_choices_fn *done,
                          void *arg)
{
	change_add(e, (struct choice_change){ .kind = CHANGE_RULES, .get = get, .done = done, .arg = arg }, patterns,
	           n);
}

void engine_choices_unshare(struct engine *e, const char *const *paths, size_t n, engine_choices_fn *done, void *arg)
{
	change_add(e, (struct choice_change){ .kind = CHANGE_UNSHARE, .done = done, .arg = arg }, paths, n);
}

void engine_choices_share(struct engine *e, const char *const *paths, size_t n, engine_choices_fn *done, void *arg)
{
	change_add(e, (struct choice_change){ .kind = CHANGE_SHARE, .done = done, .arg = arg }, paths, n);
}

void engine_choices_dropped(struct engine *e, const char *path, engine_choices_fn *done, void *arg)
{
	char *pattern = pattern_quote(path);
	const char *const patterns[] = { pattern };
	bool ruled = choose_rule_of(engine_choices(e), path) > 0;

	change_add(e,
	           (struct choice_change){ .kind = ruled ? CHANGE_RULES : CHANGE_STAMP,
	                                   .dropped = true,
	                                   .done = done,
	                                   .arg = arg },
	           patterns, ruled ? 1 : 0);
	free(pattern);
}

/* --- the part --- */

bool engine_choices_merging(const struct engine *e)
{
	return e->choices->merging;
}

static bool keep_own(void *arg, const char *path, enum aside_reason why)
{
	struct unshared_page *page = arg;

	free(page->last);
	page->last = mem_strdup(path);
	if (why == ASIDE_UNSHARED && share_choices_unshare(page->to, path) < 0)
		page->full = true;
	return true;
}

/* The file is older than the index, or lost: what the index knows to be its user's own stays so, since what others were
 * told cannot be taken back. */
static void keep_unshared(struct engine *e)
{
	struct unshared_page page = { .to = e->choices->now, .last = mem_strdup("") };

	while (index_asides(e->index, "", page.last, ASIDES_AT_ONCE, keep_own, &page) == ASIDES_AT_ONCE && !page.full)
		;
	if (page.full)
		engine_log(e, LOG_ERROR,
		           "group %s: " SHARE_CHOICES_FILE " is lost, and more paths were unshared than it holds",
		           engine_name(e));
	free(page.last);
}

void engine_choices_start(struct engine *e)
{
	struct engine_choices *c = MEM_NEW(struct engine_choices);
	int64_t stamp = 0;

	e->choices = c;
	c->now = e->chosen != NULL ? e->chosen : share_choices_new();
	e->chosen = NULL;
	(void)index_meta_get(e->index, INDEX_META_STAMP, &stamp);
	c->merging = stamp != share_choices_stamp(c->now);
	if (share_choices_stamp(c->now) < stamp && index_aside_count(e->index, ASIDE_UNSHARED) > 0)
		keep_unshared(e);
	c->view = *share_choices_view(c->now);
	c->soon = loop_timer_new(e->context->loop, begin_soon, e);
	c->walk = loop_timer_new(e->context->loop, walk_on, e);
	c->heard = loop_timer_new(e->context->loop, tell_heard, e);
	/* A failed write is the index's to report, at its next commit. */
	(void)index_choose_begin(e->index, &c->view, INDEX_CHOOSE_SLICE);
	engine_aside_start(e);
}

void engine_choices_scanned(struct engine *e)
{
	if (e->choices->merging)
		change_add(e, (struct choice_change){ .kind = CHANGE_MERGED }, no_words, 0);
}

void engine_choices_stop(struct engine *e)
{
	struct engine_choices *c = e->choices;

	if (c == NULL || c->stopped)
		return;
	c->stopped = true;
	loop_timer_free(c->soon);
	loop_timer_free(c->walk);
	loop_timer_free(c->heard);
	c->soon = c->walk = c->heard = NULL;
	engine_aside_stop(e);
	choice_change_end_all(&c->waiting, "the group stopped meanwhile");
	choice_change_end_all(&c->written, "the group stopped meanwhile");
}

void engine_choices_free(struct engine *e)
{
	if (e->choices != NULL)
		share_choices_free(e->choices->now);
	free(e->choices);
	e->choices = NULL;
}

void engine_choices_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	const struct engine_choices *c = e->choices;

	if (c == NULL)
		return;
	fn(arg, "choices", "on_demand", c->view.mode == CHOOSE_ON_DEMAND);
	fn(arg, "choices", "rules", (int64_t)c->view.nrules);
	fn(arg, "choices", "unshared", (int64_t)c->view.nunshared);
	fn(arg, "choices", "stamp", share_choices_stamp(c->now));
	fn(arg, "choices", "merging", c->merging);
	fn(arg, "choices", "writing", c->writing);
	fn(arg, "choices", "choosing", e->index != NULL && index_choosing(e->index));
}
