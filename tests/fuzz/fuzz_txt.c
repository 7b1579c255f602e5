/* Any bytes as the strings of a TXT record, each after its length, as on the wire: the values that are read are always
 * within their limits. */
#include <stdlib.h>
#include <string.h>

#include "discovery/txt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_id(const struct txt *txt)
{
	size_t len = strnlen(txt->id, sizeof(txt->id));

	if (len != 0 && len != TXT_ID_LEN)
		abort();
	if (strspn(txt->id, "abcdefghijklmnopqrstuvwxyz234567") != len)
		abort();
	if (txt_usable(txt) && (txt->version != 1 || len != TXT_ID_LEN))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct txt txt = { 0 };
	size_t at = 0;

	while (at < size) {
		size_t len = data[at++];

		if (len > size - at)
			len = size - at;
		txt_read(&txt, data + at, len);
		at += len;
	}
	check_id(&txt);
	if (txt.version < 0 || txt.version > 9999 || txt.ngroups > TXT_MAX_GROUPS)
		abort();
	for (size_t i = 0; i < txt.ngroups; i++) {
		const struct txt_group *g = &txt.groups[i];
		size_t len = strnlen(g->name, sizeof(g->name));

		if (len == 0 || len == sizeof(g->name) || strchr(g->name, '/') != NULL)
			abort();
		if (strnlen(g->owner, sizeof(g->owner)) == sizeof(g->owner) || g->members < 0 ||
		    g->members > TXT_MAX_MEMBERS)
			abort();
		if (g->tag[TXT_TAG_LEN] != '\0' || strspn(g->tag, "abcdefghijklmnopqrstuvwxyz234567") != TXT_TAG_LEN)
			abort();
		for (size_t j = 0; j < i; j++) {
			if (strcmp(g->tag, txt.groups[j].tag) == 0 && strcmp(g->name, txt.groups[j].name) == 0)
				abort();
		}
	}
	return 0;
}
