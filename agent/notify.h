/* Telling the service manager how we are: sd_notify(3)'s protocol, one datagram a message to $NOTIFY_SOCKET. Without a
 * service manager all of it does nothing. The loop's thread. */
#ifndef LANYARD_AGENT_NOTIFY_H
#define LANYARD_AGENT_NOTIFY_H

#include "base/loop.h"

struct notify;

/* Takes the variables out of the environment; answers the watchdog, when there is one, from a timer of the loop. */
struct notify *notify_new(struct loop *loop);
void notify_free(struct notify *n);
void notify_ready(struct notify *n);
void notify_reloading(struct notify *n); /* until the next notify_ready() */
void notify_stopping(struct notify *n);
void notify_status(struct notify *n, const char *text); /* one line for `systemctl status` */

#endif
