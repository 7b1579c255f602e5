/* mDNS by the host's avahi-daemon, through libavahi-client and D-Bus. The only file that includes libavahi-client.
 *
 * The daemon may be absent, die and return at any time. AVAHI_CLIENT_NO_FAIL waits for it on D-Bus without polling,
 * but does not help while there is no bus, so connecting is tried again at growing intervals. Whatever was
 * published and browsed ends with the connection: a session lasts for one connection only.
 *
 * libavahi-client waits for answers inside its calls, for 25 s when the bus or the daemon hangs. mdns_aside.c keeps
 * that away from the agent's loop. */
#include <arpa/inet.h>
#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/error.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "discovery/avahi_clash.h"
#include "discovery/avahi_poll.h"
#include "discovery/mdns.h"
#include "discovery/mdns_session.h"

enum {
	FIRST_RETRY_MS = 1000,
	NO_BUS_RETRY_MS = 5000, /* at most, as long as a try costs no more than a failing connect() */
	LAST_RETRY_MS = 30000,
	STABLE_MS = 5000, /* a connection that ends sooner is followed by a pause */
};

struct client {
	struct loop *loop;
	struct mdns_want want;
	struct mdns_events events;
	struct avahi_poll *poll;
	AvahiClient *avahi;           /* NULL while there is no bus */
	bool connected;               /* a daemon answers avahi */
	bool lost;                    /* avahi cannot be used any more */
	struct mdns_session *session; /* while connected */
	struct loop_timer *timer; /* client_apply_state(): at once after a change of state, or later to connect again */
	int64_t retry_ms;
	int64_t connected_ms; /* when the session began, loop_now_ms() */
};

static AvahiProtocol client_proto_of(int family)
{
	return family == AF_UNSPEC ? AVAHI_PROTO_UNSPEC : avahi_af_to_proto(family);
}

static void client_group_changed(AvahiEntryGroup *group, AvahiEntryGroupState state, void *arg)
{
	struct client *c = arg;

	(void)group;
	if (state == AVAHI_ENTRY_GROUP_COLLISION && c->session != NULL)
		mdns_session_collision(c->session);
}

/* An admin may have configured it so: say it in words. */
static const char *client_reason(const struct client *c)
{
	int error = avahi_client_errno(c->avahi);

	return error == AVAHI_ERR_NOT_PERMITTED ? "avahi-daemon does not let us publish services"
	                                        : avahi_strerror(error);
}

static int client_add_record(AvahiEntryGroup *group, const struct dns_record *r)
{
	AvahiPublishFlags flags = AVAHI_PUBLISH_USE_MULTICAST;

	/* A host has several addresses under one name, so none of them is unique. */
	if (r->unique)
		flags |= AVAHI_PUBLISH_UNIQUE | AVAHI_PUBLISH_NO_PROBE | AVAHI_PUBLISH_ALLOW_MULTIPLE;
	return avahi_entry_group_add_record(group, r->iface, client_proto_of(r->family), flags, r->name,
	                                    AVAHI_DNS_CLASS_IN, r->type, r->ttl, r->rdata, r->len);
}

/* All or nothing: a group with a record missing is taken back. */
static void *client_publish(void *ctx, const struct dns_record *records, size_t n, const char **why)
{
	struct client *c = ctx;
	AvahiEntryGroup *group = avahi_entry_group_new(c->avahi, client_group_changed, c);

	if (group == NULL)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		if (client_add_record(group, &records[i]) < 0)
			goto free_group;
	}
	if (avahi_entry_group_commit(group) < 0)
		goto free_group;
	return group;

free_group:
	*why = client_reason(c);
	avahi_entry_group_free(group);
	return NULL;
fail:
	*why = client_reason(c);
	return NULL;
}

static void client_unpublish(void *ctx, void *handle)
{
	(void)ctx;
	avahi_entry_group_free(handle);
}

static void client_browsed(AvahiServiceBrowser *browser, AvahiIfIndex iface, AvahiProtocol proto,
                           AvahiBrowserEvent event, const char *name, const char *type, const char *domain,
                           AvahiLookupResultFlags flags, void *arg)
{
	struct client *c = arg;

	(void)browser;
	(void)flags;
	if (c->session == NULL)
		return;
	if (event == AVAHI_BROWSER_NEW)
		services_add(mdns_session_services(c->session), iface, proto, name, type, domain);
	else if (event == AVAHI_BROWSER_REMOVE)
		services_remove(mdns_session_services(c->session), iface, proto, name);
}

/* One browser for all interfaces, or one per wanted interface that is there. When another one comes, its address is
 * news to the session, which then makes its browsers again. */
struct browsers {
	AvahiServiceBrowser *b[MDNS_MAX_INTERFACES];
	size_t n;
};

static void client_unbrowse(void *ctx, void *handle)
{
	struct browsers *all = handle;

	(void)ctx;
	for (size_t i = 0; i < all->n; i++)
		avahi_service_browser_free(all->b[i]);
	free(all);
}

/* All or nothing, except for wanted interfaces that are not there: the session browses again when one comes. */
static void *client_browse(void *ctx, const char *type, const char **why)
{
	struct browsers *all = MEM_NEW(struct browsers);
	struct client *c = ctx;
	size_t n = c->want.ninterfaces > 0 ? c->want.ninterfaces : 1;

	for (size_t i = 0; i < n; i++) {
		AvahiIfIndex iface = AVAHI_IF_UNSPEC;

		if (c->want.ninterfaces > 0)
			iface = (AvahiIfIndex)if_nametoindex(c->want.interfaces[i]);
		if (iface == 0)
			continue;
		all->b[all->n] = avahi_service_browser_new(c->avahi, iface, AVAHI_PROTO_UNSPEC, type, MDNS_DOMAIN,
		                                           AVAHI_LOOKUP_USE_MULTICAST, client_browsed, c);
		if (all->b[all->n] == NULL) {
			*why = client_reason(c);
			client_unbrowse(c, all);
			return NULL;
		}
		all->n++;
	}
	return all;
}

static void client_resolved(AvahiServiceResolver *resolver, AvahiIfIndex iface, AvahiProtocol proto,
                            AvahiResolverEvent event, const char *name, const char *type, const char *domain,
                            const char *host, const AvahiAddress *addr, uint16_t port, AvahiStringList *txt,
                            AvahiLookupResultFlags flags, void *arg)
{
	struct client *c = arg;

	(void)resolver;
	(void)type;
	(void)domain;
	(void)host;
	(void)flags;
	if (c->session == NULL)
		return;
	if (event == AVAHI_RESOLVER_FOUND)
		services_resolved(mdns_session_services(c->session), iface, proto, name, addr, port, txt);
	else
		services_failed(mdns_session_services(c->session), iface, proto, name);
}

static void *client_resolve(void *ctx, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	struct client *c = ctx;

	return avahi_service_resolver_new(c->avahi, iface, proto, name, MDNS_TYPE, MDNS_DOMAIN, proto,
	                                  AVAHI_LOOKUP_USE_MULTICAST, client_resolved, c);
}

static void client_unresolve(void *ctx, void *resolver)
{
	(void)ctx;
	avahi_service_resolver_free(resolver);
}

/* Called inside avahi_client_new() at first, and anywhere in libavahi-client later, so it only notes the state. */
static void client_changed(AvahiClient *avahi, AvahiClientState state, void *arg)
{
	struct client *c = arg;

	(void)avahi;
	switch (state) {
	case AVAHI_CLIENT_S_REGISTERING:
	case AVAHI_CLIENT_S_RUNNING:
	case AVAHI_CLIENT_S_COLLISION: /* a collision of the host's own name, which we do not use */
		c->connected = true;
		break;
	case AVAHI_CLIENT_CONNECTING:
		c->connected = false;
		break;
	case AVAHI_CLIENT_FAILURE:
	default:
		c->connected = false;
		c->lost = true;
		break;
	}
	loop_timer_start(c->timer, 0, 0);
}

static void disconnect(struct client *c)
{
	mdns_session_free(c->session);
	c->session = NULL;
	if (c->avahi != NULL)
		avahi_client_free(c->avahi);
	c->avahi = NULL;
	c->connected = false;
	c->lost = false;
}

static void connect_later(struct client *c, int64_t most_ms)
{
	loop_timer_start(c->timer, c->retry_ms < most_ms ? c->retry_ms : most_ms, 0);
	c->retry_ms = c->retry_ms * 2 < LAST_RETRY_MS ? c->retry_ms * 2 : LAST_RETRY_MS;
}

/* Without a bus a try costs nothing, so it is repeated sooner than after other errors. */
static void connect_avahi(struct client *c)
{
	int error = 0;

	if (avahi_clash_prepare() < 0) {
		c->events.state(c->events.arg, false, "libavahi-client is not usable");
		return;
	}
	c->avahi = avahi_client_new(avahi_poll_get(c->poll), AVAHI_CLIENT_NO_FAIL | AVAHI_CLIENT_IGNORE_USER_CONFIG,
	                            client_changed, c, &error);
	if (c->avahi != NULL)
		return;
	c->connected = false;
	c->lost = false;
	if (error == AVAHI_ERR_DBUS_ERROR || error == AVAHI_ERR_NO_DAEMON) {
		c->events.state(c->events.arg, false, "the D-Bus system bus does not answer");
		connect_later(c, NO_BUS_RETRY_MS);
	} else {
		c->events.state(c->events.arg, false, avahi_strerror(error));
		connect_later(c, LAST_RETRY_MS);
	}
}

static void start_session(struct client *c)
{
	const struct mdns_session_door door = {
		.publish = client_publish,
		.unpublish = client_unpublish,
		.browse = client_browse,
		.unbrowse = client_unbrowse,
		.resolve = { .resolve = client_resolve, .unresolve = client_unresolve, .ctx = c },
		.ctx = c,
	};

	c->connected_ms = loop_now_ms(c->loop);
	c->session = mdns_session_new(c->loop, &c->want, &door, &c->events);
	if (c->session != NULL)
		return;
	c->events.state(c->events.arg, false, "netlink is not available");
	connect_later(c, LAST_RETRY_MS);
}

/* Acts on what client_changed() noted: connects, begins a session, or ends one. */
static void client_apply_state(void *arg)
{
	struct client *c = arg;

	if (c->lost) {
		bool stable = c->session == NULL || loop_now_ms(c->loop) - c->connected_ms >= STABLE_MS;

		disconnect(c);
		c->events.state(c->events.arg, false, "avahi-daemon is not running");
		if (!stable) {
			connect_later(c, LAST_RETRY_MS);
			return;
		}
		c->retry_ms = FIRST_RETRY_MS;
	}
	if (c->avahi == NULL)
		connect_avahi(c);
	if (c->avahi == NULL || c->lost)
		return; /* the timer runs */
	if (c->connected && c->session == NULL) {
		start_session(c);
	} else if (!c->connected) {
		mdns_session_free(c->session);
		c->session = NULL;
		c->events.state(c->events.arg, false, "avahi-daemon is not running");
	}
}

static void *client_new(struct loop *loop, const struct mdns_want *want, const struct mdns_events *events)
{
	struct client *c = MEM_NEW(struct client);

	c->loop = loop;
	c->want = *want;
	c->events = *events;
	c->retry_ms = FIRST_RETRY_MS;
	c->poll = avahi_poll_new(loop);
	c->timer = loop_timer_new(loop, client_apply_state, c);
	loop_timer_start(c->timer, 0, 0);
	return c;
}

static void client_set(void *stack, const struct mdns_want *want)
{
	struct client *c = stack;

	c->want = *want;
	if (c->session != NULL)
		mdns_session_set(c->session, want);
}

static void client_refresh(void *stack)
{
	struct client *c = stack;

	if (c->session != NULL)
		mdns_session_refresh(c->session);
}

static void client_free(void *stack)
{
	struct client *c = stack;

	if (c == NULL)
		return;
	disconnect(c);
	loop_timer_free(c->timer);
	avahi_poll_free(c->poll);
	free(c);
}

const struct mdns_backend mdns_client = {
	.start = client_new,
	.set = client_set,
	.refresh = client_refresh,
	.stop = client_free,
};
