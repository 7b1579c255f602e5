/* See agent_match.h. */
#include "agent/agent_match.h"

#include <string.h>

#include "agent/id_start.h"
#include "base/mem.h"

enum { ID_SHOWN = 15 }; /* two groups of digits and the dash between them */

static void take_match(struct agent_match *m, const struct agent_id *id, bool whole)
{
	if (m->exact || (!whole && m->n > 0 && agent_id_equal(&m->id, id)))
		return;
	if (whole) {
		m->n = 0;
		m->exact = true;
	}
	if (m->n == 0)
		m->id = *id;
	else
		m->other = *id;
	m->n++;
}

void agent_match_add(struct agent_match *m, const struct agent_id *id)
{
	take_match(m, id, false);
}

void agent_match_offer(struct agent_match *m, const struct agent_id *id, const char *name)
{
	char plain[ID_PLAIN_MAX];
	bool whole = false;

	agent_id_plain(plain, id);
	if (id_start_of_agent(m->text, plain, &whole) || (name != NULL && strcmp(name, m->text) == 0))
		take_match(m, id, whole);
}

int agent_match_end(const struct agent_match *m, const char *among, char **why)
{
	char one[ID_TEXT_MAX];
	char other[ID_TEXT_MAX];

	if (m->n == 1)
		return 0;
	if (m->n == 0) {
		*why = mem_printf("%s: no %s has that name or an ID that begins so (%d characters at least)", m->text,
		                  among, ID_START_AGENT);
		return -1;
	}
	agent_id_text(one, &m->id);
	agent_id_text(other, &m->other);
	*why = mem_printf("%s: may be %.*s... or %.*s...%s: give more of the ID", m->text, ID_SHOWN, one, ID_SHOWN,
	                  other, m->n > 2 ? " or others" : "");
	return -1;
}

static bool offer_member(void *arg, const struct roster_member *member)
{
	agent_match_offer(arg, &member->id, member->name);
	return true;
}

struct member_search {
	const struct agent_id *id;
	struct roster_member *member;
};

static bool take_member(void *arg, const struct roster_member *member)
{
	const struct member_search *s = arg;

	if (!agent_id_equal(&member->id, s->id))
		return true;
	*s->member = *member;
	return false;
}

int agent_match_member(const struct roster *r, const char *text, struct roster_member *member, char **why)
{
	struct agent_match m = { .text = text };

	roster_members(r, offer_member, &m);
	if (agent_match_end(&m, "member", why) < 0)
		return -1;
	roster_members(r, take_member, &(struct member_search){ .id = &m.id, .member = member });
	return 0;
}
