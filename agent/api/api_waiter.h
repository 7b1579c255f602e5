/* Answers that become possible in some later turn of the loop. */
#ifndef LANYARD_AGENT_API_WAITER_H
#define LANYARD_AGENT_API_WAITER_H

#include "agent/api/api_internal.h"

/* Answers the call if it can be answered now: true when it has been. Sets *again when the next turn must not wait for
 * an event. */
typedef bool api_wait_check(struct api *api, struct control_call *call, void *state, bool *again);
/* Time is up: answers the call. */
typedef void api_wait_expire(struct api *api, struct control_call *call, void *state);
/* Checks now, at the end of turns, and at least every 10 ms while the loop is busy, until `check` has answered,
 * timeout_s have passed (below 0: no limit), or the client has gone. state is given to free() at the end. */
void api_wait_until(struct api *api, struct control_call *call, int64_t timeout_s, api_wait_check *check,
                    api_wait_expire *expire, void *state);

#endif
