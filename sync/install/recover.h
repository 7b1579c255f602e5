/* At the start: an earlier run may have left things in parts/ in the middle of an install. New things that were not
 * installed go; what came out of the share goes to the versions. But what a user wrote at the last moment, which no
 * row knows yet, goes back into the share, as a conflict copy where its name is taken. See swap.h. */
#ifndef LANYARD_SYNC_INSTALL_RECOVER_H
#define LANYARD_SYNC_INSTALL_RECOVER_H

#include <stddef.h>
#include <stdint.h>

struct recover {
	int root, parts;   /* descriptors of the share and of its parts/; the caller's */
	uint64_t short_id; /* ours, for conflict names */
	const char *group; /* the caller's, for lines in the log; NULL: none */
	char **left;       /* paths that the earlier run was about to change; the caller's */
	size_t nleft;
	char **kept; /* out: pairs of a conflict copy that was made, and of what; owned, and each of them */
	size_t nkept;
};

/* Any thread. */
void recover_run(struct recover *r);
/* Frees what came of it. */
void recover_clear(struct recover *r);

#endif
