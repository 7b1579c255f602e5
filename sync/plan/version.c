/* See version.h. Most functions walk two sorted arrays side by side. */
#include "sync/plan/version.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { ENTRY_SIZE = 16 };

void version_clear(struct version *v)
{
	free(v->e);
	*v = (struct version){ 0 };
}

void version_copy(struct version *to, const struct version *from)
{
	to->n = from->n;
	to->e = from->n > 0 ? mem_dup(from->e, from->n * sizeof(*from->e)) : NULL;
}

/* The first entry whose writer is not below `writer`. */
static uint32_t lower_bound(const struct version *v, uint64_t writer)
{
	uint32_t low = 0, high = v->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (v->e[mid].writer < writer)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint64_t version_counter(const struct version *v, uint64_t writer)
{
	uint32_t at = lower_bound(v, writer);

	return at < v->n && v->e[at].writer == writer ? v->e[at].counter : 0;
}

uint64_t version_greatest(const struct version *v)
{
	uint64_t greatest = 0;

	for (uint32_t i = 0; i < v->n; i++)
		greatest = v->e[i].counter > greatest ? v->e[i].counter : greatest;
	return greatest;
}

bool version_is_near(const struct version *theirs, const struct version *ours)
{
	uint64_t reach = version_greatest(ours);

	if (reach < VERSION_PLAIN_MAX)
		reach = VERSION_PLAIN_MAX;
	return version_greatest(theirs) <= reach + VERSION_LEAP_MAX;
}

/* --- which entries stay --- */

static int compare_rank(const struct version_entry *a, const struct version_entry *b)
{
	if (a->counter != b->counter)
		return a->counter < b->counter ? -1 : 1;
	return (a->writer > b->writer) - (a->writer < b->writer);
}

static int greatest_first(const void *a, const void *b)
{
	return -compare_rank(a, b);
}

/* The entry of the lowest rank; v is not empty. */
static const struct version_entry *lowest(const struct version *v)
{
	const struct version_entry *low = &v->e[0];

	for (uint32_t i = 1; i < v->n; i++) {
		if (compare_rank(&v->e[i], low) < 0)
			low = &v->e[i];
	}
	return low;
}

void version_fit(struct version *v)
{
	struct version_entry *sorted, floor;
	uint32_t n = 0;

	if (v->n <= VERSION_MAX)
		return;
	sorted = mem_dup(v->e, v->n * sizeof(*v->e));
	qsort(sorted, v->n, sizeof(*sorted), greatest_first);
	floor = sorted[VERSION_MAX - 1];
	free(sorted);
	for (uint32_t i = 0; i < v->n; i++) {
		if (compare_rank(&v->e[i], &floor) >= 0)
			v->e[n++] = v->e[i];
	}
	v->n = n;
}

/* --- order --- */

/* Compares the entries alone, without marks. */
static enum version_order compare_entries(const struct version *a, const struct version *b)
{
	uint32_t i = 0, j = 0;
	bool a_more = false, b_more = false;

	while (i < a->n && j < b->n) {
		const struct version_entry *x = &a->e[i], *y = &b->e[j];

		if (x->writer == y->writer) {
			a_more |= x->counter > y->counter;
			b_more |= x->counter < y->counter;
			i++;
			j++;
		} else if (x->writer < y->writer) {
			a_more = true;
			i++;
		} else {
			b_more = true;
			j++;
		}
	}
	a_more |= i < a->n;
	b_more |= j < b->n;
	if (a_more)
		return b_more ? VERSION_CONCURRENT : VERSION_NEWER;
	return b_more ? VERSION_OLDER : VERSION_EQUAL;
}

/* The writer that stands for "knows all of v". An agent that invents one claims no more than it could by listing v's
 * entries. */
static uint64_t mark_of(const struct version *v)
{
	uint8_t bytes[VERSION_MAX * ENTRY_SIZE], hash[SHA256_SIZE];

	sha256(hash, bytes, version_encode(bytes, v));
	return get_u64(hash);
}

/* Whether joining a to b, a full vector, would change nothing in b. */
static bool adds_nothing(const struct version *a, const struct version *b)
{
	const struct version_entry *floor = lowest(b);

	for (uint32_t i = 0; i < a->n; i++) {
		if (version_counter(b, a->e[i].writer) < a->e[i].counter && compare_rank(&a->e[i], floor) > 0)
			return false;
	}
	return true;
}

/* Whether b is a change on top of a that has lost some of a's entries. The first condition is what makes members only
 * move up: without it a made-up mark could lead them down, and round in circles. */
static bool was_folded_into(const struct version *a, const struct version *b)
{
	return adds_nothing(a, b) && version_counter(b, mark_of(a)) > 0;
}

enum version_order version_compare(const struct version *a, const struct version *b)
{
	enum version_order order = compare_entries(a, b);

	if (order != VERSION_CONCURRENT || a->n != VERSION_MAX || b->n != VERSION_MAX)
		return order;
	if (was_folded_into(a, b))
		return VERSION_OLDER;
	return was_folded_into(b, a) ? VERSION_NEWER : order;
}

/* --- going on --- */

/* How many writers have an entry in a or b. */
static uint32_t union_size(const struct version *a, const struct version *b)
{
	uint32_t i = 0, j = 0, n = 0;

	while (i < a->n && j < b->n) {
		uint64_t x = a->e[i].writer, y = b->e[j].writer;

		i += x <= y;
		j += y <= x;
		n++;
	}
	return n + (a->n - i) + (b->n - j);
}

/* Merges two sorted lists; of a writer in both the greater counter counts. */
bool version_join(struct version *to, const struct version *other)
{
	uint32_t n = union_size(to, other), i = 0, j = 0;
	struct version_entry *e;

	if (n == 0)
		return false;
	e = mem_calloc(n, sizeof(*e));
	for (uint32_t k = 0; k < n; k++) {
		if (j == other->n || (i < to->n && to->e[i].writer < other->e[j].writer)) {
			e[k] = to->e[i++];
		} else if (i == to->n || other->e[j].writer < to->e[i].writer) {
			e[k] = other->e[j++];
		} else {
			e[k] = to->e[i].counter > other->e[j].counter ? to->e[i] : other->e[j];
			i++;
			j++;
		}
	}
	free(to->e);
	to->e = e;
	to->n = n;
	version_fit(to);
	return n > VERSION_MAX;
}

/* counter is greater than the writer's present one. */
static void set_counter(struct version *v, uint64_t writer, uint64_t counter)
{
	uint32_t at = lower_bound(v, writer);

	if (at < v->n && v->e[at].writer == writer) {
		v->e[at].counter = counter;
		return;
	}
	v->e = mem_realloc(v->e, v->n + 1, sizeof(*v->e));
	memmove(&v->e[at + 1], &v->e[at], (v->n - at) * sizeof(*v->e));
	v->e[at] = (struct version_entry){ .writer = writer, .counter = counter };
	v->n++;
}

/* The stamp is as great as the greatest counter, so that it outlives most entries; and not greater, so that it is the
 * same in whatever order versions are joined. */
void version_stamp(struct version *v, uint64_t content)
{
	uint64_t counter = 0;

	for (uint32_t i = 0; i < v->n; i++) {
		if (v->e[i].writer != content && v->e[i].counter > counter)
			counter = v->e[i].counter;
	}
	if (version_counter(v, content) < counter)
		set_counter(v, content, counter);
	version_fit(v);
}

int version_bump(struct version *v, uint64_t writer, uint64_t counter)
{
	uint64_t before = version_counter(v, writer);

	if (counter <= before || (before == 0 && v->n >= VERSION_MAX))
		return -1;
	set_counter(v, writer, counter);
	return 0;
}

/* Both new entries are above all others, so they outlive the next changes. */
int version_fold(struct version *v, uint64_t fresh)
{
	uint64_t counter = version_greatest(v), mark = mark_of(v);

	if (counter >= VERSION_COUNTER_MAX)
		return -1;
	set_counter(v, mark, counter + 1);
	set_counter(v, fresh, counter + 1);
	version_fit(v);
	return 0;
}

size_t version_encode(uint8_t *out, const struct version *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		put_u64(out + i * ENTRY_SIZE, v->e[i].writer);
		put_u64(out + i * ENTRY_SIZE + 8, v->e[i].counter);
	}
	return (size_t)v->n * ENTRY_SIZE;
}

/* The length is checked before anything is allocated: the bytes come from outside. */
int version_decode(struct version *v, const uint8_t *p, size_t n)
{
	struct version out = { 0 };

	*v = out;
	if (n % ENTRY_SIZE != 0 || n / ENTRY_SIZE > VERSION_STORED_MAX)
		return -1;
	if (n == 0)
		return 0;
	out.n = (uint32_t)(n / ENTRY_SIZE);
	out.e = mem_calloc(out.n, sizeof(*out.e));
	for (uint32_t i = 0; i < out.n; i++) {
		struct version_entry *e = &out.e[i];

		e->writer = get_u64(p + i * ENTRY_SIZE);
		e->counter = get_u64(p + i * ENTRY_SIZE + 8);
		if (e->counter == 0 || (i > 0 && e->writer <= e[-1].writer))
			goto clear_out;
	}
	*v = out;
	return 0;

clear_out:
	version_clear(&out);
	return -1;
}
