/* Calls of the system that fail: what an agent's code does while a fault is armed for its host goes wrong, SQLite's calls
 * included. fault.c takes the place of libc's functions in the simulator's program. What users and the simulator do
 * never fails. */
#ifndef LANYARD_TESTS_SIM_FAULT_H
#define LANYARD_TESTS_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_lasting {
	FAULT_FULL,        /* the disk: nothing new can be written */
	FAULT_QUOTA,       /* the same, by quota */
	FAULT_SICK,        /* the disk: some calls of all kinds fail with EIO */
	FAULT_DESCRIPTORS, /* none are left */
	FAULT_LASTING_KINDS
};

/* One call of any kind fails, or does half, somewhat later; what and when comes from luck. */
void fault_once(int host, uint64_t luck);
/* For a while from now on. */
void fault_for(int host, enum fault_lasting what, int64_t ns, uint64_t luck);
void fault_end(int host);
/* What a host's disk cannot do, always, when its agent asks for it. What it makes of a mode or time is a mark that nobody sets, so
 * that it is known wherever it turns up. */
enum fault_lack {
	FAULT_NO_MODES = 1,      /* any that is set becomes FAULT_MARK_MODE */
	FAULT_MODES_REFUSED = 2, /* EPERM */
	FAULT_NO_TIMES = 4,      /* any that is set becomes one whose nanoseconds are FAULT_MARK_NS */
	FAULT_TIMES_REFUSED = 8, /* EOPNOTSUPP */
	FAULT_SECONDS = 16,      /* of two */
	FAULT_NO_FLAGS = 32,     /* renames know none: EINVAL */
	FAULT_NO_LINKS = 64,     /* EPERM */
	FAULT_SHORT_NAMES = 128, /* of 143 bytes */
};
enum { FAULT_MARK_MODE = 0711, FAULT_MARK_NS = 7 };
void fault_lacks(int host, unsigned what);
/* While an agent's code runs something that is not the agent's. Calls nest. */
void fault_shield(int by);
bool fault_shielded(void);

#endif
