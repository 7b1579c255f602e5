/* mDNS by libavahi-core in this process: nothing has to run on the host, and it works beside avahi-daemon or
 * another embedded stack. The only file that includes libavahi-core.
 *
 * Its own address records stay off: each of them comes with a reverse PTR, on which two stacks of one host would
 * collide for ever. Ours have none (dns_records.h). */
#include <arpa/inet.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-core/core.h>
#include <avahi-core/log.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "discovery/avahi_clash.h"
#include "discovery/avahi_poll.h"
#include "discovery/mdns.h"
#include "discovery/packet_screen.h"
#include "discovery/mdns_session.h"

enum {
	FIRST_RETRY_MS = 1000,
	LAST_RETRY_MS = 30000,
	CACHE_ENTRIES = 2048, /* cached records per interface; avahi takes no more */
	CACHE_CROWDED = 1500, /* records received, after which the cache may soon be full of what we do not need */
	CROWDED_MS = 10000,   /* at least, between two emptyings of the cache */
	PACKETS_PER_S = 500,  /* read */
	PACKETS_AT_ONCE = 2000,
	BUDGET_SHARE = 50, /* thousandths of a core for everything avahi does; a packet may take it some milliseconds */
	BUDGET_MOST_MS = 1000, /* of work at once, for instance when many agents come together */
};

struct embedded {
	struct loop *loop;
	struct mdns_want want;
	struct mdns_events events;
	struct avahi_poll *poll;
	AvahiServer *server;          /* NULL if it could not be started */
	struct mdns_session *session; /* NULL when server is */
	struct loop_timer *timer;     /* embedded_start(): at once, or again after a failure */
	int64_t retry_ms;
	char allowed[HOST_INTERFACES_MAX][IF_NAMESIZE]; /* the interfaces that the server uses, if it cannot use all */
	size_t nallowed;                                /* 0: all */
	int64_t started_ms;                             /* when the server was made, loop_now_ms() */
	struct packet_census census;                    /* since then */
	int64_t packets;                                /* packets that may still be read, in thousandths */
	int64_t packets_ms;                             /* when that was computed */
};

static void embedded_start(void *arg);

/* Its warnings are about odd packets, and about a second stack on this host, which is intended. */
static void take_log(AvahiLogLevel level, const char *text)
{
	if (level == AVAHI_LOG_ERROR && log_allow("avahi", 5))
		log_warn("avahi: %s", text);
	else
		log_debug("avahi: %s", text);
}

static AvahiProtocol embedded_proto_of(int family)
{
	return family == AF_UNSPEC ? AVAHI_PROTO_UNSPEC : avahi_af_to_proto(family);
}

static void embedded_group_changed(AvahiServer *server, AvahiSEntryGroup *group, AvahiEntryGroupState state, void *arg)
{
	struct embedded *e = arg;

	(void)server;
	(void)group;
	if (state == AVAHI_ENTRY_GROUP_COLLISION && e->session != NULL)
		mdns_session_collision(e->session);
}

static int embedded_add_record(struct embedded *e, AvahiSEntryGroup *group, const struct dns_record *r)
{
	AvahiPublishFlags flags = AVAHI_PUBLISH_USE_MULTICAST;
	AvahiRecord *record = avahi_record_new_full(r->name, AVAHI_DNS_CLASS_IN, r->type, r->ttl);
	int rc = -1;

	if (record == NULL)
		return -1;
	/* A host has several addresses under one name, so none of them is unique. */
	if (r->unique)
		flags |= AVAHI_PUBLISH_UNIQUE | AVAHI_PUBLISH_NO_PROBE | AVAHI_PUBLISH_ALLOW_MULTIPLE;
	if (avahi_rdata_parse(record, r->rdata, r->len) == 0)
		rc = avahi_server_add(e->server, group, r->iface, embedded_proto_of(r->family), flags, record);
	avahi_record_unref(record);
	return rc;
}

/* All or nothing: a group with a record missing is taken back. */
static void *embedded_publish(void *ctx, const struct dns_record *records, size_t n, const char **why)
{
	struct embedded *e = ctx;
	AvahiSEntryGroup *group = avahi_s_entry_group_new(e->server, embedded_group_changed, e);

	if (group == NULL)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		if (embedded_add_record(e, group, &records[i]) < 0)
			goto free_group;
	}
	if (avahi_s_entry_group_commit(group) < 0)
		goto free_group;
	return group;

free_group:
	avahi_s_entry_group_free(group);
fail:
	*why = avahi_strerror(avahi_server_errno(e->server));
	return NULL;
}

static void embedded_unpublish(void *ctx, void *handle)
{
	(void)ctx;
	avahi_s_entry_group_free(handle);
}

static void embedded_browsed(AvahiSServiceBrowser *browser, AvahiIfIndex iface, AvahiProtocol proto,
                             AvahiBrowserEvent event, const char *name, const char *type, const char *domain,
                             AvahiLookupResultFlags flags, void *arg)
{
	struct embedded *e = arg;

	(void)browser;
	(void)flags;
	if (event == AVAHI_BROWSER_NEW)
		services_add(mdns_session_services(e->session), iface, proto, name, type, domain);
	else if (event == AVAHI_BROWSER_REMOVE)
		services_remove(mdns_session_services(e->session), iface, proto, name);
}

static void *embedded_browse(void *ctx, const char *type, const char **why)
{
	struct embedded *e = ctx;
	/* prepare and start, not new: new would start a browser that it failed to make. */
	AvahiSServiceBrowser *b =
		avahi_s_service_browser_prepare(e->server, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, type, MDNS_DOMAIN,
	                                        AVAHI_LOOKUP_USE_MULTICAST, embedded_browsed, e);

	if (b != NULL)
		avahi_s_service_browser_start(b);
	else
		*why = avahi_strerror(avahi_server_errno(e->server));
	return b;
}

static void embedded_unbrowse(void *ctx, void *handle)
{
	(void)ctx;
	avahi_s_service_browser_free(handle);
}

static void embedded_resolved(AvahiSServiceResolver *resolver, AvahiIfIndex iface, AvahiProtocol proto,
                              AvahiResolverEvent event, const char *name, const char *type, const char *domain,
                              const char *host, const AvahiAddress *addr, uint16_t port, AvahiStringList *txt,
                              AvahiLookupResultFlags flags, void *arg)
{
	struct embedded *e = arg;

	(void)resolver;
	(void)type;
	(void)domain;
	(void)host;
	(void)flags;
	if (event == AVAHI_RESOLVER_FOUND)
		services_resolved(mdns_session_services(e->session), iface, proto, name, addr, port, txt);
	else
		services_failed(mdns_session_services(e->session), iface, proto, name);
}

static void *embedded_resolve(void *ctx, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	struct embedded *e = ctx;
	AvahiSServiceResolver *r =
		avahi_s_service_resolver_prepare(e->server, iface, proto, name, MDNS_TYPE, MDNS_DOMAIN, proto,
	                                         AVAHI_LOOKUP_USE_MULTICAST, embedded_resolved, e);

	if (r != NULL)
		avahi_s_service_resolver_start(r);
	return r;
}

static void embedded_unresolve(void *ctx, void *resolver)
{
	(void)ctx;
	avahi_s_service_resolver_free(resolver);
}

static void embedded_stop(struct embedded *e)
{
	mdns_session_free(e->session);
	e->session = NULL;
	if (e->server != NULL)
		avahi_server_free(e->server);
	e->server = NULL;
}

static void embedded_start_later(struct embedded *e)
{
	loop_timer_start(e->timer, e->retry_ms, 0);
	e->retry_ms = e->retry_ms * 2 < LAST_RETRY_MS ? e->retry_ms * 2 : LAST_RETRY_MS;
}

static void server_changed(AvahiServer *server, AvahiServerState state, void *arg)
{
	struct embedded *e = arg;

	(void)server;
	if (state == AVAHI_SERVER_FAILURE)
		embedded_start_later(e);
}

/* A flood costs no more than PACKETS_PER_S; a part of the packets is lost then, like on a bad link. */
static bool may_read(struct embedded *e)
{
	int64_t now = loop_now_ms(e->loop);

	e->packets += (now - e->packets_ms) * PACKETS_PER_S;
	e->packets_ms = now;
	if (e->packets > PACKETS_AT_ONCE * 1000)
		e->packets = PACKETS_AT_ONCE * 1000;
	if (e->packets < 1000)
		return false;
	e->packets -= 1000;
	return true;
}

/* A full cache is deaf: avahi keeps its records for as long as their senders said, and reports nothing new. The
 * only way to empty it is to start again. */
static void watch_census(struct embedded *e)
{
	int64_t wait = e->started_ms + CROWDED_MS - loop_now_ms(e->loop);

	if (e->census.records < CACHE_CROWDED || loop_timer_running(e->timer))
		return;
	if (log_allow("mdns-crowded", 1))
		log_warn("discovery: the network announces more services than can exist; querying again");
	loop_timer_start(e->timer, wait, 0);
}

/* Answers are of use while we look for somebody. In a crowd most agents do not, and each announcement of one would
 * otherwise cost all others. */
static bool is_of_use(const struct embedded *e, const uint8_t *packet, size_t n)
{
	enum { FLAGS_AT = 2, IS_ANSWER = 0x80 };

	return n <= FLAGS_AT || !(packet[FLAGS_AT] & IS_ANSWER) ||
	       (e->session != NULL && mdns_session_listens(e->session));
}

/* Takes away datagrams that packet_screen() does not let pass. avahi reads the netlink socket by itself. */
static bool screen_socket(void *arg, int fd)
{
	uint8_t packet[PACKET_MAX];
	struct sockaddr_storage from = { 0 };
	socklen_t from_len = sizeof(from);
	/* MSG_TRUNC: returns the true length, so that a packet that is too long does not pass. */
	struct embedded *e = arg;
	ssize_t n = recvfrom(fd, packet, sizeof(packet), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, (struct sockaddr *)&from,
	                     &from_len);

	if (n < 0 || (from.ss_family != AF_INET && from.ss_family != AF_INET6))
		return true;
	if (is_of_use(e, packet, (size_t)n) && packet_screen(packet, (size_t)n, &e->census) && may_read(e)) {
		watch_census(e);
		return true;
	}
	(void)recv(fd, packet, 1, MSG_DONTWAIT);
	return false;
}

static bool is_allowed(const struct embedded *e, const char *name)
{
	for (size_t i = 0; i < e->nallowed; i++) {
		if (strcmp(e->allowed[i], name) == 0)
			return true;
	}
	return false;
}

/* The kernel lets a socket join the multicast groups of 20 interfaces (igmp_max_memberships); avahi would join the
 * first ones it finds, whatever they lead to. So if there are many, we say which to use. A bridge more or less is
 * not a reason to start again. */
static void interfaces_changed(void *ctx, const struct host_addrs *addrs)
{
	struct embedded *e = ctx;
	char names[HOST_INTERFACES_MAX][IF_NAMESIZE];
	bool crowded = host_addrs_crowded(addrs) && e->want.ninterfaces == 0;
	bool differs = crowded != (e->nallowed > 0);
	size_t n, count = 0;
	const struct host_addr *list = host_addrs_get(addrs, &n);

	for (size_t i = 0; i < n && crowded; i++) {
		if (i > 0 && list[i].iface == list[i - 1].iface)
			continue;
		if (if_indextoname((unsigned int)list[i].iface, names[count]) == NULL)
			continue;
		differs |= list[i].rank < HOST_BRIDGE && !is_allowed(e, names[count]);
		count++;
	}
	if (!differs)
		return;
	memcpy(e->allowed, names, count * sizeof(*names));
	e->nallowed = count;
	loop_timer_start(e->timer, 0, 0);
}

/* Everything that avahi would publish by itself stays off; only our own records go out. */
static AvahiServer *new_server(struct embedded *e, int *error)
{
	AvahiServerConfig config;
	AvahiServer *server;

	avahi_set_log_function(take_log);
	avahi_server_config_init(&config);
	avahi_free(config.host_name);
	config.host_name = avahi_strdup(e->want.agent_id);
	config.publish_addresses = 0;
	config.publish_hinfo = 0;
	config.publish_workstation = 0;
	config.publish_domain = 0;
	config.enable_wide_area = 0;
	config.use_ipv6 = 1;
	config.n_cache_entries_max = CACHE_ENTRIES;
	config.deny_interfaces = avahi_string_list_add(config.deny_interfaces, "lo");
	for (size_t i = 0; i < e->want.ninterfaces; i++)
		config.allow_interfaces = avahi_string_list_add(config.allow_interfaces, e->want.interfaces[i]);
	for (size_t i = 0; i < e->nallowed; i++)
		config.allow_interfaces = avahi_string_list_add(config.allow_interfaces, e->allowed[i]);
	server = avahi_server_new(avahi_poll_get(e->poll), &config, server_changed, e, error);
	avahi_server_config_free(&config);
	return server;
}

/* Also starts again: the old server goes first, and with it a full cache. */
static void embedded_start(void *arg)
{
	const struct mdns_session_door door = {
		.publish = embedded_publish,
		.unpublish = embedded_unpublish,
		.browse = embedded_browse,
		.unbrowse = embedded_unbrowse,
		.resolve = { .resolve = embedded_resolve, .unresolve = embedded_unresolve, .ctx = arg },
		.interfaces = interfaces_changed,
		.ctx = arg,
	};
	struct embedded *e = arg;
	int error = 0;

	embedded_stop(e);
	if (avahi_clash_prepare() < 0) {
		e->events.state(e->events.arg, false, "libavahi-core is not usable");
		return;
	}
	memset(&e->census, 0, sizeof(e->census));
	e->started_ms = loop_now_ms(e->loop);
	e->server = new_server(e, &error);
	if (e->server != NULL)
		e->session = mdns_session_new(e->loop, &e->want, &door, &e->events);
	if (e->session != NULL) {
		e->retry_ms = FIRST_RETRY_MS;
		return;
	}
	e->events.state(e->events.arg, false, e->server == NULL ? avahi_strerror(error) : "netlink is not available");
	embedded_stop(e);
	embedded_start_later(e);
}

static void *embedded_new(struct loop *loop, const struct mdns_want *want, const struct mdns_events *events)
{
	struct embedded *e = MEM_NEW(struct embedded);

	e->loop = loop;
	e->want = *want;
	e->events = *events;
	e->retry_ms = FIRST_RETRY_MS;
	e->poll = avahi_poll_new(loop);
	avahi_poll_set_screen(e->poll, screen_socket, e);
	avahi_poll_set_budget(e->poll, BUDGET_SHARE, BUDGET_MOST_MS);
	e->packets_ms = loop_now_ms(loop);
	e->packets = PACKETS_AT_ONCE * 1000;
	e->timer = loop_timer_new(loop, embedded_start, e);
	loop_timer_start(e->timer, 0, 0);
	return e;
}

static void embedded_set(void *stack, const struct mdns_want *want)
{
	struct embedded *e = stack;

	e->want = *want;
	if (e->session != NULL)
		mdns_session_set(e->session, want);
}

static void embedded_refresh(void *stack)
{
	struct embedded *e = stack;

	if (e->session != NULL)
		mdns_session_refresh(e->session);
}

static void embedded_free(void *stack)
{
	struct embedded *e = stack;

	if (e == NULL)
		return;
	embedded_stop(e);
	loop_timer_free(e->timer);
	avahi_poll_free(e->poll);
	free(e);
}

const struct mdns_backend mdns_embedded = {
	.start = embedded_new,
	.set = embedded_set,
	.refresh = embedded_refresh,
	.stop = embedded_free,
};
