/* libavahi-core and libavahi-client both export a function named avahi_entry_group_free(), and each calls it by that
 * name, so in a process that has both, one of them would call the other's and crash. (Of avahi 0.8; it is the only name
 * they share.) This program therefore defines the name itself and passes every call on to its owner. */
#ifndef LANYARD_DISCOVERY_AVAHI_CLASH_H
#define LANYARD_DISCOVERY_AVAHI_CLASH_H

/* Finds both functions, once. To be called before either library is; -1 when one cannot be found: use neither then. Any
 * thread. */
int avahi_clash_prepare(void);

#endif
