/* The list of one path: the records that the group has of it and of which none knows another. Usually it is one record.
 * A live record beside a tombstone cannot be, since they join; live records of different contents stay side by side
 * until whoever has the loser's bytes keeps them under a conflict name and joins the versions. Pure. */
#ifndef LANYARD_SYNC_PLAN_LISTING_H
#define LANYARD_SYNC_PLAN_LISTING_H

#include <stdbool.h>

#include "sync/plan/record.h"

enum { LISTING_MAX = 8 }; /* records of one path; of more the one that loses to all others goes */

/* Zeroed: no record. */
struct listing {
	struct record r[LISTING_MAX + 2]; /* owned; in no order; has room for a tombstone, and for what is added */
	int n;
};

/* The list takes a copy of r, by the rules of reconcile(): what r knows goes, a record that is known takes nothing,
 * equal content and a deletion join, other live contents stay side by side. A record that a join has made has seq, via
 * and `seen` 0; the others keep theirs. A reader, which makes no versions, has no `join`: of two concurrent records its
 * list keeps the winner, until a member joins them. True if the list has changed. */
bool listing_add(struct listing *l, const struct record *r, bool join);
/* The record that wins against all others; NULL: there is none. Valid until the list changes. */
const struct record *listing_winner(const struct listing *l);
void listing_clear(struct listing *l);

#endif
