/* The TXT record of our service: v=1, id=<base32 agent ID>, g=<group name> (once per group that is not hidden). RFC
 * 6763 section 6: a list of strings, each of up to 255 bytes of key=value. Pure. */
#ifndef LANYARD_DISCOVERY_TXT_H
#define LANYARD_DISCOVERY_TXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TXT_MAX_GROUPS = 16, TXT_ID_LEN = 52 };

struct txt {
	int version;                      /* 0 when absent or not a number */
	char id[TXT_ID_LEN + 1];          /* "" when absent or malformed */
	char groups[TXT_MAX_GROUPS][256]; /* names, without NUL bytes; untrusted */
	size_t ngroups;
};

/* Reads one "key=value" string of n bytes into txt (which starts zeroed). Unknown keys and a repeated v or id are
 * ignored. */
void txt_read(struct txt *txt, const uint8_t *p, size_t n);
/* Whether an agent that announces this can be connected to: version 1 and a well-formed ID. */
bool txt_usable(const struct txt *txt);

#endif
