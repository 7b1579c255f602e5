/* An index in a folder of its own, with rows whose content does not matter: for tests of what happens to the file.
 * cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_INDEX_FILL_H
#define LANYARD_TESTS_UNIT_INDEX_FILL_H

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/index/index.h"
#include "tests/unit/index_dir.h"

static int dirfd = -1;   /* of dir */
static int lines_logged; /* errors */

static inline void count_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)text;
	lines_logged += level == LOG_ERROR;
}

static inline int setup(void **state)
{
	(void)state;
	lines_logged = 0;
	log_set_sink(count_line, NULL);
	assert_int_equal(make_dir(), 0);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0;
}

static inline int teardown(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	random_set_seed(0);
	close(dirfd);
	return remove_dir();
}

/* Opens the index in dir, which must have the status `want`. */
static inline struct index *open_index(enum index_status want)
{
	struct index *ix;
	char *why;

	assert_int_equal(index_open(&ix, dir, &why), want);
	assert_true((why == NULL) == (want == INDEX_OK || want == INDEX_NEW));
	free(why);
	return ix;
}

/* The i-th of any number of rows; -1 as index_put_change. */
static inline int put(struct index *ix, int i)
{
	struct record r = { .path = mem_printf("folder-%d/file-%d", i % 31, i), .kind = RECORD_DIR, .mode = 0755 };
	int rc = index_put_change(ix, &r, NULL, 1);

	record_clear(&r);
	return rc;
}

static inline void fill(struct index *ix, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(put(ix, i), 0);
	assert_int_equal(index_commit(ix), 0);
}

/* Whether a damaged index was kept. */
static inline bool exists_aside(void)
{
	char *command = mem_printf("ls %s/index.db.damaged-* > /dev/null 2>&1", dir);
	bool found = system(command) == 0;

	free(command);
	return found;
}

static inline void copy_file(const char *from, const char *to)
{
	size_t n;
	char *p = fs_read_file(dirfd, from, 64 << 20, &n);

	assert_non_null(p);
	assert_int_equal(fs_write_file(dirfd, to, p, n, 0600), 0);
	free(p);
}

#endif
