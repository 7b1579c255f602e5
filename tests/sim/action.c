/* What users do to files: see script.h. Each action tells the oracle what it knowingly replaces and what it wrote,
 * and sends the host's watch the events that inotify would. Times of files are virtual. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/action_internal.h"
#include "tests/sim/oracle.h"
#include "tests/sim/secrets.h"
#include "tests/sim/sim.h"

enum {
	DEPTH_MAX = 3,
	HOLE = 4096,
};

uint64_t *action_counts;
static bool acted; /* the action under way changed something */

char *act_full(const struct act *a, const char *path)
{
	return mem_printf("%s/%s", a->h->share, path);
}

/* --- what to do it to --- */

/* Any path of one of these kinds (S_IF bits or 0: all but the wanted one); NULL when there is none. */
const char *act_any(struct act *a, uint32_t kind)
{
	size_t n = 0, at;

	if (a->path && kind != S_IFDIR)
		return a->path;
	for (size_t i = 0; i < a->tree.n; i++)
		n += kind == 0 || a->tree.leaves[i].st.kind == kind;
	if (n == 0)
		return NULL;
	at = sim_below(&a->luck, n);
	for (size_t i = 0; i < a->tree.n; i++)
		if ((kind == 0 || a->tree.leaves[i].st.kind == kind) && at-- == 0)
			return a->tree.leaves[i].path;
	return NULL;
}

const struct leaf *act_leaf(const struct act *a, const char *path)
{
	for (size_t i = 0; i < a->tree.n; i++)
		if (strcmp(a->tree.leaves[i].path, path) == 0)
			return &a->tree.leaves[i];
	return NULL;
}

static int depth(const char *path)
{
	int n = 1;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* A name in a folder that exists; it may be taken. There are only a few names, so that users meet at them. The
 * caller frees it. */
char *act_path(struct act *a, bool folder)
{
	static const char *const files[] = { "a", "b", "c.txt", "d" }, *const dirs[] = { "x", "y" };
	const char *under = sim_chance(&a->luck, 60) ? act_any(a, S_IFDIR) : NULL;
	const char *name =
		folder && sim_chance(&a->luck, 80) ? dirs[sim_below(&a->luck, 2)] : files[sim_below(&a->luck, 4)];
	const char *secret = hosts_have_vaults() ? SECRET_NAME : "";

	if (under && depth(under) < DEPTH_MAX)
		return mem_printf("%s/%s%s", under, secret, name);
	return mem_printf("%s%s", secret, name);
}

/* --- small steps --- */

void act_stamp(const struct act *a, const char *path, uint64_t luck)
{
	char *f = act_full(a, path);
	int64_t ns = clock_wall_ns() + (sim_running_host() < 0 ? a->h->skew_ns : 0);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };

	times[1].tv_sec = ns / SIM_S;
	if (luck % 4)
		times[1].tv_nsec = ns % SIM_S;
	(void)utimensat(AT_FDCWD, f, times, AT_SYMLINK_NOFOLLOW);
	free(f);
}

static size_t some_size(uint64_t *luck)
{
	uint64_t p = sim_below(luck, 100);

	if (p < 70)
		return 8 + sim_below(luck, 200);
	if (p < 92)
		return 8 + sim_below(luck, 6000);
	if (p < 98)
		return 8 + sim_below(luck, 100000);
	return 8 + sim_below(luck, 1500000);
}

uint8_t *act_bytes(uint64_t *luck, size_t *n)
{
	uint8_t *p;

	*n = some_size(luck);
	p = mem_calloc(*n, 1);
	for (size_t i = 0; i < *n; i += 8) {
		uint64_t v = sim_next(luck);

		memcpy(p + i, &v, *n - i < 8 ? *n - i : 8);
	}
	return p;
}

void act_say(const struct act *a, const char *what, const char *path)
{
	acted = true;
	sim_trace("host %d %s %s%s", a->h->number, what, path, host_runs(a->h) ? "" : " (agent off)");
}

/* Writes only the bytes that are not zero. */
static void write_data(int fd, const uint8_t *bytes, size_t n)
{
	static const uint8_t zeros[HOLE];

	for (size_t at = 0; at < n; at += HOLE) {
		size_t len = n - at < HOLE ? n - at : HOLE;

		if (memcmp(bytes + at, zeros, len) != 0 && pwrite(fd, bytes + at, len, (off_t)at) != (ssize_t)len)
			abort();
	}
	if (ftruncate(fd, (off_t)n))
		abort();
}

static bool put_as(struct act *a, const char *path, int flags, const uint8_t *bytes, size_t n, bool holes)
{
	char *f = act_full(a, path);
	struct stat st;
	bool there = lstat(f, &st) == 0;
	int fd;

	if (there && !S_ISREG(st.st_mode)) {
		free(f);
		return false;
	}
	if (there)
		oracle_loses(a->h, path);
	fd = open(f, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0644);
	free(f);
	if (fd < 0)
		return false;
	if (holes)
		write_data(fd, bytes, n);
	else if (n > 0 && write(fd, bytes, n) != (ssize_t)n)
		abort();
	close(fd);
	act_stamp(a, path, sim_next(&a->luck));
	oracle_wrote(a->h, path);
	if (!there)
		sim_watch_change(a->h->number, SIM_CREATED, path);
	sim_watch_change(a->h->number, SIM_WRITTEN, path);
	return true;
}

/* Writes n bytes to a regular file, or to a new one: at its end, or in place of its content. */
bool act_put(struct act *a, const char *path, int flags, const uint8_t *bytes, size_t n)
{
	return put_as(a, path, flags, bytes, n, false);
}

bool act_put_holes(struct act *a, const char *path, const uint8_t *bytes, size_t n)
{
	return put_as(a, path, O_TRUNC, bytes, n, true);
}

/* Removes everything below, and the path itself. */
static void lose_all(struct act *a, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < a->tree.n; i++) {
		const char *p = a->tree.leaves[i].path;

		if (strcmp(p, path) == 0 || (strncmp(p, path, n) == 0 && p[n] == '/'))
			oracle_loses(a->h, p);
	}
}

void act_move(struct act *a, const char *from, const char *to)
{
	char *f = act_full(a, from), *t = act_full(a, to);
	struct stat sf, st;
	bool dir = lstat(f, &sf) == 0 && S_ISDIR(sf.st_mode), taken = lstat(t, &st) == 0;

	if (taken && !S_ISDIR(st.st_mode) && !dir)
		oracle_loses(a->h, to);
	if (rename(f, t) == 0) {
		acted = true;
		sim_trace("host %d moves %s to %s", a->h->number, from, to);
		sim_watch_moved(a->h->number, from, to, dir);
	}
	free(f);
	free(t);
}

/* --- actions --- */

static void do_write(struct act *a)
{
	char *fresh = sim_chance(&a->luck, 50) ? act_path(a, false) : NULL;
	const char *path = a->path ? a->path : fresh ? fresh : act_any(a, S_IFREG);
	size_t n;
	uint8_t *bytes = act_bytes(&a->luck, &n);

	if (path && act_put(a, path, O_TRUNC, bytes, n))
		act_say(a, "writes", path);
	free(bytes);
	free(fresh);
}

static void do_append(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	size_t n;
	uint8_t *bytes = act_bytes(&a->luck, &n);

	if (path && act_leaf(a, path) && act_put(a, path, O_APPEND, bytes, n))
		act_say(a, "appends to", path);
	free(bytes);
}

static void do_truncate(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	const struct leaf *leaf = path ? act_leaf(a, path) : NULL;
	char *f;

	if (!leaf || leaf->st.kind != S_IFREG || leaf->st.size == 0)
		return;
	act_say(a, "truncates", path);
	f = act_full(a, path);
	oracle_loses(a->h, path);
	if (truncate(f, (off_t)sim_below(&a->luck, (uint64_t)leaf->st.size)))
		abort();
	free(f);
	act_stamp(a, path, sim_next(&a->luck));
	oracle_wrote(a->h, path);
	sim_watch_change(a->h->number, SIM_WRITTEN, path);
}

static void do_replace(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	char *temp;
	size_t n;
	uint8_t *bytes;

	if (!path)
		return;
	temp = mem_printf("%s.tmp", path);
	bytes = act_bytes(&a->luck, &n);
	if (act_put(a, temp, O_TRUNC, bytes, n))
		act_move(a, temp, path);
	free(bytes);
	free(temp);
}

/* As vim does: it moves the old file aside, writes the new one, and removes the old one. */
static void do_edit(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	const struct leaf *leaf = path ? act_leaf(a, path) : NULL;
	char *backup, *f;
	size_t n;
	uint8_t *bytes;

	if (!leaf || leaf->st.kind != S_IFREG)
		return;
	act_say(a, "edits", path);
	backup = mem_printf("%s~", path);
	f = act_full(a, backup);
	bytes = act_bytes(&a->luck, &n);
	act_move(a, path, backup);
	act_put(a, path, O_TRUNC, bytes, n);
	oracle_loses(a->h, backup);
	if (unlink(f) == 0)
		sim_watch_change(a->h->number, SIM_GONE, backup);
	free(bytes);
	free(f);
	free(backup);
}

static void do_delete(struct act *a)
{
	const char *path = act_any(a, sim_chance(&a->luck, 90) ? S_IFREG : S_IFLNK);
	char *f;

	if (!path)
		return;
	f = act_full(a, path);
	oracle_loses(a->h, path);
	if (unlink(f) == 0) {
		act_say(a, "deletes", path);
		sim_watch_change(a->h->number, SIM_GONE, path);
	}
	free(f);
}

static void do_mkdir(struct act *a)
{
	char *path = act_path(a, true), *f = act_full(a, path);

	if (mkdir(f, 0755) == 0) {
		act_say(a, "makes folder", path);
		sim_watch_change(a->h->number, SIM_MKDIR, path);
	}
	free(f);
	free(path);
}

static void remove_all(struct act *a, const char *path, bool whole)
{
	char *f = act_full(a, path);

	if (!whole && rmdir(f) == 0) {
		act_say(a, "removes folder", path);
		sim_watch_change(a->h->number, SIM_GONE, path);
	} else if (whole) {
		int fd = open(a->h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		act_say(a, "removes tree", path);
		lose_all(a, path);
		if (fs_remove_tree(fd, path))
			abort();
		close(fd);
		sim_watch_change(a->h->number, SIM_GONE, path);
	}
	free(f);
}

static void do_rmdir(struct act *a, bool whole)
{
	const char *path = act_any(a, S_IFDIR);

	if (path)
		remove_all(a, path, whole);
}

static void do_move(struct act *a)
{
	const char *from = act_any(a, sim_chance(&a->luck, 60) ? S_IFREG : 0);
	const struct leaf *leaf = from ? act_leaf(a, from) : NULL;
	char *to = leaf ? act_path(a, leaf->st.kind == S_IFDIR) : NULL;

	if (to && strcmp(from, to) != 0)
		act_move(a, from, to);
	free(to);
}

static void do_copy(struct act *a)
{
	const char *from = act_any(a, S_IFREG);
	char *to = act_path(a, false);
	size_t n = 0;
	uint8_t *bytes = from ? tree_bytes(a->h->share, from, &n) : NULL;

	if (bytes && act_leaf(a, from) && act_leaf(a, from)->st.kind == S_IFREG && strcmp(from, to) != 0 &&
	    act_put(a, to, O_TRUNC, bytes, n)) {
		acted = true;
		sim_trace("host %d copies %s to %s", a->h->number, from, to);
	}
	free(bytes);
	free(to);
}

static void do_chmod(struct act *a)
{
	static const mode_t modes[] = { 0644, 0600, 0755, 0700 };
	const char *path = act_any(a, sim_chance(&a->luck, 70) ? S_IFREG : S_IFDIR);
	char *f = path ? act_full(a, path) : NULL;
	struct stat st;

	if (f && lstat(f, &st) == 0 && !S_ISLNK(st.st_mode) &&
	    chmod(f, modes[(S_ISDIR(st.st_mode) ? 2 : 0) + sim_below(&a->luck, 2)]) == 0) {
		act_say(a, "chmods", path);
		sim_watch_change(a->h->number, SIM_ATTRIB, path);
	}
	free(f);
}

static void do_touch(struct act *a)
{
	const char *path = act_any(a, S_IFREG);

	if (!path || !act_leaf(a, path))
		return;
	act_say(a, "touches", path);
	act_stamp(a, path, sim_next(&a->luck));
	sim_watch_change(a->h->number, SIM_ATTRIB, path);
}

static void do_symlink(struct act *a)
{
	char *path = a->path ? mem_strdup(a->path) : act_path(a, false), *f = act_full(a, path);
	char *target = mem_printf("../../nowhere/%016llx", (unsigned long long)sim_next(&a->luck));

	if (symlink(target, f) == 0) {
		act_say(a, "links", path);
		act_stamp(a, path, sim_next(&a->luck));
		oracle_wrote(a->h, path);
		sim_watch_change(a->h->number, SIM_CREATED, path);
	}
	free(target);
	free(f);
	free(path);
}

/* A file becomes a folder, a folder a file. */
static void do_swap_kind(struct act *a)
{
	const char *path = act_any(a, 0);
	const struct leaf *leaf = path ? act_leaf(a, path) : NULL;
	char *f, *child;
	size_t n;
	uint8_t *bytes;

	if (!leaf)
		return;
	f = act_full(a, path);
	bytes = act_bytes(&a->luck, &n);
	if (leaf->st.kind == S_IFDIR) {
		remove_all(a, path, true);
		act_put(a, path, O_TRUNC, bytes, n);
	} else {
		oracle_loses(a->h, path);
		child = mem_printf("%s/a", path);
		if (unlink(f) || mkdir(f, 0755))
			abort();
		act_say(a, "makes a folder of", path);
		sim_watch_change(a->h->number, SIM_GONE, path);
		sim_watch_change(a->h->number, SIM_MKDIR, path);
		act_put(a, child, O_TRUNC, bytes, n);
		free(child);
	}
	free(bytes);
	free(f);
}

void action_do(struct host *h, enum action_kind kind, uint64_t luck, const char *path)
{
	struct act a = { .h = h, .luck = luck, .path = path };
	static void (*const actions[])(struct act * a) = {
		[ACTION_WRITE] = do_write,         [ACTION_APPEND] = do_append,     [ACTION_TRUNCATE] = do_truncate,
		[ACTION_REPLACE] = do_replace,     [ACTION_DELETE] = do_delete,     [ACTION_MKDIR] = do_mkdir,
		[ACTION_MOVE] = do_move,           [ACTION_COPY] = do_copy,         [ACTION_CHMOD] = do_chmod,
		[ACTION_TOUCH] = do_touch,         [ACTION_SYMLINK] = do_symlink,   [ACTION_EDITOR] = do_edit,
		[ACTION_SWAP_KIND] = do_swap_kind, [ACTION_PATCH] = action_patch,   [ACTION_SPARSE] = action_sparse,
		[ACTION_LARGE] = action_large,     [ACTION_SAVE] = action_save,     [ACTION_RESTORE] = action_restore,
		[ACTION_RESOLVE] = action_resolve, [ACTION_HIDE] = action_hide,     [ACTION_ODD_TIME] = action_odd_time,
		[ACTION_LINK] = action_link,       [ACTION_VAST] = action_vast,     [ACTION_FLOCK] = action_flock,
		[ACTION_SLOW] = action_slow,       [ACTION_GATHER] = action_gather,
	};

	tree_read(&a.tree, h->share, "");
	acted = false;
	if (kind == ACTION_RMDIR || kind == ACTION_RMTREE)
		do_rmdir(&a, kind == ACTION_RMTREE);
	else
		actions[kind](&a);
	if (acted && action_counts)
		action_counts[kind]++;
	tree_free(&a.tree);
}
