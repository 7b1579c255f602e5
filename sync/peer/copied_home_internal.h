/* copied_home.c: two agents with one identity. A part of peers_internal.h, which includes it. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_COPIED_HOME_INTERNAL_H
#define LANYARD_SYNC_PEER_COPIED_HOME_INTERNAL_H

#include <stdbool.h>

#include "sync/wire/msg.h"

struct link;
struct peers;
struct session;

/* Takes over a link to our own identity, says hello on it and closes it once both know whether they are one run. */
void copied_home_mirror(struct peers *p, struct link *link);
/* At a session's first hello: true if two agents share its identity and this is the one to refuse. */
bool copied_home_must_go(struct session *s, const struct msg_hello *hello);
/* After it: asks an agent that had another run ID before to prove that it runs at the same time as that one. */
void copied_home_ask(struct session *s);
void copied_home_proof_in(struct session *s, const struct msg_run_proof *m);
/* The proof that the other agent has signed about this session's run; *m stays empty if there is none. */
void copied_home_evidence(const struct session *s, struct msg_run_proof *m);
/* The peer says that our home was copied. evidence: the proof that our copy is said to have signed about this run;
 * believed only if its signature and run ID hold. */
void copied_home_told(struct session *s, const struct msg_run_proof *evidence);
void copied_home_free_all(struct peers *p);

#endif
