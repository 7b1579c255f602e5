/* See secret_groups.h. One timer goes through the groups: often while one is missing here, and rarely for owners, whom
 * requests wake as well. */
#include "agent/secret_groups.h"

#include <stdlib.h>
#include <string.h>

#include "agent/credential.h"
#include "agent/engine/engine_admin.h"
#include "agent/engine/events.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "sync/group/group_secret.h"

enum {
	STEP_MS = 1000,        /* while a group is missing here */
	MORE_MS = 2000,        /* after agents were let in: others may wait whose requests made no event */
	REST_MS = 30000,       /* otherwise */
	REQUEST_MS = 50,       /* after an event */
	LOOK_AGAIN_MS = 60000, /* until the network is queried again */
	FOUND_AFTER_MS = 5000, /* of looking */
	PATIENCE_MS = 20000,   /* until the log says why it is missing */
	ASKED_AT_ONCE = 8,     /* groups of one name; of more, others every time the network is queried */
	SEEN_MAX = 64,         /* that are considered */
	REFUTED_MAX = 32,      /* that are remembered, the last ones */
};

struct secret_group {
	char *name, *share, *secret, *place; /* owned */
	char *founder;                       /* owned; NULL: none */
	bool founds;                         /* this agent is it */
	int64_t since_ms;                    /* when it began to look; 0: it does not */
	int64_t looked_ms;                   /* the last query */
	size_t turns;                        /* how many there were */
	bool told;                           /* the log says why it is missing */
	bool founded;                        /* in this run: it is not sure yet that it works */
	char refuted[REFUTED_MAX][TAG_TEXT_MAX];
	size_t nrefuted; /* in all */
};

struct secret_groups {
	struct loop *loop;
	struct agent *agent;
	struct events *events;
	struct events_listener *listener;
	struct loop_timer *timer;
	bool blind; /* there is no discovery, and so nothing to wait for */
	struct secret_group *groups;
	size_t n;
};

/* --- what there is --- */

struct named_engine {
	const char *name;
	struct engine *engine;
};

static bool is_named(void *arg, struct engine *e)
{
	struct named_engine *wanted = arg;

	if (strcmp(engine_name(e), wanted->name) != 0)
		return true;
	wanted->engine = e;
	return false;
}

/* Groups of the name that are seen on the network, without those that are another's. */
struct candidates {
	const struct secret_group *group;
	char tags[SEEN_MAX][TAG_TEXT_MAX];
	size_t n;
};

/* What the settings have asked for. */
struct asked_tags {
	struct secret_group *group;
	const struct candidates *keep; /* NULL: none is needed any more */
	size_t ended;                  /* those that are over */
	char tags[SEEN_MAX][TAG_TEXT_MAX];
};

static void remember_refuted(struct secret_group *g, const char *tag)
{
	memcpy(g->refuted[g->nrefuted++ % REFUTED_MAX], tag, strnlen(tag, TAG_TEXT_MAX - 1) + 1);
}

static bool was_refuted(const struct secret_group *g, const char *tag)
{
	for (size_t i = 0; i < g->nrefuted && i < REFUTED_MAX; i++) {
		if (strcmp(g->refuted[i], tag) == 0)
			return true;
	}
	return false;
}

/* Anybody can announce groups of that name: where there are many, each has its turn. */
static bool is_crowded_out(const struct candidates *c, const char *tag)
{
	for (size_t i = 0; i < c->n && i < ASKED_AT_ONCE; i++) {
		if (strcmp(c->tags[i], tag) == 0)
			return false;
	}
	return c->n >= ASKED_AT_ONCE;
}

static bool gather_asked(void *arg, const struct agent_asked *asked)
{
	struct asked_tags *t = arg;

	if (strcmp(asked->name, t->group->name) != 0 || !asked->by_secret)
		return true;
	if (asked->refuted) {
		log_about(LOG_WARN, &(struct log_about){ .group = asked->name },
		          "group %s#%s: not joined: its founder did not have the secret of the settings", asked->name,
		          asked->tag);
		remember_refuted(t->group, asked->tag);
	}
	if ((asked->refuted || t->keep == NULL || is_crowded_out(t->keep, asked->tag)) && t->ended < SEEN_MAX)
		memcpy(t->tags[t->ended++], asked->tag, TAG_TEXT_MAX);
	return true;
}

/* Ends what is over of that. */
static void end_asks(struct secret_groups *s, struct secret_group *g, const struct candidates *keep)
{
	struct asked_tags t = { .group = g, .keep = keep };

	agent_asks(s->agent, gather_asked, &t);
	for (size_t i = 0; i < t.ended; i++)
		agent_ask_end(s->agent, t.tags[i]);
}

/* --- one that is missing here --- */

/* What was asked for is not among the groups that are seen, and after a restart nobody has told it the secret yet. */
static bool gather_asked_candidate(void *arg, const struct agent_asked *asked)
{
	struct candidates *c = arg;

	if (asked->by_secret && !asked->refuted && strcmp(asked->name, c->group->name) == 0)
		memcpy(c->tags[c->n++], asked->tag, TAG_TEXT_MAX);
	return c->n < SEEN_MAX;
}

static bool gather_candidate(void *arg, const struct seen_group *seen)
{
	struct candidates *c = arg;

	if (strcmp(seen->name, c->group->name) != 0 || was_refuted(c->group, seen->tag))
		return true;
	memcpy(c->tags[c->n++], seen->tag, TAG_TEXT_MAX);
	return c->n < SEEN_MAX;
}

/* Puts those first whose turn it is. */
static void turn_candidates(struct candidates *c, size_t turn)
{
	char tags[SEEN_MAX][TAG_TEXT_MAX];

	if (c->n <= ASKED_AT_ONCE)
		return;
	memcpy(tags, c->tags, sizeof(tags));
	for (size_t i = 0; i < c->n; i++)
		memcpy(c->tags[i], tags[(turn * ASKED_AT_ONCE + i) % c->n], TAG_TEXT_MAX);
}

static bool says_no(enum asker_state state)
{
	return state == ASKER_REJECTED || state == ASKER_BARRED;
}

struct asked_state {
	const char *tag;
	bool no;
};

static bool look_at_state(void *arg, const struct agent_asked *asked)
{
	struct asked_state *state = arg;

	if (strcmp(asked->tag, state->tag) != 0)
		return true;
	state->no = says_no(asked->status.state);
	return false;
}

static bool was_rejected(struct secret_groups *s, const char *tag)
{
	struct asked_state state = { .tag = tag };

	agent_asks(s->agent, look_at_state, &state);
	return state.no;
}

static void ask_candidate(struct secret_groups *s, struct secret_group *g, const char *text)
{
	const struct agent_ask_wish wish = { .name = g->name, .share = g->share, .secret = g->secret };
	struct group_tag tag;
	char *why = NULL;

	if (!was_rejected(s, text) && group_id_tag_parse(&tag, text) == 0 &&
	    agent_ask(s->agent, &tag, &wish, &why) < 0 && log_allow(g->name, 1))
		log_about(LOG_ERROR, &(struct log_about){ .group = g->name }, "group %s (%s): %s", g->name, g->place,
		          why);
	free(why);
}

static void found_group(struct secret_groups *s, struct secret_group *g)
{
	char *why = NULL;
	struct engine *e;

	if (agent_found(s->agent, g->name, g->share, g->secret, &e, &why) == 0) {
		log_about(LOG_INFO, &(struct log_about){ .group = g->name },
		          "group %s: founded, as the settings say: none of that name is on the network", g->name);
		g->founded = true;
	} else if (log_allow(g->name, 1)) {
		log_about(LOG_ERROR, &(struct log_about){ .group = g->name }, "group %s (%s): %s", g->name, g->place,
		          why);
	}
	free(why);
}

static void tell_wait(struct secret_group *g, bool asked)
{
	const struct log_about about = { .group = g->name };

	g->told = true;
	if (asked)
		log_about(
			LOG_WARN, &about,
			"group %s: a group of that name is on the network, and none of its owners has let this agent "
			"in yet: is the owner away, is the secret another one there, or was this agent removed? After a change "
			"of the secret, let an owner reject the old request first (lanyard reject)",
			g->name);
	else if (g->founder != NULL)
		log_about(LOG_WARN, &about,
		          "group %s: not seen on the network yet; the agent called %s founds it, as the settings say",
		          g->name, g->founder);
	else
		log_about(LOG_WARN, &about,
		          "group %s: not seen on the network yet, and nobody founds it: set `founder` (%s)", g->name,
		          g->place);
}

static void look_for_group(struct secret_groups *s, struct secret_group *g)
{
	int64_t now = loop_now_ms(s->loop);
	struct candidates c = { .group = g };

	if (g->since_ms == 0)
		g->since_ms = now;
	if (g->looked_ms == 0 || now - g->looked_ms >= LOOK_AGAIN_MS) {
		agent_look_around(s->agent);
		g->looked_ms = now;
		g->turns++;
	}
	agent_asks(s->agent, gather_asked_candidate, &c);
	if (c.n < SEEN_MAX)
		agent_seen_groups(s->agent, gather_candidate, &c);
	turn_candidates(&c, g->turns);
	end_asks(s, g, &c);
	for (size_t i = 0; i < c.n && i < ASKED_AT_ONCE; i++)
		ask_candidate(s, g, c.tags[i]);
	if (c.n == 0 && g->founds && (s->blind || now - g->since_ms >= FOUND_AFTER_MS))
		found_group(s, g);
	else if (!g->told && now - g->since_ms >= PATIENCE_MS)
		tell_wait(g, c.n > 0);
}

/* --- all of them --- */

/* A share that cannot be used leaves no group behind. False: it is tried again. */
static bool is_founded(struct secret_groups *s, struct secret_group *g, struct engine *e)
{
	char *why = NULL;

	if (engine_opening(e) || engine_error(e) == NULL) {
		g->founded = engine_opening(e);
		return true;
	}
	agent_unfound(s->agent, e, &why);
	if (log_allow(g->name, 1))
		log_about(LOG_ERROR, &(struct log_about){ .group = g->name }, "group %s (%s): not founded: %s", g->name,
		          g->place, why);
	free(why);
	g->founded = false;
	return false;
}

/* Returns when to look again. */
static int step_group(struct secret_groups *s, struct secret_group *g)
{
	struct named_engine here = { .name = g->name };

	agent_engines(s->agent, is_named, &here);
	if (here.engine == NULL) {
		look_for_group(s, g);
		return STEP_MS;
	}
	if (g->founded && !is_founded(s, g, here.engine))
		return REST_MS;
	g->since_ms = g->looked_ms = 0;
	end_asks(s, g, NULL);
	if (engine_opening(here.engine))
		return STEP_MS;
	return agent_accept_proven(s->agent, here.engine, g->secret) > 0 ? MORE_MS : REST_MS;
}

static void secret_groups_due(void *arg)
{
	struct secret_groups *s = arg;
	int next = REST_MS;

	for (size_t i = 0; i < s->n; i++) {
		int mine = step_group(s, &s->groups[i]);

		next = mine < next ? mine : next;
	}
	if (s->n > 0)
		loop_timer_start(s->timer, next, 0);
}

static void secret_groups_wake(void *arg, const struct event *event)
{
	struct secret_groups *s = arg;

	if (s->n > 0 && (strcmp(event->kind, "request") == 0 || strcmp(event->kind, "left") == 0))
		loop_timer_start(s->timer, REQUEST_MS, 0);
}

/* --- the settings --- */

char *secret_groups_read(const struct config_group *g, const char *path, bool *absent, char **why)
{
	char *secret = credential_read(path, GROUP_SECRET_MAX, absent, why);

	if (secret == NULL || strlen(secret) >= GROUP_SECRET_MIN)
		return secret;
	*why = mem_printf(
		"%s: the secret of group %s has fewer than %d characters, so it could be guessed: make one with "
		"`openssl rand -hex 32`",
		path, g->name, GROUP_SECRET_MIN);
	free(secret);
	return NULL;
}

static bool gather_rejected(void *arg, const struct agent_asked *asked)
{
	struct asked_tags *t = arg;

	if (strcmp(asked->name, t->group->name) == 0 && asked->by_secret && says_no(asked->status.state))
		memcpy(t->tags[t->ended++], asked->tag, TAG_TEXT_MAX);
	return t->ended < SEEN_MAX;
}

/* An owner's rejection holds until the settings are read, since they may have another secret now. */
static void forget_rejections(struct secret_groups *s, struct secret_group *g)
{
	struct asked_tags t = { .group = g };

	agent_asks(s->agent, gather_rejected, &t);
	for (size_t i = 0; i < t.ended; i++)
		agent_ask_end(s->agent, t.tags[i]);
}

static void clear_groups(struct secret_groups *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct secret_group *g = &s->groups[i];

		free(g->name);
		free(g->share);
		free(g->secret);
		free(g->place);
		free(g->founder);
	}
	free(s->groups);
	s->groups = NULL;
	s->n = 0;
}

static void add_secret_group(struct secret_groups *s, const struct config_group *g, const char *self)
{
	char *path = credential_path(g->secret_file, g->secret_credential), *secret = NULL, *why = NULL;
	bool absent;

	if (path != NULL)
		secret = secret_groups_read(g, path, &absent, &why);
	else
		absent = true;
	free(path);
	if (secret == NULL && absent && g->secret_file == NULL) {
		free(why);
		why = credential_missing(g->secret_credential);
	}
	if (secret == NULL) {
		log_about(LOG_ERROR, &(struct log_about){ .group = g->name }, "group %s (%s): %s", g->name, g->place,
		          why);
		free(why);
		return;
	}
	s->groups = mem_realloc(s->groups, s->n + 1, sizeof(*s->groups));
	s->groups[s->n++] = (struct secret_group){ .name = mem_strdup(g->name),
		                                   .share = mem_strdup(g->share),
		                                   .secret = secret,
		                                   .place = mem_strdup(g->place),
		                                   .founder = g->founder != NULL ? mem_strdup(g->founder) : NULL,
		                                   .founds = g->founder != NULL && strcmp(g->founder, self) == 0 };
}

void secret_groups_set(struct secret_groups *s, const struct config *c)
{
	clear_groups(s);
	s->blind = c->settings.discovery == DISCOVERY_OFF;
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct config_group *g = &c->groups[i];

		if (g->secret_file != NULL || g->secret_credential != NULL)
			add_secret_group(s, g, c->settings.name);
	}
	for (size_t i = 0; i < s->n; i++)
		forget_rejections(s, &s->groups[i]);
	if (s->n > 0)
		loop_timer_start(s->timer, 0, 0);
}

struct secret_groups *secret_groups_new(struct loop *loop, struct agent *agent, struct events *events)
{
	struct secret_groups *s = MEM_NEW(struct secret_groups);

	s->loop = loop;
	s->agent = agent;
	s->events = events;
	s->timer = loop_timer_new(loop, secret_groups_due, s);
	s->listener = events_listen(events, secret_groups_wake, s);
	return s;
}

void secret_groups_free(struct secret_groups *s)
{
	if (s == NULL)
		return;
	events_unlisten(s->events, s->listener);
	loop_timer_free(s->timer);
	clear_groups(s);
	free(s);
}
