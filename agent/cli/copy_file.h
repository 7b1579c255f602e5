/* One file of a group, copied to a place outside its share with the caller's rights. */
#ifndef LANYARD_AGENT_CLI_COPY_FILE_H
#define LANYARD_AGENT_CLI_COPY_FILE_H

#include <stdint.h>

#include "agent/cli/cli.h"

struct copy_file {
	struct cli *cli;
	const char *group;
	const char *path;  /* in the group, as the agent writes names */
	int dirfd;         /* where it goes */
	const char *to;    /* its path below dirfd; the folders above it exist */
	const char *shown; /* the same for people */
	int64_t timeout;   /* s to wait for a member that has it; below 0: not at all */
	/* Called as bytes come; done of size, of which `resumed` were there before. */
	void (*progress)(void *arg, const struct copy_file *f, int64_t done, int64_t size, int64_t resumed);
	void *arg;
	int64_t copied; /* result: bytes of the file */
};

/* Files are assembled beside their place, block by block, and get their name when they are whole and synced; a name
 * that is taken is refused. What an interrupted copy has left is used again as far as its blocks are right. Symlinks
 * are made as such, folders as well. Returns an exit status, after printing what went wrong. */
int copy_file(struct copy_file *f);

#endif
