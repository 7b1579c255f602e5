/* Version vectors as sorted arrays: see version.h. All of it walks two sorted lists side by side. */
#include "sync/plan/version.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

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

enum version_order version_compare(const struct version *a, const struct version *b)
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

/* How many writers both know together. */
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

int version_join(struct version *to, const struct version *other)
{
	uint32_t n = union_size(to, other), i = 0, j = 0;
	struct version_entry *e;

	if (n > VERSION_MAX)
		return -1;
	if (n == 0)
		return 0;
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
	return 0;
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

int version_bump(struct version *v, uint64_t writer, uint64_t counter)
{
	uint32_t at = lower_bound(v, writer);

	if (at < v->n && v->e[at].writer == writer) {
		if (counter <= v->e[at].counter)
			return -1;
		v->e[at].counter = counter;
		return 0;
	}
	if (counter == 0 || v->n >= VERSION_MAX)
		return -1;
	v->e = mem_realloc(v->e, v->n + 1, sizeof(*v->e));
	memmove(&v->e[at + 1], &v->e[at], (v->n - at) * sizeof(*v->e));
	v->e[at] = (struct version_entry){ .writer = writer, .counter = counter };
	v->n++;
	return 0;
}

uint64_t version_counter(const struct version *v, uint64_t writer)
{
	uint32_t at = lower_bound(v, writer);

	return at < v->n && v->e[at].writer == writer ? v->e[at].counter : 0;
}

size_t version_encode(uint8_t *out, const struct version *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		put_u64(out + i * ENTRY_SIZE, v->e[i].writer);
		put_u64(out + i * ENTRY_SIZE + 8, v->e[i].counter);
	}
	return (size_t)v->n * ENTRY_SIZE;
}

int version_decode(struct version *v, const uint8_t *p, size_t n)
{
	struct version out = { 0 };

	*v = out;
	if (n % ENTRY_SIZE != 0 || n / ENTRY_SIZE > VERSION_MAX)
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
