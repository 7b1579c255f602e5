/* Names: of groups, which are judged, and of roles. Pure. */
#include <stddef.h>
#include <string.h>

#include "sync/group/roster.h"

/* The code point at *p, which is moved behind it; -1 unless it is proper UTF-8 (shortest form, no surrogates). */
static int32_t next_char(const uint8_t **p)
{
	static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *s = *p;
	int more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
	int32_t c = more == 0 ? s[0] : s[0] & (0x3f >> more);

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
		return -1;
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*p = s + more + 1;
	return c;
}

/* What shows as nothing, or changes how its neighbours show, lets one name pass for another. */
static bool is_printable(int32_t c)
{
	static const int32_t hidden[][2] = {
		{ 0x0, 0x1f },      { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
		{ 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (c >= hidden[i][0] && c <= hidden[i][1])
			return false;
	}
	return true;
}

bool group_name_valid(const char *name)
{
	size_t n = strnlen(name, GROUP_NAME_MAX + 1);
	const uint8_t *p = (const uint8_t *)name;
	const uint8_t *end = p + n;

	if (n == 0 || n > GROUP_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	while (p < end) {
		int32_t c = next_char(&p);

		if (c < 0 || c == '/' || !is_printable(c))
			return false;
	}
	return true;
}

static const char *const role_names[] = {
	[ROLE_NONE] = "none",     [ROLE_OWNER] = "owner", [ROLE_MEMBER] = "member",
	[ROLE_READER] = "reader", [ROLE_VAULT] = "vault",
};

const char *role_name(enum role role)
{
	return role_names[role];
}

int role_parse(const char *name, enum role *role)
{
	for (int i = ROLE_OWNER; i <= ROLE_VAULT; i++) {
		if (strcmp(role_names[i], name) == 0) {
			*role = (enum role)i;
			return 0;
		}
	}
	return -1;
}
