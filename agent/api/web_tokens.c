/* See web_tokens.h. */
#include "agent/api/web_tokens.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/web_secret_file.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"

#define TOKENS_FILE "web-tokens"
/* Whoever finds one in a log or a repository sees what it is. */
#define BEGINNING "lanyard_"

enum { SECRET_BYTES = 32 };

bool web_tokens_name_ok(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '_' && *p != '-')
			return false;
	}
	return len > 0 && len < WEB_TOKEN_NAME;
}

const struct web_token *web_tokens_named(const struct web_tokens *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].name, name) == 0)
			return &t->v[i];
	}
	return NULL;
}

int web_tokens_add(struct web_tokens *t, const char *name, bool all, int64_t now_s, char text[WEB_TOKEN_TEXT])
{
	uint8_t secret[SECRET_BYTES];
	struct web_token *one;

	if (t->n == WEB_TOKENS_MAX || !web_tokens_name_ok(name) || web_tokens_named(t, name) != NULL)
		return -1;
	random_bytes(secret, sizeof(secret));
	memcpy(text, BEGINNING, sizeof(BEGINNING));
	base64url_encode(text + strlen(BEGINNING), secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	one = &t->v[t->n++];
	*one = (struct web_token){ .all = all, .made_s = now_s };
	(void)snprintf(one->name, sizeof(one->name), "%s", name);
	sha256(one->hash, text, strlen(text));
	return 0;
}

int web_tokens_remove(struct web_tokens *t, const char *name)
{
	const struct web_token *one = web_tokens_named(t, name);
	size_t i;

	if (one == NULL)
		return -1;
	i = (size_t)(one - t->v);
	t->n--;
	memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof(t->v[0]));
	return 0;
}

const struct web_token *web_tokens_find(const struct web_tokens *t, const char *text)
{
	const struct web_token *found = NULL;
	uint8_t hash[SHA256_SIZE];

	if (text == NULL || strlen(text) != WEB_TOKEN_TEXT - 1)
		return NULL;
	sha256(hash, text, WEB_TOKEN_TEXT - 1);
	for (size_t i = 0; i < t->n; i++) {
		if (sha256_same(hash, t->v[i].hash))
			found = &t->v[i];
	}
	return found;
}

/* --- the file --- */

char *web_tokens_write(const struct web_tokens *t)
{
	char *text = mem_strdup("");

	for (size_t i = 0; i < t->n; i++) {
		char hex[SHA256_SIZE * 2 + 1], *longer;

		hex_encode(hex, t->v[i].hash, SHA256_SIZE);
		longer = mem_printf("%s%s %s %" PRId64 " %s\n", text, t->v[i].name, t->v[i].all ? "all" : "read",
		                    t->v[i].made_s, hex);
		free(text);
		text = longer;
	}
	return text;
}

static int token_parse(struct web_token *one, const char *line)
{
	char rights[5], hex[SHA256_SIZE * 2 + 2];

	if (sscanf(line, "%32s %4s %" SCNd64 " %65s", one->name, rights, &one->made_s, hex) != 4 ||
	    !web_tokens_name_ok(one->name) || strlen(hex) != SHA256_SIZE * 2)
		return -1;
	one->all = strcmp(rights, "all") == 0;
	if (!one->all && strcmp(rights, "read") != 0)
		return -1;
	return hex_decode(one->hash, SHA256_SIZE, hex) == 0 ? 0 : -1;
}

int web_tokens_parse(struct web_tokens *t, const char *text)
{
	*t = (struct web_tokens){ .n = 0 };
	while (*text != '\0') {
		struct web_token one = { .made_s = 0 };
		const char *end = strchr(text, '\n');

		if (end == NULL || t->n == WEB_TOKENS_MAX || token_parse(&one, text) < 0 ||
		    web_tokens_named(t, one.name) != NULL)
			return -1;
		t->v[t->n++] = one;
		text = end + 1;
	}
	return 0;
}

int web_tokens_load(struct web_tokens *t, int home_dirfd, char **why)
{
	char *text = NULL;
	int rc = web_secret_file_read(home_dirfd, TOKENS_FILE, WEB_TOKENS_FILE, &text, why);

	*t = (struct web_tokens){ .n = 0 };
	if (rc > 0 && web_tokens_parse(t, text) < 0) {
		*t = (struct web_tokens){ .n = 0 };
		*why = mem_strdup(TOKENS_FILE " in the home folder is damaged: remove it, and make new tokens");
		rc = -1;
	}
	free(text);
	return rc < 0 ? -1 : 0;
}

int web_tokens_store(const struct web_tokens *t, int home_dirfd, char **why)
{
	char *text = t->n > 0 ? web_tokens_write(t) : NULL;
	int rc = web_secret_file_write(home_dirfd, TOKENS_FILE, text, why);

	free(text);
	return rc;
}
