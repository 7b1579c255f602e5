/* The end of a connection, whoever ends it. Its talks end first, while they can still be asked about. The memory
 * goes with the last job of a worker that has a pointer to it. */
#include <stdlib.h>
#include <utlist.h>

#include "sync/peer/ask_internal.h"
#include "sync/peer/neighbour_internal.h"

void session_drop_for(struct session *s, const char *reason)
{
	struct talk *t, *next;

	neighbour_book_soon(s->peers);
	DL_DELETE(s->peers->sessions, s);
	s->peers->nsessions--;
	s->closed = true;
	DL_FOREACH_SAFE(s->talks, t, next)
		talk_end(t, reason);
	ask_out_session_end(s);
	asker_book_session_end(s);
	link_close(s->link);
	s->link = NULL;
	loop_timer_free(s->more);
	loop_timer_free(s->later);
	s->more = s->later = NULL;
	free(s->name);
	s->name = NULL;
	if (s->jobs == 0)
		free(s);
}

void session_drop(struct session *s)
{
	session_drop_for(s, "the connection ended");
}

void session_ended(struct session *s, const char *reason)
{
	struct peers *p = s->peers;
	struct agent_id id = s->id;
	bool was_member = s->link->trusted;

	if (was_member && p->config.disconnected)
		p->config.disconnected(p->config.arg, &id, NULL, reason);
	session_drop(s);
	dial_lost(p, &id);
}

void session_part(struct session *s, bool full)
{
	struct msg_bye m = { .reason = full ? "it has no room for more connections" : "neither needs the connection",
		             .enough = !full,
		             .full = full };
	size_t n;
	uint8_t *bye = msg_bye_encode(&m, &n);

	session_send(s, FRAME_BYE, bye, n);
	session_drop_for(s, m.reason);
}

void session_refuse_with(struct session *s, const struct msg_bye *m)
{
	struct peers *p = s->peers;
	size_t n;
	uint8_t *bye = msg_bye_encode(m, &n);

	session_send(s, FRAME_BYE, bye, n);
	if (p->config.refused)
		p->config.refused(p->config.arg, &s->id, s->link->address, m->reason);
	session_drop(s);
}

void session_refuse(struct session *s, const char *reason)
{
	session_refuse_with(s, &(struct msg_bye){ .reason = reason });
}
