/* Shared by heads.c (heads are taken, our own is made) and heads_judge.c (what they prove); no other includes it. */
#ifndef LANYARD_SYNC_KEEPING_HEADS_INTERNAL_H
#define LANYARD_SYNC_KEEPING_HEADS_INTERNAL_H

#include <uthash.h>

#include "sync/keeping/heads.h"

struct heads_agent {
	struct agent_id id;
	bool vault;
	struct head head; /* its newest */
	bool expected;    /* of it only what a key file says is known: epoch, seq, number, hash */
	enum heads_blame blame;
	int64_t blame_s;
	bool judged;
	enum head_meeting meeting;
	struct heads_agent *hider; /* NULL: none */
	size_t hides;              /* agents whose hider it is */
	UT_hash_handle hh;
};

struct heads {
	struct group_id group;
	struct agent_id self;
	struct head own; /* has_own */
	bool has_own;
	uint64_t lost_epoch;     /* others know heads of this epoch of ours that we do not; 0: of none */
	bool overtaken;          /* others know a head of ours that they may take for a later one */
	int64_t floor_s;         /* the latest time that a head of ours said */
	struct head_have *taken; /* how far we have the rows of vaults; owned; by epoch */
	size_t ntaken;
	struct heads_agent *agents;   /* without ourselves */
	struct heads_agent *to_judge; /* from this one on; NULL: none */
};

/* NULL: it has no head here. */
struct heads_agent *heads_find(const struct heads *h, const struct agent_id *id);
/* hider: NULL: none. */
void heads_set_hider(struct heads_agent *a, struct heads_agent *hider);
/* Whether we have all rows of the agent up to its head. */
bool heads_have_all(const struct heads *h, const struct head *ours, const struct heads_agent *of);

#endif
