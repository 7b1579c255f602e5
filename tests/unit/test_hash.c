/* Proves that a file's content is the same however it is read: by one job or in segments by several, with its holes
 * read or not, by the plain rule and by secret ones. Each test has a fresh folder; the reference is cut and hashed
 * here, front to back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/hash/cutter.h"
#include "sync/plan/zeros.h"
#include "sync/hash/hash.h"
#include "sync/seal/cut_rule.h"
#include "tests/unit/effort.h"
#include "tests/unit/noise.h"

static char dir_path[32];
static int dir;
static struct loop *loop;
static struct workers *workers;
static struct share_handle *handle;
static struct hash *hash;
static const struct chunk_rule *rule;
static struct chunk_rule *secret;
static int done_count;
static bool free_done; /* nobody in the test holds the files */
static int drop_count;

static void drop(struct hash_file *f)
{
	drop_count++;
	blocklist_clear(&f->blocks);
	free(f->path);
	free(f);
}

static void done(void *arg, struct hash_file *f)
{
	(void)arg;
	done_count++;
	if (free_done)
		drop(f);
}

static const struct hash_ops ops = { .done = done, .drop = drop };

static int set_up(void **state)
{
	struct stat st;

	(void)state;
	(void)snprintf(dir_path, sizeof(dir_path), "/tmp/lanyard-hash-XXXXXX");
	if (mkdtemp(dir_path) == NULL)
		return -1;
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	loop = loop_new();
	workers = workers_new(loop, 3);
	if (dir < 0 || fstat(dir, &st) < 0)
		return -1;
	handle = share_handle_new(dir_path, (const uint8_t[MARKER_SIZE]){ 0 }, dir, dir, st.st_dev, st.st_ino);
	hash = hash_new(workers, rule, &ops, NULL);
	done_count = drop_count = 0;
	return handle != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	hash_free(hash);
	workers_free(workers);
	loop_free(loop);
	share_handle_free(handle);
	close(dir);
	if (fs_remove_tree(tmp, dir_path + strlen("/tmp/")) < 0)
		return -1;
	close(tmp);
	return 0;
}

static void put(const char *name, const void *p, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, p, n, 0), 0);
	close(fd);
}

static struct hash_file *new_file(const char *name, uint8_t previous_log2)
{
	struct hash_file *f = MEM_NEW(struct hash_file);
	struct stat st;

	f->path = mem_strdup(name);
	f->previous_log2 = previous_log2;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		f->size = st.st_size;
	return f;
}

static void wait_for(int count)
{
	while (done_count < count)
		(void)loop_turn(loop, true);
	assert_int_equal(hash_pending(hash), 0);
}

static struct hash_file *hash_one(const char *name)
{
	struct hash_file *f = new_file(name, 0);

	hash_add(hash, handle, f);
	hash_pump(hash);
	wait_for(done_count + 1);
	return f;
}

/* The content of n bytes, by the definition in record.h. */
static struct content reference(const uint8_t *p, size_t n, uint8_t log2)
{
	void *s;
	struct blocklist list = { 0 };
	struct content c = { 0 };
	size_t begin = 0;
	size_t at = 0;

	if (n == 0)
		return c;
	if (n <= CHUNK_WHOLE_MAX) {
		c = (struct content){ .size = (int64_t)n, .nblocks = 1 };
		sha256(c.root, p, n);
		return c;
	}
	list.b = mem_calloc(n / CHUNK_WHOLE_MAX * 8 + 1, sizeof(list.b[0]));
	s = rule->start(rule, log2);
	while (at < n) {
		bool cut;

		at += rule->feed(s, p + at, n - at, &cut);
		if (!cut && at < n)
			continue;
		list.b[list.n].len = (uint32_t)(at - begin);
		sha256(list.b[list.n++].hash, p + begin, at - begin);
		begin = at;
	}
	rule->stop(s);
	c = blocklist_content(&list);
	blocklist_clear(&list);
	return c;
}

static void assert_content(struct hash_file *f, const uint8_t *p, size_t n)
{
	struct content want = reference(p, n, f->chunk_log2);

	assert_int_equal(f->status, HASH_DONE);
	assert_int_equal(f->st.size, n);
	assert_true(content_equal(&f->content, &want));
	assert_int_equal(f->blocks.n, want.nblocks >= 2 ? want.nblocks : 0);
	if (f->blocks.n > 0) {
		struct content again = blocklist_content(&f->blocks);

		assert_true(content_equal(&again, &want));
	}
	drop(f);
}

static void test_small_files_of_every_size(void **state)
{
	static const size_t sizes[] = {
		0,      1,      4096,    CHUNK_WHOLE_MAX - 1, CHUNK_WHOLE_MAX, CHUNK_WHOLE_MAX + 1,
		100000, 262144, 1 << 20, HASH_SMALL_MAX - 1,  HASH_SMALL_MAX,
	};
	uint8_t *p = noise(HASH_SMALL_MAX, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hash_file *f;

		put("f", p, sizes[i]);
		f = hash_one("f");
		assert_int_equal(f->chunk_log2, sizes[i] <= CHUNK_WHOLE_MAX ? 0 : 16);
		assert_content(f, p, sizes[i]);
	}
	free(p);
}

static void assert_large(const uint8_t *p, size_t n)
{
	put("large", p, n);
	assert_content(hash_one("large"), p, n);
}

static void test_segments_make_what_one_run_makes(void **state)
{
	size_t n = 41 << 20;
	uint8_t *p = noise(n, 2);

	(void)state;
	assert_large(p, n);
	assert_large(p, HASH_SMALL_MAX + 1);
	assert_large(p, 8 << 20);
	assert_large(p, (8 << 20) + 1);
	assert_large(p, (16 << 20) - 1);
	free(p);
}

/* Bytes in which cuts from two starts may never meet. */
static void test_segments_agree_on_periodic_bytes(void **state)
{
	static const size_t periods[] = { 1, 2, 3000, 65536, 100007, 300001, 3 << 20 };
	size_t n = 33 << 20;
	uint8_t *p = noise(n, 3);

	(void)state;
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i += EFFORT(1, 3)) {
		for (size_t k = periods[i]; k < n; k++)
			p[k] = p[k - periods[i]];
		assert_large(p, n);
	}
	free(p);
}

static void test_segments_agree_where_noise_meets_runs(void **state)
{
	size_t n = 40 << 20;
	uint8_t *p = noise(n, 4);

	(void)state;
	/* Zeros over the first boundary, from just before the second, and up to just behind the third. */
	memset(p + (7 << 20) + 12345, 0, 3 << 20);
	memset(p + (16 << 20) - 100, 0, 2 << 20);
	memset(p + (20 << 20), 0, (4 << 20) + 70000);
	assert_large(p, n);
	free(p);
}

static void test_holes_count_as_zeros(void **state)
{
	static const struct {
		int64_t at;
		size_t n;
	} data[] = {
		{ 5, 3 }, { 9 << 20, 100 }, { (12 << 20) + 17, 500000 }, { (31 << 20) - 1, 2 }, { 50 << 20, 4096 },
	};
	size_t n = (64 << 20) + 123;
	uint8_t *noise_p = noise(500000, 5);
	uint8_t *p = mem_calloc(n, 1);
	struct stat st;
	int fd = openat(dir, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	assert_content(hash_one("sparse"), p, n);
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		assert_int_equal(fs_pwrite_all(fd, noise_p, data[i].n, data[i].at), 0);
		memcpy(p + data[i].at, noise_p, data[i].n);
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < st.st_size);
	assert_content(hash_one("sparse"), p, n);
	close(fd);
	free(noise_p);
	free(p);
}

/* A disk's image with little in it: it is cut as from front to back, and what is not there costs nothing. */
static void test_a_terabyte_of_holes_is_cut_like_any_file(void **state)
{
	static const int64_t size = (INT64_C(1) << 40) + 777, at[] = { 0, (INT64_C(1) << 35) + 5, INT64_C(900) << 30 };
	int fd = openat(dir, "huge", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	uint8_t *p = noise(3 << 20, 9);
	struct blocklist list = { 0 };
	struct hash_file *f;
	struct cutter c;
	uint32_t data = 0;

	(void)state;
	assert_int_equal(ftruncate(fd, size), 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		assert_int_equal(fs_pwrite_all(fd, p, 3 << 20, at[i]), 0);
	f = hash_one("huge");
	assert_int_equal(f->status, HASH_DONE);
	assert_int_equal(f->content.size, size);
	list.b = mem_calloc(f->blocks.n + 1, sizeof(list.b[0]));
	cutter_init(&c, rule, fd, size, f->chunk_log2, true, (struct cutter_range){ .end = size });
	while (list.n < f->blocks.n && cutter_next(&c, &list.b[list.n]) > 0)
		data += !zeros_block(&list.b[list.n++]);
	assert_int_equal(c.pos, size);
	assert_int_equal(list.n, f->blocks.n);
	assert_memory_equal(list.b, f->blocks.b, list.n * sizeof(list.b[0]));
	assert_in_range(data, 3, 20);
	cutter_free(&c);
	blocklist_clear(&list);
	drop(f);
	close(fd);
	free(p);
}

static void test_a_growing_file_keeps_its_average(void **state)
{
	size_t n = 5 << 20;
	uint8_t *p = noise(n, 6);
	struct hash_file *f;

	(void)state;
	put("f", p, n);
	f = new_file("f", 17);
	hash_add(hash, handle, f);
	hash_pump(hash);
	wait_for(1);
	assert_int_equal(f->chunk_log2, 17);
	assert_content(f, p, n);
	free(p);
}

static void test_many_files_in_many_folders(void **state)
{
	enum { N = 600 };
	struct hash_file *files[N];
	char name[64];

	(void)state;
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "d%d", i / 50);
		assert_int_equal(fs_mkdirs(dir, name, 0755), 0);
		(void)snprintf(name, sizeof(name), "d%d/f%d", i / 50, i);
		put(name, name, strlen(name));
		files[i] = new_file(name, 0);
		hash_add(hash, handle, files[i]);
	}
	hash_pump(hash);
	wait_for(N);
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "d%d/f%d", i / 50, i);
		assert_string_equal(files[i]->path, name);
		assert_content(files[i], (const uint8_t *)name, strlen(name));
	}
}

static void test_what_is_no_file_has_to_be_looked_at_again(void **state)
{
	static const char *const names[] = { "absent", "no/folder", "folder", "fifo", "link", "file/below", "link/x" };

	(void)state;
	put("file", "x", 1);
	assert_int_equal(mkdirat(dir, "folder", 0755), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0644), 0);
	assert_int_equal(symlinkat("file", dir, "link"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int large = 0; large < 2; large++) {
			struct hash_file *f = new_file(names[i], 0);

			f->size = large ? HASH_SMALL_MAX + 1 : 1;
			hash_add(hash, handle, f);
			hash_pump(hash);
			wait_for(done_count + 1);
			assert_int_equal(f->status, HASH_AGAIN);
			drop(f);
		}
	}
}

static void test_a_file_larger_than_it_looked_is_hashed_all_the_same(void **state)
{
	size_t n = 9 << 20;
	uint8_t *p = noise(n, 7);
	struct hash_file *f;

	(void)state;
	put("f", p, n);
	f = new_file("f", 0);
	f->size = 10;
	hash_add(hash, handle, f);
	hash_pump(hash);
	wait_for(1);
	assert_content(f, p, n);
	free(p);
}

static bool stop_writing;

static void *keep_writing(void *arg)
{
	int fd = openat(dir, arg, O_WRONLY | O_APPEND | O_CLOEXEC);

	while (!__atomic_load_n(&stop_writing, __ATOMIC_ACQUIRE))
		if (write(fd, "x", 1) != 1)
			break;
	close(fd);
	return NULL;
}

static void test_a_file_written_to_meanwhile_is_no_result(void **state)
{
	static char small[] = "small";
	static char large[] = "large";
	size_t n = 24 << 20;
	uint8_t *p = noise(n, 8);
	int changed = 0;

	(void)state;
	put(small, p, 3 << 20);
	put(large, p, n);
	for (int i = 0; i < 2; i++) {
		char *name = i == 0 ? small : large;
		pthread_t writer;

		stop_writing = false;
		assert_int_equal(pthread_create(&writer, NULL, keep_writing, name), 0);
		/* Until a read meets a write: the writer may not get a core at once. */
		for (int tries = 0; tries < 500 && changed == i; tries++) {
			struct hash_file *f = hash_one(name);

			changed += f->status == HASH_CHANGED;
			drop(f);
		}
		__atomic_store_n(&stop_writing, true, __ATOMIC_RELEASE);
		pthread_join(writer, NULL);
		assert_int_equal(changed, i + 1);
	}
	free(p);
}

static void test_freeing_drops_what_is_under_way(void **state)
{
	size_t n = 40 << 20;
	uint8_t *p = noise(n, 9);

	(void)state;
	put("large", p, n);
	put("small", p, 10);
	free_done = true;
	for (int turns = 0; turns < 4; turns++) {
		drop_count = done_count = 0;
		for (int i = 0; i < 5; i++) {
			hash_add(hash, handle, new_file("large", 0));
			hash_add(hash, handle, new_file("small", 0));
		}
		hash_pump(hash);
		for (int i = 0; i < turns; i++)
			loop_turn(loop, true);
		hash_free(hash);
		while (workers_pending(workers) > 0)
			loop_turn(loop, true);
		assert_int_equal(drop_count, 10);
		assert_true(done_count < 10);
		hash = hash_new(workers, rule, &ops, NULL);
	}
	free_done = false;
	free(p);
}

static int with_plain_cuts(void **state)
{
	(void)state;
	rule = &chunk_plain;
	return 0;
}

static int with_secret_cuts(enum keys_policy policy)
{
	static const struct group_id group = { "a group" };
	const struct keys_about about = { .id = 7, .suite = KEYS_SUITE, .policy = (uint8_t)policy };
	struct keys *k = keys_new(&group, &about, (const uint8_t[KEYS_SECRET_LEN]){ 1 });

	if (k == NULL)
		return -1;
	secret = cut_rule_new(k);
	rule = secret;
	keys_free(k);
	return 0;
}

static int with_packed_cuts(void **state)
{
	(void)state;
	return with_secret_cuts(KEYS_PACKED);
}

static int with_uniform_cuts(void **state)
{
	(void)state;
	return with_secret_cuts(KEYS_UNIFORM);
}

static int forget_cuts(void **state)
{
	(void)state;
	cut_rule_free(secret);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_small_files_of_every_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_segments_make_what_one_run_makes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_segments_agree_on_periodic_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_segments_agree_where_noise_meets_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_holes_count_as_zeros, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_terabyte_of_holes_is_cut_like_any_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_growing_file_keeps_its_average, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_files_in_many_folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_file_has_to_be_looked_at_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_larger_than_it_looked_is_hashed_all_the_same, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_written_to_meanwhile_is_no_result, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_freeing_drops_what_is_under_way, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("hash", tests, with_plain_cuts, NULL) +
	       cmocka_run_group_tests_name("hash, packed", tests, with_packed_cuts, forget_cuts) +
	       cmocka_run_group_tests_name("hash, uniform", tests, with_uniform_cuts, forget_cuts);
}
