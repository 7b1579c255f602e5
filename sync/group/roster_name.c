/* Which names a group may have, and which characters people are shown. Pure. */
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "sync/group/roster_internal.h"

/* Characters that show as nothing, or that change how their neighbours show, let one name pass for another. */
static bool is_printable_code(uint32_t c)
{
	static const uint32_t hidden[][2] = {
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

size_t roster_name_char(const uint8_t *p, size_t n, uint32_t *code)
{
	size_t len = n > 0 ? utf8_decode(p, n, code) : 0;

	return len > 0 && is_printable_code(*code) ? len : 0;
}

bool roster_name_valid(const char *name)
{
	size_t n = strnlen(name, GROUP_NAME_MAX + 1);
	const uint8_t *p = (const uint8_t *)name;
	const uint8_t *end = p + n;

	if (n == 0 || n > GROUP_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	while (p < end) {
		uint32_t c;
		size_t len = roster_name_char(p, (size_t)(end - p), &c);

		if (len == 0 || c == '/')
			return false;
		p += len;
	}
	return true;
}
