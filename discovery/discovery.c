/* Which backend serves, and what the agent gets of it: see discovery.h.
 *
 * AUTO keeps asking for avahi-daemon (the client waits for it on D-Bus and does not poll). Until the daemon serves,
 * and from the moment it stops, the embedded stack serves. When the daemon comes both run for a while, so that
 * others always see one of our two announcements and we miss none of theirs. */
#include "discovery/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "discovery/clock_step.h"
#include "discovery/mdns.h"
#include "discovery/reports.h"
#include "discovery/static_peers.h"

enum {
	GRACE_MS = 300,    /* AUTO, at start: how long the daemon may take to answer before we embed */
	OVERLAP_MS = 3000, /* AUTO: both run, after the daemon came */
	REFRESH_EVERY_MS = 2000,
	RETRY_MS = 10000, /* after a backend found no descriptors to start with */
};

/* A backend that may be running. */
struct slot {
	struct discovery *owner;
	const struct mdns_backend *backend;
	void *stack; /* NULL while it is off */
	bool serving;
	char *problem; /* owned; NULL for none */
};

struct discovery {
	struct loop *loop;
	enum discovery_mode mode;
	struct mdns_want want;
	void (*found)(void *arg, const struct discovery_found *found);
	bool (*wanted)(void *arg, const char *id);
	void (*state)(void *arg, const char *backend, const char *problem);
	void *arg;
	struct slot daemon;
	struct slot embedded;
	struct loop_timer *switch_timer; /* AUTO: GRACE_MS until we embed, OVERLAP_MS until the embedded stack ends */
	struct loop_timer *retry_timer;
	struct loop_timer *state_timer; /* reports the state when the turn's changes are over */
	const char *last_backend;       /* what `state` was last called with; NULL: not yet */
	char *last_problem;
	struct reports *reports;
	struct static_peers *peers;
	struct static_peers *hints;
	struct clock_step *clock_step; /* NULL when there was no descriptor for it */
	struct loop_timer *refresh_timer;
	int64_t refreshed_ms; /* 0 for never */
};

static void slot_found(void *arg, const struct mdns_found *found)
{
	struct slot *slot = arg;

	reports_offer(slot->owner->reports, found);
}

static bool slot_wanted(void *arg, const char *id)
{
	const struct discovery *d = ((const struct slot *)arg)->owner;

	return d->want.browse_all || d->wanted(d->arg, id);
}

static void choose_backend(struct discovery *d);

static void slot_state(void *arg, bool serving, const char *problem)
{
	struct slot *slot = arg;

	slot->serving = serving;
	free(slot->problem);
	slot->problem = mem_strdup(problem);
	choose_backend(slot->owner);
}

static void slot_start(struct slot *slot)
{
	const struct discovery *d = slot->owner;
	/* The client runs on a thread of its own, which may not ask. */
	const struct mdns_events events = { .found = slot_found,
		                            .wanted = slot == &d->embedded && d->wanted != NULL ? slot_wanted : NULL,
		                            .state = slot_state,
		                            .arg = slot };

	if (slot->stack != NULL)
		return;
	slot->stack = slot->backend->start(slot->owner->loop, &slot->owner->want, &events);
	if (slot->stack != NULL)
		return;
	free(slot->problem);
	slot->problem = mem_strdup("no file descriptors or threads left");
	loop_timer_start(slot->owner->retry_timer, RETRY_MS, 0);
	loop_timer_start(slot->owner->state_timer, 0, 0);
}

static void slot_stop(struct slot *slot)
{
	if (slot->stack != NULL)
		slot->backend->stop(slot->stack);
	slot->stack = NULL;
	slot->serving = false;
	free(slot->problem);
	slot->problem = NULL;
}

static void switch_over(void *arg)
{
	struct discovery *d = arg;

	if (d->daemon.serving)
		slot_stop(&d->embedded);
	else
		slot_start(&d->embedded);
	loop_timer_start(d->state_timer, 0, 0);
}

/* A stack may be in the middle of a callback here, so stopping one waits for the timer. */
static void choose_backend(struct discovery *d)
{
	loop_timer_start(d->state_timer, 0, 0);
	if (d->mode != DISCOVERY_AUTO)
		return;
	if (d->daemon.serving && d->embedded.stack != NULL) {
		if (!loop_timer_running(d->switch_timer))
			loop_timer_start(d->switch_timer, OVERLAP_MS, 0);
	} else if (!d->daemon.serving) {
		if (d->embedded.stack != NULL)
			loop_timer_stop(d->switch_timer);
		else
			loop_timer_start(d->switch_timer, 0, 0);
	}
}

static void report_backend(void *arg)
{
	struct discovery *d = arg;
	const struct slot *slot = d->daemon.serving || d->embedded.stack == NULL ? &d->daemon : &d->embedded;
	const char *backend = d->mode == DISCOVERY_OFF ? "off" : slot == &d->daemon ? "avahi" : "embedded";
	bool same;

	/* AUTO has not chosen yet, or a stack has not reported its state; it will. */
	if (d->mode != DISCOVERY_OFF && !slot->serving && slot->problem == NULL)
		return;
	if (d->mode == DISCOVERY_AUTO && slot == &d->daemon && !slot->serving)
		return;
	same = d->last_backend != NULL && strcmp(d->last_backend, backend) == 0 &&
	       (slot->problem == NULL) == (d->last_problem == NULL) &&
	       (slot->problem == NULL || strcmp(slot->problem, d->last_problem) == 0);
	if (same)
		return;
	d->last_backend = backend;
	free(d->last_problem);
	d->last_problem = mem_strdup(slot->problem);
	d->state(d->arg, backend, d->last_problem);
}

static void pass_found(void *arg, const struct mdns_found *service)
{
	struct discovery *d = arg;
	struct discovery_shown groups[TXT_MAX_GROUPS];
	struct discovery_found found = {
		.claimed_id = service->txt.id,
		.groups = groups,
		.ngroups = service->txt.ngroups,
		.addr = service->addr,
		.addr_len = service->addr_len,
	};

	for (size_t i = 0; i < service->txt.ngroups; i++) {
		const struct txt_group *g = &service->txt.groups[i];

		groups[i] = (struct discovery_shown){ g->tag, g->name, g->owner, g->members };
	}
	d->found(d->arg, &found);
}

static void pass_static(void *arg, const struct sockaddr_storage *addr, socklen_t addr_len)
{
	struct discovery *d = arg;
	struct discovery_found found = { .addr = *addr, .addr_len = addr_len };

	d->found(d->arg, &found);
}

static void pass_hint(void *arg, const struct sockaddr_storage *addr, socklen_t addr_len)
{
	struct discovery *d = arg;
	struct discovery_found found = { .addr = *addr, .addr_len = addr_len, .hint = true };

	d->found(d->arg, &found);
}

static void refresh_now(void *arg)
{
	struct discovery *d = arg;

	d->refreshed_ms = loop_now_ms(d->loop);
	if (d->daemon.stack != NULL)
		d->daemon.backend->refresh(d->daemon.stack);
	if (d->embedded.stack != NULL)
		d->embedded.backend->refresh(d->embedded.stack);
	static_peers_refresh(d->peers);
	static_peers_refresh(d->hints);
}

void discovery_refresh(struct discovery *d)
{
	int64_t wait = d->refreshed_ms != 0 ? d->refreshed_ms + REFRESH_EVERY_MS - loop_now_ms(d->loop) : 0;

	if (!loop_timer_running(d->refresh_timer))
		loop_timer_start(d->refresh_timer, wait, 0);
}

/* libavahi-core's timers would wait for the old time to come again. */
static void clock_stepped(void *arg)
{
	struct discovery *d = arg;

	log_info("discovery: the clock was set or the host was asleep; querying again");
	if (d->embedded.stack != NULL) {
		slot_stop(&d->embedded);
		slot_start(&d->embedded);
	}
	discovery_refresh(d);
}

/* Whether text consists of min to max lower-case base32 digits. */
static bool is_base32_text(const char *text, size_t min, size_t max)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz234567");

	return text[n] == '\0' && n >= min && n <= max;
}

static void start_backends(void *arg)
{
	struct discovery *d = arg;

	if (d->mode == DISCOVERY_AUTO || d->mode == DISCOVERY_AVAHI)
		slot_start(&d->daemon);
	if (d->mode == DISCOVERY_EMBEDDED)
		slot_start(&d->embedded);
}

/* A backend that cannot start now is retried by retry_timer, so the caller gets a discovery in any case. Nothing is
 * reported before the loop turns. */
struct discovery *discovery_new(struct loop *loop, const struct discovery_config *config)
{
	struct discovery *d;

	if (!is_base32_text(config->agent_id, TXT_ID_LEN, TXT_ID_LEN) || config->port == 0 || config->found == NULL ||
	    config->state == NULL)
		return NULL;
	d = MEM_NEW(struct discovery);
	d->loop = loop;
	d->mode = config->mode;
	d->found = config->found;
	d->wanted = config->wanted;
	d->state = config->state;
	d->arg = config->arg;
	memcpy(d->want.agent_id, config->agent_id, sizeof(d->want.agent_id));
	d->want.port = config->port;
	for (size_t i = 0; i < config->ninterfaces && i < MDNS_MAX_INTERFACES; i++)
		(void)snprintf(d->want.interfaces[d->want.ninterfaces++], IF_NAMESIZE, "%s", config->interfaces[i]);
	d->daemon = (struct slot){ .owner = d, .backend = &mdns_aside };
	d->embedded = (struct slot){ .owner = d, .backend = &mdns_embedded };
	d->switch_timer = loop_timer_new(loop, switch_over, d);
	d->retry_timer = loop_timer_new(loop, start_backends, d);
	d->state_timer = loop_timer_new(loop, report_backend, d);
	d->refresh_timer = loop_timer_new(loop, refresh_now, d);
	d->reports = reports_new(loop, pass_found, d);
	d->peers = static_peers_new(loop, pass_static, d);
	d->hints = static_peers_new(loop, pass_hint, d);
	d->clock_step = clock_step_new(loop, clock_stepped, d);
	start_backends(d);
	if (d->mode == DISCOVERY_AUTO)
		loop_timer_start(d->switch_timer, GRACE_MS, 0);
	if (d->mode == DISCOVERY_OFF)
		loop_timer_start(d->state_timer, 0, 0);
	return d;
}

void discovery_free(struct discovery *d)
{
	if (d == NULL)
		return;
	slot_stop(&d->embedded);
	slot_stop(&d->daemon);
	clock_step_free(d->clock_step);
	static_peers_free(d->peers);
	static_peers_free(d->hints);
	reports_free(d->reports);
	loop_timer_free(d->switch_timer);
	loop_timer_free(d->retry_timer);
	loop_timer_free(d->state_timer);
	loop_timer_free(d->refresh_timer);
	free(d->last_problem);
	free(d);
}

static void want_changed(struct discovery *d)
{
	if (d->daemon.stack != NULL)
		d->daemon.backend->set(d->daemon.stack, &d->want);
	if (d->embedded.stack != NULL)
		d->embedded.backend->set(d->embedded.stack, &d->want);
}

/* A hidden group has a tag only. */
static void announce_as(struct txt_group *out, const struct discovery_group *group)
{
	size_t len = group->name != NULL ? strlen(group->name) : 0;

	memcpy(out->tag, group->tag, strlen(group->tag) + 1);
	if (len == 0 || len >= sizeof(out->name))
		return;
	memcpy(out->name, group->name, len + 1);
	(void)snprintf(out->owner, sizeof(out->owner), "%s", group->owner != NULL ? group->owner : "");
	out->members = group->members < TXT_MAX_MEMBERS ? group->members : TXT_MAX_MEMBERS;
}

static bool is_announced_as(const struct txt_group *a, const struct txt_group *b)
{
	return strcmp(a->tag, b->tag) == 0 && a->members == b->members && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->owner, b->owner) == 0;
}

/* Groups beyond the maximum, and those whose tag is not base32, are not announced. Nothing happens when nothing is
 * new. */
void discovery_set_groups(struct discovery *d, const struct discovery_group *groups, size_t n)
{
	struct txt_group before[MDNS_MAX_GROUPS];
	bool quiet_before[MDNS_MAX_GROUPS], changed = false;

	memcpy(before, d->want.groups, sizeof(before));
	memcpy(quiet_before, d->want.quiet, sizeof(quiet_before));
	if (n > MDNS_MAX_GROUPS) {
		log_warn("discovery: %zu groups, announcing only %d of them", n, MDNS_MAX_GROUPS);
		n = MDNS_MAX_GROUPS;
	}
	memset(d->want.groups, 0, sizeof(d->want.groups));
	memset(d->want.quiet, 0, sizeof(d->want.quiet));
	d->want.ngroups = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_base32_text(groups[i].tag, 1, MDNS_TAG_LEN))
			continue;
		d->want.quiet[d->want.ngroups] = groups[i].quiet;
		announce_as(&d->want.groups[d->want.ngroups++], &groups[i]);
	}
	/* The rest is zero, and a group has a tag. */
	for (size_t i = 0; i < MDNS_MAX_GROUPS; i++)
		changed |= !is_announced_as(&before[i], &d->want.groups[i]) || quiet_before[i] != d->want.quiet[i];
	if (changed)
		want_changed(d);
}

void discovery_look_for(struct discovery *d, const char (*tags)[27], size_t n)
{
	char before[MDNS_MAX_LOOK_FOR][MDNS_TAG_LEN + 1];

	memcpy(before, d->want.look_for, sizeof(before));
	memset(d->want.look_for, 0, sizeof(d->want.look_for));
	d->want.nlook_for = 0;
	for (size_t i = 0; i < n && i < MDNS_MAX_LOOK_FOR; i++) {
		if (is_base32_text(tags[i], 1, MDNS_TAG_LEN))
			(void)snprintf(d->want.look_for[d->want.nlook_for++], MDNS_TAG_LEN + 1, "%s", tags[i]);
	}
	if (memcmp(before, d->want.look_for, sizeof(before)) != 0)
		want_changed(d);
}

void discovery_set_browse_all(struct discovery *d, bool on)
{
	if (d->want.browse_all == on)
		return;
	d->want.browse_all = on;
	want_changed(d);
}

int discovery_add_static(struct discovery *d, const char *host_port)
{
	return static_peers_add(d->peers, host_port);
}

int discovery_add_hint(struct discovery *d, const char *host_port)
{
	return static_peers_add(d->hints, host_port);
}
