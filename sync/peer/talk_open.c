/* How a talk opens. See membership.c for what each side shows, and admit.c for what a joiner does. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/ask_internal.h"

struct talk *talk_new(struct session *s, struct peer_group *g, int my_channel, int their_channel)
{
	struct talk *t;

	/* A group that is offered again takes the place of its old channel. */
	DL_FOREACH(s->talks, t)
		if (t->group == g)
			break;
	if (t)
		talk_end(t, "reopened");
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

void talk_begin(struct talk *t)
{
	if (t->group->config.invite) {
		admit_show_invite(t);
	} else if (roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART) && membership_is_ours(t)) {
		/* Without a membership of our own we wait whether this member knows of a new one. */
		membership_proved(t);
		membership_show(t);
	}
	membership_maybe_hello(t);
}

/* The roster is compared by its digest, so that members in step send each other no entries. */
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
	ask_out_opened(t);
}

void talk_open_in(struct talk *t, const struct msg_group_open *m)
{
	if (m->your_channel != (uint32_t)t->my_channel || t->open_in)
		return; /* for an earlier offer; or a repetition */
	t->open_in = true;
	if (!t->session->knows_sealed && roster_sealed(t->group->config.roster) && membership_is_ours(t)) {
		membership_refuse(t, "this group is sealed: it needs a later version of lanyard");
	} else if (m->join.n) {
		admit_request_in(t, m);
	} else if (roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART)) {
		/* Both sides may continue at once. */
		talk_opened(t, m->roster_digest.n == 32 ? m->roster_digest.p : NULL);
		roster_in_entries(t, m->credential, m->ncredential);
	} else {
		roster_in_open(t, m);
	}
}

void talk_roster_in(struct talk *t, const struct msg_roster *m)
{
	if (t->open_in && (rights_has(t->role, RIGHT_TAKE_PART) || t->opening))
		roster_in_entries(t, m->entries, m->nentries);
}

/* How a reason begins that is about the agent which gives it. */
static const char own_words[] = "this agent ";

/* The peer closed the group towards us. A joiner takes that as its answer. */
void talk_closed_by_peer(struct talk *t, const char *reason)
{
	struct peer_group *g = t->group;
	bool joining = g->config.invite && t->open_sent && t->role == ROLE_NONE;
	bool of_itself = strncmp(reason, own_words, strlen(own_words)) == 0;
	char *text = of_itself ? mem_printf("it said that it %s", reason + strlen(own_words))
	                       : mem_printf("it said: %s", reason);

	if (joining)
		admit_join_refused(t, reason);
	talk_end(t, text);
	free(text);
}
