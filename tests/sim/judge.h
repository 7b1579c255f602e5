/* The judge: examines all hosts while a script plays and when it is over, and says which promise is broken. Each
 * function returns NULL, or fresh text. */
#ifndef LANYARD_TESTS_SIM_JUDGE_H
#define LANYARD_TESTS_SIM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/sim/script.h"

/* While the script plays: no file is torn (P1), and no host says in sync that is not (P9). */
char *judge_meanwhile(const struct script *s);
/* When the script is over and all hosts run and reach one another: everything comes to rest, identical, with
 * nothing lost or left behind; then the aftermath. */
char *judge_end(const struct script *s);

/* The highest numbers of all runs (P6). */
struct judge_peaks {
	size_t control, bulk; /* bytes waiting on one way of a connection */
	int descriptors;      /* descriptors of one host at rest */
};
void judge_peaks_into(struct judge_peaks *peaks);

/* --- between judge.c and aftermath.c --- */
/* Runs until all members are identical, in sync and silent; for a bounded time. */
char *judge_converges(void);
char *judge_differ(void);
bool judge_all_in_sync(void);
/* How many descriptors are open for one host at rest. */
void judge_descriptors(int n);

/* The aftermath: an index is harmed, a folder is emptied, a large download is interrupted, all are stopped. */
char *aftermath(const struct script *s);

#endif
