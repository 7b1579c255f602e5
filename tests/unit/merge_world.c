/* What happens in the world: see merge_world.h. */
#include "tests/unit/merge_world.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"

const char *const merge_event_names[MERGE_EVENTS] = { "admitted", "confirmed", "granted",  "removed", "invited",
	                                              "revoked",  "left",      "restored", "forged",  "flooded",
	                                              "told",     "old shown", "old key",  "forked",  "key fooled" };

bool merge_chance(unsigned percent)
{
	return random_below(100) < percent;
}

void merge_event_note(struct merge_world *w, enum merge_event e)
{
	w->counts[e]++;
}

const struct agent_id *merge_id(const struct merge_agent *a)
{
	return identity_id(a->self);
}

/* --- agents --- */

struct merge_agent *merge_agent_new(struct merge_world *w, bool honest)
{
	struct merge_agent *a = &w->agents[w->nagents++];
	uint8_t seed[32];

	random_bytes(seed, sizeof(seed));
	a->self = identity_from_seed(seed);
	a->honest = honest;
	return a;
}

size_t merge_actors(struct merge_world *w, struct merge_agent *out[MERGE_AGENTS])
{
	size_t n = 0;

	for (size_t i = 0; i < w->nagents; i++) {
		if (w->agents[i].r != NULL)
			out[n++] = &w->agents[i];
	}
	return n;
}

static struct merge_agent *any_actor(struct merge_world *w)
{
	struct merge_agent *all[MERGE_AGENTS] = { NULL };

	return all[random_below(merge_actors(w, all))];
}

const struct merge_agent *merge_agent_of(const struct merge_world *w, const struct agent_id *id)
{
	for (size_t i = 0; i < w->nagents; i++) {
		if (agent_id_equal(merge_id(&w->agents[i]), id))
			return &w->agents[i];
	}
	return NULL;
}

/* --- entries --- */

void merge_say(struct merge_world *w, const uint8_t *entry, size_t n)
{
	if (w->nsaid == w->cap) {
		w->cap = w->cap == 0 ? 64 : 2 * w->cap;
		w->said = mem_realloc(w->said, w->cap, sizeof(w->said[0]));
	}
	w->said[w->nsaid++] = (struct merge_said){ .bytes = mem_dup(entry, n), .n = n };
}

static void say_fresh(void *arg, uint64_t bringer, const uint8_t *entry, size_t n)
{
	if (bringer == 0)
		merge_say(arg, entry, n);
}

/* What an honest agent has just signed is remembered as said. */
static void acted(struct merge_world *w, struct merge_agent *a)
{
	roster_news(a->r, say_fresh, w);
}

void merge_give(struct merge_agent *a, uint64_t bringer, const uint8_t *entry, size_t n)
{
	(void)roster_put(a->r, bringer, entry, n);
	if (merge_chance(20))
		roster_settle(a->r);
}

/* Entries that a roster has. */
struct told_entry {
	const uint8_t *bytes; /* the roster's */
	size_t n;
};

struct told {
	struct told_entry *v; /* owned */
	size_t n, cap;
};

static bool tell(void *arg, const uint8_t *entry, size_t n)
{
	struct told *t = arg;

	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : 2 * t->cap;
		t->v = mem_realloc(t->v, t->cap, sizeof(t->v[0]));
	}
	t->v[t->n++] = (struct told_entry){ .bytes = entry, .n = n };
	return true;
}

static void mix(struct told_entry *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = random_below(i);
		struct told_entry tmp = v[i - 1];

		v[i - 1] = v[k];
		v[k] = tmp;
	}
}

void merge_pour(struct roster *to, const struct roster *from, merge_filter *filter, void *arg)
{
	struct told t = { 0 };
	struct roster_item *it, *tmp;

	HASH_ITER(hh, from->items, it, tmp) {
		if (filter == NULL || filter(arg, it))
			tell(&t, it->bytes, it->n);
	}
	mix(t.v, t.n);
	for (size_t i = 0; i < t.n; i++) {
		roster_put(to, i, t.v[i].bytes, t.v[i].n);
		if (merge_chance(5))
			roster_settle(to);
	}
	roster_settle(to);
	free(t.v);
}

static void retell(struct merge_agent *to, const struct merge_agent *from, const struct told_entry *s)
{
	merge_give(to, agent_id_short(merge_id(from)), s->bytes, s->n);
}

/* a tells b what counts: all or a part, in any order, some of it twice. */
static void talk(struct merge_world *w, struct merge_agent *a, struct merge_agent *b, bool all)
{
	struct told t = { 0 };
	size_t n;

	roster_entries(a->r, tell, &t);
	mix(t.v, t.n);
	n = !all && t.n > 1 && merge_chance(50) ? 1 + random_below(t.n - 1) : t.n;
	for (size_t i = 0; i < n; i++) {
		retell(b, a, &t.v[i]);
		if (merge_chance(10))
			retell(b, a, &t.v[random_below(t.n)]);
	}
	roster_settle(b->r);
	free(t.v);
	merge_event_note(w, MERGE_TOLD);
}

/* The home as it is now, for later. */
static struct roster *copy_home(const struct roster *r)
{
	struct roster *copy = roster_new(roster_group(r));
	struct roster_item *it, *tmp;

	HASH_ITER(hh, r->items, it, tmp)
		roster_insert(copy, it->bringer, it->bytes, it->n, it->was_valid);
	roster_settle(copy);
	return copy;
}

/* --- what honest agents do --- */

static struct merge_agent *any_member(struct merge_world *w, const struct merge_agent *by, bool evil_only)
{
	struct merge_agent *all[MERGE_AGENTS];
	size_t n = 0;

	for (size_t i = 0; i < w->nagents; i++) {
		struct merge_agent *a = &w->agents[i];

		if (a != by && (!evil_only || !a->honest) && roster_may(by->r, merge_id(a), RIGHT_TAKE_PART))
			all[n++] = a;
	}
	return n > 0 ? all[random_below(n)] : NULL;
}

/* Clocks differ. */
static int64_t merge_now(void)
{
	return MERGE_NOW + (int64_t)random_below(1000) - 500;
}

static void grant(struct merge_world *w, struct merge_agent *a, struct merge_agent *to, enum role role)
{
	if (!to->honest && role == ROLE_OWNER && !w->evil_may_own)
		role = ROLE_MEMBER;
	if (roster_grant(a->r, a->self, merge_id(to), role, "host", merge_now()) < 0)
		return;
	w->evil_owned |= !to->honest && role == ROLE_OWNER;
	merge_event_note(w, MERGE_GRANTED);
}

static void give_role(struct merge_world *w, struct merge_agent *a)
{
	static const enum role roles[] = { ROLE_OWNER, ROLE_OWNER, ROLE_MEMBER, ROLE_MEMBER, ROLE_READER };
	struct merge_agent *to = any_member(w, a, false);

	if (to != NULL)
		grant(w, a, to, roles[random_below(5)]);
}

static void take_out(struct merge_world *w, struct merge_agent *a)
{
	struct merge_agent *out = any_member(w, a, merge_chance(60));

	if (out != NULL && roster_remove(a->r, a->self, merge_id(out), merge_now()) == 0)
		merge_event_note(w, MERGE_REMOVED);
}

static void take_back(struct merge_world *w, struct merge_agent *a)
{
	struct merge_agent *x = &w->agents[random_below(w->nagents)];

	if (x != a && x->honest && x->r != NULL && !roster_may(a->r, merge_id(x), RIGHT_TAKE_PART))
		grant(w, a, x, ROLE_MEMBER);
}

static void make_invite(struct merge_world *w, struct merge_agent *a)
{
	static const uint32_t uses[] = { 1, 1, 2, 4 };
	struct merge_invite *i = &w->invites[w->ninvites];

	if (w->ninvites == MERGE_INVITES ||
	    invite_make(&i->invite, a->r, a->self, merge_chance(50) ? ROLE_MEMBER : ROLE_READER, uses[random_below(4)],
	                MERGE_NOW + 1000) < 0)
		return;
	invite_name(&i->name, &i->invite);
	i->leaked = merge_chance(40);
	w->ninvites++;
	if (merge_chance(80))
		(void)roster_note_invite(a->r, a->self, &i->invite, merge_now());
	merge_event_note(w, MERGE_INVITED);
}

static void owner_acts(struct merge_world *w, struct merge_agent *a)
{
	unsigned k = (unsigned)random_below(100);

	if (merge_chance(50) && roster_do_duty(a->r, a->self, merge_now()))
		merge_event_note(w, MERGE_CONFIRMED);
	else if (k < 25)
		give_role(w, a);
	else if (k < 60)
		take_out(w, a);
	else if (k < 72)
		take_back(w, a);
	else if (k < 92)
		make_invite(w, a);
	else if (w->ninvites > 0 &&
	         roster_revoke(a->r, a->self, &w->invites[random_below(w->ninvites)].name, merge_now()) == 0)
		merge_event_note(w, MERGE_REVOKED);
	acted(w, a);
}

static size_t owners_seen(struct merge_world *w, const struct merge_agent *a)
{
	size_t n = 0;

	for (size_t i = 0; i < w->nagents; i++)
		n += roster_may(a->r, merge_id(&w->agents[i]), RIGHT_OWN);
	return n;
}

/* The command refuses the only owner. */
static void leave_group(struct merge_world *w, struct merge_agent *a)
{
	struct bytes out = BYTES_INIT(ROSTER_ENTRY_MAX);

	if ((a == &w->agents[0] && !merge_chance(10)) ||
	    (roster_may(a->r, merge_id(a), RIGHT_OWN) && owners_seen(w, a) == 1))
		return;
	if (roster_leave(a->r, a->self, false, merge_now(), &out) == 0) {
		a->left = true;
		merge_event_note(w, MERGE_LEFT);
	}
	bytes_free(&out);
	acted(w, a);
}

/* Somebody new, one that left, or a key of the adversary comes by an invite that any member may honour. */
static void join(struct merge_world *w)
{
	struct merge_agent *m = any_actor(w), *x = NULL;
	struct merge_invite *i = w->ninvites > 0 ? &w->invites[random_below(w->ninvites)] : NULL;
	struct bytes request = BYTES_INIT(JOIN_MAX), entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t binding[TLS_BINDING_LEN];

	for (size_t k = 0; k < w->nagents && x == NULL && merge_chance(40); k++) {
		if (w->agents[k].left && w->agents[k].honest)
			x = &w->agents[k];
	}
	if (x == NULL && merge_chance(25))
		x = merge_any_evil(w);
	if (x == NULL && w->nagents < MERGE_AGENTS - 4)
		x = merge_agent_new(w, true);
	if (i == NULL || x == NULL || x == m)
		return;
	random_bytes(binding, sizeof(binding));
	if (invite_request(&i->invite, x->self, "host", binding, &request) == 0 &&
	    invite_admit(m->r, m->self,
	                 &(struct invite_bearer){ .peer = merge_id(x),
	                                          .request = request.p,
	                                          .n = request.len,
	                                          .binding = binding,
	                                          .checked = true },
	                 merge_now(), &entry) == ADMIT_OK) {
		if (x->r == NULL && x->honest)
			x->r = roster_new(&w->group);
		x->left = false;
		acted(w, m);
		if (x->honest)
			talk(w, m, x, true);
		merge_event_note(w, MERGE_ADMITTED);
	}
	bytes_free(&request);
	bytes_free(&entry);
}

static void home_went_back(struct merge_world *w, struct merge_agent *a)
{
	if (merge_chance(50)) {
		roster_free(a->old);
		a->old = copy_home(a->r);
	} else if (a->old != NULL && merge_chance(30)) {
		roster_free(a->r);
		a->r = a->old;
		a->old = NULL;
		w->put_back = true;
		merge_event_note(w, MERGE_RESTORED);
	}
}

/* --- the play --- */

void merge_world_begin(struct merge_world *w, uint64_t seed)
{
	struct merge_agent *founder;

	memset(w, 0, sizeof(*w));
	random_set_seed(seed);
	w->seed = seed;
	w->evil_may_own = merge_chance(35);
	founder = merge_agent_new(w, true);
	founder->r = roster_found(founder->self, "group", false, false, "host", MERGE_NOW);
	w->group = *roster_group(founder->r);
	acted(w, founder);
	for (int i = 0; i < 4; i++) {
		struct merge_agent *a = merge_agent_new(w, true);

		a->r = roster_new(&w->group);
		grant(w, founder, a, ROLE_MEMBER);
		acted(w, founder);
		talk(w, founder, a, true);
	}
}

void merge_world_end(struct merge_world *w)
{
	for (size_t i = 0; i < w->nagents; i++) {
		identity_free(w->agents[i].self);
		roster_free(w->agents[i].r);
		roster_free(w->agents[i].old);
	}
	for (size_t i = 0; i < w->nsaid; i++)
		free(w->said[i].bytes);
	free(w->said);
	random_set_seed(0);
}

void merge_step(struct merge_world *w)
{
	struct merge_agent *a = any_actor(w), *b;
	unsigned k = (unsigned)random_below(100);

	if (k < 16) {
		for (int i = 0; i < 8 && !roster_may(a->r, merge_id(a), RIGHT_OWN); i++)
			a = any_actor(w);
		if (roster_may(a->r, merge_id(a), RIGHT_OWN))
			owner_acts(w, a);
	} else if (k < 24) {
		join(w);
	} else if (k < 25) {
		leave_group(w, a);
	} else if (k < 28) {
		home_went_back(w, a);
	} else if (k < 42) {
		merge_adversary_acts(w);
	} else {
		b = any_actor(w);
		if (a != b)
			talk(w, a, b, false);
	}
}

static bool all_the_same(struct merge_agent *const *all, size_t n)
{
	uint8_t first[32], other[32];

	roster_digest(all[0]->r, first);
	for (size_t i = 1; i < n; i++) {
		roster_digest(all[i]->r, other);
		if (memcmp(first, other, sizeof(first)) != 0)
			return false;
	}
	return true;
}

bool merge_settle(struct merge_world *w)
{
	struct merge_agent *all[MERGE_AGENTS] = { NULL };
	size_t n = merge_actors(w, all);

	for (int round = 0; round < 40 && n > 0; round++) {
		if (all_the_same(all, n))
			return true;
		for (size_t i = 0; i < n; i++) {
			struct merge_agent *b = all[random_below(n)];

			if (all[i] == b)
				b = all[(i + 1) % n];
			talk(w, all[i], b, true);
			talk(w, b, all[i], true);
		}
	}
	return false;
}

bool merge_heal(struct merge_world *w)
{
	struct merge_agent *all[MERGE_AGENTS];
	size_t n = merge_actors(w, all);
	bool more = true;

	for (int round = 0; round < 8 && more; round++) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			more |= roster_do_duty(all[i]->r, all[i]->self, merge_now());
			acted(w, all[i]);
		}
		if (!merge_settle(w))
			return false;
	}
	return true;
}
