/* The judge: looks at all hosts while a script plays and when it is over, and says what promise is broken. Each function
 * returns NULL, or fresh text. */
#ifndef LANYARD_TESTS_SIM_JUDGE_H
#define LANYARD_TESTS_SIM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/sim/script.h"

/* While it plays: nothing torn (P1), nobody says in sync who is not (P9). */
char *judge_meanwhile(const struct script *s);
/* Everybody runs and may talk: all comes to rest, identical, with nothing lost or left behind; then the aftermath. */
char *judge_end(const struct script *s);

/* The most that ever was, over all runs (P6). */
struct judge_peaks {
	size_t control, bulk; /* bytes waiting on one way of a connection */
	int descriptors;      /* of one host at rest */
};
void judge_peaks_into(struct judge_peaks *peaks);

/* --- between judge.c and aftermath.c --- */
/* Until all members are identical, in sync and silent; at most for a while. */
char *judge_converges(void);
char *judge_differ(void);
bool judge_all_in_sync(void);
/* How many are open for one host at rest. */
void judge_descriptors(int n);

/* What is done to members that are in sync: an index is harmed, a folder is emptied, a large download is interrupted, all
 * are stopped. */
char *aftermath(const struct script *s);

#endif
