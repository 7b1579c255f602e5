/* Asking to join groups without an invite: see agent_ask(). Each request is stored in the home as asks/<tag>, one
 * "key value" per line, so that it has the same code after a restart. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/agent_internal.h"
#include "agent/engine/engine_choices.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/group/group_secret.h"

enum {
	SAVE_SOON_MS = 100,
	AGAIN_MS = 10000, /* until members are asked again for a group that could not be set up here */
	ASK_FILE_MAX = 64 << 10,
};

static const char folder[] = "asks";

/* --- stored --- */

static char *ask_path(const struct agent_asking *ask)
{
	return mem_printf("%s/%s", folder, ask->text);
}

static int store_ask(const struct agent_asking *ask, char **why)
{
	const struct agent *a = ask->agent;
	struct bytes saved = BYTES_INIT(ASKER_SAVED_MAX);
	char *path = ask_path(ask);
	char *hex;
	char *text;
	int status = 0;

	asker_save(ask->asker, &saved);
	hex = mem_calloc(2 * saved.len + 1, 1);
	hex_encode(hex, saved.p, saved.len);
	text = mem_printf("name %s\nshare %s\nmessage %s\nmode %s\nsaved %s\nsecret %s\n", ask->name, ask->share,
	                  ask->message, choose_mode_name(ask->on_demand ? CHOOSE_ON_DEMAND : CHOOSE_MIRROR), hex,
	                  ask->by_secret ? "yes" : "no");
	if (fs_mkdirs(a->home_dirfd, folder, 0700) < 0 ||
	    fs_write_file(a->home_dirfd, path, text, strlen(text), 0600) < 0) {
		*why = mem_printf("%s/%s: %s", a->home, path, strerror(errno));
		status = -1;
	}
	bytes_free(&saved);
	free(hex);
	free(text);
	free(path);
	return status;
}

static void store_due(void *arg)
{
	struct agent_asking *ask = arg;
	char *why = NULL;

	if (store_ask(ask, &why) == 0)
		return;
	if (log_allow(ask->text, 1))
		log_error("the request to join %s could not be stored; trying again: %s", ask->name, why);
	free(why);
	loop_timer_start(ask->save, AGAIN_MS, 0);
}

/* --- one request --- */

static void free_ask(struct agent_asking *ask)
{
	DL_DELETE(ask->agent->asks, ask);
	loop_timer_free(ask->save);
	loop_timer_free(ask->again);
	asker_free(ask->asker);
	free(ask->name);
	free(ask->share);
	free(ask->message);
	free(ask->secret);
	free(ask->error);
	free(ask);
}

static void forget_ask(struct agent_asking *ask)
{
	char *path = ask_path(ask);

	if (unlinkat(ask->agent->home_dirfd, path, 0) < 0 && errno != ENOENT)
		log_error("%s/%s: could not be removed: %s", ask->agent->home, path, strerror(errno));
	free(path);
	free_ask(ask);
}

static const char *decision_text(enum asker_state state)
{
	switch (state) {
	case ASKER_REJECTED:
		return "an owner rejected the request";
	case ASKER_BARRED:
		return "an owner rejected the request, and all later ones";
	case ASKER_EXPIRED:
		return "nobody decided about the request for two weeks";
	default:
		return NULL;
	}
}

static void tell_code(struct agent_asking *ask, const char *code)
{
	char *text = mem_printf("the confirmation code is %s", code);

	memcpy(ask->told_code, code, sizeof(ask->told_code));
	log_about(LOG_INFO, &(struct log_about){ .group = ask->name },
	          "group %s: asked to join: %s; an owner compares it and accepts", ask->name, text);
	events_emit(ask->agent->events, &(struct event){ .kind = "asked", .group = ask->name, .reason = text });
	free(text);
}

/* A decision is told once. */
static void ask_changed(void *arg)
{
	struct agent_asking *ask = arg;
	struct asker_status s;
	const char *decision;

	asker_status(ask->asker, &s);
	decision = decision_text(s.state);
	if (decision != NULL && ask->told != s.state) {
		log_about(LOG_WARN, &(struct log_about){ .group = ask->name }, "group %s: %s", ask->name, decision);
		events_emit(ask->agent->events,
		            &(struct event){ .kind = "rejected", .group = ask->name, .reason = decision });
		agent_publish(ask->agent);
	}
	ask->told = s.state;
	if (s.ncodes > 0 && decision == NULL && strcmp(ask->told_code, s.codes[0]) != 0)
		tell_code(ask, s.codes[0]);
	if (!loop_timer_running(ask->save))
		loop_timer_start(ask->save, SAVE_SOON_MS, 0);
}

static void ask_accepted(void *arg, struct roster *roster);

static void start_asking(struct agent_asking *ask, const uint8_t *saved, size_t n)
{
	struct asker_status s;

	ask->asker = asker_new(ask->agent->peers, &(struct asker_config){ .tag = ask->tag,
	                                                                  .message = ask->message,
	                                                                  .saved = saved,
	                                                                  .nsaved = n,
	                                                                  .changed = ask_changed,
	                                                                  .accepted = ask_accepted,
	                                                                  .arg = ask });
	asker_status(ask->asker, &s);
	ask->told = s.state;
	if (s.ncodes > 0)
		memcpy(ask->told_code, s.codes[0], sizeof(ask->told_code));
}

static void ask_members_again(void *arg)
{
	struct agent_asking *ask = arg;
	struct bytes saved = BYTES_INIT(ASKER_SAVED_MAX);

	asker_save(ask->asker, &saved);
	asker_free(ask->asker);
	start_asking(ask, saved.p, saved.len);
	bytes_free(&saved);
}

/* What keeps us from joining the group whose roster this is. Fresh; NULL: nothing. */
static char *accepted_fault(struct agent_asking *ask, const struct roster *roster)
{
	if (!ask->by_secret)
		return NULL;
	if (ask->secret == NULL)
		return mem_strdup("the settings do not name the secret any more by which it asked");
	ask->refuted = strcmp(roster_name(roster), ask->name) != 0 || !group_secret_is_founder(ask->secret, roster);
	return ask->refuted ? mem_strdup("its founder did not have the secret of the settings") : NULL;
}

/* The engine first, then the end of the asking, so that a crash between the two loses neither. */
static void ask_accepted(void *arg, struct roster *roster)
{
	struct agent_asking *ask = arg;
	struct agent *a = ask->agent;
	char *why = NULL;
	struct engine *e = NULL;

	if (agent_has_tag(a, ask->text)) { /* by an invite, meanwhile */
		roster_free(roster);
		forget_ask(ask);
		return;
	}
	why = accepted_fault(ask, roster);
	if (why == NULL)
		e = engine_accepted(&a->context, roster, ask->share, &why);
	else
		roster_free(roster);
	if (e == NULL) {
		log_about(LOG_ERROR, &(struct log_about){ .group = ask->name },
		          "group %s: accepted, and cannot be set up here; trying again: %s", ask->name, why);
		free(ask->error);
		ask->error = why;
		loop_timer_start(ask->again, AGAIN_MS, 0);
		return;
	}
	if (ask->on_demand && engine_begin_on_demand(e, &why) < 0) {
		engine_emit(e, "problem", NULL, why);
		free(why);
	}
	agent_add_group(a, e);
	log_about(LOG_INFO, &(struct log_about){ .group = engine_name(e) },
	          "group %s: joined: an owner accepted the request", engine_name(e));
	engine_emit(e, "joined", NULL, NULL);
	forget_ask(ask);
	agent_publish(a);
}

static struct agent_asking *new_ask(struct agent *a, const struct group_tag *tag)
{
	struct agent_asking *ask = MEM_NEW(struct agent_asking);

	ask->agent = a;
	ask->tag = *tag;
	group_id_tag_text(ask->text, tag);
	ask->save = loop_timer_new(a->loop, store_due, ask);
	ask->again = loop_timer_new(a->loop, ask_members_again, ask);
	DL_APPEND(a->asks, ask);
	return ask;
}

static struct agent_asking *find_ask(struct agent *a, const char *tag)
{
	struct agent_asking *ask;

	DL_FOREACH(a->asks, ask)
		if (strcmp(ask->text, tag) == 0)
			return ask;
	return NULL;
}

/* --- of earlier runs --- */

/* Fills in what the file says; false: it lacks something. */
static bool read_ask(struct agent_asking *ask, char *text, struct bytes *saved)
{
	char *rest = text;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *value = strchr(line, ' ');
		char **to = NULL;

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(line, "saved") == 0 && strlen(value) % 2 == 0 && strlen(value) / 2 <= ASKER_SAVED_MAX) {
			uint8_t *p = mem_calloc(strlen(value) / 2 + 1, 1);

			if (hex_decode(p, strlen(value) / 2, value) == 0)
				(void)bytes_append(saved, p, strlen(value) / 2);
			free(p);
		}
		if (strcmp(line, "secret") == 0)
			ask->by_secret = strcmp(value, "yes") == 0;
		if (strcmp(line, "mode") == 0)
			ask->on_demand = strcmp(value, "on-demand") == 0;
		to = strcmp(line, "name") == 0 ? &ask->name : strcmp(line, "share") == 0 ? &ask->share : NULL;
		to = strcmp(line, "message") == 0 ? &ask->message : to;
		if (to != NULL && *to == NULL)
			*to = mem_strdup(value);
	}
	return ask->name != NULL && roster_name_valid(ask->name) && ask->share != NULL && ask->share[0] == '/' &&
	       ask->message != NULL && saved->len > 0;
}

static void load_ask(struct agent *a, const char *tag_text)
{
	struct bytes saved = BYTES_INIT(ASKER_SAVED_MAX);
	struct group_tag tag;
	struct agent_asking *ask;
	char *path;
	char *text;
	size_t n;

	if (group_id_tag_parse(&tag, tag_text) < 0 || agent_has_asked(a, tag_text))
		return;
	ask = new_ask(a, &tag);
	path = ask_path(ask);
	text = fs_read_file(a->home_dirfd, path, ASK_FILE_MAX, &n);
	if (agent_has_tag(a, ask->text)) {
		forget_ask(ask);
	} else if (text == NULL || !read_ask(ask, text, &saved)) {
		log_error("%s/%s: a request to join that cannot be read: ask again", a->home, path);
		free_ask(ask);
	} else {
		start_asking(ask, saved.p, saved.len);
	}
	bytes_free(&saved);
	free(text);
	free(path);
}

void agent_load_asks(struct agent *a)
{
	int fd = fs_open(a->home_dirfd, folder, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct agent_asking *ask;
	size_t n = 0;

	while (d != NULL && n < AGENT_MAX_ASKS && (entry = readdir(d)) != NULL) {
		if (*entry->d_name != '.')
			load_ask(a, entry->d_name);
		DL_COUNT(a->asks, ask, n);
	}
	if (d != NULL)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

void agent_free_asks(struct agent *a)
{
	while (a->asks != NULL) {
		if (loop_timer_running(a->asks->save))
			store_due(a->asks);
		free_ask(a->asks);
	}
}

/* --- what users do --- */

void agent_asks(struct agent *a, agent_asked_fn *fn, void *arg)
{
	struct agent_asking *ask, *next;

	DL_FOREACH_SAFE(a->asks, ask, next) {
		struct agent_asked asked = { .name = ask->name,
			                     .tag = ask->text,
			                     .share = ask->share,
			                     .message = ask->message,
			                     .error = ask->error,
			                     .by_secret = ask->by_secret,
			                     .refuted = ask->refuted };

		asker_status(ask->asker, &asked.status);
		if (!fn(arg, &asked))
			return;
	}
}

/* Whether one of two absolute paths is below the other, or the same, as they are written. */
static bool is_below(const char *a, const char *b)
{
	size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, n) == 0 && (a[n] == '\0' || a[n] == '/') && (b[n] == '\0' || b[n] == '/');
}

/* What shows without the disk, which may not answer; the rest shows when the share is opened. */
static char *share_fault(const struct agent *a, const struct agent_asking *before, const char *share)
{
	const struct agent_asking *ask;
	const struct agent_group *g;

	if (strchr(share, '\n') != NULL)
		return mem_strdup(
			"the share's path has a newline in it, which cannot be stored: choose another folder");
	if (is_below(share, a->home))
		return mem_printf(
			"%s: a share must neither contain the agent's home (%s) nor be inside it: choose another "
			"folder",
			share, a->home);
	DL_FOREACH(a->groups, g)
		if (is_below(share, engine_share_path(g->engine)))
			return mem_printf(
				"%s: overlaps with %s, the share of group %s: choose another folder (--share FOLDER)",
				share, engine_share_path(g->engine), engine_name(g->engine));
	DL_FOREACH(a->asks, ask)
		if (ask != before && is_below(share, ask->share))
			return mem_printf(
				"%s: overlaps with %s, which is to be the share of group %s: choose another folder "
				"(--share FOLDER)",
				share, ask->share, ask->name);
	return NULL;
}

static int check_ask(struct agent *a, const struct agent_asking *before, const char *tag, const char *share, char **why)
{
	struct agent_asking *ask;
	size_t n;

	DL_COUNT(a->asks, ask, n);
	if (agent_has_tag(a, tag))
		*why = mem_strdup("this agent is in that group already, or joins it (lanyard groups)");
	else if (before == NULL && n >= AGENT_MAX_ASKS)
		*why = mem_printf("an agent can ask to join at most %d groups at a time: leave one first",
		                  AGENT_MAX_ASKS);
	else if (agent_engine_count(a) >= AGENT_MAX_GROUPS)
		*why = mem_printf("an agent can be in at most %d groups: leave one first", AGENT_MAX_GROUPS);
	else
		*why = share_fault(a, before, share);
	return *why == NULL ? 0 : -1;
}

static bool has_stopped(const struct agent_asking *ask)
{
	struct asker_status s;

	asker_status(ask->asker, &s);
	return decision_text(s.state) != NULL;
}

/* People may have compared its code already, so it stays what it is. */
static int continue_ask(struct agent_asking *ask, const struct agent_ask_wish *wish, char **why)
{
	if (wish->share != NULL && strcmp(wish->share, ask->share) != 0)
		*why = mem_printf("this agent asks to join %s already, to share %s (lanyard leave gives that up)",
		                  ask->name, ask->share);
	else if (wish->message != NULL && strcmp(wish->message, ask->message) != 0)
		*why = mem_printf(
			"this agent asks to join %s already, with another message (lanyard leave gives that up)",
			ask->name);
	if (*why != NULL)
		return -1;
	if (wish->secret != NULL && ask->by_secret) {
		free(ask->secret);
		ask->secret = mem_strdup(wish->secret);
	}
	if (wish->on_demand && !ask->on_demand) {
		ask->on_demand = true;
		return store_ask(ask, why);
	}
	return 0;
}

int agent_ask(struct agent *a, const struct group_tag *tag, const struct agent_ask_wish *wish, char **why)
{
	const char *share = wish->share != NULL ? wish->share : wish->default_share;
	char text[TAG_TEXT_MAX], proof[GROUP_SECRET_PROOF];
	struct agent_asking *ask;

	group_id_tag_text(text, tag);
	if (wish->secret != NULL)
		group_secret_prove(proof, wish->secret, tag, identity_id(a->self));
	ask = find_ask(a, text);
	if (ask != NULL && ask->by_secret && wish->secret != NULL && strcmp(ask->message, proof) != 0) {
		forget_ask(ask); /* the settings have another secret now */
		ask = NULL;
	}
	if (ask != NULL && !has_stopped(ask))
		return continue_ask(ask, wish, why);
	if (share == NULL)
		*why = mem_strdup("the share is missing");
	if (share == NULL || check_ask(a, ask, text, share, why) < 0)
		return -1;
	if (ask != NULL)
		forget_ask(ask);
	ask = new_ask(a, tag);
	ask->name = mem_strdup(wish->name);
	ask->share = mem_strdup(share);
	ask->by_secret = wish->secret != NULL;
	ask->secret = ask->by_secret ? mem_strdup(wish->secret) : NULL;
	ask->message = mem_strdup(ask->by_secret ? proof : wish->message != NULL ? wish->message : "");
	ask->on_demand = wish->on_demand;
	for (char *c = ask->message; *c != '\0'; c++)
		*c = *c == '\n' ? ' ' : *c;
	start_asking(ask, NULL, 0);
	if (store_ask(ask, why) < 0) {
		free_ask(ask);
		return -1;
	}
	agent_publish(a);
	return 0;
}

void agent_ask_drop(struct agent *a, const char *tag)
{
	struct agent_asking *ask = find_ask(a, tag);

	if (ask != NULL)
		forget_ask(ask);
}

void agent_ask_end(struct agent *a, const char *tag)
{
	agent_ask_drop(a, tag);
	agent_publish(a);
}
