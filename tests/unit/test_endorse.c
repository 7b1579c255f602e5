/* Endorsements: each core of a batch is vouched for, alone or with all others, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sync/seal/endorse.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { EPOCH = 77 };

struct fixture {
	struct group_id group;
	struct identity *self;
	struct endorse_item items[ENDORSE_BATCH_MAX];
	struct bytes out;
	uint8_t core[32]; /* which `takes` asks about */
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->group = seal_world_group(0);
	f->self = seal_world_agent(0);
	for (size_t i = 0; i < ENDORSE_BATCH_MAX; i++) {
		f->items[i].seq = 10 + i;
		seal_world_bytes(f->items[i].core, i);
	}
	f->out = BYTES_INIT(1 << 20);
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

static bool vouches(struct fixture *f, const uint8_t core[32], uint64_t seq)
{
	struct endorse_signer signer;
	uint64_t found = 0;

	if (endorse_check(&f->group, core, f->out.p, f->out.len, NULL, &signer, &found) != ENDORSE_OK)
		return false;
	assert_int_equal(found, seq);
	assert_int_equal(signer.epoch, EPOCH);
	assert_memory_equal(signer.key, identity_public_key(f->self), PUBLIC_KEY_LEN);
	assert_true(group_id_equal(&signer.group, &f->group));
	return true;
}

/* In batches of every size up to 70, and of the sizes around a power of two. */
static void each_core_of_a_batch_is_vouched_for_and_no_other(void **state)
{
	struct fixture *f = *state;

	for (size_t n = 1; n <= 70; n++) {
		struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, n);

		for (size_t i = 0; i < n; i += 1 + n / 9) {
			bytes_clear(&f->out);
			assert_int_equal(endorse_batch_one(b, i, &f->out), 0);
			assert_true(vouches(f, f->items[i].core, f->items[i].seq));
			assert_false(vouches(f, f->items[i + 1].core, f->items[i + 1].seq));
		}
		endorse_batch_free(b);
	}
}

static void the_largest_batch_fits(void **state)
{
	struct fixture *f = *state;
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, ENDORSE_BATCH_MAX);

	assert_int_equal(endorse_batch_one(b, ENDORSE_BATCH_MAX - 1, &f->out), 0);
	assert_int_equal(f->out.len, ENDORSE_LEN_MAX);
	assert_true(vouches(f, f->items[ENDORSE_BATCH_MAX - 1].core, f->items[ENDORSE_BATCH_MAX - 1].seq));
	endorse_batch_free(b);
}

static bool takes(void *arg, const uint8_t *p, size_t n)
{
	struct fixture *f = arg;
	struct endorse_signer signer;
	uint64_t seq;

	return endorse_check(&f->group, f->core, p, n, NULL, &signer, &seq) == ENDORSE_OK;
}

static void every_bit_of_an_endorsement_matters(void **state)
{
	struct fixture *f = *state;
	static const size_t at[] = { 0, 4 }; /* the last leaf of five has a missing neighbour */
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, 5);

	for (size_t i = 0; i < 2; i++) {
		bytes_clear(&f->out);
		memcpy(f->core, f->items[at[i]].core, 32);
		assert_int_equal(endorse_batch_one(b, at[i], &f->out), 0);
		seal_forms_check(f->out.p, f->out.len, takes, f);
		f->core[31] ^= 1;
		assert_false(takes(f, f->out.p, f->out.len));
	}
	endorse_batch_free(b);
}

static void it_holds_in_its_group_only(void **state)
{
	struct fixture *f = *state;
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, 1);

	assert_int_equal(endorse_batch_one(b, 0, &f->out), 0);
	assert_true(vouches(f, f->items[0].core, f->items[0].seq));
	f->group = seal_world_group(1);
	assert_false(vouches(f, f->items[0].core, f->items[0].seq));
	endorse_batch_free(b);
}

/* A node of the tree is not a leaf, whatever core somebody could invent for it: a way to the root that starts one step
 * higher shows nothing. */
static void a_shorter_way_to_the_root_is_refused(void **state)
{
	struct fixture *f = *state;
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, 4);
	const size_t way = ENDORSE_HEAD_LEN + 8 + 2 + 1;
	struct bytes shorter = BYTES_INIT(ENDORSE_LEN_MAX);

	assert_int_equal(endorse_batch_one(b, 0, &f->out), 0);
	bytes_append(&shorter, f->out.p, way);
	shorter.p[way - 1] = 1;
	bytes_append(&shorter, f->out.p + way + 32, f->out.len - way - 32);
	memcpy(f->core, f->out.p + way, 32);
	assert_false(takes(f, shorter.p, shorter.len));
	memcpy(f->core, f->items[0].core, 32);
	assert_false(takes(f, shorter.p, shorter.len));
	bytes_free(&shorter);
	endorse_batch_free(b);
}

/* The signature is not checked again for the same root, and is for any other. */
static void a_root_that_was_checked_is_known_again(void **state)
{
	struct fixture *f = *state;
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, 3);
	struct endorse_root known = { 0 };
	struct endorse_signer signer;
	uint64_t seq;
	const uint8_t *core = f->items[0].core;

	assert_int_equal(endorse_batch_one(b, 0, &f->out), 0);
	assert_int_equal(endorse_check(&f->group, core, f->out.p, f->out.len, &known, &signer, &seq), ENDORSE_OK);
	/* Shown by what is taken on the word of a root that is now believed: any signature will do. */
	memset(known.signature, 0, SIGNATURE_LEN);
	memset(f->out.p + f->out.len - SIGNATURE_LEN, 0, SIGNATURE_LEN);
	assert_int_equal(endorse_check(&f->group, core, f->out.p, f->out.len, &known, &signer, &seq), ENDORSE_OK);
	/* Another epoch, key or number is another root. */
	f->out.p[ENDORSE_HEAD_LEN - 1] ^= 1;
	assert_int_equal(endorse_check(&f->group, core, f->out.p, f->out.len, &known, &signer, &seq), ENDORSE_FORGED);
	f->out.p[ENDORSE_HEAD_LEN - 1] ^= 1;
	f->out.p[ENDORSE_HEAD_LEN + 7] ^= 1;
	assert_int_equal(endorse_check(&f->group, core, f->out.p, f->out.len, &known, &signer, &seq), ENDORSE_FORGED);
	endorse_batch_free(b);
}

struct whole {
	struct fixture *f;
	uint8_t (*cores)[32];
	size_t n;
};

static bool takes_whole(void *arg, const uint8_t *p, size_t n)
{
	struct whole *w = arg;
	struct endorse_signer signer;
	uint64_t *seqs = mem_calloc(w->n, sizeof(seqs[0]));
	bool good = endorse_check_whole(&w->f->group, (const uint8_t(*)[32])w->cores, w->n, p, n, &signer, seqs) ==
	            ENDORSE_OK;

	for (size_t i = 0; good && i < w->n; i++)
		assert_int_equal(seqs[i], w->f->items[i].seq);
	free(seqs);
	return good;
}

static void a_whole_batch_needs_no_ways(void **state)
{
	struct fixture *f = *state;
	struct whole w = { .f = f, .n = 5 };
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, w.n);
	struct endorse_signer signer;
	uint8_t first[32];

	w.cores = mem_calloc(w.n + 1, sizeof(w.cores[0]));
	for (size_t i = 0; i <= w.n; i++)
		memcpy(w.cores[i], f->items[i].core, 32);
	assert_int_equal(endorse_batch_whole(b, &f->out), 0);
	seal_forms_check(f->out.p, f->out.len, takes_whole, &w);
	/* Each core counts, in its place. */
	memcpy(first, w.cores[0], 32);
	memcpy(w.cores[0], w.cores[1], 32);
	memcpy(w.cores[1], first, 32);
	assert_false(takes_whole(&w, f->out.p, f->out.len));
	memcpy(w.cores[1], w.cores[0], 32);
	memcpy(w.cores[0], first, 32);
	assert_true(takes_whole(&w, f->out.p, f->out.len));
	w.n = 4;
	assert_false(takes_whole(&w, f->out.p, f->out.len));
	w.n = 6;
	assert_false(takes_whole(&w, f->out.p, f->out.len));
	/* No tree is reckoned with for a number of cores that no batch has. */
	assert_int_equal(endorse_check_whole(&f->group, NULL, SIZE_MAX, f->out.p, f->out.len, &signer, NULL),
	                 ENDORSE_FORM);
	free(w.cores);
	endorse_batch_free(b);
}

static void a_later_form_is_refused_as_such(void **state)
{
	struct fixture *f = *state;
	struct endorse_batch *b = endorse_batch_new(&f->group, f->self, EPOCH, f->items, 1);
	struct endorse_signer signer;
	uint64_t seq;

	assert_int_equal(endorse_batch_one(b, 0, &f->out), 0);
	f->out.p[0] = ENDORSE_FORMAT + 1;
	assert_int_equal(endorse_check(&f->group, f->items[0].core, f->out.p, f->out.len, NULL, &signer, &seq),
	                 ENDORSE_VERSION);
	f->out.p[0] = 0;
	assert_int_equal(endorse_check(&f->group, f->items[0].core, f->out.p, f->out.len, NULL, &signer, &seq),
	                 ENDORSE_FORM);
	endorse_batch_free(b);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_core_of_a_batch_is_vouched_for_and_no_other),
		CASE(the_largest_batch_fits),
		CASE(every_bit_of_an_endorsement_matters),
		CASE(it_holds_in_its_group_only),
		CASE(a_shorter_way_to_the_root_is_refused),
		CASE(a_root_that_was_checked_is_known_again),
		CASE(a_whole_batch_needs_no_ways),
		CASE(a_later_form_is_refused_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
