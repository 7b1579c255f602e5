#include "tests/unit/ring_world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/group/generation.h"

const struct agent_id *ring_world_id(const struct ring_world *w, int i)
{
	return identity_id(w->agents[i].self);
}

static bool was_stored(const struct ring_agent *a, uint64_t id)
{
	for (size_t i = 0; i < a->nknown; i++) {
		if (a->known[i] == id)
			return true;
	}
	return false;
}

/* A secret of our own that is stored for the first time must not be in the roster yet. */
static int store(void *arg, const struct keyring *keyring)
{
	struct ring_agent *a = arg;
	const struct generation_judgement *j = roster_generations(a->roster);

	if (a->fails)
		return -1;
	a->stored++;
	for (size_t i = 0; i < keyring_count(keyring); i++) {
		const uint64_t id = keys_about(keyring_at(keyring, i))->id;
		const struct generation *g = generation_vouched(j, id);

		if (was_stored(a, id))
			continue;
		a->early += g != NULL && agent_id_equal(&g->signer, identity_id(a->self));
		if (a->nknown < RING_KNOWN)
			a->known[a->nknown++] = id;
	}
	return 0;
}

void ring_world_restart(struct ring_world *w, int i)
{
	struct ring_agent *a = &w->agents[i];

	ring_free(a->ring);
	a->ring = ring_new(&(struct ring_config){ .roster = a->roster,
	                                          .keyring = a->keyring,
	                                          .self = a->self,
	                                          .store = store,
	                                          .arg = a });
}

struct ring_world *ring_world_new(int n, uint64_t seed)
{
	struct ring_world *w = MEM_NEW(struct ring_world);

	random_set_seed(seed);
	w->n = n;
	for (int i = 0; i < n; i++) {
		struct ring_agent *a = &w->agents[i];

		a->self = identity_new();
		if (i == 0) {
			a->roster = roster_found(a->self, "group", false, true, "host", RING_NOW);
			w->group = *roster_group(a->roster);
		} else {
			a->roster = roster_new(&w->group);
		}
		a->keyring = keyring_new(&w->group);
		ring_world_restart(w, i);
	}
	return w;
}

void ring_world_free(struct ring_world *w)
{
	for (int i = 0; i < w->n; i++) {
		ring_free(w->agents[i].ring);
		keyring_free(w->agents[i].keyring);
		roster_free(w->agents[i].roster);
		identity_free(w->agents[i].self);
	}
	free(w);
	random_set_seed(0);
}

bool ring_world_grant(struct ring_world *w, int by, int who, enum role role)
{
	return roster_grant(w->agents[by].roster, w->agents[by].self, ring_world_id(w, who), role, "host", RING_NOW) ==
	       0;
}

bool ring_world_remove(struct ring_world *w, int by, int who)
{
	return roster_remove(w->agents[by].roster, w->agents[by].self, ring_world_id(w, who), RING_NOW) == 0;
}

bool ring_world_leave(struct ring_world *w, int who)
{
	struct bytes out = BYTES_INIT(ROSTER_ENTRY_MAX);
	int rc = roster_leave(w->agents[who].roster, w->agents[who].self, false, RING_NOW, &out);

	bytes_free(&out);
	return rc == 0;
}

/* --- telling --- */

struct tale {
	struct roster *to;
	uint64_t bringer;
	uint8_t kind; /* 0: all */
	bool all;
};

static bool tell_one(void *arg, const uint8_t *entry, size_t n)
{
	const struct tale *t = arg;

	if ((t->kind == 0 || entry[1] == t->kind) && (t->all || random_below(4) != 0))
		(void)roster_put(t->to, t->bringer, entry, n);
	return true;
}

static void tell(struct ring_world *w, int a, int b, uint8_t kind, bool all)
{
	struct tale t = { .to = w->agents[b].roster, .bringer = (uint64_t)a + 1, .kind = kind, .all = all };

	roster_entries(w->agents[a].roster, tell_one, &t);
	roster_settle(t.to);
}

void ring_world_tell(struct ring_world *w, int a, int b, bool all)
{
	tell(w, a, b, 0, all);
}

void ring_world_tell_kind(struct ring_world *w, int a, int b, uint8_t kind)
{
	tell(w, a, b, kind, true);
}

void ring_world_give(struct ring_world *w, int a, int b)
{
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	const char *why;
	size_t n, added;
	uint64_t *held = ring_held(w->agents[b].ring, &n);

	if (ring_envelope(w->agents[a].ring, ring_world_id(w, b), held, n, &out) == 0)
		(void)ring_take(w->agents[b].ring, out.p, out.len, &added, &why);
	free(held);
	bytes_free(&out);
}

void ring_world_act(struct ring_world *w, int i)
{
	struct ring *ring = w->agents[i].ring;
	int64_t wait_s;

	(void)ring_sign_box(ring, RING_NOW);
	if (ring_is_due(ring, &wait_s))
		(void)ring_sign(ring, -1, RING_NOW);
}

void ring_world_settle(struct ring_world *w)
{
	for (int round = 0; round < 3; round++) {
		for (int a = 0; a < w->n; a++) {
			(void)ring_sign_box(w->agents[a].ring, RING_NOW);
			for (int b = 0; b < w->n; b++) {
				if (a != b) {
					ring_world_tell(w, a, b, true);
					ring_world_give(w, a, b);
				}
			}
		}
	}
}
