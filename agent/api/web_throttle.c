/* See web_throttle.h. */
#include "agent/api/web_throttle.h"

#include <stdlib.h>

#include "base/mem.h"

struct throttled_host {
	struct web_host host;
	int64_t tried_s;  /* the last time; valid while `used` */
	int wrong;        /* in a row */
	bool used, known; /* known: somebody has logged in from there */
};

struct web_throttle {
	struct throttled_host hosts[WEB_THROTTLE_HOSTS];
	int64_t spent_until_s; /* when all that was spent of the common allowance has come back */
};

struct web_throttle *web_throttle_new(void)
{
	return MEM_NEW(struct web_throttle);
}

void web_throttle_free(struct web_throttle *t)
{
	free(t);
}

/* Whether a is to be forgotten rather than b. */
static bool is_lesser(const struct throttled_host *a, const struct throttled_host *b)
{
	if (a->used != b->used)
		return !a->used;
	if (a->known != b->known)
		return !a->known;
	return a->tried_s < b->tried_s;
}

static struct throttled_host *throttled_find(struct web_throttle *t, const struct web_host *host)
{
	for (size_t i = 0; i < WEB_THROTTLE_HOSTS; i++) {
		if (t->hosts[i].used && web_host_same(&t->hosts[i].host, host))
			return &t->hosts[i];
	}
	return NULL;
}

/* Its place, or else that of the one to forget, which is forgotten. */
static struct throttled_host *throttled_place(struct web_throttle *t, const struct web_host *host)
{
	struct throttled_host *place = throttled_find(t, host);

	if (place != NULL)
		return place;
	place = &t->hosts[0];
	for (size_t i = 1; i < WEB_THROTTLE_HOSTS; i++) {
		if (is_lesser(&t->hosts[i], place))
			place = &t->hosts[i];
	}
	*place = (struct throttled_host){ .host = *host, .used = true };
	return place;
}

static int64_t wait_of(int wrong)
{
	int64_t wait = 2;

	if (wrong < WEB_THROTTLE_FREE)
		return 0;
	for (int i = WEB_THROTTLE_FREE; i < wrong && wait < WEB_THROTTLE_WAIT_S; i++)
		wait *= 2;
	return wait < WEB_THROTTLE_WAIT_S ? wait : WEB_THROTTLE_WAIT_S;
}

/* 0, or for how long until there is something left for one more. */
static int64_t spend(struct web_throttle *t, int64_t now_s)
{
	const int64_t all = (int64_t)WEB_THROTTLE_BURST * WEB_THROTTLE_EACH_S;
	int64_t spent = t->spent_until_s > now_s ? t->spent_until_s - now_s : 0;

	if (spent + WEB_THROTTLE_EACH_S > all)
		return spent + WEB_THROTTLE_EACH_S - all;
	t->spent_until_s = now_s + spent + WEB_THROTTLE_EACH_S;
	return 0;
}

/* A host that may not try takes no place of another. */
int64_t web_throttle_try(struct web_throttle *t, const struct web_host *host, int64_t now_s)
{
	struct throttled_host *one = throttled_find(t, host);
	int64_t left = 0;

	if (one != NULL && now_s >= one->tried_s + WEB_THROTTLE_FORGET_S)
		one->wrong = 0;
	if (one != NULL)
		left = one->tried_s + wait_of(one->wrong) - now_s;
	if (left <= 0 && (one == NULL || !one->known))
		left = spend(t, now_s);
	if (left > 0)
		return left;
	one = throttled_place(t, host);
	one->tried_s = now_s;
	one->wrong++;
	return 0;
}

void web_throttle_right(struct web_throttle *t, const struct web_host *host, int64_t now_s)
{
	struct throttled_host *one = throttled_place(t, host);

	one->known = true;
	one->tried_s = now_s;
	one->wrong = 0;
}
