/* Shared by the tests of requests to join: owners, a member, a reader, strangers that ask, and entries by any of them,
 * honest or not. */
#ifndef LANYARD_TESTS_UNIT_MAIL_WORLD_H
#define LANYARD_TESTS_UNIT_MAIL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "sync/group/requests.h"
#include "sync/group/requests_internal.h"

enum { FOUNDER, OWNER, MEMBER, READER, OUTSIDER, PEOPLE, ASKERS = 64, MAIL_MAX = 400, DAY = 24 * 3600 };
static const int64_t mail_now = 1800000000;

struct mail_world {
	struct identity *people[PEOPLE], *askers[ASKERS];
	struct roster *roster;
	struct group_tag tag;
	struct bytes entries[MAIL_MAX];
	size_t n;
};

static inline const struct agent_id *asker_id(const struct mail_world *w, int asker)
{
	return identity_id(w->askers[asker]);
}

static inline struct bytes *mail_next(struct mail_world *w)
{
	assert_true(w->n < MAIL_MAX);
	w->entries[w->n] = BYTES_INIT(REQUEST_ENTRY_MAX);
	return &w->entries[w->n++];
}

/* The asker's part of a request. */
static inline struct bytes part_of(const struct mail_world *w, int asker, int giver, uint64_t number)
{
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX);
	struct request q = { .tag = w->tag, .number = number, .name = "laptop", .message = "room 2" };

	q.giver = *identity_id(w->people[giver]);
	memcpy(q.key, identity_public_key(w->askers[asker]), PUBLIC_KEY_LEN);
	random_bytes(q.r, sizeof(q.r));
	random_bytes(q.s, sizeof(q.s));
	request_sign(&part, &q, w->askers[asker]);
	return part;
}

/* A whole request; returns its index. */
static inline size_t asks_from(struct mail_world *w, int asker, int giver, uint64_t number, const char *address,
                               int64_t given_s)
{
	struct bytes part = part_of(w, asker, giver, number);

	assert_int_equal(request_vouch(mail_next(w), part.p, part.len, address, given_s, w->people[giver]), 0);
	bytes_free(&part);
	return w->n - 1;
}

/* From an address of its own. */
static inline size_t asks(struct mail_world *w, int asker, int giver, uint64_t number)
{
	char address[32];

	snprintf(address, sizeof(address), "10.0.0.%d", asker + 1);
	return asks_from(w, asker, giver, number, address, mail_now + (int64_t)w->n);
}

static inline size_t answers(struct mail_world *w, int signer, int asker, uint64_t number, enum request_verdict verdict)
{
	request_answer(mail_next(w), &w->tag, asker_id(w, asker), number, verdict, mail_now, w->people[signer]);
	return w->n - 1;
}

static inline void mail_put(const struct mail_world *w, struct requests *r, size_t entry)
{
	assert_int_not_equal(requests_put(r, 1, w->entries[entry].p, w->entries[entry].len, mail_now), REQUESTS_BAD);
}

static inline struct requests *mail_new(const struct mail_world *w)
{
	return requests_new(roster_group(w->roster));
}

/* All entries in their order, judged. */
static inline struct requests *mail_of(const struct mail_world *w)
{
	struct requests *r = mail_new(w);

	for (size_t i = 0; i < w->n; i++)
		mail_put(w, r, i);
	requests_settle(r, w->roster, mail_now);
	return r;
}

static inline bool counts(const struct mail_world *w, const struct requests *r, size_t entry)
{
	const struct mail *m, *next;

	HASH_ITER(hh, r->items, m, next)
		if (m->n == w->entries[entry].len && memcmp(m->bytes, w->entries[entry].p, m->n) == 0)
			return m->counts;
	return false;
}

static inline int mail_setup(void **state)
{
	static const enum role roles[PEOPLE] = { ROLE_OWNER, ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_NONE };
	struct mail_world *w = calloc(1, sizeof(*w));

	for (int i = 0; i < PEOPLE; i++)
		w->people[i] = identity_new();
	for (int i = 0; i < ASKERS; i++)
		w->askers[i] = identity_new();
	w->roster = roster_found(w->people[FOUNDER], "group", false, false, "founder", mail_now);
	for (int i = 1; i < PEOPLE; i++)
		if (roles[i] != ROLE_NONE)
			assert_int_equal(roster_grant(w->roster, w->people[FOUNDER], identity_id(w->people[i]),
			                              roles[i], "one", mail_now),
			                 0);
	group_id_tag_of(&w->tag, roster_group(w->roster));
	*state = w;
	return 0;
}

static inline int mail_teardown(void **state)
{
	struct mail_world *w = *state;

	while (w->n > 0)
		bytes_free(&w->entries[--w->n]);
	for (int i = 0; i < PEOPLE; i++)
		identity_free(w->people[i]);
	for (int i = 0; i < ASKERS; i++)
		identity_free(w->askers[i]);
	roster_free(w->roster);
	free(w);
	return 0;
}

#define MAIL_TEST(name) cmocka_unit_test_setup_teardown(name, mail_setup, mail_teardown)

#endif
