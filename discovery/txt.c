/* Reads our service's TXT strings: see txt.h. A malformed value counts as absent. */
#include "discovery/txt.h"

#include <string.h>
#include <strings.h>

enum {
	MAX_VERSION_DIGITS = 4,
};

static void txt_read_version(struct txt *txt, const uint8_t *value, size_t n)
{
	int version = 0;

	if (txt->version != 0 || n == 0 || n > MAX_VERSION_DIGITS)
		return;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			return;
		version = version * 10 + (value[i] - '0');
	}
	txt->version = version;
}

/* An ID is the base32 text of 32 bytes: 51 full digits, and one that carries a single bit. */
static void txt_read_id(struct txt *txt, const uint8_t *value, size_t n)
{
	char id[TXT_ID_LEN + 1] = "";

	if (txt->id[0] != '\0' || n != TXT_ID_LEN)
		return;
	for (size_t i = 0; i < n; i++) {
		char c = (char)value[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c < 'a' || c > 'z') && (c < '2' || c > '7'))
			return;
		id[i] = c;
	}
	if (id[TXT_ID_LEN - 1] != 'a' && id[TXT_ID_LEN - 1] != 'q')
		return;
	memcpy(txt->id, id, sizeof(id));
}

/* The number in n bytes that holds at most max; -1: there is none. */
static int txt_number(const uint8_t *p, size_t n, int max)
{
	int number = 0;

	if (n == 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		number = number * 10 + (p[i] - '0');
		if (number > max)
			return -1;
	}
	return number;
}

/* What is left of a string that is taken apart from its front. */
struct txt_rest {
	const uint8_t *p;
	size_t n;
};

/* The bytes before the next `end`, which is left out; NULL: there is none. */
static const uint8_t *txt_take(struct txt_rest *rest, char end, size_t *n)
{
	const uint8_t *taken = rest->p;
	const uint8_t *at = rest->n > 0 ? memchr(rest->p, end, rest->n) : NULL;

	if (at == NULL)
		return NULL;
	*n = (size_t)(at - taken);
	rest->p += *n + 1;
	rest->n -= *n + 1;
	return taken;
}

static void txt_read_group(struct txt *txt, const uint8_t *value, size_t n)
{
	struct txt_rest rest = { value, n };
	struct txt_group g = { .members = -1 };
	size_t tag_n = 0, members_n = 0, name_n = 0;
	const uint8_t *tag = txt_take(&rest, ' ', &tag_n);
	const uint8_t *members = txt_take(&rest, ' ', &members_n);
	const uint8_t *name = txt_take(&rest, '/', &name_n);

	if (txt->ngroups == TXT_MAX_GROUPS || (n > 0 && memchr(value, '\0', n) != NULL))
		return;
	if (tag == NULL || members == NULL || name == NULL || tag_n != TXT_TAG_LEN || name_n == 0 ||
	    name_n > TXT_MAX_NAME || rest.n > TXT_MAX_NAME)
		return;
	g.members = txt_number(members, members_n, TXT_MAX_MEMBERS);
	memcpy(g.tag, tag, tag_n);
	memcpy(g.name, name, name_n);
	memcpy(g.owner, rest.p, rest.n);
	if (g.members < 0 || strspn(g.tag, "abcdefghijklmnopqrstuvwxyz234567") != TXT_TAG_LEN)
		return;
	for (size_t i = 0; i < txt->ngroups; i++) {
		if (strcmp(txt->groups[i].tag, g.tag) == 0 && strcmp(txt->groups[i].name, g.name) == 0)
			return;
	}
	txt->groups[txt->ngroups++] = g;
}

/* Keys are compared without regard to case, as RFC 6763 asks. */
void txt_read(struct txt *txt, const uint8_t *p, size_t n)
{
	static const struct {
		const char *key;
		void (*read)(struct txt *txt, const uint8_t *value, size_t n);
	} keys[] = {
		{ "v", txt_read_version },
		{ "id", txt_read_id },
		{ "g", txt_read_group },
	};
	const uint8_t *equals = n != 0 ? memchr(p, '=', n) : NULL;
	size_t key_len;

	if (equals == NULL)
		return;
	key_len = (size_t)(equals - p);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].key) == key_len && strncasecmp((const char *)p, keys[i].key, key_len) == 0)
			keys[i].read(txt, equals + 1, n - key_len - 1);
	}
}

bool txt_usable(const struct txt *txt)
{
	return txt->version == 1 && txt->id[0] != '\0';
}
