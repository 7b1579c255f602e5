/* Between tickets and their downloads: which content is got next, which peers may have it, and what became of it. See
 * fetch_internal.h and sync/get/get.h. */
#include "sync/fetch/fetch_internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void getting_wake(void *arg)
{
	fetch_wake(arg);
}

/* --- what a download asks --- */

struct sources {
	struct fetch *f;
	const struct content *content;
	void (*add)(void *to, uint64_t peer);
	void *to;
	uint64_t
		*lack; /* peers that offer it and say that they do not have it, whatever else is known of them; owned */
	size_t nlack;
};

static void source_found(const struct sources *s, uint64_t peer)
{
	for (size_t i = 0; i < s->nlack; i++) {
		if (s->lack[i] == peer)
			return;
	}
	s->add(s->to, peer);
}

static bool is_of_content(const struct sources *s, const struct record *r)
{
	return record_is(r, RECORD_FILE) && content_equal(&r->content, s->content);
}

static bool note_lack(void *arg, uint64_t peer, const struct record *r)
{
	struct sources *s = arg;

	if (peer == 0 || !r->absent || !is_of_content(s, r))
		return true;
	s->lack = mem_realloc(s->lack, s->nlack + 1, sizeof(*s->lack));
	s->lack[s->nlack++] = peer;
	return true;
}

/* Those of the connected peers that have what is listed. */
static bool add_holders(void *arg, const struct record *r)
{
	struct sources *s = arg;
	struct fetch_peer *p, *next;

	HASH_ITER(hh, s->f->peers, p, next) {
		if (p->up && index_has(s->f->c.index, r, p->id))
			source_found(s, p->id);
	}
	return true;
}

static bool add_offering(void *arg, uint64_t peer, const struct record *r)
{
	struct sources *s = arg;

	if (!is_of_content(s, r))
		return true;
	if (peer == 0)
		return add_holders(arg, r);
	if (!r->absent)
		source_found(s, peer);
	return true;
}

void fetch_sources(struct fetch *f, const char *path, const struct content *c, void (*add)(void *to, uint64_t peer),
                   void *to)
{
	struct sources s = { .f = f, .content = c, .add = add, .to = to };
	struct record row = { 0 };

	index_offers(f->c.index, path, note_lack, &s);
	index_offers(f->c.index, path, add_offering, &s);
	if (index_get(f->c.index, path, &row) > 0 && record_is(&row, RECORD_FILE) && content_equal(&row.content, c))
		(void)add_holders(&s, &row);
	record_clear(&row);
	if (index_listed(f->c.index) > 0)
		(void)index_list_by_content(f->c.index, c, add_holders, &s);
	free(s.lack);
}

/* A source is found by its offer for a path, or by what it has at this path or another. No peer offers content that has
 * rotted here; peers that have settled all our rows have it. */
static void getting_sources(void *arg, void *owner, const char *waiter, void (*add)(void *to, uint64_t peer), void *to)
{
	struct fetch *f = arg;
	const struct ticket *t = owner;
	struct sources s = { .f = f, .content = &t->want.content, .add = add, .to = to };
	struct fetch_peer *p, *next;

	fetch_sources(f, t->want.path, &t->want.content, add, to);
	if (waiter != NULL)
		index_offers(f->c.index, waiter, add_offering, &s);
	if (!t->repair)
		return;
	HASH_ITER(hh, f->peers, p, next) {
		if (p->up && f->c.ops->connected(f->c.ops_arg, p->id))
			add(to, p->id);
	}
}

static bool getting_find_block(void *arg, const struct block *b, char **path, int64_t *offset)
{
	struct fetch *f = arg;
	struct record r = { 0 };
	bool found = index_find_block(f->c.index, b->hash, b->len, &r, offset) > 0;

	*path = r.path;
	r.path = NULL;
	record_clear(&r);
	return found;
}

static bool note_copy_path(void *arg, const struct record *r)
{
	*(char **)arg = mem_strdup(r->path);
	return false;
}

static char *getting_find_copy(void *arg, void *owner)
{
	struct fetch *f = arg;
	const struct ticket *t = owner;
	char *path = NULL;

	if (t->awaited && !t->repair)
		index_by_content(f->c.index, &t->want.content, note_copy_path, &path);
	return path;
}

static void getting_find_list(void *arg, void *owner, struct blocklist *list)
{
	struct fetch *f = arg;
	struct ticket *t = owner;

	if (t->blocks.n == 0) {
		(void)index_blocks(f->c.index, &t->want.content, list);
		return;
	}
	*list = t->blocks;
	t->blocks.b = NULL;
	ticket_drop_blocks(f, t);
}

/* --- what becomes of it --- */

static void getting_bytes(void *arg, void *owner, uint8_t *bytes, uint64_t peer)
{
	struct ticket *t = owner;

	t->bytes = bytes;
	t->bytes_from = peer;
	t->relayed = false;
	ticket_to(arg, t, TICKET_FRESH);
}

static void getting_complete(void *arg, void *owner)
{
	const struct ticket *t = owner;

	(void)arg;
	download_finish(t->download, t->merged.mode, t->merged.mtime_ns);
}

static void getting_ready(void *arg, void *owner)
{
	ticket_to(arg, owner, TICKET_READY);
	route_ticket(arg, owner);
}

/* GET_BUSY passes in a moment, and is no reason that an admin would want to read. */
static enum reason reason_of_stop(struct get_stop stop)
{
	switch (stop.why) {
	case GET_GOES_ON:
	case GET_BUSY:
		return REASON_NONE;
	case GET_SAME:
		return REASON_SAME;
	case GET_NO_SOURCE:
		return REASON_NO_SOURCE;
	case GET_NOT_NOW:
		return REASON_NOT_NOW;
	case GET_SILENT:
		return REASON_SILENT;
	case GET_BAD_SOURCE:
		return REASON_BAD_SOURCE;
	case GET_DISK:
		break;
	}
	return reason_of_errno(stop.error);
}

static void getting_stopped(void *arg, void *owner, struct get_stop stop)
{
	ticket_wait(arg, owner, reason_of_stop(stop));
}

static void getting_again(void *arg, enum get_why why)
{
	ticket_retry(arg, reason_of_stop((struct get_stop){ .why = why }));
}

/* Hooks and operations are the same for all groups; only their arguments differ. */
struct get *getting_new(struct fetch *f)
{
	static const struct get_hooks hooks = {
		.wake = getting_wake,
		.sources = getting_sources,
		.find_block = getting_find_block,
		.find_copy = getting_find_copy,
		.find_list = getting_find_list,
		.bytes = getting_bytes,
		.complete = getting_complete,
		.ready = getting_ready,
		.stopped = getting_stopped,
		.again = getting_again,
	};
	const struct fetch_ops *ops = f->c.ops;

	return get_new(&(struct get_config){ .loop = f->c.loop,
	                                     .workers = f->c.workers,
	                                     .share = f->c.share,
	                                     .reserve = f->reserve,
	                                     .self = f->c.short_id,
	                                     .memory = f->c.memory != 0 ? f->c.memory : FETCH_MEMORY,
	                                     .spare_ms = f->c.spare_ms != 0 ? f->c.spare_ms : FETCH_SPARE_MS,
	                                     .ops = { .window = ops->window,
	                                              .blocks = ops->get,
	                                              .list = ops->get_list,
	                                              .cancel = ops->cancel,
	                                              .misbehaved = ops->misbehaved,
	                                              .arrived = ops->arrived,
	                                              .map = ops->map,
	                                              .have = ops->have,
	                                              .any = ops->any,
	                                              .leaves = ops->leaves,
	                                              .digester = ops->digester,
	                                              .digested = ops->digested },
	                                     .ops_arg = f->c.ops_arg,
	                                     .hooks = &hooks,
	                                     .arg = f });
}

/* --- tickets whose turn it is --- */

static void getting_begin(struct fetch *f, struct ticket *t)
{
	const struct queue_entry lane = t->queued;
	struct get_stop stop;

	if (t->download == NULL) {
		const struct download_owner owner = { .owner = t,
			                              .path = t->want.path,
			                              .liars = &t->liars,
			                              .slot = &t->download };

		download_new(f->get, &owner, &t->want.content);
	}
	ticket_to(f, t, TICKET_ACTIVE);
	stop = download_start(t->download, &lane, t->awaited);
	if (stop.why != GET_GOES_ON)
		ticket_wait(f, t, reason_of_stop(stop));
}

void getting_start(struct fetch *f)
{
	struct queue_entry *e;

	while (f->started && !f->paused && !f->cleaning && (e = queue_take(get_queue(f->get))) != NULL)
		getting_begin(f, (struct ticket *)(void *)((char *)e - offsetof(struct ticket, queued)));
}

bool getting_is_finished(struct fetch *f, struct ticket *t)
{
	if (download_is_finished(t->download, t->merged.mode, t->merged.mtime_ns))
		return true;
	ticket_to(f, t, TICKET_ACTIVE);
	download_finish_again(t->download, t->merged.mode, t->merged.mtime_ns);
	return false;
}

void getting_announced(struct fetch *f, struct ticket *t, uint64_t peer)
{
	liars_forgive(&t->liars, peer);
	if (t->download != NULL)
		download_announced(t->download, peer);
	get_sources_changed(f->get);
}
