/* Where a door of the agent listens: a socket in a folder that is ours, a socket at a path, or an address of this host.
 * The loop's thread; nothing blocks. */
#ifndef LANYARD_AGENT_CONTROL_LISTEN_H
#define LANYARD_AGENT_CONTROL_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A listening descriptor, and what is to be removed with it. */
struct control_listen {
	int fd;        /* -1: none, or a door has taken it over */
	int dirfd;     /* of the socket's folder; owned; -1: an address */
	char *name;    /* of the socket in it; owned; NULL: an address */
	char *where;   /* for messages: the socket's path, or ADDR:PORT; owned */
	uint16_t port; /* 0: a socket */
};

#define CONTROL_LISTEN_NONE           \
	{                             \
		.fd = -1, .dirfd = -1 \
	}

/* In the folder dirfd, whose path is `folder`, which is ours alone to write: a socket of that name in it is stale, and
 * is replaced. mode 0600: this user may connect; 0660: and the group that the agent runs as. -1 with *why (fresh
 * text). */
int control_listen_in(struct control_listen *l, int dirfd, const char *folder, const char *name, mode_t mode,
                      char **why);
/* At "ADDR:PORT" (ADDR: an IPv4 address, or an IPv6 address in brackets; port 0: any free one) or at an absolute path: a
 * socket with mode 0666 there, which replaces one that nobody listens on. others: for other machines, so that [::] is
 * all of IPv4 as well, and an address need not be there yet. -1 with *why. */
int control_listen_at(struct control_listen *l, const char *at, bool others, char **why);
/* Closes the descriptor if it is there, removes the socket. A closed one is fine. */
void control_listen_end(struct control_listen *l);

#endif
