/* Odd actions, which only few programs or users do: see script.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/sim/action_internal.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"

/* A write after which only the ctime differs. If the kernel's clock for files has not ticked since, sets the time
 * again until it has: nobody could notice otherwise, and the simulator asks for nothing impossible. */
static void write_hidden(int fd, const uint8_t *bytes, size_t n)
{
	struct stat before, st;

	if (fstat(fd, &before) || pwrite(fd, bytes, n, 0) != (ssize_t)n)
		abort();
	do {
		if (futimens(fd, (struct timespec[2]){ before.st_atim, before.st_mtim }) || fstat(fd, &st))
			abort();
	} while (st.st_ctim.tv_sec == before.st_ctim.tv_sec && st.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

/* Writes in place and in the same size, and sets the mtime back. Through a mapping there is no event of the write
 * itself. */
void action_hide(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	const struct leaf *leaf = path ? act_leaf(a, path) : NULL;
	size_t n;
	uint8_t *bytes;
	char *f;
	int fd;

	if (!leaf || leaf->st.kind != S_IFREG || leaf->st.size == 0)
		return;
	f = act_full(a, path);
	fd = open(f, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	free(f);
	if (fd < 0)
		return;
	bytes = act_bytes(&a->luck, &n);
	oracle_loses(a->h, path);
	write_hidden(fd, bytes, n < (size_t)leaf->st.size ? n : (size_t)leaf->st.size);
	close(fd);
	free(bytes);
	act_say(a, "writes in secret to", path);
	oracle_wrote(a->h, path);
	if (sim_chance(&a->luck, 50))
		sim_watch_change(a->h->number, SIM_WRITTEN, path);
	sim_watch_change(a->h->number, SIM_ATTRIB, path);
}

/* An mtime of another millennium, or at the ends of what a record can hold. */
void action_odd_time(struct act *a)
{
	static const struct timespec odd[] = {
		{ .tv_sec = INT64_C(10413792000) },                /* 2300 */
		{ .tv_sec = INT64_C(-11676096000), .tv_nsec = 1 }, /* 1600 */
		{ .tv_sec = INT64_C(884541340800), .tv_nsec = 5 }, /* 30000 */
		{ .tv_sec = INT64_C(9223372036),
		  .tv_nsec = 854775807 }, /* the last nanosecond that a record can hold */
		{ .tv_sec = INT64_C(-9223372037), .tv_nsec = 145224192 }, /* and the first */
		{ .tv_sec = -1, .tv_nsec = 999999999 },
	};
	const char *path = act_any(a, sim_chance(&a->luck, 80) ? S_IFREG : S_IFLNK);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	char *f;

	if (!path || !act_leaf(a, path))
		return;
	f = act_full(a, path);
	times[1] = odd[sim_below(&a->luck, sizeof(odd) / sizeof(odd[0]))];
	if (utimensat(AT_FDCWD, f, times, AT_SYMLINK_NOFOLLOW) == 0) {
		act_say(a, "sets an odd time of", path);
		sim_watch_change(a->h->number, SIM_ATTRIB, path);
	}
	free(f);
}

/* Gives a file another name: a write in place, now or later, changes both, and there is an event of only one of
 * them. */
void action_link(struct act *a)
{
	const char *path = act_any(a, S_IFREG);
	const struct leaf *leaf = path ? act_leaf(a, path) : NULL;
	char *to = act_path(a, false), *f = path ? act_full(a, path) : NULL, *t = act_full(a, to);
	uint8_t *bytes;
	size_t n;

	if (leaf && leaf->st.kind == S_IFREG && link(f, t) == 0) {
		act_say(a, "makes another name of", path);
		sim_watch_change(a->h->number, SIM_CREATED, to);
		bytes = act_bytes(&a->luck, &n);
		if (sim_chance(&a->luck, 60))
			(void)act_put(a, to, O_APPEND, bytes, n);
		free(bytes);
	}
	free(t);
	free(f);
	free(to);
}

/* Moves what is in a folder (NULL: at the top) into `to`. No event says where it went. */
static void gather(const struct act *a, const char *from, const char *to)
{
	size_t n = from ? strlen(from) + 1 : 0;

	for (size_t i = 0; i < a->tree.n; i++) {
		const char *path = a->tree.leaves[i].path;
		char *f, *into, *t;

		if (n > 0 && (strncmp(path, from, n - 1) != 0 || path[n - 1] != '/'))
			continue;
		if (strchr(path + n, '/'))
			continue;
		f = act_full(a, path);
		into = mem_printf("%s/%s", to, path + n);
		t = act_full(a, into);
		/* Not a folder that the new one is in. */
		if (rename(f, t) == 0) {
			tally_add(TALLY_GATHERED);
			act_say(a, "gathers", path);
			sim_watch_change(a->h->number, SIM_GONE, path);
		}
		free(f);
		free(into);
		free(t);
	}
}

/* As `mkdir new; mv old/... new/`, faster than the new folder can be watched. */
void action_gather(struct act *a)
{
	const char *from = sim_chance(&a->luck, 60) ? act_any(a, S_IFDIR) : NULL;
	char *to = act_path(a, true), *t = act_full(a, to);

	if (mkdir(t, 0755) == 0) {
		act_say(a, "makes folder", to);
		sim_watch_change(a->h->number, SIM_MKDIR, to);
		gather(a, from, to);
	}
	free(to);
	free(t);
}
