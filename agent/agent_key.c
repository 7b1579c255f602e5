/* What is in this agent's key file, and the home of another agent's: see agent.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/agent_internal.h"
#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_status.h"
#include "agent/key_check.h"
#include "agent/key_file.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/seal/keyring.h"

enum { ANSWER_MS = 500 };

/* --- where members are --- */

/* Of each member the first address, then the others. */
struct address_walk {
	struct agent *agent;
	struct export_group *to;
	bool first;
	size_t n; /* of this member so far */
};

static void add_address(struct export_group *to, const char *address)
{
	size_t n = strlen(address);

	for (size_t i = 0; i < to->naddresses; i++)
		if (strcmp(to->addresses[i], address) == 0)
			return;
	if (n < EXPORT_ADDRESS_MAX && to->naddresses < INVITE_MAX_ADDRESSES)
		memcpy(to->addresses[to->naddresses++], address, n + 1);
}

static void add_where_known(void *arg, const char *address)
{
	struct address_walk *walk = arg;

	if (walk->first == (walk->n++ == 0))
		add_address(walk->to, address);
}

static bool add_member(void *arg, const struct roster_member *m)
{
	struct address_walk *walk = arg;

	walk->n = 0;
	if (!agent_id_equal(&m->id, identity_id(walk->agent->self)))
		peers_known(walk->agent->peers, &m->id, add_where_known, walk);
	return walk->to->naddresses < INVITE_MAX_ADDRESSES;
}

/* What the key file of before said stays good while nothing newer is known. */
static void add_whereabouts(struct agent *a, struct engine *e, struct export_group *to)
{
	const struct invite *invite = engine_invite(e);
	struct address_walk walk = { .agent = a, .to = to, .first = true };
	const struct settings *settings = a->context.settings;

	to->addresses = mem_calloc(INVITE_MAX_ADDRESSES, sizeof(to->addresses[0]));
	for (size_t i = 0; invite != NULL && i < invite->naddresses; i++)
		add_address(to, invite->addresses[i]);
	if (engine_roster(e) != NULL) {
		roster_members(engine_roster(e), add_member, &walk);
		walk.first = false;
		roster_members(engine_roster(e), add_member, &walk);
	}
	for (size_t i = 0; i < settings->peers.n; i++)
		add_address(to, settings->peers.v[i]);
}

/* --- groups --- */

/* A group of plain files has no keys. */
static int add_keyring(const struct agent *a, struct export_group *to, char **why)
{
	char hex[65], *path;
	struct keyring *ring = NULL;
	enum keyring_result result;

	hex_encode(hex, to->id.b, sizeof(to->id.b));
	path = mem_printf("groups/%s/keys.bin", hex);
	result = keyring_load(&ring, &to->id, a->home_dirfd, path);
	if (result == KEYRING_OK) {
		to->keyring = keyring_encode(ring, &to->keyring_n);
		if (to->keyring == NULL)
			*why = mem_strdup("there is no memory that is locked for the keys");
	} else if (result != KEYRING_SYSTEM || errno != ENOENT) {
		*why = mem_printf("%s/%s: %s", a->home, path,
		                  result == KEYRING_SYSTEM ? strerror(errno) : keyring_result_text(result));
	}
	keyring_free(ring);
	free(path);
	return *why == NULL ? 0 : -1;
}

static void add_marks(struct engine *e, struct export_group *to)
{
	const struct invite *invite = engine_invite(e);

	if (invite != NULL) {
		memcpy(to->marks, invite->marks, sizeof(to->marks));
		to->nmarks = invite->nmarks;
	} else if (engine_roster(e) != NULL) {
		to->nmarks = roster_lasting_marks(engine_roster(e), to->marks);
	}
}

/* Not one that this agent is not in, yet or any more. */
static bool belongs(const struct engine *e)
{
	return (!engine_is_joiner(e) || engine_is_restored(e)) && !engine_is_excluded(e);
}

static int add_to_key(struct agent *a, struct engine *e, struct export_group *to, char **why)
{
	const char *name = engine_name(e), *share = engine_share_path(e);

	to->id = *engine_group(e);
	memcpy(to->name, name, strnlen(name, sizeof(to->name) - 1));
	if (key_check_names_share(share))
		memcpy(to->share, share, strlen(share) + 1);
	to->on_demand = engine_is_on_demand(e);
	add_whereabouts(a, e, to);
	add_marks(e, to);
	to->heads = mem_calloc(EXPORT_VAULTS_MAX, sizeof(to->heads[0]));
	to->nheads = engine_heads_seen(e, to->heads, EXPORT_VAULTS_MAX);
	return add_keyring(a, to, why);
}

struct export_content *agent_key_content(struct agent *a, char **why)
{
	struct export_content *c = export_content_new(agent_engine_count(a));
	const struct agent_group *g;

	if (c == NULL) {
		*why = mem_strdup("there is no memory that is locked for the key");
		return NULL;
	}
	identity_seed(a->self, c->seed);
	DL_FOREACH(a->groups, g) {
		if (!belongs(g->engine))
			continue;
		if (add_to_key(a, g->engine, &c->groups[c->ngroups++], why) < 0) {
			export_content_free(c);
			return NULL;
		}
	}
	return c;
}

/* --- another agent's --- */

char *agent_key_obstacle(const struct agent *a)
{
	char *why = key_file_obstacle(a->home_dirfd);

	if (why == NULL && (a->groups != NULL || a->asks != NULL || a->leaving != NULL))
		why = mem_strdup("this agent is about to join or to leave a group: try again");
	return why;
}

_Static_assert((int)KEY_CHECK_GROUPS_MAX == (int)AGENT_MAX_GROUPS, "what may be imported can be loaded");

char *agent_key_shares(const struct agent *a, const struct export_content *c, char *const *shares, bool asked)
{
	return key_check_shares(c, shares, asked, a->home);
}

int agent_key_install(struct agent *a, const struct export_content *c, char *const *shares, bool *became, char **why)
{
	*became = false;
	*why = agent_key_obstacle(a);
	return *why == NULL ? key_file_install(a->home_dirfd, c, shares, became, why) : -1;
}

void agent_key_replaced_soon(struct agent *a)
{
	loop_timer_start(a->replaced_timer, ANSWER_MS, 0);
}

void agent_key_replaced(void *arg)
{
	struct agent *a = arg;

	log_info("the home has another agent's key now: starting again with it");
	if (a->replaced != NULL)
		a->replaced(a->replaced_arg);
}
