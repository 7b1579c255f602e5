/* Key files: an agent's identity and the keys of its groups, under a passphrase, for the day when its disk is lost;
 * and the same on paper, with less in it. The form is in docs/sealed.md, Key files. A worker's work: scrypt takes
 * half a second and 128 MiB. Any thread. */
#ifndef LANYARD_SYNC_SEAL_EXPORT_H
#define LANYARD_SYNC_SEAL_EXPORT_H

#include "base/bytes.h"
#include "sync/group/identity.h"
#include "sync/group/roster.h"

enum {
	EXPORT_GROUPS_MAX = 256,
	EXPORT_ADDRESSES_MAX = 16, /* of one group */
	EXPORT_ADDRESS_MAX = 80,   /* with its NUL */
	EXPORT_SHARE_MAX = 256,    /* of the path of a share, with its NUL */
	EXPORT_HEADS_MAX = 1024,   /* of one group, read ... */
	EXPORT_VAULTS_MAX = 16,    /* ... and written: those of its vaults */
	EXPORT_SALT_LEN = 32,
	EXPORT_KEYS_LEN = 64,       /* that scrypt makes: one for AES-256-GCM, one for HMAC */
	EXPORT_PLAIN_MAX = 1 << 18, /* bytes of the content: it has to fit into the secure heap */
	EXPORT_HEAD = 8 + 1 + 4 + 4 + EXPORT_SALT_LEN + 32 + 4,
	EXPORT_MAX = EXPORT_HEAD + EXPORT_PLAIN_MAX + 16 + 32, /* bytes of the largest file */
	EXPORT_LINE = 25,                                      /* bytes in a line of paper */
};

/* What scrypt costs (RFC 7914): 128 * r * 2^log2_n bytes of memory. */
struct export_cost {
	uint8_t log2_n; /* 1 to EXPORT_LOG2_N_MAX */
	uint32_t r, p;  /* 1 to EXPORT_R_MAX, EXPORT_P_MAX */
};
enum {
	EXPORT_LOG2_N = 17, /* of new files */
	EXPORT_R = 8,
	EXPORT_P = 1,
	EXPORT_LOG2_N_MAX = 19, /* a file that asks for more is refused before any work: 512 MiB, and seconds */
	EXPORT_R_MAX = 8,
	EXPORT_P_MAX = 1,
};

/* The newest head that an agent was seen to sign (sync/seal/head.h): an older one is a rollback. */
struct export_head {
	uint8_t key[PUBLIC_KEY_LEN];
	uint64_t epoch, seq, number;
	uint8_t hash[32];
};

struct export_group {
	struct group_id id;
	char name[GROUP_NAME_MAX + 1];
	bool on_demand;               /* this agent keeps what is chosen, not everything */
	char share[EXPORT_SHARE_MAX]; /* where its files were; "": not said, as on paper */
	uint8_t *keyring;             /* keyring_n bytes: keyring_encode()'s; NULL: none */
	size_t keyring_n;
	char (*addresses)[EXPORT_ADDRESS_MAX]; /* naddresses; HOST:PORT, where members or vaults may be found */
	size_t naddresses;
	struct export_head *heads; /* nheads */
	size_t nheads;
	struct roster_mark marks[ROSTER_MAX_OWNERS]; /* what a roster must show: an older one is a former member's */
	size_t nmarks;
};

struct export_content {
	uint8_t seed[32]; /* the identity's */
	struct export_group *groups;
	size_t ngroups;
};

enum export_result {
	EXPORT_OK,
	EXPORT_OTHER,      /* not a key file */
	EXPORT_VERSION,    /* of a form that a later lanyard writes */
	EXPORT_DAMAGED,    /* cut short or altered: its checksum, or a line's check, does not fit */
	EXPORT_COST,       /* asks for more memory or work than a key file may */
	EXPORT_PASSPHRASE, /* undamaged, and not under this passphrase */
	EXPORT_INSIDE,     /* the passphrase is right, and the content is none */
	EXPORT_MEMORY,     /* the secure heap is full, or scrypt did not get its memory */
	EXPORT_FULL,       /* the content breaks a bound above */
};
/* For a message: "is damaged". */
const char *export_result_text(enum export_result result);

/* Appends a key file to out. paper: without keyrings and heads, which a member or vault gives again, and without the
 * paths of shares. passphrase: as it was typed, in UTF-8; not empty. */
enum export_result export_seal(const struct export_content *c, bool paper, const char *passphrase,
                               const struct export_cost *cost, struct bytes *out);
/* All that can be checked without the passphrase: OTHER, VERSION, DAMAGED, COST or OK. */
enum export_result export_sound(const uint8_t *p, size_t n);
/* Opens one. *c is fresh, in the secure heap as far as it is secret: export_content_free(). NULL unless EXPORT_OK.
 * What the file says of its cost is bounded before scrypt runs, and everything is checked before anything is
 * returned. */
enum export_result export_open(struct export_content **c, const char *passphrase, const uint8_t *p, size_t n);
/* An empty one with room for this number of groups, zeroed. NULL: the secure heap is full. */
struct export_content *export_content_new(size_t ngroups);
void export_content_free(struct export_content *c);

/* A key file as lines to print: number, 40 digits in fives, 4 check digits. Fresh text. */
char *export_paper(const uint8_t *p, size_t n);
/* Reads such lines back, as they were typed: case, spaces, dashes, empty lines and those that begin with # do not
 * matter, nor 0, 1 and 8 for the letters that they look like. Appends the file to out. EXPORT_DAMAGED sets *line to
 * the number of the line that is wrong or missing; 0: all lines are right, and the whole is not. */
enum export_result export_unpaper(const char *text, struct bytes *out, size_t *line);

/* scrypt. -1: parameters outside of RFC 7914, or no memory. */
int export_stretch(uint8_t *out, size_t n, const char *passphrase, const void *salt, size_t salt_n,
                   const struct export_cost *cost);

#endif
