/* Records and block lists: which records count as the same, and that only well-formed lists are decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"

static struct record file(const char *path)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mode = 0644,
		            .mtime_ns = 5,
		            .content = { .size = 10, .nblocks = 1, .root = { 1 } } };

	version_bump(&r.version, 1, 1);
	return r;
}

static void a_copy_owns_its_own(void **state)
{
	struct record a = file("dir/name"), b;

	(void)state;
	a.target = mem_strdup("to");
	record_copy(&b, &a);
	assert_ptr_not_equal(a.path, b.path);
	assert_ptr_not_equal(a.version.e, b.version.e);
	record_clear(&a);
	assert_null(a.path);
	assert_string_equal(b.path, "dir/name");
	assert_string_equal(b.target, "to");
	assert_int_equal(version_counter(&b.version, 1), 1);
	record_clear(&b);
}

static void bases_say_since_when(void **state)
{
	struct record r = file("a");

	(void)state;
	/* A new time: content and mode are as old as the row was. */
	record_keep_base(&r, r.mode);
	assert_int_equal(version_counter(&r.base, 1), 1);
	assert_int_equal(version_counter(&r.mode_base, 1), 1);
	/* Another mode. */
	version_bump(&r.version, 1, 2);
	record_keep_base(&r, 0600);
	r.mode = 0600;
	assert_int_equal(version_counter(&r.base, 1), 1);
	assert_int_equal(r.mode_base.n, 0);
	version_bump(&r.version, 1, 3);
	record_keep_base(&r, 0600);
	version_bump(&r.version, 1, 4);
	record_keep_base(&r, 0600);
	assert_int_equal(version_counter(&r.base, 1), 1);
	assert_int_equal(version_counter(&r.mode_base, 1), 3);
	record_clear_base(&r);
	assert_int_equal(r.base.n + r.mode_base.n, 0);
	r.kind = RECORD_SYMLINK;
	record_keep_base(&r, 0);
	assert_int_equal(r.mode_base.n, 0);
	r.deleted = true;
	record_keep_base(&r, 0);
	assert_int_equal(r.base.n, 0);
	record_clear(&r);
}

static void same_means_what_it_says(void **state)
{
	struct record a = file("a"), b = file("a");

	(void)state;
	assert_true(record_same(&a, &b));
	b.mtime_ns++;
	assert_false(record_same(&a, &b));
	assert_true(record_same_content(&a, &b));
	b.mtime_ns = a.mtime_ns;
	b.mode = 0600;
	assert_false(record_same(&a, &b));
	b.mode = a.mode;
	b.content.root[31] = 1;
	assert_false(record_same_content(&a, &b));
	b.content = a.content;
	b.content.size++;
	assert_false(record_same_content(&a, &b));
	b.content = a.content;
	b.content.nblocks++;
	assert_false(record_same_content(&a, &b));
	b.content = a.content;
	b.deleted = true;
	assert_false(record_same_content(&a, &b));
	a.deleted = true;
	a.mode = 0;
	a.content.size = 99;
	assert_true(record_same(&a, &b));
	a.deleted = b.deleted = false;
	a.kind = RECORD_DIR;
	assert_false(record_same_content(&a, &b));
	record_clear(&a);
	record_clear(&b);
}

static void symlinks_are_their_target(void **state)
{
	struct record a = { .kind = RECORD_SYMLINK, .target = mem_strdup("x") };
	struct record b = { .kind = RECORD_SYMLINK, .target = mem_strdup("y") };

	(void)state;
	assert_false(record_same_content(&a, &b));
	b.target[0] = 'x';
	assert_true(record_same(&a, &b));
	b.mtime_ns = 1;
	assert_false(record_same(&a, &b));
	record_clear(&a);
	record_clear(&b);
}

static struct blocklist list_of(uint32_t n)
{
	struct blocklist l = { .n = n, .b = mem_calloc(n, sizeof(struct block)) };

	for (uint32_t i = 0; i < n; i++) {
		l.b[i].len = 1000 + i;
		memset(l.b[i].hash, (int)i + 1, 32);
	}
	return l;
}

static void a_content_is_named_by_its_list(void **state)
{
	struct blocklist l = list_of(3), none = { 0 }, one = { .n = 1, .b = l.b };
	uint8_t bytes[3 * 36], digest[32], zero[32] = { 0 };
	struct content c;

	(void)state;
	c = blocklist_content(&none);
	assert_int_equal(c.size, 0);
	assert_int_equal(c.nblocks, 0);
	assert_memory_equal(c.root, zero, 32);
	c = blocklist_content(&one);
	assert_int_equal(c.size, 1000);
	assert_int_equal(c.nblocks, 1);
	assert_memory_equal(c.root, l.b[0].hash, 32);
	c = blocklist_content(&l);
	blocklist_encode(bytes, &l);
	sha256(digest, bytes, sizeof(bytes));
	assert_int_equal(c.size, 3003);
	assert_int_equal(c.nblocks, 3);
	assert_memory_equal(c.root, digest, 32);
	blocklist_clear(&l);
}

static void lists_come_back(void **state)
{
	struct blocklist l = list_of(5), back;
	uint8_t bytes[5 * 36];

	(void)state;
	blocklist_encode(bytes, &l);
	assert_int_equal(get_u32(bytes + 36), 1001);
	assert_int_equal(blocklist_decode(&back, bytes, sizeof(bytes)), 0);
	assert_int_equal(back.n, 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(back.b[i].len, l.b[i].len);
		assert_memory_equal(back.b[i].hash, l.b[i].hash, 32);
	}
	blocklist_clear(&back);
	blocklist_clear(&l);
	assert_int_equal(blocklist_decode(&back, bytes, 0), 0);
	assert_int_equal(back.n, 0);
}

static void bad_lists_are_refused(void **state)
{
	struct blocklist l = list_of(2), out;
	uint8_t bytes[72];
	size_t many = (size_t)36 * (CONTENT_MAX_BLOCKS + 1);
	uint8_t *big = mem_calloc(many, 1);

	(void)state;
	blocklist_encode(bytes, &l);
	blocklist_clear(&l);
	assert_int_equal(blocklist_decode(&out, bytes, 71), -1);
	put_u32(bytes + 36, 0);
	assert_int_equal(blocklist_decode(&out, bytes, 72), -1);
	put_u32(bytes + 36, BLOCK_MAX + 1);
	assert_int_equal(blocklist_decode(&out, bytes, 72), -1);
	assert_null(out.b);
	put_u32(bytes + 36, BLOCK_MAX);
	assert_int_equal(blocklist_decode(&out, bytes, 72), 0);
	blocklist_clear(&out);
	for (size_t at = 0; at < many; at += 36)
		put_u32(big + at, 1);
	assert_int_equal(blocklist_decode(&out, big, many), -1);
	assert_int_equal(blocklist_decode(&out, big, many - 36), 0);
	blocklist_clear(&out);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_owns_its_own),
		cmocka_unit_test(same_means_what_it_says),
		cmocka_unit_test(bases_say_since_when),
		cmocka_unit_test(symlinks_are_their_target),
		cmocka_unit_test(a_content_is_named_by_its_list),
		cmocka_unit_test(lists_come_back),
		cmocka_unit_test(bad_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
