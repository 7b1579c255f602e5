/* Proves in which order sources of contents are asked, and that each reading goes back to the source that opened it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/plan/content_source.h"

/* A source with one byte as its only content. */
struct byte_source {
	struct content_reading reading;
	enum content_state state;
	uint8_t byte;
	int stats, opens, closes;
};

static enum content_state byte_stat(void *arg, const struct content *c)
{
	struct byte_source *s = arg;

	(void)c;
	s->stats++;
	return s->state;
}

static struct content_reading *byte_open(void *arg, const struct content *c, const struct record *row,
                                         const struct block_want *want)
{
	struct byte_source *s = arg;

	(void)c;
	(void)row;
	(void)want;
	s->opens++;
	return s->state == CONTENT_PRESENT ? &s->reading : NULL;
}

static int byte_read(struct content_reading *r, uint8_t *out)
{
	*out = ((struct byte_source *)r)->byte;
	return 0;
}

static void byte_close(struct content_reading *r)
{
	((struct byte_source *)r)->closes++;
}

static const struct content_source_ops byte_ops = {
	.stat = byte_stat,
	.open = byte_open,
	.read = byte_read,
	.close = byte_close,
};

static struct byte_source first, second;
static const struct content_source list[] = { { &byte_ops, &first }, { &byte_ops, &second } };
static const struct content_sources both = { .source = list, .n = 2 }, none = { 0 };
static const struct content some = { .size = 1, .nblocks = 1 };
static const struct block_want want = { .len = 1 };

static int setup(void **state)
{
	(void)state;
	first = (struct byte_source){ .state = CONTENT_PRESENT, .byte = 1 };
	second = (struct byte_source){ .state = CONTENT_PRESENT, .byte = 2 };
	return 0;
}

static void the_first_source_that_has_it_is_read(void **state)
{
	struct content_reading *r = content_open(&both, &some, NULL, &want);
	uint8_t byte = 0;

	(void)state;
	assert_non_null(r);
	assert_int_equal(content_read(r, &byte), 0);
	assert_int_equal(byte, 1);
	content_close(r);
	assert_int_equal(first.closes, 1);
	assert_int_equal(second.opens, 0);
	first.state = CONTENT_ABSENT;
	r = content_open(&both, &some, NULL, &want);
	assert_int_equal(content_read(r, &byte), 0);
	assert_int_equal(byte, 2);
	content_close(r);
	assert_int_equal(second.closes, 1);
}

static void a_content_that_is_withheld_is_said_to_be(void **state)
{
	(void)state;
	first.state = CONTENT_WITHHELD;
	assert_int_equal(content_stat(&both, &some), CONTENT_WITHHELD);
	assert_int_equal(second.stats, 0);
	first.state = CONTENT_ABSENT;
	assert_int_equal(content_stat(&both, &some), CONTENT_PRESENT);
}

static void without_a_source_nothing_is_there(void **state)
{
	(void)state;
	assert_int_equal(content_stat(&none, &some), CONTENT_ABSENT);
	assert_null(content_open(&none, &some, NULL, &want));
	content_close(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(the_first_source_that_has_it_is_read),
		T(a_content_that_is_withheld_is_said_to_be),
		T(without_a_source_nothing_is_there),
	};

	return cmocka_run_group_tests_name("content_source", tests, NULL, NULL);
}
