/* What users choose to keep: the modes, get and drop, unshare and share, and a reader's revert. See host.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"

/* One command under way. */
struct command {
	struct host *h;
	enum choice_of_user what;
	char *path;
};

static const enum tally tallies[] = {
	[CHOICE_MIRROR] = TALLY_MIRROR,   [CHOICE_ON_DEMAND] = TALLY_ON_DEMAND, [CHOICE_GET_PATH] = TALLY_GOT,
	[CHOICE_DROP] = TALLY_DROPPED,    [CHOICE_UNSHARE] = TALLY_UNSHARED,    [CHOICE_SHARE] = TALLY_SHARED,
	[CHOICE_REVERT] = TALLY_REVERTED,
};

static const char *const names[] = {
	[CHOICE_MIRROR] = "keeps everything", [CHOICE_ON_DEMAND] = "keeps what it chooses",
	[CHOICE_GET_PATH] = "gets",           [CHOICE_DROP] = "drops",
	[CHOICE_UNSHARE] = "unshares",        [CHOICE_SHARE] = "shares",
	[CHOICE_REVERT] = "reverts",
};

static void command_done(void *arg, const char *why)
{
	struct command *c = arg;

	sim_trace("host %d %s %s: %s", c->h->number, names[c->what], c->path, why ? why : "done");
	if (!why && c->what != CHOICE_DROP && c->what != CHOICE_REVERT)
		tally_add(tallies[c->what]);
	free(c->path);
	free(c);
}

static void drop_refused(void *arg, const char *path, const char *why)
{
	const struct command *c = arg;

	sim_trace("host %d keeps %s: %s", c->h->number, path, why);
	tally_add(TALLY_DROP_REFUSED);
}

static void drop_done(void *arg, int64_t dropped, const char *why)
{
	tally_count(TALLY_DROPPED, (uint64_t)dropped);
	command_done(arg, why);
}

static void revert_done(void *arg, int64_t reverted, const char *why)
{
	tally_count(TALLY_REVERTED, (uint64_t)reverted);
	command_done(arg, why);
}

static const struct engine_drop_ops drop_ops = { .refused = drop_refused, .done = drop_done };

static struct command *under_way;

static void command_in_turn(void *arg)
{
	struct host *h = arg;
	struct command *c = under_way;
	const char *path = c->path;

	switch (c->what) {
	case CHOICE_MIRROR:
	case CHOICE_ON_DEMAND:
		engine_choices_mode(h->engine, c->what == CHOICE_MIRROR ? CHOOSE_MIRROR : CHOOSE_ON_DEMAND,
		                    command_done, c);
		break;
	case CHOICE_GET_PATH:
		engine_choices_rules(h->engine, &path, 1, true, command_done, c);
		break;
	case CHOICE_DROP:
		engine_drop(h->engine, &path, 1, false, &drop_ops, c);
		break;
	case CHOICE_UNSHARE:
		engine_choices_unshare(h->engine, &path, 1, command_done, c);
		break;
	case CHOICE_SHARE:
		engine_choices_share(h->engine, &path, 1, command_done, c);
		break;
	case CHOICE_REVERT:
		engine_revert(h->engine, path, revert_done, c);
		break;
	}
}

bool host_choose(struct host *h, enum choice_of_user what, const char *path)
{
	struct command *c;

	if (!h->loop || !h->engine || !engine_has_mirror(h->engine) || h->place != HOST_MEMBER)
		return false;
	c = MEM_NEW(struct command);
	*c = (struct command){ .h = h, .what = what, .path = mem_strdup(path) };
	under_way = c;
	sim_trace("host %d %s %s", h->number, names[what], path);
	if (what == CHOICE_SHARE)
		oracle_shared(h);
	host_turn(h, command_in_turn);
	return true;
}

/* --- drawn --- */

static char *any_leaf(const struct host *h, uint64_t *luck)
{
	struct tree t;
	char *path = NULL;

	tree_read(&t, h->share, "");
	if (t.n > 0)
		path = mem_strdup(t.leaves[sim_below(luck, t.n)].path);
	tree_free(&t);
	return path;
}

static bool same_file(const struct host *a, const struct host *b, const char *path)
{
	size_t na, nb;
	uint8_t *pa = tree_bytes(a->share, path, &na), *pb = tree_bytes(b->share, path, &nb);
	bool same = pa && pb && na == nb && memcmp(pa, pb, na) == 0;

	free(pa);
	free(pb);
	return same;
}

void host_gets(struct host *h, uint64_t luck)
{
	/* Its user sees the list, which is what host 0 has, or had. */
	char *path = any_leaf(&hosts_all[0], &luck);

	if (path)
		host_choose(h, CHOICE_GET_PATH, path);
	free(path);
}

void host_drops(struct host *h, uint64_t luck)
{
	char *path = any_leaf(h, &luck);

	if (path)
		host_choose(h, CHOICE_DROP, path);
	free(path);
}

/* What nobody else has would be lost to the group, so it is what host 0 has as well. */
void host_unshares_any(struct host *h, uint64_t luck)
{
	char *path = any_leaf(h, &luck);

	if (path && same_file(h, &hosts_all[0], path))
		host_choose(h, CHOICE_UNSHARE, path);
	free(path);
}

void host_shares(struct host *h, uint64_t luck)
{
	char *path = host_any_unshared(h, &luck);

	if (path)
		host_choose(h, CHOICE_SHARE, path);
	free(path);
}

void host_reverts(struct host *h)
{
	struct tree t;

	if (!host_is_reader(h) || !h->engine)
		return;
	/* Where no versions are kept, what it replaces is given up. */
	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n; i++)
		if (host_may_differ(h, t.leaves[i].path))
			oracle_loses(h, t.leaves[i].path);
	tree_free(&t);
	host_choose(h, CHOICE_REVERT, "");
}
