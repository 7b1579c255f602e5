/* Which names a group may have. Pure. */
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "sync/group/roster.h"

/* Characters that show as nothing, or that change how their neighbours show, let one name pass for another. */
static bool is_printable(uint32_t c)
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

bool roster_name_valid(const char *name)
{
	size_t n = strnlen(name, GROUP_NAME_MAX + 1);
	const uint8_t *p = (const uint8_t *)name;
	const uint8_t *end = p + n;

	if (n == 0 || n > GROUP_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	while (p < end) {
		uint32_t c;
		size_t len = utf8_decode(p, (size_t)(end - p), &c);

		if (len == 0 || c == '/' || !is_printable(c))
			return false;
		p += len;
	}
	return true;
}
