/* How often a password may be tried: a few times at once from one host, then after longer and longer waits; and from
 * all hosts together at a rate that no guessing gets far with. A host from which somebody has logged in is not held up
 * by what others do. The table is bounded: the host that tried longest ago is forgotten. Pure. */
#ifndef LANYARD_AGENT_WEB_THROTTLE_H
#define LANYARD_AGENT_WEB_THROTTLE_H

#include <stdint.h>

#include "agent/api/web_host.h"

enum {
	WEB_THROTTLE_HOSTS = 256,
	WEB_THROTTLE_FREE = 5,     /* wrong ones of one host without a wait */
	WEB_THROTTLE_WAIT_S = 600, /* the longest wait; 2 s is the first, and each is twice the one before */
	WEB_THROTTLE_FORGET_S = 3600,
	WEB_THROTTLE_BURST = 30, /* of all hosts */
	WEB_THROTTLE_EACH_S = 6, /* one more */
};

struct web_throttle;

struct web_throttle *web_throttle_new(void);
void web_throttle_free(struct web_throttle *t); /* NULL is fine */

/* now_s: the loop's time in seconds. 0: the host may try, and this counts as a wrong one until web_throttle_right():
 * several at a time gain nothing. Otherwise for how many seconds it has to wait. */
int64_t web_throttle_try(struct web_throttle *t, const struct web_host *host, int64_t now_s);
void web_throttle_right(struct web_throttle *t, const struct web_host *host, int64_t now_s);

#endif
