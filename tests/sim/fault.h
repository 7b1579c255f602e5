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
/* While an agent's code runs something that is not the agent's. Calls nest. */
void fault_shield(int by);
bool fault_shielded(void);

#endif
