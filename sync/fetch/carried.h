/* Small files whose bytes another receiver brings. Inside sync/fetch only; see carried.c. */
#ifndef LANYARD_SYNC_FETCH_CARRIED_H
#define LANYARD_SYNC_FETCH_CARRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch;
struct fetch_peer;
struct ticket;

/* Whether a ticket may wait for what this peer is to bring. */
bool carried_may_wait(const struct fetch *f, uint64_t carrier);
/* Whether one more record may wait in memory. */
bool carried_has_room(const struct fetch *f);
/* t waits for its carrier; false if it has none that it may wait for. */
bool carried_wait(struct fetch *f, struct ticket *t);
/* The whole content of t's small file came from the peer; copied. t has no bytes yet and is not INSTALLING. */
void carried_bytes(struct fetch *f, struct ticket *t, uint64_t peer, const uint8_t *bytes);
/* A content came that a ticket is about to wait for, or none. */
void carried_early(struct fetch *f, uint64_t peer, const uint8_t root[32], const uint8_t *bytes, size_t n);
/* t takes its content if it came before. */
bool carried_take_early(struct fetch *f, struct ticket *t);
/* Forgets such contents: all, or those that nobody has asked for in a while. Returns when the next is old; INT64_MAX:
 * there is none. */
int64_t carried_early_expire(struct fetch *f, bool all);
/* When the oldest of what waits for this peer is given up; alone: only this one. */
int64_t carried_due(const struct fetch *f, const struct fetch_peer *p, bool *alone);
/* The patience with this peer is at its end: it rests, unless it turns out to have been late only. */
void carried_given_up(struct fetch *f, struct fetch_peer *p);
/* Nothing waits for this peer for a while. */
void carried_rests(struct fetch *f, struct fetch_peer *p);

/* carried_turn.c */
/* t has got its bytes. */
void carried_brought(struct fetch *f, struct ticket *t);
/* t does not wait any longer; t may be gone. */
void carried_give_up(struct fetch *f, struct ticket *t);
/* The peer brings nothing any more. */
void carried_peer_down(struct fetch *f, struct fetch_peer *p);
/* Tickets that have waited long enough are got elsewhere; returns when the next has; INT64_MAX: none waits. */
int64_t carried_turn(struct fetch *f);

#endif
