/* Counts what happened in all runs: see tally.h. */
#include "tests/sim/tally.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static const char *const texts[TALLY_KINDS] = {
#define X(name, text) [TALLY_##name] = (text),
	TALLY_LIST(X)
#undef X
};

static uint64_t *into;

void tally_into(uint64_t counts[TALLY_KINDS])
{
	into = counts;
}

void tally_add(enum tally what)
{
	tally_count(what, 1);
}

void tally_count(enum tally what, uint64_t n)
{
	if (into != NULL)
		into[what] += n;
}

void tally_print(const uint64_t counts[TALLY_KINDS])
{
	for (int i = 0; i < TALLY_KINDS; i++)
		printf("  %10" PRIu64 " %s\n", counts[i], texts[i]);
}

bool tally_lacks(const uint64_t counts[TALLY_KINDS])
{
	bool lacks = false;

	for (int i = 0; i < TALLY_KINDS; i++) {
		if (counts[i] > 0)
			continue;
		fprintf(stderr, "sim: never happened: %s\n", texts[i]);
		lacks = true;
	}
	return lacks;
}
