/* Composing and sending the status line: see status_line.h. */
#include "agent/status_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_status.h"
#include "agent/engine/events.h"
#include "base/mem.h"
#include "sync/peer/peers.h"

enum { SOON_MS = 500, AGAIN_MS = 2000 };

struct status_line {
	struct agent *agent;
	struct notify *notify;
	struct events *events;
	struct events_listener *listener;
	struct loop_timer *timer; /* runs while the line may have changed */
	char *told;               /* the line as last sent; NULL: none yet */
};

/* --- text --- */

static void add_part(char **text, char *part)
{
	char *before = *text;

	*text = before == NULL ? part : mem_printf("%s, %s", before, part);
	if (before != NULL)
		free(part);
	free(before);
}

static char *count_text(int64_t n, const char *what)
{
	return mem_printf("%" PRId64 " %s%s", n, what, n == 1 ? "" : "s");
}

/* Peers and progress first; what a user should do something about comes last, and is always shown. */
char *status_line_text(const struct status_line_facts *f)
{
	char *text = NULL;

	if (f->groups == 0 && f->asking == 0)
		return mem_strdup("not in a group yet: lanyard create, or lanyard join");
	add_part(&text, f->peers == 0 ? mem_strdup("no peers") : count_text((int64_t)f->peers, "peer"));
	if (f->files > 0)
		add_part(&text, mem_printf("%" PRId64 " file%s to go", f->files, f->files == 1 ? "" : "s"));
	else if (f->scanning > 0)
		add_part(&text, mem_strdup("scanning"));
	else if (f->failed + f->joining + f->paused < f->groups)
		add_part(&text, mem_strdup("in sync"));
	if (f->joining > 0)
		add_part(&text, mem_printf("joining %zu group%s", f->joining, f->joining == 1 ? "" : "s"));
	if (f->asking > 0)
		add_part(&text, mem_printf("asking to join %zu group%s", f->asking, f->asking == 1 ? "" : "s"));
	if (f->requests > 0)
		add_part(&text,
		         mem_printf("%zu ask%s to join: lanyard requests", f->requests, f->requests == 1 ? "s" : ""));
	if (f->paused > 0)
		add_part(&text, mem_printf("%zu group%s paused", f->paused, f->paused == 1 ? "" : "s"));
	if (f->failed > 1)
		add_part(&text, mem_printf("%zu groups have problems: lanyard status", f->failed));
	else if (f->failed == 1)
		add_part(&text, mem_printf("%s: %s", f->name, f->problem != NULL ? f->problem : "a problem"));
	return text;
}

/* --- facts --- */

static bool add_group(void *arg, struct engine *e)
{
	struct status_line_facts *f = arg;
	struct engine_status s = { 0 };

	engine_status(e, &s);
	f->groups++;
	f->files += s.wanted;
	f->joining += s.state == ENGINE_JOINING || s.state == ENGINE_RESTORED;
	f->paused += s.state == ENGINE_PAUSED;
	f->requests += engine_mailbox(e) != NULL ? requests_waiting(engine_mailbox(e)) : 0;
	f->scanning += s.state == ENGINE_SCANNING || (s.state == ENGINE_SYNCING && s.wanted == 0) ||
	               (s.state == ENGINE_WAITING && s.wanted == 0);
	if (s.state == ENGINE_ERROR && f->failed++ == 0) {
		f->name = engine_name(e);
		f->problem = s.error;
	}
	return true;
}

static bool add_asked(void *arg, const struct agent_asked *asked)
{
	*(size_t *)arg += asked->status.state < ASKER_REJECTED;
	return true;
}

static bool add_peer(void *arg, const struct peer_connection *c)
{
	(void)c;
	++*(size_t *)arg;
	return true;
}

static void status_due(void *arg)
{
	struct status_line *s = arg;
	struct status_line_facts facts = { 0 };
	char *text;

	agent_engines(s->agent, add_group, &facts);
	agent_asks(s->agent, add_asked, &facts.asking);
	peers_each(agent_peers(s->agent), add_peer, &facts.peers);
	text = status_line_text(&facts);
	/* Progress of a transfer makes no events. */
	if (facts.files > 0 || facts.scanning > 0)
		loop_timer_start(s->timer, AGAIN_MS, 0);
	if (s->told != NULL && strcmp(s->told, text) == 0) {
		free(text);
		return;
	}
	notify_status(s->notify, text);
	free(s->told);
	s->told = text;
}

static void on_event(void *arg, const struct event *event)
{
	struct status_line *s = arg;

	(void)event;
	if (!loop_timer_running(s->timer))
		loop_timer_start(s->timer, SOON_MS, 0);
}

/* --- making and ending --- */

struct status_line *status_line_new(struct loop *loop, struct agent *agent, struct events *events,
                                    struct notify *notify)
{
	struct status_line *s = MEM_NEW(struct status_line);

	s->agent = agent;
	s->notify = notify;
	s->events = events;
	s->timer = loop_timer_new(loop, status_due, s);
	s->listener = events_listen(events, on_event, s);
	status_due(s);
	return s;
}

void status_line_free(struct status_line *s)
{
	if (s == NULL)
		return;
	events_unlisten(s->events, s->listener);
	loop_timer_free(s->timer);
	free(s->told);
	free(s);
}
