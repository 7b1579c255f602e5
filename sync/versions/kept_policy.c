/* See kept_policy.h. */
#include "sync/versions/kept_policy.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct step {
	int64_t below; /* age */
	int64_t every;
} steps[] = {
	{ MINUTE, SECOND }, { 10 * MINUTE, 5 * SECOND }, { HOUR, MINUTE },
	{ DAY, HOUR },      { 30 * DAY, DAY },           { INT64_MAX, 7 * DAY },
};

static int64_t step_of(int64_t age)
{
	const struct step *s = steps;

	while (age >= s->below)
		s++;
	return s->every;
}

/* From the oldest on: a member that comes with many names finds no place left, in place of the authors that were there
 * before. */
static void spare_last_ones(struct kept_item *v, size_t n)
{
	struct kept_item *last[KEPT_AUTHORS];
	size_t authors = 0;

	for (size_t i = n; i-- > 0;) {
		size_t a = 0;

		v[i].spared = false;
		if (!kept_is_foreign(&v[i].hands))
			continue;
		while (a < authors && last[a]->hands.wrote != v[i].hands.wrote)
			a++;
		if (a == KEPT_AUTHORS)
			continue;
		if (a < authors)
			last[a]->spared = false;
		else
			authors++;
		last[a] = &v[i];
		v[i].spared = true;
	}
}

void kept_policy_thin(struct kept_item *v, size_t n, int64_t now_ns, int64_t max_age_ns)
{
	const struct kept_item *last = NULL; /* the last one that stays */
	size_t stay = 0;

	spare_last_ones(v, n);
	for (size_t i = 0; i < n; i++) {
		int64_t age = now_ns > v[i].at_ns ? now_ns - v[i].at_ns : 0;
		int64_t every = step_of(age);

		v[i].drop = age >= max_age_ns ||
		            (!v[i].spared &&
		             (stay >= KEPT_OF_A_PATH || (last != NULL && last->at_ns / every == v[i].at_ns / every)));
		if (v[i].drop)
			continue;
		last = &v[i];
		stay++;
	}
}

static int items_newest_first(const void *pa, const void *pb)
{
	const struct kept_item *a = pa, *b = pb;

	return (a->at_ns < b->at_ns) - (a->at_ns > b->at_ns);
}

/* Spared versions take their space first, whatever their age; the others share what is left, the newest first. */
int64_t kept_policy_cutoff(struct kept_item *v, size_t n, int64_t max_bytes, size_t max_count)
{
	int64_t left = max_bytes > 0 ? max_bytes : 0;
	size_t count = 0;

	if (n > 1)
		qsort(v, n, sizeof(*v), items_newest_first);
	for (size_t i = 0; i < n; i++) {
		if (v[i].spared)
			left = v[i].size < left ? left - v[i].size : 0;
		count += v[i].spared;
	}
	for (size_t i = 0; i < n; i++) {
		if (v[i].spared)
			continue;
		if (count++ >= max_count || v[i].size > left)
			return v[i].at_ns + 1;
		left -= v[i].size;
	}
	return INT64_MIN;
}

int64_t kept_policy_budget(int64_t total, int64_t avail, int64_t used, int percent)
{
	int64_t share = total / 100 * percent;
	int64_t space = used + avail - total / 100 * KEPT_FREE_PERCENT;

	if (space < share)
		share = space;
	return share > 0 ? share : 0;
}
