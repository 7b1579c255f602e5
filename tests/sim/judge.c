/* Checks the promises: see judge.h. */
#include "tests/sim/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/peer/link.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"
#include "tests/sim/vaults.h"

enum {
	TORN_S = 10,     /* virtual: between two comparisons of all content */
	SCAN_S = 50,     /* virtual: a slow scan of every host, which finds what no hint told of */
	QUIET_S = 900,   /* virtual: by then all must be identical */
	AWAITED_S = 200, /* virtual: what nobody has by then never comes */
	STEP_S = 5,
	SILENT_S = 100, /* virtual: two slow scans of every host */
	VAULT_LOOKS = 6,
	/* P6: the most that may wait on one way of a connection. */
	CONTROL_MAX = 8 << 20,
	BULK_MAX = 24 << 20,
};

static struct judge_peaks *peaks;

void judge_peaks_into(struct judge_peaks *p)
{
	peaks = p;
}

void judge_descriptors(int n)
{
	if (peaks && n > peaks->descriptors)
		peaks->descriptors = n;
}

/* One that is in the group, and one that also holds the plain files. */
static const struct host *member(int i)
{
	return hosts_all[i].place == HOST_MEMBER ? &hosts_all[i] : NULL;
}

static const struct host *plain(int i)
{
	return hosts_all[i].vault ? NULL : member(i);
}

bool judge_all_in_sync(void)
{
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status s;

		if (!member(i))
			continue;
		if (!host_runs(&hosts_all[i]))
			return false;
		host_status(&hosts_all[i], &s);
		if (!s.in_sync || (s.peers == 0 && hosts_members() > 1) || sim_watch_pending(i) > 0)
			return false;
	}
	return true;
}

/* If only the disk's word is left at some host, what it showed may be announced. */
static char *disk_told(void)
{
	char *why = NULL;
	bool any = false;

	for (int i = 0; i < hosts_n; i++) {
		if (hosts_all[i].told_by_disk)
			return NULL;
		any |= hosts_all[i].lacks != 0;
	}
	for (int i = 0; any && i < hosts_n && !why; i++) {
		if (!plain(i) || hosts_all[i].lacks != 0)
			continue;
		why = oracle_disk_told(&hosts_all[i]);
		tally_add(TALLY_LOSSY_JUDGED);
	}
	return why;
}

char *judge_differ(void)
{
	char *why = NULL;

	for (int i = 1; i < hosts_n && !why; i++)
		if (plain(i) && !(why = oracle_differ(&hosts_all[0], &hosts_all[i])))
			why = hosts_lists_differ(&hosts_all[0], &hosts_all[i]);
	return why;
}

static char *not_in_sync(void)
{
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status s;

		if (!member(i))
			continue;
		if (!host_runs(&hosts_all[i]))
			return mem_printf("host %d does not run", i);
		host_status(&hosts_all[i], &s);
		if (!s.in_sync)
			return mem_printf("P3: host %d waits for ever: %s", i,
			                  s.error       ? s.error
			                  : s.waits_for ? s.waits_for
			                                : "nothing");
		if (s.peers == 0 && hosts_members() > 1)
			return mem_printf("P7: host %d finds nobody", i);
	}
	return NULL;
}

static char *torn(void)
{
	char *why = NULL;

	for (int i = 0; i < hosts_n && !why; i++)
		why = oracle_torn(&hosts_all[i]);
	if (!why)
		why = hosts_told_stranger();
	return why ? why : hosts_took_forged();
}

/* --- while it plays --- */

/* Whether every member that says in sync must be right: each is connected to each, and hears of every change. Through a
 * vault it is in sync as of what that has last told. */
static bool must_be_honest(const struct script *s)
{
	if (s->era == 1 || s->line || s->loss > 0 || hosts_members() < 2 || hosts_apart())
		return false;
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status status;

		if (!member(i))
			continue;
		if (!host_runs(&hosts_all[i]) || (plain(i) && !sim_watch_sees(i)))
			return false;
		host_status(&hosts_all[i], &status);
		if (!status.in_sync || status.peers != hosts_within_reach(i))
			return false;
	}
	return judge_all_in_sync();
}

char *judge_meanwhile(const struct script *s)
{
	char *why = NULL, *what;

	if (sim_now() % (TORN_S * SIM_S) == 0)
		why = torn();
	if (!why && sim_now() % (TORN_S * SIM_S) == 0)
		why = disk_told();
	if (!why)
		why = vaults_meanwhile();
	if (why || !must_be_honest(s))
		return why;
	what = judge_differ();
	if (what)
		why = mem_printf("P9: all say in sync, but %s", what);
	else
		tally_add(TALLY_HONEST);
	free(what);
	return why;
}

/* --- when it is over --- */

static void release(void *arg)
{
	struct host *h = arg;

	tally_count(TALLY_RELEASED, engine_release(h->engine) > 0);
}

/* The host's admin says that what is held there is meant. */
static void release_all(void)
{
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status s;

		if (!host_runs(&hosts_all[i]))
			continue;
		host_status(&hosts_all[i], &s);
		if (s.held > 0)
			host_turn(&hosts_all[i], release);
	}
}

char *judge_converges(void)
{
	char *why = NULL, *bad;

	for (int s = 0; s < QUIET_S; s += STEP_S) {
		uint64_t talk = sim_wire_talk();

		sim_run(STEP_S * SIM_S);
		release_all();
		bad = torn();
		free(why);
		if (bad)
			return bad;
		why = judge_differ();
		if (!why && sim_wire_talk() == talk &&
		    (judge_all_in_sync() || (s > AWAITED_S && hosts_await_lost(NULL))))
			return NULL;
	}
	if (!why)
		why = not_in_sync();
	return why ? why : mem_strdup("P3: the wire is never silent");
}

static char *stays_silent(void)
{
	int looks = hosts_vaults() > 0 ? VAULT_LOOKS : 1;
	uint64_t talk;
	char *why;

	/* What a vault need not keep any more it finds, and says, once a minute. */
	do {
		talk = sim_wire_talk();
		sim_run(SILENT_S * SIM_S);
	} while (--looks > 0 && sim_wire_talk() != talk);
	for (int i = 0; i < 20 && !judge_all_in_sync(); i++) /* a scan may be running */
		sim_run(SIM_S / 4);
	why = hosts_await_lost(NULL) ? NULL : not_in_sync();
	if (!why)
		why = judge_differ();
	if (!why && sim_wire_talk() != talk)
		why = mem_printf("P3: %" PRIu64 " frames were sent although nothing changed", sim_wire_talk() - talk);
	return why;
}

static char *left_part(int i)
{
	char *parts = mem_printf("%s/.lanyard/parts", hosts_all[i].share), *why = NULL;
	struct tree t;

	tree_read(&t, parts, "");
	if (t.n > 0)
		why = mem_printf("P6: host %d leaves %s among its parts", i, t.leaves[0].path);
	tree_free(&t);
	free(parts);
	return why;
}

/* P6: parts that nothing needs do not stay on the disk, at the latest after a restart (a call to remove one may
 * have failed), and queues are bounded. */
static char *unbounded(const struct script *s)
{
	struct sim_wire_peaks wire = sim_wire_peaks();
	char *why = NULL;

	for (int i = 0; i < hosts_n && !why && s->era > 1; i++) {
		if (!plain(i) || !(why = left_part(i)))
			continue;
		free(why);
		host_stop(&hosts_all[i]);
		host_start(&hosts_all[i]);
		why = judge_converges();
		if (!why)
			why = left_part(i);
	}
	if (peaks && wire.control > peaks->control)
		peaks->control = wire.control;
	if (peaks && wire.bulk > peaks->bulk)
		peaks->bulk = wire.bulk;
	if (!why && (wire.control > CONTROL_MAX || wire.bulk > BULK_MAX))
		why = mem_printf("P6: %zu bytes of control and %zu of bulk waited to be sent", wire.control, wire.bulk);
	return why;
}

static void count_coming(void *arg, const char *part, const char *name, int64_t value)
{
	(void)arg;
	(void)part;
	tally_count(TALLY_COMING_TAKEN, value > 0 && strcmp(name, "coming_taken_bytes") == 0);
	tally_count(TALLY_COMING_DROPPED, value > 0 && strcmp(name, "coming_dropped_bytes") == 0);
}

static void count_resumed(void)
{
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status s;

		host_status(&hosts_all[i], &s);
		tally_count(TALLY_RESUMED, s.fetch.blocks_resumed);
		tally_count(TALLY_ZEROS, s.fetch.blocks_zeros);
		if (host_runs(&hosts_all[i]) && hosts_all[i].engine->fetch)
			fetch_debug(hosts_all[i].engine->fetch, count_coming, NULL);
	}
}

char *judge_end(const struct script *s)
{
	char *why;

	sim_run(SCAN_S * SIM_S);
	vaults_repair();
	why = judge_converges();
	if (!why)
		why = stays_silent();
	if (!why)
		why = hosts_disagree_on_members();
	if (!why)
		why = disk_told();
	if (!why)
		why = oracle_lost();
	if (!why)
		why = vaults_end();
	tally_count(TALLY_APART, !why && hosts_apart() && hosts_plain() > 1);
	if (!why)
		why = unbounded(s);
	count_resumed();
	return why || s->era == 1 || hosts_await_lost(NULL) ? why : aftermath(s);
}
