/* Where members are: what is dialled, and what members tell one another of it. A part of peers_internal.h, which
 * includes it. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_ADDRESS_INTERNAL_H
#define LANYARD_SYNC_PEER_ADDRESS_INTERNAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "sync/group/id.h"
#include "sync/peer/graph.h"
#include "sync/wire/msg.h"

struct peers;
struct session;
struct talk;

/* dial.c */
struct dial;

void dial_new(struct peers *p);
/* After tls_free(). */
void dial_free(struct peers *p);
/* By discovery or the admin; claimed_id is NULL for the admin's. */
void dial_found(struct peers *p, const struct agent_id *claimed_id, const struct sockaddr *addr);
/* Named by an invite: as by the admin, but not for long. */
void dial_hinted(struct peers *p, const struct sockaddr *addr);
/* A member (its short ID) says that this member is there. */
void dial_told(struct peers *p, const struct agent_id *id, const struct sockaddr *addr, uint64_t teller);
/* The addresses of an agent that a member told us, or where it was found. */
typedef void dial_known_fn(void *arg, const struct agent_id *id, const struct sockaddr_storage *addr, uint64_t teller);
void dial_known(struct peers *p, const struct agent_id *id, dial_known_fn *fn, void *arg);
/* Those of all agents that are news since the last call. */
void dial_spread(struct peers *p, dial_known_fn *fn, void *arg);
/* TLS is up, and found this agent there. */
void dial_succeeded(struct peers *p, struct dial *d, const struct agent_id *id);
/* d may be gone afterwards. */
void dial_failed(struct peers *p, struct dial *d, const char *address, const char *reason, bool refused);
/* The agent has shown that it is a member: its addresses are tried without delay from now on, and the one where we
 * reached it is proven. */
void dial_proved(struct peers *p, const struct agent_id *id);
/* The connection to this agent is gone: tries its addresses again; of a stranger only those that the admin names. */
void dial_lost(struct peers *p, const struct agent_id *id);
void dial_all_now(struct peers *p);
/* The member is to be connected with: tries its addresses, unless that is under way. */
void dial_wanted(struct peers *p, const struct agent_id *id);
/* Whether the admin named an address where this agent was found. */
bool dial_is_named(struct peers *p, const struct agent_id *id);
/* How likely it is that an agent with which we are not connected can be: HOPED, AWAY or NOWHERE. */
enum graph_state dial_state(struct peers *p, const struct agent_id *id);

/* gossip.c: addresses of members */
void gossip_up(struct talk *t);
/* This host's addresses have changed. */
void gossip_own_changed(struct peers *p);
/* Passes on what the peer said of its own addresses since the last time. */
void gossip_tick(struct session *s);
/* In large groups: passes on all addresses that were news since the last time. */
void gossip_spread(struct peers *p);
void gossip_addresses_in(struct talk *t, const struct msg_addresses *m);

#endif
