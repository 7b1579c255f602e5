/* ask: joining by a group's name. The first call answers when a member has answered, so that the user has a code to
 * compare; the second one when an owner has decided. */
#include "agent/api/api_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_waiter.h"
#include "agent/escape.h"
#include "base/mem.h"

enum {
	ASK_TIMEOUT_DEFAULT = 60, /* s */
	ASK_TIMEOUT_MAX = 366 * 86400,
	CODE_S = 2, /* at least, to find the group and get a code */
	ASK_TEXT_MAX = GROUP_NAME_MAX + 1 + TAG_TEXT_MAX,
	ASK_SHARE_MAX = 4096,
	TAG_SHOWN = 8, /* digits of a public ID, unless as many were given */
	NAMED_MAX = 5, /* groups that are named in a message */
};

/* --- as JSON --- */

static const char *asked_state(enum asker_state state)
{
	return state == ASKER_REJECTED || state == ASKER_BARRED ? "rejected"
	       : state == ASKER_EXPIRED                         ? "expired"
	                                                        : "asked";
}

static const char *asked_note(const struct agent_asked *asked)
{
	switch (asked->status.state) {
	case ASKER_LOOKING:
		return asked->status.note != NULL ? asked->status.note : "no member has answered yet";
	case ASKER_WAITING:
		return asked->status.note != NULL ? asked->status.note : "waiting for an owner to decide";
	case ASKER_ACCEPTED:
		return asked->error != NULL ? asked->error : "accepted";
	case ASKER_REJECTED:
		return "an owner rejected the request; lanyard join asks again";
	case ASKER_BARRED:
		return "an owner rejected this agent for good";
	default:
		return "nobody decided for two weeks; lanyard join asks again";
	}
}

static json_t *asked_json(const struct agent_asked *asked)
{
	const struct asker_status *s = &asked->status;
	json_t *codes = json_array();

	for (size_t i = 0; i < s->ncodes; i++)
		json_array_append_new(codes, json_string(s->codes[i]));
	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:o}", "group", api_name(asked->name),
	                 "public_id", asked->tag, "share", api_name(asked->share), "message", api_name(asked->message),
	                 "state", asked_state(s->state), "code", s->ncodes > 0 ? json_string(s->codes[0]) : json_null(),
	                 "codes", codes, "carriers", (json_int_t)s->carriers, "since", (json_int_t)s->since_s, "note",
	                 api_message(asked_note(asked)));
}

static bool list_asked(void *arg, const struct agent_asked *asked)
{
	json_array_append_new(arg, asked_json(asked));
	return true;
}

json_t *api_ask_list(struct api *api)
{
	json_t *list = json_array();

	agent_asks(api->agent, list_asked, list);
	return list;
}

/* --- which group is meant: NAME, or NAME#start of its public ID --- */

struct ask_wanted {
	char text[ASK_TEXT_MAX + 1]; /* as a whole: a name may have a '#' in it */
	char name[ASK_TEXT_MAX + 1];
	char start[ASK_TEXT_MAX + 1]; /* of the public ID; "": any */
	size_t n;                     /* groups that it fits */
	char one[GROUP_NAME_MAX + 1]; /* the first of them, */
	char tag[TAG_TEXT_MAX];       /* and its public ID */
	char *listed;                 /* all of them, for a message; owned; NULL: none */
};

static void wanted_parse(struct ask_wanted *w, const char *text)
{
	char *hash;

	memset(w, 0, sizeof(*w));
	(void)snprintf(w->text, sizeof(w->text), "%s", text);
	(void)snprintf(w->name, sizeof(w->name), "%s", text);
	hash = strrchr(w->name, '#');
	if (hash == NULL || strspn(hash + 1, "abcdefghijklmnopqrstuvwxyz234567") != strlen(hash + 1))
		return;
	(void)snprintf(w->start, sizeof(w->start), "%s", hash + 1);
	*hash = '\0';
}

static bool wanted_fits(const struct ask_wanted *w, const char *name, const char *tag)
{
	return strcmp(name, w->text) == 0 ||
	       (strcmp(name, w->name) == 0 && strncmp(tag, w->start, strlen(w->start)) == 0);
}

/* what: for people. */
static void wanted_take(struct ask_wanted *w, const char *name, const char *tag, const char *what)
{
	/* Anybody can announce a group whose public ID begins like another's. */
	int shown = strlen(w->start) < TAG_SHOWN ? TAG_SHOWN : TAG_TEXT_MAX - 1;
	char *longer;

	if (w->n++ == 0) {
		(void)snprintf(w->one, sizeof(w->one), "%.*s", GROUP_NAME_MAX, name);
		(void)snprintf(w->tag, sizeof(w->tag), "%.*s", TAG_TEXT_MAX - 1, tag);
	}
	if (w->n > NAMED_MAX)
		return;
	longer = mem_printf("%s%s%s#%.*s (%s)", w->listed != NULL ? w->listed : "", w->listed != NULL ? ", " : "", name,
	                    shown, tag, what);
	free(w->listed);
	w->listed = longer;
}

static bool wanted_among_seen(void *arg, const struct seen_group *g)
{
	struct ask_wanted *w = arg;
	char *what;

	if (!wanted_fits(w, g->name, g->tag))
		return true;
	what = mem_printf("%s%s%s%d member%s", g->owner[0] != '\0' ? "of " : "", g->owner,
	                  g->owner[0] != '\0' ? ", " : "", g->members, g->members == 1 ? "" : "s");
	wanted_take(w, g->name, g->tag, what);
	free(what);
	return true;
}

static bool wanted_among_asked(void *arg, const struct agent_asked *asked)
{
	struct ask_wanted *w = arg;

	if (wanted_fits(w, asked->name, asked->tag))
		wanted_take(w, asked->name, asked->tag, "asked before");
	return true;
}

/* --- the call that asks --- */

struct ask_call {
	char text[ASK_TEXT_MAX + 1];           /* as the user named the group */
	char share[ASK_SHARE_MAX + 1];         /* "": as before, or the default */
	char default_share[ASK_SHARE_MAX + 1]; /* "": none */
	bool has_message;                      /* otherwise as before, or none */
	char message[REQUEST_MESSAGE_MAX + 1];
	bool on_demand;
	char tag[TAG_TEXT_MAX];       /* of the group whose members are asked; "": it is not known yet */
	char code[REQUEST_CODE_TEXT]; /* the latest; "": none yet */
};

/* Asks, if it can be told now whom. True when the call was answered. */
static bool begin_asking(struct api *api, struct control_call *call, struct ask_call *c)
{
	struct agent_ask_wish wish = { .share = c->share[0] != '\0' ? c->share : NULL,
		                       .default_share = c->default_share[0] != '\0' ? c->default_share : NULL,
		                       .message = c->has_message ? c->message : NULL,
		                       .on_demand = c->on_demand };
	struct ask_wanted w;
	struct group_tag tag;
	char *why = NULL;
	bool answered = true;
	bool known;

	wanted_parse(&w, c->text);
	/* The group that was asked before, if there is one of that name: which one is meant was decided then. */
	agent_asks(api->agent, wanted_among_asked, &w);
	known = w.n == 1;
	if (!known)
		agent_seen_groups(api->agent, wanted_among_seen, &w);
	/* A whole public ID says whom, also where nothing is seen, as across networks. */
	if (w.n == 0 && group_id_tag_parse(&tag, w.start) == 0 && roster_name_valid(w.name))
		wanted_take(&w, w.name, w.start, "");
	else if (w.n == 0 || (!known && !agent_has_looked(api->agent)))
		answered = false;
	wish.name = w.one;
	if (answered && w.n > 1)
		control_fail(call, 409, "%zu groups have that name: %s%s. Say which: NAME#ID", w.n, w.listed,
		             w.n > NAMED_MAX ? ", ..." : "");
	else if (answered && (group_id_tag_parse(&tag, w.tag) < 0 || agent_ask(api->agent, &tag, &wish, &why) < 0))
		api_refuse(call, &why);
	else if (answered) {
		memcpy(c->tag, w.tag, sizeof(c->tag));
		answered = false;
	}
	free(w.listed);
	return answered;
}

struct ask_look {
	struct ask_call *call;
	json_t *answer; /* NULL: there is no such request */
	bool decided, coded;
};

static bool look_at_asked(void *arg, const struct agent_asked *asked)
{
	struct ask_look *look = arg;

	if (strcmp(asked->tag, look->call->tag) != 0)
		return true;
	look->answer = asked_json(asked);
	look->decided = strcmp(asked_state(asked->status.state), "asked") != 0;
	look->coded = asked->status.ncodes > 0;
	if (look->coded)
		memcpy(look->call->code, asked->status.codes[0], sizeof(look->call->code));
	return false;
}

static bool has_tag(void *arg, struct engine *e)
{
	struct ask_look *look = arg;
	char tag[TAG_TEXT_MAX];

	group_id_tag(tag, engine_group(e));
	if (strcmp(tag, look->call->tag) != 0)
		return true;
	look->decided = look->coded = !engine_opening(e);
	look->answer = json_pack("{s:o, s:o, s:o, s:s, s:o, s:o}", "group", api_name(engine_name(e)), "id",
	                         api_group_id(e), "share", api_name(engine_share_path(e)), "state", "accepted", "code",
	                         look->call->code[0] != '\0' ? json_string(look->call->code) : json_null(),
	                         "disk_lacks", api_disk_lacks(e));
	return false;
}

/* How the request stands: as a member, or as it is listed. */
static struct ask_look look_at(struct api *api, struct ask_call *c)
{
	struct ask_look look = { .call = c };

	agent_engines(api->agent, has_tag, &look);
	if (look.answer == NULL)
		agent_asks(api->agent, look_at_asked, &look);
	return look;
}

static bool answer_look(struct control_call *call, const struct ask_look *look, bool enough)
{
	if (look->answer == NULL) {
		control_fail(call, 404, "this agent does not ask to join that group");
		return true;
	}
	if (enough)
		control_reply(call, 200, look->answer);
	else
		json_decref(look->answer);
	return enough;
}

static bool check_asked(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct ask_call *c = state;
	struct ask_look look;

	(void)again;
	if (c->tag[0] == '\0' && begin_asking(api, call, c))
		return true;
	if (c->tag[0] == '\0') {
		agent_keep_looking(api->agent);
		return false;
	}
	look = look_at(api, c);
	return answer_look(call, &look, look.coded || look.decided);
}

static void asked_late(struct api *api, struct control_call *call, void *state)
{
	struct ask_call *c = state;
	struct ask_look look;

	if (c->tag[0] == '\0') {
		control_fail(call, 409,
		             "no group of that name is seen on the network (lanyard groups lists them; a hidden one "
		             "cannot be asked for: use an invite)");
		return;
	}
	look = look_at(api, c);
	(void)answer_look(call, &look, true);
}

static bool wanted_among_here(void *arg, struct engine *e)
{
	struct ask_wanted *w = arg;
	char tag[TAG_TEXT_MAX];

	group_id_tag(tag, engine_group(e));
	if (wanted_fits(w, engine_name(e), tag))
		wanted_take(w, engine_name(e), tag, "");
	return true;
}

/* Whether the call asks for what is so already: who asks twice, because the first call ran out of time, is told of the
 * acceptance. Nobody is told so who may mean another group of that name. */
static bool is_answered_by(struct api *api, const struct ask_call *c, const struct engine *e)
{
	struct ask_wanted others;

	if (c->share[0] != '\0')
		return strcmp(c->share, engine_share_path(e)) == 0;
	wanted_parse(&others, c->text);
	agent_seen_groups(api->agent, wanted_among_seen, &others);
	free(others.listed);
	return strcmp(engine_name(e), c->text) != 0 || others.n == 0;
}

/* False after an answer: the text names no group, or one that is here. */
static bool check_ask_text(struct api *api, struct control_call *call, struct ask_call *c)
{
	struct ask_wanted w;
	struct engine *e;
	char *why = NULL;

	if (c->text[0] == '\0') {
		control_fail(call, 400,
		             "\"group\" must be the name of a group, or NAME#ID with a start of its public ID");
		return false;
	}
	wanted_parse(&w, c->text);
	agent_engines(api->agent, wanted_among_here, &w);
	free(w.listed);
	if (w.n == 0)
		return true;
	e = agent_find(api->agent, c->text, &why);
	free(why);
	if (e != NULL && engine_is_excluded(e))
		control_fail(call, 409,
		             "%s: this agent was in that group, and is no longer a member. To ask again: lanyard "
		             "leave %s, then lanyard join %s",
		             c->text, c->text, c->text);
	else if (e != NULL && !engine_is_joiner(e) && is_answered_by(api, c, e))
		memcpy(c->tag, w.tag, sizeof(c->tag));
	else
		control_fail(call, 409,
		             "this agent is in a group of that name already, or joins it (lanyard groups); for another "
		             "one of that name: NAME#ID");
	return c->tag[0] != '\0';
}

/* A field of the body, unescaped, into out of max + 1 bytes. -1: it is too long or malformed (400). */
static int ask_field(struct control_call *call, const char *key, const char *text, char *out, size_t max)
{
	char *decoded = text != NULL ? escape_decode(text) : mem_strdup("");
	size_t n = decoded != NULL ? strlen(decoded) : max + 1;

	if (n <= max)
		memcpy(out, decoded, n + 1);
	else
		control_fail(call, 400, "\"%s\" must be at most %zu bytes (write a backslash in it as \\\\)", key, max);
	free(decoded);
	return n <= max ? 0 : -1;
}

static int ask_read(struct control_call *call, struct ask_call *c)
{
	const char *group, *message, *share, *share_default;

	if (api_body_text(call, "group", &group) < 0 || api_body_text(call, "message", &message) < 0 ||
	    api_body_text(call, "share", &share) < 0 || api_body_text(call, "default_share", &share_default) < 0 ||
	    api_body_on_demand(call, "mode", &c->on_demand) < 0)
		return -1;
	if (ask_field(call, "group", group, c->text, ASK_TEXT_MAX) < 0 ||
	    ask_field(call, "message", message, c->message, REQUEST_MESSAGE_MAX) < 0 ||
	    ask_field(call, "share", share, c->share, ASK_SHARE_MAX) < 0 ||
	    ask_field(call, "default_share", share_default, c->default_share, ASK_SHARE_MAX) < 0)
		return -1;
	c->has_message = message != NULL;
	if ((c->share[0] == '\0' || c->share[0] == '/') && (c->default_share[0] == '\0' || c->default_share[0] == '/'))
		return 0;
	control_fail(call, 400, "\"share\" must be an absolute path (write a backslash in it as \\\\)");
	return -1;
}

void api_ask(struct api *api, struct control_call *call)
{
	int64_t timeout = ASK_TIMEOUT_DEFAULT;
	struct ask_call *c = MEM_NEW(struct ask_call);

	if (api_body_number(call, "timeout", 0, ASK_TIMEOUT_MAX, &timeout) < 0 || ask_read(call, c) < 0 ||
	    !check_ask_text(api, call, c)) {
		free(c);
		return;
	}
	agent_look_around(api->agent);
	api_wait_until(api, call, timeout > CODE_S ? timeout : CODE_S, check_asked, asked_late, c);
}

/* --- the call that waits for a decision --- */

static bool check_decided(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct ask_look look = look_at(api, state);

	(void)again;
	return answer_look(call, &look, look.decided);
}

static void decided_late(struct api *api, struct control_call *call, void *state)
{
	struct ask_look look = look_at(api, state);

	(void)answer_look(call, &look, true);
}

void api_asked(struct api *api, struct control_call *call)
{
	const char *id = control_query(call, "public_id");
	int64_t timeout = ASK_TIMEOUT_DEFAULT;
	struct group_tag tag;
	struct ask_call *c;

	if (api_query_number(call, "timeout", 0, ASK_TIMEOUT_MAX, &timeout) < 0)
		return;
	if (id == NULL || group_id_tag_parse(&tag, id) < 0) {
		control_fail(call, 400, "\"public_id\" must be the public ID of a group");
		return;
	}
	c = MEM_NEW(struct ask_call);
	group_id_tag_text(c->tag, &tag);
	api_wait_until(api, call, timeout, check_decided, decided_late, c);
}

/* --- giving up --- */

bool api_ask_left(struct api *api, struct control_call *call)
{
	char *text = escape_decode(call->group);
	struct ask_wanted w;
	struct ask_look look = { 0 };
	struct ask_call c = { 0 };
	char *why = NULL;
	bool here;

	if (text == NULL)
		return false;
	here = agent_find(api->agent, text, &why) != NULL;
	free(why);
	wanted_parse(&w, text);
	free(text);
	agent_asks(api->agent, wanted_among_asked, &w);
	free(w.listed);
	if (here && w.n > 0) {
		control_fail(call, 409,
		             "%s: a group here has that name, and one that is asked for: say which, as NAME#ID "
		             "(lanyard groups)",
		             w.text);
		return true;
	}
	if (here || w.n != 1)
		return false;
	memcpy(c.tag, w.tag, sizeof(c.tag));
	look = look_at(api, &c);
	agent_ask_end(api->agent, w.tag);
	return answer_look(call, &look, true);
}
