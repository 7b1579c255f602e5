/* What a GEN entry says: see generation_entry.h. docs/sealed.md, Generations, has the fields. */
#include "sync/group/generation_entry.h"

#include <string.h>

static bool generation_ascend(const uint8_t (*names)[GENERATION_NAME_LEN], size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (memcmp(names[i - 1], names[i], GENERATION_NAME_LEN) >= 0)
			return false;
	}
	return true;
}

static bool generation_in_order(const struct generation *g)
{
	return g->number != 0 && g->nparents <= GENERATION_PARENTS_MAX && g->nexits <= GENERATION_EXITS_MAX &&
	       generation_ascend((const uint8_t(*)[GENERATION_NAME_LEN])g->parents, g->nparents) &&
	       generation_ascend((const uint8_t(*)[GENERATION_NAME_LEN])g->exits, g->nexits);
}

int generation_entry_write(struct bytes *b, const struct generation *g)
{
	if (!generation_in_order(g))
		return -1;
	bytes_append_u32(b, g->number);
	bytes_append_u8(b, g->suite);
	bytes_append_u8(b, g->policy);
	bytes_append(b, g->commitment, sizeof(g->commitment));
	bytes_append(b, g->keyring, sizeof(g->keyring));
	bytes_append_u8(b, g->nparents);
	bytes_append(b, g->parents, (size_t)g->nparents * GENERATION_NAME_LEN);
	bytes_append_u8(b, g->nexits);
	bytes_append(b, g->exits, (size_t)g->nexits * GENERATION_NAME_LEN);
	return 0;
}

static void generation_take(struct reader *r, void *out, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		memcpy(out, p, n);
}

/* A count, at most `most`, and as many names. Returns the count. */
static uint8_t generation_take_names(struct reader *r, uint8_t (*names)[GENERATION_NAME_LEN], uint8_t most)
{
	uint8_t n = reader_u8(r);

	if (n > most) {
		r->bad = true;
		return 0;
	}
	generation_take(r, names, (size_t)n * GENERATION_NAME_LEN);
	return n;
}

void generation_entry_read(struct reader *r, struct generation *g)
{
	memset(g, 0, sizeof(*g));
	g->number = reader_u32(r);
	g->suite = reader_u8(r);
	g->policy = reader_u8(r);
	generation_take(r, g->commitment, sizeof(g->commitment));
	generation_take(r, g->keyring, sizeof(g->keyring));
	g->nparents = generation_take_names(r, g->parents, GENERATION_PARENTS_MAX);
	g->nexits = generation_take_names(r, g->exits, GENERATION_EXITS_MAX);
	if (!generation_in_order(g))
		r->bad = true;
}
