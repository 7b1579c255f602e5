/* Heads: what an agent signs of its state, so that two members who never meet know how far the other is, and see what
 * a vault between them withholds, forgets or shows in two ways. The form and what the comparisons prove are in
 * docs/sealed.md, Heads. No clock, no disk; any thread. */
#ifndef LANYARD_SYNC_SEAL_HEAD_H
#define LANYARD_SYNC_SEAL_HEAD_H

#include "base/bytes.h"
#include "sync/group/identity.h"

enum {
	HEAD_FORMAT = 1,
	HEAD_HAVE_MAX = 4096, /* writers that one head speaks of */
	HEAD_FIXED_LEN = 1 + 32 + PUBLIC_KEY_LEN + 8 + 8 + 8 + 8 + 1 + 8 + 32 + 8 + 32 + 2 + 32 + SIGNATURE_LEN,
	HEAD_LEN_MAX = HEAD_FIXED_LEN + HEAD_HAVE_MAX * 16,
};

/* How far rows of one writer are known: all up to this number. */
struct head_have {
	uint64_t epoch; /* the writer's */
	uint64_t seq;   /* not 0 */
};

struct head {
	struct group_id group;
	uint8_t key[PUBLIC_KEY_LEN]; /* whose head it is; its hash is the agent's ID */
	uint64_t epoch, seq;         /* its own rows: the epoch, and the last number */
	uint64_t number;             /* of this head in that epoch, from 1; durable before the head is told */
	int64_t time_s;              /* its clock's, for people */
	bool settled;                /* it waits for nothing that it has heard of */
	uint64_t generation;         /* that it seals in */
	uint8_t roster[32];          /* its roster's digest */
	uint64_t rows;               /* live rows */
	uint8_t root[32];            /* of them: head_root(); zeros: it is not told */
	struct head_have *have;      /* nhave; by epoch, each once, not its own; head_parse()'s or the caller's */
	size_t nhave;
	uint8_t previous[32]; /* the hash of its head before; zeros: its first */
	uint8_t hash[32];     /* SHA-256 of all its bytes; set by head_parse() */
};

enum head_result {
	HEAD_OK,
	HEAD_VERSION, /* of a form that a later lanyard writes */
	HEAD_FORM,    /* not of this form, or cut short */
	HEAD_OTHER,   /* another group's */
	HEAD_FORGED,  /* altered, or not signed by the agent it names */
};
/* For a message: "was altered". */
const char *head_result_text(enum head_result result);

/* Appends the head of `self`, whose key it takes instead of h->key. -1: out is full, or h breaks a bound above. */
int head_sign(const struct head *h, const struct identity *self, struct bytes *out);
/* Reads a head of this group, and checks everything that its bytes show. head_clear() frees; h is empty unless
 * HEAD_OK. Whether the agent is a member is the roster's to say. */
enum head_result head_parse(struct head *h, const struct group_id *group, const uint8_t *p, size_t n);
void head_clear(struct head *h);

/* The root of live rows: SHA-256 over (path ID, core name) of each, in the order of path IDs. rows is sorted. */
struct head_row {
	uint8_t path_id[32];
	uint8_t core[32];
};
void head_root(uint8_t root[32], struct head_row *rows, size_t n);
/* Sorts them as head_root() does. */
void head_rows_sort(struct head_row *rows, size_t n);

/* --- two heads of one agent --- */

enum head_order {
	HEAD_SAME,
	HEAD_NEWER,   /* the second follows the first */
	HEAD_OLDER,   /* the second was overtaken by the first: whoever brings it as the newest has rolled back */
	HEAD_FORKED,  /* both cannot be true of one agent with one disk: two heads under one number, or a later one that
	                 lacks what the earlier one had */
	HEAD_STRANGE, /* of different agents or groups: not comparable */
};
/* What `second` is after `first`. In another epoch, an agent's index was lost or rolled back; then the chain of
 * hashes decides, then the agent's clock. */
enum head_order head_compare(const struct head *first, const struct head *second);

/* --- the heads of two agents --- */

enum head_meeting {
	HEAD_IN_SYNC, /* theirs is settled, and nothing differs */
	HEAD_ROSTERS, /* they judge by other rosters: nothing else can be said */
	HEAD_BUSY,    /* they wait for something themselves */
	HEAD_BEHIND,  /* they know rows that we do not */
	HEAD_AHEAD,   /* we know rows that they do not */
	HEAD_APART,   /* both */
	HEAD_UNTOLD,  /* each knows all rows of the other, and one does not tell its root: it keeps only a part */
	HEAD_DIFFERS, /* either knows all rows of the other, and yet they are not equal: somebody between has shown them
	                 different ones */
};
enum head_meeting head_meet(const struct head *ours, const struct head *theirs);
/* Whether `h`'s agent has all rows of this writer up to seq. Its own epoch counts as known up to its own number. */
bool head_has(const struct head *h, uint64_t epoch, uint64_t seq);
/* Whether a's agent has all that b's has. */
bool head_covers(const struct head *a, const struct head *b);
/* Whether what a peer serves can be true after the head that it signed: rows up to served_seq of that epoch, of which
 * `rows` live, with this root. False: it has rolled back, or serves other rows than it signed. */
bool head_is_served(const struct head *signed_before, uint64_t served_epoch, uint64_t served_seq, uint64_t rows,
                    const uint8_t root[32]);

#endif
