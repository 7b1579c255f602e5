/* Mounts that only this process sees, for tests of disks. */
#ifndef LANYARD_TESTS_UNIT_OWN_MOUNTS_H
#define LANYARD_TESTS_UNIT_OWN_MOUNTS_H

/* Puts this process, as long as it has one thread, into a mount namespace of its own; an ordinary user also into a
 * user namespace, as its root. 0, or -1 if that is not allowed. */
int own_mounts(void);

#endif
