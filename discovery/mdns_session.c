/* Announces, browses and resolves by one library: see mdns_session.h. */
#include "discovery/mdns_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	SAY_EVERY_MS = 1000, /* at most this often; avahi holds back faster ones anyway */
	RETRY_MS = 10000,    /* after the library refused */
	MAX_PUBLISHED = (HOST_ADDRS_MAX + MDNS_MAX_INTERFACES * (4 + MDNS_MAX_GROUPS)) / MDNS_SESSION_MAX_ENTRIES + 1,
	MAX_BROWSERS = MDNS_MAX_GROUPS + MDNS_MAX_LOOK_FOR + 1, /* + all */
	MAX_TYPE = 64,
};

struct browser {
	char type[MAX_TYPE]; /* "" when unused */
	void *handle;        /* the library's; NULL: not started yet, or refused */
};

struct mdns_session {
	struct loop *loop;
	struct mdns_session_door door;
	struct mdns_events events;
	struct mdns_want want;
	struct host_addrs *addrs;
	struct services *services;
	struct loop_timer *announce_timer;
	int64_t announced_ms;           /* when we last announced, loop_now_ms(); 0: never */
	void *published[MAX_PUBLISHED]; /* what is published now */
	size_t npublished;
	struct browser browsers[MAX_BROWSERS];
	struct loop_timer *browse_timer; /* retries refused browsers */
	const char *publish_problem;     /* why the library refused; a text that stays valid; NULL: it did not */
	const char *browse_problem;
	bool addrs_known;
};

struct services *mdns_session_services(struct mdns_session *s)
{
	return s->services;
}

/* The addresses to announce: of each interface at most one of IPv6, which is link-local if there is one. Returns
 * how many. */
static size_t addresses(const struct mdns_session *s, struct host_addr out[HOST_ADDRS_MAX])
{
	size_t all, n = 0;
	const struct host_addr *addrs = host_addrs_get(s->addrs, &all);

	for (size_t i = 0; i < all; i++) {
		bool further = i > 0 && addrs[i].family == AF_INET6 && addrs[i - 1].family == AF_INET6 &&
		               addrs[i].iface == addrs[i - 1].iface;

		if (!further)
			out[n++] = addrs[i];
	}
	return n;
}

static void session_report_state(struct mdns_session *s)
{
	struct host_addr addrs[HOST_ADDRS_MAX];
	const char *problem = s->publish_problem != NULL ? s->publish_problem : s->browse_problem;

	if (!s->addrs_known)
		return;
	if (problem == NULL && addresses(s, addrs) == 0)
		problem = s->want.ninterfaces == 0 ? "no network interface has an address"
		                                   : "none of the interfaces named in the settings has an address";
	s->events.state(s->events.arg, s->publish_problem == NULL && s->browse_problem == NULL, problem);
}

static void announce_soon(struct mdns_session *s)
{
	int64_t wait = s->announced_ms != 0 ? s->announced_ms + SAY_EVERY_MS - loop_now_ms(s->loop) : 0;

	if (!s->addrs_known)
		return; /* when addresses come, they ask again */
	if (!loop_timer_running(s->announce_timer) || s->publish_problem != NULL)
		loop_timer_start(s->announce_timer, wait, 0);
}

/* Announces everything under a new name, then withdraws what was announced under the old one. */
static void announce(void *arg)
{
	struct mdns_session *s = arg;
	char instance[MDNS_MAX_INSTANCE + 1];
	void *old[MAX_PUBLISHED];
	size_t nold = s->npublished;
	struct host_addr addrs[HOST_ADDRS_MAX];
	size_t naddrs = addresses(s, addrs);
	size_t n;
	struct dns_record *records;

	dns_records_instance(instance, s->want.agent_id, (uint16_t)random_below(0x10000));
	records = dns_records_build(&s->want, instance, addrs, naddrs, &n);
	memcpy(old, s->published, sizeof(old));
	s->npublished = 0;
	s->publish_problem = NULL;
	for (size_t i = 0; i < n; i += MDNS_SESSION_MAX_ENTRIES) {
		size_t part = n - i < MDNS_SESSION_MAX_ENTRIES ? n - i : MDNS_SESSION_MAX_ENTRIES;
		void *handle = s->door.publish(s->door.ctx, &records[i], part, &s->publish_problem);

		if (handle == NULL) {
			loop_timer_start(s->announce_timer, RETRY_MS, 0);
			break;
		}
		s->published[s->npublished++] = handle;
	}
	for (size_t i = 0; i < nold; i++)
		s->door.unpublish(s->door.ctx, old[i]);
	free(records);
	s->announced_ms = loop_now_ms(s->loop);
	if (n > 0 && s->publish_problem == NULL)
		log_debug("discovery: announced as %s, %zu groups, %zu addresses", instance, s->want.ngroups, naddrs);
	session_report_state(s);
}

void mdns_session_collision(struct mdns_session *s)
{
	log_info("discovery: our service name is taken; choosing another one");
	announce_soon(s);
}

static void start_browsers(void *arg)
{
	struct mdns_session *s = arg;

	s->browse_problem = NULL;
	for (size_t i = 0; i < MAX_BROWSERS; i++) {
		struct browser *b = &s->browsers[i];

		if (b->type[0] != '\0' && b->handle == NULL)
			b->handle = s->door.browse(s->door.ctx, b->type, &s->browse_problem);
	}
	if (s->browse_problem != NULL)
		loop_timer_start(s->browse_timer, RETRY_MS, 0);
	session_report_state(s);
}

static void stop_browser(struct mdns_session *s, struct browser *b)
{
	if (b->handle != NULL)
		s->door.unbrowse(s->door.ctx, b->handle);
	b->handle = NULL;
}

/* The types to browse, each once; returns how many. */
static size_t wanted_types(const struct mdns_want *want, char types[MAX_BROWSERS][MAX_TYPE])
{
	size_t n = 0;

	for (size_t i = 0; i < want->ngroups; i++)
		if (!want->quiet[i])
			(void)snprintf(types[n++], MAX_TYPE, "_%s._sub." MDNS_TYPE, want->groups[i].tag);
	for (size_t i = 0; i < want->nlook_for; i++)
		(void)snprintf(types[n++], MAX_TYPE, "_%s._sub." MDNS_TYPE, want->look_for[i]);
	if (want->browse_all)
		(void)snprintf(types[n++], MAX_TYPE, MDNS_TYPE);
	return n;
}

static struct browser *browser_of(struct mdns_session *s, const char *type)
{
	for (size_t i = 0; i < MAX_BROWSERS; i++) {
		if (strcmp(s->browsers[i].type, type) == 0)
			return &s->browsers[i];
	}
	return NULL;
}

static bool has_type(char types[MAX_BROWSERS][MAX_TYPE], size_t n, const char *type)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

/* Stops the browsers that are not wanted any more, and gives the new types a free place; the timer starts them. */
static void choose_browsers(struct mdns_session *s)
{
	char types[MAX_BROWSERS][MAX_TYPE];
	size_t n = wanted_types(&s->want, types);

	for (size_t i = 0; i < MAX_BROWSERS; i++) {
		struct browser *b = &s->browsers[i];

		if (has_type(types, n, b->type))
			continue;
		stop_browser(s, b);
		b->type[0] = '\0';
	}
	for (size_t i = 0; i < n; i++) {
		struct browser *free_one = browser_of(s, "");

		if (browser_of(s, types[i]) == NULL && free_one != NULL)
			memcpy(free_one->type, types[i], sizeof(free_one->type));
	}
	loop_timer_start(s->browse_timer, 0, 0);
}

static bool says_the_same(const struct mdns_want *a, const struct mdns_want *b)
{
	if (a->port != b->port || a->ngroups != b->ngroups)
		return false;
	for (size_t i = 0; i < a->ngroups; i++) {
		const struct txt_group *x = &a->groups[i];
		const struct txt_group *y = &b->groups[i];

		if (strcmp(x->tag, y->tag) != 0 || strcmp(x->name, y->name) != 0 || strcmp(x->owner, y->owner) != 0 ||
		    x->members != y->members)
			return false;
	}
	return true;
}

void mdns_session_set(struct mdns_session *s, const struct mdns_want *want)
{
	bool same = says_the_same(&s->want, want);

	s->want = *want;
	choose_browsers(s);
	if (!same)
		announce_soon(s);
}

bool mdns_session_listens(const struct mdns_session *s)
{
	for (size_t i = 0; i < MAX_BROWSERS; i++)
		if (s->browsers[i].type[0] != '\0')
			return true;
	return false;
}

void mdns_session_refresh(struct mdns_session *s)
{
	services_refresh(s->services);
	for (size_t i = 0; i < MAX_BROWSERS; i++)
		stop_browser(s, &s->browsers[i]);
	loop_timer_start(s->browse_timer, 0, 0);
}

/* Others have our old addresses, or dropped us while the link was down: we announce again. What we know of them may
 * be out of date in the same way, so we query again. */
static void addrs_changed(void *arg)
{
	struct mdns_session *s = arg;
	bool first = !s->addrs_known;

	s->addrs_known = true;
	if (s->door.interfaces != NULL)
		s->door.interfaces(s->door.ctx, s->addrs);
	announce_soon(s);
	if (!first)
		mdns_session_refresh(s);
}

static void pass_service(void *arg, const struct mdns_found *found)
{
	struct mdns_session *s = arg;

	s->events.found(s->events.arg, found);
}

static bool is_wanted_agent(void *arg, const char *id)
{
	struct mdns_session *s = arg;

	return s->events.wanted(s->events.arg, id);
}

/* Announces and browses by timers, so that nothing is called back before the caller has the session. */
struct mdns_session *mdns_session_new(struct loop *loop, const struct mdns_want *want,
                                      const struct mdns_session_door *door, const struct mdns_events *events)
{
	struct mdns_session *s = MEM_NEW(struct mdns_session);
	const char *names[MDNS_MAX_INTERFACES];

	for (size_t i = 0; i < want->ninterfaces; i++)
		names[i] = want->interfaces[i];
	s->loop = loop;
	s->want = *want;
	s->door = *door;
	s->events = *events;
	s->addrs = host_addrs_new(loop, names, want->ninterfaces, addrs_changed, s);
	if (s->addrs == NULL) {
		free(s);
		return NULL;
	}
	s->services = services_new(loop, want->agent_id, &door->resolve, pass_service,
	                           events->wanted != NULL ? is_wanted_agent : NULL, s);
	s->announce_timer = loop_timer_new(loop, announce, s);
	s->browse_timer = loop_timer_new(loop, start_browsers, s);
	choose_browsers(s);
	return s;
}

void mdns_session_free(struct mdns_session *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < MAX_BROWSERS; i++)
		stop_browser(s, &s->browsers[i]);
	services_free(s->services);
	for (size_t i = 0; i < s->npublished; i++)
		s->door.unpublish(s->door.ctx, s->published[i]);
	host_addrs_free(s->addrs);
	loop_timer_free(s->announce_timer);
	loop_timer_free(s->browse_timer);
	free(s);
}
