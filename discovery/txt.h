/* The TXT record of our service: v=1, id=<base32 agent ID>, and once per group that is not hidden "g=TAG MEMBERS
 * NAME/OWNER": its tag, how many members it has, its name, and its owner's name. RFC 6763 section 6: a list of strings,
 * each of up to 255 bytes of key=value. All of it is what its sender says, and proves nothing. Pure. */
#ifndef LANYARD_DISCOVERY_TXT_H
#define LANYARD_DISCOVERY_TXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TXT_MAX_GROUPS = 16, TXT_ID_LEN = 52, TXT_TAG_LEN = 26, TXT_MAX_NAME = 64, TXT_MAX_MEMBERS = 9999 };

struct txt_group {
	char tag[TXT_TAG_LEN + 1];
	int members;                  /* 0 to TXT_MAX_MEMBERS */
	char name[TXT_MAX_NAME + 1];  /* not empty, without NUL bytes and '/'; untrusted */
	char owner[TXT_MAX_NAME + 1]; /* without NUL bytes; untrusted */
};

struct txt {
	int version;                             /* 0 when absent or not a number */
	char id[TXT_ID_LEN + 1];                 /* "" when absent or malformed */
	struct txt_group groups[TXT_MAX_GROUPS]; /* no two with one tag and one name */
	size_t ngroups;
};

/* Reads one "key=value" string of n bytes into txt (which starts zeroed). Unknown keys and a repeated v or id are
 * ignored. */
void txt_read(struct txt *txt, const uint8_t *p, size_t n);
/* Whether an agent that announces this can be connected to: version 1 and a well-formed ID. */
bool txt_usable(const struct txt *txt);

#endif
