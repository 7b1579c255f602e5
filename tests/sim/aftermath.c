/* The aftermath: things done to members that are in sync while nothing else is under way, so that their result is
 * known exactly. See judge.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/get/part_map.h"
#include "sync/plan/conflict.h"
#include "tests/sim/aftermath_internal.h"
#include "tests/sim/forger.h"
#include "tests/sim/host.h"
#include "tests/sim/judge.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"
#include "tests/sim/vaults.h"

enum {
	HARM_PERCENT = 30,
	EMPTY_PERCENT = 8,
	OVERWRITE_PERCENT = 8,
	RESUME_PERCENT = 12,
	STOP_PERCENT = 10,
	FILES = 60,           /* enough for a burst that is held, ... */
	HELD_MIN = 30,        /* ... although the first ones may have gone before it was one */
	HELD_S = 40,          /* virtual: by then it is held, and reported */
	LARGE = 4 << 20,      /* bytes */
	BLOCKS_MIN = 3,       /* that arrive before an interruption */
	TRIES = 4000,         /* checks of it, ... */
	TRY_MS = 5,           /* ... this far apart */
	DESCRIPTORS_MAX = 64, /* P6: descriptors of a host at rest */
};

static struct host *any_member(uint64_t *luck, const struct host *but)
{
	for (;;) {
		struct host *h = &hosts_all[sim_below(luck, (uint64_t)hosts_n)];

		if (h->place == HOST_MEMBER && !h->vault && h != but)
			return h;
	}
}

struct host *aftermath_writer(uint64_t *luck, const struct host *but)
{
	struct host *h;

	do {
		h = any_member(luck, but);
	} while (host_is_reader(h));
	return h;
}

/* --- an index is lost, old or damaged: nothing comes of it --- */

static size_t line_length(const char *line)
{
	return (size_t)(strchr(line, '\n') - line) + 1;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = line_length(line);

	for (; *text != '\0'; text += line_length(text)) {
		if (strncmp(text, line, n) == 0)
			return true;
	}
	return false;
}

static bool is_conflict(const char *line)
{
	char *path = mem_printf("%.*s", (int)strcspn(line, " "), line);
	bool is = conflict_is_copy(path);

	free(path);
	return is;
}

/* Everything that was there is still there, unchanged. An older index may still want what the others have replaced
 * since, and take it from a file here before it meets them: then the user's own content is set aside once more.
 * given_back: what may be there besides. */
static bool is_as_before(const char *before, const char *after, const char *given_back, bool old)
{
	for (const char *line = before; *line != '\0'; line += line_length(line)) {
		if (!has_line(after, line))
			return false;
	}
	for (const char *line = after; *line != '\0'; line += line_length(line)) {
		if (!has_line(before, line) && !has_line(given_back, line) && !(old && is_conflict(line)))
			return false;
	}
	return true;
}

static char *harm(uint64_t *luck)
{
	struct host *h = any_member(luck, NULL);
	enum home_harm what = (enum home_harm)sim_below(luck, HOME_HARMS);
	char *why = NULL;
	/* What a reader's user deleted is still the group's. Only the index knew that he did not want it here. */
	char *before = oracle_snapshot(h), *after,
	     *given_back = host_is_reader(h) ? oracle_snapshot(&hosts_all[0]) : mem_strdup("");

	host_stop(h);
	if (home_harm(h, what, sim_next(luck)))
		tally_add(TALLY_AFTERMATH);
	host_start(h);
	host_pause(h, false); /* as an older home may have had it */
	why = judge_converges();
	after = oracle_snapshot(h);
	if (!why && !is_as_before(before, after, given_back, what == HOME_INDEX_OLD || what == HOME_OLD))
		why = mem_printf(
			"P2: the trees were identical, then the home of host %d came to harm (%d), and they are "
			"others:\n%s---\n%s",
			h->number, (int)what, before, after);
	free(before);
	free(after);
	free(given_back);
	return why;
}

/* --- everything is deleted at once: it is held where it was done, and, when it is meant there, by all others --- */

void aftermath_write(const struct host *h, const char *path, size_t n, uint64_t *luck)
{
	char *full = mem_printf("%s/%s", h->share, path);
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	uint8_t *bytes = mem_calloc(n, 1);
	/* The disk's own clock would give the records of two runs different times, and lengths. */
	int64_t ns = clock_wall_ns() + h->skew_ns;
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = ns / SIM_S, .tv_nsec = ns % SIM_S } };

	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint64_t v = sim_next(luck);

		memcpy(bytes + i, &v, 8);
	}
	if (fd < 0 || fs_pwrite_all(fd, bytes, n, 0) || futimens(fd, times))
		abort();
	close(fd);
	free(bytes);
	free(full);
	oracle_wrote(h, path);
	sim_watch_change(h->number, SIM_WRITTEN, path);
}

void aftermath_delete(const struct host *h, const char *path)
{
	char *full = mem_printf("%s/%s", h->share, path);

	oracle_loses(h, path);
	if (unlink(full) == 0)
		sim_watch_change(h->number, SIM_GONE, path);
	free(full);
}

static void make_folder(const struct host *h, const char *path)
{
	char *full = mem_printf("%s/%s", h->share, path);

	if (mkdir(full, 0755))
		abort();
	free(full);
	sim_watch_change(h->number, SIM_MKDIR, path);
}

static void make_files(const struct host *h, const char *folder, uint64_t *luck)
{
	make_folder(h, folder);
	for (int i = 0; i < FILES; i++) {
		char *path = mem_printf("%s/%d", folder, i);

		aftermath_write(h, path, 64, luck);
		free(path);
	}
}

static void delete_all(const struct host *h)
{
	struct tree t;
	int fd = open(h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n; i++)
		oracle_loses(h, t.leaves[i].path);
	for (size_t i = t.n; i > 0; i--) {
		if (fs_remove_tree(fd, t.leaves[i - 1].path))
			abort();
		sim_watch_change(h->number, SIM_GONE, t.leaves[i - 1].path);
	}
	tree_free(&t);
	close(fd);
}

static size_t files_below(const struct host *h, const char *folder)
{
	char *full = mem_printf("%s/%s", h->share, folder);
	struct tree t;
	size_t n;

	tree_read(&t, full, "");
	n = t.n;
	tree_free(&t);
	free(full);
	return n;
}

/* Changes that came before the burst was half of everything may have been carried out. */
static int held_min(const struct host *h)
{
	size_t there = files_below(h, "");

	return FILES - (int)(there > FILES ? (there + 1) / 2 : FILES / 2);
}

static void release_in_turn(void *arg)
{
	struct host *h = arg;

	tally_count(TALLY_RELEASED, engine_release(h->engine) > 0);
}

/* Why another host does not hold what h did at once; NULL: all hold it. */
static char *burst_passed(const struct script *script, const struct host *h, struct host *other, const char *did)
{
	struct engine_status s;

	/* A host between the two holds it, and passes nothing on; and what was forged on its way may not yield. */
	if (script->line || (script->era > 3 && forger_is_at_work()))
		return NULL;
	host_status(other, &s);
	if (s.held < held_min(other))
		return mem_printf("P2: host %d holds %lld of the files that host %d %s at once", other->number,
		                  (long long)s.held, h->number, did);
	/* In a share of many files this is not a burst, and nothing is held. */
	if (s.held > 0 && s.in_sync)
		return mem_printf("P9: host %d holds what host %d %s, and says in sync", other->number, h->number, did);
	tally_add(TALLY_HELD_OTHER);
	return NULL;
}

/* A host's own mass deletion is held by that host until its admin releases it; then by every other host. */
static char *empty(const struct script *script, uint64_t *luck)
{
	struct host *h = aftermath_writer(luck, NULL), *other = any_member(luck, h);
	struct engine_status s;
	char *why;

	make_files(h, "many", luck);
	why = judge_converges();
	if (why)
		return why;
	delete_all(h);
	sim_trace("host %d: all its files are deleted", h->number);
	sim_run(HELD_S * SIM_S);
	host_status(h, &s);
	if (s.held < HELD_MIN)
		why = mem_printf("P2: host %d holds %lld of the deletions of all its files", h->number,
		                 (long long)s.held);
	else if (s.in_sync)
		why = mem_printf("P9: host %d holds deletions, and says in sync", h->number);
	else if (files_below(other, "many") < HELD_MIN)
		why = mem_printf("P2: deletions that are held at host %d went to host %d", h->number, other->number);
	if (why)
		return why;
	tally_add(TALLY_HELD);
	host_turn(h, release_in_turn);
	sim_run(HELD_S * SIM_S);
	why = burst_passed(script, h, other, "deleted");
	if (!why && files_below(other, "many") < HELD_MIN)
		why = mem_printf("P2: host %d holds deletions, and has done them", other->number);
	return why ? why : judge_converges();
}

/* --- much is overwritten at once: all others hold it --- */

static uint64_t first_word(const struct host *h, const char *path)
{
	uint64_t word = 0;
	size_t n = 0;
	uint8_t *bytes = tree_bytes(h->share, path, &n);

	if (bytes && n >= sizeof(word))
		memcpy(&word, bytes, sizeof(word));
	free(bytes);
	return word;
}

/* A mass overwriting is passed on by its own host, and held by all others. */
static char *overwrite(const struct script *s, uint64_t *luck)
{
	struct host *h = aftermath_writer(luck, NULL), *other = any_member(luck, h);
	size_t size = sim_chance(luck, 70) ? 64 : 0;
	uint64_t before[FILES];
	int same = 0;
	char *why;

	make_files(h, "much", luck);
	why = judge_converges();
	for (int i = 0; i < FILES && !why; i++) {
		char *path = mem_printf("much/%d", i);

		before[i] = first_word(other, path);
		oracle_loses(h, path);
		aftermath_write(h, path, size, luck);
		free(path);
	}
	if (why)
		return why;
	sim_trace("host %d: its files are overwritten", h->number);
	sim_run(HELD_S * SIM_S);
	for (int i = 0; i < FILES; i++) {
		char *path = mem_printf("much/%d", i);

		same += first_word(other, path) == before[i];
		free(path);
	}
	why = burst_passed(s, h, other, "overwrote");
	if (!why && same < held_min(other))
		why = mem_printf("P2: host %d holds what host %d overwrote, and has taken %d of %d", other->number,
		                 h->number, FILES - same, FILES);
	return why ? why : judge_converges();
}

/* --- a large download is interrupted: what was verified is not fetched again --- */

/* The number of blocks that the part maps of a host claim. */
static uint32_t claimed(const struct host *h)
{
	char *parts = mem_printf("%s/.lanyard/parts", h->share);
	uint32_t have = 0;
	struct tree t;

	tree_read(&t, parts, "");
	for (size_t i = 0; i < t.n; i++) {
		struct part_map m;
		size_t n;
		uint8_t *bytes = tree_bytes(parts, t.leaves[i].path, &n);

		if (bytes && part_map_decode(&m, bytes, n) == 0) {
			for (uint32_t b = 0; b < m.list.n; b++)
				have += m.have[b];
			part_map_clear(&m);
		}
		free(bytes);
	}
	tree_free(&t);
	free(parts);
	return have;
}

static void interrupt(struct host *from, struct host *to, uint64_t *luck)
{
	if (sim_chance(luck, 50)) {
		host_crash(to, sim_chance(luck, 30));
		host_start(to);
		return;
	}
	host_stop(to);
	host_crash(from, false);
	host_start(from);
	host_start(to);
}

static char *resume(uint64_t *luck)
{
	struct host *from = aftermath_writer(luck, NULL), *to = any_member(luck, from);
	uint32_t most = BLOCKS_MIN + (uint32_t)sim_below(luck, 20), have = 0;
	struct engine_status s;
	char *why;

	aftermath_write(from, "large", LARGE, luck);
	for (int i = 0; i < TRIES && have < most; i++) {
		sim_run(TRY_MS * SIM_MS);
		have = claimed(to);
	}
	if (have < most)
		return judge_converges(); /* it was complete before */
	interrupt(from, to, luck);
	why = judge_converges();
	host_status(to, &s);
	tally_count(TALLY_RESUMED, s.fetch.blocks_resumed);
	if (!why && s.fetch.blocks_resumed < have)
		why = mem_printf("P8: host %d had %" PRIu32 " verified blocks, and resumed with %" PRIu64, to->number,
		                 have, s.fetch.blocks_resumed);
	return why;
}

/* --- all stop, start and stop: no descriptor is left --- */

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void stop_all(void)
{
	for (int i = 0; i < hosts_n; i++)
		host_stop(&hosts_all[i]);
}

static char *stop(uint64_t *luck)
{
	int before, running, after, lives = 0;
	char *why;

	stop_all();
	before = open_descriptors();
	for (int i = 0; i < hosts_n; i++) {
		host_start(&hosts_all[i]);
		lives += host_runs(&hosts_all[i]);
	}
	aftermath_write(aftermath_writer(luck, NULL), "again", 100000, luck);
	why = judge_converges();
	running = open_descriptors();
	stop_all();
	after = open_descriptors();
	judge_descriptors((running - before) / (lives > 0 ? lives : 1));
	if (!why && running - before > lives * DESCRIPTORS_MAX)
		why = mem_printf("P6: %d hosts at rest have %d descriptors open", lives, running - before);
	if (!why && after != before)
		why = mem_printf("P6: %d descriptors are left open by hosts that stopped", after - before);
	return why;
}

char *aftermath(const struct script *s)
{
	uint64_t luck = s->aftermath;
	char *why = NULL;

	if (sim_chance(&luck, HARM_PERCENT))
		why = harm(&luck);
	if (!why && s->era > 3)
		why = aftermath_choices(s, &luck);
	/* Changes without a hint are found one by one, by full scans. */
	if (!why && s->loss == 0 && hosts_plain() > 1 && sim_chance(&luck, EMPTY_PERCENT))
		why = empty(s, &luck);
	if (!why && s->loss == 0 && hosts_plain() > 1 && sim_chance(&luck, OVERWRITE_PERCENT))
		why = overwrite(s, &luck);
	if (!why && hosts_plain() > 1 && sim_chance(&luck, RESUME_PERCENT))
		why = resume(&luck);
	if (!why && sim_chance(&luck, STOP_PERCENT))
		why = stop(&luck);
	return why;
}
