/* The agent's home: the folder that holds key, index, config and control socket; for its owner alone, and for one
 * agent at a time. */
#ifndef LANYARD_AGENT_HOME_H
#define LANYARD_AGENT_HOME_H

struct home {
	char *path;  /* absolute; owned */
	int dirfd;   /* -1: not open */
	int lock_fd; /* holds the lock while it is open; -1 */
};

/* Which folder it is: `option` when not NULL, else $LANYARD_HOME, else /var/lib/lanyard for root, else
 * $XDG_STATE_HOME/lanyard or ~/.local/state/lanyard. Absolute, fresh; touches nothing. NULL with *why (fresh). */
char *home_choose(const char *option, char **why);

/* Creates (0700) and opens the folder `path` and takes its lock. -1 with *why (fresh text, what to do) when others may
 * read or write it, it belongs to somebody else, or an agent runs on it; *h is closed then. path is copied. */
int home_open(struct home *h, const char *path, char **why);
/* Gives the lock back. A closed or zeroed-by-home_open one is fine. */
void home_close(struct home *h);

#endif
