/* Objects of vaults: shared by the files that give and get them, which stand in this order; no other includes it.
 *
 * keeping_names.c, keeping_leaves.c and keeping_give.c: what a vault wants of our rows; keeping_ask.c: single objects
 * that were asked of a vault; keeping_patch.c: blocks that it has as patches; keeping_list.c: block lists, of which it
 * has the pages; keeping_get.c: blocks, and all of it together. */
#ifndef LANYARD_SYNC_KEEPING_KEEPING_OBJECTS_INTERNAL_H
#define LANYARD_SYNC_KEEPING_KEEPING_OBJECTS_INTERNAL_H

#include <uthash.h>

#include "sync/index/index_sealed.h"
#include "sync/keeping/keeping_internal.h"
#include "sync/seal/patch.h"

/* --- keeping_names.c: what the objects of a row are called --- */

enum { KEEPING_NAMES_SHORT = 64 }; /* blocks of a row whose names are soon made */

struct keeping_name;

/* Counted: the loop's, and while it is not made a worker's. */
struct keeping_names {
	uint64_t seq, generation;
	int refs;
	bool made; /* false: a worker is at it */
	bool bad;  /* its list does not fit: nothing of it can be given */
	struct keys *keys;
	struct record row;
	struct blocklist list; /* until it is made */
	struct row_sealed sealed;
	int64_t *offsets;                    /* of the entries, in the content */
	struct keeping_name *blocks, *pages; /* in the order of their names; `sealed` says how many pages */
	size_t nblocks;
	struct keeping_names *prev, *next; /* of those that keeping_give.c keeps */
};
/* Those of our row `seq`, sealed in this generation. Fresh, with one reference; NULL: there is no such row, or no keys.
 * done is called later unless it is made already; never from inside this. */
struct keeping_names *keeping_names_new(struct keeping *k, uint64_t seq, uint64_t generation, void (*done)(void *arg),
                                        void *arg);
struct keeping_names *keeping_names_ref(struct keeping_names *n);
void keeping_names_unref(struct keeping_names *n); /* NULL is allowed */
/* About how much memory it has. */
size_t keeping_names_bytes(const struct keeping_names *n);
/* The entry of the list, or the number of the page, that is called so; -1: none is. A patch has its block's name. */
int64_t keeping_names_find(const struct keeping_names *n, uint8_t kind, const uint8_t name[32]);
/* The block that an entry stands for, to be read. */
struct block_want keeping_names_block(const struct keeping_names *n, size_t entry);

/* --- keeping_leaves.c: what patches are made of --- */

struct keeping_leaves {
	uint8_t key[PATCH_KEY];
	uint8_t *digests; /* owned; NULL: nothing is to be noted */
	size_t n;         /* bytes of them; 0: they are not made */
};
/* For a block of this content. A file of one block is small and is given whole, and so is a block of which no leaf is
 * little enough: nothing is to be noted of these. */
void keeping_leaves_begin(struct keeping *k, struct keeping_leaves *l, const struct content *c,
                          const struct block_want *block);
/* Any thread. */
void keeping_leaves_make(struct keeping_leaves *l, int64_t offset, const uint8_t *block, uint32_t len);
/* The vault has the block whole, sealed in this generation, as part of the file at this path (NULL: of none). */
void keeping_leaves_note(struct keeping *k, const struct keeping_leaves *l, uint64_t vault, const char *path,
                         const struct block_want *block, uint64_t generation);
void keeping_leaves_free(struct keeping_leaves *l);
/* n notes as patch_make() takes them, whose leaves stay the notes'. */
void keeping_leaves_known(struct patch_known *known, const struct index_base *bases, size_t n);

/* --- keeping_ask.c: objects that were asked of a vault --- */

struct keeping_list;
struct keeping_due;
struct keeping_opening;
struct keeping_patched;

/* What a vault is asked for; until the last of its jobs is back. */
struct keeping_wanted {
	struct keeping *k;
	struct keeping_vault *v; /* NULL: it is gone */
	int jobs;                /* that workers have */
	struct keeping_keys *keys;
	uint32_t number; /* the last one */

	struct keeping_ask *asks;     /* by their numbers; owned */
	struct keeping_ask *requests; /* of these, those of blocks, by the requests that they answer */
	size_t nasks, bytes;          /* bytes: of the blocks in them */
	size_t opening;               /* bytes of objects that workers have */
	size_t late;                  /* answers that may come and that nobody waits for */

	/* keeping_patch.c: by the requests that they answer, owned; those of them that wait for memory; and the bytes
	 * of those that do not. */
	struct keeping_patched *patched, *patches_waiting;
	size_t patching;
	struct keeping_list *lists; /* owned; keeping_list.c */
	struct keeping_due *due;    /* answers that need no vault; owned; keeping_get.c */
	struct loop_timer *soon;
};

/* What came of it, for the call. */
struct keeping_opened {
	struct slab content; /* the callee may take it; SHA-256 `sha` */
	uint8_t sha[32];
	/* The content is that of a patch, is well-formed, and makes a block of the length that is wanted. Its bases are
	 * called so, in its own order, and sealed with these keys. nbases 0: it is what was asked for. */
	const struct object_ref *bases;
	struct keys *const *base_keys;
	uint32_t nbases;
	const struct keeping_leaves *leaves; /* of the block that was asked for; NULL: it is none */
};

struct keeping_ask {
	uint32_t number; /* between us and the vault */
	struct keeping_wanted *get;
	uint8_t kind; /* OBJECT_BLOCK or OBJECT_PAGE */
	struct object_ref ref;
	struct keys *keys;               /* a reference */
	size_t bytes;                    /* that the window counts */
	struct keeping_opening *opening; /* a worker has it; NULL: the vault is to answer */
	/* Called once, unless it is cancelled, when the ask is over and about to be freed. NULL: the vault does not
	 * have the object, or it did not open. */
	void (*done)(struct keeping_ask *a, struct keeping_opened *o);
	UT_hash_handle hh;

	/* Of a block: */
	bool whole; /* no patch will do: an older lanyard does not know what that is */
	uint32_t request;
	struct content content;
	struct block_want want;
	UT_hash_handle hh_request;
	/* Of a block that another is a patch of, its base of this number, and that answers no request; NULL: of none.
	 * It may not be a patch itself. */
	struct keeping_patched *patched;
	uint32_t base;
	/* Of a page: */
	struct keeping_list *list;
	size_t page;
};
/* A new one, without kind and what follows it, which the caller sets before keeping_ask_send(). */
struct keeping_ask *keeping_ask_new(struct keeping_wanted *g, struct keys *keys);
/* Sends n of them, at most MSG_MAX_OBJECTS. */
void keeping_ask_send(struct keeping_wanted *g, struct keeping_ask *const *asks, size_t n);
/* Takes them back, and frees them; n as above. */
void keeping_ask_cancel(struct keeping_wanted *g, struct keeping_ask *const *asks, size_t n);
/* The vault's answer to one. */
void keeping_ask_answered(struct keeping_wanted *g, const struct msg_object *m);
/* It has given an object that no honest member seals, or that its disk has altered: "gave an object that <what>". */
void keeping_ask_bad(struct keeping_wanted *g, uint8_t kind, const struct object_ref *ref, const char *what);
/* The vault is gone: frees all of them. */
void keeping_ask_drop_all(struct keeping_wanted *g);
/* Frees g if it has no vault and no jobs. */
void keeping_ask_free_if_over(struct keeping_wanted *g);

/* --- keeping_patch.c: blocks that a vault has as patches --- */

/* Makes the block that `a` asked for of a patch: o, of which it takes the content. done is called later, once, unless
 * that is cancelled; no bytes: it cannot be had. */
void keeping_patch_begin(struct keeping_wanted *g, const struct keeping_ask *a, struct keeping_opened *o,
                         void (*done)(struct keeping_wanted *g, uint32_t request, struct slab *bytes));
/* Takes the request back. False: none of these has it. */
bool keeping_patch_cancel(struct keeping_wanted *g, uint32_t request);
void keeping_patch_drop_all(struct keeping_wanted *g);

/* --- keeping_list.c: block lists --- */

/* Asks for what is missing of the content's list, and answers the request then. sealed: how the content is. False: it
 * cannot be had; nothing was begun. */
bool keeping_list_want(struct keeping_wanted *g, uint32_t request, const struct content *c, uint32_t first,
                       const struct index_sealed *sealed);
/* Answers with the part of a list that is here whole. False: it is not. */
bool keeping_list_answer(struct keeping_wanted *g, uint32_t request, const struct content *c, uint32_t first);
/* Whether a list that is here whole has block `first`. */
bool keeping_list_has(const struct keeping_wanted *g, const struct content *c, uint32_t first);
/* Takes the request back. False: no list has it. */
bool keeping_list_cancel(struct keeping_wanted *g, uint32_t request);
void keeping_list_drop_all(struct keeping_wanted *g);

#endif
