/* A member, or a reader, that forges its news. In some runs the simulator changes the NEWS messages of one host, whose
 * own agent is honest, on their way. Its records claim that a crowd changed the path before, so that versions become
 * full and have to be folded, and it sends deletions of paths that never existed. The promises hold for all, including
 * the forger: members end identical, and nothing that a user wrote is lost.
 *
 * While it is a reader, it says in its hello that it is a member, to everybody who knows better, and that it has
 * forgotten much; and its records are changes and deletions by a writer of its own, FORGER_WRITER, which nobody may
 * ever take in. */
#ifndef LANYARD_TESTS_SIM_FORGER_H
#define LANYARD_TESTS_SIM_FORGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORGER_WRITER UINT64_C(0x666f72676564)

enum { FORGER_ERA = 3 }; /* scripts of earlier eras have none */

/* Chooses the forger among nhosts hosts, or none. roles: some may be readers. */
void forger_begin(uint64_t seed, int nhosts, bool roles);
/* Whether there is one: of what it forged others may have a version that is no newer than its own agent's. */
bool forger_is_at_work(void);
bool forger_is(int host);
/* The message that goes out in place of this one: body, or fresh memory. as_reader: the receiver knows that the sender
 * is one. */
uint8_t *forger_frame(int host, uint8_t type, bool as_reader, uint8_t *body, size_t *n);

#endif
