/* Which machine a home was last used on: a hash of /etc/machine-id, kept in home/machine. A home that finds itself on
 * another one was moved, or it is a copy. */
#ifndef LANYARD_AGENT_HOME_MACHINE_H
#define LANYARD_AGENT_HOME_MACHINE_H

#include <stdbool.h>

struct home_machine {
	char text[80]; /* what home/machine is to say; empty: unknown, nothing is stored */
	bool moved;    /* the home has been on another machine before, now or earlier */
	bool fresh;    /* it is the first start here */
};

struct home_machine home_machine_check(int home_dirfd);
/* Once all that a fresh start has to do was done. 0, -1 with errno. */
int home_machine_store(int home_dirfd, const struct home_machine *m);

#endif
