/* The agent's connections: opening them, logging and emitting their events, and giving them this host's addresses. */
#include "agent/agent_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/addresses.h"
#include "agent/link_losses.h"
#include "base/log.h"
#include "base/mem.h"

enum { COMINGS_LOGGED = 20 }; /* of one peer per minute */

/* --- events --- */

/* e: where its name is known. group: NULL if the event is about all of its groups. */
static void emit_peer(struct agent *a, const char *kind, const struct agent_id *peer, const struct engine *e,
                      const char *group, const char *reason)
{
	struct event event = { .kind = kind, .group = group, .reason = reason };
	char text[ID_TEXT_MAX], former[MEMBER_NAME_MAX + 1];

	agent_id_text(text, peer);
	event.peer = text;
	engine_members_describe(e, peer, former, &event);
	events_emit(a->events, &event);
}

/* A member that connects and disconnects all the time must not fill the log; the events have everything. */
static bool may_log(const char *what, const char *peer)
{
	char key[ID_TEXT_MAX + 8];

	(void)snprintf(key, sizeof(key), "%s %s", what, peer);
	return log_allow(key, COMINGS_LOGGED);
}

static void on_connected(void *arg, const struct agent_id *peer, struct peer_group *group)
{
	struct engine *e = peer_group_arg(group);
	char text[ID_TEXT_MAX];

	agent_id_text(text, peer);
	if (may_log("comes", text)) {
		char *who = engine_members_called(e, peer);

		log_about(LOG_INFO, &(struct log_about){ .group = engine_name(e), .peer = text },
		          "group %s: connected to %s", engine_name(e), who);
		free(who);
	}
	emit_peer(arg, "peer-connected", peer, e, engine_name(e), NULL);
}

static void on_disconnected(void *arg, const struct agent_id *peer, struct peer_group *group, const char *reason)
{
	char text[ID_TEXT_MAX];
	struct agent *a = arg;
	struct engine *e;

	if (!group) {
		link_losses_note(a->losses, peer, reason, loop_now_ms(a->loop));
		return; /* logged for each of its groups below */
	}
	e = peer_group_arg(group);
	agent_id_text(text, peer);
	if (may_log("goes", text)) {
		char *who = engine_members_called(e, peer);

		log_about(LOG_INFO, &(struct log_about){ .group = engine_name(e), .peer = text },
		          "group %s: disconnected from %s: %s", engine_name(e), who, reason);
		free(who);
	}
	emit_peer(a, "peer-disconnected", peer, e, engine_name(e), reason);
	if (a->discovery && peers_are_few(a->peers))
		discovery_refresh(a->discovery);
}

uint64_t agent_refused_count(const struct agent *a, enum agent_refused why)
{
	return a->refused[why];
}

/* A group of ours that the agent is a member of; NULL: none. */
static struct engine *group_of_member(const struct agent *a, const struct agent_id *peer)
{
	const struct agent_group *g;

	DL_FOREACH(a->groups, g) {
		const struct roster *r = engine_roster(g->engine);

		if (r != NULL && roster_role(r, peer) != ROLE_NONE)
			return g->engine;
	}
	return NULL;
}

static enum agent_refused refused_kind(const struct agent *a, const struct agent_id *peer)
{
	if (peer == NULL)
		return AGENT_REFUSED_HANDSHAKE;
	return group_of_member(a, peer) != NULL ? AGENT_REFUSED_MEMBER : AGENT_REFUSED_STRANGER;
}

/* A group of ours that the agent is or was a member of; NULL: none. What strangers and neighbours try is in the log and
 * among the metrics, and not among the events. */
static struct engine *group_of_known(const struct agent *a, const struct agent_id *peer)
{
	struct engine *now = group_of_member(a, peer);
	const struct agent_group *g;
	struct agent_id by;

	if (now != NULL)
		return now;
	DL_FOREACH(a->groups, g) {
		const struct roster *r = engine_roster(g->engine);

		if (r != NULL && roster_outside(r, peer, &by) != OUTSIDE_UNKNOWN)
			return g->engine;
	}
	return NULL;
}

/* As a member where it is one; of others there is no name, and all of the ID, which `text` is, is needed. */
static void log_refused(const struct agent *a, const struct agent_id *peer, const char *text, const char *address,
                        const char *reason)
{
	const struct engine *e = peer != NULL ? group_of_member(a, peer) : NULL;
	char *name = e != NULL ? engine_members_called(e, peer) : NULL;

	log_about(LOG_WARN, &(struct log_about){ .peer = peer ? text : NULL }, "refused %s at %s: %s",
	          name != NULL ? name : text, address, reason);
	free(name);
}

static void on_refused(void *arg, const struct agent_id *peer, const char *address, const char *reason)
{
	char text[ID_TEXT_MAX] = "somebody";
	char *key = mem_printf("refused %.*s %s", (int)strcspn(address, "]"), address, reason), *colon;
	struct agent *a = arg;
	const struct engine *known_in;

	a->refused[refused_kind(a, peer)]++;

	/* Once per minute for each address and reason, whatever the port. */
	colon = strrchr(key, ':');
	if (colon && *address != '[')
		*colon = 0;
	if (peer)
		agent_id_text(text, peer);
	if (log_allow(key, 1))
		log_refused(a, peer, text, address, reason);
	free(key);
	known_in = peer != NULL ? group_of_known(a, peer) : NULL;
	if (known_in != NULL)
		emit_peer(a, "refused", peer, known_in, NULL, reason);
}

/* --- addresses --- */

static size_t list_own_addresses(void *arg, struct sockaddr_storage *out, size_t max)
{
	const struct agent *a = arg;

	return addresses_list(a->addresses, out, max);
}

static void on_moved(void *arg)
{
	struct agent *a = arg;

	peers_moved(a->peers);
}

static void on_few(void *arg)
{
	agent_announce_again(arg);
}

static void open_addresses(struct agent *a, const struct settings *settings)
{
	a->addresses =
		addresses_new(a->loop,
	                      &(struct addresses_config){ .listen = settings->listen,
	                                                  .port = a->port,
	                                                  .interfaces = (const char *const *)settings->interfaces.v,
	                                                  .ninterfaces = settings->interfaces.n,
	                                                  .changed = on_moved,
	                                                  .arg = a });
	if (!a->addresses)
		log_warn("netlink is not available: members and invites get no address of this host: %s",
		         strerror(errno));
}

int agent_open_peers(struct agent *a, const struct settings *settings, char **why)
{
	a->losses = link_losses_new();
	a->peers = peers_new(&(struct peers_config){ .loop = a->loop,
	                                             .workers = a->workers,
	                                             .self = a->self,
	                                             .name = a->name,
	                                             .memory = (size_t)settings->memory,
	                                             .connected = on_connected,
	                                             .disconnected = on_disconnected,
	                                             .refused = on_refused,
	                                             .copied_home = agent_copied_home,
	                                             .few = on_few,
	                                             .moved = a->machine.moved,
	                                             .addresses = list_own_addresses,
	                                             .arg = a },
	                     why);
	if (!a->peers)
		return -1;
	peers_limit(a->peers, settings->upload, settings->download);
	a->port = peers_listen(a->peers, settings->listen, why);
	if (a->port < 0 && !settings->listen_set) {
		/* Probably a second agent on this host. Members find its port by mDNS, so any will do. */
		free(*why);
		*why = NULL;
		a->port = peers_listen(a->peers, "0", why);
		if (a->port >= 0)
			log_info("port %s is taken, probably by another agent: listening on %d", settings->listen,
			         a->port);
	}
	if (a->port < 0)
		return -1;
	open_addresses(a, settings);
	return 0;
}

/* --- losses --- */

struct loss_walk {
	struct agent *agent;
	agent_loss_fn *fn;
	void *arg;
};

static void pass_loss(void *arg, const struct link_loss *loss)
{
	const struct loss_walk *walk = arg;
	struct roster_member m = { 0 };
	const struct agent_group *g;

	DL_FOREACH(walk->agent->groups, g) {
		const struct roster *roster = engine_roster(g->engine);

		if (roster != NULL && roster_member_by_short(roster, agent_id_short(&loss->id), &m)) {
			walk->fn(walk->arg, loss, m.name);
			return;
		}
	}
}

void agent_losses(struct agent *a, agent_loss_fn *fn, void *arg)
{
	struct loss_walk walk = { .agent = a, .fn = fn, .arg = arg };

	link_losses_each(a->losses, loop_now_ms(a->loop), pass_loss, &walk);
}
