/* The members of the group, as last told to users: each change of the roster becomes events, in words; and why an agent
 * does not belong to it any more. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/log.h"
#include "base/mem.h"

enum { ID_SHOWN = 7 };    /* characters of an ID, at least */
enum { EVENTS_MAX = 32 }; /* for one change of the roster: the list of members says the rest */

struct known_member {
	struct agent_id id;
	enum role role;
	char name[MEMBER_NAME_MAX + 1];
};

struct engine_members {
	bool known;             /* it was filled before */
	struct known_member *v; /* owned; in order of their IDs */
	size_t n, cap;
};

void engine_members_new(struct engine *e)
{
	e->members = MEM_NEW(struct engine_members);
}

void engine_members_free(struct engine *e)
{
	free(e->members->v);
	free(e->members);
}

/* --- words --- */

/* A member can make itself an ID that begins like another one's, so as much is shown as tells them apart. */
static size_t id_shown(const struct roster *r, const struct agent_id *id)
{
	size_t apart = r != NULL ? roster_id_apart(r, id) : 0;

	return apart > ID_SHOWN ? apart : ID_SHOWN;
}

static bool member_of(const struct roster *r, const struct agent_id *id, struct roster_member *m)
{
	return r != NULL && roster_member_by_short(r, agent_id_short(id), m) && agent_id_equal(&m->id, id);
}

/* "bob (abcdefg)", or the start of the ID alone. Fresh, safe for logs. */
static char *called(const struct roster *r, const char *name, const struct agent_id *id)
{
	int shown = (int)id_shown(r, id);
	char text[ID_TEXT_MAX], *safe, *both;

	agent_id_text(text, id);
	if (name == NULL || name[0] == '\0')
		return mem_printf("%.*s", shown, text);
	safe = log_escape(name, strlen(name));
	both = mem_printf("%s (%.*s)", safe, shown, text);
	free(safe);
	return both;
}

static char *called_in(const struct roster *r, const struct agent_id *id)
{
	char former[MEMBER_NAME_MAX + 1];
	struct roster_member m;

	if (member_of(r, id, &m))
		return called(r, m.name, id);
	return called(r, r != NULL && roster_former_name(r, id, former) ? former : NULL, id);
}

/* What happened to an agent, and to ourselves also what to do. */
static const struct {
	const char *them, *us;
	bool names_somebody;
} outside_words[] = {
	[OUTSIDE_MEMBER] = { "it is a member", "it is a member", false },
	[OUTSIDE_REMOVED] = { "%s removed it",
	                      "%s removed it. What it has stays as it is; only an owner can add it again", true },
	[OUTSIDE_LEFT] = { "it left",
	                   "it left the group before its home was restored: leave again, or ask for a new invite",
	                   false },
	[OUTSIDE_REVOKED] = { "%s took back its invite",
	                      "%s took back its invite before an owner had confirmed it: ask for a new one", true },
	[OUTSIDE_DISPLACED] = { "its invite was used up: %s has the last use",
	                        "its invite was used up: %s has the last use. Ask an owner for a new invite, or to add it",
	                        true },
	[OUTSIDE_VOID] = { "whoever let it in may not, or not any more",
	                   "whoever let it in may not, or not any more: ask an owner for a new invite", false },
	[OUTSIDE_FULL] = { "the group is full", "the group is full: ask an owner to remove somebody", false },
	[OUTSIDE_UNKNOWN] = { "no owner stands for it", "no owner stands for it: ask for a new invite", false },
};

static char *outside_text(const struct roster *r, const struct agent_id *id, bool us)
{
	static const struct agent_id nobody;
	struct agent_id by;
	enum roster_outside why = roster_outside(r, id, &by);
	const char *words = us ? outside_words[why].us : outside_words[why].them;
	const char *rest = strstr(words, "%s");
	char *who, *text;

	if (!outside_words[why].names_somebody)
		return mem_strdup(words);
	who = agent_id_equal(&by, &nobody) ? mem_strdup("an owner") : called_in(r, &by);
	text = mem_printf("%.*s%s%s", (int)(rest - words), words, who, rest + 2);
	free(who);
	return text;
}

char *engine_members_why_outside(const struct engine *e)
{
	char *why = outside_text(e->roster, identity_id(e->context->self), true);
	char *text = mem_printf("this agent is no longer a member of the group: %s", why);

	free(why);
	return text;
}

/* --- changes --- */

void engine_members_describe(const struct engine *e, const struct agent_id *id, char former[MEMBER_NAME_MAX + 1],
                             struct event *event)
{
	struct roster_member m;

	if (member_of(e->roster, id, &m))
		event->name = m.name;
	else if (event->name == NULL && e->roster != NULL && roster_former_name(e->roster, id, former))
		event->name = former;
	if (event->name != NULL && event->name[0] == '\0')
		event->name = NULL;
	event->id_shown = id_shown(e->roster, id);
}

/* Takes reason over. */
static void emit_about(struct engine *e, const struct agent_id *id, struct event event, char *reason)
{
	char text[ID_TEXT_MAX], former[MEMBER_NAME_MAX + 1];

	agent_id_text(text, id);
	event.group = engine_name(e);
	event.peer = text;
	event.reason = reason;
	engine_members_describe(e, id, former, &event);
	events_emit(e->context->events, &event);
	free(reason);
}

void engine_members_emit(struct engine *e, const struct agent_id *id, const char *kind, const char *reason)
{
	emit_about(e, id, (struct event){ .kind = kind }, mem_strdup(reason));
}

char *engine_members_called(const struct engine *e, const struct agent_id *id)
{
	return called_in(e->roster, id);
}

static void emit_added(struct engine *e, const struct known_member *m)
{
	char *who = called(e->roster, m->name, &m->id);

	emit_about(e, &m->id, (struct event){ .kind = "member-added" },
	           mem_printf("%s is a member now, as %s", who, role_name(m->role)));
	free(who);
}

static void emit_removed(struct engine *e, const struct known_member *m)
{
	char *who = called(e->roster, m->name, &m->id), *why = outside_text(e->roster, &m->id, false);

	emit_about(e, &m->id, (struct event){ .kind = "member-removed", .name = m->name },
	           mem_printf("%s is no longer a member: %s", who, why));
	free(who);
	free(why);
}

static void emit_role(struct engine *e, const struct known_member *m, enum role before)
{
	char *who = called(e->roster, m->name, &m->id);

	emit_about(e, &m->id, (struct event){ .kind = "role-changed" },
	           mem_printf("%s is %s now, and was %s", who, role_name(m->role), role_name(before)));
	free(who);
}

static bool note_known(void *arg, const struct roster_member *m)
{
	struct engine_members *now = arg;
	struct known_member *k;

	if (now->n == now->cap) {
		now->cap = now->cap == 0 ? 16 : 2 * now->cap;
		now->v = mem_realloc(now->v, now->cap, sizeof(now->v[0]));
	}
	k = &now->v[now->n++];
	*k = (struct known_member){ .id = m->id, .role = m->role };
	memcpy(k->name, m->name, strnlen(m->name, MEMBER_NAME_MAX));
	return true;
}

/* Both lists are in order of the IDs, so one pass finds what differs. */
static void emit_changes(struct engine *e, const struct engine_members *before, const struct engine_members *now)
{
	size_t i = 0, k = 0, left = EVENTS_MAX;

	while ((i < before->n || k < now->n) && left > 0) {
		const struct known_member *old = i < before->n ? &before->v[i] : NULL;
		const struct known_member *new = k < now->n ? &now->v[k] : NULL;
		int order = old == NULL ? 1 : new == NULL ? -1 : memcmp(old->id.b, new->id.b, sizeof(old->id.b));

		left -= old == NULL || new == NULL || order != 0 || old->role != new->role;
		if (old != NULL && order < 0)
			emit_removed(e, old);
		else if (new != NULL && order > 0)
			emit_added(e, new);
		else if (old != NULL && new != NULL && old->role != new->role)
			emit_role(e, new, old->role);
		i += order <= 0;
		k += order >= 0;
	}
}

static int order_known(const void *id, const void *known)
{
	return memcmp(id, ((const struct known_member *)known)->id.b,
	              sizeof(((const struct known_member *)known)->id.b));
}

enum role engine_members_role(const struct engine *e, const struct agent_id *id)
{
	const struct engine_members *now = e->members;
	const struct known_member *k =
		now->n > 0 ? bsearch(id->b, now->v, now->n, sizeof(now->v[0]), order_known) : NULL;

	return k != NULL ? k->role : ROLE_NONE;
}

void engine_members_changed(struct engine *e)
{
	struct engine_members now = { .known = true };

	roster_members(e->roster, note_known, &now);
	if (e->members->known)
		emit_changes(e, e->members, &now);
	free(e->members->v);
	*e->members = now;
}
