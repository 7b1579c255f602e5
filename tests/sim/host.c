/* See host.h. A crash abandons everything in memory and copies the home folder as it is at that moment to a new one, with
 * which the next life begins: SQLite still has the old one open. */
#include "tests/sim/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine_internal.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/fetch/install_job.h"
#include "sync/versions/kept_policy.h"
#include "tests/sim/sim.h"

/* A stream of its own, so that seeds from before this was a choice do what they did; with this one 5109 keeps none. */
#define VERSIONS_SALT UINT64_C(7)

enum { HOME_FILE_MAX = 64 << 20, RESCAN_S = 40, SCRUB_S = 150, TOMBSTONES_S = 8 };

struct host hosts_all[SIM_HOSTS];
int hosts_n;

static char group_hex[65];
static int64_t versions_age_s; /* one for all; 0: no versions are kept */
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
	char *dir = mem_printf("groups/%s", group_hex), *path = mem_printf("%s/settings", dir);
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

void hosts_make(const char *base, int n, uint64_t *stream)
{
	struct identity *ids[SIM_HOSTS];
	struct roster *roster = NULL;
	uint64_t luck = *stream ^ VERSIONS_SALT;

	hosts_n = n;
	versions_age_s = sim_chance(&luck, 30) ? 0 : KEPT_AGE_S;
	for (int i = 0; i < n; i++) {
		struct host *h = &hosts_all[i];
		char name[20];

		h->number = i;
		h->home = mem_printf("%s/home%d.0", base, i);
		h->share = mem_printf("%s/share%d", base, i);
		if (mkdir(h->home, 0700) || mkdir(h->share, 0755))
			give_up(h->home);
		if (sim_chance(stream, 15)) /* hours, or years */
			h->skew_ns = ((int64_t)sim_below(stream, 20) - 10) * 3600 * SIM_S *
			             (sim_chance(stream, 30) ? 8760 : 1);
		sim_watch_blind(i, sim_chance(stream, 10));
		ids[i] = make_identity(h);
		(void)snprintf(name, sizeof(name), "host%d", i);
		if (i == 0)
			roster = roster_found(ids[0], "simulated", false, false, name, clock_wall_s());
		else if (roster_grant(roster, ids[0], identity_id(ids[i]), ROLE_MEMBER, name, clock_wall_s()))
			give_up("grant");
	}
	hex_encode(group_hex, roster_group(roster)->b, 32);
	for (int i = 0; i < n; i++) {
		write_settings(&hosts_all[i], roster);
		identity_free(ids[i]);
	}
	roster_free(roster);
}

/* --- starting --- */

static void nothing_changed(void *arg)
{
	(void)arg;
}

static void heard(void *arg, const struct event *e)
{
	const struct host *h = arg;

	sim_trace("host %d: %s %s %s", h->number, e->kind, e->path ? e->path : "", e->reason ? e->reason : "");
}

static void start_in_turn(void *arg)
{
	struct host *h = arg;
	char *why = NULL;

	h->home_dirfd = open_dir(h->home);
	h->self = identity_open(h->home_dirfd, &why);
	h->workers = workers_new(h->loop, 4);
	h->events = events_new();
	events_listen(h->events, heard, h);
	h->peers = peers_new(&(struct peers_config){ .loop = h->loop,
	                                             .workers = h->workers,
	                                             .self = h->self,
	                                             .name = "host",
	                                             .arg = h },
	                     &why);
	if (!h->self || peers_listen(h->peers, "0", &why) < 0)
		give_up("start");
	h->context = MEM_NEW(struct engine_context);
	*h->context = (struct engine_context){ .loop = h->loop,
		                               .workers = h->workers,
		                               .peers = h->peers,
		                               .events = h->events,
		                               .self = h->self,
		                               .name = "host",
		                               .home = h->home,
		                               .home_dirfd = h->home_dirfd,
		                               .rescan_s = RESCAN_S,
		                               .scrub_s = SCRUB_S,
		                               .versions_age_s = versions_age_s,
		                               .versions_percent = KEPT_DISK_PERCENT,
		                               .tombstones_age_s = TOMBSTONES_S,
		                               .changed = nothing_changed,
		                               .arg = h };
	h->engine = engine_load(h->context, group_hex, &why);
	if (!h->engine)
		give_up(why ? why : "engine_load");
}

void host_start(struct host *h)
{
	if (h->loop)
		return;
	sim_trace("host %d starts", h->number);
	h->life++;
	h->die_steps = h->deed_steps = 0;
	h->loop = loop_new();
	sim_loop_set_host(h->loop, h->number, h->skew_ns);
	sim_turn(h->loop, start_in_turn, h);
	host_discover(h);
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
	engine_status(h->engine, s);
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
	if (h->loop && engine_paused(h->engine) != paused)
		sim_turn(h->loop, paused ? pause_in_turn : resume_in_turn, h);
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
	engine_free(h->engine);
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

static void copy_file(int from, int to, const char *path)
{
	size_t n;
	char *bytes = fs_read_file(from, path, HOME_FILE_MAX, &n);
	int fd;

	if (!bytes)
		return;
	fd = openat(to, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		give_up("copy of a home");
	close(fd);
	free(bytes);
}

/* SQLite's shared memory is left behind: it is made anew from the log. */
static void move_home(struct host *h)
{
	static const char *const of_group[] = { "settings", "roster.bin", "index.db", "index.db-wal" };
	char *fresh = mem_strdup(h->home), *dot = strrchr(fresh, '.');
	char *dir = mem_printf("groups/%s", group_hex);
	int from, to;

	*dot = '\0';
	dot = fresh;
	fresh = mem_printf("%s.%d", fresh, h->life);
	free(dot);
	if (mkdir(fresh, 0700))
		give_up(fresh);
	from = open_dir(h->home);
	to = open_dir(fresh);
	copy_file(from, to, "key.pem");
	if (fs_mkdirs(to, dir, 0700))
		give_up(dir);
	for (size_t i = 0; i < sizeof(of_group) / sizeof(of_group[0]); i++) {
		char *path = mem_printf("%s/%s", dir, of_group[i]);

		copy_file(from, to, path);
		free(path);
	}
	close(from);
	close(to);
	free(dir);
	free(h->home);
	h->home = fresh;
}

void host_crash(struct host *h, bool silent)
{
	if (!h->loop)
		return;
	sim_trace("host %d crashes%s", h->number, silent ? ", nobody hears of it" : "");
	sim_loop_kill(h->loop);
	sim_wire_crash(h->number, silent);
	move_home(h);
	forget(h);
}

/* --- steps of an installer --- */

static bool comes(int *steps)
{
	return *steps > 0 && --*steps == 0;
}

static void step(enum install_step what, const char *path)
{
	int number = sim_running_host();
	struct host *h = &hosts_all[number < 0 ? 0 : number];

	if (number < 0 || !h->loop)
		return;
	if (what == STEP_PLACED)
		sim_watch_change(number, SIM_WRITTEN, path);
	if (comes(&h->die_steps)) {
		sim_trace("host %d dies at step %d of %s", number, (int)what, path);
		sim_die_here();
	}
	if (comes(&h->deed_steps)) {
		sim_trace("host %d at step %d of %s:", number, (int)what, path);
		on_step(h, path);
	}
}

void hosts_on_step(void (*fn)(struct host *h, const char *path))
{
	on_step = fn;
	install_set_hook(step);
}
