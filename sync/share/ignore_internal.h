/* The compiled rules: ignore.c makes them, ignore_match.c matches them. No other file includes this but the
 * test of how long that may take. */
#ifndef LANYARD_SYNC_SHARE_IGNORE_INTERNAL_H
#define LANYARD_SYNC_SHARE_IGNORE_INTERNAL_H

#include <stdint.h>

#include "sync/share/ignore.h"

enum { COMPONENTS_MAX = 1023 }; /* of a pattern */
/* Below 256: that byte. From TOKEN_SET on: TOKEN_SET + an index into sets. */
enum { TOKEN_ONE = 256, TOKEN_STAR = 257, TOKEN_SET = 258 };

struct byte_set {
	uint64_t bits[4];
};

struct component {
	uint32_t start; /* first token */
	uint32_t n;     /* number of tokens; 0 only for "**" */
};

struct rule {
	uint32_t first; /* component */
	uint32_t n;     /* components, at least 1 */
	bool negated;   /* "!": what matches is not ignored after all */
	bool dir_only;  /* "foo/" */
	bool anchored;  /* has a slash: matched from the root; otherwise against the last component alone */
};

struct ignore {
	int refs; /* atomic */
	struct rule *rules;
	struct component *components;
	uint32_t *tokens;
	struct byte_set *sets;
	uint32_t nrules, ncomponents, ntokens, nsets;
	uint32_t cap_sets;
};

/* How many comparisons ignore_match() makes for this path: at most twice (ntokens + ncomponents) times the bytes of the
 * path. A test can hold that against the bound, where seconds would depend on the machine. Any thread. */
uint64_t ignore_match_steps(const struct ignore *ig, const char *path);

#endif
