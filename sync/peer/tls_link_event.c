/* Calling a link's owner. It may close the link inside any event, so memory is freed only when the event is over. */
#include <stdlib.h>

#include "sync/peer/tls_link_internal.h"

void tls_link_release(struct tls_link *l)
{
	free(l->rx);
	free(l);
}

/* Ends an event. False when the owner closed the link inside it: l is gone. */
bool tls_link_event_end(struct tls_link *l)
{
	l->in_event = false;
	if (!l->closed)
		return true;
	tls_link_release(l);
	return false;
}

/* The end of every failed link. l may be gone afterwards. Always false, for the callers' convenience. */
bool tls_link_drop(struct tls_link *l, const char *reason)
{
	l->is_down = true;
	loop_io_want(l->io, 0);
	loop_timer_stop(l->again);
	rate_leave(l->link.rate_out, &l->may_write);
	rate_leave(l->link.rate_in, &l->may_read);
	l->in_event = true;
	l->link.events->down(l->link.arg, reason);
	tls_link_event_end(l);
	return false;
}
