/* Version vectors: which changes of one path a version knows. An entry is (writer, counter). A writer is an agent in
 * one epoch: an agent that loses its index becomes another writer, so nothing that it announces then can be mistaken
 * for something that it announced before. A counter is the writer's sequence number at the change. Entries are sorted
 * by writer and unique; counters are never 0. Pure; any thread.
 *
 * A vector has a bounded number of entries, however many writers there were. A longer one is folded: the entries with
 * the greatest counters stay (of equal ones those with the greater writers). That depends on the entries alone, so a
 * join gives the same on every member, in whatever order versions are joined, and nothing ever makes a vector smaller.
 *
 * A folded version knows less than it might. It can be taken for concurrent with one that it had known, which costs a
 * needless conflict copy. It must never be taken for newer than one that it had not known. So a folded join names the
 * content that it goes with (version_stamp()), and a change on top of a full vector (version_fold()) gets an entry
 * above all others. That change also gets a mark, an entry named by the hash of the full vector, so that an agent which
 * has just that vector sees that the change knew it. */
#ifndef LANYARD_SYNC_PLAN_VERSION_H
#define LANYARD_SYNC_PLAN_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VERSION_MAX = 128,         /* entries; a longer vector is refused on the wire, and folded everywhere else */
	VERSION_STORED_MAX = 1024, /* entries that a row of an earlier release may have */
};

/* A counter that is the number of a row is below this. Only folding goes beyond, one step per change. */
#define VERSION_PLAIN_MAX ((uint64_t)1 << 48)
/* How far a version from the wire may be beyond both that and the row that it meets. A peer that could leap to the
 * greatest counter could make a version that nobody can change any more. */
#define VERSION_LEAP_MAX    ((uint64_t)1 << 24)
#define VERSION_COUNTER_MAX ((uint64_t)INT64_MAX)

struct version_entry {
	uint64_t writer;
	uint64_t counter;
};

struct version {
	uint32_t n;
	struct version_entry *e; /* owned; NULL when n is 0 */
};

enum version_order { VERSION_EQUAL, VERSION_NEWER, VERSION_OLDER, VERSION_CONCURRENT };

void version_clear(struct version *v);
/* `to` is overwritten, not cleared first. */
void version_copy(struct version *to, const struct version *from);
/* What a is, compared with b: NEWER if a knows all that b knows, and more. */
enum version_order version_compare(const struct version *a, const struct version *b);
/* `to` becomes the entry-wise maximum of both. True if it had to be folded: then the caller must call
 * version_stamp(). */
bool version_join(struct version *to, const struct version *other);
/* Enters the content that a folded version goes with. content: a number that stands for it (record_join()). Doing it
 * twice changes nothing more. */
void version_stamp(struct version *v, uint64_t content);
/* Sets the writer's counter. -1, with v unchanged, if the counter is not greater than the present one, or the vector is
 * full and has no entry of the writer: then version_fold() is the way on. */
int version_bump(struct version *v, uint64_t writer, uint64_t counter);
/* A change on top of a full vector by a writer that has no entry in it. fresh: a writer that was never used. -1, with v
 * unchanged, if there is no greater counter. */
int version_fold(struct version *v, uint64_t fresh);
/* Folds a vector that an older lanyard wrote to VERSION_MAX entries. */
void version_fit(struct version *v);
/* The writer's counter; 0: it has no entry. */
uint64_t version_counter(const struct version *v, uint64_t writer);
/* The greatest counter; 0 if v is empty. */
uint64_t version_greatest(const struct version *v);
/* Whether theirs, from the wire, is not further beyond ours (empty: we have no row) than VERSION_LEAP_MAX allows. */
bool version_is_near(const struct version *theirs, const struct version *ours);
/* Writes the form that the index stores: 16 bytes per entry, big endian, sorted. Returns the size, 16 * n. */
size_t version_encode(uint8_t *out, const struct version *v);
/* Reads it. -1 if the bytes are not a sorted list of unique writers with counters above 0, or have more than
 * VERSION_STORED_MAX entries. */
int version_decode(struct version *v, const uint8_t *p, size_t n);

#endif
