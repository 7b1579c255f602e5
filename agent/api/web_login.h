/* The password of the page at a remote address: tried and changed by calls. scrypt runs on a worker, for one call at a
 * time; a few others wait for it, more are refused, and web_throttle.h says who may try at all. The loop's thread. */
#ifndef LANYARD_AGENT_WEB_LOGIN_H
#define LANYARD_AGENT_WEB_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/api/control.h"

struct agent;
struct web_login;

enum { WEB_LOGIN_WAITING = 4 };

/* home_dirfd: where the password is kept; stays the caller's, like the agent, which lends its workers. */
struct web_login *web_login_new(struct loop *loop, struct agent *agent, int home_dirfd);
/* After the calls have ended. NULL is fine. */
void web_login_free(struct web_login *l);

/* Whether there is a password. -1 with *why (fresh text): what is kept cannot be read. */
int web_login_ready(const struct web_login *l, char **why);
/* Passwords that were wrong, in this run. */
uint64_t web_login_wrong(const struct web_login *l);

/* Goes on with the call. */
typedef void web_login_fn(void *arg, struct control_call *call);
/* right(arg, call) if this is the password; otherwise answers the call. */
void web_login_try(struct web_login *l, struct control_call *call, const char *text, web_login_fn *right, void *arg);
/* Makes it the password, and stores it; NULL: there is none from now on. done(arg, call) when it is; otherwise answers
 * the call. done may be called with a call that is NULL: the client is gone, and it is the password all the same. */
void web_login_set(struct web_login *l, struct control_call *call, const char *text, web_login_fn *done, void *arg);

#endif
