/* Roster entries. First byte odd: the rest is one entry. Even: every six bytes are an instruction to sign an entry, by
 * any agent, about anything; the verdict on the entries must not depend on their order. With 16 in the first byte, the
 * group is sealed. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

enum { NOW = 1800000000, NAGENTS = 4, MAX_ENTRIES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct identity *agents[NAGENTS];
static struct bytes foundings[2]; /* of a group that is not sealed, and of one that is */
static struct bytes founding;     /* of the group that is used */
static bool is_sealed;
static struct group_id group;

static void setup(void)
{
	if (agents[0] != NULL)
		return;
	random_set_seed(1);
	for (int i = 0; i < NAGENTS; i++)
		agents[i] = identity_new();
	for (int sealed = 0; sealed < 2; sealed++) {
		foundings[sealed] = BYTES_INIT(ROSTER_ENTRY_MAX);
		if (roster_entry_found(&foundings[sealed], agents[0], "group", sealed ? ENTRY_SEALED : 0, "host",
		                       NOW - 9, NULL) < 0)
			abort();
	}
}

static void choose_group(bool sealed)
{
	is_sealed = sealed;
	founding = foundings[sealed];
	sha256(group.b, founding.p, founding.len);
}

static void one_entry(const uint8_t *data, size_t size)
{
	struct roster *r = roster_new(&group);
	struct roster_entry e;
	bool good = roster_entry_parse(&e, data, size) == 0;
	enum roster_add answer;

	roster_add(r, founding.p, founding.len);
	answer = roster_add(r, data, size);
	if (answer != ROSTER_BAD && (!good || !roster_entry_signed(data, size)))
		abort();
	/* Nobody else could have signed what counts. */
	if (answer == ROSTER_ADDED && !agent_id_equal(&e.signer, identity_id(agents[0])))
		abort();
	roster_free(r);
}

/* One of a few invites, so that some are used up. */
static void sign_join(struct bytes *out, const struct identity *issuer, const struct identity *admitter,
                      const struct identity *joiner, enum role role, const uint8_t *named, size_t nnamed,
                      int64_t time_s)
{
	struct invite invite = { .group = group, .role = role, .expires_s = NOW + 100, .uses = 2 };
	struct identity *bearer;
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX), request = BYTES_INIT(JOIN_MAX);
	uint8_t binding[TLS_BINDING_LEN] = { 0 };

	memset(invite.seed, (int)role, sizeof(invite.seed));
	bearer = identity_from_seed(invite.seed);
	memcpy(invite.issuer_key, identity_public_key(issuer), PUBLIC_KEY_LEN);
	roster_entry_invite_statement(&statement,
	                              &(struct invite_terms){ .group = &group,
	                                                      .role = role,
	                                                      .expires_s = invite.expires_s,
	                                                      .uses = invite.uses,
	                                                      .key = identity_public_key(bearer),
	                                                      .issuer_key = invite.issuer_key },
	                              2);
	identity_sign(issuer, statement.p, statement.len, invite.signature);
	roster_entry_request(&request, &invite, joiner, "host", binding);
	roster_entry_join(out, admitter, request.p, request.len, named, nnamed, time_s);
	bytes_free(&statement);
	bytes_free(&request);
	identity_free(bearer);
}

static void sign_note(struct bytes *out, const struct identity *signer, enum role role, uint8_t slot, uint64_t number)
{
	struct invite invite = { .group = group, .role = role, .expires_s = NOW + 100, .uses = 2 };
	struct invite_note note = { .number = number,
		                    .time_s = NOW,
		                    .slot = (uint8_t)(slot % INVITE_SLOTS),
		                    .invite = &invite,
		                    .key = identity_public_key(signer) };

	roster_entry_invite(out, signer, &note);
}

static bool hold_all(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	return true;
}

/* What would follow in a roster of all entries; how: changes it. */
static void sign_gen(struct bytes *out, const struct identity *signer, const struct bytes *entries, size_t n,
                     uint8_t how)
{
	struct roster *r = roster_new(&group);
	struct generation_writer w = { .id = *identity_id(signer), .owner = true, .held = hold_all };
	struct generation g;

	for (size_t i = 0; i < n; i++)
		roster_put(r, 0, entries[i].p, entries[i].len);
	roster_settle(r);
	if (roster_generations(r) != NULL && generation_next(roster_generations(r), &w, &g) == 0) {
		random_bytes(g.commitment, sizeof(g.commitment));
		g.suite = (uint8_t)(g.suite + how % 16 / 15);
		g.policy = (uint8_t)(g.policy + how / 16 % 4);
		g.nparents = (uint8_t)(how / 64 == 1 && g.nparents > 0 ? g.nparents - 1 : g.nparents);
		g.nexits = how / 64 == 2 ? 0 : g.nexits;
		roster_sign_generation(r, signer, &g, NOW, out);
	}
	roster_free(r);
}

/* i: kind and role; signer; target; admitter; which entry to name, if any; number and date. */
static void sign(struct bytes *out, const uint8_t i[6], const struct bytes *entries, size_t n)
{
	const struct identity *signer = agents[i[1] % NAGENTS], *target = agents[i[2] % NAGENTS];
	enum role role = (enum role)(1 + i[0] / 8 % 4);
	struct roster_statement word = { .number = 1 + i[5] % 8, .time_s = NOW + i[5] % 8 };
	struct statement_add add = { .target = identity_id(target), .role = role, .member_name = "host" };
	struct roster_entry e;
	uint8_t named[HASH_LEN];
	const struct bytes *other = &entries[i[4] % n];

	add.named = named;
	add.nnamed = i[4] % (n + 1) < n;
	sha256(named, other->p, other->len);
	if (i[0] % 8 == 0)
		roster_entry_remove(out, signer, &group, &word, add.target);
	else if (i[0] % 8 == 1)
		sign_join(out, signer, agents[i[3] % NAGENTS], target, role, named, add.nnamed, word.time_s);
	else if (i[0] % 8 == 2)
		roster_entry_leave(out, signer, &group, word.number, i[4] % 2, word.time_s);
	else if (i[0] % 8 == 3 && roster_entry_parse(&e, other->p, other->len) == 0 && e.invited)
		roster_entry_revoke(out, signer, &group, &word, &e.invite);
	else if (is_sealed && i[0] % 8 >= 6)
		sign_gen(out, signer, entries, n, i[3]);
	else if (is_sealed && i[0] % 8 == 5)
		roster_entry_box(out, signer, &group, named, NOW + i[5] % 8);
	else if (i[0] % 8 == 4 && i[3] >= 128)
		sign_note(out, signer, role == ROLE_OWNER ? ROLE_MEMBER : role, i[3], word.number);
	else
		roster_entry_add(out, signer, &group, &word, &add);
}

struct verdict {
	uint8_t digest[32];
	enum role roles[NAGENTS];
	uint8_t boxes[NAGENTS][BOX_KEY_LEN];
	enum generation_state state;
	uint8_t current[HASH_LEN];
};

static void verdict_of(struct verdict *v, const struct roster *r)
{
	memset(v, 0, sizeof(*v));
	roster_digest(r, v->digest);
	for (int i = 0; i < NAGENTS; i++) {
		v->roles[i] = roster_role(r, identity_id(agents[i]));
		(void)roster_box(r, identity_id(agents[i]), v->boxes[i]);
	}
	if (roster_generations(r) == NULL)
		return;
	v->state = generation_state(roster_generations(r));
	if (generation_current(roster_generations(r)) != NULL)
		memcpy(v->current, generation_current(roster_generations(r))->name, HASH_LEN);
}

static bool put_told(void *arg, const uint8_t *entry, size_t n)
{
	roster_put(arg, 0, entry, n);
	return true;
}

/* Adds all entries, from the one at `from` in steps of `step`, and judges step by step; then all at once; then what
 * counts, told to another. */
static void judge(struct verdict *v, const struct bytes *entries, size_t n, size_t from, size_t step)
{
	struct roster *r = roster_new(&group), *other = roster_new(&group);
	struct verdict whole, told;

	for (size_t i = 0; i < n; i++) {
		const struct bytes *entry = &entries[(from + i * step) % n];

		roster_put(r, 0, entry->p, entry->len);
		roster_settle(r);
	}
	verdict_of(v, r);
	roster_judge(r);
	verdict_of(&whole, r);
	roster_entries(r, put_told, other);
	roster_settle(other);
	verdict_of(&told, other);
	if (memcmp(v, &whole, sizeof(whole)) != 0 || memcmp(v, &told, sizeof(told)) != 0)
		abort();
	roster_free(r);
	roster_free(other);
}

static void any_order(const uint8_t *data, size_t size)
{
	struct bytes entries[MAX_ENTRIES];
	struct verdict first, other;
	size_t n = 1;

	random_set_seed(2);
	entries[0] = founding;
	for (; size >= 6 && n < MAX_ENTRIES; size -= 6, data += 6) {
		entries[n] = BYTES_INIT(ROSTER_ENTRY_MAX);
		sign(&entries[n], data, entries, n);
		if (entries[n].len == 0) /* there is nothing to sign */
			bytes_free(&entries[n]);
		else
			n++;
	}
	judge(&first, entries, n, 0, 1);
	for (size_t from = 0; from < n; from += 1 + n / 2) {
		judge(&other, entries, n, from, n - 1); /* backwards */
		if (memcmp(&first, &other, sizeof(first)) != 0)
			abort();
	}
	while (n > 1)
		bytes_free(&entries[--n]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setup();
	if (size == 0)
		return 0;
	choose_group((data[0] & 16) != 0);
	if ((data[0] & 1) != 0)
		one_entry(data + 1, size - 1);
	else
		any_order(data + 1, size - 1);
	return 0;
}
