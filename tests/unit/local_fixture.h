/* Shared by the tests of sync/local: a fresh share and index in a temporary folder, the real loop, workers and
 * inotify, and a comparison of the whole disk with the whole index. */
#ifndef LANYARD_TESTS_UNIT_LOCAL_FIXTURE_H
#define LANYARD_TESTS_UNIT_LOCAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/local/local.h"
#include "sync/plan/path.h"
#include "tests/unit/patience.h"

enum { LOG_MAX = 16384 };

static char top_path[40];
static int top;  /* the temporary folder: share/ and home/ are in it */
static int root; /* top/share */
static struct loop *loop;
static struct workers *workers;
static struct share *share;
static struct index *ix;
static struct local *local;
static struct loop_hook *commit_hook;
static struct loop_timer *deadline;
static int64_t pended;            /* when the deadline was last extended; 0: it was not */
static char *logged[LOG_MAX];     /* "+path" or "-path" for each row written, in their order */
static bool logged_mark[LOG_MAX]; /* with the content of mark_content() */
static int nlogged;
static int nscanned;
static int logged_when_scanned; /* nlogged then */
static int64_t scanned_files;
static bool (*busy)(const char *path);

static inline bool is_marked(const struct record *r)
{
	return !r->deleted && r->content.root[0] == 0xee && r->content.root[31] == 0xee;
}

static inline void on_changed(void *arg, const struct record *r)
{
	(void)arg;
	assert_true(nlogged < LOG_MAX);
	logged_mark[nlogged] = is_marked(r);
	logged[nlogged++] = mem_printf("%c%s", r->deleted ? '-' : '+', r->path);
}

static inline void forget_log(void)
{
	while (nlogged > 0)
		free(logged[--nlogged]);
}

static inline bool on_busy(void *arg, const char *path)
{
	(void)arg;
	return busy != NULL && busy(path);
}

static inline void on_scanned(void *arg, int64_t files, int64_t changed)
{
	(void)arg;
	(void)changed;
	nscanned++;
	logged_when_scanned = nlogged;
	scanned_files = files;
}

static inline void commit(void *arg)
{
	(void)arg;
	assert_int_equal(index_commit(ix), 0);
}

/* Slow is not stuck: as long as less and less is pending, it may go on. */
static inline void too_late(void *arg)
{
	(void)arg;
	if (local_pending(local) > 0 && (pended == 0 || local_pending(local) < pended)) {
		pended = local_pending(local);
		loop_timer_start(deadline, PATIENCE_MS, 0);
		return;
	}
	print_error("still busy after %d s: pending %lld, state %d\n", PATIENCE_S, (long long)local_pending(local),
	            local_state(local));
	abort();
}

static bool checks_folders; /* as in a user's agent: one more full scan when folders were moved */

static inline void start_local(void)
{
	struct local_config config = {
		.loop = loop,
		.workers = workers,
		.share = share,
		.index = ix,
		.short_id = 7,
		.events_alone = !checks_folders,
		.busy = on_busy,
		.changed = on_changed,
		.scanned = on_scanned,
	};

	local = local_new(&config);
	local_start(local);
}

static inline void stop_local(void)
{
	local_free(local);
	local = NULL;
}

static inline void open_index(void)
{
	char *home = mem_printf("%s/home", top_path);
	char *why = NULL;

	(void)index_open(&ix, home, &why);
	assert_non_null(ix);
	free(why);
	free(home);
}

static inline int set_up(void **state)
{
	static const uint8_t marker[32] = { 1 };
	char *path;
	char *why;

	(void)state;
	(void)snprintf(top_path, sizeof(top_path), "/tmp/lanyard-local-XXXXXX");
	if (mkdtemp(top_path) == NULL)
		return -1;
	log_set_level(LOG_ERROR);
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "home", 0700), 0);
	path = mem_printf("%s/share", top_path);
	share = share_open(path, true, false, marker, &why);
	assert_non_null(share);
	free(path);
	root = openat(top, "share", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	loop = loop_new();
	workers = workers_new(loop, 3);
	open_index();
	commit_hook = loop_hook_new(loop, commit, NULL);
	deadline = loop_timer_new(loop, too_late, NULL);
	busy = NULL;
	nscanned = 0;
	return 0;
}

static inline int tear_down(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	stop_local();
	loop_timer_free(deadline);
	loop_hook_free(commit_hook);
	workers_free(workers);
	index_close(ix);
	share_free(share);
	loop_free(loop);
	forget_log();
	close(root);
	close(top);
	if (fs_remove_tree(tmp, top_path + strlen("/tmp/")) < 0)
		return -1;
	close(tmp);
	return 0;
}

/* Does not block in the poll: the last thing to do may have been a timer's. */
static inline void turn_once(void)
{
	(void)loop_turn(loop, false);
	(void)usleep(200);
}

/* Runs the loop until nothing is left to do. */
static inline void until_idle(void)
{
	pended = 0;
	loop_timer_start(deadline, PATIENCE_MS, 0);
	while (!local_idle(local))
		turn_once();
	loop_timer_stop(deadline);
	commit(NULL);
}

static inline void until(bool (*condition)(void))
{
	pended = 0;
	loop_timer_start(deadline, PATIENCE_MS, 0);
	while (!condition())
		turn_once();
	loop_timer_stop(deadline);
}

/* --- disk --- */

static inline void put(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, text, strlen(text), 0), 0);
	close(fd);
}

static inline void make_dir(const char *path)
{
	assert_int_equal(fs_mkdirs(root, path, 0755), 0);
}

static inline void move(const char *from, const char *to)
{
	assert_int_equal(renameat(root, from, root, to), 0);
}

/* --- rows --- */

/* "" for none, "gone" for a tombstone, else "file", "dir" or "symlink". */
static inline const char *row_kind(const char *path)
{
	struct record r = { 0 };
	int have = index_get(ix, path, &r);
	const char *kind = have == 0               ? ""
	                   : r.deleted             ? "gone"
	                   : r.kind == RECORD_FILE ? "file"
	                   : r.kind == RECORD_DIR  ? "dir"
	                                           : "symlink";

	assert_true(have >= 0);
	record_clear(&r);
	return kind;
}

static inline void assert_row(const char *path, const char *kind)
{
	if (strcmp(row_kind(path), kind) != 0)
		fail_msg("row of %s: \"%s\", not \"%s\"", path, row_kind(path), kind);
}

static inline struct record get_row(const char *path)
{
	struct record r = { 0 };

	assert_int_equal(index_get(ix, path, &r), 1);
	return r;
}

/* Gives a row a content that its file does not have, so that a later row with this content proves that the content
 * was taken over and not read. */
static inline void mark_content(const char *path)
{
	struct record r = get_row(path);

	memset(r.content.root, 0xee, sizeof(r.content.root));
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
}

static inline bool has_mark(const char *path)
{
	struct record r = get_row(path);
	bool marked = is_marked(&r);

	record_clear(&r);
	return marked;
}

/* The file was announced at this path with the content taken over, though it may have been read since. */
static inline bool told_mark(const char *path)
{
	for (int i = 0; i < nlogged; i++)
		if (logged_mark[i] && strcmp(logged[i] + 1, path) == 0)
			return true;
	return false;
}

static inline int log_position(const char *entry)
{
	for (int i = 0; i < nlogged; i++)
		if (strcmp(logged[i], entry) == 0)
			return i;
	fail_msg("no \"%s\" among %d changes", entry, nlogged);
	return -1;
}

static inline bool note_problem(void *arg, const struct local_problem *p)
{
	const char **want = arg;

	if (strcmp(p->path, want[0]) == 0)
		want[1] = p->reason;
	return true;
}

static inline bool has_problem(const char *path)
{
	const char *want[2] = { path, NULL };

	(void)local_problems(local, note_problem, want);
	return want[1] != NULL;
}

/* --- everything --- */

static inline int by_path(const void *a, const void *b)
{
	return path_compare(*(const char *const *)a, *(const char *const *)b);
}

static inline void list_disk(const char *dir, char ***paths, size_t *n)
{
	int fd = fs_open(root, dir, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fdopendir(fd);
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		struct stat st;
		char *path;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    (dir[0] == '\0' && strcmp(e->d_name, ".lanyard") == 0))
			continue;
		path = path_join(dir, e->d_name);
		assert_int_equal(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW), 0);
		*paths = mem_realloc(*paths, *n + 1, sizeof(char *));
		(*paths)[(*n)++] = path;
		if (S_ISDIR(st.st_mode))
			list_disk(path, paths, n);
	}
	closedir(d);
}

static inline void assert_same(const char *path, const struct record *r)
{
	struct fs_stat st;
	uint8_t digest[32] = { 0 };
	char *bytes;
	size_t n;

	assert_int_equal(fs_stat_beneath(root, path, &st), 0);
	if (st.kind == S_IFDIR) {
		assert_int_equal(r->kind, RECORD_DIR);
		assert_int_equal(r->mode, st.mode);
	} else if (st.kind == S_IFLNK) {
		char target[256] = "";

		assert_int_equal(r->kind, RECORD_SYMLINK);
		assert_true(readlinkat(root, path, target, sizeof(target) - 1) > 0);
		assert_string_equal(r->target, target);
		assert_true(r->mtime_ns == st.mtime_ns);
	} else {
		assert_int_equal(r->kind, RECORD_FILE);
		assert_int_equal(r->mode, st.mode);
		assert_true(r->mtime_ns == st.mtime_ns);
		assert_true(r->content.size == st.size);
		if (r->content.nblocks > 1)
			return;
		bytes = fs_read_file(root, path, 1 << 20, &n);
		assert_non_null(bytes);
		if (n > 0)
			sha256(digest, bytes, n);
		free(bytes);
		assert_memory_equal(r->content.root, digest, sizeof(digest));
	}
}

/* Every path on disk has its live row, and no other row is live. */
static inline void assert_index_is_disk(void)
{
	struct index_cursor *c = index_walk(ix, "");
	struct record r = { 0 };
	char **paths = mem_calloc(1, sizeof(paths[0]));
	size_t n = 0;
	size_t i = 0;

	list_disk("", &paths, &n);
	if (n > 0)
		qsort(paths, n, sizeof(paths[0]), by_path);
	while (index_next(c, &r) > 0) {
		if (!r.deleted) {
			if (i == n || strcmp(r.path, paths[i]) != 0)
				fail_msg("row of %s, but on disk is %s", r.path, i < n ? paths[i] : "nothing more");
			assert_same(paths[i], &r);
			free(paths[i++]);
		}
		record_clear(&r);
	}
	if (i < n)
		fail_msg("no row of %s", paths[i]);
	index_cursor_free(c);
	free(paths);
}

#endif
