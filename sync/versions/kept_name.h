/* Names of kept versions: what a peer's change replaced or deleted stands in .lanyard/versions/<2 digits>/ as
 *   <tag>-<id>.<hands>-<name>
 * The tag is a hash of the path the content stood at, so that all versions of a path are found without a table,
 * whatever the path's length, and a folder and a file of one name never meet. The id is the moment it was kept, in UTC,
 * to the nanosecond; ids of one path differ. The hands (16 hex digits, absent where they are not known) say whose
 * content it is and who took it away, so that thinning can tell one's own old versions from what another wrote. The
 * last component of the path follows for people. Pure. */
#ifndef LANYARD_SYNC_VERSIONS_KEPT_NAME_H
#define LANYARD_SYNC_VERSIONS_KEPT_NAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
	KEPT_TAG = 32,       /* hex digits */
	KEPT_HANDS = 16,     /* hex digits */
	KEPT_ID_MAX = 26,    /* "20261121-070612-123456789" and a NUL */
	KEPT_NAME_MAX = 256, /* with the NUL */
};

struct kept_tag {
	char hex[KEPT_TAG + 1];
};

/* Whose hands a content went through. Each is a digest of an author and of the member that brought its change here: an
 * author is only claimed, so one member cannot pass for another by claiming alone. 0: not known. */
struct kept_hands {
	uint32_t wrote; /* the content */
	uint32_t took;  /* it away: replaced or deleted it */
};

/* author, via: short IDs; via 0: nobody brought it, the change was made here. Never 0. */
uint32_t kept_hand(uint64_t author, uint64_t via);
/* Whether somebody else took it away than who wrote it, as far as is known. */
bool kept_is_foreign(const struct kept_hands *h);

struct kept_tag kept_tag_of(const char *path);
/* at_ns: nanoseconds since 1970; earlier ones count as 0. */
void kept_id_format(char out[KEPT_ID_MAX], int64_t at_ns);
/* -1 unless text is a whole id. */
int kept_id_parse(const char *text, int64_t *at_ns);
/* hands: NULL: not known. path: its last component is appended, shortened to fit; NULL: nothing is. */
void kept_name_format(char out[KEPT_NAME_MAX], const struct kept_tag *tag, int64_t at_ns,
                      const struct kept_hands *hands, const char *path);
/* Less of the path's component in a name, for a disk that holds no names of that length. -1: there is nothing more to
 * leave out. */
int kept_name_shorten(char name[KEPT_NAME_MAX]);
/* -1 when it is no such name. hands: may be NULL. */
int kept_name_parse(const char *name, struct kept_tag *tag, int64_t *at_ns, struct kept_hands *hands);

#endif
