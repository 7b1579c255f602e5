/* What the next generation says, and which writer signs it first: see generation.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/generation_internal.h"

bool generation_is_due(const struct generation_judgement *j, const struct generation_writer *w)
{
	if (j->state == GENERATION_LATER || j->state == GENERATION_UNFIT)
		return j->state == GENERATION_UNFIT;
	/* An owner may begin; a member goes on from what the departed left. */
	if (j->state == GENERATION_NONE && w->owner)
		return true;
	for (size_t i = 0; i < j->facts.ngens; i++) {
		if (j->nodes[i].whole && !generation_has(j->vouched, i) &&
		    w->held(w->arg, generation_id(j->nodes[i].g)))
			return true;
	}
	return false;
}

/* Sets tips to nodes that count or are held, and that none of the others descends from; the newest first. Returns how
 * many, at most GENERATION_PARENTS_MAX. */
static size_t generation_tips(const struct generation_judgement *j, const struct generation_writer *w,
                              size_t tips[GENERATION_PARENTS_MAX])
{
	uint64_t *behind = mem_calloc(j->node_words, sizeof(behind[0]));
	size_t n = 0;

	/* From the newest on: what is behind none of those before is a tip. The current one is never left out. */
	for (size_t i = j->facts.ngens; i-- > 0;) {
		const struct generation_node *node = &j->nodes[i];

		if (!node->whole || generation_has(behind, i) ||
		    !(node->counts || w->held(w->arg, generation_id(node->g))))
			continue;
		generation_unite(behind, node->line, j->node_words);
		if (n < GENERATION_PARENTS_MAX)
			tips[n++] = i;
		else if (i == j->current)
			tips[n - 1] = i;
	}
	free(behind);
	return n;
}

static int generation_names(const void *a, const void *b)
{
	return memcmp(a, b, GENERATION_NAME_LEN);
}

/* Whether a member's entry over these would be a beginning, which is an owner's to make. */
static bool generation_begins(const struct generation_judgement *j, const uint64_t *line)
{
	for (size_t i = 0; i < j->facts.ngens; i++) {
		if (generation_has(line, i) && (j->nodes[i].counts || j->nodes[i].silent))
			return false;
	}
	return true;
}

/* Sets suite and policy to those of the entry that the next one continues. Nobody changes them by saying nothing. */
static void generation_continue(const struct generation_judgement *j, const uint64_t *line, struct generation *next)
{
	size_t heir = generation_heir(j, line);

	next->suite = heir != j->facts.ngens ? j->nodes[heir].g->suite : j->suite;
	next->policy = heir != j->facts.ngens ? j->nodes[heir].g->policy : 0;
}

int generation_next(const struct generation_judgement *j, const struct generation_writer *w, struct generation *next)
{
	uint64_t *line = mem_calloc(j->node_words, sizeof(line[0]));
	uint64_t *covered = mem_calloc(j->exit_words, sizeof(covered[0]));
	size_t tips[GENERATION_PARENTS_MAX];
	int rc = 0;

	memset(next, 0, sizeof(*next));
	next->nparents = (uint8_t)generation_tips(j, w, tips);
	for (size_t i = 0; i < next->nparents; i++) {
		const struct generation_node *node = &j->nodes[tips[i]];

		if (node->g->number > next->number)
			next->number = node->g->number;
		memcpy(next->parents[i], node->g->name, GENERATION_NAME_LEN);
		generation_unite(line, node->line, j->node_words);
		generation_unite(covered, node->covered, j->exit_words);
	}
	generation_continue(j, line, next);
	for (size_t i = 0; i < next->nparents; i++) {
		if (j->nodes[tips[i]].g->suite > next->suite)
			rc = -1;
	}
	if (next->suite > j->suite || (!w->owner && generation_begins(j, line)) ||
	    generation_count(line, j->node_words) >= GENERATION_LINE_MAX ||
	    !generation_has_room(j, &w->id, w->owner, line, j->facts.ngens))
		rc = -1;
	next->number++;
	qsort(next->parents, next->nparents, GENERATION_NAME_LEN, generation_names);
	for (size_t i = 0; i < j->nexits && next->nexits < GENERATION_EXITS_MAX; i++) {
		if (!generation_has(covered, i))
			memcpy(next->exits[next->nexits++], j->exits[i], GENERATION_NAME_LEN);
	}
	generation_keyring_of(j, line, next->keyring);
	free(line);
	free(covered);
	return rc;
}

/* By a hash with the current generation, so that no writer that is away holds up every time. */
static void generation_lot(const struct generation_judgement *j, const struct agent_id *writer, uint8_t lot[32])
{
	const struct generation *current = generation_current(j);
	uint8_t in[GENERATION_NAME_LEN + sizeof(writer->b)] = { 0 };

	if (current != NULL)
		memcpy(in, current->name, GENERATION_NAME_LEN);
	memcpy(in + GENERATION_NAME_LEN, writer->b, sizeof(writer->b));
	sha256(lot, in, sizeof(in));
}

size_t generation_rank(const struct generation_judgement *j, const struct agent_id *writers, size_t n,
                       const struct agent_id *self)
{
	uint8_t ours[32], theirs[32];
	size_t rank = 0;
	bool among = false;

	generation_lot(j, self, ours);
	for (size_t i = 0; i < n; i++) {
		generation_lot(j, &writers[i], theirs);
		among |= agent_id_equal(&writers[i], self);
		rank += memcmp(theirs, ours, sizeof(ours)) < 0;
	}
	return among ? rank : n;
}
