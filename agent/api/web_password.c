/* See web_password.h. */
#include "agent/api/web_password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/api/web_secret_file.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

#define PASSWORD_FILE "web-password"

/* Of new ones. As much work as 2^17 once, and a quarter of its memory: a small machine has that to spare. */
static const struct export_cost cost_now = { .log2_n = 15, .r = 8, .p = 3 };
enum { LOG2_N_MAX = 17, R_MAX = 8, P_MAX = 4, SALT_TEXT = 22, HASH_TEXT = 43 };

int web_password_make(struct web_password *pw, const char *text)
{
	pw->cost = cost_now;
	random_bytes(pw->salt, sizeof(pw->salt));
	return export_stretch(pw->hash, sizeof(pw->hash), text, pw->salt, sizeof(pw->salt), &pw->cost);
}

bool web_password_is(const struct web_password *pw, const char *text)
{
	uint8_t hash[WEB_PASSWORD_HASH];
	bool same = export_stretch(hash, sizeof(hash), text, pw->salt, sizeof(pw->salt), &pw->cost) == 0 &&
	            sha256_same(hash, pw->hash);

	explicit_bzero(hash, sizeof(hash));
	return same;
}

/* --- its line --- */

char *web_password_line(const struct web_password *pw)
{
	char salt[SALT_TEXT + 1], hash[HASH_TEXT + 1];

	base64url_encode(salt, pw->salt, sizeof(pw->salt));
	base64url_encode(hash, pw->hash, sizeof(pw->hash));
	return mem_printf("scrypt %u %u %u %s %s\n", pw->cost.log2_n, pw->cost.r, pw->cost.p, salt, hash);
}

int web_password_parse(struct web_password *pw, const char *line)
{
	char salt[SALT_TEXT + 2], hash[HASH_TEXT + 2], *again;
	unsigned int log2_n, r, p;
	int rc = -1;

	if (sscanf(line, "scrypt %2u %2u %2u %23s %44s", &log2_n, &r, &p, salt, hash) != 5 || log2_n < 1 ||
	    log2_n > LOG2_N_MAX || r < 1 || r > R_MAX || p < 1 || p > P_MAX)
		return -1;
	pw->cost = (struct export_cost){ .log2_n = (uint8_t)log2_n, .r = r, .p = p };
	if (base64url_decode(pw->salt, sizeof(pw->salt), salt, strlen(salt)) != (int)sizeof(pw->salt) ||
	    base64url_decode(pw->hash, sizeof(pw->hash), hash, strlen(hash)) != (int)sizeof(pw->hash))
		return -1;
	/* It has one form only. */
	again = web_password_line(pw);
	rc = strcmp(again, line) == 0 ? 0 : -1;
	free(again);
	return rc;
}

/* --- its file --- */

int web_password_load(struct web_password *pw, int home_dirfd, char **why)
{
	char *line = NULL;
	int rc = web_secret_file_read(home_dirfd, PASSWORD_FILE, WEB_PASSWORD_LINE, &line, why);

	if (rc > 0 && web_password_parse(pw, line) < 0) {
		*why = mem_strdup(PASSWORD_FILE " in the home folder is damaged: run lanyard web --password");
		rc = -1;
	}
	free(line);
	return rc;
}

int web_password_store(const struct web_password *pw, int home_dirfd, char **why)
{
	char *line = pw != NULL ? web_password_line(pw) : NULL;
	int rc = web_secret_file_write(home_dirfd, PASSWORD_FILE, line, why);

	free(line);
	return rc;
}
