/* Links: hands each call to the implementation; see link.h. */
#include "sync/peer/link.h"

void link_listen(struct link *l, const struct link_events *events, void *arg)
{
	l->events = events;
	l->arg = arg;
	if (l->ops->listen != NULL)
		l->ops->listen(l);
}

int link_send(struct link *l, enum link_lane lane, uint8_t type, const void *head, size_t head_n, uint8_t *body,
              size_t body_n)
{
	return l->ops->send(l, lane, type, head, head_n, body, body_n);
}

void link_room(struct link *l, size_t bytes)
{
	if (l->bulk_low == bytes)
		return;
	l->bulk_low = bytes;
	if (l->ops->room != NULL)
		l->ops->room(l);
}

void *link_take(struct link *l)
{
	return l->ops->take != NULL ? l->ops->take(l) : NULL;
}

void link_close(struct link *l)
{
	if (l != NULL)
		l->ops->close(l);
}
