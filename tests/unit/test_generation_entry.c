/* GEN and BOX entries: what is signed is read, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/generation_entry.h"
#include "sync/group/roster_internal.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { NOW = 1800000000 };

struct fixture {
	struct group_id group;
	struct identity *self;
	struct generation g;
	struct bytes out;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->group = seal_world_group(0);
	f->self = seal_world_agent(0);
	f->g = (struct generation){ .number = 3, .suite = 1, .policy = 1, .nparents = 2, .nexits = 3 };
	seal_world_bytes(f->g.commitment, 1);
	seal_world_bytes(f->g.keyring, 2);
	for (uint8_t i = 0; i < 3; i++) {
		f->g.parents[i][0] = i;
		f->g.exits[i][0] = (uint8_t)(10 + i);
	}
	f->out = BYTES_INIT(1 << 16);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	identity_free(f->self);
	bytes_free(&f->out);
	free(f);
	return 0;
}

static bool takes(void *arg, const uint8_t *p, size_t n)
{
	const struct fixture *f = arg;

	return n > 1 && p[1] == ENTRY_GEN && roster_check(&f->group, p, n);
}

static int sign(struct fixture *f)
{
	return roster_entry_gen(&f->out, f->self, &f->group, &f->g, NOW);
}

static void what_is_signed_is_read(void **state)
{
	struct fixture *f = *state;
	struct roster_entry e;
	struct reader said;
	struct generation g;
	uint8_t name[32];

	assert_int_equal(sign(f), 0);
	assert_true(takes(f, f->out.p, f->out.len));
	assert_int_equal(roster_entry_parse(&e, f->out.p, f->out.len), 0);
	said = READER_INIT(e.said, e.said_n);
	generation_entry_read(&said, &g);
	assert_false(said.bad);
	assert_int_equal(reader_left(&said), 0);
	sha256(name, f->out.p, f->out.len);
	assert_memory_equal(f->g.name, name, 32);
	assert_true(agent_id_equal(&e.signer, identity_id(f->self)));
	assert_true(agent_id_equal(&f->g.signer, identity_id(f->self)));
	assert_int_equal(e.time_s, NOW);
	assert_int_equal(g.number, 3);
	assert_int_equal(g.suite, 1);
	assert_int_equal(g.policy, 1);
	assert_memory_equal(g.commitment, f->g.commitment, 32);
	assert_memory_equal(g.keyring, f->g.keyring, 32);
	assert_int_equal(g.nparents, 2);
	assert_memory_equal(g.parents, f->g.parents, 64);
	assert_int_equal(g.nexits, 3);
	assert_memory_equal(g.exits, f->g.exits, 96);
}

static void every_bit_of_an_entry_matters(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sign(f), 0);
	seal_forms_check(f->out.p, f->out.len, takes, f);
}

static void an_entry_has_one_form(void **state)
{
	struct fixture *f = *state;
	struct generation good = f->g;

	f->g.parents[1][0] = 0; /* twice */
	assert_int_equal(sign(f), -1);
	f->g = good;
	f->g.exits[0][0] = 99; /* out of order */
	assert_int_equal(sign(f), -1);
	f->g = good;
	f->g.nexits = GENERATION_EXITS_MAX + 1;
	assert_int_equal(sign(f), -1);
	f->g = good;
	f->g.number = 0;
	assert_int_equal(sign(f), -1);
	assert_int_equal(f->out.len, 0);
	/* The largest fits into a roster entry. */
	f->g = good;
	f->g.nparents = GENERATION_PARENTS_MAX;
	f->g.nexits = GENERATION_EXITS_MAX;
	for (int i = 0; i < GENERATION_EXITS_MAX; i++) {
		f->g.parents[i % GENERATION_PARENTS_MAX][0] = (uint8_t)(i % GENERATION_PARENTS_MAX);
		f->g.exits[i][0] = (uint8_t)i;
	}
	assert_int_equal(sign(f), 0);
	assert_true(f->out.len <= 4096);
	assert_true(takes(f, f->out.p, f->out.len));
}

static bool takes_box(void *arg, const uint8_t *p, size_t n)
{
	const struct fixture *f = arg;

	return n > 1 && p[1] == ENTRY_BOX && roster_check(&f->group, p, n);
}

static void a_box_key_is_its_agents_own_word(void **state)
{
	struct fixture *f = *state;
	struct roster_entry e;
	uint8_t key[32];

	seal_world_bytes(key, 7);
	assert_int_equal(roster_entry_box(&f->out, f->self, &f->group, key, NOW), 0);
	assert_int_equal(roster_entry_parse(&e, f->out.p, f->out.len), 0);
	assert_int_equal(e.said_n, 32);
	assert_memory_equal(e.said, key, 32);
	assert_true(agent_id_equal(&e.signer, identity_id(f->self)));
	assert_true(agent_id_equal(&e.target, identity_id(f->self)));
	assert_int_equal(e.time_s, NOW);
	seal_forms_check(f->out.p, f->out.len, takes_box, f);
	assert_false(takes(f, f->out.p, f->out.len)); /* not a GEN */
}

static void another_group_or_form_is_refused(void **state)
{
	struct fixture *f = *state;
	struct group_id other = seal_world_group(1);
	struct roster_entry e;

	assert_int_equal(sign(f), 0);
	assert_false(roster_check(&other, f->out.p, f->out.len));
	for (int format = 0; format < 256; format++) {
		f->out.p[0] = (uint8_t)format;
		assert_int_equal(roster_entry_parse(&e, f->out.p, f->out.len), format == 2 ? 0 : -1);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_signed_is_read),
		CASE(every_bit_of_an_entry_matters),
		CASE(an_entry_has_one_form),
		CASE(a_box_key_is_its_agents_own_word),
		CASE(another_group_or_form_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
