/* What the door of web.h answers. A request passes, in this order: the host name it was sent to, the page it comes
 * from, the session's cookie, and for all that is not the page itself the session's token. A program's token stands for
 * the last two. */
#include "agent/api/web_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/api/api_request.h"
#include "agent/api/web_assets.h"
#include "base/mem.h"

enum { MS_PER_S = 1000 };

int64_t web_now_s(const struct web *web)
{
	return loop_now_ms(web->loop) / MS_PER_S;
}

/* --- pages of our own --- */

/* text is ours: nothing in it needs to be escaped. */
static void send_page(struct control_call *call, unsigned int status, const char *head, const char *text,
                      const struct control_header *more)
{
	char *page = mem_printf("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	                        "<meta name=\"viewport\" content=\"width=device-width\">\n%s"
	                        "<title>lanyard</title>\n<main>\n<h1>lanyard</h1>\n<p>%s</p>\n</main>\n",
	                        head, text);

	control_send(call, status, "text/html; charset=utf-8", page, strlen(page), more);
	explicit_bzero(page, strlen(page));
	free(page);
}

static const char how_to_enter[] = "Run <code>lanyard web</code> on this machine, as the user that the agent runs as. "
				   "It opens this page for you, or prints a link that does.";

/* --- who has shown who he is has a session --- */

/* age_s: how long the browser keeps it; 0: it forgets what it has. */
static char *set_cookie(const struct web *web, const char *cookie, int age_s)
{
	return mem_printf("%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s", web->cookie, cookie, age_s,
	                  web->place.tls ? "; Secure" : "");
}

/* The browser goes on by itself, and not by a redirect: a cookie that is SameSite=Strict is sent only with what this
 * page asks for. The token is in the fragment, which is not sent at all. */
static void enter_by_link(struct web *web, struct control_call *call)
{
	char cookie[WEB_SECRET_TEXT], token[WEB_SECRET_TEXT];
	char *head, *set;

	if (web_sessions_enter(web->sessions, web_now_s(web), control_query(call, "link"), cookie, token) < 0) {
		send_page(call, 403, "",
		          "This link was used already, or is too old. Run <code>lanyard web</code> again. If the link "
		          "was fresh and you have not used it, somebody else on this machine has: first run "
		          "<code>lanyard web --revoke</code>, which ends all sessions.",
		          NULL);
		return;
	}
	head = mem_printf("<meta http-equiv=\"refresh\" content=\"0;url=/#token=%s\">\n", token);
	set = set_cookie(web, cookie, WEB_SESSION_S);
	send_page(call, 200, head, "Welcome.", (struct control_header[]){ { "Set-Cookie", set }, { 0 } });
	explicit_bzero(cookie, sizeof(cookie));
	explicit_bzero(token, sizeof(token));
	explicit_bzero(head, strlen(head));
	explicit_bzero(set, strlen(set));
	free(head);
	free(set);
}

static void password_is_right(void *arg, struct control_call *call)
{
	char cookie[WEB_SECRET_TEXT], token[WEB_SECRET_TEXT], answer[WEB_SECRET_TEXT + 32];
	struct web *web = arg;
	char *set;

	if (web_sessions_begin(web->sessions, web_now_s(web), cookie, token) < 0) {
		control_fail(call, 409, "the kernel gives no random bytes");
		return;
	}
	set = set_cookie(web, cookie, WEB_SESSION_S);
	(void)snprintf(answer, sizeof(answer), "{\"token\":\"%s\"}\n", token);
	control_send(call, 200, "application/json", answer, strlen(answer),
	             (struct control_header[]){ { "Set-Cookie", set }, { 0 } });
	explicit_bzero(cookie, sizeof(cookie));
	explicit_bzero(token, sizeof(token));
	explicit_bzero(answer, sizeof(answer));
	explicit_bzero(set, strlen(set));
	free(set);
}

static void enter_by_password(struct web *web, struct control_call *call)
{
	const char *password = NULL;

	if (api_body_text(call, "password", &password) < 0)
		return;
	if (password == NULL)
		control_fail(call, 400, "\"password\" is missing");
	else
		web_login_try(web->remote->login, call, password, password_is_right, web);
}

/* --- what a session may have --- */

static bool is_read(const struct control_call *call)
{
	return strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
}

static bool is_api(const struct control_call *call)
{
	return strncmp(call->path, "/v1/", 4) == 0 || strcmp(call->path, "/metrics") == 0;
}

static void send_asset(struct control_call *call, const char *path, unsigned int status)
{
	const char *known = control_header(call, "If-None-Match");
	struct web_asset asset;

	if (web_asset_find(path, &asset) < 0) {
		control_fail(call, 404, "there is no such page");
		return;
	}
	const struct control_header more[] = { { "Cache-Control", "no-cache" }, { "ETag", asset.etag }, { 0 } };

	if (status == 200 && known != NULL && strcmp(known, asset.etag) == 0)
		control_send(call, 304, asset.type, NULL, 0, more);
	else
		control_send(call, status, asset.type, asset.p, asset.n, more);
}

/* A header where scripts can set one; EventSource and links to downloads cannot. */
static const char *token_of(struct control_call *call)
{
	const char *token = control_header(call, "X-Lanyard-Token");

	return token != NULL ? token : control_query(call, "token");
}

/* What the page for the password consists of: it tells nothing about this agent. */
static bool is_public(const char *path)
{
	static const char *const paths[] = { "/web/login.js", "/web/style.css", "/web/icon.svg" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(path, paths[i]) == 0)
			return true;
	}
	return false;
}

static void serve_nobody(const struct web *web, struct control_call *call)
{
	bool by_password = web->remote != NULL && is_read(call);

	if (is_api(call))
		control_fail(call, 401, "there is no session: run lanyard web");
	else if (by_password && is_public(call->path))
		send_asset(call, call->path, 200);
	else if (by_password)
		send_asset(call, "/web/login.html", 401);
	else
		send_page(call, 401, "", how_to_enter, NULL);
}

static uint64_t session_number(const struct web *web, struct control_call *call)
{
	return web_sessions_number(web->sessions, web_now_s(web), control_cookie(call, web->cookie));
}

static void serve_call(struct web *web, struct control_call *call)
{
	control_assign(call, session_number(web, call));
	web->config.handler(web->config.arg, call);
}

/* The session's streams and transfers end with it; those of other sessions go on. */
static void end_session(struct web *web, struct control_call *call)
{
	uint64_t number = session_number(web, call);
	char *set = set_cookie(web, "", 0);

	web_sessions_end(web->sessions, number);
	control_cut_owner(web->control, number);
	control_send(call, 200, "application/json", "{}\n", 3,
	             (struct control_header[]){ { "Set-Cookie", set }, { 0 } });
	free(set);
}

static bool is_logout(const struct control_call *call)
{
	return strcmp(call->path, "/logout") == 0 && strcmp(call->method, "POST") == 0;
}

static void serve_session(struct web *web, struct control_call *call, enum web_verdict verdict)
{
	if (verdict != WEB_NOBODY)
		control_keep(call);
	if (verdict == WEB_NOBODY)
		serve_nobody(web, call);
	else if (!is_api(call) && is_read(call))
		send_asset(call, call->path, 200);
	else if (!is_api(call) && !is_logout(call))
		control_fail(call, 405, "the page takes GET, not %s", call->method);
	else if (verdict != WEB_BOTH || !web_site_ok(control_header(call, "Sec-Fetch-Site")))
		control_fail(call, 403, "the session's token is missing or wrong: run lanyard web");
	else if (is_logout(call))
		end_session(web, call);
	else
		serve_call(web, call);
}

/* A browser never sends this header by itself, so no other page can have it sent. NULL: it is not a program. */
static const char *program_token(const struct web *web, struct control_call *call)
{
	const char *given = web->remote != NULL ? control_header(call, "Authorization") : NULL;

	return given != NULL && strncasecmp(given, "Bearer ", 7) == 0 ? given + 7 : NULL;
}

static void serve_program(const struct web *web, struct control_call *call, const char *text)
{
	const struct web_token *token = web_tokens_find(&web->remote->tokens, text);

	if (token != NULL)
		control_keep(call);
	if (token == NULL)
		control_fail(call, 401, "this token is not known: lanyard web --token NAME makes one");
	else if (!is_api(call))
		control_fail(call, 404, "a token is for the API, below /v1/, and for /metrics");
	else if (token->all)
		web->config.handler(web->config.arg, call);
	else
		web->config.reader(web->config.arg, call);
}

static void serve_login(struct web *web, struct control_call *call)
{
	if (!is_read(call))
		enter_by_password(web, call);
	else if (web->remote == NULL || control_query(call, "link") != NULL)
		enter_by_link(web, call);
	else
		send_asset(call, "/web/login.html", 200);
}

static bool is_login(const struct web *web, const struct control_call *call)
{
	return strcmp(call->path, "/login") == 0 &&
	       (strcmp(call->method, "GET") == 0 || (web->remote != NULL && !is_read(call)));
}

void web_handle(void *arg, struct control_call *call)
{
	const char *host = control_header(call, "Host");
	struct web *web = arg;
	const char *token = program_token(web, call);

	if (!web_host_ok(&web->place, host))
		control_fail(call, 421,
		             "this agent has another name: open the address that lanyard web prints, "
		             "or set web-name");
	else if (!is_read(call) && strcmp(call->method, "POST") != 0)
		control_fail(call, 405, "GET, HEAD and POST are what this door takes");
	else if (!web_origin_ok(&web->place, host, control_header(call, "Origin"), !is_read(call) && token == NULL))
		control_fail(call, 403, "the request comes from another page");
	else if (token != NULL)
		serve_program(web, call, token);
	else if (is_login(web, call))
		serve_login(web, call);
	else
		serve_session(web, call,
		              web_sessions_check(web->sessions, web_now_s(web), control_cookie(call, web->cookie),
		                                 token_of(call)));
}
