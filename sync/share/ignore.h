/* Ignore rules: the .lanyardignore of the share's root, in gitignore syntax (gitignore(5)), for the whole tree. A path
 * that is ignored is neither scanned nor accepted from a peer. Pure once parsed; any thread may match. */
#ifndef LANYARD_SYNC_SHARE_IGNORE_H
#define LANYARD_SYNC_SHARE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

struct ignore;

enum {
	IGNORE_FILE_MAX = 256 << 10,
	IGNORE_MAX_RULES = 4096,
	IGNORE_MAX_COST =
		32768, /* tokens and components of all patterns; times the bytes of a path, this bounds a match */
};

/* Parses text (n bytes, any bytes). Never fails: a line that means nothing is skipped, and *bad_line (may be NULL)
 * is the number of the first such line, 0 if none; rules over IGNORE_MAX_RULES or IGNORE_MAX_COST are such lines. */
struct ignore *ignore_parse(const char *text, size_t n, int *bad_line);
/* Another reference to the same rules (for a worker's job): returns ig, which may be NULL. Any thread. */
struct ignore *ignore_ref(struct ignore *ig);
/* Drops a reference; the last one frees. Any thread. */
void ignore_free(struct ignore *ig);
/* Whether path itself or a folder above it is ignored. NULL ig ignores nothing. */
bool ignore_match(const struct ignore *ig, const char *path, bool is_dir);
/* The same for a path whose folder is known not to be ignored, as in a walk. */
bool ignore_match_entry(const struct ignore *ig, const char *path, bool is_dir);

#endif
