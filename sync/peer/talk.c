/* One group on one connection: showing membership. Nothing of the group but the sender's own credential is sent before
 * our roster says that the other side is a member; that credential goes only to one whose membership we know or who has
 * shown it. So of two that do not know each other yet, both wait: they meet through a member that knows them. */
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
		talk_free(t, "opened anew");
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

/* --- opening --- */

struct entry_list {
	struct msg_bytes *e;
	size_t n, max;
};

static bool collect(void *arg, const uint8_t *entry, size_t n)
{
	struct entry_list *l = arg;

	if (l->n == l->max) {
		l->max = l->max ? 2 * l->max : 16;
		l->e = mem_realloc(l->e, l->max, sizeof(*l->e));
	}
	l->e[l->n++] = (struct msg_bytes){ .p = entry, .n = n };
	return true;
}

static void send_open(struct talk *t, const struct msg_group_open *base)
{
	struct msg_group_open m = *base;
	size_t n;

	m.channel = (uint32_t)t->my_channel;
	m.your_channel = (uint32_t)t->their_channel;
	uint8_t *body = msg_group_open_encode(&m, &n);

	t->open_sent = true;
	session_send(t->session, FRAME_GROUP_OPEN, body, n);
}

static void show_membership(struct talk *t)
{
	struct roster *r = t->group->config.roster;
	struct entry_list list = { 0 };
	uint8_t digest[32];

	roster_digest(r, digest);
	roster_credential(r, identity_id(t->session->peers->config.self), collect, &list);
	send_open(t, &(struct msg_group_open){ .credential = list.e,
	                                       .ncredential = list.n > MSG_MAX_CREDENTIAL ? MSG_MAX_CREDENTIAL : list.n,
	                                       .roster_digest = { .p = digest, .n = sizeof(digest) } });
	free(list.e);
}

struct log_about talk_about(const struct talk *t)
{
	return (struct log_about){ .group = roster_name(t->group->config.roster), .peer = t->session->id_text };
}

static void show_invite(struct talk *t)
{
	const struct log_about about = talk_about(t);
	struct bytes request = BYTES_INIT(JOIN_MAX);
	struct peers *p = t->session->peers;

	if (invite_request(t->group->config.invite, p->config.self, p->config.name, t->session->link->binding,
	                   &request)) {
		log_about(LOG_WARN, &about, "%s: the invite cannot be shown: its request is too long",
		          t->session->link->address);
	} else {
		send_open(t, &(struct msg_group_open){ .join = { .p = request.p, .n = request.len } });
	}
	bytes_free(&request);
}

static void proved(struct talk *t)
{
	t->role = roster_role(t->group->config.roster, &t->session->id);
	session_trust(t->session);
	dial_proved(t->session->peers, &t->session->id);
}

static void maybe_hello(struct talk *t)
{
	if (rights_has(t->role, RIGHT_READ) && t->open_sent && t->open_in && !t->hello_sent && t->group->config.index)
		news_in_send_hello(t);
}

void talk_begin(struct talk *t)
{
	if (t->group->config.invite) {
		show_invite(t);
	} else if (roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART)) {
		proved(t);
		show_membership(t);
	}
	maybe_hello(t);
}

static void refuse(struct talk *t, const char *reason)
{
	struct session *s = t->session;
	struct peers *p = s->peers;
	bool last = s->talks == t && !t->next;

	if (p->config.refused)
		p->config.refused(p->config.arg, &s->id, s->link->address, reason);
	talk_close(t, reason);
	if (last && !s->link->trusted)
		peers_session_ended(s, reason);
}

static void roster_has_changed(struct peer_group *g)
{
	g->config.hooks->roster_changed(g->config.arg);
}

/* One that is no member itself, yet or any more, has no answer to give. */
static void not_ours_to_say(struct talk *t)
{
	struct session *s = t->session;

	if (s->talks == t && !t->next && !s->link->trusted)
		peers_session_ended(s, "it asks to join, and we are no member");
}

static bool are_member(const struct talk *t)
{
	const struct peer_group *g = t->group;

	return !g->config.invite &&
	       roster_may(g->config.roster, identity_id(t->session->peers->config.self), RIGHT_TAKE_PART);
}

/* A bearer of an invite, whose request was looked at. */
void talk_asked(struct talk *t, const uint8_t *request, size_t n, bool good)
{
	struct peer_group *g = t->group;
	struct peers *p = t->session->peers;
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	enum admit a;

	if (!are_member(t)) {
		not_ours_to_say(t);
		return;
	}
	a = invite_admit(g->config.roster, p->config.self, &t->session->id, request, n, t->session->link->binding, good,
	                 clock_wall_s(), &entry);
	bytes_free(&entry);
	if (a != ADMIT_OK && a != ADMIT_ALREADY) {
		refuse(t, admit_text(a));
		return;
	}
	proved(t);
	show_membership(t);
	talk_send_roster(t);
	if (a == ADMIT_OK) {
		roster_has_changed(g);
		peer_group_roster_changed(g);
	}
}

void talk_opened(struct talk *t, const uint8_t *digest)
{
	struct peer_group *g = t->group;
	struct roster *r = g->config.roster;
	uint8_t ours[32];

	if (!roster_may(r, &t->session->id, RIGHT_TAKE_PART)) {
		refuse(t, "not a member");
		return;
	}
	proved(t);
	if (!t->open_sent)
		show_membership(t);
	roster_digest(r, ours);
	if (!g->config.invite && (digest == NULL || memcmp(digest, ours, sizeof(ours)) != 0))
		talk_send_roster(t);
	maybe_hello(t);
}

void talk_open_in(struct talk *t, const struct msg_group_open *m)
{
	if (m->your_channel != (uint32_t)t->my_channel || t->open_in)
		return; /* of an earlier offer; or once more */
	t->open_in = true;
	if (m->join.n) {
		if (are_member(t))
			roster_in_join(t, &m->join);
		else
			not_ours_to_say(t);
	} else if (roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART)) {
		/* It may go on talking at once, and so do we. */
		talk_opened(t, m->roster_digest.n == 32 ? m->roster_digest.p : NULL);
		roster_in_entries(t, m->credential, m->ncredential);
	} else {
		roster_in_open(t, m);
	}
}

/* --- the roster --- */

static void send_entries(struct talk *t, const struct entry_list *list)
{
	for (size_t i = 0; i < list->n;) {
		struct msg_roster m = { .channel = (uint32_t)t->my_channel, .entries = list->e + i };
		size_t size = 0;

		while (i < list->n && size < FRAME_MAX_CONTROL / 4)
			size += list->e[i++].n + 8;
		m.nentries = (size_t)(list->e + i - m.entries);
		uint8_t *body = msg_roster_encode(&m, &size);

		session_send(t->session, FRAME_ROSTER, body, size);
	}
}

void talk_send_roster(struct talk *t)
{
	struct entry_list list = { 0 };

	/* However often it is asked for: once, when there is room. */
	t->roster_due = !session_has_room(t->session);
	if (t->roster_due)
		return;
	roster_entries(t->group->config.roster, collect, &list);
	send_entries(t, &list);
	free(list.e);
}

struct news {
	struct msg_bytes *e;
	uint64_t *bringers;
	size_t n, max;
};

static void collect_news(void *arg, uint64_t bringer, const uint8_t *entry, size_t n)
{
	struct news *l = arg;

	if (l->n == l->max) {
		l->max = l->max ? 2 * l->max : 16;
		l->e = mem_realloc(l->e, l->max, sizeof(*l->e));
		l->bringers = mem_realloc(l->bringers, l->max, sizeof(*l->bringers));
	}
	l->bringers[l->n] = bringer;
	l->e[l->n++] = (struct msg_bytes){ .p = entry, .n = n };
}

/* To one that may not have brought all of them itself. */
static void tell_news(struct talk *t, const struct news *news)
{
	struct entry_list list = { 0 };

	for (size_t i = 0; i < news->n; i++)
		if (news->bringers[i] != t->session->peer)
			collect(&list, news->e[i].p, news->e[i].n);
	send_entries(t, &list);
	free(list.e);
}

void talk_tell_news(struct peer_group *g)
{
	struct news news = { 0 };
	struct talk *t;

	if (g->config.invite)
		return;
	roster_news(g->config.roster, collect_news, &news);
	DL_FOREACH2(g->talks, t, group_next)
		if (news.n && rights_has(t->role, RIGHT_TAKE_PART) && t->open_sent)
			tell_news(t, &news);
	free(news.e);
	free(news.bringers);
}

/* --- joining --- */

static void join_ended(struct peer_group *g, const char *refusal)
{
	if (loop_timer_running(g->join_timer))
		return;
	free(g->join_refusal);
	g->join_refusal = mem_strdup(refusal);
	loop_timer_start(g->join_timer, 0, 0);
}

/* Takes note. */
static void join_waits(struct peer_group *g, char *note)
{
	free(g->join_note);
	g->join_note = note;
	g->config.hooks->state(g->config.arg);
}

/* A roster that lets us in, but shows less than the invite's maker knew, comes from one that is behind; or from one that was
 * removed since, and would have us for itself. */
static void join_look(struct peer_group *g)
{
	const struct invite *invite = g->config.invite;
	struct roster *r = g->config.roster;

	if (!roster_may(r, identity_id(g->peers->config.self), RIGHT_TAKE_PART))
		return;
	if (roster_shows(r, invite->marks, invite->nmarks))
		join_ended(g, NULL);
	else
		join_waits(g, mem_strdup("a member whose list of members is not older than the invite"));
}

/* A refusal proves nothing: anybody may say so. But two clocks that have passed the end of the invite are enough. */
static void join_refused(struct talk *t, const char *reason)
{
	struct peer_group *g = t->group;
	const struct session *s = t->session;
	const char *called = s->name && *s->name ? s->name : s->id_text;
	char *name = log_escape(called, strlen(called)), *said = log_escape(reason, strlen(reason));

	if (clock_wall_s() > g->config.invite->expires_s)
		join_ended(g, "the invite has expired; ask for a new one");
	else
		join_waits(g, mem_printf("another member: %s at %s said \"%s\", which proves nothing", name,
		                         s->link->address, said));
	free(name);
	free(said);
}

void talk_roster_settle(struct peer_group *g)
{
	if (!roster_settle(g->config.roster))
		return;
	if (g->config.invite) {
		join_look(g);
		return;
	}
	roster_has_changed(g);
	talk_tell_news(g);
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
		join_refused(t, reason);
	talk_free(t, text);
	free(text);
}
