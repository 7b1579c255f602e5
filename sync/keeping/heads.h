/* What the signed heads of a group's agents (sync/seal/head.h) say when they are put together: what is to be signed
 * next, which heads are to be kept and passed on, who is in sync with us though we never meet, and who is to blame for
 * what. The newest head of each agent is kept, no more. No input or output, no clock: data in, data out. One thread. */
#ifndef LANYARD_SYNC_KEEPING_HEADS_H
#define LANYARD_SYNC_KEEPING_HEADS_H

#include "sync/seal/export.h"
#include "sync/seal/head.h"

struct heads;

/* self: whose heads are our own. */
struct heads *heads_new(const struct group_id *group, const struct agent_id *self);
/* NULL is allowed. */
void heads_free(struct heads *h);

/* --- heads of others --- */

enum heads_blame {
	HEADS_BLAMELESS,
	HEADS_WITHHOLDS,   /* a vault that says that it has somebody's rows, and has not shown us all of them */
	HEADS_BEGAN_AGAIN, /* a vault that has lost what it had signed for, and numbers its rows again */
	HEADS_ROLLED_BACK, /* shows an older state than it signed */
	HEADS_FORKED,      /* has signed what cannot be true of one agent with one disk */
};

enum heads_news {
	HEADS_NOTHING, /* it is known, or was overtaken */
	HEADS_KEPT,    /* it is the agent's newest: to be stored and passed on */
	HEADS_SHOWN,   /* it contradicts the one that is kept, for the first time: to be passed on, not stored */
	HEADS_OWN,     /* our own, and our index does not know of it: another epoch has to begin */
};
/* What has to be known of a head that comes. */
struct heads_from {
	const struct agent_id *by; /* who brings it, which may be its agent; NULL: it was stored here */
	bool vault;                /* its agent is a vault */
	uint64_t epoch, seq;       /* our own, now */
	int64_t now_s;
};
/* Whether just these bytes are the newest head of their agent, or our own: then they need no checking. */
bool heads_know(const struct heads *h, const uint8_t *p, size_t n);
/* Takes a head that head_parse() has read, of an agent of the roster; *head is empty afterwards. Its bytes are the
 * caller's to store and to pass on. */
enum heads_news heads_take(struct heads *h, struct head *head, const struct heads_from *from);
/* A vault says hello with these numbers of its own. What does not fit the head that it once signed puts the blame on
 * it; true if that is so, and was not known. */
bool heads_served(struct heads *h, const struct agent_id *id, uint64_t epoch, uint64_t seq, int64_t now_s);
/* Before we were restarted, an agent that has a head here was to blame for this. */
void heads_blame_again(struct heads *h, const struct agent_id *id, enum heads_blame blame, int64_t since_s);
/* A vault signed this, as a key file says; nothing if a head of it is here. What it shows itself is compared with that,
 * until it has shown a later one. */
void heads_expect(struct heads *h, const struct export_head *seen);
/* The newest of each vault for a key file, `max` at most. How many. */
size_t heads_seen(const struct heads *h, struct export_head *out, size_t max);
/* The agent is not a member any more, or is one of another kind. */
void heads_drop(struct heads *h, const struct agent_id *id);

/* --- our own --- */

/* How far we have another agent's rows. A vault's are rows that members have told it, and no head speaks of them: who
 * does not meet that vault has no use for its numbers. */
struct heads_peer {
	uint64_t epoch, seq;
	bool vault;
};
struct heads_state {
	uint64_t epoch, seq; /* of an agent whose rows nobody takes, a reader, seq stays what it was */
	bool settled;
	uint64_t generation;
	uint8_t roster[32];
	uint64_t rows;
	uint8_t root[32];               /* zeros: it is not told */
	const struct heads_peer *peers; /* npeers; in any order */
	size_t npeers;
	int64_t now_s;
};
/* The head that follows our last one: of this state, knowing no less than that one did, and also what others say that
 * they have whose rows we have up to that head of theirs. True: it says something that our last head did not, and is to
 * be signed; head_clear() frees *out either way. After HEADS_OWN nothing is, until the epoch is another. */
bool heads_next(struct heads *h, const struct heads_state *now, struct head *out);
/* The head that was signed, stored and synced, parsed; *head is empty afterwards. All is to be judged again. */
void heads_signed(struct heads *h, struct head *head);
/* Our last one; NULL: none. */
const struct head *heads_own(const struct heads *h);

/* --- judging --- */

/* Compares at most n of the others' heads with our own that were not compared yet. True: some are left. */
bool heads_judge(struct heads *h, size_t n);

/* For a message that begins with the agent's name: "shows an older state than it signed". */
const char *heads_blame_text(enum heads_blame blame);

struct heads_about {
	const struct agent_id *id;
	const struct head *head;
	bool vault;
	bool judged;
	enum head_meeting meeting;    /* of our own head and this one, if judged; of a vault: only who lacks rows */
	const struct agent_id *hider; /* the vault that withholds this agent's rows from us; NULL: none is known to */
	enum heads_blame blame;       /* the worst that is known */
	int64_t blame_s;              /* since when; 0 for HEADS_WITHHOLDS */
};
/* Of one agent. False: it has no head here. */
bool heads_about(const struct heads *h, const struct agent_id *id, struct heads_about *out);
/* Of each but ourselves, until fn returns false. */
void heads_each(const struct heads *h, bool (*fn)(void *arg, const struct heads_about *a), void *arg);

/* What equal roots in both signed heads prove, and nothing less does: the agent has settled our numbers of this epoch
 * up to `settled`, and we know all changes of its own epoch up to seq. */
struct heads_proof {
	uint64_t our_epoch, settled;
	uint64_t epoch, seq;
};
/* False: the heads prove nothing of the kind, or the agent is not who gives this epoch's numbers. */
bool heads_prove(const struct heads *h, const struct agent_id *id, struct heads_proof *out);

#endif
