/* Pages: long lists are cut where their content says, come back whole, and refs are what the list needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/plan/block.h"
#include "sync/seal/page.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { N = 6000, OURS = 7, OLD = 3 };

struct fixture {
	struct keyring *ring;
	struct page_entry list[N + 2];
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	struct group_id group = seal_world_group(0);

	f->ring = keyring_new(&group);
	for (int i = 0; i < 2; i++) {
		struct keys *k = seal_world_keys(i == 0 ? OURS : OLD);

		assert_int_equal(keyring_add(f->ring, keys_about(k), keys_secret(k), NULL), KEYRING_OK);
		keys_free(k);
	}
	for (size_t i = 0; i < N; i++) {
		f->list[i] = (struct page_entry){ .generation = i % 5 == 0 ? OLD : OURS, .len = 65536, .count = 1 };
		seal_world_bytes(f->list[i].sha, i);
	}
	assert_int_equal(page_name(f->ring, f->list, N), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	keyring_free(f->ring);
	free(f);
	return 0;
}

/* Cuts the n entries into pages; ends: of each page, in entries. Returns how many pages. */
static size_t cut(const struct page_entry *list, size_t n, size_t *ends)
{
	size_t pages = 0, at = 0;

	while (at < n) {
		size_t take = page_split(list + at, n - at);

		assert_true(take > 0 && take <= PAGE_ENTRIES_MAX);
		assert_true(take >= PAGE_LEAST || at + take == n);
		at += take;
		ends[pages++] = at;
	}
	return pages;
}

static void pages_have_a_size_and_an_edit_costs_one_or_two(void **state)
{
	struct fixture *f = *state;
	size_t before[N], after[N], npages = cut(f->list, N, before), changed = 0, edits = 0;

	assert_true(npages > N / 300 && npages < N / 100);
	for (size_t at = 5; at < N; at += 97) {
		struct page_entry kept = f->list[at];
		size_t n, same = 0;

		seal_world_bytes(f->list[at].sha, N + at);
		assert_int_equal(page_name(f->ring, f->list + at, 1), 0);
		n = cut(f->list, N, after);
		/* Pages that begin, end and are as before. */
		for (size_t i = 0, j = 0; i < n; i++) {
			size_t from = i == 0 ? 0 : after[i - 1];

			while (j < npages && before[j] < after[i])
				j++;
			same += j < npages && before[j] == after[i] && (j == 0 ? 0 : before[j - 1]) == from &&
			        !(at >= from && at < after[i]);
		}
		changed += n - same;
		edits++;
		f->list[at] = kept;
	}
	assert_true(changed < 2 * edits);
}

static void one_block_over_and_over_makes_no_pages_of_one(void **state)
{
	struct fixture *f = *state;
	size_t ends[N];

	for (size_t i = 0; i < N; i++) {
		f->list[i] = f->list[0];
		f->list[i].name[31] = 0; /* an end, as often as it can be */
	}
	assert_int_equal(cut(f->list, N, ends), (N + PAGE_LEAST - 1) / PAGE_LEAST);
	for (size_t i = 0; i < N; i++)
		f->list[i].name[31] = 1; /* never */
	assert_int_equal(cut(f->list, N, ends), (N + PAGE_MAX - 1) / PAGE_MAX);
}

static void a_page_comes_back_through_an_object(void **state)
{
	struct fixture *f = *state;
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20);
	struct object_input in = { .kind = OBJECT_PAGE };
	struct object_ref asked = { .generation = OURS };
	struct object_plain plain;
	struct object_head head;
	struct page_entry *list;
	uint8_t *sealed, *copy;
	size_t n, size;

	f->list[3] = (struct page_entry){ .len = 65536, .count = 1000 };
	f->list[9] = f->list[8]; /* one block twice is one ref */
	n = page_split(f->list, N);
	assert_int_equal(page_encode(f->list, n, &content, &refs), 0);
	assert_int_equal(refs.len, (n - 2) * OBJECT_REF);
	in.content = content.p;
	in.n = content.len;
	in.refs = refs.p;
	in.nrefs = (uint32_t)(refs.len / OBJECT_REF);
	sealed = object_seal(keyring_find(f->ring, OURS), &in, &size);
	assert_non_null(sealed);
	assert_int_equal(object_parse(&head, sealed, size), OBJECT_OK);
	asked = head.self;
	copy = mem_dup(sealed, size);
	assert_int_equal(object_open(keyring_find(f->ring, OURS), OBJECT_PAGE, &asked, copy, size, &plain), OBJECT_OK);
	list = page_decode(plain.p, plain.n, &size);
	assert_non_null(list);
	assert_int_equal(size, n);
	assert_int_equal(page_name(f->ring, list, n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i].generation, f->list[i].generation);
		assert_int_equal(list[i].count, f->list[i].count);
		assert_memory_equal(list[i].sha, f->list[i].sha, 32);
		assert_memory_equal(list[i].name, f->list[i].name, 32);
	}
	assert_true(page_has_refs(list, n, &head));
	list[0].name[0] ^= 1;
	assert_false(page_has_refs(list, n, &head));
	list[0].name[0] ^= 1;
	assert_false(page_has_refs(list, n - 1, &head));
	free(list);
	object_plain_free(&plain);
	free(copy);
	free(sealed);
	bytes_free(&content);
	bytes_free(&refs);
}

/* The order of the blocks in the file shows nowhere in what a vault sees. */
static void refs_do_not_tell_the_order(void **state)
{
	struct fixture *f = *state;
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20), turned = BYTES_INIT(1 << 20);
	struct page_entry first = f->list[0];

	assert_int_equal(page_encode(f->list, 80, &content, &refs), 0);
	memmove(f->list, f->list + 1, 79 * sizeof(first));
	f->list[79] = first;
	assert_int_equal(page_encode(f->list, 80, &content, &turned), 0);
	assert_int_equal(refs.len, turned.len);
	assert_memory_equal(refs.p, turned.p, refs.len);
	bytes_free(&content);
	bytes_free(&refs);
	bytes_free(&turned);
}

static void zeros_go_with_the_page_before_them(void **state)
{
	struct fixture *f = *state;
	const struct page_entry zeros = { .len = 65536, .count = 7 };
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20);
	size_t end = page_split(f->list, N);

	f->list[end] = zeros;
	f->list[end + 1] = zeros;
	assert_int_equal(page_split(f->list, end + 2), end + 2);
	assert_int_equal(page_split(f->list, 0), 0);
	assert_int_equal(page_encode(&zeros, 1, &content, &refs), -1);
	assert_int_equal(page_encode(f->list, 0, &content, &refs), -1);
	assert_int_equal(content.len, 0);
}

static void a_generation_without_keys_is_noticed(void **state)
{
	struct fixture *f = *state;

	f->list[7].generation = 99;
	assert_int_equal(page_name(f->ring, f->list, N), -1);
}

/* Whether a page begins with a block, 1,000 blocks of zeros, and as many more of this length. */
static int put_run(struct page_entry *list, uint32_t count, uint32_t len)
{
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20);
	int rc;

	list[1] = (struct page_entry){ .len = 65536, .count = 1000 };
	list[2] = (struct page_entry){ .len = len, .count = count };
	rc = page_encode(list, 3, &content, &refs);
	bytes_free(&content);
	bytes_free(&refs);
	return rc;
}

/* By a malicious holder of the keys. */
static void malformed_content_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20);
	struct page_entry *list;
	size_t n;

	f->list[1] = (struct page_entry){ .len = 65536, .count = 1000 };
	assert_int_equal(page_encode(f->list, 3, &content, &refs), 0);
	for (size_t cut_off = 0; cut_off < content.len; cut_off++) {
		list = page_decode(content.p, cut_off, &n);
		assert_true((list != NULL) == (cut_off != 0 && cut_off % PAGE_ENTRY == 0));
		free(list);
	}
	assert_int_equal(put_run(f->list, 7, 65536), -1); /* in two pieces */
	assert_int_equal(put_run(f->list, 7, 65535), 0);
	memcpy(content.p + 2 * PAGE_ENTRY, content.p + PAGE_ENTRY, PAGE_ENTRY);
	assert_null(page_decode(content.p, content.len, &n));
	content.p[2 * PAGE_ENTRY + 11] = 1; /* of another length */
	list = page_decode(content.p, content.len, &n);
	assert_non_null(list);
	free(list);
	content.p[8] = 0xff; /* a block above 4 MiB */
	assert_null(page_decode(content.p, content.len, &n));
	content.p[8] = 0;
	memset(content.p + 8, 0, 4); /* of nothing */
	assert_null(page_decode(content.p, content.len, &n));
	content.p[9] = 1;
	content.p[2 * PAGE_ENTRY - 1] = 1; /* something behind the number of zeros */
	assert_null(page_decode(content.p, content.len, &n));
	content.p[2 * PAGE_ENTRY - 1] = 0;
	memset(content.p + PAGE_ENTRY + 12, 0, 4); /* no zeros */
	assert_null(page_decode(content.p, content.len, &n));
	bytes_free(&content);
	bytes_free(&refs);
}

/* Whoever adds up what a page holds must not come to little where there is too much. */
static void a_page_is_no_larger_than_a_file_can_be(void **state)
{
	struct fixture *f = *state;
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20);
	size_t most = 512; /* of runs of 2^54 bytes, below 2^63 */

	for (size_t i = 1; i < PAGE_ENTRIES_MAX; i++)
		f->list[i] = (struct page_entry){ .len = BLOCK_MAX - i % 2, .count = UINT32_MAX };
	assert_int_equal(page_encode(f->list, most, &content, &refs), 0);
	assert_int_equal(page_encode(f->list, PAGE_ENTRIES_MAX, &content, &refs), -1);
	bytes_free(&content);
	bytes_free(&refs);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pages_have_a_size_and_an_edit_costs_one_or_two),
		CASE(one_block_over_and_over_makes_no_pages_of_one),
		CASE(a_page_comes_back_through_an_object),
		CASE(refs_do_not_tell_the_order),
		CASE(zeros_go_with_the_page_before_them),
		CASE(a_generation_without_keys_is_noticed),
		CASE(malformed_content_is_refused),
		CASE(a_page_is_no_larger_than_a_file_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
