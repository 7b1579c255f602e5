/* Starts, stops and crashes the hosts: see host.h. A crash abandons everything in memory. */
#include "tests/sim/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/install/install_job.h"
#include "sync/seal/ring.h"
#include "sync/versions/kept_policy.h"
#include "tests/sim/fault.h"
#include "tests/sim/script.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/vaults.h"

/* A stream of its own, so that seeds from before this choice existed do what they did; with this one, 5109 keeps no
 * versions. */
#define VERSIONS_SALT UINT64_C(7)
#define DISKS_SALT    UINT64_C(77)

enum { RESCAN_S = 40, SCRUB_S = 150, TOMBSTONES_S = 8, AGAIN_S = 5 };

static const struct comings_sizes small_comings = { 256 << 10, 256 << 10, 768 << 10 };

struct host hosts_all[SIM_HOSTS];
int hosts_n;

static char group_hex[65];
static bool small;             /* SCRIPT_ERA_SMALL */
static bool have_vaults;       /* SCRIPT_ERA_VAULTS */
static bool apart;             /* the script's */
static uint32_t rows;          /* of the script */
static int64_t versions_age_s; /* the same for all hosts; 0: no versions are kept */
static void (*on_step)(struct host *h, const char *path);

static void give_up(const char *what)
{
	fprintf(stderr, "FAIL simulator: %s\n", what);
	abort();
}

/* --- making --- */

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		give_up(path);
	return fd;
}

static void write_settings(const struct host *h, const struct roster *roster)
{
	int fd = open_dir(h->home);
	char *dir = home_group_dir(), *path = mem_printf("%s/settings", dir);
	char *text = mem_printf("share %s\npaused 0\n", h->share);

	if (fs_mkdirs(fd, dir, 0700) || fs_write_file(fd, path, text, strlen(text), 0600))
		give_up("settings");
	free(path);
	path = mem_printf("%s/roster.bin", dir);
	if (roster_save(roster, fd, path))
		give_up("roster");
	free(path);
	free(dir);
	free(text);
	close(fd);
}

static int keep_in_memory(void *arg, const struct keyring *keyring)
{
	(void)arg;
	(void)keyring;
	return 0;
}

/* As when a sealed group is founded: the first generation is in the roster, and only the founder has its keys. */
static struct keyring *first_keys(struct roster *roster, const struct identity *founder)
{
	struct keyring *keyring = keyring_new(roster_group(roster));
	struct ring *ring = ring_new(&(
		struct ring_config){ .roster = roster, .keyring = keyring, .self = founder, .store = keep_in_memory });

	if (ring_sign(ring, KEYS_UNIFORM, clock_wall_s()) < 0)
		give_up("first keys");
	ring_free(ring);
	return keyring;
}

static void write_keys(const struct host *h, const struct keyring *keyring)
{
	int fd = open_dir(h->home);
	char *dir = home_group_dir(), *path = mem_printf("%s/keys.bin", dir);

	if (keyring_save(keyring, fd, path) != KEYRING_OK)
		give_up("keys");
	free(path);
	free(dir);
	close(fd);
}

static struct identity *make_identity(struct host *h)
{
	int fd = open_dir(h->home);
	char *why = NULL;
	struct identity *id = identity_open(fd, &why);

	if (!id)
		give_up(why);
	close(fd);
	return id;
}

char *home_group_dir(void)
{
	return mem_printf("groups/%s", group_hex);
}

/* The others are compared with host 0. */
static void choose_disk(struct host *h, bool sealed, uint64_t *luck)
{
	static const unsigned disks[] = {
		FAULT_NO_MODES,
		FAULT_NO_TIMES,
		FAULT_NO_MODES | FAULT_NO_TIMES,
		FAULT_NO_MODES | FAULT_SECONDS | FAULT_NO_FLAGS | FAULT_NO_LINKS,
		FAULT_MODES_REFUSED | FAULT_TIMES_REFUSED,
		FAULT_NO_MODES | FAULT_NO_TIMES | FAULT_NO_FLAGS | FAULT_SHORT_NAMES,
		FAULT_SECONDS | FAULT_NO_FLAGS,
		FAULT_SHORT_NAMES,
	};

	if (h->number == 0 || !sim_chance(luck, 20))
		return;
	h->lacks = disks[sim_below(luck, sizeof(disks) / sizeof(disks[0]))];
	if (sealed) /* its home is on it too, and keys that all can read are refused */
		h->lacks &= ~(unsigned)FAULT_NO_MODES;
	fault_lacks(h->number, h->lacks);
	tally_add(TALLY_LOSSY);
	sim_trace("host %d: its disk lacks %x", h->number, h->lacks);
}

void hosts_make(const char *base, const struct script *s, uint64_t *stream)
{
	struct identity *ids[SIM_HOSTS] = { NULL };
	struct roster *roster = NULL;
	struct keyring *keyring;
	uint64_t luck = *stream ^ VERSIONS_SALT, disks = *stream ^ DISKS_SALT;

	int n = hosts_n = s->nhosts;

	small = s->era >= SCRIPT_ERA_SMALL;
	rows = s->rows;
	apart = s->apart;
	have_vaults = s->vaults != 0;
	versions_age_s = sim_chance(&luck, 30) ? 0 : KEPT_AGE_S;
	for (int i = 0; i < n; i++) {
		struct host *h = &hosts_all[i];
		char name[20];

		h->number = i;
		if (s->era > 2)
			choose_disk(h, s->sealed, &disks);
		h->home = mem_printf("%s/home%d.0", base, i);
		h->share = mem_printf("%s/share%d", base, i);
		if (mkdir(h->home, 0700) || mkdir(h->share, 0755))
			give_up(h->home);
		if (sim_chance(stream, 15)) /* hours, or years */
			h->skew_ns = ((int64_t)sim_below(stream, 20) - 10) * 3600 * SIM_S *
			             (sim_chance(stream, 30) ? 8760 : 1);
		sim_watch_blind(i, sim_chance(stream, 10));
		h->vault = (s->vaults >> i & 1) != 0 && i < s->members;
		tally_count(TALLY_VAULTS, h->vault);
		ids[i] = make_identity(h);
		h->id = *identity_id(ids[i]);
		h->place = i < s->members ? HOST_MEMBER : HOST_OUTSIDE;
		(void)snprintf(name, sizeof(name), "host%d", i);
		if (i == 0)
			roster = roster_found(ids[0], "simulated", false, s->sealed, name, clock_wall_s());
		else if (i < s->members &&
		         roster_grant(roster, ids[0], identity_id(ids[i]), script_role(s, i), name, clock_wall_s()))
			give_up("grant");
	}
	hex_encode(group_hex, roster_group(roster)->b, 32);
	keyring = s->sealed ? first_keys(roster, ids[0]) : NULL;
	for (int i = 0; i < n; i++) {
		if (i < s->members)
			write_settings(&hosts_all[i], roster);
		identity_free(ids[i]);
	}
	if (keyring != NULL)
		write_keys(&hosts_all[0], keyring);
	keyring_free(keyring);
	roster_free(roster);
}

/* --- starting --- */

static void nothing_changed(void *arg)
{
	(void)arg;
}

static void heard(void *arg, const struct event *e)
{
	struct host *h = arg;

	/* Its owner may have given it another role than the invite's before it was let in. */
	if (strcmp(e->kind, "roster-changed") == 0 || strcmp(e->kind, "joined") == 0)
		host_learns_role(h);
	sim_trace("host %d: %s %s %s", h->number, e->kind, e->path ? e->path : "", e->reason ? e->reason : "");
}

static void start_in_turn(void *arg)
{
	struct host *h = arg;
	char *why = NULL;

	fault_shield(1); /* the steps of an agent before its groups; without them it may refuse to start */
	h->home_dirfd = open_dir(h->home);
	h->self = identity_open(h->home_dirfd, &why);
	h->workers = workers_new(h->loop, 4);
	h->events = events_new();
	events_listen(h->events, heard, h);
	h->peers = peers_new(&(struct peers_config){ .loop = h->loop,
	                                             .workers = h->workers,
	                                             .self = h->self,
	                                             .name = "host",
	                                             /* A handful of rows is worth comparing here, but not to
	                                              * every fourth host. */
	                                             .ranges_min = h->number % 4 == 3 ? 1000 : 2,
	                                             .ranges_rows = rows,
	                                             .carry_min = small && h->number % 2 == 0 ? 1 : 0,
	                                             .arg = h },
	                     &why);
	if (!h->self || peers_listen(h->peers, "0", &why) < 0)
		give_up("start");
	h->settings = (struct settings){ .rescan_s = RESCAN_S,
		                         .scrub_s = SCRUB_S,
		                         .versions_age_s = versions_age_s,
		                         .versions_percent = KEPT_DISK_PERCENT,
		                         .tombstones_age_s = TOMBSTONES_S,
		                         .vault_disk = h->room };
	h->context = MEM_NEW(struct engine_context);
	*h->context = (struct engine_context){ .loop = h->loop,
		                               .workers = h->workers,
		                               .worker_threads = 4,
		                               .peers = h->peers,
		                               .events = h->events,
		                               .self = h->self,
		                               .name = "host",
		                               .home = h->home,
		                               .home_dirfd = h->home_dirfd,
		                               .strict = true,
		                               .coming = small ? small_comings : (struct comings_sizes){ 0 },
		                               .settings = &h->settings,
		                               .changed = nothing_changed,
		                               .arg = h };
	fault_shield(-1);
	h->engine = engine_load(h->context, group_hex, &why);
	free(why);
}

static void start_again(void *arg)
{
	host_start(arg);
}

void host_start(struct host *h)
{
	if (h->loop || h->place == HOST_OUTSIDE || h->place == HOST_LEFT)
		return;
	sim_trace("host %d starts", h->number);
	tally_count(TALLY_CLOCK_WRONG, h->skew_ns != 0);
	h->life++;
	h->die_steps = h->action_steps = 0;
	h->loop = loop_new();
	sim_loop_set_host(h->loop, h->number, h->skew_ns);
	sim_turn(h->loop, start_in_turn, h);
	if (h->engine) {
		host_learns_role(h);
		host_discover(h);
		return;
	}
	/* A call that it needs to start failed: it reports that and ends, and is started again. */
	sim_trace("host %d refuses to start", h->number);
	host_stop(h);
	sim_at(NULL, AGAIN_S * SIM_S, start_again, h);
}

bool host_runs(const struct host *h)
{
	return h->loop != NULL;
}

static void discover_in_turn(void *arg)
{
	struct host *h = arg;

	for (int i = 0; i < hosts_n; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET,
			                  .sin_port = htons((uint16_t)(7000 + i)),
			                  .sin_addr.s_addr = htonl(0x0a000001U + (uint32_t)i) };

		if (i != h->number && host_runs(&hosts_all[i]) && sim_wire_reachable(i, h->number))
			peers_found(h->peers, identity_id(hosts_all[i].self), (struct sockaddr *)&in, sizeof(in));
	}
}

void host_discover(struct host *h)
{
	if (h->loop)
		sim_turn(h->loop, discover_in_turn, h);
}

void host_status(struct host *h, struct engine_status *s)
{
	*s = (struct engine_status){ 0 };
	if (h->engine)
		engine_status(h->engine, s);
}

void host_turn(struct host *h, loop_fn *fn)
{
	if (h->loop && h->engine)
		sim_turn(h->loop, fn, h);
}

bool hosts_are_small(void)
{
	return small;
}

int hosts_members(void)
{
	int n = 0;

	for (int i = 0; i < hosts_n; i++)
		n += hosts_all[i].place == HOST_MEMBER;
	return n;
}

bool hosts_have_vaults(void)
{
	return have_vaults;
}

bool hosts_apart(void)
{
	return apart && hosts_vaults() > 0;
}

void host_clock(struct host *h, int64_t by_ns)
{
	h->skew_ns += by_ns;
	if (h->loop)
		sim_loop_set_host(h->loop, h->number, h->skew_ns);
}

static void pause_in_turn(void *arg)
{
	struct host *h = arg;

	engine_pause(h->engine, true);
}

static void resume_in_turn(void *arg)
{
	struct host *h = arg;

	engine_pause(h->engine, false);
}

void host_pause(struct host *h, bool paused)
{
	if (h->loop && h->engine && engine_paused(h->engine) != paused)
		host_turn(h, paused ? pause_in_turn : resume_in_turn);
}

/* --- ending --- */

static void forget(struct host *h)
{
	h->loop = NULL;
	h->workers = NULL;
	h->peers = NULL;
	h->engine = NULL;
}

static void stop_in_turn(void *arg)
{
	struct host *h = arg;

	sim_workers_settle(h->loop);
	if (h->engine)
		engine_free(h->engine);
	h->engine = NULL; /* host_sends() is called once more for each connection */
	peers_free(h->peers);
	workers_free(h->workers);
	loop_free(h->loop);
	identity_free(h->self);
	events_free(h->events);
	close(h->home_dirfd);
}

void host_stop(struct host *h)
{
	if (!h->loop)
		return;
	sim_trace("host %d stops", h->number);
	sim_turn(h->loop, stop_in_turn, h);
	forget(h);
}

void host_crash(struct host *h, bool silent)
{
	if (!h->loop)
		return;
	sim_trace("host %d crashes%s", h->number, silent ? ", nobody hears of it" : "");
	tally_add(silent ? TALLY_SILENT_CRASH : TALLY_LOUD_CRASH);
	tally_count(TALLY_CRASH_JOBS_OUT, workers_pending(h->workers) > 0);
	sim_loop_kill(h->loop);
	sim_wire_crash(h->number, silent);
	home_move(h);
	forget(h);
}

/* --- steps of an installer --- */

static bool comes(int *steps)
{
	return *steps > 0 && --*steps == 0;
}

/* Called by the installer after each of its steps: the moments at which a crash or a user does the most harm. */
static void step(enum install_step what, const char *path)
{
	int number = sim_running_host();
	struct host *h = &hosts_all[number < 0 ? 0 : number];

	if (number < 0 || !h->loop)
		return;
	if (what == STEP_PLACED)
		sim_watch_change(number, SIM_WRITTEN, path);
	if (comes(&h->die_steps)) {
		tally_add((enum tally)(TALLY_CRASH_WRITTEN + (int)what));
		sim_trace("host %d dies at step %d of %s", number, (int)what, path);
		sim_die_here();
	}
	if (comes(&h->action_steps)) {
		sim_trace("host %d at step %d of %s:", number, (int)what, path);
		tally_add((enum tally)(TALLY_RACE_WRITTEN + (int)what));
		fault_shield(1);
		on_step(h, path);
		fault_shield(-1);
	}
}

void hosts_on_step(void (*fn)(struct host *h, const char *path))
{
	on_step = fn;
	install_set_hook(step);
}
