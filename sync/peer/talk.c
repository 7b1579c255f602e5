/* One group on one connection: found, opened and closed. See membership.c for what is shown when it is opened. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

struct talk *talk_new(struct session *s, struct peer_group *g, int my_channel, int their_channel)
{
	struct talk *t;

	/* A group offered anew takes the place of its old channel. */
	DL_FOREACH(s->talks, t)
		if (t->group == g)
			break;
	if (t)
		talk_free(t, "reopened");
	t = MEM_NEW(struct talk);
	t->session = s;
	t->group = g;
	t->serial = ++s->peers->serial;
	t->my_channel = my_channel;
	t->their_channel = their_channel;
	DL_APPEND(s->talks, t);
	DL_APPEND2(g->talks, t, group_prev, group_next);
	return t;
}

void talk_free(struct talk *t, const char *reason)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;
	bool was_up = t->up;

	t->up = false;
	DL_DELETE(s->talks, t);
	DL_DELETE2(g->talks, t, group_prev, group_next);
	news_out_stop(t);
	serve_stop(t);
	inflight_stop(t);
	if (was_up) {
		g->config.hooks->down(g->config.arg, s->peer);
		if (s->peers->config.disconnected)
			s->peers->config.disconnected(s->peers->config.arg, &s->id, g, reason);
		g->config.hooks->state(g->config.arg);
	}
	free(t);
}

void talk_close(struct talk *t, const char *reason)
{
	struct msg_group_close m = { .channel = (uint32_t)t->my_channel,
		                     .your_channel = t->their_channel,
		                     .reason = reason };
	size_t n;
	uint8_t *body = msg_group_close_encode(&m, &n);

	session_send(t->session, FRAME_GROUP_CLOSE, body, n);
	talk_free(t, reason);
}

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

struct log_about talk_about(const struct talk *t)
{
	return (struct log_about){ .group = roster_name(t->group->config.roster), .peer = t->session->id_text };
}

/* --- opening --- */

void talk_begin(struct talk *t)
{
	if (t->group->config.invite) {
		admit_show_invite(t);
	} else if (roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART)) {
		membership_proved(t);
		membership_show(t);
	}
	membership_maybe_hello(t);
}

static void roster_has_changed(struct peer_group *g)
{
	g->config.hooks->roster_changed(g->config.arg);
}

void talk_opened(struct talk *t, const uint8_t *digest)
{
	struct peer_group *g = t->group;
	struct roster *r = g->config.roster;
	uint8_t ours[32];

	if (!roster_may(r, &t->session->id, RIGHT_TAKE_PART)) {
		membership_refuse(t, "not a member");
		return;
	}
	membership_proved(t);
	if (!t->open_sent)
		membership_show(t);
	roster_digest(r, ours);
	if (!g->config.invite && (digest == NULL || memcmp(digest, ours, sizeof(ours)) != 0))
		roster_out_all(t);
	membership_maybe_hello(t);
}

void talk_open_in(struct talk *t, const struct msg_group_open *m)
{
	if (m->your_channel != (uint32_t)t->my_channel || t->open_in)
		return; /* of an earlier offer; or once more */
	t->open_in = true;
	if (m->join.n) {
		admit_request_in(t, &m->join);
	} else if (roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART)) {
		/* It may go on talking at once, and so do we. */
		talk_opened(t, m->roster_digest.n == 32 ? m->roster_digest.p : NULL);
		roster_in_entries(t, m->credential, m->ncredential);
	} else {
		roster_in_open(t, m);
	}
}

/* --- the roster --- */

void talk_asked(struct talk *t, const uint8_t *request, size_t n, bool good)
{
	struct peer_group *g = t->group;

	if (admit_checked(t, request, n, good)) {
		roster_has_changed(g);
		peer_group_roster_changed(g);
	}
}

void talk_roster_settle(struct peer_group *g)
{
	if (!roster_settle(g->config.roster))
		return;
	if (g->config.invite) {
		admit_join_look(g);
		return;
	}
	roster_has_changed(g);
	roster_out_news(g);
	talk_members_changed(g);
}

void talk_roster_in(struct talk *t, const struct msg_roster *m)
{
	if (t->open_in && (rights_has(t->role, RIGHT_TAKE_PART) || t->opening))
		roster_in_entries(t, m->entries, m->nentries);
}

/* Whether a peer's records count, and whether it may have ours, is settled when a talk comes up. Rows that it announced in the other role
 * and that are not ours yet are forgotten: it announces them again if it may. */
static void role_changed(struct talk *t, enum role role)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;

	if (rights_has(role, RIGHT_READ) == rights_has(t->role, RIGHT_READ) &&
	    rights_has(role, RIGHT_WRITE) == rights_has(t->role, RIGHT_WRITE)) {
		t->role = role;
		return;
	}
	talk_close(t, "its role has changed");
	news_in_forget(g, s->peer);
	session_offer(s, g);
}

void talk_members_changed(struct peer_group *g)
{
	struct talk *t, *next;

	if (g->config.invite)
		return;
	DL_FOREACH_SAFE2(g->talks, t, next, group_next)
	{
		enum role role = roster_role(g->config.roster, &t->session->id);

		if (role == t->role)
			continue;
		if (!rights_has(role, RIGHT_TAKE_PART))
			talk_close(t, "no longer a member");
		else if (t->role == ROLE_NONE)
			talk_begin(t);
		else
			role_changed(t, role);
	}
}

/* The peer closed the group towards us. For a joiner that is its answer. */
void talk_closed_by_peer(struct talk *t, const char *reason)
{
	struct peer_group *g = t->group;
	bool joining = g->config.invite && t->open_sent && t->role == ROLE_NONE;
	char *text = mem_printf("it said: %s", reason);

	if (joining)
		admit_join_refused(t, reason);
	talk_free(t, text);
	free(text);
}
