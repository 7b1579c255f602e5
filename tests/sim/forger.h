/* A member that forges its news. In some runs the simulator changes the NEWS messages of one host, whose own agent
 * is honest, on their way. Its records claim that a crowd changed the path before, so that versions become full and
 * have to be folded, and it sends deletions of paths that never existed. The promises hold for all, including the
 * forger: members end identical, and nothing that a user wrote is lost. */
#ifndef LANYARD_TESTS_SIM_FORGER_H
#define LANYARD_TESTS_SIM_FORGER_H

#include <stddef.h>
#include <stdint.h>

enum { FORGER_ERA = 3 }; /* scripts of earlier eras have none */

/* Chooses the forger among nhosts hosts, or none. */
void forger_begin(uint64_t seed, int nhosts);
/* The NEWS message that goes out in place of this one: body, or fresh memory. */
uint8_t *forger_news(int host, uint8_t *body, size_t *n);

#endif
