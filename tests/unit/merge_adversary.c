/* Keys of an adversary: they sign whatever they like, and whoever is a member, or happens to listen, hears it. See
 * merge_world.h. */
#include "tests/unit/merge_world.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"

struct merge_agent *merge_any_evil(struct merge_world *w)
{
	struct merge_agent *all[MERGE_AGENTS];
	size_t n = 0;

	for (size_t i = 0; i < w->nagents; i++) {
		if (!w->agents[i].honest)
			all[n++] = &w->agents[i];
	}
	return n > 0 ? all[random_below(n)] : NULL;
}

/* What was said of the subject, or anything at all. */
static size_t name_some(const struct merge_world *w, const struct identity *subject, uint8_t *named)
{
	size_t n = 0, most = random_below(8);
	bool any = merge_chance(40);

	for (size_t i = w->nsaid; i-- > 0 && n < most;) {
		const struct merge_said *s = &w->said[any ? random_below(w->nsaid) : i];
		struct roster_entry e;

		if (any ||
		    (roster_entry_parse(&e, s->bytes, s->n) == 0 && agent_id_equal(&e.target, identity_id(subject))))
			sha256(named + n++ * HASH_LEN, s->bytes, s->n);
	}
	return n;
}

/* Tries a few requests and keeps the one with the smallest hash, dated back. */
static int forge_join(const struct merge_world *w, struct bytes *out, const struct identity *signer,
                      const struct identity *subject)
{
	const struct merge_invite *i = &w->invites[w->ninvites > 0 ? random_below(w->ninvites) : 0];
	uint8_t named[ENTRY_NAMED_MAX * HASH_LEN], binding[TLS_BINDING_LEN], hash[HASH_LEN], best[HASH_LEN];
	size_t nnamed = name_some(w, subject, named);

	if (w->ninvites == 0 || !i->leaked || signer == subject)
		return -1;
	for (int k = 0; k < 4; k++) {
		struct bytes request = BYTES_INIT(JOIN_MAX), entry = BYTES_INIT(ROSTER_ENTRY_MAX);

		random_bytes(binding, sizeof(binding));
		roster_entry_request(&request, &i->invite, subject, "evil", binding);
		roster_entry_join(&entry, signer, request.p, request.len, named, merge_chance(50) ? nnamed : 0, 0);
		sha256(hash, entry.p, entry.len);
		if (k == 0 || memcmp(hash, best, HASH_LEN) < 0) {
			memcpy(best, hash, HASH_LEN);
			bytes_clear(out);
			bytes_append(out, entry.p, entry.len);
		}
		bytes_free(&request);
		bytes_free(&entry);
	}
	return 0;
}

static const uint64_t numbers[] = { 1, 2, 5, 100, (uint64_t)1 << 40 };

static int forge(const struct merge_world *w, struct bytes *out, const struct identity *signer,
                 const struct identity *subject)
{
	static const enum role roles[] = { ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_VAULT };
	struct roster_statement st = { .number = numbers[random_below(5)], .time_s = 0 };
	uint8_t named[ENTRY_NAMED_MAX * HASH_LEN];
	unsigned k = (unsigned)random_below(100);

	random_bytes(st.statements, 1);
	if (k < 35)
		return forge_join(w, out, signer, subject);
	if (k < 85 && signer == subject)
		return roster_entry_leave(out, signer, &w->group, st.number, merge_chance(20), 0);
	if (k < 60)
		return roster_entry_add(out, signer, &w->group, &st,
		                        &(struct statement_add){ .target = identity_id(subject),
		                                                 .role = roles[random_below(4)],
		                                                 .member_name = "evil",
		                                                 .named = named,
		                                                 .nnamed = name_some(w, subject, named) });
	if (k < 80)
		return roster_entry_remove(out, signer, &w->group, &st, identity_id(subject));
	if (k < 90)
		return roster_entry_leave(out, signer, &w->group, st.number, merge_chance(20), 0);
	if (w->ninvites == 0)
		return -1;
	return roster_entry_revoke(out, signer, &w->group, &st, &w->invites[random_below(w->ninvites)].name);
}

/* To one, to two, or to many of those who would listen. */
static void spread(struct merge_world *w, const struct merge_agent *from, const struct bytes *entry)
{
	struct merge_agent *all[MERGE_AGENTS];
	size_t n = merge_actors(w, all), times = merge_chance(60) ? 1 : 1 + random_below(8);

	for (size_t i = 0; i < times; i++) {
		struct merge_agent *a = all[random_below(n)];

		if (roster_may(a->r, merge_id(from), RIGHT_TAKE_PART) || merge_chance(30))
			merge_give(a, agent_id_short(merge_id(from)), entry->p, entry->len);
	}
	for (size_t i = 0; i < n; i++)
		roster_settle(all[i]->r);
}

void merge_adversary_acts(struct merge_world *w)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct merge_agent *a = merge_any_evil(w), *subject;
	int times = 1;

	if ((a == NULL || merge_chance(5)) && w->nagents < MERGE_AGENTS - 4)
		a = merge_agent_new(w, false);
	if (a == NULL)
		return;
	if (merge_chance(4)) {
		times = 80;
		merge_event_note(w, MERGE_FLOODED);
	}
	for (int i = 0; i < times; i++) {
		subject = &w->agents[random_below(w->nagents)];
		bytes_clear(&entry);
		if (forge(w, &entry, a->self, merge_chance(20) ? a->self : subject->self) < 0)
			continue;
		if (times == 1)
			merge_say(w, entry.p, entry.len);
		spread(w, a, &entry);
		merge_event_note(w, MERGE_FORGED);
	}
	bytes_free(&entry);
}
