/* What happens to the hosts while users act: see script.h. */
#include <stdlib.h>

#include "tests/sim/fault.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/script.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/vaults.h"

#define HOUR (INT64_C(3600) * SIM_S)
#define DAY  (24 * HOUR)

enum { MODE_MS = 200, LASTS_MAX_S = 40, DAYS_MAX = 12, YEARS_MAX = 10, AWAY_MAX_S = 60, SILENT_MAX_S = 120 };

static const struct script *playing;

/* If a host has left, the line has no middle any more. */
static bool may_reach(int a, int b)
{
	if (playing->apart && hosts_vaults() > 0)
		return hosts_all[a].vault || hosts_all[b].vault;
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

void trouble_crash(int host)
{
	if (host_runs(&hosts_all[host]))
		on_death(host);
}

static void race(struct host *h, const char *path)
{
	static const enum action_kind dirty[] = { ACTION_WRITE,  ACTION_APPEND,  ACTION_REPLACE, ACTION_DELETE,
		                                  ACTION_EDITOR, ACTION_SYMLINK, ACTION_CHMOD,   ACTION_SWAP_KIND };
	uint64_t luck = h->action_luck;
	enum action_kind kind = dirty[sim_below(&luck, sizeof(dirty) / sizeof(dirty[0]))];

	action_do(h, kind, luck, path);
}

/* --- of a home, of a clock, of a member --- */

/* Stops or crashes the host, harms its home, and starts it again. */
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
	h->harmed = true;
	tally_count(TALLY_VAULT_HARMED, h->vault);
	sim_at(NULL, (int64_t)sim_below(&luck, 3000) * SIM_MS, restart, h);
}

/* Lets days go by for everybody. Other hosts may be stopped as well; the host learns what users did meanwhile when
 * it is back. */
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

	/* Kept versions have an age, which the clock decides. */
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

static bool join(struct host *h)
{
	enum role role = script_role(playing, h->number);

	/* A vault lets nobody in. */
	return (!playing->apart || role == ROLE_VAULT) && host_join(h, role);
}

static void change_role(struct host *h, uint64_t luck)
{
	static const enum role roles[] = {
		ROLE_READER, ROLE_READER, ROLE_READER, ROLE_MEMBER, ROLE_MEMBER, ROLE_OWNER
	};

	if (playing->vaults != 0 && sim_chance(&luck, playing->roles ? 30 : 100))
		(void)host_set_role(h, ROLE_VAULT);
	else if (playing->roles)
		(void)host_set_role(h, roles[sim_below(&luck, sizeof(roles) / sizeof(roles[0]))]);
}

static void choose_something(struct host *h, enum action_kind kind, uint64_t luck)
{
	if (kind == ACTION_GET)
		host_gets(h, luck);
	else if (kind == ACTION_DROP)
		host_drops(h, luck);
	else if (kind == ACTION_UNSHARE)
		host_unshares_any(h, luck);
	else if (kind == ACTION_SHARE)
		host_shares(h, luck);
	else
		host_choose(h, sim_chance(&luck, 60) ? CHOICE_ON_DEMAND : CHOICE_MIRROR, "");
}

/* True: the action was one of these. */
static bool befall_vault(const struct action *d)
{
	struct host *h = host_any_vault(d->host);

	if (d->kind != ACTION_ROT && d->kind != ACTION_BOUND && d->kind != ACTION_POWER)
		return false;
	if (h == NULL)
		return true;
	if (d->kind == ACTION_ROT)
		vault_rots(h, d->luck);
	else if (d->kind == ACTION_BOUND)
		vault_is_bounded(h, h->room == 0);
	else
		vault_loses_power(h, d->luck);
	return true;
}

/* True: the action was one of these. */
static bool befall_more(const struct action *d)
{
	struct host *h = &hosts_all[d->host];
	uint64_t luck = d->luck;

	switch (d->kind) {
	case ACTION_RESCAN:
		host_turn(h, rescan_in_turn);
		return true;
	case ACTION_VERIFY:
		host_turn(h, verify_in_turn);
		return true;
	case ACTION_RELEASE:
		host_turn(h, release_in_turn);
		return true;
	case ACTION_FAULT:
		fault_once(d->host, luck);
		return true;
	case ACTION_FAULT_LASTS:
		fault_for(d->host, (enum fault_lasting)sim_below(&luck, FAULT_LASTING_KINDS),
		          (int64_t)(1 + sim_below(&luck, LASTS_MAX_S)) * SIM_S, sim_next(&luck));
		return true;
	case ACTION_HARM:
		harm(h, luck);
		return true;
	case ACTION_SAVE_HOME:
		if (h->place == HOST_MEMBER)
			home_save(h);
		return true;
	case ACTION_ABSENCE:
		away(h, luck);
		return true;
	case ACTION_CLOCK:
		move_clock(h, luck);
		return true;
	case ACTION_JOIN:
		for (int i = 0; i < hosts_n && !join(&hosts_all[(d->host + i) % hosts_n]); i++)
			;
		return true;
	case ACTION_ROLE:
		change_role(h, luck);
		return true;
	case ACTION_MODE:
	case ACTION_GET:
	case ACTION_DROP:
	case ACTION_UNSHARE:
	case ACTION_SHARE:
		if (script_chooses(playing, d->host))
			choose_something(h, d->kind, luck);
		return true;
	case ACTION_REVERT:
		host_reverts(h);
		return true;
	case ACTION_LEAVE:
		(void)host_leave(h, sim_chance(&luck, 50));
		return true;
	case ACTION_REMOVE:
		(void)host_remove(h);
		return true;
	case ACTION_SILENT:
		sim_wire_silence(d->host, (int64_t)(1 + sim_below(&luck, SILENT_MAX_S)) * SIM_S);
		return true;
	default:
		return false;
	}
}

/* Whether after this only the disk can tell what a file's mode and time are: an index is lost, or a file comes out
 * of the kept versions, or gets a name that nobody saw it get. The same goes for a host that joins with its own
 * files, and for races. */
static bool leaves_only_the_disk(enum action_kind kind)
{
	switch (kind) {
	case ACTION_HARM:
	case ACTION_RESTORE:
	case ACTION_RESOLVE:
	case ACTION_ABSENCE:
	case ACTION_JOIN:
	case ACTION_LEAVE:
	case ACTION_REMOVE:
	case ACTION_RACE_AT_STEP:
	case ACTION_ROLE:
	case ACTION_DROP:
	case ACTION_UNSHARE:
	case ACTION_SHARE:
	case ACTION_REVERT:
		return true;
	default:
		return false;
	}
}

/* Actions of users go on to action.c. */
static void befall(const struct action *d)
{
	struct host *h = &hosts_all[d->host];
	uint64_t luck = d->luck;

	switch (d->kind) {
	case ACTION_PARTITION:
		sim_wire_reach(d->host, d->other, false);
		break;
	case ACTION_HEAL:
		heal(d->host);
		break;
	case ACTION_CUT:
		sim_wire_cut(d->host, d->other);
		break;
	case ACTION_CRASH:
		trouble_crash(d->host);
		break;
	case ACTION_CRASH_AT_STEP:
		h->die_steps = 1 + (int)sim_below(&luck, 6);
		break;
	case ACTION_RACE_AT_STEP:
		h->action_steps = 1 + (int)sim_below(&luck, 6);
		h->action_luck = sim_next(&luck);
		break;
	case ACTION_STOP:
		host_stop(h);
		break;
	case ACTION_START:
		host_start(h);
		break;
	case ACTION_OVERFLOW:
		sim_watch_overflow(d->host);
		break;
	case ACTION_PAUSE:
		host_pause(h, sim_chance(&luck, 50));
		break;
	default:
		if (!befall_more(d) && !befall_vault(d) && !h->vault)
			action_do(h, d->kind, d->luck, NULL);
		break;
	}
}

static void come_true(void *arg)
{
	const struct action *d = arg;

	if (d->dropped)
		return;
	if (hosts_all[d->host].lacks != 0 && leaves_only_the_disk(d->kind))
		hosts_all[d->host].told_by_disk = true;
	if (d->kind >= ACTION_PARTITION)
		sim_trace("host %d %s (%d)", d->host, action_name(d->kind), d->other);
	befall(d);
}

static void discover_all(void *arg)
{
	(void)arg;
	for (int i = 0; i < hosts_n; i++)
		host_discover(&hosts_all[i]);
}

static void discover(void *arg)
{
	discover_all(arg);
	sim_at(NULL, 3 * SIM_S, discover, arg);
}

static void go_on_demand(void *arg)
{
	host_choose(arg, CHOICE_ON_DEMAND, "");
}

static void meet(void *arg)
{
	for (int i = 0; i < playing->nhosts; i++)
		heal(i);
	discover_all(arg);
}

/* Hosts that have files before they meet reach one another when they have looked at these. */
static void begin_apart(const struct script *s)
{
	int64_t ns = meeting_begin(s);

	for (int i = 0; i < s->nhosts; i++) {
		heal(i);
		for (int k = 0; k < i && ns > 0; k++)
			sim_wire_reach(i, k, false);
	}
	if (ns > 0)
		sim_at(NULL, ns, meet, NULL);
}

void trouble_schedule(struct script *s)
{
	playing = s;
	sim_on_death(on_death);
	hosts_on_step(race);
	sim_watch_set_loss(s->loss);
	begin_apart(s);
	for (int i = 0; i < s->nhosts; i++) {
		sim_at(NULL, 0, restart, &hosts_all[i]);
		if (s->demand >> i & 1)
			sim_at(NULL, MODE_MS * SIM_MS, go_on_demand, &hosts_all[i]);
	}
	sim_at(NULL, SIM_S, discover, NULL);
	for (size_t i = 0; i < s->n; i++)
		sim_at(NULL, s->actions[i].at_ns, come_true, &s->actions[i]);
}

static void come_to_rest(void *arg)
{
	struct host *h = arg;

	fault_end(h->number);
	sim_wire_silence(h->number, 0);
	heal(h->number);
	h->die_steps = h->action_steps = 0;
	vault_is_bounded(h, false);
	host_start(h);
	host_pause(h, false);
	host_turn(h, release_in_turn);
}

void trouble_end(void)
{
	action_slow_end();
	for (int i = 0; i < hosts_n; i++)
		sim_at(NULL, 0, come_to_rest, &hosts_all[i]);
}
