/* One group on one connection: how a talk is found, how the log names it, and what follows when the peer
 * misbehaves. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "sync/peer/peers_internal.h"

enum { FAULTS_MAX = 3 };

struct talk *talk_of_channel(struct session *s, uint32_t their_channel)
{
	struct talk *t;

	DL_FOREACH(s->talks, t)
		if ((uint32_t)t->their_channel == their_channel)
			return t;
	return NULL;
}

struct talk *talk_of_serial(struct session *s, uint64_t serial)
{
	struct talk *t;

	DL_FOREACH(s->talks, t)
		if (t->serial == serial)
			return t;
	return NULL;
}

struct talk *talk_of_peer(struct peer_group *g, uint64_t peer)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next)
		if (t->session->peer == peer)
			return t;
	return NULL;
}

bool talk_vouches(const struct talk *t)
{
	return rights_has(t->role_known, RIGHT_WRITE) &&
	       roster_may(t->group->config.roster, &t->session->id, RIGHT_WRITE);
}

enum role talk_own_role(const struct peer_group *g)
{
	enum role role = roster_role(g->config.roster, identity_id(g->peers->config.self));

	return index_is_reader(g->config.index) && rights_has(role, RIGHT_WRITE) ? ROLE_READER : role;
}

struct log_about talk_about(const struct talk *t)
{
	return (struct log_about){ .group = roster_name(t->group->config.roster), .peer = t->session->id_text };
}

/* Ending the connection here would pull it from under the frame being handled, so the next tick does it. */
void talk_misbehaved(struct talk *t, const char *path, const char *what)
{
	struct session *s = t->session;
	char *name = log_escape(path, strlen(path));

	if (log_allow(s->link->address, 5))
		log_about(LOG_WARN,
		          &(struct log_about){ .group = roster_name(t->group->config.roster),
		                               .peer = s->id_text,
		                               .file = path },
		          "%s: misbehaved: %s: %s", s->link->address, name, what);
	if (++t->faults >= FAULTS_MAX)
		s->condemned = "misbehaved too often";
	free(name);
}
