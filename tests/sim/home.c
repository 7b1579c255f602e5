/* The home folders of hosts that do not run, and the harm that comes to them: a copy is taken and put back; the
 * index is lost, is older, or is damaged. See host.h. A host that crashed goes on in a copy of its home as it was
 * at that moment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"

enum { FILE_MAX = 64 << 20, FLIPS_MAX = 8 };

static void give_up(const char *what)
{
	fprintf(stderr, "FAIL simulator: %s\n", what);
	abort();
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;
	uint8_t *bytes;

	if (in < 0 || out < 0 || fstat(in, &st) || st.st_size > FILE_MAX)
		give_up(from);
	bytes = mem_calloc((size_t)st.st_size + 1, 1);
	if (fs_pread_full(in, bytes, (size_t)st.st_size, 0) != st.st_size ||
	    fs_pwrite_all(out, bytes, (size_t)st.st_size, 0))
		give_up(to);
	free(bytes);
	close(in);
	close(out);
}

/* SQLite's shared memory is not copied: SQLite rebuilds it from the log. */
static bool is_shared_memory(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, "-shm") == 0;
}

static void copy_folder(const char *from, const char *to)
{
	DIR *d = opendir(from);
	const struct dirent *e;

	if (!d || mkdir(to, 0700))
		give_up(to);
	while ((e = readdir(d))) {
		char *f = mem_printf("%s/%s", from, e->d_name), *t = mem_printf("%s/%s", to, e->d_name);
		struct stat st;

		if (lstat(f, &st) == 0 && e->d_name[0] != '.' && !is_shared_memory(e->d_name)) {
			if (S_ISDIR(st.st_mode))
				copy_folder(f, t);
			else if (S_ISREG(st.st_mode))
				copy_file(f, t);
		}
		free(f);
		free(t);
	}
	closedir(d);
}

static void remove_folder(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char *above = mem_printf("%.*s", (int)(name - path), path);
	int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fs_remove_tree(fd, name))
		give_up(path);
	close(fd);
	free(above);
}

static char *numbered(const struct host *h, const char *what)
{
	static int n;
	const char *slash = strrchr(h->home, '/');

	return mem_printf("%.*s/%s%d.%d", (int)(slash - h->home), h->home, what, h->number, ++n);
}

void home_move(struct host *h)
{
	char *fresh = numbered(h, "home");

	copy_folder(h->home, fresh);
	free(h->home);
	h->home = fresh;
}

void home_save(struct host *h)
{
	if (h->saved)
		remove_folder(h->saved);
	free(h->saved);
	h->saved = numbered(h, "saved");
	copy_folder(h->home, h->saved);
}

/* --- harm --- */

static char *index_file(const char *home, const char *suffix)
{
	char *dir = home_group_dir(), *path = mem_printf("%s/%s/index.db%s", home, dir, suffix);

	free(dir);
	return path;
}

static void lose_index(const struct host *h)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".rebuild" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *path = index_file(h->home, suffixes[i]);

		if (unlink(path) && errno != ENOENT)
			give_up(path);
		free(path);
	}
}

static bool old_index(const struct host *h)
{
	static const char *const suffixes[] = { "", "-wal" };

	if (!h->saved)
		return false;
	lose_index(h);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *from = index_file(h->saved, suffixes[i]), *to = index_file(h->home, suffixes[i]);

		if (access(from, R_OK) == 0)
			copy_file(from, to);
		free(from);
		free(to);
	}
	return true;
}

static void flip(int fd, off_t size, uint64_t *luck)
{
	off_t at = (off_t)sim_below(luck, (uint64_t)size);
	uint8_t byte;

	if (pread(fd, &byte, 1, at) != 1)
		give_up("pread");
	byte ^= (uint8_t)(1U << sim_below(luck, 8));
	if (pwrite(fd, &byte, 1, at) != 1)
		give_up("pwrite");
}

/* Whole pages of noise, as a bad disk returns them, or single bits; or the end is missing. */
static bool damage_index(const struct host *h, bool cut, uint64_t luck)
{
	char *path = index_file(h->home, sim_chance(&luck, 30) ? "-wal" : "");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	bool done = false;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
		if (cut && ftruncate(fd, (off_t)sim_below(&luck, (uint64_t)st.st_size)))
			give_up(path);
		for (uint64_t n = cut ? 0 : 1 + sim_below(&luck, FLIPS_MAX); n > 0; n--)
			flip(fd, st.st_size, &luck);
		done = true;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return done;
}

static bool old_home(struct host *h)
{
	if (!h->saved)
		return false;
	remove_folder(h->home);
	copy_folder(h->saved, h->home);
	return true;
}

bool home_harm(struct host *h, enum home_harm what, uint64_t luck)
{
	static const struct {
		const char *text;
		enum tally tally;
	} harms[HOME_HARMS] = {
		[HOME_INDEX_LOST] = { "its index is lost", TALLY_INDEX_LOST },
		[HOME_INDEX_OLD] = { "its index is an older one", TALLY_INDEX_OLD },
		[HOME_INDEX_DAMAGED] = { "bits of its index flip", TALLY_INDEX_DAMAGED },
		[HOME_INDEX_CUT] = { "its index is cut short", TALLY_INDEX_CUT },
		[HOME_OLD] = { "its home is an older one", TALLY_HOME_OLD },
	};
	bool done = true;

	switch (what) {
	case HOME_INDEX_LOST:
		lose_index(h);
		break;
	case HOME_INDEX_OLD:
		done = old_index(h);
		break;
	case HOME_INDEX_DAMAGED:
	case HOME_INDEX_CUT:
		done = damage_index(h, what == HOME_INDEX_CUT, luck);
		break;
	case HOME_OLD:
		done = old_home(h);
		break;
	case HOME_HARMS:
		break;
	}
	if (!done)
		return false;
	tally_add(harms[what].tally);
	sim_trace("host %d: %s", h->number, harms[what].text);
	return true;
}
