/* Parts and what belongs to them: maps, holes, names on the way out of the share. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/get/part.h"
#include "base/sparse.h"
#include "sync/install/swap.h"

static char dir[64];
static int dirfd = -1;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-part-XXXXXX");
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0;
}

static int teardown(void **state)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	close(dirfd);
	assert_int_equal(fs_remove_tree(fd, dir + 5), 0);
	close(fd);
	return 0;
}

static struct blocklist three_blocks(void)
{
	struct blocklist l = { .n = 3, .b = mem_calloc(3, sizeof(struct block)) };

	for (uint32_t i = 0; i < 3; i++) {
		l.b[i].len = 1000 * (i + 1);
		memset(l.b[i].hash, (int)i + 1, 32);
	}
	return l;
}

/* --- the map --- */

static void map_comes_back_as_it_was(void **state)
{
	struct blocklist l = three_blocks();
	struct content c = blocklist_content(&l);
	size_t n = part_map_size("a/b", &c);
	uint8_t *p = mem_calloc(n, 1);
	struct part_map m;

	(void)state;
	part_map_encode(p, "a/b", &c, &l);
	p[part_map_have_at("a/b", &c) + 1] = 1;
	assert_int_equal(part_map_decode(&m, p, n), 0);
	assert_string_equal(m.path, "a/b");
	assert_true(content_equal(&m.content, &c));
	assert_int_equal(m.list.n, 3);
	assert_memory_equal(m.have, "\0\1\0", 3);
	part_map_clear(&m);
	free(p);
	blocklist_clear(&l);
}

static void damaged_map_is_no_map(void **state)
{
	struct blocklist l = three_blocks();
	struct content c = blocklist_content(&l);
	size_t n = part_map_size("a/b", &c);
	uint8_t *p = mem_calloc(n + 1, 1);
	struct part_map m;

	(void)state;
	part_map_encode(p, "a/b", &c, &l);
	for (size_t i = 0; i < n; i++) {
		p[i] ^= 0x82;
		/* The path alone may be another: it is compared with the wanted one. */
		if (i < 12 || i >= 15)
			assert_int_equal(part_map_decode(&m, p, n), -1);
		else if (part_map_decode(&m, p, n) == 0)
			part_map_clear(&m);
		p[i] ^= 0x82;
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(part_map_decode(&m, p, i), -1);
	assert_int_equal(part_map_decode(&m, p, n + 1), -1);
	assert_int_equal(part_map_decode(&m, p, n), 0);
	part_map_clear(&m);
	free(p);
	blocklist_clear(&l);
}

static void names_are_of_the_content_alone(void **state)
{
	struct blocklist l = three_blocks();
	struct content c = blocklist_content(&l), d = c;
	char a[PART_NAME + 1], b[PART_NAME + 1];

	(void)state;
	part_name(a, &c, 0);
	assert_int_equal(strlen(a), PART_NAME);
	part_name(b, &c, 0);
	assert_string_equal(a, b);
	part_name(b, &c, PART_SLOTS - 1);
	assert_string_not_equal(a, b);
	assert_true(part_name_fits(a, &c) && part_name_fits(b, &c));
	part_name(b, &c, PART_SLOTS);
	assert_false(part_name_fits(b, &c));
	d.root[0] ^= 1;
	assert_false(part_name_fits(a, &d));
	d = c;
	d.size++;
	assert_false(part_name_fits(a, &d));
	blocklist_clear(&l);
}

/* --- the part --- */

static struct part_job *job_new(enum part_op op, const struct blocklist *l)
{
	struct part_job *job = MEM_NEW(struct part_job);

	job->op = op;
	job->parts = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	job->root = op == PART_OPEN || op == PART_COPY ? fcntl(dirfd, F_DUPFD_CLOEXEC, 0) : -1;
	job->path = mem_strdup("file");
	job->content = blocklist_content(l);
	job->part = -1;
	job->map = -1;
	part_name(job->name, &job->content, 0);
	job->have_at = part_map_have_at("file", &job->content);
	return job;
}

static void open_begins_writes_and_takes_up(void **state)
{
	struct blocklist l = three_blocks();
	uint8_t bytes[3][3000];
	struct part_job *job, *write;
	int part, map;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		memset(bytes[i], 'a' + (int)i, l.b[i].len);
		sha256(l.b[i].hash, bytes[i], l.b[i].len);
	}
	/* Without a list nothing is begun. */
	job = job_new(PART_OPEN, &l);
	part_job_run(job);
	assert_int_equal(job->part, -1);
	assert_int_equal(job->error, 0);
	part_job_free(job);

	job = job_new(PART_OPEN, &l);
	job->list.n = 3;
	job->list.b = mem_dup(l.b, 3 * sizeof(*l.b));
	part_job_run(job);
	assert_true(job->part >= 0);
	assert_memory_equal(job->have, "\0\0\0", 3);
	part = job->part;
	map = job->map;

	write = job_new(PART_WRITE, &l);
	close(write->parts);
	write->part = part;
	write->map = map;
	write->pieces = mem_calloc(2, sizeof(*write->pieces));
	write->n = 2;
	bytes[1][7] ^= 1;
	for (uint32_t i = 0; i < 2; i++) {
		struct piece *p = &write->pieces[i];

		*p = (struct piece){ .block = i, .len = l.b[i].len, .offset = i * 1000 };
		memcpy(p->hash, l.b[i].hash, 32);
		p->bytes = slab_dup(bytes[i], l.b[i].len);
	}
	part_job_run(write);
	assert_int_equal(write->error, 0);
	assert_true(write->pieces[0].ok);
	assert_false(write->pieces[1].ok);
	part_job_free(write);
	part_job_free(job);
	close(part);
	close(map);

	/* Taken up, list and all. */
	job = job_new(PART_OPEN, &l);
	part_job_run(job);
	assert_true(job->part >= 0);
	assert_int_equal(job->list.n, 3);
	assert_memory_equal(job->have, "\1\0\0", 3);
	assert_true(job->dirty);
	close(job->part);
	close(job->map);
	part_job_free(job);
	blocklist_clear(&l);
}

/* --- holes --- */

static int64_t blocks_used(int fd)
{
	struct stat st;

	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks;
}

static void what_stands_in_the_way_of_a_part_goes(void **state)
{
	struct blocklist l = three_blocks();
	struct part_job *job = job_new(PART_OPEN, &l);
	char name[PART_NAME + 16];

	(void)state;
	job->list.n = 3;
	job->list.b = mem_dup(l.b, 3 * sizeof(*l.b));
	(void)snprintf(name, sizeof(name), "%s.part", job->name);
	assert_int_equal(mkdirat(dirfd, name, 0755), 0);
	(void)snprintf(name, sizeof(name), "%s.map", job->name);
	assert_int_equal(mkdirat(dirfd, name, 0755), 0);
	(void)snprintf(name, sizeof(name), "%s.map/x", job->name);
	assert_int_equal(symlinkat("nowhere", dirfd, name), 0);
	part_job_run(job);
	assert_int_equal(job->error, 0);
	assert_true(job->part >= 0 && job->map >= 0);
	close(job->part);
	close(job->map);
	part_job_free(job);
	blocklist_clear(&l);
}

static void assert_file(int fd, const uint8_t *bytes, size_t n)
{
	uint8_t *got = mem_calloc(n, 1);

	assert_int_equal(fs_pread_full(fd, got, n, 0), n);
	assert_memory_equal(got, bytes, n);
	free(got);
}

static void zeros_are_left_out_wherever_they_are(void **state)
{
	static const size_t starts[] = { 0, 1, 4095, 4096, 100000, 131072 };
	static const size_t lengths[] = { 32768, 40000, 65536, 300000, 10 };
	size_t n = 512 << 10;

	(void)state;
	for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			uint8_t *bytes = mem_calloc(n, 1);
			int fd = fs_open(dirfd, "holes", O_RDWR | O_CREAT | O_TRUNC, 0600);
			size_t cut = 77777;

			memset(bytes, 0x55, n);
			memset(bytes + starts[s], 0, lengths[l]);
			assert_int_equal(ftruncate(fd, (off_t)n), 0);
			/* In two blocks, cut where no page ends. */
			assert_int_equal(sparse_write(fd, bytes, cut, 0, false), 0);
			assert_int_equal(sparse_write(fd, bytes + cut, n - cut, (int64_t)cut, false), 0);
			assert_file(fd, bytes, n);
			/* The cut, and both ends, may each spoil what is shorter than the least hole. */
			if (lengths[l] > 3 * SPARSE_MIN)
				assert_true(blocks_used(fd) * 512 <= (int64_t)(n - lengths[l] + 3 * SPARSE_MIN));
			close(fd);
			free(bytes);
		}
	}
}

static void dirty_parts_get_their_zeros(void **state)
{
	size_t n = 256 << 10;
	uint8_t *bytes = mem_calloc(n, 1), *junk = mem_calloc(n, 1);
	int fd = fs_open(dirfd, "dirty", O_RDWR | O_CREAT, 0600);

	(void)state;
	memset(junk, 0x77, n);
	assert_int_equal(fs_pwrite_all(fd, junk, n, 0), 0);
	assert_int_equal(sparse_write(fd, bytes, n, 0, true), 0);
	assert_file(fd, bytes, n);
	close(fd);
	free(bytes);
	free(junk);
}

/* --- names on the way out --- */

static void swap_names_tell_what_should_come_out(void **state)
{
	struct swap s = { .id = 0x123456789abcdef0,
		          .number = 3,
		          .old_ino = 77,
		          .old_size = 5,
		          .old_mtime_ns = -1,
		          .new_size = 6,
		          .new_mtime_ns = 1234,
		          .tag = kept_tag_of("dir/name") },
		    back;
	struct fs_stat old = { .kind = S_IFREG, .ino = 77, .size = 5, .mtime_ns = -1 };
	struct fs_stat new = { .kind = S_IFREG, .ino = 99, .size = 6, .mtime_ns = 1234 };
	struct fs_stat other = { .kind = S_IFREG, .ino = 77, .size = 5, .mtime_ns = 0 };
	char name[SWAP_NAME_MAX], again[SWAP_NAME_MAX];

	(void)state;
	for (int with_part = 0; with_part < 2; with_part++) {
		memset(s.part, with_part ? 'a' : 0, 32);
		swap_name(name, &s);
		assert_true(strlen(name) <= 143);
		assert_int_equal(swap_parse(&back, name), 0);
		assert_int_equal(back.id, s.id);
		assert_string_equal(back.tag.hex, s.tag.hex);
		assert_string_equal(back.part, s.part);
		swap_name(again, &back);
		assert_string_equal(name, again);
		assert_int_equal(swap_judge(&back, &old), SWAP_OLD);
		assert_int_equal(swap_judge(&back, &new), SWAP_NEW);
		assert_int_equal(swap_judge(&back, &other), SWAP_STRANGER);
	}
	assert_int_equal(swap_parse(&back, "1-2-3.swap"), -1);
	assert_int_equal(swap_parse(&back, "x-2-3-4-5-6-7-00112233445566778899aabbccddeeff-0.swap"), -1);
	assert_int_equal(swap_parse(&back, "1-2-3-4-5-6-7-00112233445566778899aabbccddeeff-0.swap~"), -1);
	assert_int_equal(swap_parse(&back, "1-2-3-4-5-6-7-00112233445566778899aabbccddeeff-abc.swap"), -1);
	assert_int_equal(swap_parse(&back, "11111111111111111-2-3-4-5-6-7-00112233445566778899aabbccddeeff-0.swap"),
	                 -1);
	assert_int_equal(swap_parse(&back, "1-2-3-4-5-6-7-0.swap"), -1);
	assert_int_equal(swap_parse(&back, "1-2-3-4-5-6-7-00112233445566778899aabbccddeeff-0.swap"), 0);
	assert_int_equal(swap_parse(&back, ""), -1);
	assert_int_equal(swap_parse(&back, "z1-2-3-4-5-6-7-8.swap"), -1);
	assert_int_equal(swap_parse(&back, "z1-2-3-4-5-6-7-8-9.swap"), 0);
	assert_int_equal(swap_parse(&back, "z1-2-3-4-5-6-7-8-9-.swap"), -1);
	assert_int_equal(swap_parse(&back, "z1-2-3-4-5-6-7-8-9-10.swap"), -1);
	assert_int_equal(swap_parse(&back, "z1-2-3-4-5-6-7-8-9-10-11.swap"), 0);
	assert_int_equal(swap_parse(&back, "z1-2-3-4-5-6-7-8-9-10-11-12.swap"), -1);
	assert_int_equal(swap_parse(&back, "zg000000000000-2-3-4-5-6-7-8-9.swap"), -1);
	assert_int_equal(swap_parse(&back, "z"), -1);
}

/* Names longer than some disks hold would leave nothing there that could be replaced. */
static void swap_names_are_short_also_of_large_numbers(void **state)
{
	struct swap s = { .id = UINT64_MAX,
		          .number = 511,
		          .old_ino = UINT64_MAX,
		          .old_size = INT64_C(1) << 44,
		          .old_mtime_ns = INT64_MAX,
		          .new_size = INT64_C(1) << 44,
		          .new_mtime_ns = INT64_MIN,
		          .tag = kept_tag_of("dir/name"),
		          .part = "ffffffffffffffffffffffffffffffff" },
		    back;
	char name[SWAP_NAME_MAX], again[SWAP_NAME_MAX];

	(void)state;
	swap_name(name, &s);
	assert_true(strlen(name) <= 143);
	assert_int_equal(swap_parse(&back, name), 0);
	assert_true(back.old_ino == s.old_ino && back.new_mtime_ns == s.new_mtime_ns);
	assert_string_equal(back.part, s.part);
	swap_name(again, &back);
	assert_string_equal(again, name);
}

/* What 0.1.0 left in parts/ is still known. */
static void swap_names_of_before_are_read(void **state)
{
	struct swap back;

	(void)state;
	assert_int_equal(swap_parse(&back, "0000000000000001-2-3-4-5-ffffffffffffffff-7-"
	                                   "00112233445566778899aabbccddeeff-ffeeddccbbaa99887766554433221100.swap"),
	                 0);
	assert_int_equal(back.old_ino, 3);
	assert_int_equal(back.new_size, -1);
	assert_string_equal(back.tag.hex, "00112233445566778899aabbccddeeff");
	assert_string_equal(back.part, "ffeeddccbbaa99887766554433221100");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_comes_back_as_it_was),
		cmocka_unit_test(damaged_map_is_no_map),
		cmocka_unit_test(names_are_of_the_content_alone),
		cmocka_unit_test_setup_teardown(open_begins_writes_and_takes_up, setup, teardown),
		cmocka_unit_test_setup_teardown(what_stands_in_the_way_of_a_part_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(zeros_are_left_out_wherever_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(dirty_parts_get_their_zeros, setup, teardown),
		cmocka_unit_test(swap_names_tell_what_should_come_out),
		cmocka_unit_test(swap_names_are_short_also_of_large_numbers),
		cmocka_unit_test(swap_names_of_before_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
