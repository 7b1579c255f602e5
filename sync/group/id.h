/* The names of agents and groups: 32-byte hashes and their text forms. Pure. */
#ifndef LANYARD_SYNC_GROUP_ID_H
#define LANYARD_SYNC_GROUP_ID_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ID_TEXT_MAX = 61,
	ID_PLAIN_MAX = 53,
	TAG_TEXT_MAX = 27
}; /* room for the text with dashes, and without, and
                                                                     of a tag; NUL included */

struct agent_id {
	uint8_t b[32];
}; /* SHA-256 of the raw Ed25519 public key */
struct group_id {
	uint8_t b[32];
}; /* SHA-256 of the founding roster entry */
/* What a group is called in public: SHA-256("lanyard tag" || group ID), the first 16 bytes. It tells groups of one name
 * apart, and binds the ID without telling it. */
struct group_tag {
	uint8_t b[16];
};

/* base32 in groups of seven digits joined by '-': "abcdefg-hijklmn-..." (52 digits). */
void agent_id_text(char out[ID_TEXT_MAX], const struct agent_id *id);
/* The same without dashes. */
void agent_id_plain(char out[ID_PLAIN_MAX], const struct agent_id *id);
/* Accepts both forms, any case. -1 for anything else. */
int agent_id_parse(struct agent_id *id, const char *text);
bool agent_id_equal(const struct agent_id *a, const struct agent_id *b);
/* The first 8 bytes, big endian: how records and the index name an agent. A roster never holds two members with the
 * same. */
uint64_t agent_id_short(const struct agent_id *id);
/* The first 8 base32 digits of a short ID, for logs and conflict names. */
void short_id_text(char out[9], uint64_t short_id);
bool group_id_equal(const struct group_id *a, const struct group_id *b);
/* The tag as text, 26 base32 digits: the DNS-SD subtype. */
void group_id_tag(char out[TAG_TEXT_MAX], const struct group_id *id);
void group_id_tag_of(struct group_tag *tag, const struct group_id *id);
void group_id_tag_text(char out[TAG_TEXT_MAX], const struct group_tag *tag);
/* A whole tag, dashes and case ignored. -1 for anything else. */
int group_id_tag_parse(struct group_tag *tag, const char *text);

#endif
