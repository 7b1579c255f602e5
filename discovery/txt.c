/* Reads our service's TXT strings: see txt.h. A malformed value counts as absent. */
#include "discovery/txt.h"

#include <string.h>
#include <strings.h>

enum {
	MAX_VERSION_DIGITS = 4,
	MAX_NAME = 253, /* "g=" and the name share one string of 255 bytes */
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

static void txt_read_group(struct txt *txt, const uint8_t *value, size_t n)
{
	char *name;

	if (n == 0 || n > MAX_NAME || memchr(value, '\0', n) != NULL || txt->ngroups == TXT_MAX_GROUPS)
		return;
	name = txt->groups[txt->ngroups];
	memcpy(name, value, n);
	name[n] = '\0';
	for (size_t i = 0; i < txt->ngroups; i++) {
		if (strcmp(txt->groups[i], name) == 0)
			return;
	}
	txt->ngroups++;
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
