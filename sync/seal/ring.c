/* Which keys seal, and when the next ones are due: see ring.h. */
#include "sync/seal/ring.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/seal/ring_internal.h"

/* The roster judges generations by what this version knows, which is said in two places. */
_Static_assert((int)GENERATION_SUITE == (int)KEYS_SUITE, "suites");
_Static_assert((int)GENERATION_POLICIES == (int)KEYS_POLICIES, "policies");
_Static_assert((int)GENERATION_LINE_MAX == (int)KEYRING_MAX, "generations of a group");
_Static_assert((int)BOX_KEY_LEN == (int)ENVELOPE_BOX_LEN, "box keys");

struct ring *ring_new(const struct ring_config *config)
{
	struct ring *g = MEM_NEW(struct ring);

	g->config = *config;
	return g;
}

void ring_free(struct ring *g)
{
	free(g);
}

/* --- sealing --- */

struct keys *ring_find(const struct ring *g, const struct generation *generation)
{
	struct keys *k = generation != NULL ? keyring_find(g->config.keyring, generation_id(generation)) : NULL;

	return k != NULL && memcmp(keys_commitment(k), generation->commitment, KEYS_COMMIT_LEN) == 0 ? k : NULL;
}

struct keys *ring_current(const struct ring *g)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);

	if (j == NULL || generation_state(j) != GENERATION_FIT)
		return NULL;
	return ring_find(g, generation_current(j));
}

const char *ring_why(const struct ring *g)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);

	switch (j != NULL ? generation_state(j) : GENERATION_NONE) {
	case GENERATION_NONE:
		return "the group's first keys";
	case GENERATION_UNFIT:
		return "new keys of the group, since an agent may not have the present ones any more: a new generation is awaited";
	case GENERATION_LATER:
		return "a later version of lanyard: the group uses algorithms that are not known here";
	default:
		return ring_current(g) == NULL ? "the group's present keys: nobody who has them is connected"
		                               : "nothing";
	}
}

bool ring_is_later(const struct ring *g)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);

	return j != NULL && generation_state(j) == GENERATION_LATER;
}

struct keys *ring_first(const struct ring *g)
{
	return ring_find(g, roster_first_generation(g->config.roster));
}

struct ring_numbered {
	uint32_t number;
	struct keys *keys; /* the ring's */
};

struct ring_list {
	const struct ring *g;
	struct ring_numbered *list; /* owned */
	size_t n;
};

static void ring_list_add(void *arg, const struct generation *generation)
{
	struct ring_list *l = arg;
	struct keys *k = ring_find(l->g, generation);

	if (k == NULL)
		return;
	l->list = mem_realloc(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = (struct ring_numbered){ generation->number, k };
}

static int ring_later_first(const void *a, const void *b)
{
	const struct ring_numbered *x = a, *y = b;
	uint64_t i = keys_about(x->keys)->id, j = keys_about(y->keys)->id;

	if (x->number != y->number)
		return x->number > y->number ? -1 : 1;
	return i < j ? -1 : i > j;
}

struct keys **ring_keys(const struct ring *g, size_t *n)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);
	struct ring_list l = { .g = g };
	struct keys **keys;

	if (j != NULL)
		generation_each(j, ring_list_add, &l);
	if (l.n > 1)
		qsort(l.list, l.n, sizeof(*l.list), ring_later_first);
	keys = mem_calloc(l.n + 1, sizeof(*keys));
	for (size_t i = 0; i < l.n; i++)
		keys[i] = keys_ref(l.list[i].keys);
	*n = l.n;
	free(l.list);
	return keys;
}

/* --- signing --- */

bool ring_sign_box(struct ring *g, int64_t now_s)
{
	uint8_t seed[32], private_key[32], key[BOX_KEY_LEN], told[BOX_KEY_LEN];

	identity_seed(g->config.self, seed);
	keys_box(private_key, key, seed);
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(private_key, sizeof(private_key));
	if (roster_box(g->config.roster, identity_id(g->config.self), told) == 0 && memcmp(told, key, sizeof(key)) == 0)
		return false;
	return roster_sign_box(g->config.roster, g->config.self, key, now_s) == 0;
}

static bool ring_holds(void *arg, uint64_t id)
{
	return keyring_find(arg, id) != NULL;
}

/* False: we are not a writer, or the group is not known to be sealed. */
static bool ring_writer(const struct ring *g, struct generation_writer *w)
{
	*w = (struct generation_writer){ .id = *identity_id(g->config.self),
		                         .held = ring_holds,
		                         .arg = g->config.keyring };
	return roster_generations(g->config.roster) != NULL &&
	       roster_generation_writer(g->config.roster, &w->id, &w->owner);
}

bool ring_is_due(const struct ring *g, int64_t *wait_s)
{
	const struct generation_judgement *j = roster_generations(g->config.roster);
	struct generation_writer w;
	struct generation next;

	*wait_s = 0;
	if (!ring_writer(g, &w) || !generation_is_due(j, &w) || generation_next(j, &w, &next) < 0)
		return false;
	if (!roster_generation_answers(g->config.roster, &next, &w.id))
		*wait_s = GENERATION_WAIT_S +
		          GENERATION_WAIT_STEP_S * (int64_t)roster_generation_rank(g->config.roster, &w.id);
	return true;
}

/* Draws a secret for what next says, and signs that. NULL: the secure heap is full. */
static struct keys *ring_draw(const struct ring *g, struct generation *next, int64_t now_s, struct bytes *entry)
{
	struct keys_about about = { .suite = next->suite, .policy = next->policy };
	struct keys *drawn = keys_random(roster_group(g->config.roster), &about), *named = NULL;

	if (drawn == NULL)
		return NULL;
	memcpy(next->commitment, keys_commitment(drawn), KEYS_COMMIT_LEN);
	/* Its ID is known only now. */
	if (roster_sign_generation(g->config.roster, g->config.self, next, now_s, entry) == 0) {
		about.id = generation_id(next);
		named = keys_new(roster_group(g->config.roster), &about, keys_secret(drawn));
	}
	keys_free(drawn);
	return named;
}

/* A secret that is lost after its entry was told would seal what nobody can read. So it is on the disk first. */
static int ring_begin(struct ring *g, const struct keys *k, const struct bytes *entry)
{
	const struct keys_about *about = keys_about(k);

	if (keyring_add(g->config.keyring, about, keys_secret(k), keys_commitment(k)) != KEYRING_OK)
		return -1;
	if (g->config.store(g->config.arg, g->config.keyring) < 0) {
		keyring_remove(g->config.keyring, about->id);
		return -1;
	}
	(void)roster_put(g->config.roster, 0, entry->p, entry->len);
	roster_settle(g->config.roster);
	return 0;
}

int ring_sign(struct ring *g, int policy, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct generation_writer w;
	struct generation next;
	struct keys *k = NULL;
	int rc = -1;

	if (!ring_writer(g, &w) || generation_next(roster_generations(g->config.roster), &w, &next) < 0)
		return -1;
	if (policy >= 0)
		next.policy = (uint8_t)policy;
	else if (next.nparents == 0)
		next.policy = KEYS_UNIFORM;
	k = ring_draw(g, &next, now_s, &entry);
	if (k != NULL)
		rc = ring_begin(g, k, &entry);
	keys_free(k);
	bytes_free(&entry);
	return rc;
}
