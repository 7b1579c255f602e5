/* Inside the door of web.h: its state, shared by web.c, which opens and closes it, web_serve.c, which answers requests,
 * and web_admit.c, where its user says which browsers and programs elsewhere may come. */
#ifndef LANYARD_AGENT_WEB_INTERNAL_H
#define LANYARD_AGENT_WEB_INTERNAL_H

#include "agent/api/web.h"
#include "agent/api/web_check.h"
#include "agent/api/web_remote.h"

enum { COOKIE_NAME_MAX = 32 };

struct web {
	struct loop *loop;
	struct web_config config;
	struct web_remote *remote; /* NULL: only this machine gets in */
	struct control *control;   /* NULL: the door could not be opened */
	char *where;               /* owned; where it is open; NULL: it is not */
	char *problem;             /* owned; why it is not */
	struct web_place place;
	char cookie[COOKIE_NAME_MAX]; /* its name */
	struct web_sessions *sessions;
};

/* web.c. -1 with *why (fresh text), which is also kept as the door's problem. */
int web_open(struct web *web, char **why);
void web_close(struct web *web);

/* web_serve.c. The handler of the door; arg: the struct web. */
void web_handle(void *arg, struct control_call *call);
/* The clock of sessions and links. */
int64_t web_now_s(const struct web *web);

#endif
