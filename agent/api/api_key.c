/* key export, key import. A worker turns the passphrase into keys, which takes half a second and 128 MiB, so one call
 * at a time. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "agent/key_file.h"
#include "base/bytes.h"
#include "base/mem.h"

enum { PASSPHRASE_MAX = 1024 };

struct api_key {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	char *passphrase;          /* owned; overwritten before it is freed */
	bool paper;
	struct export_content *content; /* owned; export: what goes into the file; import: what was in it */
	struct bytes file;
	char *share, *otherwise; /* owned; import: as in key_file_share() */
	char **shares;           /* owned; import: of each group; NULL: no content */
	char *why;               /* owned; NULL: it worked */
};

static void key_free(struct api_key *k)
{
	k->api->key_busy = false;
	if (k->passphrase != NULL)
		explicit_bzero(k->passphrase, strlen(k->passphrase));
	free(k->passphrase);
	for (size_t i = 0; k->shares != NULL && i < k->content->ngroups; i++)
		free(k->shares[i]);
	free(k->shares);
	export_content_free(k->content);
	bytes_free(&k->file);
	free(k->share);
	free(k->otherwise);
	free(k->why);
	free(k);
}

/* NULL after the answer. */
static struct api_key *key_begin(struct api *api, struct control_call *call)
{
	const char *passphrase = NULL;
	struct api_key *k;

	if (api_body_text(call, "passphrase", &passphrase) < 0)
		return NULL;
	if (passphrase == NULL || passphrase[0] == '\0' || strlen(passphrase) > PASSPHRASE_MAX) {
		control_fail(call, 400, "\"passphrase\" must be 1 to %d bytes of text", PASSPHRASE_MAX);
		return NULL;
	}
	if (api->key_busy) {
		control_fail(call, 409, "another key file is being written or read: try again");
		return NULL;
	}
	k = MEM_NEW(struct api_key);
	k->api = api;
	k->call = call;
	k->passphrase = mem_strdup(passphrase);
	k->file = BYTES_INIT(EXPORT_MAX);
	api->key_busy = true;
	return k;
}

static void key_client_gone(void *state)
{
	((struct api_key *)state)->call = NULL;
}

static void key_submit(struct api_key *k, workers_fn *work, workers_done_fn *done)
{
	control_defer(k->call, key_client_gone, k);
	agent_work(k->api->agent, work, done, k);
}

/* --- export --- */

static void export_work(void *job)
{
	struct api_key *k = job;

	(void)key_file_seal(k->content, k->paper, k->passphrase, &k->file, &k->why);
}

/* pathless: only those of whose shares the path is not in it. */
static json_t *key_groups(const struct export_content *c, bool pathless)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < c->ngroups; i++)
		if (!pathless || c->groups[i].share[0] == '\0')
			json_array_append_new(groups, api_name(c->groups[i].name));
	return groups;
}

static void export_done(void *job)
{
	struct api_key *k = job;
	char *text;

	if (k->call != NULL && k->why != NULL) {
		control_fail(k->call, 409, "the key file %s", k->why);
	} else if (k->call != NULL) {
		text = mem_calloc((k->file.len * 4 + 2) / 3 + 1, 1);
		base64url_encode(text, k->file.p, k->file.len);
		control_reply(k->call, 200,
		              json_pack("{s:o, s:s, s:o, s:o, s:s}", "agent", api_agent_id(agent_self(k->api->agent)),
		                        "name", k->api->name, "groups", key_groups(k->content, false), "without_path",
		                        key_groups(k->content, !k->paper), "file", text));
		free(text);
	}
	key_free(k);
}

void api_key_export(struct api *api, struct control_call *call)
{
	bool paper = false;
	struct api_key *k;
	char *why = NULL;

	if (api_body_flag(call, "paper", &paper) < 0)
		return;
	k = key_begin(api, call);
	if (k == NULL)
		return;
	k->paper = paper;
	k->content = agent_key_content(api->agent, &why);
	if (k->content == NULL) {
		api_refuse(call, &why);
		key_free(k);
		return;
	}
	key_submit(k, export_work, export_done);
}

/* --- import --- */

static void import_work(void *job)
{
	struct api_key *k = job;
	char *why = NULL;

	k->content = key_file_open(k->passphrase, k->file.p, k->file.len, &why);
	if (k->content == NULL) {
		k->why = mem_printf("the key file %s", why);
		free(why);
		return;
	}
	k->shares = mem_calloc(k->content->ngroups + 1, sizeof(*k->shares));
	for (size_t i = 0; i < k->content->ngroups; i++)
		k->shares[i] = key_file_share(k->content, i, k->share, k->otherwise);
	k->why = agent_key_shares(k->api->agent, k->content, k->shares, k->share != NULL);
}

/* The answer, sent before this agent ends. */
struct import_answer {
	struct agent *agent;
	char *text; /* owned; NULL: sent */
};

static enum control_more import_more(void *state, struct bytes *out)
{
	struct import_answer *answer = state;

	if (answer->text == NULL)
		return CONTROL_END;
	bytes_append(out, answer->text, strlen(answer->text));
	free(answer->text);
	answer->text = NULL;
	return CONTROL_MORE;
}

static void import_end(void *state)
{
	struct import_answer *answer = state;

	agent_key_replaced(answer->agent);
	free(answer->text);
	free(answer);
}

static void import_reply(const struct api_key *k)
{
	static const struct control_stream stream = { .content_type = "application/json",
		                                      .more = import_more,
		                                      .end = import_end };
	struct import_answer *answer = MEM_NEW(struct import_answer);
	json_t *groups = json_array(), *document;
	struct agent_id id;

	key_file_agent(k->content, &id);
	for (size_t i = 0; i < k->content->ngroups; i++)
		json_array_append_new(groups, json_pack("{s:o, s:o}", "group", api_name(k->content->groups[i].name),
		                                        "share", api_name(k->shares[i])));
	document = json_pack("{s:o, s:o}", "agent", api_agent_id(&id), "groups", groups);
	answer->agent = k->api->agent;
	answer->text = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(document);
	control_stream(k->call, &stream, answer);
}

/* Without the client nothing is done: nobody would know of it. */
static void import_done(void *job)
{
	struct api_key *k = job;
	bool became = false;

	if (k->call != NULL && k->why == NULL &&
	    agent_key_install(k->api->agent, k->content, k->shares, &became, &k->why) == 0) {
		import_reply(k);
	} else if (k->call != NULL) {
		control_fail(k->call, 409, "%s", k->why);
		/* Under its old key it would fill a home that has another one. */
		if (became)
			agent_key_replaced_soon(k->api->agent);
	}
	key_free(k);
}

void api_key_import(struct api *api, struct control_call *call)
{
	char *share = NULL, *otherwise = NULL, *why;
	const char *text;
	struct api_key *k = NULL;
	uint8_t *p;
	int n;

	/* Before the passphrase is tried, which takes a while. */
	why = agent_key_obstacle(api->agent);
	if (why != NULL) {
		api_refuse(call, &why);
		return;
	}
	if (api_body_text(call, "file", &text) < 0)
		return;
	if (text == NULL) {
		control_fail(call, 400, "\"file\" is missing: a key file, in base64url");
		return;
	}
	if (json_object_get(call->body, "share") != NULL && (share = api_body_share(call, "share")) == NULL)
		return;
	otherwise = api_body_share(call, "default_share");
	if (otherwise != NULL)
		k = key_begin(api, call);
	if (k == NULL) {
		free(share);
		free(otherwise);
		return;
	}
	k->share = share;
	k->otherwise = otherwise;
	p = mem_calloc(EXPORT_MAX, 1);
	n = base64url_decode(p, EXPORT_MAX, text, strlen(text));
	if (n >= 0)
		bytes_append(&k->file, p, (size_t)n);
	free(p);
	if (n >= 0) {
		key_submit(k, import_work, import_done);
		return;
	}
	control_fail(call, 400, "\"file\" is not a key file in base64url");
	key_free(k);
}
