/* See web_remote.h. */
#include "agent/api/web_remote.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/door_address.h"
#include "agent/config/settings_list.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { HOST_NAME_LENGTH = 255, RENEW_CHECK_MS = 3600 * 1000, ADDRESSES_MAX = 32 };

/* --- names of this host --- */

static bool is_host_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
			return false;
	}
	return name[0] != '\0' && name[0] != '.' && name[0] != '-';
}

/* "nas.example.org": that, nas, and nas.local, which mDNS knows. */
static void list_own_names(struct settings_list *own)
{
	char name[HOST_NAME_LENGTH + 1] = "";
	size_t label;
	char *local;

	if (gethostname(name, sizeof(name) - 1) < 0 || !is_host_name(name))
		return;
	settings_list_add(own, name);
	label = strcspn(name, ".");
	if (name[label] != '\0') {
		name[label] = '\0';
		settings_list_add(own, name);
	}
	local = mem_printf("%s.local", name);
	settings_list_add(own, local);
	free(local);
}

/* Addresses that mean the same on every link. */
static bool is_lasting_address(const struct ifaddrs *i, char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (i->ifa_addr == NULL || (i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) != IFF_UP)
		return false;
	if (i->ifa_addr->sa_family == AF_INET) {
		memcpy(&v4, i->ifa_addr, sizeof(v4));
		return inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN) != NULL;
	}
	if (i->ifa_addr->sa_family != AF_INET6)
		return false;
	memcpy(&v6, i->ifa_addr, sizeof(v6));
	return !IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) &&
	       inet_ntop(AF_INET6, &v6.sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
}

static void list_cert_addresses(struct settings_list *to)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];
	int n = 0;

	settings_list_add(to, "localhost");
	settings_list_add(to, "127.0.0.1");
	settings_list_add(to, "::1");
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL && n < ADDRESSES_MAX; i = i->ifa_next) {
		if (!is_lasting_address(i, text))
			continue;
		settings_list_add(to, text);
		n++;
	}
	freeifaddrs(all);
}

/* --- the certificate --- */

/* The admin has one, so the agent makes none. */
static bool is_given(const struct web_remote *r)
{
	return r->settings->web_certificate[0] != '\0';
}

/* Once, though the file is read every hour. */
static void say_lack(struct web_remote *r, const char *lack)
{
	if (lack != NULL && (r->lack == NULL || strcmp(r->lack, lack) != 0))
		log_warn("web-certificate %s: it %s", r->settings->web_certificate, lack);
	free(r->lack);
	r->lack = lack != NULL ? mem_strdup(lack) : NULL;
}

/* What it must have is what the settings say; what this host is called at present it has besides. */
static struct web_cert *open_cert(struct web_remote *r, char **why)
{
	struct settings_list needed = { 0 }, more = { 0 };
	const char *web = r->settings->web;
	struct door_address a;
	struct web_cert *cert;
	char *fresh = NULL;

	for (size_t i = 0; i < r->settings->web_names.n; i++)
		settings_list_add(&needed, r->settings->web_names.v[i]);
	if (door_address_parse(web, &a) == 0 && !a.is_any) {
		size_t skip = a.kind == DOOR_IPV6 ? 1 : 0, len = (size_t)(strrchr(web, ':') - web);
		char *ip = mem_printf("%.*s", (int)(len - 2 * skip), web + skip);

		settings_list_add(&needed, ip);
		free(ip);
	}
	if (is_given(r)) {
		cert = web_cert_given(r->settings->web_certificate, r->settings->web_key, why);
		fresh = cert != NULL ? web_cert_lacks(cert, &needed) : NULL;
		say_lack(r, fresh);
	} else {
		for (size_t i = 0; i < r->own.n; i++)
			settings_list_add(&more, r->own.v[i]);
		list_cert_addresses(&more);
		cert = web_cert_open(r->home_dirfd, &needed, &more, &fresh, why);
		if (cert != NULL && fresh != NULL)
			log_info("the page has a new certificate: %s", fresh);
	}
	free(fresh);
	settings_list_clear(&needed);
	settings_list_clear(&more);
	return cert;
}

static void say_fingerprint(const struct web_remote *r)
{
	log_info("the SHA-256 fingerprint of the page's certificate, which a browser shows: %s",
	         web_cert_fingerprint(r->cert));
}

void web_remote_renew(struct web_remote *r)
{
	struct web_cert *cert;
	char *why = NULL;
	bool is_same;

	if (!is_given(r) && !web_cert_due(r->cert))
		return;
	cert = open_cert(r, &why);
	is_same = cert != NULL && strcmp(web_cert_fingerprint(cert), web_cert_fingerprint(r->cert)) == 0;
	if (cert != NULL && !is_same && web_tls_renew(r->tls, cert, &why) == 0) {
		web_cert_free(r->cert);
		r->cert = cert;
		cert = NULL;
		say_fingerprint(r);
	}
	if (why != NULL)
		log_error("the page keeps its certificate: %s", why);
	web_cert_free(cert);
	free(why);
}

/* Also at a clock that was set. */
static void on_renew(void *arg)
{
	web_remote_renew(arg);
}

/* --- open and close --- */

int web_remote_ready(const struct web_remote *r, char **why)
{
	int has = web_login_ready(r->login, why);

	if (has < 0)
		return -1;
	if (has > 0 || r->tokens.n > 0)
		return 0;
	*why = mem_strdup(r->tokens_problem != NULL ? r->tokens_problem
	                                            : "others can reach its address, and there is no password: run "
	                                              "lanyard web --password as the agent's user (for programs: "
	                                              "lanyard web --token NAME)");
	return -1;
}

int web_remote_open(struct web_remote *r, struct control_listen *listen, web_tls_fn *fn, void *arg, char **why)
{
	int fd;

	r->cert = open_cert(r, why);
	if (r->cert == NULL)
		return -1;
	fd = listen->fd;
	listen->fd = -1;
	r->tls = web_tls_new(r->loop, fd, r->cert, fn, arg, why);
	if (r->tls == NULL) {
		web_remote_close(r);
		return -1;
	}
	r->renew = loop_timer_new(r->loop, on_renew, r);
	loop_timer_start(r->renew, RENEW_CHECK_MS, RENEW_CHECK_MS);
	say_fingerprint(r);
	return 0;
}

void web_remote_close(struct web_remote *r)
{
	loop_timer_free(r->renew);
	web_tls_free(r->tls);
	web_cert_free(r->cert);
	r->renew = NULL;
	r->tls = NULL;
	r->cert = NULL;
}

struct web_remote *web_remote_new(struct loop *loop, const struct settings *settings, struct agent *agent,
                                  int home_dirfd)
{
	struct web_remote *r = MEM_NEW(struct web_remote);

	r->loop = loop;
	r->settings = settings;
	r->home_dirfd = home_dirfd;
	r->login = web_login_new(loop, agent, home_dirfd);
	if (web_tokens_load(&r->tokens, home_dirfd, &r->tokens_problem) < 0)
		log_error("%s", r->tokens_problem);
	list_own_names(&r->own);
	return r;
}

void web_remote_free(struct web_remote *r)
{
	if (r == NULL)
		return;
	web_remote_close(r);
	web_login_free(r->login);
	settings_list_clear(&r->own);
	free(r->lack);
	free(r->tokens_problem);
	free(r);
}

/* --- tokens --- */

/* What cannot be stored does not happen. */
static int keep_tokens(struct web_remote *r, const struct web_tokens *new, char **why)
{
	if (r->tokens_problem != NULL) {
		*why = mem_strdup(r->tokens_problem);
		return -1;
	}
	if (web_tokens_store(new, r->home_dirfd, why) < 0)
		return -1;
	r->tokens = *new;
	return 0;
}

int web_remote_add_token(struct web_remote *r, const char *name, bool all, char text[WEB_TOKEN_TEXT], char **why)
{
	struct web_tokens new = r->tokens;

	if (!web_tokens_name_ok(name))
		*why = mem_printf("a token's name has 1 to %d of the characters a-z, A-Z, 0-9, '.', '_' and '-'",
		                  WEB_TOKEN_NAME - 1);
	else if (web_tokens_named(&new, name) != NULL)
		*why = mem_printf("there is a token named %s: take it back first", name);
	else if (web_tokens_add(&new, name, all, clock_wall_s(), text) < 0)
		*why = mem_printf("there are %d tokens: take one back first", WEB_TOKENS_MAX);
	else
		return keep_tokens(r, &new, why);
	return -1;
}

int web_remote_remove_token(struct web_remote *r, const char *name, char **why)
{
	struct web_tokens new = r->tokens;

	if (web_tokens_remove(&new, name) == 0)
		return keep_tokens(r, &new, why);
	*why = mem_strdup("there is no token of that name: lanyard web --tokens lists them");
	return -1;
}
