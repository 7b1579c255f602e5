/* What a coming part leaves to the part that takes it over: see coming.h. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/get/coming.h"
#include "sync/get/part.h"

/* A verified block, and where it is. */
struct legacy_block {
	int64_t at;
	const struct block *b;
};

static size_t legacy_count(const struct coming_legacy *legacy)
{
	const struct coming_run *run;
	size_t n = 0;

	DL_FOREACH(legacy->runs, run)
		n += run->list.n;
	return n;
}

/* In ascending order, as the runs are. */
static size_t legacy_blocks(const struct coming_legacy *legacy, struct legacy_block *out)
{
	const struct coming_run *run;
	size_t n = 0;

	DL_FOREACH(legacy->runs, run) {
		int64_t at = run->base;

		for (uint32_t i = 0; i < run->list.n; i++) {
			if (run->have[i])
				out[n++] = (struct legacy_block){ .at = at, .b = &run->list.b[i] };
			at += run->list.b[i].len;
		}
	}
	return n;
}

/* Blocks from `from` on that leave no gap reach to end. */
static bool is_covered(const struct legacy_block *had, size_t n, size_t from, int64_t at, int64_t end)
{
	for (size_t i = from; i < n && had[i].at <= at && at < end; i++)
		at = had[i].at + had[i].b->len;
	return at >= end;
}

void coming_legacy_have(const struct coming_legacy *legacy, const struct blocklist *list, uint8_t *have)
{
	struct legacy_block *had = mem_calloc(legacy_count(legacy) + 1, sizeof(*had));
	size_t n = legacy_blocks(legacy, had), at = 0;
	int64_t offset = 0;

	for (uint32_t i = 0; i < list->n; offset += list->b[i++].len) {
		const struct block *b = &list->b[i];

		while (at < n && had[at].at + had[at].b->len <= offset)
			at++;
		if (at < n && had[at].at == offset && had[at].b->len == b->len &&
		    memcmp(had[at].b->hash, b->hash, sizeof(b->hash)) == 0)
			have[i] = PART_HERE;
		else
			have[i] = is_covered(had, n, at, offset, offset + b->len) ? PART_CLAIMS : PART_LACKS;
	}
	free(had);
}

void coming_legacy_free(struct coming_legacy *legacy)
{
	struct coming_run *run, *next;

	if (legacy == NULL)
		return;
	DL_FOREACH_SAFE(legacy->runs, run, next) {
		DL_DELETE(legacy->runs, run);
		blocklist_clear(&run->list);
		free(run->at);
		free(run->have);
		free(run);
	}
	free(legacy);
}
