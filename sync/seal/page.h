/* Pages: the block lists of files that have too many blocks for a record's body. A page is an object
 * (sync/seal/object.h) whose content is a part of the list, in the file's order, and whose refs are the blocks in it,
 * sorted, so that a vault learns what is needed and not in which order. Pages end where the list's content says, so
 * an edit makes one or two of them new. The form is in docs/sealed.md, Pages. Any thread. */
#ifndef LANYARD_SYNC_SEAL_PAGE_H
#define LANYARD_SYNC_SEAL_PAGE_H

#include "base/bytes.h"
#include "sync/seal/keyring.h"
#include "sync/seal/object.h"

enum {
	PAGE_LEAST = 64,         /* entries, except of the last one */
	PAGE_MAX = 512,          /* entries that are blocks: an object has room for as many refs */
	PAGE_END_MASK = 0x7f,    /* a page ends behind a block whose name's last byte has these bits all zero */
	PAGE_ENTRIES_MAX = 1024, /* with the zeros between them */
	PAGE_ENTRY = 8 + 4 + 32, /* bytes of one entry */
};

/* One block, or a run of blocks of zeros, which have no objects. */
struct page_entry {
	uint64_t generation; /* whose keys seal the block; 0: zeros */
	uint32_t len;        /* of the block; of each block of zeros */
	uint32_t count;      /* 1; of zeros how many blocks, 1 or more: no two runs of one length in a row */
	uint8_t sha[32];     /* SHA-256 of the plain block; of zeros not used */
	uint8_t name[32];    /* of its object: page_name() */
};

/* The form of a list: PAGE_ENTRY bytes per entry. -1, with nothing appended: not one list's entries (a length that no
 * block has, a run of zeros in pieces, more bytes than a file has), or out is full. */
int page_list_encode(const struct page_entry *list, size_t n, struct bytes *out);
/* Reads one; names stay zero. Fresh memory of *n entries, at most `most`. NULL: malformed, none, or entries that
 * page_list_encode() would not have written. */
struct page_entry *page_list_decode(const uint8_t *p, size_t size, size_t most, size_t *n);

/* Sets the names of the n entries, from the keys in the ring. -1: the keys of a generation are not in it. */
int page_name(const struct keyring *ring, struct page_entry *list, size_t n);
/* How many of the n entries, which have their names, the first page takes; 0 for n = 0. */
size_t page_split(const struct page_entry *list, size_t n);
/* Appends a page's content and its refs (OBJECT_REF bytes each) to the two. -1: not one page's entries: none, more
 * than there may be, no block among them, or a run of zeros in pieces. */
int page_encode(const struct page_entry *list, size_t n, struct bytes *content, struct bytes *refs);
/* Reads the content of an opened page; names stay zero. Fresh memory of *n entries. NULL: malformed, or entries that
 * page_encode() would not have written. */
struct page_entry *page_decode(const uint8_t *content, size_t size, size_t *n);
/* Whether the object's head has just the refs that the entries, which have their names, need. A vault that served
 * other refs, or a writer that hid one, would have members keep a file that cannot be restored. */
bool page_has_refs(const struct page_entry *list, size_t n, const struct object_head *head);

#endif
