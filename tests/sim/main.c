/* The simulator's command line: runs seeds, each in a process of its own, so that whatever a crash leaves behind is
 * gone with it, and tells which failed. A failing one is shortened by leaving actions out as long as it still
 * fails. As many run side by side as there are processors.
 *
 * sim [--first N] [--seeds N] [--no-shrink]      seeds N, N+1, ...
 * sim --list FILE                                the seeds in a file, each twice: it has to do the same
 * sim --seed N [--era E] [--keep I,J,...] [-v]   one of them, of its actions only these; -v: everything that happens
 *
 * -v with --seeds: how often each thing happened. --lacks-nothing: fails when one never did. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs_kernel.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/judge.h"
#include "tests/sim/forger.h"
#include "tests/sim/oracle.h"
#include "tests/sim/script.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/touch.h"

#include <fcntl.h>

enum {
	LOOK_S = 2,      /* virtual: between two checks by the judge */
	RUN_MAX_S = 120, /* real: a run that takes longer hangs */
};

/* What the runs report to the parent. */
struct report {
	uint64_t tally[TALLY_KINDS], did[ACTION_KINDS];
	struct judge_peaks peaks;
	uint64_t runs, failed, actions, events, frames, starts, conflicts;
	uint64_t digest;
	char why[4096];
};

static struct report *report; /* of this lane */
static uint64_t lanes = 1, lane, turn;
static bool verbose; /* the table at the end */
static bool tracing; /* everything */
static int era = SCRIPT_ERA;
static const char *keep; /* the numbers of the actions to do; NULL: all */
static const char *base_dir;

static bool fails(char *why)
{
	if (!why)
		return false;
	(void)snprintf(report->why, sizeof(report->why), "%s", why);
	free(why);
	return true;
}

/* --- one run --- */

static void outside_is_untouched(const char *base)
{
	char *canary = mem_printf("%s/canary", base);
	struct stat st;

	if (stat(canary, &st) || st.st_size != 7)
		fails(mem_strdup("P5: a file outside of the shares was changed"));
	free(canary);
}

static void make_canary(const char *base)
{
	char *canary = mem_printf("%s/canary", base);
	int fd = open(canary, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, "canary\n", 7) != 7)
		abort();
	close(fd);
	free(canary);
}

static bool print_problem(void *arg, const struct engine_problem *p)
{
	const struct host *h = arg;

	sim_trace("host %d: %s: %s", h->number, p->path, p->reason);
	return true;
}

/* For the reader: what each agent says of itself at the end. */
static void print_states(void)
{
	if (tracing)
		hosts_print_lists();
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status s;

		if (!host_runs(&hosts_all[i]))
			continue;
		host_status(&hosts_all[i], &s);
		sim_trace("host %d: %s, %zu peers, %lld wanted, waits for %s", i, engine_state_name(s.state), s.peers,
		          (long long)s.wanted, s.waits_for ? s.waits_for : "nothing");
		engine_problems(hosts_all[i].engine, 20, print_problem, &hosts_all[i]);
	}
}

static void play(struct script *s)
{
	char *why = NULL;

	trouble_schedule(s);
	for (int64_t at = 0; at < s->length_ns && !why; at += LOOK_S * SIM_S) {
		sim_run(LOOK_S * SIM_S);
		why = judge_meanwhile(s);
	}
	trouble_end();
	if (!why)
		why = judge_end(s);
	fails(why);
	fails(touch_found());
}

static void run_seed(struct script *s, uint64_t seed, const char *base)
{
	uint64_t stream = seed ^ 0x686f737473;

	umask(022);
	sim_begin(seed);
	sim_trace_show(tracing);
	log_set_level(tracing ? LOG_DEBUG : LOG_ERROR);
	if (!tracing)
		log_set_sink(NULL, NULL);
	make_canary(base);
	forger_begin(seed, s->era < FORGER_ERA ? 0 : s->nhosts, s->roles);
	hosts_make(base, s, &stream);
	play(s);
	outside_is_untouched(base);
	print_states();
	for (size_t i = 0; i < s->n; i++)
		report->actions += !s->actions[i].dropped;
	for (int i = 0; i < hosts_n; i++)
		report->starts += (uint64_t)hosts_all[i].life;
	report->conflicts += oracle_conflicts(&hosts_all[0]);
	report->events += sim_events();
	report->frames += sim_wire_talk();
	report->digest = sim_trace_digest();
}

/* Plays a seed in a process of its own. True when all promises held; report->why says which did not. */
static bool run_apart(struct script *s, uint64_t seed)
{
	char *base = mem_printf("%s/lanyard-sim-XXXXXX", base_dir);
	int status = 0, fd;
	pid_t pid;

	report->why[0] = '\0';
	if (!mkdtemp(base))
		abort();
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (!tracing) {
			fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
			(void)dup2(fd, STDERR_FILENO);
		}
		alarm(RUN_MAX_S);
		judge_peaks_into(&report->peaks);
		run_seed(s, seed, base);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (status != 0 && report->why[0] == '\0')
		(void)snprintf(report->why, sizeof(report->why), "the process ended by %s %d",
		               WIFSIGNALED(status) ? "signal" : "exit",
		               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fd = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs_remove_tree(fd, base + strlen(base_dir) + 1))
		perror(base);
	close(fd);
	free(base);
	return report->why[0] == '\0';
}

/* --- shortening --- */

/* Leaves out runs of actions, long ones first, as long as the seed fails without them. */
static void shrink(struct script *s, uint64_t seed)
{
	char why[sizeof(report->why)];

	memcpy(why, report->why, sizeof(why));
	for (size_t len = s->n / 2; len > 0; len /= 2) {
		for (size_t at = 0; at + len <= s->n; at += len) {
			bool *before = mem_calloc(len, sizeof(*before));

			for (size_t i = 0; i < len; i++) {
				before[i] = s->actions[at + i].dropped;
				s->actions[at + i].dropped = true;
			}
			if (run_apart(s, seed))
				for (size_t i = 0; i < len; i++)
					s->actions[at + i].dropped = before[i];
			else
				memcpy(why, report->why, sizeof(why));
			free(before);
		}
	}
	memcpy(report->why, why, sizeof(why));
}

static void print_replay(const struct script *s, uint64_t seed)
{
	const char *comma = "";

	fprintf(stderr, "  sim -v --seed %" PRIu64 " --era %d --keep ", seed, s->era);
	for (size_t i = 0; i < s->n; i++) {
		if (s->actions[i].dropped)
			continue;
		fprintf(stderr, "%s%zu", comma, i);
		comma = ",";
	}
	fprintf(stderr, "\n");
}

/* Leaves out all actions except those whose numbers are in the text. */
static void keep_only(struct script *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++)
		s->actions[i].dropped = true;
	while (*text) {
		char *end;
		size_t i = strtoul(text, &end, 10);

		if (end == text)
			return;
		if (i < s->n)
			s->actions[i].dropped = false;
		text = *end == ',' ? end + 1 : end;
	}
}

static void run_one(uint64_t seed, bool shrinks)
{
	struct script s;
	bool shown = tracing;

	script_make(&s, seed, era);
	if (keep)
		keep_only(&s, keep);
	report->runs++;
	if (!run_apart(&s, seed)) {
		report->failed++;
		fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, report->why);
		if (shrinks) {
			tracing = false;
			shrink(&s, seed);
			tracing = shown;
			fprintf(stderr, "seed %" PRIu64 ", shortened: %s\n", seed, report->why);
			script_print(&s);
			print_replay(&s, seed);
		}
	}
	free(s.actions);
}

/* The second time as on a machine that has none of the faster instructions: a seed has to be the same everywhere. */
static void run_twice(uint64_t seed, int of_era, bool shrinks)
{
	uint64_t digest;

	era = of_era;
	run_one(seed, shrinks);
	digest = report->digest;
	(void)setenv("LANYARD_CPU", "scalar", 1);
	run_one(seed, false);
	(void)unsetenv("LANYARD_CPU");
	if (report->digest == digest)
		return;
	report->failed++;
	fprintf(stderr, "seed %" PRIu64 ": two runs differ: %016" PRIx64 " and %016" PRIx64 "\n", seed, digest,
	        report->digest);
}

/* Seeds are dealt out to the lanes in turn. */
static bool is_mine(void)
{
	return turn++ % lanes == lane;
}

/* One seed per line, with its era (SEED@ERA); the rest of the line is for the reader. */
static int run_list(const char *path, bool shrinks)
{
	FILE *f = fopen(path, "re");
	char line[256];

	if (!f) {
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 0);

		if (end != line && is_mine())
			run_twice(seed, *end == '@' ? atoi(end + 1) : SCRIPT_ERA, shrinks);
	}
	era = SCRIPT_ERA;
	(void)fclose(f);
	return 0;
}

static int run_all(const char *list, uint64_t first, uint64_t n, bool shrinks)
{
	if (list && run_list(list, shrinks))
		return -1;
	for (uint64_t seed = first; seed < first + n; seed++)
		if (is_mine())
			run_one(seed, shrinks);
	return 0;
}

/* --- side by side --- */

static struct report *reports_new(uint64_t n)
{
	/* cppcheck-suppress invalidFunctionArg ; no file is meant */
	struct report *r = mmap(NULL, n * sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (r == MAP_FAILED)
		abort();
	return r;
}

static void report_into(struct report *r)
{
	report = r;
	tally_into(r->tally);
	action_counts = r->did;
}

static void add_up(struct report *sum, const struct report *r)
{
	for (int i = 0; i < TALLY_KINDS; i++)
		sum->tally[i] += r->tally[i];
	for (int i = 0; i < ACTION_KINDS; i++)
		sum->did[i] += r->did[i];
	if (r->peaks.control > sum->peaks.control)
		sum->peaks.control = r->peaks.control;
	if (r->peaks.bulk > sum->peaks.bulk)
		sum->peaks.bulk = r->peaks.bulk;
	if (r->peaks.descriptors > sum->peaks.descriptors)
		sum->peaks.descriptors = r->peaks.descriptors;
	sum->runs += r->runs;
	sum->failed += r->failed;
	sum->actions += r->actions;
	sum->events += r->events;
	sum->frames += r->frames;
	sum->starts += r->starts;
	sum->conflicts += r->conflicts;
	sum->digest = r->digest;
}

static int run_lanes(const char *list, uint64_t first, uint64_t n, bool shrinks)
{
	struct report *reports = reports_new(lanes + 1);
	pid_t *pids = mem_calloc(lanes, sizeof(*pids));
	int rc = 0;

	for (lane = 0; lane < lanes; lane++) {
		(void)fflush(NULL);
		pids[lane] = fork();
		if (pids[lane] < 0)
			abort();
		if (pids[lane] > 0)
			continue;
		report_into(&reports[lane]);
		exit(run_all(list, first, n, shrinks) < 0 ? 1 : 0);
	}
	report_into(&reports[lanes]);
	for (uint64_t i = 0; i < lanes; i++) {
		int status = 0;

		if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
			rc = -1;
		add_up(report, &reports[i]);
	}
	free(pids);
	return rc;
}

static void summary(void)
{
	printf("sim: %" PRIu64 " runs, %" PRIu64 " failed; %" PRIu64 " actions, %" PRIu64 " starts, %" PRIu64
	       " frames, %" PRIu64 " events, %" PRIu64 " conflict copies\n",
	       report->runs, report->failed, report->actions, report->starts, report->frames, report->events,
	       report->conflicts);
	if (!verbose || tracing)
		return;
	for (int i = 0; i < ACTION_KINDS; i++)
		if (report->did[i] > 0)
			printf("  %10" PRIu64 " actions: %s\n", report->did[i], action_name((enum action_kind)i));
	tally_print(report->tally);
	printf("  at most: %zu bytes of control and %zu of bulk on one way, %d descriptors of a host\n",
	       report->peaks.control, report->peaks.bulk, report->peaks.descriptors);
}

/* A thing that is not exercised is not tested. */
static bool lacks(void)
{
	bool lacking = tally_lacks(report->tally);

	for (int i = 0; i < ACTION_PARTITION; i++) {
		if (report->did[i] > 0)
			continue;
		fprintf(stderr, "sim: never happened: a user %s\n", action_name((enum action_kind)i));
		lacking = true;
	}
	return lacking;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },    { "seeds", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },   { "keep", required_argument, NULL, 'k' },
		{ "first", required_argument, NULL, 'f' },   { "list", required_argument, NULL, 'l' },
		{ "no-shrink", no_argument, NULL, 'q' },     { "era", required_argument, NULL, 'e' },
		{ "lacks-nothing", no_argument, NULL, 'a' }, { 0 }
	};
	const char *list = NULL;
	uint64_t first = 1, n = 0;
	bool shrinks = true, complete = false;
	int c;

	while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (c == 's') {
			first = strtoull(optarg, NULL, 0);
			n = 1;
		} else if (c == 'n') {
			n = strtoull(optarg, NULL, 0);
		} else if (c == 'f') {
			first = strtoull(optarg, NULL, 0);
		} else if (c == 'k') {
			keep = optarg;
		} else if (c == 'l') {
			list = optarg;
		} else if (c == 'e') {
			era = atoi(optarg);
		} else if (c == 'a') {
			complete = true;
		} else if (c == 'q') {
			shrinks = false;
		} else if (c == 'v') {
			verbose = true;
		} else {
			return 2;
		}
	}
	tracing = verbose && n == 1;
	base_dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	/* Asked now, so that no seed's faults answer. */
	(void)fs_kernel_lacks();
	if (n != 1)
		lanes = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (run_lanes(list, first, n, shrinks) < 0)
		return 1;
	if (n == 1)
		printf("digest %016" PRIx64 "\n", report->digest);
	summary();
	return report->failed > 0 || (complete && lacks()) ? 1 : 0;
}
