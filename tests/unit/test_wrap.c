/* Proves that frames sealed inside TLS open at the other end only, as they were sealed, in their direction, on their
 * connection, in their group and generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sync/seal/wrap.h"
#include "tests/unit/seal_forms.h"

static const struct agent_id alice = { { 1 } }, bob = { { 2 } };

static struct wrap *wrap_of(uint8_t group, uint8_t secret_of, uint8_t binding_of, const struct agent_id *self,
                            const struct agent_id *peer)
{
	const struct keys_about about = { .id = secret_of, .suite = KEYS_SUITE };
	struct group_id id = { { group } };
	uint8_t secret[KEYS_SECRET_LEN] = { secret_of }, binding[WRAP_BINDING_LEN] = { binding_of };
	struct keys *k = keys_new(&id, &about, secret);
	struct wrap *w = wrap_new(k, binding, self, peer);

	assert_non_null(w);
	keys_free(k);
	return w;
}

static int opens(struct wrap *w, uint64_t counter, const char *front)
{
	uint8_t p[] = "what is said", tag[AEAD_TAG_LEN];
	struct wrap *a = wrap_of(1, 1, 1, &alice, &bob);
	int status;

	wrap_seal(a, 7, "front", 5, p, sizeof(p), tag);
	assert_memory_not_equal(p, "what is said", sizeof(p));
	status = wrap_open(w, counter, front, strlen(front), p, sizeof(p), tag);
	assert_int_equal(memcmp(p, "what is said", sizeof(p)) == 0, status == 0);
	wrap_free(a);
	wrap_free(w);
	return status;
}

static void a_frame_opens_at_the_other_end_only(void **state)
{
	(void)state;
	assert_int_equal(opens(wrap_of(1, 1, 1, &bob, &alice), 7, "front"), 0);
	assert_int_equal(opens(wrap_of(1, 1, 1, &bob, &alice), 8, "front"), -1);
	assert_int_equal(opens(wrap_of(1, 1, 1, &bob, &alice), 7, "frond"), -1);
	assert_int_equal(opens(wrap_of(2, 1, 1, &bob, &alice), 7, "front"), -1);
	assert_int_equal(opens(wrap_of(1, 2, 1, &bob, &alice), 7, "front"), -1);
	assert_int_equal(opens(wrap_of(1, 1, 2, &bob, &alice), 7, "front"), -1);
	/* Nor where it came from: one direction's keys do not open the other's. */
	assert_int_equal(opens(wrap_of(1, 1, 1, &alice, &bob), 7, "front"), -1);
	assert_int_equal(opens(wrap_of(1, 1, 1, &bob, &bob), 7, "front"), -1);
}

/* Computed by another program (Python, cryptography). This may never change. */
static void test_a_sealed_frame_is_part_of_the_protocol(void **state)
{
	const struct keys_about about = { .id = 7, .suite = KEYS_SUITE };
	const struct group_id group = { "a group" };
	uint8_t secret[KEYS_SECRET_LEN] = { 3 }, binding[WRAP_BINDING_LEN], known[12 + AEAD_TAG_LEN];
	uint8_t p[12] = "what is said", tag[AEAD_TAG_LEN];
	struct agent_id from, to;
	struct keys *k = keys_new(&group, &about, secret);
	struct wrap *w;

	(void)state;
	memset(binding, 9, sizeof(binding));
	memset(from.b, 1, sizeof(from.b));
	memset(to.b, 2, sizeof(to.b));
	w = wrap_new(k, binding, &from, &to);
	keys_free(k);
	assert_int_equal(wrap_generation(w), 7);
	wrap_seal(w, 1ULL << 63 | 5, "front", 5, p, sizeof(p), tag);
	seal_forms_hex(known, sizeof(known), "11d0db16543bd931da798aa6528fd8ee93a81af40d3830aa8a742f42");
	assert_memory_equal(p, known, sizeof(p));
	assert_memory_equal(tag, known + sizeof(p), AEAD_TAG_LEN);
	wrap_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_opens_at_the_other_end_only),
		cmocka_unit_test(test_a_sealed_frame_is_part_of_the_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
