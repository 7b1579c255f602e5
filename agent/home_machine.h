/* Which machine a home was last used on: a hash of /etc/machine-id, kept in home/machine. A home that is used on
 * another machine was moved, or is a copy. */
#ifndef LANYARD_AGENT_HOME_MACHINE_H
#define LANYARD_AGENT_HOME_MACHINE_H

#include <stdbool.h>

struct home_machine {
	char text[80]; /* the new content of home/machine; empty: this machine has no ID, and nothing is stored */
	bool moved;    /* the home has been on another machine before, now or earlier */
	bool fresh;    /* this is the first start on this machine */
};

struct home_machine home_machine_check(int home_dirfd);
/* To be called once a first start on this machine has succeeded. 0, or -1 with errno. */
int home_machine_store(int home_dirfd, const struct home_machine *m);
/* From now on the home counts as one that was moved, at its next start and later: it was made from a key file, and the
 * agent that this is of may still run elsewhere. 0, or -1 with errno. */
int home_machine_copied(int home_dirfd);

#endif
