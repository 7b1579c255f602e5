/* The table of services, and their steps from seen to resolved: see services.h. */
#include "discovery/services.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	RETRY_MS = 5000,      /* after a failure; the resolver itself has asked for 5 s by then */
	MAX_TXT_STRINGS = 64, /* strings of one record that are read */
};

enum service_state {
	SERVICE_WAITING, /* waits for a free resolver, or for its next try */
	SERVICE_RESOLVING,
	SERVICE_DONE, /* resolved, or given up */
};

struct service_key {
	AvahiIfIndex iface;
	AvahiProtocol proto;
	char name[MDNS_MAX_INSTANCE + 1]; /* padded with zeros: keys are compared as memory */
};

struct service {
	struct service_key key;
	enum service_state state;
	bool stale; /* services_refresh() was called since it was seen to come */
	int tries;
	int64_t due_ms; /* WAITING: not before this */
	void *resolver; /* RESOLVING: the library's */
	UT_hash_handle hh;
};

struct services {
	struct loop *loop;
	char own_id[TXT_ID_LEN + 1];
	struct services_door door;
	void (*resolved)(void *arg, const struct mdns_found *found);
	bool (*wanted)(void *arg, const char *id); /* NULL: every agent is wanted */
	void *arg;
	struct service *services; /* hash; its order is that of arrival */
	int resolving;
	AvahiIfIndex lo;          /* the loopback interface; 0 for none */
	struct loop_timer *timer; /* the next service that is due */
};

static void resolve_due(void *arg);

struct services *services_new(struct loop *loop, const char *own_id, const struct services_door *door,
                              void (*resolved)(void *arg, const struct mdns_found *found),
                              bool (*wanted)(void *arg, const char *id), void *arg)
{
	struct services *h = MEM_NEW(struct services);

	h->loop = loop;
	memcpy(h->own_id, own_id, sizeof(h->own_id));
	h->door = *door;
	h->resolved = resolved;
	h->wanted = wanted;
	h->arg = arg;
	h->lo = (AvahiIfIndex)if_nametoindex("lo");
	h->timer = loop_timer_new(loop, resolve_due, h);
	return h;
}

static void stop_resolving(struct services *h, struct service *s)
{
	if (s->resolver == NULL)
		return;
	h->door.unresolve(h->door.ctx, s->resolver);
	s->resolver = NULL;
	h->resolving--;
}

static void forget_service(struct services *h, struct service *s)
{
	stop_resolving(h, s);
	HASH_DEL(h->services, s);
	free(s);
}

void services_free(struct services *h)
{
	struct service *s;
	struct service *next;

	if (h == NULL)
		return;
	HASH_ITER(hh, h->services, s, next)
		forget_service(h, s);
	loop_timer_free(h->timer);
	free(h);
}

static int make_key(struct service_key *key, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > MDNS_MAX_INSTANCE)
		return -1;
	memset(key, 0, sizeof(*key));
	key->iface = iface;
	key->proto = proto;
	memcpy(key->name, name, len);
	return 0;
}

static struct service *find_service(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	struct service_key key;
	struct service *s = NULL;

	if (make_key(&key, iface, proto, name) == 0)
		HASH_FIND(hh, h->services, &key, sizeof(key), s);
	return s;
}

/* The name of an instance is its agent's ID and a number. */
static bool is_wanted_service(const struct services *h, const struct service *s)
{
	char id[TXT_ID_LEN + 1];

	if (h->wanted == NULL || strlen(s->key.name) < TXT_ID_LEN)
		return true;
	memcpy(id, s->key.name, TXT_ID_LEN);
	id[TXT_ID_LEN] = '\0';
	return h->wanted(h->arg, id);
}

static void start_resolving(struct services *h, struct service *s)
{
	if (!is_wanted_service(h, s)) {
		s->state = SERVICE_DONE;
		return;
	}
	s->tries++;
	s->resolver = h->door.resolve(h->door.ctx, s->key.iface, s->key.proto, s->key.name);
	if (s->resolver == NULL) {
		s->state = s->tries < SERVICES_TRIES ? SERVICE_WAITING : SERVICE_DONE;
		s->due_ms = loop_now_ms(h->loop) + RETRY_MS;
		return;
	}
	s->state = SERVICE_RESOLVING;
	h->resolving++;
}

/* Starts the resolvers that are due. More services than resolvers mean a flood or a very large network: then the
 * order is random, so that nobody can keep others waiting for ever by announcing many names. */
static void resolve_due(void *arg)
{
	struct services *h = arg;
	int64_t now = loop_now_ms(h->loop);
	int64_t next_ms = INT64_MAX;
	uint64_t due = 0;
	struct service *s;
	struct service *next;

	HASH_ITER(hh, h->services, s, next) {
		if (s->state == SERVICE_WAITING && s->due_ms <= now)
			due++;
	}
	HASH_ITER(hh, h->services, s, next) {
		if (s->state != SERVICE_WAITING)
			continue;
		if (s->due_ms <= now) {
			uint64_t room = (uint64_t)(SERVICES_MAX_RESOLVING - h->resolving);

			/* Chooses `room` of the `due` that are left, each with the same chance. */
			if (random_below(due--) < room)
				start_resolving(h, s);
		}
		if (s->state == SERVICE_WAITING && s->due_ms > now && s->due_ms < next_ms)
			next_ms = s->due_ms;
	}
	if (next_ms != INT64_MAX)
		loop_timer_start(h->timer, next_ms - now, 0);
}

static int64_t spread_ms(const struct services *h)
{
	int64_t most = (int64_t)HASH_COUNT(h->services) * SERVICES_SPREAD_MS;

	if (HASH_COUNT(h->services) <= SERVICES_FEW)
		return 0;
	return (int64_t)random_below((uint64_t)(most < SERVICES_SPREAD_MAX ? most : SERVICES_SPREAD_MAX));
}

/* Not at once: services that one packet announces are resolved together, and no library is called inside its own
 * callback. */
static void resolve_soon(struct services *h)
{
	loop_timer_start(h->timer, 0, 0);
}

static void want_resolved(struct services *h, struct service *s)
{
	s->stale = false;
	s->tries = 0;
	if (s->state == SERVICE_RESOLVING)
		return;
	s->state = SERVICE_WAITING;
	s->due_ms = loop_now_ms(h->loop) + spread_ms(h);
	resolve_soon(h);
}

/* A full table forgets its oldest service. A service that is known is resolved again only if a refresh came since. */
void services_add(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name, const char *type,
                  const char *domain)
{
	struct service_key key;
	struct service *s;

	if (strcmp(type, MDNS_TYPE) != 0 || strcmp(domain, MDNS_DOMAIN) != 0 || iface <= 0 || iface == h->lo)
		return;
	if (strncmp(name, h->own_id, TXT_ID_LEN) == 0 || make_key(&key, iface, proto, name) < 0)
		return;
	HASH_FIND(hh, h->services, &key, sizeof(key), s);
	if (s != NULL) {
		if (s->stale)
			want_resolved(h, s);
		return;
	}
	if (HASH_COUNT(h->services) >= SERVICES_MAX)
		forget_service(h, h->services);
	s = MEM_NEW(struct service);
	s->key = key;
	HASH_ADD(hh, h->services, key, sizeof(s->key), s);
	want_resolved(h, s);
}

void services_remove(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	struct service *s = find_service(h, iface, proto, name);

	if (s == NULL)
		return;
	forget_service(h, s);
	resolve_soon(h);
}

/* An address where somebody else may listen. */
static int read_service_address(struct mdns_found *out, AvahiIfIndex iface, const AvahiAddress *addr, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&out->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->addr;

	if (addr == NULL || port == 0)
		return -1;
	if (addr->proto == AVAHI_PROTO_INET) {
		uint32_t ip = ntohl(addr->data.ipv4.address);

		if (ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 14)
			return -1;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = addr->data.ipv4.address;
		out->addr_len = sizeof(*in);
		return 0;
	}
	if (addr->proto != AVAHI_PROTO_INET6)
		return -1;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->data.ipv6.address, sizeof(in6->sin6_addr));
	out->addr_len = sizeof(*in6);
	if (IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) || IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	    IN6_IS_ADDR_MULTICAST(&in6->sin6_addr) || IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return -1;
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		in6->sin6_scope_id = (uint32_t)iface;
	return 0;
}

/* Avahi keeps the strings in reverse order, and the first one of a key counts. */
static void read_txt(struct txt *txt, AvahiStringList *strings)
{
	const AvahiStringList *list[MAX_TXT_STRINGS];
	size_t n = 0;

	for (AvahiStringList *s = strings; s != NULL && n < MAX_TXT_STRINGS; s = avahi_string_list_get_next(s))
		list[n++] = s;
	while (n > 0) {
		n--;
		txt_read(txt, list[n]->text, list[n]->size);
	}
}

void services_resolved(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name,
                       const AvahiAddress *addr, uint16_t port, AvahiStringList *txt)
{
	struct service *s = find_service(h, iface, proto, name);
	struct mdns_found found = { 0 };
	bool usable;

	if (s == NULL || s->state != SERVICE_RESOLVING)
		return;
	/* The resolver owns name, addr and txt, and they go with it: copied first, freed last. */
	read_txt(&found.txt, txt);
	usable = read_service_address(&found, iface, addr, port) == 0 && txt_usable(&found.txt);
	memcpy(found.instance, s->key.name, sizeof(found.instance));
	stop_resolving(h, s);
	s->state = SERVICE_DONE;
	resolve_soon(h);
	if (usable && strcmp(found.txt.id, h->own_id) != 0)
		h->resolved(h->arg, &found);
}

void services_failed(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	struct service *s = find_service(h, iface, proto, name);

	if (s == NULL || s->state != SERVICE_RESOLVING)
		return;
	stop_resolving(h, s);
	s->state = s->tries < SERVICES_TRIES ? SERVICE_WAITING : SERVICE_DONE;
	s->due_ms = loop_now_ms(h->loop) + RETRY_MS;
	resolve_soon(h);
}

void services_refresh(struct services *h)
{
	struct service *s;
	struct service *next;

	HASH_ITER(hh, h->services, s, next)
		s->stale = true;
}
