/* Cores: sealed records. A core's head says what a vault needs to order, keep and serve versions of a path that it
 * cannot name; its body is the record, which members read. The form is in docs/sealed.md, Records. Any thread. */
#ifndef LANYARD_SYNC_SEAL_CORE_H
#define LANYARD_SYNC_SEAL_CORE_H

#include "base/bytes.h"
#include "sync/plan/version.h"
#include "sync/seal/keys.h"

enum {
	CORE_FORMAT = 1,
	CORE_BLOCKS_MAX = 64,      /* refs that are blocks; a longer list has pages (sync/seal/page.h) */
	CORE_PAGES_MAX = 16384,    /* refs that are pages */
	CORE_GROUPS_MAX = 64,      /* generations that its refs are of */
	CORE_OLDER_MAX = 64,       /* older generations in which the path had an ID */
	CORE_RECORD_MAX = 1 << 16, /* bytes of a record in a body */
	CORE_NAME_LEN = 32,
	CORE_HEAD_MAX = 1 + 1 + 8 + 32 + 2 + VERSION_MAX * 16 + 1 + CORE_GROUPS_MAX * 12 + CORE_PAGES_MAX * 32 + 1 +
	                CORE_OLDER_MAX * 40,
	CORE_BODY_MAX = 9 << 13, /* what the largest of these is padded to */
	CORE_MAX = CORE_HEAD_MAX + AEAD_NONCE_LEN + 4 + CORE_BODY_MAX + AEAD_TAG_LEN, /* bytes of the largest core */
};

/* The objects of one generation that a core needs. */
struct core_group {
	uint64_t generation;
	uint32_t n;           /* 1 or more */
	const uint8_t *names; /* n * 32 bytes, ascending, each once; the core's or the caller's */
};

/* The same path's ID in an older generation. */
struct core_older {
	uint64_t generation;
	uint8_t path_id[32];
};

/* What everybody can read. */
struct core_head {
	bool deleted;        /* a tombstone: no refs */
	bool paged;          /* the refs are pages */
	uint64_t generation; /* whose keys seal it */
	uint8_t path_id[32];
	struct version version; /* 1 to VERSION_MAX entries; core_parse() allocates them: core_clear() */
	struct core_group groups[CORE_GROUPS_MAX];
	size_t ngroups; /* ascending by generation, each once */
	struct core_older older[CORE_OLDER_MAX];
	size_t nolder; /* ascending by generation, each once, and not the core's own */
};

struct core {
	struct core_head head;
	uint8_t name[CORE_NAME_LEN]; /* SHA-256 of all its bytes */
	const uint8_t *bytes;        /* n bytes, the caller's */
	size_t n, head_n;
};

enum core_result {
	CORE_OK,
	CORE_VERSION,    /* of a format that a later lanyard writes */
	CORE_FORM,       /* not of this form, or cut short */
	CORE_GENERATION, /* of another generation than the keys */
	CORE_FORGED,     /* altered, or sealed with other keys */
	CORE_INSIDE,     /* sealed by a holder of the keys, and wrong inside: length, padding, nonce */
};
/* For a message: "was altered". */
const char *core_result_text(enum core_result result);

/* What a path is called in this generation: flat, so that the tree's shape stays unknown. path: as in a record. */
void core_path_id(const struct keys *k, const char *path, uint8_t id[32]);

/* Appends the core of a record to out. record: n bytes, 1 to CORE_RECORD_MAX, the encoded record without what the
 * head says; they name the path that head->path_id is the ID of. head->generation must be the keys'. -1, with nothing
 * appended: the head breaks its bounds above, or out is full. Equal input gives equal cores. */
int core_seal(const struct keys *k, const struct core_head *head, const void *record, size_t n, struct bytes *out);

/* Reads the head and checks the form as far as it is visible, the length of the body included: all that a vault can
 * do. c points into p. CORE_OK, CORE_VERSION or CORE_FORM; c holds nothing unless CORE_OK. core_clear() frees. */
enum core_result core_parse(struct core *c, const uint8_t *p, size_t n);
void core_clear(struct core *c);

/* Appends the record to out, after every check that the form allows. What the record says is the caller's to check:
 * that it is one, that its path is the head's (core_is_of()), and that its content's blocks are the head's refs. */
enum core_result core_open(const struct keys *k, const struct core *c, struct bytes *out);
/* Whether the head's path ID is that of the path, in the keys' generation. */
bool core_is_of(const struct keys *k, const struct core *c, const char *path);

/* Which of two cores of equal versions members and vaults keep: that of the later generation (the greater number of
 * its roster entry), then the smaller name. < 0: a; > 0: b; 0: they are the same core. */
int core_compare(const struct core *a, uint32_t a_number, const struct core *b, uint32_t b_number);

#endif
