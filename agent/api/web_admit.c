/* The door of web.h where others on the network can reach it: how it is, its password, and its tokens for programs. */
#include "agent/api/web_internal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/api_answer.h"
#include "base/log.h"

const char *web_fingerprint(const struct web *web)
{
	return web->remote != NULL && web->remote->cert != NULL ? web_cert_fingerprint(web->remote->cert) : NULL;
}

json_t *web_describe(const struct web *web)
{
	const struct web_remote *r = web != NULL ? web->remote : NULL;
	char *why = NULL;
	json_t *document;

	if (web == NULL)
		return json_null();
	document = json_pack("{s:o, s:o, s:b, s:s?, s:b, s:I, s:I}", "address", api_message(web->where), "problem",
	                     api_message(web->problem), "remote", r != NULL, "fingerprint", web_fingerprint(web),
	                     "password", r != NULL && web_login_ready(r->login, &why) > 0, "tokens",
	                     (json_int_t)(r != NULL ? r->tokens.n : 0), "wrong_passwords",
	                     (json_int_t)(r != NULL ? web_login_wrong(r->login) : 0));
	free(why);
	return document;
}

bool web_is_remote(const struct web *web, struct control_call *call)
{
	if (web->remote == NULL)
		control_fail(call, 409,
		             "only this machine reaches the page, so it takes links of lanyard web alone: for others "
		             "set web = 0.0.0.0:4171 and web-remote = yes in lanyard.conf, and start the agent again");
	return web->remote != NULL;
}

/* A door that nobody could pass is closed; one that somebody can is opened. */
static void keys_changed(struct web *web)
{
	char *why = NULL;

	if (web_remote_ready(web->remote, &why) < 0) {
		web_close(web);
		free(web->problem);
		web->problem = why;
		log_info("the page is not served any more: it has neither a password nor a token");
		return;
	}
	if (web->control == NULL && web_open(web, &why) < 0)
		log_warn("the page is not served: %s", why);
	free(why);
}

/* What comes of a change. token: a new one; NULL: none. */
static void tell_change(struct web *web, struct control_call *call, const char *token)
{
	control_reply(call, 200,
	              json_pack("{s:s*, s:o, s:o, s:s?}", "token", token, "address", api_message(web->where), "problem",
	                        api_message(web->problem), "fingerprint", web_fingerprint(web)));
}

static void password_is_set(void *arg, struct control_call *call)
{
	struct web *web = arg;

	(void)web_revoke(web);
	keys_changed(web);
	if (call != NULL)
		tell_change(web, call, NULL);
}

void web_set_password(struct web *web, struct control_call *call, const char *text)
{
	web_login_set(web->remote->login, call, text, password_is_set, web);
}

void web_add_token(struct web *web, struct control_call *call, const char *name, bool all)
{
	char text[WEB_TOKEN_TEXT];
	char *why = NULL;

	if (web_remote_add_token(web->remote, name, all, text, &why) < 0) {
		control_fail(call, 409, "%s", why);
		free(why);
		return;
	}
	keys_changed(web);
	tell_change(web, call, text);
	explicit_bzero(text, sizeof(text));
}

/* What is under way under the token ends with it. */
void web_remove_token(struct web *web, struct control_call *call, const char *name)
{
	char *why = NULL;

	if (web_remote_remove_token(web->remote, name, &why) < 0) {
		control_fail(call, 409, "%s", why);
		free(why);
		return;
	}
	if (web->control != NULL)
		control_cut(web->control);
	keys_changed(web);
	tell_change(web, call, NULL);
}

json_t *web_list_tokens(const struct web *web)
{
	const struct web_tokens *t = &web->remote->tokens;
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:I}", "name", t->v[i].name, "all", t->v[i].all,
		                                      "made", (json_int_t)t->v[i].made_s));
	return list;
}
