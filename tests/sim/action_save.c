/* Actions on larger files, the ways in which programs save, and what the command line does to a share: see
 * script.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/plan/conflict.h"
#include "sync/versions/version_store.h"
#include "tests/sim/action_internal.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"

enum {
	SPARSE_MIN = 1 << 20,
	SPARSE_MORE = 2 << 20,
	LARGE_MIN = 1 << 20,
	LARGE_MORE = 4 << 20,
	VAST_MIN = 9 << 20,
	VAST_MORE = 8 << 20,
	FLOCK_SIZE = 32 << 10,
	FLOCK_MIN = 40,
	FLOCK_MORE = 60,
	RESTORE_TRIES = 12,
};

/* Overwrites some bytes in the middle, in the same size. */
void action_patch(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	const struct leaf *leaf = path ? act_leaf(a, path) : NULL;
	size_t n;
	uint8_t *bytes;
	char *f;
	int fd;

	if (!leaf || leaf->st.kind != S_IFREG || leaf->st.size == 0)
		return;
	bytes = act_bytes(&a->luck, &n);
	f = act_full(a, path);
	oracle_loses(a->h, path);
	fd = open(f, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (n > (size_t)leaf->st.size)
		n = (size_t)leaf->st.size;
	if (fd < 0 || pwrite(fd, bytes, n, (off_t)sim_below(&a->luck, (uint64_t)leaf->st.size - n + 1)) != (ssize_t)n)
		abort();
	close(fd);
	free(f);
	free(bytes);
	act_say(a, "patches", path);
	act_stamp(a, path, sim_next(&a->luck));
	oracle_wrote(a->h, path);
	sim_watch_change(a->h->number, SIM_WRITTEN, path);
}

/* A file of megabytes that consists of holes and a few bytes. */
void action_sparse(struct act *a)
{
	char *path = act_path(a, false);
	size_t n = SPARSE_MIN + sim_below(&a->luck, SPARSE_MORE), m;
	uint8_t *bytes = mem_calloc(n, 1), *data = act_bytes(&a->luck, &m);

	memcpy(bytes + sim_below(&a->luck, n - (m < n ? m : n) + 1), data, m < n ? m : n);
	if (act_put_holes(a, path, bytes, n))
		act_say(a, "writes with holes", path);
	free(bytes);
	free(data);
	free(path);
}

static void write_random(struct act *a, size_t n)
{
	char *path = act_path(a, false);
	uint8_t *bytes = mem_calloc(n, 1);

	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint64_t v = sim_next(&a->luck);

		memcpy(bytes + i, &v, 8);
	}
	if (act_put(a, path, O_TRUNC, bytes, n))
		act_say(a, "writes much to", path);
	free(bytes);
	free(path);
}

/* A file of many blocks. */
void action_large(struct act *a)
{
	write_random(a, LARGE_MIN + sim_below(&a->luck, LARGE_MORE));
}

/* One that members are told of while it is being read. */
void action_vast(struct act *a)
{
	if (hosts_are_small())
		write_random(a, LARGE_MIN + sim_below(&a->luck, LARGE_MORE));
	else
		write_random(a, VAST_MIN + sim_below(&a->luck, VAST_MORE));
}

/* Many small files at once. */
void action_flock(struct act *a)
{
	size_t n = FLOCK_MIN + sim_below(&a->luck, FLOCK_MORE);
	char *stem = act_path(a, false);

	for (size_t i = 0; i < n; i++) {
		char *path = mem_printf("%s%zu", stem, i);
		size_t len = 8 + sim_below(&a->luck, FLOCK_SIZE);
		uint8_t *bytes = mem_calloc(len, 1);

		for (size_t k = 0; k + 8 <= len; k += 8) {
			uint64_t v = sim_next(&a->luck);

			memcpy(bytes + k, &v, 8);
		}
		if (act_put(a, path, O_TRUNC, bytes, len))
			act_say(a, "unpacks", path);
		free(bytes);
		free(path);
	}
	free(stem);
}

/* --- how programs save: vim's way is do_edit --- */

static void remove_file(struct act *a, const char *path)
{
	char *f = act_full(a, path);

	oracle_loses(a->h, path);
	if (unlink(f) == 0)
		sim_watch_change(a->h->number, SIM_GONE, path);
	free(f);
}

/* emacs: copies the file as a backup, then writes in place. */
static void save_emacs(struct act *a, const char *path, const uint8_t *bytes, size_t n)
{
	char *backup = mem_printf("%s~", path);
	size_t old_n;
	uint8_t *old = tree_bytes(a->h->share, path, &old_n);

	if (old)
		act_put(a, backup, O_TRUNC, old, old_n);
	act_put(a, path, O_TRUNC, bytes, n);
	free(old);
	free(backup);
}

/* An office program: makes a lock beside the file, writes a new file, renames it, and removes the lock. */
static void save_office(struct act *a, const char *path, const uint8_t *bytes, size_t n)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *lock = mem_printf("%.*s.~lock.%s#", (int)(name - path), path, name);
	char *temp = mem_printf("%.*slu1234.tmp", (int)(name - path), path);

	act_put(a, lock, O_TRUNC, (const uint8_t *)"locked by me", 12);
	if (act_put(a, temp, O_TRUNC, bytes, n))
		act_move(a, temp, path);
	remove_file(a, lock);
	free(lock);
	free(temp);
}

/* git: makes NAME.lock, writes it, and renames it. */
static void save_git(struct act *a, const char *path, const uint8_t *bytes, size_t n)
{
	char *lock = mem_printf("%s.lock", path);

	if (act_put(a, lock, O_TRUNC, bytes, n))
		act_move(a, lock, path);
	free(lock);
}

/* A database: writes its journal, then the file in place, and removes the journal. */
static void save_database(struct act *a, const char *path, const uint8_t *bytes, size_t n)
{
	char *journal = mem_printf("%s-journal", path);

	act_put(a, journal, O_TRUNC, bytes, n / 2);
	act_put(a, path, 0, bytes, n);
	remove_file(a, journal);
	free(journal);
}

void action_save(struct act *a)
{
	static void (*const ways[])(struct act * a, const char *path, const uint8_t *bytes, size_t n) = {
		save_emacs,
		save_office,
		save_git,
		save_database,
	};
	const char *path = act_any(a, S_IFREG);
	size_t n;
	uint8_t *bytes;

	if (!path || !act_leaf(a, path) || act_leaf(a, path)->st.kind != S_IFREG)
		return;
	act_say(a, "saves", path);
	bytes = act_bytes(&a->luck, &n);
	ways[sim_below(&a->luck, sizeof(ways) / sizeof(ways[0]))](a, path, bytes, n);
	free(bytes);
}

/* --- what the command line does to a share --- */

void action_restore(struct act *a)
{
	int root = open(a->h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = false;

	for (int i = 0; i < RESTORE_TRIES && !done && host_runs(a->h); i++) {
		char *path = act_path(a, false);
		struct kept_versions l = { 0 };

		if (version_store_list(root, path, &l) == 0 && l.n > 0)
			oracle_loses(a->h, path);
		if (l.n > 0 && version_store_restore(root, path, &l.v[sim_below(&a->luck, l.n)], path) == 0) {
			done = true;
			tally_add(TALLY_RESTORED);
			act_say(a, "restores", path);
			oracle_wrote(a->h, path);
			sim_watch_change(a->h->number, SIM_WRITTEN, path);
		}
		version_store_list_clear(&l);
		free(path);
	}
	close(root);
}

void action_resolve(struct act *a)
{
	int root = open(a->h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t way = sim_below(&a->luck, 2);

	for (size_t i = 0; i < a->tree.n && host_runs(a->h); i++) {
		const char *copy = a->tree.leaves[i].path;
		char *of = a->tree.leaves[i].st.kind == S_IFREG ? conflict_original(copy) : NULL;

		if (!of)
			continue;
		oracle_loses(a->h, way == 0 ? copy : of);
		if ((way == 0 ? version_store_retire(root, copy, of) : version_store_replace(root, copy, of)) == 0) {
			tally_add(TALLY_RESOLVED);
			act_say(a, "resolves", copy);
			sim_watch_change(a->h->number, SIM_GONE, copy);
			sim_watch_change(a->h->number, SIM_WRITTEN, of);
		}
		free(of);
		break;
	}
	close(root);
}
