/* Opening and closing the door for browsers, and the links that let its user in: see web.h. */
#include "agent/api/web_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/upload_route.h"
#include "agent/config/door_address.h"
#include "base/log.h"
#include "base/mem.h"

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

/* --- open and close --- */

static void web_take(void *arg, int fd, const struct sockaddr *addr)
{
	struct web *web = arg;

	control_adopt(web->control, fd, addr);
}

/* Ports share cookies: agents on several of them must not take one another's away. With __Host- a browser takes the
 * cookie from nobody but TLS at this very host. */
static void name_cookie(struct web *web)
{
	(void)snprintf(web->cookie, sizeof(web->cookie), "%slanyard-%u", web->remote != NULL ? "__Host-" : "",
	               web->place.port);
}

static int open_door(struct web *web, char **why)
{
	const struct settings *settings = web->config.settings;
	struct control_listen listen;
	char *where;

	if ((web->remote != NULL && web_remote_ready(web->remote, why) < 0) ||
	    control_listen_at(&listen, settings->web, web->remote != NULL, why) < 0)
		return -1;
	web->place = (struct web_place){ .port = listen.port, .names = &settings->web_names };
	if (web->remote != NULL) {
		web->place.tls = true;
		web->place.own = &web->remote->own;
	}
	name_cookie(web);
	where = mem_printf("%s%s", web->remote != NULL ? "https://" : "", listen.where);
	if (web->remote != NULL && web_remote_open(web->remote, &listen, web_take, web, why) < 0)
		control_listen_end(&listen);
	else
		web->control = control_new(web->loop,
		                           &(struct control_door){ .listen = &listen,
		                                                   .body_max = CONTROL_BODY_LARGE,
		                                                   .headers = headers,
		                                                   .is_upload = upload_route_is,
		                                                   .closes = web->remote != NULL },
		                           web_handle, web, why);
	if (web->control != NULL) {
		log_info("the page is at %s; lanyard web opens it%s", where,
		         web->remote != NULL ? ". Others on the network can reach it" : "");
		web->where = where;
		return 0;
	}
	if (web->remote != NULL)
		web_remote_close(web->remote);
	free(where);
	return -1;
}

int web_open(struct web *web, char **why)
{
	char *problem = NULL;
	int rc = open_door(web, &problem);

	free(web->problem);
	web->problem = problem;
	if (rc < 0)
		*why = mem_strdup(problem);
	return rc;
}

/* A tunnel tells the server of its end, so it goes first. */
void web_close(struct web *web)
{
	if (web->remote != NULL)
		web_remote_close(web->remote);
	control_free(web->control);
	web->control = NULL;
	free(web->where);
	web->where = NULL;
}

struct web *web_new(struct loop *loop, const struct web_config *config)
{
	struct door_address a;
	struct web *web;
	char *why = NULL;

	if (config->settings->web[0] == '\0')
		return NULL;
	web = MEM_NEW(struct web);
	web->loop = loop;
	web->config = *config;
	web->sessions = web_sessions_new();
	if (door_address_parse(config->settings->web, &a) == 0 && !a.is_local)
		web->remote = web_remote_new(loop, config->settings, config->agent, config->home_dirfd);
	if (web_open(web, &why) < 0)
		log_warn("the page is not served: %s; everything else works; lanyard web tries again", why);
	free(why);
	return web;
}

void web_reload(struct web *web)
{
	char *why = NULL;

	if (web == NULL)
		return;
	if (web->control != NULL && web->remote != NULL)
		web_remote_renew(web->remote);
	else if (web->control == NULL && web_open(web, &why) < 0)
		log_warn("the page is not served: %s", why);
	free(why);
}

void web_free(struct web *web)
{
	if (web == NULL)
		return;
	web_close(web);
	web_remote_free(web->remote);
	web_sessions_free(web->sessions);
	free(web->problem);
	free(web);
}

/* The host that stands in a link: where the door is, or a name for it. */
static char *link_host(const struct web *web)
{
	const struct settings *settings = web->config.settings;
	struct door_address a;

	if (settings->web_names.n > 0 && web->place.port == 0)
		return mem_strdup(settings->web_names.v[0]);
	if (door_address_parse(settings->web, &a) < 0 || a.kind == DOOR_PATH)
		return mem_strdup("localhost");
	if (a.is_any)
		return mem_printf("%s:%u", settings->web_names.n > 0 ? settings->web_names.v[0] : "localhost",
		                  web->place.port);
	return mem_printf("%.*s:%u", (int)(strrchr(settings->web, ':') - settings->web), settings->web,
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
	url = mem_printf("http%s://%s/login?link=%s", web->place.tls ? "s" : "", host, secret);
	explicit_bzero(secret, sizeof(secret));
	free(host);
	return url;
}

bool web_link_waits(const struct web *web, const struct web_link_mark *mark)
{
	return web_sessions_waits(web->sessions, web_now_s(web), mark);
}

size_t web_revoke(struct web *web)
{
	if (web->control != NULL)
		control_cut(web->control);
	return web_sessions_revoke(web->sessions, web_now_s(web));
}
