/* Shared by the tests of the roster: a few agents, entries signed by any of them, and rosters made of those entries
 * in any order. Entries are made by the builders beneath roster.h, so they can contain what no honest agent would
 * sign. */
#ifndef LANYARD_TESTS_UNIT_ROSTER_WORLD_H
#define LANYARD_TESTS_UNIT_ROSTER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

enum { A, B, C, D, E, NAGENTS, MAX_ENTRIES = 64, NOW = 1800000000, EXPIRES = NOW + 100000, TEXT_MAX = 512 };

struct world {
	struct identity *agents[NAGENTS]; /* A founds */
	struct group_id group;
	struct bytes entries[MAX_ENTRIES]; /* [0] is the founding one */
	size_t n;
	uint64_t number; /* of the last entry that anybody signed */
	uint32_t uses;   /* of the next invite */
};

static inline const struct agent_id *id_of(const struct world *w, int agent)
{
	return identity_id(w->agents[agent]);
}

static inline void hash_of(uint8_t hash[HASH_LEN], const struct bytes *entry)
{
	sha256(hash, entry->p, entry->len);
}

static inline struct bytes *next_entry(struct world *w)
{
	assert_true(w->n < MAX_ENTRIES);
	w->entries[w->n] = BYTES_INIT(ROSTER_ENTRY_MAX);
	return &w->entries[w->n++];
}

static inline void world_forget(struct world *w, size_t keep)
{
	while (w->n > keep)
		bytes_free(&w->entries[--w->n]);
}

/* Numbers go up, so that of two entries of one signer about the same subject the later one is the last. */
static inline struct roster_statement next_statement(struct world *w, int64_t time_s)
{
	return (struct roster_statement){ .number = ++w->number, .time_s = time_s };
}

/* `named`: index of an entry to be named, -1 for none. All return the new entry's index. */
static inline int say_add(struct world *w, int signer, int target, enum role role, int named, int64_t time_s)
{
	uint8_t hash[HASH_LEN];

	struct roster_statement statement = next_statement(w, time_s);

	if (named >= 0)
		hash_of(hash, &w->entries[named]);
	assert_int_equal(roster_entry_add(next_entry(w), w->agents[signer], &w->group, &statement,
	                                  &(struct statement_add){ .target = id_of(w, target),
	                                                           .role = role,
	                                                           .member_name = "host",
	                                                           .named = hash,
	                                                           .nnamed = named >= 0 }),
	                 0);
	return (int)w->n - 1;
}

static inline int say_remove(struct world *w, int signer, int target, int64_t time_s)
{
	struct roster_statement statement = next_statement(w, time_s);

	assert_int_equal(roster_entry_remove(next_entry(w), w->agents[signer], &w->group, &statement, id_of(w, target)),
	                 0);
	return (int)w->n - 1;
}

static inline int say_leave(struct world *w, int signer, bool abandon, int64_t time_s)
{
	assert_int_equal(roster_entry_leave(next_entry(w), w->agents[signer], &w->group, ++w->number, abandon, time_s),
	                 0);
	return (int)w->n - 1;
}

/* The name of the invite by which entry `join` came. */
static inline struct agent_id invite_of(const struct world *w, int join)
{
	struct roster_entry e;

	assert_int_equal(roster_entry_parse(&e, w->entries[join].p, w->entries[join].len), 0);
	return e.invite;
}

static inline int say_revoke(struct world *w, int signer, int join)
{
	struct roster_statement statement = next_statement(w, NOW);
	struct agent_id invite = invite_of(w, join);

	assert_int_equal(roster_entry_revoke(next_entry(w), w->agents[signer], &w->group, &statement, &invite), 0);
	return (int)w->n - 1;
}

/* An invite of its own, or one of `bearer`s. */
static inline void sign_join(struct world *w, const struct identity *issuer, const struct identity *admitter,
                             const struct identity *joiner, enum role role, const struct identity *bearer,
                             const uint8_t *named, size_t nnamed, int64_t time_s)
{
	struct invite invite = { .group = w->group, .role = role, .expires_s = EXPIRES, .uses = w->uses };
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX), request = BYTES_INIT(JOIN_MAX);
	uint8_t binding[TLS_BINDING_LEN] = { 1 };

	identity_seed(bearer, invite.seed);
	memcpy(invite.issuer_key, identity_public_key(issuer), PUBLIC_KEY_LEN);
	roster_entry_invite_statement(&statement,
	                              &(struct invite_terms){ .group = &w->group,
	                                                      .role = role,
	                                                      .expires_s = EXPIRES,
	                                                      .uses = w->uses,
	                                                      .key = identity_public_key(bearer),
	                                                      .issuer_key = invite.issuer_key },
	                              2);
	identity_sign(issuer, statement.p, statement.len, invite.signature);
	assert_int_equal(roster_entry_request(&request, &invite, joiner, "host", binding), 0);
	assert_int_equal(roster_entry_join(next_entry(w), admitter, request.p, request.len, named, nnamed, time_s), 0);
	bytes_free(&statement);
	bytes_free(&request);
}

static inline int say_join(struct world *w, int issuer, int admitter, int joiner, enum role role, int named,
                           int64_t time_s)
{
	struct identity *bearer = identity_new();
	uint8_t hash[HASH_LEN];

	if (named >= 0)
		hash_of(hash, &w->entries[named]);
	sign_join(w, w->agents[issuer], w->agents[admitter], w->agents[joiner], role, bearer, hash, named >= 0, time_s);
	identity_free(bearer);
	return (int)w->n - 1;
}

static inline int world_setup_flags(void **state, uint8_t flags)
{
	struct world *w = MEM_NEW(struct world);

	w->uses = INVITE_USES;
	w->number = 1; /* the founding entry's */
	for (int i = 0; i < NAGENTS; i++)
		w->agents[i] = identity_new();
	if (roster_entry_found(next_entry(w), w->agents[A], "pictures", flags, "host", NOW - 1000, NULL) != 0)
		return -1;
	sha256(w->group.b, w->entries[0].p, w->entries[0].len);
	*state = w;
	return 0;
}

static inline int world_setup(void **state)
{
	return world_setup_flags(state, 0);
}

static inline int world_setup_sealed(void **state)
{
	return world_setup_flags(state, ENTRY_SEALED);
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	world_forget(w, 0);
	for (int i = 0; i < NAGENTS; i++)
		identity_free(w->agents[i]);
	free(w);
	return 0;
}

static inline enum roster_add put(struct world *w, struct roster *r, size_t entry)
{
	return roster_add(r, w->entries[entry].p, w->entries[entry].len);
}

/* "A owner, C member", by the agents' names; agents without a name are left out. */
static inline const char *members_text(const struct world *w, const struct roster *r, char text[TEXT_MAX])
{
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < NAGENTS; i++) {
		enum role role = roster_role(r, id_of(w, i));

		if (role != ROLE_NONE)
			at += (size_t)snprintf(text + at, TEXT_MAX - at, "%s%c %s", at > 0 ? ", " : "", 'A' + i,
			                       role_name(role));
	}
	return text;
}

/* Every roster of the same entries must name the same members and have the same digest. */
struct verdict {
	bool any;
	char text[TEXT_MAX];
	uint8_t digest[32];
};

static inline void agree(const struct world *w, const struct roster *r, struct verdict *v)
{
	char text[TEXT_MAX];
	uint8_t digest[32];

	members_text(w, r, text);
	roster_digest(r, digest);
	if (!v->any) {
		v->any = true;
		memcpy(v->text, text, sizeof(text));
		memcpy(v->digest, digest, sizeof(digest));
	}
	assert_string_equal(text, v->text);
	assert_memory_equal(digest, v->digest, sizeof(digest));
}

/* Entries judged one by one must give what a judgement of all at once gives. */
static inline void agree_with_itself(const struct world *w, struct roster *r)
{
	struct verdict v = { 0 };

	agree(w, r, &v);
	roster_judge(r);
	agree(w, r, &v);
}

static inline bool put_told(void *arg, const uint8_t *entry, size_t n)
{
	return roster_put(arg, 0, entry, n) != ROSTER_BAD;
}

/* An entry that does not count keeps no other from counting: a roster with only those that count judges the same. */
static inline void agree_with_the_told(const struct world *w, const struct roster *r, struct verdict *v)
{
	struct roster *other = roster_new(&w->group);

	roster_entries(r, put_told, other);
	roster_settle(other);
	agree(w, other, v);
	roster_free(other);
}

static inline void try_order(struct world *w, const size_t *order, struct verdict *v)
{
	struct roster *r = roster_new(&w->group);

	/* Their signatures have been checked often enough. */
	for (size_t i = 0; i < w->n; i++) {
		roster_put(r, 0, w->entries[order[i]].p, w->entries[order[i]].len);
		roster_settle(r);
	}
	agree(w, r, v);
	agree_with_itself(w, r);
	agree_with_the_told(w, r, v);
	roster_free(r);
}

static inline void permute(struct world *w, size_t *order, size_t k, struct verdict *v)
{
	if (k == w->n) {
		try_order(w, order, v);
		return;
	}
	for (size_t i = k; i < w->n; i++) {
		size_t tmp = order[k];

		order[k] = order[i];
		order[i] = tmp;
		permute(w, order, k + 1, v);
		order[i] = order[k];
		order[k] = tmp;
	}
}

static inline void shuffle(size_t *order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = random_below(i + 1), tmp = order[i];

		order[i] = order[j];
		order[j] = tmp;
	}
}

/* All orders of up to five entries, 60 random orders of more: the members are `expected` in each. */
static inline void expect_members(struct world *w, const char *expected)
{
	size_t order[MAX_ENTRIES] = { 0 };
	struct verdict v = { 0 };

	for (size_t i = 0; i < w->n; i++)
		order[i] = i;
	if (w->n <= 5) {
		permute(w, order, 0, &v);
	} else {
		for (int round = 0; round < 60; round++) {
			shuffle(order, w->n);
			try_order(w, order, &v);
		}
	}
	assert_string_equal(v.text, expected);
}

/* B owner, C by invite and confirmed, D and E by invite, E left. */
static inline void populate(struct world *w)
{
	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, B, A, C, ROLE_MEMBER, -1, NOW + 1);
	say_add(w, B, C, ROLE_MEMBER, -1, NOW + 1);
	say_join(w, A, C, D, ROLE_READER, -1, NOW + 2);
	say_join(w, A, B, E, ROLE_MEMBER, -1, NOW + 3);
	say_leave(w, E, false, NOW + 4);
}

/* A roster of all entries, in their order. */
static inline struct roster *roster_of(struct world *w)
{
	struct roster *r = roster_new(&w->group);

	for (size_t i = 0; i < w->n; i++)
		put(w, r, i);
	return r;
}

#define TEST(name)        cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define TEST_SEALED(name) cmocka_unit_test_setup_teardown(name, world_setup_sealed, world_teardown)

#endif
