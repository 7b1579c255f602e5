/* Founding, joining and leaving groups: see agent.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/addresses.h"
#include "agent/agent_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/group/group_secret.h"
#include "sync/share/real_path.h"

/* A folder must not be in two groups, and a share must not contain the agent's own keys. */
char *agent_share_is_free(void *arg, const struct engine *e, const struct real_path *real_path)
{
	const struct agent *a = arg;
	const struct agent_group *g;
	const char *path = engine_share_path(e);

	if (real_path == NULL)
		return mem_printf("%s: the path must not contain '..'", path);
	if (real_path_overlaps(real_path, a->home_real_path))
		return mem_printf("%s: a share must neither contain the agent's home (%s) nor be inside it: "
		                  "choose another folder",
		                  path, a->home);
	DL_FOREACH(a->groups, g)
		if (g->engine != e && real_path_overlaps(real_path, engine_real_path(g->engine)))
			return mem_printf(
				"%s: overlaps with %s, the share of group %s: choose another folder (--share FOLDER)",
				path, engine_share_path(g->engine), engine_name(g->engine));
	DL_FOREACH(a->leaving, g)
		if (real_path_overlaps(real_path, engine_real_path(g->engine)))
			return mem_printf("%s: overlaps with %s, the share of group %s, which is still being left; "
			                  "try again",
			                  path, engine_share_path(g->engine), engine_name(g->engine));
	return NULL;
}

static struct agent_group *find_group(struct agent_group *list, const struct group_id *id)
{
	struct agent_group *g;

	DL_FOREACH(list, g)
		if (group_id_equal(engine_group(g->engine), id))
			return g;
	return NULL;
}

static int has_slot(struct agent *a, char **why)
{
	if (agent_engine_count(a) < AGENT_MAX_GROUPS)
		return 0;
	*why = mem_printf("an agent can be in at most %d groups: leave one first", AGENT_MAX_GROUPS);
	return -1;
}

/* The name must be new here, since commands find a group by its name; elsewhere the same name may be another group. */
static int check_new(struct agent *a, const char *name, char **why)
{
	const struct agent_group *g;

	if (!roster_name_valid(name)) {
		*why = mem_printf("%s: not a valid group name: 1 to %d bytes of printable text without '/' or "
		                  "spaces at the ends",
		                  name, GROUP_NAME_MAX);
		return -1;
	}
	DL_FOREACH(a->groups, g) {
		if (strcmp(engine_name(g->engine), name) == 0) {
			*why = mem_printf("%s: a group of that name exists here already", name);
			return -1;
		}
	}
	return has_slot(a, why);
}

/* Takes the roster. */
static int found_engine(struct agent *a, struct roster *roster, const char *share, struct engine **out, char **why)
{
	struct engine *e = engine_found(&a->context, roster, share, why);

	if (!e)
		return -1;
	agent_add_group(a, e);
	agent_publish(a);
	*out = e;
	return 0;
}

int agent_create(struct agent *a, const char *name, const char *share, bool hidden, bool sealed, struct engine **out,
                 char **why)
{
	if (check_new(a, name, why) < 0)
		return -1;
	return found_engine(a, roster_found(a->self, name, hidden, sealed, a->name, clock_wall_s()), share, out, why);
}

int agent_found(struct agent *a, const char *name, const char *share, const char *secret, struct engine **out,
                char **why)
{
	if (check_new(a, name, why) < 0)
		return -1;
	return found_engine(a, group_secret_found(secret, a->self, name, a->name, clock_wall_s()), share, out, why);
}

/* Removes an attempt to join the group that is unfinished or failed, to make place for another one. -1 with *why:
 * this agent is a member, or the attempt still uses the share's disk. */
static int drop_attempt(struct agent *a, const struct group_id *group, char **why)
{
	struct agent_group *g = find_group(a->groups, group);
	struct engine *e;

	if (g == NULL)
		return 0;
	e = g->engine;
	if (engine_error(e) == NULL && !engine_is_joiner(e)) {
		*why = mem_printf("this agent is a member of group %s already", engine_name(e));
		return -1;
	}
	if (engine_index(e) != NULL) {
		*why = mem_printf("group %s: leave it first (lanyard leave), then join again", engine_name(e));
		return -1;
	}
	if (engine_awaits_disk(e)) {
		*why = mem_printf("group %s: still waiting for its share's disk; try again", engine_name(e));
		return -1;
	}
	DL_DELETE(a->groups, g);
	free(g);
	engine_forget(e);
	(void)engine_free(e);
	return 0;
}

/* Checks everything it can before it drops an earlier attempt. */
int agent_join(struct agent *a, const char *token, const char *share, struct engine **out, char **why)
{
	static const char *const faults[] = {
		[INVITE_NOT_A_TOKEN] = "this is not an invite token: one begins with \"lanyard1-\"",
		[INVITE_OTHER_VERSION] =
			"this invite was made by another version of lanyard: ask for a new one, made by this version",
		[INVITE_DAMAGED] = "the invite token is damaged: copy all of it again",
		[INVITE_BAD_SIGNATURE] = "the invite token's signature is invalid: ask for a new one",
	};
	struct invite invite;
	enum invite_parse parsed = invite_parse(&invite, token);
	char tag[TAG_TEXT_MAX];
	struct engine *e;

	if (parsed != INVITE_OK) {
		*why = mem_strdup(faults[parsed]);
		return -1;
	}
	if (invite.expires_s < clock_wall_s()) {
		*why = mem_strdup("the invite has expired: ask for a new one");
		return -1;
	}
	if (drop_attempt(a, &invite.group, why) < 0)
		return -1;
	if (agent_is_leaving(a, &invite.group)) {
		*why = mem_printf("group %s is still being left, which waits for its share's disk; try again",
		                  invite.group_name);
		return -1;
	}
	if (has_slot(a, why))
		return -1;
	e = engine_join(&a->context, token, &invite, share, why);
	if (!e)
		return -1;
	agent_add_group(a, e);
	group_id_tag(tag, &invite.group);
	agent_ask_drop(a, tag);
	agent_publish(a);
	agent_look_for_members(a, e);
	*out = e;
	return 0;
}

static void end_group(struct agent *a, struct engine *e)
{
	struct agent_group *g = find_group(a->groups, engine_group(e));

	DL_DELETE(a->groups, g);
	DL_APPEND(a->leaving, g);
	engine_end(e);
	agent_publish(a);
}

/* Whether others stay, and another owner among them. */
struct staying {
	const struct agent_id *self;
	bool member, owner;
};

static bool note_staying(void *arg, const struct roster_member *m)
{
	struct staying *s = arg;

	if (agent_id_equal(&m->id, s->self))
		return true;
	s->member = true;
	s->owner |= rights_has(m->role, RIGHT_OWN);
	return true;
}

/* Without another owner nobody can let anybody in or out any more, which has to be said. With one our leave does not
 * abandon the group, even if both leave at the same time: the senior owner's leaving does not count then. */
static int sign_leave(struct agent *a, struct engine *e, bool abandon, char **why)
{
	struct roster *r = engine_roster(e);
	struct staying s = { .self = identity_id(a->self) };
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	bool last;
	int rc;

	roster_members(r, note_staying, &s);
	last = roster_may(r, s.self, RIGHT_OWN) && !s.owner;
	if (last && s.member && !abandon) {
		*why = mem_printf(
			"group %s: this agent is its only owner, and without one nobody can invite, accept or "
			"remove: make another member an owner first (lanyard role GROUP AGENT owner), or "
			"leave with --abandon",
			engine_name(e));
		return -1;
	}
	rc = roster_leave(r, a->self, last, clock_wall_s(), &entry);
	if (rc == 0)
		engine_remember_leave(e, entry.p, entry.len);
	bytes_free(&entry);
	if (rc < 0)
		*why = mem_printf("group %s: the roster is full", engine_name(e));
	else if (engine_peers(e) != NULL)
		peer_group_roster_changed(engine_peers(e));
	return rc;
}

int agent_leave(struct agent *a, struct engine *e, bool abandon, char **why)
{
	const struct roster *r = engine_roster(e);

	if (r != NULL && !engine_is_joiner(e) && roster_may(r, identity_id(a->self), RIGHT_TAKE_PART) &&
	    sign_leave(a, e, abandon, why) < 0)
		return -1;
	engine_emit(e, "left", NULL, NULL);
	end_group(a, e);
	return 0;
}

bool agent_is_leaving(const struct agent *a, const struct group_id *group)
{
	return find_group(a->leaving, group) != NULL;
}

void agent_ended(void *arg, struct engine *e)
{
	struct agent *a = arg;
	struct agent_group *g = find_group(a->leaving, engine_group(e));

	if (g == NULL)
		return; /* the agent itself ends */
	DL_DELETE(a->leaving, g);
	free(g);
}

void agent_unfound(struct agent *a, struct engine *e, char **why)
{
	*why = engine_error(e) != NULL
	               ? mem_strdup(engine_error(e))
	               : mem_printf("%s: its disk does not answer: is its server or cable gone?", engine_share_path(e));
	engine_forget(e);
	end_group(a, e);
}
