/* What members tell strangers that ask, and one another about them. A stranger learns one word: yes, no, or not yet,
 * and with a yes the group's ID. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"

enum { EXPIRY_MS = 600 * 1000, MAIL_BYTES = 256 << 10, ACCEPTED_MS = 10000 };

/* --- which groups --- */

static bool is_asked_for(const struct peer_group *g)
{
	return g->asks != NULL && !g->paused && !roster_hidden(g->config.roster) &&
	       roster_may(g->config.roster, identity_id(g->peers->config.self), RIGHT_TAKE_PART);
}

struct peer_group *ask_out_group(struct peers *p, const uint8_t tag[MSG_TAG_LEN])
{
	struct peer_group *g;
	struct group_tag own;

	DL_FOREACH(p->groups, g) {
		if (!is_asked_for(g))
			continue;
		group_id_tag_of(&own, roster_group(g->config.roster));
		if (memcmp(own.b, tag, sizeof(own.b)) == 0)
			return g;
	}
	return NULL;
}

bool ask_out_is_asked(struct peers *p)
{
	struct peer_group *g;

	DL_FOREACH(p->groups, g)
		if (is_asked_for(g))
			return true;
	return false;
}

/* --- strangers --- */

void ask_out_answer(struct session *s, const struct msg_ask_answer *m)
{
	size_t n;
	uint8_t *body = msg_ask_answer_encode(m, &n);

	session_send(s, FRAME_ASK_ANSWER, body, n);
}

static bool stands(const struct asking *a, enum msg_ask_state *state)
{
	const struct peer_group *g = a->group;
	const struct agent_id *id = &a->session->id;

	if (roster_may(g->config.roster, id, RIGHT_TAKE_PART)) {
		*state = MSG_ASK_ACCEPTED;
		return true;
	}
	switch (requests_state(g->config.requests, id, a->made, a->shown)) {
	case REQUESTS_WAITING:
		*state = MSG_ASK_WAITING;
		return true;
	case REQUESTS_REJECTED:
		*state = MSG_ASK_REJECTED;
		return true;
	case REQUESTS_BARRED:
		*state = MSG_ASK_BARRED;
		return true;
	case REQUESTS_NONE:
		break;
	}
	return false;
}

bool ask_out_tell(struct asking *a)
{
	const struct group_id *group = roster_group(a->group->config.roster);
	struct msg_ask_answer m = { 0 };
	struct group_tag tag;

	if (!stands(a, &m.state))
		return false;
	if (a->told && a->told_state == m.state)
		return true;
	a->told = true;
	a->told_state = m.state;
	a->told_ms = loop_now_ms(a->session->peers->config.loop);
	group_id_tag_of(&tag, group);
	m.tag = tag.b;
	if (m.state == MSG_ASK_ACCEPTED)
		m.group = (struct msg_bytes){ .p = group->b, .n = sizeof(group->b) };
	ask_out_answer(a->session, &m);
	return true;
}

/* We carry its request no longer: its giver was removed, or there is no room. It has to ask again. */
static void tell_dropped(struct asking *a)
{
	struct group_tag tag;

	if (!a->told || a->told_state != MSG_ASK_WAITING)
		return;
	a->told_state = MSG_ASK_LATER;
	group_id_tag_of(&tag, roster_group(a->group->config.roster));
	ask_out_answer(a->session, &(struct msg_ask_answer){ .tag = tag.b, .state = MSG_ASK_LATER });
}

static void tell_strangers(struct peer_group *g)
{
	struct session *s;
	struct asking *a;

	DL_FOREACH(g->peers->sessions, s)
		DL_FOREACH(s->asking, a)
			if (a->group == g && !ask_out_tell(a))
				tell_dropped(a);
}

/* An agent that was accepted needs a moment to open the group. */
bool ask_out_holds(const struct session *s, int64_t now_ms)
{
	const struct asking *a;

	DL_FOREACH(s->asking, a) {
		if (a->told && (a->told_state == MSG_ASK_WAITING ||
		                (a->told_state == MSG_ASK_ACCEPTED && now_ms - a->told_ms < ACCEPTED_MS)))
			return true;
	}
	return false;
}

static void asking_free(struct asking *a)
{
	struct session *s = a->session;

	DL_DELETE(s->asking, a);
	s->nasking--;
	free(a);
}

void ask_out_session_end(struct session *s)
{
	struct asking *a, *next;

	DL_FOREACH_SAFE(s->asking, a, next)
		asking_free(a);
}

/* --- members --- */

/* Entries on their way into messages. */
struct mail_bag {
	struct msg_bytes *e; /* owned; the bytes are the mailbox's */
	uint64_t *bringers;
	size_t n, max;
};

static void bag_add(struct mail_bag *bag, uint64_t bringer, const uint8_t *entry, size_t n)
{
	if (bag->n == bag->max) {
		bag->max = bag->max ? 2 * bag->max : 16;
		bag->e = mem_realloc(bag->e, bag->max, sizeof(*bag->e));
		bag->bringers = mem_realloc(bag->bringers, bag->max, sizeof(*bag->bringers));
	}
	bag->bringers[bag->n] = bringer;
	bag->e[bag->n++] = (struct msg_bytes){ .p = entry, .n = n };
}

static void bag_add_news(void *arg, uint64_t bringer, const uint8_t *entry, size_t n)
{
	bag_add(arg, bringer, entry, n);
}

static void bag_add_any(void *arg, const uint8_t *entry, size_t n)
{
	bag_add(arg, 0, entry, n);
}

static void bag_free(struct mail_bag *bag)
{
	free(bag->e);
	free(bag->bringers);
}

static void send_requests(struct talk *t, const struct msg_requests *m)
{
	size_t n;
	uint8_t *body = msg_requests_encode(m, &n);

	session_send(t->session, FRAME_REQUESTS, body, n);
}

/* What the peer did not bring itself, in messages well below their bounds. */
static void send_bag(struct talk *t, const struct mail_bag *bag)
{
	struct msg_bytes *list = mem_calloc(bag->n + 1, sizeof(*list));
	struct msg_requests m = { .channel = (uint32_t)t->my_channel, .entries = list };
	size_t bytes = 0;

	for (size_t i = 0; i < bag->n; i++) {
		if (bag->bringers[i] != 0 && bag->bringers[i] == t->session->peer)
			continue;
		list[m.nentries++] = bag->e[i];
		bytes += bag->e[i].n;
		if (m.nentries < MSG_MAX_REQUESTS && bytes < MAIL_BYTES)
			continue;
		send_requests(t, &m);
		m.nentries = bytes = 0;
	}
	if (m.nentries > 0)
		send_requests(t, &m);
	free(list);
}

static bool is_colleague(const struct talk *t)
{
	return rights_has(t->role, RIGHT_TAKE_PART) && t->open_sent && t->open_in;
}

/* False when there is no news. */
static bool tell_members(struct peer_group *g)
{
	struct mail_bag bag = { 0 };
	struct talk *t;
	bool news;

	requests_news(g->config.requests, bag_add_news, &bag);
	news = bag.n > 0;
	DL_FOREACH2(g->talks, t, group_next)
		if (news && is_colleague(t))
			send_bag(t, &bag);
	bag_free(&bag);
	return news;
}

/* Two that hold the same send each other 40 bytes; two that hold nothing, nothing. */
void ask_out_opened(struct talk *t)
{
	struct peer_group *g = t->group;
	uint8_t digest[32];

	t->mail_told = false;
	if (g->asks != NULL && is_colleague(t) && requests_digest(g->config.requests, digest))
		send_requests(t, &(struct msg_requests){ .channel = (uint32_t)t->my_channel,
		                                         .digest = { .p = digest, .n = sizeof(digest) } });
}

/* The digest comes first, so that a peer with other entries answers with its own. */
void ask_out_all(struct talk *t)
{
	struct mail_bag bag = { 0 };
	uint8_t digest[32];

	if (t->mail_told)
		return;
	t->mail_told = true;
	(void)requests_digest(t->group->config.requests, digest);
	send_requests(t, &(struct msg_requests){ .channel = (uint32_t)t->my_channel,
	                                         .digest = { .p = digest, .n = sizeof(digest) } });
	requests_entries(t->group->config.requests, bag_add_any, &bag);
	send_bag(t, &bag);
	bag_free(&bag);
}

/* --- both --- */

static void watch_expiry(struct peer_group *g)
{
	uint8_t digest[32];

	if (!requests_digest(g->config.requests, digest))
		loop_timer_stop(g->asks->timer);
	else if (!loop_timer_running(g->asks->timer))
		loop_timer_start(g->asks->timer, EXPIRY_MS, EXPIRY_MS);
}

void ask_out_settle(struct peer_group *g)
{
	if (g->asks == NULL)
		return;
	bool changed = requests_settle(g->config.requests, g->config.roster, clock_wall_s());

	/* What an owner has signed here was judged already. */
	changed |= tell_members(g);
	if (changed && g->config.hooks->requests_changed)
		g->config.hooks->requests_changed(g->config.arg);
	tell_strangers(g);
	watch_expiry(g);
}

static void expiry_due(void *arg)
{
	ask_out_settle(arg);
}

void ask_out_start(struct peer_group *g)
{
	if (g->config.requests == NULL)
		return;
	g->asks = MEM_NEW(struct asks);
	g->asks->budget = ask_budget_new();
	g->asks->timer = loop_timer_new(g->peers->config.loop, expiry_due, g);
	/* What the file holds is judged, and nobody has to be told. */
	(void)requests_settle(g->config.requests, g->config.roster, clock_wall_s());
	watch_expiry(g);
}

void ask_out_stop(struct peer_group *g)
{
	struct asking *a, *next;
	struct session *s;

	if (g->asks == NULL)
		return;
	DL_FOREACH(g->peers->sessions, s)
		DL_FOREACH_SAFE(s->asking, a, next)
			if (a->group == g)
				asking_free(a);
	loop_timer_free(g->asks->timer);
	ask_budget_free(g->asks->budget);
	free(g->asks);
	g->asks = NULL;
}
