/* What happens to vaults: their disks rot, fill up, and lose power. See vaults.h. */
#include "tests/sim/vaults.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"

enum { LITTLE = 40 << 10, AWAY_MAX_MS = 8000, LOSE_PERCENT = 40, CUT_PERCENT = 40 };

/* What a host has written and not synced. */
struct unsynced {
	char **paths; /* absolute */
	size_t n, max;
};

static struct unsynced unsynced[SIM_HOSTS];

static int count_members(bool vault)
{
	int n = 0;

	for (int i = 0; i < hosts_n; i++)
		n += hosts_all[i].place == HOST_MEMBER && hosts_all[i].vault == vault;
	return n;
}

int hosts_plain(void)
{
	return count_members(false);
}

int hosts_vaults(void)
{
	return count_members(true);
}

struct host *host_any_vault(int from)
{
	for (int i = 0; i < hosts_n; i++) {
		struct host *h = &hosts_all[(from + i) % hosts_n];

		if (h->place == HOST_MEMBER && h->vault)
			return h;
	}
	return NULL;
}

static void harm_file(const char *path, uint64_t *luck)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	uint8_t byte;
	off_t at;

	if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
		abort();
	at = (off_t)sim_below(luck, (uint64_t)st.st_size);
	if (sim_chance(luck, CUT_PERCENT)) {
		if (ftruncate(fd, at))
			abort();
	} else if (pread(fd, &byte, 1, at) == 1) {
		byte ^= (uint8_t)(1U << sim_below(luck, 8));
		if (pwrite(fd, &byte, 1, at) != 1)
			abort();
	}
	close(fd);
}

void vault_rots(struct host *h, uint64_t luck)
{
	char *folder = mem_printf("%s/.lanyard/vault", h->share), *path;
	struct tree t;
	size_t files = 0, at;

	tree_read(&t, folder, "");
	for (size_t i = 0; i < t.n; i++)
		files += t.leaves[i].st.kind == S_IFREG;
	at = files > 0 ? sim_below(&luck, files) : 0;
	for (size_t i = 0; i < t.n && files > 0; i++) {
		if (t.leaves[i].st.kind != S_IFREG || at-- != 0)
			continue;
		path = mem_printf("%s/%s", folder, t.leaves[i].path);
		if (sim_chance(&luck, LOSE_PERCENT))
			(void)unlink(path);
		else
			harm_file(path, &luck);
		free(path);
		h->harmed = true;
		tally_add(TALLY_VAULT_ROT);
		sim_trace("host %d: an object rots", h->number);
	}
	tree_free(&t);
	free(folder);
}

void vault_is_bounded(struct host *h, bool bounded)
{
	int64_t room = bounded ? LITTLE : 0;

	if (h->room == room)
		return;
	h->room = room;
	host_stop(h);
	host_start(h);
}

/* --- power --- */

static void forget_unsynced(struct unsynced *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->paths[i]);
	u->n = 0;
}

int vault_named(int folder, const char *name, int done)
{
	int host = sim_running_host();
	struct unsynced *u = host < 0 ? NULL : &unsynced[host];
	char link[40], at[4096];
	ssize_t n;

	if (done < 0 || host < 0 || !hosts_all[host].vault)
		return done;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
	n = readlink(link, at, sizeof(at) - 1);
	at[n > 0 ? n : 0] = '\0';
	if (strstr(at, "/.lanyard/vault/") == NULL)
		return done;
	if (u->n == u->max) {
		u->max = u->max ? 2 * u->max : 64;
		u->paths = mem_realloc(u->paths, u->max, sizeof(u->paths[0]));
	}
	u->paths[u->n++] = mem_printf("%s/%s", at, name);
	return done;
}

int vault_synced(int done)
{
	int host = sim_running_host();

	if (done == 0 && host >= 0)
		forget_unsynced(&unsynced[host]);
	return done;
}

static void come_back(void *arg)
{
	host_start(arg);
}

void vault_loses_power(struct host *h, uint64_t luck)
{
	struct unsynced *u = &unsynced[h->number];

	if (!host_runs(h))
		return;
	sim_trace("host %d: its power is cut", h->number);
	host_crash(h, true);
	tally_add(TALLY_VAULT_POWER);
	for (size_t i = 0; i < u->n; i++) {
		struct stat st;

		if (stat(u->paths[i], &st))
			continue;
		if (st.st_size > 0 && sim_chance(&luck, CUT_PERCENT) && truncate(u->paths[i], st.st_size / 2))
			abort();
		else
			(void)unlink(u->paths[i]);
	}
	forget_unsynced(u);
	sim_at(NULL, (int64_t)sim_below(&luck, AWAY_MAX_MS) * SIM_MS, come_back, h);
}
