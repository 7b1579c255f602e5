/* One connection: what is sent on it, and the workers' jobs that hold a pointer to it. Other files begin it, end
 * it, and read what comes in. */
#include <stdlib.h>
#include <utlist.h>

#include "sync/peer/peers_internal.h"

struct session *session_of(struct peers *p, const struct agent_id *id)
{
	struct session *s;

	DL_FOREACH(p->sessions, s)
		if (agent_id_equal(&s->id, id))
			return s;
	return NULL;
}

void session_queue(struct session *s, enum link_lane lane, uint8_t type, const void *head, size_t head_n, uint8_t *body,
                   size_t n)
{
	if (s->closed) {
		free(body);
		return;
	}
	/* The peer would miss a frame that was not queued: it must connect again. */
	if (link_send(s->link, lane, type, head, head_n, body, n) && lane == LINK_CONTROL && !s->condemned)
		s->condemned = "does not read what it is sent";
}

void session_send(struct session *s, uint8_t type, uint8_t *body, size_t n)
{
	if (!msg_sealed_type(type)) {
		session_queue(s, LINK_CONTROL, type, NULL, 0, body, n);
		return;
	}
	/* It would leave in the clear, whatever group it is of. */
	log_error("a frame of type %u was about to leave by a way that does not seal it", type);
	if (!s->condemned)
		s->condemned = "a frame took the wrong way out";
	free(body);
}

bool session_has_room(const struct session *s)
{
	size_t share = SEND_QUEUED_ALL / (s->peers->nsessions > 0 ? s->peers->nsessions : 1);

	if (share > SEND_QUEUED_MAX)
		share = SEND_QUEUED_MAX;
	/* Continuing depends on the queue falling below LINK_CONTROL_LOW, so the limit is never lower. */
	return s->link->queued_control < (share > LINK_CONTROL_LOW ? share : LINK_CONTROL_LOW);
}

void session_go_on(struct session *s)
{
	if (!loop_timer_running(s->more))
		loop_timer_start(s->more, 0, 0);
}

void session_job_done(struct session *s)
{
	s->jobs--;
	if (s->closed && s->jobs == 0)
		free(s);
}
