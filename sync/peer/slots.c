/* Connection slots. Their number is bounded, and an agent that shows no membership cannot hold a slot that a member
 * needs. TLS has proved the other end's ID before it asks for a slot. A member gets one as long as members do not
 * fill them all. Strangers, among them every bearer of an invite, share a few slots, and fewer per host; a further
 * one takes the slot of the oldest that has shown least. */
#include <string.h>
#include <utlist.h>

#include "sync/peer/peers_internal.h"

enum {
	MAX_STRANGERS = 64, /* of PEERS_MAX_SESSIONS */
	MAX_ONE_HOST = 8,   /* of them from one host */
};

bool slots_is_member(struct peers *p, const struct agent_id *id)
{
	struct peer_group *g;

	DL_FOREACH(p->groups, g)
		if (!g->config.invite && roster_may(g->config.roster, id, RIGHT_TAKE_PART))
			return true;
	return false;
}

/* Addresses as links show them: equal except for the port. */
static bool is_same_host(const char *a, const char *b)
{
	const char *a_port = strrchr(a, ':'), *b_port = strrchr(b, ':');
	size_t n = a_port ? (size_t)(a_port - a) : strlen(a);

	return b_port && n == (size_t)(b_port - b) && memcmp(a, b, n) == 0;
}

static bool is_stranger(struct peers *p, const struct session *s)
{
	return !s->link->trusted && !slots_is_member(p, &s->id);
}

/* The lower, the sooner it is dropped: first an agent that connected to us and said nothing, last one that we
 * dialled. */
static int slots_shown(const struct session *s)
{
	return (s->link->dialed ? 4 : 0) + (s->talks || s->asking ? 2 : 0) + (s->hello_in ? 1 : 0);
}

/* The stranger to drop, of one host or (address NULL) of all; *n: how many strangers there are. The list is in the
 * order of age. */
static struct session *slots_least(struct peers *p, const char *address, size_t *n)
{
	struct session *s, *found = NULL;

	*n = 0;
	DL_FOREACH(p->sessions, s) {
		if (!is_stranger(p, s) || (address && !is_same_host(address, s->link->address)))
			continue;
		++*n;
		if (!found || slots_shown(s) < slots_shown(found))
			found = s;
	}
	return found;
}

bool slots_take(struct peers *p, const struct link *link)
{
	static const char why[] = "made room for a newcomer: had not proved membership";
	bool member = slots_is_member(p, &link->peer);
	size_t n;
	struct session *s = slots_least(p, link->address, &n);

	if (!member && n >= MAX_ONE_HOST) {
		session_refuse(s, why);
		return true;
	}
	s = slots_least(p, NULL, &n);
	if (s && (p->nsessions >= PEERS_MAX_SESSIONS || (!member && n >= MAX_STRANGERS)))
		session_refuse(s, why);
	return p->nsessions < PEERS_MAX_SESSIONS;
}
