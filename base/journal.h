/* systemd-journald's native protocol: one datagram per entry, with fields besides the text. Any thread. */
#ifndef LANYARD_BASE_JOURNAL_H
#define LANYARD_BASE_JOURNAL_H

/* Where journald listens. */
extern const char journal_socket[];

/* One entry. A field that is NULL or "" is left out. Bytes go out as they are. */
struct journal_entry {
	int priority; /* as in syslog(3) */
	const char *text;
	const char *group, *peer, *file; /* the fields GROUP, PEER and FILE */
};

/* Sends the entry to the socket at path. -1 when it did not go out: nobody listens there, or the entry is too big. */
int journal_send(const char *path, const struct journal_entry *entry);

#endif
