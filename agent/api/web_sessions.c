/* See web_sessions.h. */
#include "agent/api/web_sessions.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { SECRET_LEN = 32 };

struct login_link {
	uint8_t hash[SHA256_SIZE];
	int64_t until_s; /* 0: free */
};

struct web_session {
	uint8_t cookie[SHA256_SIZE], token[SHA256_SIZE]; /* hashes */
	int64_t since_s, used_s;
	bool is_open;
};

struct web_sessions {
	struct login_link links[WEB_LINKS_MAX];
	struct web_session sessions[WEB_SESSIONS_MAX];
};

struct web_sessions *web_sessions_new(void)
{
	return MEM_NEW(struct web_sessions);
}

void web_sessions_free(struct web_sessions *s)
{
	free(s);
}

/* --- secrets --- */

static int secret_new(char text[WEB_SECRET_TEXT], uint8_t hash[SHA256_SIZE])
{
	uint8_t secret[SECRET_LEN];

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return -1;
	base64url_encode(text, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	sha256(hash, text, strlen(text));
	return 0;
}

/* Takes the same time wherever the two differ. */
static bool same_hash(const uint8_t a[SHA256_SIZE], const uint8_t b[SHA256_SIZE])
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < SHA256_SIZE; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/* -1: it cannot be a secret of ours. */
static int hash_given(uint8_t hash[SHA256_SIZE], const char *text)
{
	if (text == NULL || strlen(text) != WEB_SECRET_TEXT - 1)
		return -1;
	sha256(hash, text, WEB_SECRET_TEXT - 1);
	return 0;
}

/* --- links --- */

int web_sessions_link(struct web_sessions *s, int64_t now_s, char link[WEB_SECRET_TEXT])
{
	struct login_link *place = &s->links[0];

	for (size_t i = 1; i < WEB_LINKS_MAX; i++) {
		if (s->links[i].until_s < place->until_s)
			place = &s->links[i];
	}
	if (secret_new(link, place->hash) < 0)
		return -1;
	place->until_s = now_s + WEB_LINK_S;
	return 0;
}

/* Its place, or WEB_LINKS_MAX. */
static size_t find_link(const struct web_sessions *s, int64_t now_s, const char *link)
{
	uint8_t hash[SHA256_SIZE];
	size_t found = WEB_LINKS_MAX;

	if (hash_given(hash, link) < 0)
		return WEB_LINKS_MAX;
	for (size_t i = 0; i < WEB_LINKS_MAX; i++) {
		if (now_s < s->links[i].until_s && same_hash(hash, s->links[i].hash))
			found = i;
	}
	return found;
}

bool web_sessions_waits(const struct web_sessions *s, int64_t now_s, const char *link)
{
	return find_link(s, now_s, link) < WEB_LINKS_MAX;
}

static int use_link(struct web_sessions *s, int64_t now_s, const char *link)
{
	size_t i = find_link(s, now_s, link);

	if (i == WEB_LINKS_MAX)
		return -1;
	s->links[i] = (struct login_link){ 0 };
	return 0;
}

/* --- sessions --- */

static bool session_over(const struct web_session *one, int64_t now_s)
{
	return !one->is_open || now_s >= one->since_s + WEB_SESSION_S || now_s >= one->used_s + WEB_SESSION_IDLE_S;
}

/* A free place, else that of the session that was not used for longest. */
static struct web_session *session_place(struct web_sessions *s, int64_t now_s)
{
	struct web_session *place = &s->sessions[0];

	for (size_t i = 0; i < WEB_SESSIONS_MAX; i++) {
		if (session_over(&s->sessions[i], now_s))
			return &s->sessions[i];
		if (s->sessions[i].used_s < place->used_s)
			place = &s->sessions[i];
	}
	return place;
}

int web_sessions_enter(struct web_sessions *s, int64_t now_s, const char *link, char cookie[WEB_SECRET_TEXT],
                       char token[WEB_SECRET_TEXT])
{
	struct web_session *one;

	if (use_link(s, now_s, link) < 0)
		return -1;
	one = session_place(s, now_s);
	*one = (struct web_session){ .since_s = now_s, .used_s = now_s };
	if (secret_new(cookie, one->cookie) < 0 || secret_new(token, one->token) < 0)
		return -1;
	one->is_open = true;
	return 0;
}

enum web_verdict web_sessions_check(struct web_sessions *s, int64_t now_s, const char *cookie, const char *token)
{
	uint8_t cookie_hash[SHA256_SIZE], token_hash[SHA256_SIZE];
	struct web_session *mine = NULL;

	if (hash_given(cookie_hash, cookie) < 0)
		return WEB_NOBODY;
	for (size_t i = 0; i < WEB_SESSIONS_MAX; i++) {
		struct web_session *one = &s->sessions[i];

		if (!session_over(one, now_s) && same_hash(cookie_hash, one->cookie))
			mine = one;
	}
	if (mine == NULL)
		return WEB_NOBODY;
	if (hash_given(token_hash, token) < 0 || !same_hash(token_hash, mine->token))
		return WEB_COOKIE;
	mine->used_s = now_s;
	return WEB_BOTH;
}

size_t web_sessions_revoke(struct web_sessions *s, int64_t now_s)
{
	size_t n = 0;

	for (size_t i = 0; i < WEB_SESSIONS_MAX; i++)
		n += !session_over(&s->sessions[i], now_s);
	*s = (struct web_sessions){ 0 };
	return n;
}
