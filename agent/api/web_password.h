/* The password of the page at a remote address: what is stored of it is scrypt's, with its parameters, so that later
 * versions can ask for more. One line in the home: "scrypt LOG2_N R P SALT HASH", the last two in base64url. */
#ifndef LANYARD_AGENT_WEB_PASSWORD_H
#define LANYARD_AGENT_WEB_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/seal/export.h"

enum {
	WEB_PASSWORD_MIN = 8, /* bytes */
	WEB_PASSWORD_MAX = 1024,
	WEB_PASSWORD_SALT = 16,
	WEB_PASSWORD_HASH = 32,
	WEB_PASSWORD_LINE = 256, /* of the file, at most */
};

struct web_password {
	struct export_cost cost;
	uint8_t salt[WEB_PASSWORD_SALT], hash[WEB_PASSWORD_HASH];
};

/* A worker's work: 32 MiB, and a third of a second. Any thread. -1: no memory. */
int web_password_make(struct web_password *pw, const char *text);
/* Takes the same time wherever the two differ. False also when there is no memory. */
bool web_password_is(const struct web_password *pw, const char *text);

/* The line, fresh; and back. -1: it is none, or asks for more memory or work than one of ours. */
char *web_password_line(const struct web_password *pw);
int web_password_parse(struct web_password *pw, const char *line);

/* 1: there is one in the home; 0: none; -1 with *why (fresh text). */
int web_password_load(struct web_password *pw, int home_dirfd, char **why);
/* NULL: there is to be none. -1 with *why. */
int web_password_store(const struct web_password *pw, int home_dirfd, char **why);

#endif
