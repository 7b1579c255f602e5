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

static void emit_peer(struct agent *a, const char *kind, const struct agent_id *peer, struct peer_group *group,
                      const char *reason)
{
	char text[ID_TEXT_MAX];

	if (peer)
		agent_id_text(text, peer);
	events_emit(a->events, &(struct event){ .kind = kind,
	                                        .peer = peer ? text : NULL,
	                                        .reason = reason,
	                                        .group = group ? engine_name(peer_group_arg(group)) : NULL });
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
	char text[ID_TEXT_MAX];

	agent_id_text(text, peer);
	if (may_log("comes", text))
		log_about(LOG_INFO, &(struct log_about){ .group = engine_name(peer_group_arg(group)), .peer = text },
		          "group %s: connected to %s", engine_name(peer_group_arg(group)), text);
	emit_peer(arg, "peer-connected", peer, group, NULL);
}

static void on_disconnected(void *arg, const struct agent_id *peer, struct peer_group *group, const char *reason)
{
	char text[ID_TEXT_MAX];
	struct agent *a = arg;

	if (!group) {
		link_losses_note(a->losses, peer, reason, loop_now_ms(a->loop));
		return; /* logged for each of its groups below */
	}
	agent_id_text(text, peer);
	if (may_log("goes", text))
		log_about(LOG_INFO, &(struct log_about){ .group = engine_name(peer_group_arg(group)), .peer = text },
		          "group %s: disconnected from %s: %s", engine_name(peer_group_arg(group)), text, reason);
	emit_peer(a, "peer-disconnected", peer, group, reason);
	if (a->discovery && peers_are_few(a->peers))
		discovery_refresh(a->discovery);
}

uint64_t agent_refused_count(const struct agent *a, enum agent_refused why)
{
	return a->refused[why];
}

static enum agent_refused refused_kind(const struct agent *a, const struct agent_id *peer)
{
	const struct agent_group *g;

	if (peer == NULL)
		return AGENT_REFUSED_HANDSHAKE;
	DL_FOREACH(a->groups, g) {
		const struct roster *r = engine_roster(g->engine);

		if (r != NULL && roster_role(r, peer) != ROLE_NONE)
			return AGENT_REFUSED_MEMBER;
	}
	return AGENT_REFUSED_STRANGER;
}

static void on_refused(void *arg, const struct agent_id *peer, const char *address, const char *reason)
{
	char text[ID_TEXT_MAX] = "somebody";
	char *key = mem_printf("refused %.*s %s", (int)strcspn(address, "]"), address, reason), *colon;
	struct agent *a = arg;

	a->refused[refused_kind(a, peer)]++;

	/* Once per minute for each address and reason, whatever the port. */
	colon = strrchr(key, ':');
	if (colon && *address != '[')
		*colon = 0;
	if (peer)
		agent_id_text(text, peer);
	if (log_allow(key, 1))
		log_about(LOG_WARN, &(struct log_about){ .peer = peer ? text : NULL }, "refused %s at %s: %s", text,
		          address, reason);
	emit_peer(arg, "refused", peer, NULL, reason);
	free(key);
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
		log_info("%s: in use, probably by another agent; listening on a free port instead", *why);
		free(*why);
		*why = NULL;
		a->port = peers_listen(a->peers, "0", why);
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
