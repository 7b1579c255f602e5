/* libavahi-core and libavahi-client both export a function named avahi_entry_group_free(), and each calls it by
 * that name: in a process that has both, one of them would call the other's and crash. (True of avahi 0.8; it is
 * the only name they share.) So this program defines the name itself and passes every call on to its owner. */
#ifndef LANYARD_DISCOVERY_AVAHI_CLASH_H
#define LANYARD_DISCOVERY_AVAHI_CLASH_H

/* Finds both functions, once. Call it before either library. -1 when one cannot be found: then use neither. Any
 * thread. */
int avahi_clash_prepare(void);

#endif
