/* Version vectors: which changes of one path a version knows of. An entry is (writer, counter); a writer is an agent's
 * index in one of its lives (a lost index makes a new writer, so what it says can never be mistaken for something it
 * said before), a counter is that writer's sequence number at the change. Entries are sorted by writer and unique;
 * counters are never 0. Pure; any thread.
 *
 * A vector has a bounded number of entries, however many writers there were. Where more come together it is folded: the
 * entries with the greatest counters stay (of equal ones those with the greater writers). Which these are depends on
 * the entries alone, so a join comes out the same on every member, in whatever order things are joined, and nothing
 * ever takes a vector down. What was folded knows less than it might: it can be taken for concurrent with what it had
 * known, which makes a conflict copy too many. It must never be taken for newer than what it had not known; so a folded
 * join names the content that it goes with (version_stamp), and a change on top of a full vector (version_fold) gets an
 * entry above all others. That one also gets a mark, an entry named by the hash of the full vector, so that whoever has
 * just that one sees that it was known. */
#ifndef LANYARD_SYNC_PLAN_VERSION_H
#define LANYARD_SYNC_PLAN_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VERSION_MAX = 128,         /* entries; more are refused on the wire, and folded everywhere else */
	VERSION_STORED_MAX = 1024, /* entries that an index of an earlier release may hold */
};

/* Counters that are numbers of a row stay below this. Only what was folded goes beyond, one step for each change. */
#define VERSION_PLAIN_MAX ((uint64_t)1 << 48)
/* How far a version from the wire may be beyond both that and the row it meets: whoever could leap to the greatest
 * counter there is would make a version that nobody can go on from. */
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
void version_copy(struct version *to, const struct version *from); /* `to` is overwritten, not cleared */
/* What a is, seen from b: NEWER when a knows all that b knows and more. */
enum version_order version_compare(const struct version *a, const struct version *b);
/* to := the entry-wise maximum of both. True when it had to be folded: then version_stamp has to follow. */
bool version_join(struct version *to, const struct version *other);
/* Enters the content that a folded version goes with, by a number that stands for it (record_join). Once and again are
 * the same. */
void version_stamp(struct version *v, uint64_t content);
/* Sets writer's counter. -1 (and unchanged) when it is not greater than what is there, or would pass VERSION_MAX: then
 * version_fold is the way on. */
int version_bump(struct version *v, uint64_t writer, uint64_t counter);
/* A change on top of a full vector by a writer that it has no entry of. fresh: a writer number that was never used. -1
 * (and unchanged) when there is no greater counter. */
int version_fold(struct version *v, uint64_t fresh);
/* Leaves VERSION_MAX entries, of a vector read from an older index. */
void version_fit(struct version *v);
uint64_t version_counter(const struct version *v, uint64_t writer);
uint64_t version_greatest(const struct version *v); /* counter; 0 when empty */
/* Whether theirs, from the wire, may meet ours (empty: no row): VERSION_LEAP_MAX. */
bool version_is_near(const struct version *theirs, const struct version *ours);
/* 16 bytes an entry, big endian, sorted: the index's form. encode returns the size written (16 * n). decode: -1 when
 * the bytes are no sorted list of unique writers with counters above 0, or more than VERSION_STORED_MAX. */
size_t version_encode(uint8_t *out, const struct version *v);
int version_decode(struct version *v, const uint8_t *p, size_t n);

#endif
