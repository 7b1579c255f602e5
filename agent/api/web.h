/* The door for browsers: the page, and the API for those who have a session. docs/api.md, The page's door, says what it
 * takes and sends. At an address that others can reach it is a door for programs with a token, too. The loop's
 * thread. */
#ifndef LANYARD_AGENT_WEB_H
#define LANYARD_AGENT_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/api/control.h"
#include "agent/api/web_sessions.h"
#include "agent/settings.h"

struct agent;
struct web;

struct web_config {
	const struct settings *settings; /* the caller's, for as long as the door is there; like the next two */
	struct agent *agent;             /* whose workers it borrows */
	int home_dirfd;
	control_handler *handler; /* gets the calls below /v1/ of those who have a session, or a token for all */
	control_handler *reader;  /* ... of those who have a token to read */
	void *arg;                /* theirs */
};

/* Where settings->web says. A door that cannot be opened is logged, and tried again by web_link(): an agent syncs
 * without it. NULL: settings->web is not set. */
struct web *web_new(struct loop *loop, const struct web_config *config);
void web_free(struct web *web); /* NULL is fine */
/* At a reload: reads a certificate that the admin gives again, and tries a door that is not open. NULL is fine. */
void web_reload(struct web *web);

/* A fresh one-time link: the whole URL. NULL with *why (fresh text). */
char *web_link(struct web *web, char **why);
/* Whether the link of this mark is still good: not used, not expired, not taken back. */
bool web_link_waits(const struct web *web, const struct web_link_mark *mark);
/* Ends all sessions and links, and cuts the connections; returns how many sessions there were. */
size_t web_revoke(struct web *web);

/* How the door is: the object `web` of the route status. NULL as a door: null. */
json_t *web_describe(const struct web *web);
/* The SHA-256 fingerprint of its certificate; NULL: it has none. */
const char *web_fingerprint(const struct web *web);

/* What follows is for a door that others can reach; false: it is not, and the call is answered. */
bool web_is_remote(const struct web *web, struct control_call *call);
/* Sets or (NULL) removes the password, which ends all sessions, and answers the call with how the door is then. */
void web_set_password(struct web *web, struct control_call *call, const char *text);
/* Makes a token, or takes one back, and answers. */
void web_add_token(struct web *web, struct control_call *call, const char *name, bool all);
void web_remove_token(struct web *web, struct control_call *call, const char *name);
/* The list of tokens. */
json_t *web_list_tokens(const struct web *web);

#endif
