/* The agent's side of discovery: passes found addresses on to the connections, and remembers the groups that are
 * announced. */
#include "agent/agent_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	BROWSE_MS = 600 * 1000, /* that all services are browsed after somebody looked at the groups on the network */
	LOOK_MS = 1500,         /* in which most of those that are there have answered */
};

static void on_found(void *arg, const struct discovery_found *f)
{
	struct agent *a = arg;
	struct agent_id id;
	bool known = f->claimed_id && agent_id_parse(&id, f->claimed_id) == 0;

	seen_groups_note(a->seen, f);
	if (f->hint)
		peers_hinted(a->peers, (const struct sockaddr *)&f->addr);
	else
		peers_found(a->peers, known ? &id : NULL, (const struct sockaddr *)&f->addr, f->addr_len);
}

static bool is_peer_wanted(void *arg, const char *text)
{
	const struct agent *a = arg;
	struct agent_id id;

	return agent_id_parse(&id, text) != 0 || peers_look_for(a->peers, &id);
}

static void on_discovery_state(void *arg, const char *backend, const char *problem)
{
	struct agent *a = arg;

	free(a->backend);
	free(a->problem);
	a->backend = mem_strdup(backend);
	a->problem = mem_strdup(problem);
	if (problem)
		log_warn("discovery: %s: %s", backend, problem);
	else
		log_info("discovery: %s", backend);
	events_emit(a->events, &(struct event){ .kind = "discovery", .reason = problem ? problem : backend });
}

/* Nobody has looked at them for a while. */
static void browse_over(void *arg)
{
	struct agent *a = arg;

	discovery_set_browse_all(a->discovery, false);
	a->browse_since_ms = 0;
}

void agent_open_discovery(struct agent *a, const struct settings *settings)
{
	char id[ID_PLAIN_MAX];

	agent_id_plain(id, identity_id(a->self));
	a->seen = seen_groups_new();
	a->browse_timer = loop_timer_new(a->loop, browse_over, a);
	a->discovery =
		discovery_new(a->loop,
	                      &(struct discovery_config){ .mode = settings->discovery,
	                                                  .agent_id = id,
	                                                  .port = (uint16_t)a->port,
	                                                  .interfaces = (const char *const *)settings->interfaces.v,
	                                                  .ninterfaces = settings->interfaces.n,
	                                                  .found = on_found,
	                                                  .wanted = is_peer_wanted,
	                                                  .state = on_discovery_state,
	                                                  .arg = a });
	for (size_t i = 0; i < settings->peers.n; i++)
		if (discovery_add_static(a->discovery, settings->peers.v[i]))
			log_error("--peer %s: not of the form HOST:PORT", settings->peers.v[i]);
}

void agent_close_discovery(struct agent *a)
{
	if (a->discovery)
		discovery_free(a->discovery);
	a->discovery = NULL;
	loop_timer_free(a->browse_timer);
	a->browse_timer = NULL;
	seen_groups_free(a->seen);
	a->seen = NULL;
	free(a->backend);
	free(a->problem);
	a->backend = a->problem = NULL;
}

int agent_add_static(struct agent *a, const char *host_port)
{
	return discovery_add_static(a->discovery, host_port);
}

void agent_look_for_members(struct agent *a, const struct engine *e)
{
	const struct invite *invite = engine_invite(e);

	for (size_t i = 0; invite != NULL && i < invite->naddresses; i++)
		(void)discovery_add_hint(a->discovery, invite->addresses[i]);
}

const char *agent_discovery(const struct agent *a, const char **problem)
{
	*problem = a->problem;
	return a->backend ? a->backend : "off";
}

void agent_keep_looking(struct agent *a)
{
	if (a->browse_since_ms == 0)
		a->browse_since_ms = loop_now_ms(a->loop);
	discovery_set_browse_all(a->discovery, true);
	loop_timer_start(a->browse_timer, BROWSE_MS, 0);
}

void agent_look_around(struct agent *a)
{
	int64_t now = loop_now_ms(a->loop);

	seen_groups_query(a->seen, now);
	agent_keep_looking(a);
	discovery_refresh(a->discovery);
}

bool agent_has_looked(const struct agent *a)
{
	const char *problem;

	return a->browse_since_ms == 0 || loop_now_ms(a->loop) - a->browse_since_ms >= LOOK_MS ||
	       strcmp(agent_discovery(a, &problem), "off") == 0;
}

struct seen_walk {
	struct agent *agent;
	agent_seen_fn *fn;
	void *arg;
};

static bool pass_seen(void *arg, const struct seen_group *g)
{
	const struct seen_walk *walk = arg;

	return agent_has_tag(walk->agent, g->tag) || agent_has_asked(walk->agent, g->tag) || walk->fn(walk->arg, g);
}

void agent_seen_groups(struct agent *a, agent_seen_fn *fn, void *arg)
{
	seen_groups_each(a->seen, loop_now_ms(a->loop), pass_seen, &(struct seen_walk){ a, fn, arg });
}
