/* Rows of a sealed group: from a record and its block list to a core (sync/seal/core.h), its blocks' names and its
 * pages, and back. A content is sealed under one generation, its own, which may be older than that of the core. For
 * workers; any thread. */
#ifndef LANYARD_SYNC_SEAL_ROW_H
#define LANYARD_SYNC_SEAL_ROW_H

#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"
#include "sync/seal/core.h"
#include "sync/seal/head.h"
#include "sync/seal/page.h"
#include "sync/wire/msg.h"

enum { ROW_ENTRIES_MAX = MSG_MAX_SEALED_LIST / PAGE_ENTRY }; /* entries of a list that has no pages */

/* Generations whose keys are here. The caller's; so are the keys. */
struct row_keys {
	struct keys *const *keys; /* the latest first */
	size_t n;
};

struct row_sealed {
	struct bytes core;
	struct page_entry *list; /* the whole file, with its blocks' names; owned */
	size_t nlist;
	size_t *ends;         /* of each page, in entries of the list; owned */
	uint8_t (*pages)[32]; /* their names, in the file's order; owned */
	size_t npages;
};

/* Seals a row: now seals the core, content what the file is made of. Of the keys in `held`, the latest CORE_OLDER_MAX
 * tell which path it is to those who know it by an older generation. blocks: the file's list, if it has two blocks or
 * more. -1: the list is not that content's, or it is longer than a core can say; *out is empty then. Otherwise
 * row_sealed_clear() frees. */
int row_seal(struct row_sealed *out, const struct row_keys *held, const struct keys *now, const struct keys *content,
             const struct record *r, const struct blocklist *blocks);
void row_sealed_clear(struct row_sealed *s);
/* The same without the core: what a vault may want of the row. */
int row_name(struct row_sealed *out, const struct keys *content, const struct record *r,
             const struct blocklist *blocks);
/* Appends the content and the refs of page i, for object_seal(). -1: one of them is full. */
int row_page(const struct row_sealed *s, size_t i, struct bytes *content, struct bytes *refs);

enum row_result {
	ROW_OK,
	ROW_KEYS, /* a generation's keys are not here: it may be opened later */
	ROW_BAD,  /* it was not sealed by these rules */
};

struct row_opened {
	struct msg_arena arena;
	/* Without number; its version is the core's. Both borrow. */
	struct msg_record record;
	uint64_t generation;     /* of the content; 0: it has no objects */
	struct blocklist blocks; /* of a content of 2 to MSG_BLOCKS_INLINE_MAX, unless it has pages */
	uint8_t (*pages)[32];    /* the names of its pages, in the file's order; owned */
	size_t npages;           /* 0: it has none */
};

/* Opens a core that core_parse() has read, and which outlives *out: decrypts it, and checks that it is a record, of the
 * path that its IDs name, with just the blocks that its head says. Of pages only the names can be checked. *why, on
 * ROW_BAD: for a message, "is another path's". *out is empty unless ROW_OK; row_opened_clear() frees. */
enum row_result row_open(struct row_opened *out, const struct row_keys *held, const struct core *c, const char **why);
void row_opened_clear(struct row_opened *o);

/* Whether the n entries, in the file's order, are that content's list: lengths, number, and root. generation: of all
 * blocks in it. *blocks is the list then, and the caller's; NULL: it is not made. Of the entries names are not
 * needed. */
bool row_list_fits(const struct content *content, uint64_t generation, const struct page_entry *list, size_t n,
                   struct blocklist *blocks);
/* The same in parts: appends the blocks of these entries to *all, which has room for the content's. False: they cannot
 * be of that content, and *all has some of them. */
bool row_list_add(struct blocklist *all, const struct content *content, uint64_t generation,
                  const struct page_entry *list, size_t n);

/* What a live row is to the root of a member's head: two rows give the same if path, kind, mode, mtime, content and
 * target are the same, where they mean something; versions and cuts do not count. first: the keys of the group's first
 * generation, which all members have, so that a member's root does not depend on who sealed what when. */
void row_digest(const struct keys *first, const struct record *r, struct head_row *out);

#endif
