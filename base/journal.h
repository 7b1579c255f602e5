/* systemd-journald's native protocol: one datagram an entry, with fields besides the text. Any thread. */
#ifndef LANYARD_BASE_JOURNAL_H
#define LANYARD_BASE_JOURNAL_H

#include "base/log.h"

/* Where journald listens. */
extern const char journal_socket[];

/* priority: as in syslog(3). about may be NULL. -1 when it did not go out: nobody listens at path, or it is too big. */
int journal_send(const char *path, int priority, const struct log_about *about, const char *text);

#endif
