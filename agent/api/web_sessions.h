/* Sessions of browsers, and the one-time links that begin them. A session has two secrets: a cookie, which the browser
 * keeps from scripts, but sends to every port of this machine; and a token, which only scripts of our page can read.
 * Either alone is worth nothing. Only hashes of secrets are stored, in memory. The numbers of both are bounded: at the
 * bound the oldest has to go. The loop's thread. */
#ifndef LANYARD_AGENT_WEB_SESSIONS_H
#define LANYARD_AGENT_WEB_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"

enum {
	WEB_LINKS_MAX = 8,
	WEB_SESSIONS_MAX = 32,
	WEB_LINK_S = 300,           /* until a link expires */
	WEB_SESSION_S = 7 * 86400,  /* until a session does, used or not */
	WEB_SESSION_IDLE_S = 86400, /* until an unused one does */
	WEB_SECRET_TEXT = 44,       /* base64url of 32 random bytes, with its NUL */
};

struct web_sessions;

struct web_sessions *web_sessions_new(void);
void web_sessions_free(struct web_sessions *s); /* NULL is fine */

/* now_s is the loop's time in seconds everywhere below. A fresh link's secret. -1: no random bytes. */
int web_sessions_link(struct web_sessions *s, int64_t now_s, char link[WEB_SECRET_TEXT]);
/* What stands for a link's secret where it has to be kept: it begins no session. */
struct web_link_mark {
	uint8_t hash[SHA256_SIZE];
};
/* -1: it cannot be a link's secret. */
int web_sessions_mark(struct web_link_mark *mark, const char *link);
/* Whether that link is still good. */
bool web_sessions_waits(const struct web_sessions *s, int64_t now_s, const struct web_link_mark *mark);
/* Uses the link up for a fresh session. -1: it is not known, used or expired; link may be NULL. */
int web_sessions_enter(struct web_sessions *s, int64_t now_s, const char *link, char cookie[WEB_SECRET_TEXT],
                       char token[WEB_SECRET_TEXT]);
/* A session of somebody who has shown in another way who he is. -1: no random bytes. */
int web_sessions_begin(struct web_sessions *s, int64_t now_s, char cookie[WEB_SECRET_TEXT],
                       char token[WEB_SECRET_TEXT]);
/* Texts of a request; NULL: it has none. WEB_COOKIE: there is a session of that cookie, but the token is not its. */
enum web_verdict { WEB_NOBODY, WEB_COOKIE, WEB_BOTH };
enum web_verdict web_sessions_check(struct web_sessions *s, int64_t now_s, const char *cookie, const char *token);
/* The number of the cookie's session, which no other has in this run; 0: it has none. */
uint64_t web_sessions_number(const struct web_sessions *s, int64_t now_s, const char *cookie);
/* Ends that session. */
void web_sessions_end(struct web_sessions *s, uint64_t number);
/* Ends all links and sessions; returns how many sessions there were. */
size_t web_sessions_revoke(struct web_sessions *s, int64_t now_s);

#endif
