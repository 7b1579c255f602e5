/* Remembers which pairs were reported, and when, in their order of arrival: see reports.h. */
#include "discovery/reports.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	MAX_HELD = 64,     /* reports that wait for their second to be over; each takes a few KiB */
	MAX_INSTANCES = 8, /* names of one pair that are remembered; those not withdrawn stay in caches for minutes */
};

struct report_key {
	char id[TXT_ID_LEN + 1];
	struct sockaddr_storage addr; /* zero after its length: keys are compared as memory */
};

struct report {
	struct report_key key;
	uint32_t instances[MAX_INSTANCES]; /* hashes of the names under which it was offered, the latest ones */
	size_t ninstances;                 /* names offered so far */
	int64_t reported_ms;
	struct mdns_found *held; /* to be reported at reported_ms + REPORTS_SAME_MS; NULL: none */
	UT_hash_handle hh;
};

struct reports {
	struct loop *loop;
	void (*found)(void *arg, const struct mdns_found *found);
	void *arg;
	struct report *all; /* hash; its order is that of arrival */
	struct loop_timer *timer;
	size_t held;
	int64_t second_ms; /* start of the second that is counted */
	int reported;      /* in it */
};

static void reports_pass_held(void *arg);

struct reports *reports_new(struct loop *loop, void (*found)(void *arg, const struct mdns_found *found), void *arg)
{
	struct reports *r = MEM_NEW(struct reports);

	r->loop = loop;
	r->found = found;
	r->arg = arg;
	r->timer = loop_timer_new(loop, reports_pass_held, r);
	return r;
}

static void report_drop_held(struct reports *r, struct report *report)
{
	if (report->held == NULL)
		return;
	free(report->held);
	report->held = NULL;
	r->held--;
}

static void report_forget(struct reports *r, struct report *report)
{
	report_drop_held(r, report);
	HASH_DEL(r->all, report);
	free(report);
}

void reports_free(struct reports *r)
{
	struct report *report;
	struct report *next;

	if (r == NULL)
		return;
	HASH_ITER(hh, r->all, report, next)
		report_forget(r, report);
	loop_timer_free(r->timer);
	free(r);
}

static void report_pass(struct reports *r, struct report *report, const struct mdns_found *found)
{
	int64_t now = loop_now_ms(r->loop);

	if (now - r->second_ms >= 1000) {
		r->second_ms = now;
		r->reported = 0;
	}
	if (r->reported >= REPORTS_MAX_PER_SECOND) {
		if (log_allow("discovery-flood", 1))
			log_warn("discovery: more than %d services per second; ignoring some", REPORTS_MAX_PER_SECOND);
		return;
	}
	r->reported++;
	report->reported_ms = now;
	r->found(r->arg, found);
}

/* Passes what has waited its second, and runs again when the next one is due. */
static void reports_pass_held(void *arg)
{
	struct reports *r = arg;
	int64_t now = loop_now_ms(r->loop);
	int64_t next_ms = INT64_MAX;
	struct report *report;
	struct report *next;

	HASH_ITER(hh, r->all, report, next) {
		int64_t due = report->reported_ms + REPORTS_SAME_MS;
		struct mdns_found *held = report->held;

		if (held == NULL)
			continue;
		if (due > now) {
			next_ms = due < next_ms ? due : next_ms;
			continue;
		}
		report->held = NULL;
		r->held--;
		report_pass(r, report, held);
		free(held);
	}
	if (next_ms != INT64_MAX)
		loop_timer_start(r->timer, next_ms - now, 0);
}

/* Whether the pair comes under this instance name for the first time, as far as is remembered; remembers the name. */
static bool report_is_new_instance(struct report *report, const char *instance)
{
	size_t known = report->ninstances < MAX_INSTANCES ? report->ninstances : MAX_INSTANCES;
	uint32_t hash;

	HASH_JEN(instance, strlen(instance), hash);
	for (size_t i = 0; i < known; i++) {
		if (report->instances[i] == hash)
			return false;
	}
	report->instances[report->ninstances++ % MAX_INSTANCES] = hash;
	return true;
}

static void report_hold(struct reports *r, struct report *report, const struct mdns_found *found)
{
	report_drop_held(r, report);
	if (r->held == MAX_HELD)
		return;
	report->held = mem_dup(found, sizeof(*found));
	r->held++;
	if (!loop_timer_running(r->timer))
		loop_timer_start(r->timer, report->reported_ms + REPORTS_SAME_MS - loop_now_ms(r->loop), 0);
}

/* An instance name is drawn for each announcement: a known name is only an echo from another link or a cache, a new
 * one means that the agent has announced itself again. */
void reports_offer(struct reports *r, const struct mdns_found *found)
{
	struct report_key key;
	struct report *report;
	bool is_new;

	memset(&key, 0, sizeof(key));
	memcpy(key.id, found->txt.id, sizeof(key.id));
	memcpy(&key.addr, &found->addr, found->addr_len);
	HASH_FIND(hh, r->all, &key, sizeof(key), report);
	if (report == NULL) {
		if (HASH_COUNT(r->all) >= REPORTS_MAX)
			report_forget(r, r->all);
		report = MEM_NEW(struct report);
		report->key = key;
		report->reported_ms = loop_now_ms(r->loop) - REPORTS_SAME_MS;
		HASH_ADD(hh, r->all, key, sizeof(report->key), report);
	}
	is_new = report_is_new_instance(report, found->instance);
	if (loop_now_ms(r->loop) - report->reported_ms >= REPORTS_SAME_MS) {
		report_drop_held(r, report);
		report_pass(r, report, found);
	} else if (is_new) {
		report_hold(r, report, found);
	}
}
