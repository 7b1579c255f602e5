/* Copies files and folders from anywhere into a share, with the caller's rights. A file appears there at once and
 * whole, by a reflink where the disk can make one; else it is copied, synced and compared. Nothing is overwritten. */
#ifndef LANYARD_AGENT_CLI_SHARE_COPY_H
#define LANYARD_AGENT_CLI_SHARE_COPY_H

#include <stdint.h>

struct share_copy {
	int root;             /* the share */
	int64_t files, bytes; /* that were copied */
	int64_t reflinks;     /* files of these that share their blocks with the source */
	int64_t skipped;      /* sockets, devices and FIFOs, each with a message */
};

/* source: a path; to: where in the share, which must be free. Symlinks are copied as such. 0; -1 after a message:
 * what was copied before stays. */
int share_copy(struct share_copy *c, const char *source, const char *to);

#endif
