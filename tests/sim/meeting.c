/* What hosts have before they meet: copies of the same files, as after a copy by hand, of which some are missing or
 * are others at some hosts. See script.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/script.h"
#include "tests/sim/sim.h"

enum { ALIKE_PERCENT = 90, FOLDERS = 3, SIZE = 200, APART_MS = 1500, APART_MAX_MS = 4000 };

static const int64_t MADE_S = 1000000000;

static void meeting_write(const struct host *h, const char *path, uint64_t word, int64_t mtime_s)
{
	char *full = mem_printf("%s/%s", h->share, path);
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = mtime_s } };
	uint64_t bytes[SIZE / 8];
	size_t n = 8 + (size_t)(word % (SIZE - 8));

	for (size_t i = 0; i < SIZE / 8; i++)
		bytes[i] = sim_next(&word);
	if (fd < 0 || fs_pwrite_all(fd, bytes, n, 0) || futimens(fd, times))
		abort();
	close(fd);
	free(full);
	oracle_wrote(h, path);
}

static void meeting_files(struct host *h, const struct script *s)
{
	/* The same of all hosts, and this one's. */
	uint64_t all = s->meeting, own = s->meeting ^ (uint64_t)(h->number + 1);

	h->told_by_disk = h->lacks != 0;
	for (int i = 0; i < FOLDERS; i++) {
		char *full = mem_printf("%s/had%d", h->share, i);

		if (mkdir(full, 0755))
			abort();
		free(full);
	}
	for (unsigned i = 0; i < s->copies; i++) {
		char *path = mem_printf("had%u/%u", i % FOLDERS, i);
		uint64_t word = sim_next(&all);
		bool alike = sim_chance(&own, ALIKE_PERCENT), there = alike || sim_chance(&own, 50);

		if (there)
			meeting_write(h, path, alike || sim_chance(&own, 50) ? word : sim_next(&own),
			              MADE_S + (alike ? 0 : (int64_t)sim_below(&own, 3)));
		free(path);
	}
}

int64_t meeting_begin(const struct script *s)
{
	uint64_t luck = s->meeting;

	if (s->copies == 0)
		return 0;
	for (int i = 0; i < s->nhosts; i++)
		if (!(s->vaults >> i & 1))
			meeting_files(&hosts_all[i], s);
	return (APART_MS + (int64_t)sim_below(&luck, APART_MAX_MS - APART_MS)) * SIM_MS;
}
