/* Which generation is current: see generation.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/generation_internal.h"

uint64_t generation_id(const struct generation *g)
{
	return get_u64(g->name);
}

/* --- order --- */

static int generation_by_number(const void *a, const void *b)
{
	const struct generation_node *x = a, *y = b;

	if (x->g->number != y->g->number)
		return x->g->number < y->g->number ? -1 : 1;
	return memcmp(x->g->name, y->g->name, GENERATION_NAME_LEN);
}

static int generation_by_name(const void *a, const void *b, void *arg)
{
	const struct generation_node *nodes = arg;
	const size_t *x = a, *y = b;

	return memcmp(nodes[*x].g->name, nodes[*y].g->name, GENERATION_NAME_LEN);
}

static int generation_exits_by_name(const void *a, const void *b)
{
	const uint8_t *const *x = a, *const *y = b;

	return memcmp(*x, *y, GENERATION_NAME_LEN);
}

/* The node of this name; ngens: there is none. */
static size_t generation_find(const struct generation_judgement *j, const uint8_t *name)
{
	size_t low = 0, high = j->facts.ngens;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(j->nodes[j->by_name[middle]].g->name, name, GENERATION_NAME_LEN);

		if (order == 0)
			return j->by_name[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return j->facts.ngens;
}

/* Its place among the exits that count; nexits: it is none of them. */
static size_t generation_exit(const struct generation_judgement *j, const uint8_t *name)
{
	size_t low = 0, high = j->nexits;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(j->exits[middle], name, GENERATION_NAME_LEN);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return j->nexits;
}

/* --- judging --- */

static int generation_secrets_by_id(const void *a, const void *b)
{
	const struct generation_secret *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return memcmp(x->commitment, y->commitment, sizeof(x->commitment));
}

void generation_keyring(uint8_t out[32], struct generation_secret *list, size_t n)
{
	struct bytes b = BYTES_INIT(n * (8 + 32));

	if (n != 0)
		qsort(list, n, sizeof(list[0]), generation_secrets_by_id);
	for (size_t i = 0; i < n; i++) {
		bytes_append_u64(&b, list[i].id);
		bytes_append(&b, list[i].commitment, sizeof(list[i].commitment));
	}
	sha256(out, b.p, b.len);
	bytes_free(&b);
}

void generation_keyring_of(const struct generation_judgement *j, const uint64_t *set, uint8_t out[32])
{
	size_t n = generation_count(set, j->node_words), at = 0;
	struct generation_secret *list = mem_calloc(n + 1, sizeof(list[0]));

	for (size_t i = 0; i < j->facts.ngens; i++) {
		if (generation_has(set, i)) {
			list[at].id = generation_id(j->nodes[i].g);
			memcpy(list[at++].commitment, j->nodes[i].g->commitment, sizeof(list[0].commitment));
		}
	}
	generation_keyring(out, list, n);
	free(list);
}

/* Whether the entry says the truth about its ancestors, which are judged already: their numbers are smaller. Sets
 * line to them. None of this can change while they are here, since entries name one another by their hashes. */
static bool generation_says_the_truth(const struct generation_judgement *j, struct generation_node *node)
{
	const struct generation *g = node->g;
	uint32_t number = 0;
	uint8_t keyring[32];

	if (g->nparents > GENERATION_PARENTS_MAX || g->nexits > GENERATION_EXITS_MAX)
		return false;
	for (size_t i = 0; i < g->nparents; i++) {
		size_t at = generation_find(j, g->parents[i]);
		const struct generation_node *parent = &j->nodes[at];

		/* An unknown one, or one with a number that makes it no ancestor. */
		if (at == j->facts.ngens || parent->g->number >= g->number || !parent->whole)
			return false;
		if (parent->g->number > number)
			number = parent->g->number;
		/* Algorithms are only ever replaced by later ones. */
		if (g->suite < parent->g->suite)
			return false;
		node->parents[i] = at;
		generation_unite(node->line, parent->line, j->node_words);
	}
	if (g->number != number + 1 || generation_count(node->line, j->node_words) >= GENERATION_LINE_MAX)
		return false;
	if (j->facts.proved != NULL && j->facts.proved[g - j->facts.gens])
		return true;
	generation_keyring_of(j, node->line, keyring);
	return memcmp(keyring, g->keyring, sizeof(keyring)) == 0;
}

size_t generation_heir(const struct generation_judgement *j, const uint64_t *set)
{
	size_t best = j->facts.ngens;

	for (size_t i = 0; i < j->facts.ngens; i++) {
		const struct generation_node *node = &j->nodes[i], *other = &j->nodes[best];

		if (!generation_has(set, i))
			continue;
		if (best == j->facts.ngens || node->counts > other->counts ||
		    (node->counts == other->counts &&
		     (node->g->suite > other->g->suite ||
		      (node->g->suite == other->g->suite && node->g->number > other->g->number))))
			best = i;
	}
	return best;
}

bool generation_has_room(const struct generation_judgement *j, const struct agent_id *signer, bool owner,
                         const uint64_t *line, size_t before)
{
	size_t spent = 1;

	for (size_t i = 0; i < before; i++) {
		const struct generation_node *node = &j->nodes[i];

		if (node->counts && agent_id_equal(&node->g->signer, signer))
			spent += node->cost;
		spent += generation_has(line, i) && !generation_has(j->vouched, i);
	}
	return spent <= (owner ? GENERATION_OWNER_MAX : GENERATION_MEMBER_MAX);
}

/* A member's entry counts if it and its ancestors cover more than any of these that counts does, or vouch for more that
 * does not count itself: it answers an exit, joins what came to be apart, or makes readable what was sealed by one
 * whose word fell. So a chain of members' entries is never longer than there are exits and entries that do not count.
 * What does not count is not compared: the entry of one who has gone might claim everything, and keep a member from
 * answering its signer's own removal; and what a member signed without effect must not keep others from answering. Nor
 * does it count as a beginning. And it leaves suite and policy as they are: a later suite would keep all from sealing
 * who do not know it, another policy would show more of sizes. */
static bool generation_answers(const struct generation_judgement *j, size_t at)
{
	const struct generation_node *node = &j->nodes[at];
	const size_t heir = generation_heir(j, node->line);
	bool begun = false;

	if (heir == j->facts.ngens || j->nodes[heir].g->suite != node->g->suite ||
	    j->nodes[heir].g->policy != node->g->policy)
		return false;
	for (size_t i = 0; i < at; i++) {
		const struct generation_node *ancestor = &j->nodes[i];

		if (!generation_has(node->line, i))
			continue;
		begun |= ancestor->silent || ancestor->counts;
		if (ancestor->counts && ancestor->weight >= node->weight)
			return false;
	}
	return begun;
}

/* Keys and objects know generations by their IDs. So of two that count and have one ID only the first does, by number
 * and then by name. */
static bool generation_has_twin(const struct generation_judgement *j, size_t at)
{
	const uint64_t id = generation_id(j->nodes[at].g);

	/* Those that count are few enough to ask each. */
	for (size_t i = 0; i < at; i++) {
		if (j->nodes[i].counts && generation_id(j->nodes[i].g) == id)
			return true;
	}
	return false;
}

/* Sets what a whole entry covers. */
static void generation_weigh(const struct generation_judgement *j, size_t at)
{
	struct generation_node *node = &j->nodes[at];

	for (size_t i = 0; i < node->g->nparents; i++)
		generation_unite(node->covered, j->nodes[node->parents[i]].covered, j->exit_words);
	for (size_t i = 0; i < node->g->nexits; i++) {
		size_t exit = generation_exit(j, node->g->exits[i]);

		if (exit != j->nexits)
			generation_bit(node->covered, exit);
	}
	node->ncovered = generation_count(node->covered, j->exit_words);
	node->weight = node->ncovered;
	for (size_t i = 0; i < at; i++)
		node->weight += !j->nodes[i].counts && generation_has(node->line, i);
}

static void generation_judge_node(const struct generation_judgement *j, size_t at)
{
	struct generation_node *node = &j->nodes[at];
	enum generation_voice voice = j->facts.voice(j->facts.arg, &node->g->signer);
	bool owner = voice == GENERATION_OWNER;

	node->silent = voice == GENERATION_SILENT;
	node->whole = generation_says_the_truth(j, node);
	if (!node->whole)
		return;
	generation_weigh(j, at);
	node->counts = !node->silent && (owner || generation_answers(j, at)) && !generation_has_twin(j, at) &&
	               generation_has_room(j, &node->g->signer, owner, node->line, at);
	generation_bit(node->line, at);
	if (!node->counts)
		return;
	for (size_t i = 0; i <= at; i++)
		node->cost += generation_has(node->line, i) && !generation_has(j->vouched, i);
	generation_unite(j->vouched, node->line, j->node_words);
}

/* Of the latest suite those that cover all exits, of these the greatest number, then the smaller name. */
static size_t generation_choose(const struct generation_judgement *j)
{
	size_t best = j->facts.ngens;

	for (size_t i = 0; i < j->facts.ngens; i++) {
		const struct generation_node *node = &j->nodes[i], *other = &j->nodes[best];
		bool fit = node->ncovered == j->nexits, other_fit = other->ncovered == j->nexits;

		if (!node->counts)
			continue;
		if (best == j->facts.ngens || node->g->suite > other->g->suite ||
		    (node->g->suite == other->g->suite &&
		     (fit > other_fit || (fit == other_fit && node->g->number > other->g->number))))
			best = i;
	}
	return best;
}

static enum generation_state generation_state_of(const struct generation_judgement *j, uint8_t policies)
{
	const struct generation_node *node = &j->nodes[j->current];

	if (j->current == j->facts.ngens)
		return GENERATION_NONE;
	if (node->g->suite > j->suite || node->g->suite == 0 || node->g->policy >= policies)
		return GENERATION_LATER;
	return node->ncovered == j->nexits ? GENERATION_FIT : GENERATION_UNFIT;
}

static void generation_sort_exits(struct generation_judgement *j)
{
	size_t n = 0;

	j->exits = mem_calloc(j->facts.nexits + 1, sizeof(j->exits[0]));
	for (size_t i = 0; i < j->facts.nexits; i++)
		j->exits[i] = j->facts.exits[i];
	if (j->facts.nexits != 0)
		qsort(j->exits, j->facts.nexits, sizeof(j->exits[0]), generation_exits_by_name);
	for (size_t i = 0; i < j->facts.nexits; i++) {
		if (n == 0 || memcmp(j->exits[n - 1], j->exits[i], GENERATION_NAME_LEN) != 0)
			j->exits[n++] = j->exits[i];
	}
	j->nexits = n;
}

struct generation_judgement *generation_judge(const struct generation_facts *facts, uint8_t suite, uint8_t policies)
{
	struct generation_judgement *j = MEM_NEW(struct generation_judgement);
	size_t n = facts->ngens, words;

	j->facts = *facts;
	j->suite = suite;
	generation_sort_exits(j);
	j->node_words = n / 64 + 1;
	j->exit_words = j->nexits / 64 + 1;
	words = j->node_words + j->exit_words;
	j->nodes = mem_calloc(n + 1, sizeof(j->nodes[0]));
	j->by_name = mem_calloc(n + 1, sizeof(j->by_name[0]));
	j->bits = mem_calloc(n + 1, words * sizeof(j->bits[0]));
	j->vouched = mem_calloc(j->node_words, sizeof(j->vouched[0]));
	for (size_t i = 0; i < n; i++)
		j->nodes[i].g = &facts->gens[i];
	if (n != 0)
		qsort(j->nodes, n, sizeof(j->nodes[0]), generation_by_number);
	for (size_t i = 0; i < n; i++) {
		j->nodes[i].line = j->bits + i * words;
		j->nodes[i].covered = j->nodes[i].line + j->node_words;
		j->by_name[i] = i;
	}
	if (n != 0)
		qsort_r(j->by_name, n, sizeof(j->by_name[0]), generation_by_name, j->nodes);
	for (size_t i = 0; i < n; i++)
		generation_judge_node(j, i);
	j->current = generation_choose(j);
	j->state = generation_state_of(j, policies);
	return j;
}

void generation_free(struct generation_judgement *j)
{
	if (j == NULL)
		return;
	free(j->nodes);
	free(j->by_name);
	free(j->exits);
	free(j->bits);
	free(j->vouched);
	free(j);
}

/* --- answers --- */

enum generation_state generation_state(const struct generation_judgement *j)
{
	return j->state;
}

const struct generation *generation_current(const struct generation_judgement *j)
{
	return j->current != j->facts.ngens ? j->nodes[j->current].g : NULL;
}

bool generation_counts(const struct generation_judgement *j, const uint8_t name[GENERATION_NAME_LEN])
{
	size_t at = generation_find(j, name);

	return at != j->facts.ngens && j->nodes[at].counts;
}

bool generation_is_whole(const struct generation_judgement *j, const uint8_t name[GENERATION_NAME_LEN])
{
	size_t at = generation_find(j, name);

	return at != j->facts.ngens && j->nodes[at].whole;
}

void generation_each(const struct generation_judgement *j, void (*fn)(void *arg, const struct generation *g), void *arg)
{
	for (size_t i = 0; i < j->facts.ngens; i++) {
		if (generation_has(j->vouched, i))
			fn(arg, j->nodes[i].g);
	}
}

const struct generation *generation_vouched(const struct generation_judgement *j, uint64_t id)
{
	const struct generation *found = NULL;

	for (size_t i = 0; i < j->facts.ngens; i++) {
		const struct generation_node *node = &j->nodes[j->by_name[i]];

		if (generation_id(node->g) != id || !generation_has(j->vouched, j->by_name[i]))
			continue;
		/* Of two, the one that counts itself, then the smaller name. */
		if (node->counts)
			return node->g;
		if (found == NULL)
			found = node->g;
	}
	return found;
}
