/* A member that says more than is true: in some runs the news of one host, whose own agent is honest, are changed on their way. Its
 * records claim that a crowd changed the path before, so that versions become full and have to be folded, and it tells
 * deletions of paths that never were. The promises hold for all, the liar included: members end identical, and nothing a user
 * wrote is lost. */
#ifndef LANYARD_TESTS_SIM_LIAR_H
#define LANYARD_TESTS_SIM_LIAR_H

#include <stddef.h>
#include <stdint.h>

enum { LIAR_ERA = 3 }; /* scripts of earlier eras have none */

/* Chooses it among that many hosts, or none. */
void liar_begin(uint64_t seed, int nhosts);
/* What becomes of a NEWS message that this host sends: body, or fresh memory in its place. */
uint8_t *liar_news(int host, uint8_t *body, size_t *n);

#endif
