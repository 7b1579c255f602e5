/* Roles: host 0 makes readers of members, and members of readers; what each host knows of its own role, and to whom
 * it speaks. See host.h. */
#include <stdlib.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/wire/frame.h"
#include "tests/sim/forger.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/vaults.h"

static const struct host *subject;
static enum role wanted;
static bool granted;
static char *told;

/* --- changes --- */

static void grant_in_turn(void *arg)
{
	struct host *owner = arg;
	struct engine *e = owner->engine;

	granted = roster_role(e->roster, &subject->id) != wanted &&
	          roster_grant(e->roster, owner->self, &subject->id, wanted, "host", clock_wall_s()) == 0;
	if (granted)
		engine_roster_changed(e);
}

/* With an older home, a host would not know of the change; if all came back with one, it would not have happened. */
static void forget_saved(void)
{
	for (int i = 0; i < hosts_n; i++) {
		free(hosts_all[i].saved);
		hosts_all[i].saved = NULL;
	}
}

bool host_set_role(struct host *h, enum role role)
{
	struct host *owner = &hosts_all[0];

	if (h->number == 0 || h->place != HOST_MEMBER || h->vault || !owner->loop || !owner->engine ||
	    !owner->engine->roster || !owner->engine->peers)
		return false;
	subject = h;
	wanted = role;
	host_turn(owner, grant_in_turn);
	if (!granted)
		return false;
	sim_trace("host %d is now %s", h->number, role_name(role));
	tally_add(role == ROLE_READER ? TALLY_READS : role == ROLE_VAULT ? TALLY_VAULT_MADE : TALLY_WRITES);
	if (role == ROLE_VAULT)
		h->vault = h->was_plain = true;
	forget_saved();
	return true;
}

/* --- what a host knows --- */

void host_learns_role(struct host *h)
{
	enum role before = h->knows;

	if (!h->engine || !h->engine->roster)
		return;
	h->knows = roster_role(h->engine->roster, &h->id);
	if (before == ROLE_READER && h->knows != ROLE_READER)
		oracle_shared(h);
}

bool host_is_reader(const struct host *h)
{
	return h->knows == ROLE_READER;
}

bool host_knows_reader(int host, int other)
{
	const struct engine *e = hosts_all[host].engine;

	return e && e->roster && roster_role(e->roster, &hosts_all[other].id) == ROLE_READER;
}

static bool is_honest(void *arg, const struct record *r)
{
	char **forged = arg;

	if (version_counter(&r->version, FORGER_WRITER) > 0)
		*forged = mem_strdup(r->path);
	return !*forged;
}

char *hosts_took_forged(void)
{
	char *path = NULL, *why = NULL;

	for (int i = 0; i < hosts_n && !why; i++) {
		if (hosts_all[i].engine && hosts_all[i].engine->index)
			index_since(hosts_all[i].engine->index, 0, INT32_MAX, is_honest, &path);
		if (path)
			why = mem_printf("a reader's record is taken: host %d has one of %s", i, path);
	}
	free(path);
	return why;
}

unsigned hosts_known_removed(const struct host *h)
{
	unsigned known = 0;

	for (int i = 0; i < hosts_n && h->engine && h->engine->roster && h->place == HOST_MEMBER; i++) {
		if (hosts_all[i].place == HOST_REMOVED &&
		    !roster_may(h->engine->roster, &hosts_all[i].id, RIGHT_TAKE_PART))
			known |= 1U << i;
	}
	return known;
}

/* --- to whom a host speaks --- */

void host_sends(int from, int to, uint8_t type)
{
	const struct engine *e = hosts_all[from].engine;

	if (told || !e || !e->roster || e->token ||
	    (type != FRAME_INDEX_HELLO && type != FRAME_NEWS && type != FRAME_LIST && type != FRAME_BLOCK &&
	     type != FRAME_SEALED))
		return;
	if (roster_sealed(e->roster) && type != FRAME_SEALED)
		told = mem_printf("host %d sends a plain frame %u in a sealed group", from, type);
	else if (!roster_may(e->roster, &hosts_all[to].id, RIGHT_READ))
		told = mem_printf("host %d sends a frame %u to host %d, which it knows is not a member", from, type,
		                  to);
}

char *hosts_told_stranger(void)
{
	char *found = told;

	told = NULL;
	return found;
}
