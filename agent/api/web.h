/* The door for browsers: the page, and the API for those who have a session. docs/api.md, The page's door, says what it
 * takes and sends. The loop's thread. */
#ifndef LANYARD_AGENT_WEB_H
#define LANYARD_AGENT_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/api/control.h"
#include "agent/settings.h"

struct web;

/* Where settings->web says; handler(arg) gets the calls below /v1/ of those who have a session. A door that cannot be
 * opened is logged, and tried again by web_link(): an agent syncs without it. NULL: settings->web is not set. The
 * settings stay the caller's, for as long as the door is there. */
struct web *web_new(struct loop *loop, const struct settings *settings, control_handler *handler, void *arg);
void web_free(struct web *web); /* NULL is fine */

/* A fresh one-time link: the whole URL. NULL with *why (fresh text). */
char *web_link(struct web *web, char **why);
/* Whether a link, of which this is the secret, is still good: not used, not expired, not taken back. */
bool web_link_waits(const struct web *web, const char *secret);
/* Ends all sessions and links, and cuts the connections; returns how many sessions there were. */
size_t web_revoke(struct web *web);

#endif
