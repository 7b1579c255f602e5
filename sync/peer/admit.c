/* Joining, apart from talking: how an agent that is not in the roster yet comes in.
 *
 * The joiner shows its invite to every member it reaches, and waits for a roster that lets it in and is not older
 * than the invite. No refusal ends that, unless its own clock agrees that the invite has expired.
 *
 * The member judges what a joiner shows, signs it in and sends it the roster, or refuses. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

struct admit_join {
	struct peer_group *group;
	struct loop_timer *timer; /* joined() is called from it, so that it may free the group */
	char *failure;            /* why the join has failed; NULL: admitted */
	char *note;               /* what keeps us outside, for people; NULL: nobody has answered */
};

/* --- the joiner --- */

static void on_join_end(void *arg)
{
	struct admit_join *j = arg;
	struct peer_group *g = j->group;
	char *reason = j->failure;

	j->failure = NULL;
	g->config.joined(g->config.arg, reason ? -1 : 0, reason); /* may free g, and j with it */
	free(reason);
}

struct admit_join *admit_join_new(struct peer_group *g)
{
	struct admit_join *j = MEM_NEW(struct admit_join);

	j->group = g;
	j->timer = loop_timer_new(g->peers->config.loop, on_join_end, j);
	return j;
}

void admit_join_free(struct admit_join *j)
{
	if (!j)
		return;
	loop_timer_free(j->timer);
	free(j->failure);
	free(j->note);
	free(j);
}

const char *admit_join_note(const struct admit_join *j)
{
	return j ? j->note : NULL;
}

void admit_show_invite(struct talk *t)
{
	const struct log_about about = talk_about(t);
	struct bytes request = BYTES_INIT(JOIN_MAX);
	struct roster_out_list left = { 0 };
	struct peers *p = t->session->peers;

	if (t->group->config.asked) {
		membership_send_open(t, &(struct msg_group_open){ 0 });
	} else if (invite_request(t->group->config.invite, p->config.self, p->config.name, t->session->link->binding,
	                          &request)) {
		log_about(LOG_WARN, &about, "%s: the invite cannot be sent: its request is too long",
		          t->session->link->address);
	} else {
		roster_leaves(t->group->config.roster, identity_id(p->config.self), roster_out_collect, &left);
		membership_send_open(t, &(struct msg_group_open){ .credential = left.e,
		                                                  .ncredential = left.n,
		                                                  .join = { .p = request.p, .n = request.len } });
	}
	bytes_free(&request);
	free(left.e);
}

/* The first outcome stands. */
static void join_ended(struct admit_join *j, const char *failure)
{
	if (loop_timer_running(j->timer))
		return;
	free(j->failure);
	j->failure = mem_strdup(failure);
	loop_timer_start(j->timer, 0, 0);
}

/* note is taken over. */
static void join_waits(struct peer_group *g, char *note)
{
	free(g->join->note);
	g->join->note = note;
	g->config.hooks->state(g->config.arg);
}

/* A roster that lets us in but shows less than the invite's maker knew comes from a member that is behind; or from
 * an agent that was removed since, and would have us for itself. */
void admit_join_check(struct peer_group *g)
{
	const struct invite *invite = g->config.invite;
	struct roster *r = g->config.roster;
	bool current = g->config.asked ? roster_still_shows(r, invite->marks, invite->nmarks)
	                               : roster_shows(r, invite->marks, invite->nmarks);

	if (!roster_may(r, identity_id(g->peers->config.self), RIGHT_TAKE_PART))
		g->config.hooks->state(g->config.arg); /* it may say why */
	else if (current)
		join_ended(g->join, NULL);
	else
		join_waits(g,
		           mem_strdup(g->config.asked ? "a member whose list of members is not older than the key file"
		                                      : "a member whose list of members is not older than the invite"));
}

/* A refusal proves nothing: any agent may send one. But two clocks that have passed the end of the invite are
 * enough. */
void admit_join_refused(struct talk *t, const char *reason)
{
	struct peer_group *g = t->group;
	const struct session *s = t->session;
	const char *called = s->name && *s->name ? s->name : s->id_text;
	char *name = log_escape(called, strlen(called)), *said = log_escape(reason, strlen(reason));

	if (clock_wall_s() > g->config.invite->expires_s)
		join_ended(g->join, "the invite has expired; ask for a new one");
	else
		join_waits(g, mem_printf("another member: %s at %s said \"%s\", which proves nothing", name,
		                         s->link->address, said));
	free(name);
	free(said);
}

/* --- the member --- */

/* A joiner takes a refusal for the group's answer, so only a member may give one. */
static bool may_answer(const struct talk *t)
{
	const struct peer_group *g = t->group;

	return !g->config.invite &&
	       roster_may(g->config.roster, identity_id(t->session->peers->config.self), RIGHT_TAKE_PART);
}

/* Ends the connection without an answer, unless it has another use. t may be gone afterwards. */
static void end_unanswered(struct talk *t)
{
	struct session *s = t->session;

	if (s->talks == t && !t->next && !s->link->trusted)
		session_ended(s, "it asks to join, and we are not a member");
}

/* What the joiner shows beside it waits for the request, so nothing is kept of a request that is not answered. */
void admit_request_in(struct talk *t, const struct msg_group_open *m)
{
	if (!may_answer(t)) {
		end_unanswered(t);
		return;
	}
	roster_in_left(t, m->credential, m->ncredential);
	roster_in_join(t, &m->join);
}

/* We may have been removed while a worker checked the signatures, so we ask again whether we may answer. */
bool admit_checked(struct talk *t, const uint8_t *request, size_t n, bool good)
{
	const struct invite_bearer bearer = { .peer = &t->session->id,
		                              .request = request,
		                              .n = n,
		                              .binding = t->session->link->binding,
		                              .checked = good };
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	enum admit a;

	if (!may_answer(t)) {
		end_unanswered(t);
		return false;
	}
	a = invite_admit(t->group->config.roster, t->session->peers->config.self, &bearer, clock_wall_s(), &entry);
	bytes_free(&entry);
	if (a != ADMIT_OK && a != ADMIT_ALREADY) {
		membership_refuse(t, invite_admit_text(a));
		return false;
	}
	membership_proved(t);
	membership_show(t);
	roster_out_all(t);
	return a == ADMIT_OK;
}
