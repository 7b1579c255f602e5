/* The agent's side of discovery: passes found addresses on to the connections, and remembers names of groups for
 * `lanyard groups`. */
#include "agent/agent_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

enum { MAX_SEEN = 256 };

/* At most MAX_SEEN, since anybody on the network can announce names; the oldest is forgotten. */
static void remember_names(struct agent *a, const struct discovery_found *f)
{
	for (size_t i = 0; i < f->nnames; i++) {
		struct sighting *s;

		DL_FOREACH(a->seen, s)
			if (strcmp(s->name, f->names[i]) == 0 && strcmp(s->agent, f->claimed_id) == 0)
				break;
		if (s)
			continue;
		if (a->nseen == MAX_SEEN) {
			s = a->seen;
			DL_DELETE(a->seen, s);
			free(s->name);
			free(s->agent);
		} else {
			s = MEM_NEW(struct sighting);
			a->nseen++;
		}
		s->name = mem_strdup(f->names[i]);
		s->agent = mem_strdup(f->claimed_id);
		DL_APPEND(a->seen, s);
	}
}

static void on_found(void *arg, const struct discovery_found *f)
{
	struct agent *a = arg;
	struct agent_id id;
	bool known = f->claimed_id && agent_id_parse(&id, f->claimed_id) == 0;

	if (f->claimed_id && f->nnames)
		remember_names(a, f);
	peers_found(a->peers, known ? &id : NULL, (const struct sockaddr *)&f->addr, f->addr_len);
}

static bool is_peer_connected(void *arg, const char *text)
{
	const struct agent *a = arg;
	struct agent_id id;

	return agent_id_parse(&id, text) == 0 && peers_connected(a->peers, &id);
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

void agent_open_discovery(struct agent *a, const struct settings *settings)
{
	char id[ID_PLAIN_MAX];

	agent_id_plain(id, identity_id(a->self));
	a->discovery =
		discovery_new(a->loop,
	                      &(struct discovery_config){ .mode = settings->discovery,
	                                                  .agent_id = id,
	                                                  .port = (uint16_t)a->port,
	                                                  .interfaces = (const char *const *)settings->interfaces.v,
	                                                  .ninterfaces = settings->interfaces.n,
	                                                  .found = on_found,
	                                                  .connected = is_peer_connected,
	                                                  .state = on_discovery_state,
	                                                  .arg = a });
	for (size_t i = 0; i < settings->peers.n; i++)
		if (discovery_add_static(a->discovery, settings->peers.v[i]))
			log_error("--peer %s: not of the form HOST:PORT", settings->peers.v[i]);
}

void agent_close_discovery(struct agent *a)
{
	struct sighting *s, *next;

	if (a->discovery)
		discovery_free(a->discovery);
	a->discovery = NULL;
	DL_FOREACH_SAFE(a->seen, s, next) {
		free(s->name);
		free(s->agent);
		free(s);
	}
	a->seen = NULL;
	free(a->backend);
	free(a->problem);
	a->backend = a->problem = NULL;
}

int agent_add_static(struct agent *a, const char *host_port)
{
	return discovery_add_static(a->discovery, host_port);
}

const char *agent_discovery(const struct agent *a, const char **problem)
{
	*problem = a->problem;
	return a->backend ? a->backend : "off";
}

void agent_seen_groups(struct agent *a, bool (*fn)(void *arg, const char *name, const char *agent), void *arg)
{
	struct sighting *s;

	discovery_set_browse_all(a->discovery, true);
	DL_FOREACH(a->seen, s)
		if (!fn(arg, s->name, s->agent))
			return;
}
