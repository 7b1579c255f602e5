/* What few programs do to files, and some users' only one: see script.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/sim/deed_internal.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"

/* A write after which the ctime alone is another. Where the kernel's clock for files has not ticked since, it is set again
 * until it has: what nobody could see is not asked for. */
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

/* In place, of the same size, the mtime set back. Through a mapping there is no word of the write itself. */
void deed_hide(struct act *a)
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
