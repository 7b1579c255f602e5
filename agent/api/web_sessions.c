/* See web_sessions.h. */
#include "agent/api/web_sessions.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { SECRET_LEN = 32 };

struct login_link {
	uint8_t hash[SHA256_SIZE];
	int64_t until_s; /* 0: free */
};

struct web_session {
	uint8_t cookie[SHA256_SIZE], token[SHA256_SIZE]; /* hashes */
	int64_t since_s, used_s;
	uint64_t number; /* 0: none; it is not open */
};

struct web_sessions {
	struct login_link links[WEB_LINKS_MAX];
	struct web_session sessions[WEB_SESSIONS_MAX];
	uint64_t last_number;
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

int web_sessions_mark(struct web_link_mark *mark, const char *link)
{
	return hash_given(mark->hash, link);
}

/* Its place, or WEB_LINKS_MAX. */
static size_t find_link(const struct web_sessions *s, int64_t now_s, const struct web_link_mark *mark)
{
	size_t found = WEB_LINKS_MAX;

	for (size_t i = 0; i < WEB_LINKS_MAX; i++) {
		if (now_s < s->links[i].until_s && sha256_same(mark->hash, s->links[i].hash))
			found = i;
	}
	return found;
}

bool web_sessions_waits(const struct web_sessions *s, int64_t now_s, const struct web_link_mark *mark)
{
	return find_link(s, now_s, mark) < WEB_LINKS_MAX;
}

static int use_link(struct web_sessions *s, int64_t now_s, const char *link)
{
	struct web_link_mark mark;
	size_t i = web_sessions_mark(&mark, link) == 0 ? find_link(s, now_s, &mark) : WEB_LINKS_MAX;

	if (i == WEB_LINKS_MAX)
		return -1;
	s->links[i] = (struct login_link){ 0 };
	return 0;
}

/* --- sessions --- */

static bool session_over(const struct web_session *one, int64_t now_s)
{
	return one->number == 0 || now_s >= one->since_s + WEB_SESSION_S || now_s >= one->used_s + WEB_SESSION_IDLE_S;
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

int web_sessions_begin(struct web_sessions *s, int64_t now_s, char cookie[WEB_SECRET_TEXT], char token[WEB_SECRET_TEXT])
{
	struct web_session *one = session_place(s, now_s);

	*one = (struct web_session){ .since_s = now_s, .used_s = now_s };
	if (secret_new(cookie, one->cookie) < 0 || secret_new(token, one->token) < 0)
		return -1;
	one->number = ++s->last_number;
	return 0;
}

int web_sessions_enter(struct web_sessions *s, int64_t now_s, const char *link, char cookie[WEB_SECRET_TEXT],
                       char token[WEB_SECRET_TEXT])
{
	return use_link(s, now_s, link) == 0 ? web_sessions_begin(s, now_s, cookie, token) : -1;
}

/* Its place, or WEB_SESSIONS_MAX. */
static size_t find_session(const struct web_sessions *s, int64_t now_s, const char *cookie)
{
	size_t found = WEB_SESSIONS_MAX;
	uint8_t hash[SHA256_SIZE];

	if (hash_given(hash, cookie) < 0)
		return found;
	for (size_t i = 0; i < WEB_SESSIONS_MAX; i++) {
		if (!session_over(&s->sessions[i], now_s) && sha256_same(hash, s->sessions[i].cookie))
			found = i;
	}
	return found;
}

uint64_t web_sessions_number(const struct web_sessions *s, int64_t now_s, const char *cookie)
{
	size_t i = find_session(s, now_s, cookie);

	return i < WEB_SESSIONS_MAX ? s->sessions[i].number : 0;
}

enum web_verdict web_sessions_check(struct web_sessions *s, int64_t now_s, const char *cookie, const char *token)
{
	size_t i = find_session(s, now_s, cookie);
	uint8_t hash[SHA256_SIZE];

	if (i == WEB_SESSIONS_MAX)
		return WEB_NOBODY;
	if (hash_given(hash, token) < 0 || !sha256_same(hash, s->sessions[i].token))
		return WEB_COOKIE;
	s->sessions[i].used_s = now_s;
	return WEB_BOTH;
}

void web_sessions_end(struct web_sessions *s, uint64_t number)
{
	for (size_t i = 0; i < WEB_SESSIONS_MAX; i++) {
		if (s->sessions[i].number == number)
			s->sessions[i] = (struct web_session){ 0 };
	}
}

size_t web_sessions_revoke(struct web_sessions *s, int64_t now_s)
{
	size_t n = 0;

	for (size_t i = 0; i < WEB_SESSIONS_MAX; i++)
		n += !session_over(&s->sessions[i], now_s);
	*s = (struct web_sessions){ .last_number = s->last_number };
	return n;
}
