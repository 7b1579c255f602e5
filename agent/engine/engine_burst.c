/* Held bursts, of this share and of members' changes: author, size and time, and their release. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/log.h"
#include "base/mem.h"

struct burst_list {
	struct engine *e;
	void (*fn)(void *arg, const struct engine_burst *b);
	void *arg;
};

static struct engine_burst of_member(const struct engine *e, const struct fetch_burst *b)
{
	struct engine_burst burst = { .brings = b->brings, .files = b->files, .since_s = b->since_s };
	struct roster_member m;

	burst.known = roster_member_by_short(e->roster, b->by, &m);
	if (burst.known) {
		burst.by = m.id;
		burst.name = m.name;
	}
	return burst;
}

static void add_burst(void *arg, const struct fetch_burst *b)
{
	struct burst_list *list = arg;
	struct engine_burst burst = of_member(list->e, b);

	list->fn(list->arg, &burst);
}

void engine_bursts(struct engine *e, void (*fn)(void *arg, const struct engine_burst *b), void *arg)
{
	struct burst_list list = { .e = e, .fn = fn, .arg = arg };
	struct engine_burst here = { .here = true, .known = true };

	if (!engine_has_mirror(e))
		return;
	here.files = local_held(e->local, &here.since_s);
	if (here.files > 0) {
		here.by = *identity_id(e->context->self);
		fn(arg, &here);
	}
	fetch_bursts(e->fetch, add_burst, &list);
}

static void count_held(void *arg, const struct engine_burst *b)
{
	*(int64_t *)arg += b->files;
}

int64_t engine_held(struct engine *e)
{
	int64_t n = 0;

	engine_bursts(e, count_held, &n);
	return n;
}

/* A member's changes are held from now on. */
void engine_burst_begins(void *arg, const struct fetch_burst *b)
{
	struct engine *e = arg;
	struct engine_burst burst = of_member(e, b);
	char *shown = burst.known ? engine_members_called(e, &burst.by) : mem_strdup("somebody (not a member now)");
	char *who, *text;

	who = b->by == 0 ? mem_strdup("several members")
	                 : mem_printf("%s%s", b->brings ? "several members, as reported by " : "", shown);
	text = mem_printf("%s deleted, replaced or emptied %lld files at once: that is held here. If it "
	                  "was intended: lanyard release",
	                  who, (long long)b->files);
	engine_log(e, LOG_WARN, "group %s: %s", engine_name(e), text);
	e->dirty = true;
	engine_emit(e, "problem", NULL, text);
	free(shown);
	free(who);
	free(text);
}

int64_t engine_release(struct engine *e)
{
	int64_t n;

	if (!engine_has_mirror(e))
		return 0;
	n = local_release(e->local);
	return n + fetch_release(e->fetch);
}
