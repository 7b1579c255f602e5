/* What befalls the hosts while users do their deeds: see script.h. */
#include <stdlib.h>

#include "tests/sim/fault.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/script.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"

#define HOUR (INT64_C(3600) * SIM_S)
#define DAY  (24 * HOUR)

enum { LASTS_MAX_S = 40, DAYS_MAX = 12, YEARS_MAX = 10, AWAY_MAX_S = 60, SILENT_MAX_S = 120 };

static const struct script *playing;

/* A line that somebody left has no middle. */
static bool may_reach(int a, int b)
{
	return !playing->line || hosts_members() < hosts_n || a - b == 1 || b - a == 1;
}

static void heal(int a)
{
	for (int b = 0; b < playing->nhosts; b++)
		if (a != b)
			sim_wire_reach(a, b, may_reach(a, b));
}

static void restart(void *arg)
{
	host_start(arg);
}

static void on_death(int host)
{
	uint64_t *luck = sim_luck();

	host_crash(&hosts_all[host], sim_chance(luck, 30));
	sim_at(NULL, (int64_t)sim_below(luck, 8000) * SIM_MS, restart, &hosts_all[host]);
}

static void race(struct host *h, const char *path)
{
	static const enum deed_kind dirty[] = { DEED_WRITE,  DEED_APPEND,  DEED_REPLACE, DEED_DELETE,
		                                DEED_EDITOR, DEED_SYMLINK, DEED_CHMOD,   DEED_SWAP_KIND };
	uint64_t luck = h->deed_luck;
	enum deed_kind kind = dirty[sim_below(&luck, sizeof(dirty) / sizeof(dirty[0]))];

	deed_do(h, kind, luck, path);
}

/* --- of a home, of a clock, of a member --- */

/* It stops or crashes, its home comes to harm, and it starts. */
static void harm(struct host *h, uint64_t luck)
{
	enum home_harm what = (enum home_harm)sim_below(&luck, HOME_HARMS);

	if (h->place != HOST_MEMBER)
		return;
	if (h->loop && sim_chance(&luck, 50))
		host_stop(h);
	else
		host_crash(h, false);
	(void)home_harm(h, what, sim_next(&luck));
	sim_at(NULL, (int64_t)sim_below(&luck, 3000) * SIM_MS, restart, h);
}

/* Days go by for everybody; others may be stopped as well, and what users do meanwhile it learns when it is back. */
static void away(struct host *h, uint64_t luck)
{
	if (h->place != HOST_MEMBER)
		return;
	host_stop(h);
	oracle_keeps_versions();
	sim_days_pass((int64_t)(1 + sim_below(&luck, DAYS_MAX)) * DAY);
	tally_add(TALLY_ABSENT);
	sim_at(NULL, (int64_t)sim_below(&luck, AWAY_MAX_S) * SIM_S, restart, h);
}

static void move_clock(struct host *h, uint64_t luck)
{
	int64_t by = HOUR;

	/* Versions have an age. */
	oracle_keeps_versions();
	tally_add(TALLY_CLOCK_JUMP);
	if (sim_chance(&luck, 30)) {
		by = (int64_t)sim_below(&luck, YEARS_MAX * 365) * DAY;
		tally_add(TALLY_CLOCK_LEAP);
	}
	host_clock(h, sim_chance(&luck, 50) ? by : -by);
}

static void release_in_turn(void *arg)
{
	struct host *h = arg;

	tally_count(TALLY_RELEASED, engine_release(h->engine) > 0);
}

static void rescan_in_turn(void *arg)
{
	engine_rescan(((struct host *)arg)->engine);
}

static void verified(void *arg, int64_t files, int64_t bytes, int64_t rotten)
{
	const struct host *h = arg;

	(void)bytes;
	sim_trace("host %d: %lld files verified, %lld rotten", h->number, (long long)files, (long long)rotten);
}

static void verify_in_turn(void *arg)
{
	struct host *h = arg;

	(void)engine_verify(h->engine, true, NULL, verified, h);
}

/* True: it was one of these. */
static bool befall_more(const struct deed *d)
{
	struct host *h = &hosts_all[d->host];
	uint64_t luck = d->luck;

	switch (d->kind) {
	case DEED_RESCAN:
		host_turn(h, rescan_in_turn);
		return true;
	case DEED_VERIFY:
		host_turn(h, verify_in_turn);
		return true;
	case DEED_RELEASE:
		host_turn(h, release_in_turn);
		return true;
	case DEED_FAULT:
		fault_once(d->host, luck);
		return true;
	case DEED_FAULT_LASTS:
		fault_for(d->host, (enum fault_lasting)sim_below(&luck, FAULT_LASTING_KINDS),
		          (int64_t)(1 + sim_below(&luck, LASTS_MAX_S)) * SIM_S, sim_next(&luck));
		return true;
	case DEED_HARM:
		harm(h, luck);
		return true;
	case DEED_SAVE_HOME:
		if (h->place == HOST_MEMBER)
			home_save(h);
		return true;
	case DEED_ABSENCE:
		away(h, luck);
		return true;
	case DEED_CLOCK:
		move_clock(h, luck);
		return true;
	case DEED_JOIN:
		for (int i = 0; i < hosts_n && !host_join(&hosts_all[(d->host + i) % hosts_n]); i++)
			;
		return true;
	case DEED_LEAVE:
		(void)host_leave(h, sim_chance(&luck, 50));
		return true;
	case DEED_REMOVE:
		(void)host_remove(h);
		return true;
	case DEED_SILENT:
		sim_wire_silence(d->host, (int64_t)(1 + sim_below(&luck, SILENT_MAX_S)) * SIM_S);
		return true;
	default:
		return false;
	}
}

/* What leaves a disk's word the only one: an index that is lost, or a file that comes out of the versions there, or by a name that
 * nobody saw it get. Of whoever comes with his own files, and of races, the same can be said. */
static bool leaves_only_the_disk(enum deed_kind kind)
{
	switch (kind) {
	case DEED_HARM:
	case DEED_RESTORE:
	case DEED_RESOLVE:
	case DEED_ABSENCE:
	case DEED_JOIN:
	case DEED_LEAVE:
	case DEED_REMOVE:
	case DEED_RACE_AT_STEP:
		return true;
	default:
		return false;
	}
}

static void befall(const struct deed *d)
{
	struct host *h = &hosts_all[d->host];
	uint64_t luck = d->luck;

	switch (d->kind) {
	case DEED_PARTITION:
		sim_wire_reach(d->host, d->other, false);
		break;
	case DEED_HEAL:
		heal(d->host);
		break;
	case DEED_CUT:
		sim_wire_cut(d->host, d->other);
		break;
	case DEED_CRASH:
		if (host_runs(h))
			on_death(d->host);
		break;
	case DEED_CRASH_AT_STEP:
		h->die_steps = 1 + (int)sim_below(&luck, 6);
		break;
	case DEED_RACE_AT_STEP:
		h->deed_steps = 1 + (int)sim_below(&luck, 6);
		h->deed_luck = sim_next(&luck);
		break;
	case DEED_STOP:
		host_stop(h);
		break;
	case DEED_START:
		host_start(h);
		break;
	case DEED_OVERFLOW:
		sim_watch_overflow(d->host);
		break;
	case DEED_PAUSE:
		host_pause(h, sim_chance(&luck, 50));
		break;
	default:
		if (!befall_more(d))
			deed_do(h, d->kind, d->luck, NULL);
		break;
	}
}

static void come_true(void *arg)
{
	const struct deed *d = arg;

	if (d->dropped)
		return;
	if (hosts_all[d->host].lacks != 0 && leaves_only_the_disk(d->kind))
		hosts_all[d->host].told_by_disk = true;
	if (d->kind >= DEED_PARTITION)
		sim_trace("host %d %s (%d)", d->host, deed_name(d->kind), d->other);
	befall(d);
}

static void discover(void *arg)
{
	for (int i = 0; i < hosts_n; i++)
		host_discover(&hosts_all[i]);
	sim_at(NULL, 3 * SIM_S, discover, arg);
}

void fate_schedule(struct script *s)
{
	playing = s;
	sim_on_death(on_death);
	hosts_on_step(race);
	sim_watch_set_loss(s->loss);
	for (int i = 0; i < s->nhosts; i++) {
		heal(i);
		sim_at(NULL, 0, restart, &hosts_all[i]);
	}
	sim_at(NULL, SIM_S, discover, NULL);
	for (size_t i = 0; i < s->n; i++)
		sim_at(NULL, s->deeds[i].at_ns, come_true, &s->deeds[i]);
}

static void come_to_rest(void *arg)
{
	struct host *h = arg;

	fault_end(h->number);
	sim_wire_silence(h->number, 0);
	heal(h->number);
	h->die_steps = h->deed_steps = 0;
	host_start(h);
	host_pause(h, false);
	host_turn(h, release_in_turn);
}

void fate_ends(void)
{
	for (int i = 0; i < hosts_n; i++)
		sim_at(NULL, 0, come_to_rest, &hosts_all[i]);
}
