/* Keys on their way from one agent to another: see ring.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/seal/ring.h"
#include "sync/seal/ring_internal.h"

/* --- giving --- */

static int ring_by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The keys to give, in the secure heap; NULL: none, or that heap is full. */
static struct envelope_key *ring_choose(const struct ring *g, const uint64_t *held, size_t nheld, size_t *n)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);
	size_t count = keyring_count(g->config.keyring);
	struct envelope_key *keys = count > 0 ? keys_memory(count * sizeof(keys[0])) : NULL;

	*n = 0;
	for (size_t i = 0; keys != NULL && i < count; i++) {
		const uint64_t id = keys_about(keyring_at(g->config.keyring, i))->id;
		const struct keys *k = ring_find(g, generation_vouched(j, id));

		if (k == NULL || bsearch(&id, held, nheld, sizeof(id), ring_by_number) != NULL)
			continue;
		keys[*n].generation = id;
		memcpy(keys[(*n)++].secret, keys_secret(k), KEYS_SECRET_LEN);
	}
	return keys;
}

int ring_envelope(const struct ring *g, const struct agent_id *to, const uint64_t *held, size_t nheld,
                  struct bytes *out)
{
	const struct roster *r = g->config.roster;
	const struct generation_judgement *j = roster_generations(r);
	uint64_t *sorted = mem_calloc(nheld + 1, sizeof(sorted[0]));
	const size_t count = keyring_count(g->config.keyring);
	struct envelope_contents c = { 0 };
	uint8_t box[BOX_KEY_LEN];
	int rc = -1;

	if (nheld > 0)
		memcpy(sorted, held, nheld * sizeof(sorted[0]));
	qsort(sorted, nheld, sizeof(sorted[0]), ring_by_number);
	/* roster_box() has a key only for who may hold keys. */
	if (j != NULL && generation_current(j) != NULL && roster_may(r, identity_id(g->config.self), RIGHT_KEYS) &&
	    roster_box(r, to, box) == 0) {
		c.keys = ring_choose(g, sorted, nheld, &c.nkeys);
		c.marks = roster_heard(r, &c.nmarks);
		if (c.nkeys > 0)
			rc = envelope_seal(roster_group(r), g->config.self, to, box, generation_current(j)->name, &c,
			                   out);
		keys_wipe(c.keys, count * sizeof(c.keys[0]));
		free(c.marks);
	}
	free(sorted);
	return rc;
}

uint64_t *ring_held(const struct ring *g, size_t *n)
{
	uint64_t *held = mem_calloc(keyring_count(g->config.keyring) + 1, sizeof(held[0]));

	*n = keyring_count(g->config.keyring);
	for (size_t i = 0; i < *n; i++)
		held[i] = keys_about(keyring_at(g->config.keyring, i))->id;
	return held;
}

/* --- taking --- */

/* Into the keyring: those that are in effect, and the ones that were promised. *fresh has room for all. */
static size_t ring_add_keys(struct ring *g, const struct envelope_contents *c, uint64_t *fresh)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);
	size_t n = 0;

	for (size_t i = 0; i < c->nkeys; i++) {
		const struct generation *of = generation_vouched(j, c->keys[i].generation);
		struct keys_about about = { .id = c->keys[i].generation };

		if (of == NULL || keyring_find(g->config.keyring, about.id) != NULL)
			continue;
		about.suite = of->suite;
		about.policy = of->policy;
		if (keyring_add(g->config.keyring, &about, c->keys[i].secret, of->commitment) == KEYRING_OK)
			fresh[n++] = about.id;
	}
	return n;
}

static enum ring_take ring_take_contents(struct ring *g, const struct envelope_contents *c, size_t *added,
                                         const char **why)
{
	uint64_t *fresh;
	enum ring_take result = RING_TAKEN;

	if (!roster_has_heard(g->config.roster, c->marks, c->nmarks)) {
		*why = "its sender has heard of entries that are not here yet";
		return RING_EARLY;
	}
	fresh = mem_calloc(c->nkeys, sizeof(fresh[0]));
	*added = ring_add_keys(g, c, fresh);
	if (*added > 0 && g->config.store(g->config.arg, g->config.keyring) < 0) {
		for (size_t i = 0; i < *added; i++)
			keyring_remove(g->config.keyring, fresh[i]);
		*added = 0;
		*why = "the keys cannot be stored";
		result = RING_UNSTORED;
	}
	free(fresh);
	return result;
}

/* Of a present holder of keys, for one: us. */
static bool ring_is_proper(const struct ring *g, const struct envelope *e, const char **why)
{
	struct agent_id sender;

	identity_id_of_key(&sender, e->sender);
	if (!roster_may(g->config.roster, &sender, RIGHT_KEYS))
		*why = "its sender may not hold keys of this group";
	else if (!roster_may(g->config.roster, identity_id(g->config.self), RIGHT_KEYS))
		*why = "this agent may not hold keys of this group";
	else
		return true;
	return false;
}

enum ring_take ring_take(struct ring *g, const uint8_t *p, size_t n, size_t *added, const char **why)
{
	const struct group_id *group = roster_group(g->config.roster);
	struct envelope e;
	struct envelope_contents c;
	enum envelope_result result = envelope_parse(&e, group, p, n);
	enum ring_take taken;

	*added = 0;
	*why = "";
	if (roster_generations(g->config.roster) == NULL || (result == ENVELOPE_OK && !ring_is_proper(g, &e, why)))
		return RING_REFUSED;
	if (result == ENVELOPE_OK)
		result = envelope_open(&e, group, g->config.self, &c);
	if (result != ENVELOPE_OK) {
		*why = envelope_result_text(result);
		return RING_REFUSED;
	}
	taken = ring_take_contents(g, &c, added, why);
	envelope_wipe(&c);
	return taken;
}
