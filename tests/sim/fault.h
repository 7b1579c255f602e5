/* System calls that fail: while a fault is armed for a host, calls that its agent's code makes fail, including
 * SQLite's. fault.c takes the place of libc's functions in the simulator's program. Users' and the simulator's own
 * calls never fail. */
#ifndef LANYARD_TESTS_SIM_FAULT_H
#define LANYARD_TESTS_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_lasting {
	FAULT_FULL,        /* the disk is full: ENOSPC */
	FAULT_QUOTA,       /* the quota is used up: EDQUOT */
	FAULT_SICK,        /* the disk: some calls of all kinds fail with EIO */
	FAULT_DESCRIPTORS, /* no descriptors are left: EMFILE */
	FAULT_LASTING_KINDS
};

/* One call of some kind fails, or does half of its work, somewhat later; luck decides which and when. */
void fault_once(int host, uint64_t luck);
/* A fault that lasts for a while from now on. */
void fault_for(int host, enum fault_lasting what, int64_t ns, uint64_t luck);
void fault_end(int host);
/* The things that a host's disk never does when its agent asks for them. Where it changes a mode or time, the
 * result is a mark that nobody sets, so that it is recognized wherever it turns up. */
enum fault_lack {
	FAULT_NO_MODES = 1,      /* each mode that is set becomes FAULT_MARK_MODE */
	FAULT_MODES_REFUSED = 2, /* EPERM */
	FAULT_NO_TIMES = 4,      /* each mtime that is set gets FAULT_MARK_NS nanoseconds */
	FAULT_TIMES_REFUSED = 8, /* EOPNOTSUPP */
	FAULT_SECONDS = 16,      /* of two */
	FAULT_NO_FLAGS = 32,     /* renames know none: EINVAL */
	FAULT_NO_LINKS = 64,     /* EPERM */
	FAULT_SHORT_NAMES = 128, /* of 143 bytes */
};
enum { FAULT_MARK_MODE = 0711, FAULT_MARK_NS = 7 };
void fault_lacks(int host, unsigned what);
/* Between these, code that is not the agent's runs inside the agent's. Calls nest. */
void fault_shield(int by);
bool fault_shielded(void);

#endif
