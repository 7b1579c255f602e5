/* Notifies the service manager by sd_notify(3)'s protocol: one datagram per message to $NOTIFY_SOCKET. Does nothing
 * without a service manager. The loop's thread. */
#ifndef LANYARD_AGENT_NOTIFY_H
#define LANYARD_AGENT_NOTIFY_H

#include "base/loop.h"

struct notify;

/* Removes the variables from the environment. Answers the watchdog, if there is one, by a timer of the loop. */
struct notify *notify_new(struct loop *loop);
void notify_free(struct notify *n);
void notify_ready(struct notify *n);
void notify_reloading(struct notify *n); /* until the next notify_ready() */
void notify_stopping(struct notify *n);
void notify_status(struct notify *n, const char *text); /* one line for `systemctl status` */

#endif
