/* Tokens of programs that ask the API at a remote address: each has a name, by which it is taken back, and is shown
 * once. Hashes of them are in the home, in the file web-tokens: "NAME read|all MADE HASH", a line for each. */
#ifndef LANYARD_AGENT_WEB_TOKENS_H
#define LANYARD_AGENT_WEB_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"

enum {
	WEB_TOKENS_MAX = 32,
	WEB_TOKEN_NAME = 33,    /* with its NUL */
	WEB_TOKEN_TEXT = 52,    /* "lanyard_" and base64url of 32 random bytes, with its NUL */
	WEB_TOKENS_FILE = 8192, /* bytes, at most */
};

struct web_token {
	char name[WEB_TOKEN_NAME];
	bool all; /* the program may do what a session may; else it may only read */
	int64_t made_s;
	uint8_t hash[SHA256_SIZE];
};

/* Zeroed memory has none. */
struct web_tokens {
	struct web_token v[WEB_TOKENS_MAX];
	size_t n;
};

/* Whether it can be a name: 1 to 32 of the characters a-z, A-Z, 0-9, '.', '_' and '-'. */
bool web_tokens_name_ok(const char *name);
/* NULL: there is none of that name. */
const struct web_token *web_tokens_named(const struct web_tokens *t, const char *name);
/* A new one, whose text is then in `text`. -1: it has the name already, or there are too many. */
int web_tokens_add(struct web_tokens *t, const char *name, bool all, int64_t now_s, char text[WEB_TOKEN_TEXT]);
/* -1: there is none of that name. */
int web_tokens_remove(struct web_tokens *t, const char *name);
/* Whose text it is; NULL: nobody's. text may be NULL. Looks at all of them whatever it finds. */
const struct web_token *web_tokens_find(const struct web_tokens *t, const char *text);

/* The file's text, fresh; and back. -1: it is none. */
char *web_tokens_write(const struct web_tokens *t);
int web_tokens_parse(struct web_tokens *t, const char *text);
/* -1 with *why (fresh text). */
int web_tokens_load(struct web_tokens *t, int home_dirfd, char **why);
int web_tokens_store(const struct web_tokens *t, int home_dirfd, char **why);

#endif
