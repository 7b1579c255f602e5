/* Members join, leave and are removed while everything goes on: see host.h. Host 0 founded the group, signs invites
 * and removes members; it stays. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"
#include "tests/sim/vaults.h"

/* Clocks here are wrong by years, and hosts judge an invite's end by them. */
#define INVITE_S (INT64_C(50) * 365 * 86400)

enum { LEAVING_S = 2 };

static struct host *founder(void)
{
	struct host *h = &hosts_all[0];

	return h->loop && h->engine && h->engine->roster && !h->engine->error ? h : NULL;
}

/* --- joining --- */

static char *invited_by(const struct host *owner, enum role role)
{
	struct invite invite;

	if (invite_make(&invite, owner->engine->roster, owner->self, role, INVITE_USES, clock_wall_s() + INVITE_S))
		return NULL;
	return invite_token(&invite);
}

static void write_invite(const struct host *h, const char *token)
{
	int fd = open(h->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *dir = home_group_dir(), *path = mem_printf("%s/settings", dir);
	char *text = mem_printf("share %s\npaused 0\ninvite %s\n", h->share, token);

	if (fd < 0 || fs_mkdirs(fd, dir, 0700) || fs_write_file(fd, path, text, strlen(text), 0600))
		abort();
	close(fd);
	free(dir);
	free(path);
	free(text);
}

bool host_join(struct host *h, enum role role)
{
	const struct host *owner = founder();
	char *token;

	if (h->loop || (h->place != HOST_OUTSIDE && h->place != HOST_LEFT) || !owner ||
	    !(token = invited_by(owner, role)))
		return false;
	write_invite(h, token);
	free(token);
	tally_add(h->place == HOST_OUTSIDE ? TALLY_JOINED : TALLY_JOINED_AGAIN);
	sim_trace("host %d joins", h->number);
	h->place = HOST_MEMBER;
	h->vault = role == ROLE_VAULT;
	h->was_plain = h->vault;
	if (host_is_reader(h) && role != ROLE_READER)
		oracle_shared(h);
	h->knows = role;
	sim_wire_mute(h->number, false);
	host_start(h);
	return true;
}

/* --- leaving --- */

size_t hosts_within_reach(int host)
{
	size_t n = 0;

	for (int i = 0; i < hosts_n; i++)
		n += i != host && hosts_all[i].place == HOST_MEMBER &&
		     (!hosts_apart() || hosts_all[i].vault || hosts_all[host].vault);
	return n;
}

/* Of the members but this one: a vault that is off hears it when it is back, from any of those that meet elsewhere. */
static size_t vaults_that_may_miss_it(int host)
{
	size_t n = 0;

	for (int i = 0; i < hosts_n && !hosts_apart(); i++)
		n += i != host && hosts_all[i].place == HOST_MEMBER && hosts_all[i].vault && !host_runs(&hosts_all[i]);
	return n;
}

/* Whether all members can hear of it: a member that is off then, and meets nobody later, cannot know for what not
 * to wait. */
static bool is_heard(struct host *h)
{
	for (int i = 0; i < hosts_n; i++) {
		struct engine_status s;

		if (hosts_all[i].place != HOST_MEMBER ||
		    (!hosts_apart() && hosts_all[i].vault && !host_runs(&hosts_all[i])))
			continue;
		host_status(&hosts_all[i], &s);
		if (s.peers + vaults_that_may_miss_it(i) != hosts_within_reach(i))
			return false;
	}
	return h->loop && h->engine;
}

static void leave_in_turn(void *arg)
{
	struct host *h = arg;
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct engine *e = h->engine;

	if (e->roster && !e->token && !roster_leave(e->roster, h->self, false, clock_wall_s(), &entry) && e->peers)
		peer_group_roster_changed(e->peers);
	bytes_free(&entry);
	h->engine = NULL;
	engine_end(e);
}

/* The user does not want the folder any more. */
static void empty_folder(const struct host *h)
{
	struct tree t;
	int fd = open(h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n; i++)
		oracle_loses(h, t.leaves[i].path);
	for (size_t i = 0; i < t.n; i++)
		if (fs_remove_tree(fd, t.leaves[i].path))
			abort();
	tree_free(&t);
	close(fd);
}

static void left(void *arg)
{
	struct host *h = arg;

	if (h->place != HOST_LEFT)
		return;
	host_stop(h);
	if (h->emptied)
		empty_folder(h);
}

bool host_leave(struct host *h, bool empties)
{
	if (h->number == 0 || h->place != HOST_MEMBER || !is_heard(h) || h->engine->phase == PHASE_LOST ||
	    h->engine->phase == PHASE_DRAINING)
		return false;
	sim_trace("host %d leaves%s", h->number, empties ? " and forgets the folder" : "");
	tally_add(empties ? TALLY_LEFT_FORGETS : TALLY_LEFT_KEEPS);
	/* The versions that it kept are lost with .lanyard/. */
	oracle_gives_up_versions(h);
	h->place = HOST_LEFT;
	sim_wire_mute(h->number, true);
	h->emptied = empties;
	host_turn(h, leave_in_turn);
	free(h->saved);
	h->saved = NULL;
	sim_at(NULL, LEAVING_S * SIM_S, left, h);
	return true;
}

/* --- removal --- */

static struct host *leaving;
static bool removed;

static void remove_in_turn(void *arg)
{
	struct host *owner = arg;
	struct engine *e = owner->engine;

	removed = roster_remove(e->roster, owner->self, &leaving->id, clock_wall_s()) == 0;
	if (removed)
		engine_roster_changed(e);
}

bool host_remove(struct host *h)
{
	struct host *owner = founder();

	if (h->number == 0 || h->place != HOST_MEMBER || !owner || !owner->engine->peers || !is_heard(h))
		return false;
	leaving = h;
	host_turn(owner, remove_in_turn);
	if (!removed)
		return false;
	sim_trace("host %d is removed", h->number);
	tally_add(TALLY_REMOVED);
	tally_count(TALLY_VAULT_REMOVED, h->vault);
	h->place = HOST_REMOVED;
	/* With an older home, no host might know of it: it would not have happened. */
	free(owner->saved);
	owner->saved = NULL;
	sim_wire_mute(h->number, true);
	return true;
}

/* --- what everybody must agree on --- */

static const struct host *host_of(const struct agent_id *id)
{
	for (int i = 0; i < hosts_n; i++)
		if (agent_id_equal(&hosts_all[i].id, id))
			return &hosts_all[i];
	return NULL;
}

/* A member that left may have said so to one that stopped before it could pass it on. */
static bool count_member(void *arg, const struct roster_member *m)
{
	const struct host *h = host_of(&m->id);
	int *n = arg;

	if (h && h->place != HOST_LEFT)
		*n += h->place == HOST_MEMBER ? 1 : SIM_HOSTS;
	return true;
}

char *hosts_disagree_on_members(void)
{
	uint8_t first[32], digest[32];
	const struct host *known = NULL;

	for (int i = 0; i < hosts_n; i++) {
		const struct host *h = &hosts_all[i];
		int n = 0;

		if (h->place != HOST_MEMBER)
			continue;
		roster_members(h->engine->roster, count_member, &n);
		roster_digest(h->engine->roster, digest);
		if (n != hosts_members())
			return mem_printf("P4: host %d is wrong about the members, who are %d", i, hosts_members());
		if (known && memcmp(digest, first, sizeof(first)) != 0)
			return mem_printf("P4: the rosters of hosts %d and %d differ", known->number, i);
		memcpy(first, digest, sizeof(first));
		known = h;
	}
	return NULL;
}
