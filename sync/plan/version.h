/* Version vectors: which changes of one path a version knows of. An entry is (writer, counter); a writer is an agent's
 * index in one of its lives (a lost index makes a new writer, so what it says can never be mistaken for something it
 * said before), a counter is that writer's sequence number at the change. Entries are sorted by writer and unique;
 * counters are never 0. Pure; any thread. */
#ifndef LANYARD_SYNC_PLAN_VERSION_H
#define LANYARD_SYNC_PLAN_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VERSION_MAX = 1024 }; /* entries; more are refused on the wire and in version_bump */

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
/* to := the entry-wise maximum of both. -1 when it would pass VERSION_MAX (to unchanged). */
int version_join(struct version *to, const struct version *other);
/* Sets writer's counter. -1 (and unchanged) when it is not greater than what is there, or would pass VERSION_MAX. */
int version_bump(struct version *v, uint64_t writer, uint64_t counter);
uint64_t version_counter(const struct version *v, uint64_t writer);
/* 16 bytes an entry, big endian, sorted: the index's form. encode returns the size written (16 * n). decode: -1 when the
 * bytes are no sorted list of unique writers with counters above 0, or more than VERSION_MAX. */
size_t version_encode(uint8_t *out, const struct version *v);
int version_decode(struct version *v, const uint8_t *p, size_t n);

#endif
