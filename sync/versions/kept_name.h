/* Names of kept versions. A version, the content that a peer's change replaced or deleted, is in .lanyard/versions/<2
 * digits>/ as
 *   <tag>-<id>.<hands>-<name>
 * The tag is a hash of the path that the content had. By it all versions of a path are found without a table, however
 * long the path is, and a folder and a file of one name never meet. The ID is the moment when it was kept, in UTC, to
 * the nanosecond; the IDs of one path differ. The hands (16 hex digits, absent if they are not known) say who wrote the
 * content and who took it away, so that thinning can tell an author's own old versions from what another author
 * replaced. The last component of the path follows, for people. Pure. */
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

/* The hands that a content went through. Each is a digest of an author and of the member that brought the author's
 * change here: members only claim who an author is, and with the bringer in the digest none can pass for another. 0:
 * not known. */
struct kept_hands {
	uint32_t wrote; /* the content */
	uint32_t took;  /* it away: replaced or deleted it */
};

/* author, via: short IDs; via 0: the change was made here. Never 0. */
uint32_t kept_hand(uint64_t author, uint64_t via);
/* Whether another hand took the content away than the one that wrote it, or the writer is not known. */
bool kept_is_foreign(const struct kept_hands *h);

struct kept_tag kept_tag_of(const char *path);
/* at_ns: nanoseconds since 1970; an earlier time counts as 0. */
void kept_id_format(char out[KEPT_ID_MAX], int64_t at_ns);
/* -1 unless text is an ID and nothing more. */
int kept_id_parse(const char *text, int64_t *at_ns);
/* hands: NULL: not known. path: its last component is appended, shortened to fit; NULL: nothing is appended. */
void kept_name_format(char out[KEPT_NAME_MAX], const struct kept_tag *tag, int64_t at_ns,
                      const struct kept_hands *hands, const char *path);
/* Shortens the path's component in a name, for a disk that cannot hold names of that length. -1: nothing is left to
 * shorten. */
int kept_name_shorten(char name[KEPT_NAME_MAX]);
/* -1 unless name is the name of a version. hands: may be NULL. */
int kept_name_parse(const char *name, struct kept_tag *tag, int64_t *at_ns, struct kept_hands *hands);
/* What follows in the name of a version: the last component of the path, or its end; "" if nothing does. In name. */
const char *kept_name_component(const char *name);

#endif
