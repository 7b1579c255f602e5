/* See web.h. A request passes, in this order: the host name it was sent to, the page it comes from, the session's
 * cookie, and for all that is not the page itself the session's token. */
#include "agent/api/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/web_assets.h"
#include "agent/api/web_check.h"
#include "agent/api/web_sessions.h"
#include "agent/config/door_address.h"
#include "base/log.h"
#include "base/mem.h"

enum { MS_PER_S = 1000, COOKIE_NAME_MAX = 32 };

struct web {
	struct loop *loop;
	const struct settings *settings; /* the caller's */
	control_handler *handler;
	void *arg;
	struct control *control; /* NULL: the door could not be opened */
	struct web_place place;
	char cookie[COOKIE_NAME_MAX]; /* its name */
	struct web_sessions *sessions;
};

static const struct control_header headers[] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
	  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cache-Control", "no-store" },
	{ 0 },
};

static int64_t web_now_s(const struct web *web)
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
	                        "<title>lanyard</title>\n<p>%s\n",
	                        head, text);

	control_send(call, status, "text/html; charset=utf-8", page, strlen(page), more);
	explicit_bzero(page, strlen(page));
	free(page);
}

static const char how_to_enter[] = "Run <code>lanyard web</code> on this machine, as the user that the agent runs as. "
				   "It opens this page for you, or prints a link that does.";

/* --- a link is exchanged for a session --- */

/* The browser goes on by itself, and not by a redirect: a cookie that is SameSite=Strict is sent only with what this
 * page asks for. The token is in the fragment, which is not sent at all. */
static void web_login(struct web *web, struct control_call *call)
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
	set = mem_printf("%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d", web->cookie, cookie, WEB_SESSION_S);
	send_page(call, 200, head, "Welcome.", (struct control_header[]){ { "Set-Cookie", set }, { 0 } });
	explicit_bzero(cookie, sizeof(cookie));
	explicit_bzero(token, sizeof(token));
	explicit_bzero(head, strlen(head));
	explicit_bzero(set, strlen(set));
	free(head);
	free(set);
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

static void send_asset(struct control_call *call)
{
	const char *known = control_header(call, "If-None-Match");
	struct web_asset asset;

	if (web_asset_find(call->path, &asset) < 0) {
		control_fail(call, 404, "there is no such page");
		return;
	}
	const struct control_header more[] = { { "Cache-Control", "no-cache" }, { "ETag", asset.etag }, { 0 } };

	if (known != NULL && strcmp(known, asset.etag) == 0)
		control_send(call, 304, asset.type, NULL, 0, more);
	else
		control_send(call, 200, asset.type, asset.p, asset.n, more);
}

/* A header where scripts can set one; EventSource and links to downloads cannot. */
static const char *token_of(struct control_call *call)
{
	const char *token = control_header(call, "X-Lanyard-Token");

	return token != NULL ? token : control_query(call, "token");
}

static void serve_session(struct web *web, struct control_call *call, enum web_verdict verdict)
{
	if (verdict == WEB_NOBODY && is_api(call))
		control_fail(call, 401, "there is no session: run lanyard web");
	else if (verdict == WEB_NOBODY)
		send_page(call, 401, "", how_to_enter, NULL);
	else if (!is_api(call) && is_read(call))
		send_asset(call);
	else if (!is_api(call))
		control_fail(call, 405, "the page takes GET, not %s", call->method);
	else if (verdict != WEB_BOTH || !web_site_ok(control_header(call, "Sec-Fetch-Site")))
		control_fail(call, 403, "the session's token is missing or wrong: run lanyard web");
	else
		web->handler(web->arg, call);
}

static void web_handle(void *arg, struct control_call *call)
{
	const char *host = control_header(call, "Host");
	struct web *web = arg;

	if (!web_host_ok(&web->place, host))
		control_fail(call, 421,
		             "this agent has another name: open the address that lanyard web prints, "
		             "or set web-name");
	else if (!is_read(call) && strcmp(call->method, "POST") != 0)
		control_fail(call, 405, "GET, HEAD and POST are what this door takes");
	else if (!web_origin_ok(&web->place, host, control_header(call, "Origin"), !is_read(call)))
		control_fail(call, 403, "the request comes from another page");
	else if (strcmp(call->path, "/login") == 0 && strcmp(call->method, "GET") == 0)
		web_login(web, call);
	else
		serve_session(web, call,
		              web_sessions_check(web->sessions, web_now_s(web), control_cookie(call, web->cookie),
		                                 token_of(call)));
}

/* --- open and close --- */

static int web_open(struct web *web, char **why)
{
	struct control_listen listen;
	char *where;

	if (control_listen_at(&listen, web->settings->web, why) < 0)
		return -1;
	web->place = (struct web_place){ .port = listen.port, .names = &web->settings->web_names };
	/* Ports share cookies: agents on several of them must not take one another's away. */
	(void)snprintf(web->cookie, sizeof(web->cookie), "lanyard-%u", listen.port);
	where = mem_strdup(listen.where);
	web->control = control_new(web->loop, &(struct control_door){ &listen, CONTROL_BODY_LARGE, headers },
	                           web_handle, web, why);
	if (web->control != NULL)
		log_info("the page is at %s; lanyard web opens it", where);
	free(where);
	return web->control != NULL ? 0 : -1;
}

struct web *web_new(struct loop *loop, const struct settings *settings, control_handler *handler, void *arg)
{
	struct web *web;
	char *why = NULL;

	if (settings->web[0] == '\0')
		return NULL;
	web = MEM_NEW(struct web);
	web->loop = loop;
	web->settings = settings;
	web->handler = handler;
	web->arg = arg;
	web->sessions = web_sessions_new();
	if (web_open(web, &why) < 0)
		log_warn("the page is not served: %s; everything else works; lanyard web tries again", why);
	free(why);
	return web;
}

void web_free(struct web *web)
{
	if (web == NULL)
		return;
	control_free(web->control);
	web_sessions_free(web->sessions);
	free(web);
}

/* The host that stands in a link: where the door is, or a name for it. */
static char *link_host(const struct web *web)
{
	struct door_address a;

	if (web->settings->web_names.n > 0 && web->place.port == 0)
		return mem_strdup(web->settings->web_names.v[0]);
	if (door_address_parse(web->settings->web, &a) < 0 || a.kind == DOOR_PATH)
		return mem_strdup("localhost");
	return mem_printf("%.*s:%u", (int)(strrchr(web->settings->web, ':') - web->settings->web), web->settings->web,
	                  web->place.port);
}

char *web_link(struct web *web, char **why)
{
	char secret[WEB_SECRET_TEXT];
	char *host, *url;

	if (web->control == NULL && web_open(web, why) < 0)
		return NULL;
	if (web_sessions_link(web->sessions, web_now_s(web), secret) < 0) {
		*why = mem_strdup("the kernel gives no random bytes");
		return NULL;
	}
	host = link_host(web);
	url = mem_printf("http://%s/login?link=%s", host, secret);
	explicit_bzero(secret, sizeof(secret));
	free(host);
	return url;
}

bool web_link_waits(const struct web *web, const char *secret)
{
	return web_sessions_waits(web->sessions, web_now_s(web), secret);
}

size_t web_revoke(struct web *web)
{
	if (web->control != NULL)
		control_cut(web->control);
	return web_sessions_revoke(web->sessions, web_now_s(web));
}
