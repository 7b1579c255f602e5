/* The text of metrics: see metrics.h. A family is written whole, as both formats demand: its lines of description, and
 * then one line for each group, member or reason. */
#include "agent/api/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What is being written. */
struct metrics_text {
	struct bytes *out;
	const struct metrics *m;
	bool openmetrics;
	const char *name; /* of the family */
};

enum metrics_kind { GAUGE, COUNTER, INFO, HISTOGRAM };

static void __attribute__((format(printf, 2, 3))) put(struct metrics_text *t, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort(); /* no memory */
	(void)bytes_append(t->out, text, (size_t)n);
	free(text);
}

/* A label's value, between its quotes. */
static void put_value(struct metrics_text *t, const char *value)
{
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\n')
			(void)bytes_append(t->out, "\\n", 2);
		else if (*p == '"' || *p == '\\')
			put(t, "\\%c", *p);
		else
			(void)bytes_append(t->out, p, 1);
	}
}

/* OpenMetrics names a counter's family without the _total of its lines, an info's without _info; the older format has
 * one name for both, and no infos. */
static void family(struct metrics_text *t, enum metrics_kind kind, const char *name, const char *help)
{
	static const char *const kinds[] = { "gauge", "counter", "info", "histogram" };
	static const char *const tails[] = { "", "_total", "_info", "" };
	const char *tail = t->openmetrics ? "" : tails[kind];

	t->name = name;
	put(t, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, tail, help, name, tail,
	    !t->openmetrics && kind == INFO ? "gauge" : kinds[kind]);
}

/* --- lines --- */

static void group_labels(struct metrics_text *t, const struct metrics_group *g)
{
	put(t, "{group=\"");
	put_value(t, g->name);
	put(t, "\",id=\"");
	put_value(t, g->public_id);
	put(t, "\"");
}

static void agent_labels(struct metrics_text *t, const char *name, const char *agent)
{
	put(t, "member=\"");
	put_value(t, name);
	put(t, "\",agent=\"");
	put_value(t, agent);
	put(t, "\"");
}

/* A family with one number for each group; numbers below 0 are not known. at: where it is in the struct. */
static void of_groups(struct metrics_text *t, enum metrics_kind kind, const char *name, const char *help, size_t at)
{
	family(t, kind, name, help);
	for (size_t i = 0; i < t->m->ngroups; i++) {
		const struct metrics_group *g = &t->m->groups[i];
		int64_t n;

		memcpy(&n, (const char *)g + at, sizeof(n));
		if (n < 0)
			continue;
		put(t, "%s%s", name, kind == COUNTER ? "_total" : "");
		group_labels(t, g);
		put(t, "} %" PRId64 "\n", n);
	}
}

static void of_members(struct metrics_text *t, const char *name, const char *help,
                       int64_t (*number)(const struct metrics_member *m))
{
	family(t, GAUGE, name, help);
	for (size_t i = 0; i < t->m->ngroups; i++) {
		const struct metrics_group *g = &t->m->groups[i];

		for (size_t k = 0; k < g->nshown; k++) {
			int64_t n = number(&g->members[k]);

			if (n < 0)
				continue;
			put(t, "%s", name);
			group_labels(t, g);
			put(t, ",");
			agent_labels(t, g->members[k].name, g->members[k].agent);
			put(t, "} %" PRId64 "\n", n);
		}
	}
}

/* --- the families --- */

static void write_agent(struct metrics_text *t)
{
	static const char *const reasons[AGENT_REFUSED] = { "handshake", "stranger", "member" };

	family(t, INFO, "lanyard_build", "The program.");
	put(t, "lanyard_build_info{version=\"");
	put_value(t, t->m->version);
	put(t, "\"} 1\n");
	family(t, GAUGE, "lanyard_uptime_seconds", "Since the agent was started.");
	put(t, "lanyard_uptime_seconds %" PRId64 "\n", t->m->uptime_s);
	family(t, COUNTER, "lanyard_refused_connections", "Connections that this agent refused.");
	for (int i = 0; i < AGENT_REFUSED; i++)
		put(t, "lanyard_refused_connections_total{reason=\"%s\"} %" PRIu64 "\n", reasons[i], t->m->refused[i]);
}

static void write_delays(struct metrics_text *t)
{
	uint64_t n = 0;

	family(t, HISTOGRAM, "lanyard_loop_delay_seconds",
	       "How long turns of the event loop took: by that much it may notice things late.");
	for (int i = 0; i < LOOP_DELAYS; i++) {
		n += t->m->delays.turns[i];
		if (loop_delay_ms[i] >= 0)
			put(t, "lanyard_loop_delay_seconds_bucket{le=\"%d.%03d\"} %" PRIu64 "\n",
			    loop_delay_ms[i] / 1000, loop_delay_ms[i] % 1000, n);
	}
	put(t, "lanyard_loop_delay_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", n);
	put(t, "lanyard_loop_delay_seconds_sum %.6f\n", (double)t->m->delays.total_ns / 1e9);
	put(t, "lanyard_loop_delay_seconds_count %" PRIu64 "\n", n);
}

/* Under the names that client libraries use for them. */
static void write_process(struct metrics_text *t)
{
	family(t, COUNTER, "process_cpu_seconds", "Processor time, of the user and of the system.");
	put(t, "process_cpu_seconds_total %.3f\n", t->m->cpu_s);
	family(t, GAUGE, "process_resident_memory_bytes", "Memory that is resident.");
	put(t, "process_resident_memory_bytes %" PRId64 "\n", t->m->rss_bytes);
	family(t, GAUGE, "process_open_fds", "Open file descriptors.");
	put(t, "process_open_fds %" PRId64 "\n", t->m->fds);
	family(t, GAUGE, "process_max_fds", "How many file descriptors it may open.");
	put(t, "process_max_fds %" PRId64 "\n", t->m->fds_max);
	family(t, GAUGE, "process_start_time_seconds", "When the agent was started, in seconds since 1970.");
	put(t, "process_start_time_seconds %" PRId64 "\n", t->m->started_s);
}

static void write_flags(struct metrics_text *t)
{
	family(t, GAUGE, "lanyard_group_in_sync", "1: everything is here, and every connected member has everything.");
	for (size_t i = 0; i < t->m->ngroups; i++) {
		put(t, "lanyard_group_in_sync");
		group_labels(t, &t->m->groups[i]);
		put(t, "} %d\n", t->m->groups[i].in_sync);
	}
	family(t, GAUGE, "lanyard_group_error", "1: the group does not run; status says why.");
	for (size_t i = 0; i < t->m->ngroups; i++) {
		put(t, "lanyard_group_error");
		group_labels(t, &t->m->groups[i]);
		put(t, "} %d\n", t->m->groups[i].error);
	}
	family(t, GAUGE, "lanyard_group_state", "1 for the state that the group is in.");
	for (size_t i = 0; i < t->m->ngroups; i++) {
		put(t, "lanyard_group_state");
		group_labels(t, &t->m->groups[i]);
		put(t, ",state=\"%s\"} 1\n", t->m->groups[i].state);
	}
	family(t, GAUGE, "lanyard_group_members", "Other members of the group.");
	for (size_t i = 0; i < t->m->ngroups; i++) {
		put(t, "lanyard_group_members");
		group_labels(t, &t->m->groups[i]);
		put(t, "} %zu\n", t->m->groups[i].nmembers);
	}
}

static void write_problems(struct metrics_text *t)
{
	static const char *const reasons[METRICS_PROBLEMS] = { "download", "unreadable", "unshareable", "announced" };

	family(t, GAUGE, "lanyard_group_problems", "Paths that cannot be synced now.");
	for (size_t i = 0; i < t->m->ngroups; i++) {
		for (int k = 0; k < METRICS_PROBLEMS; k++) {
			put(t, "lanyard_group_problems");
			group_labels(t, &t->m->groups[i]);
			put(t, ",reason=\"%s\"} %" PRId64 "\n", reasons[k], t->m->groups[i].problems[k]);
		}
	}
}

#define OF_GROUPS(kind, name, field, help) of_groups(t, kind, name, help, offsetof(struct metrics_group, field))

static void write_groups(struct metrics_text *t)
{
	write_flags(t);
	write_problems(t);
	OF_GROUPS(GAUGE, "lanyard_group_last_in_sync_timestamp_seconds", last_in_sync_s,
	          "When the group was last in sync, in seconds since 1970; absent if it was not in this run.");
	OF_GROUPS(GAUGE, "lanyard_group_files", files, "Files and symlinks here.");
	OF_GROUPS(GAUGE, "lanyard_group_bytes", bytes, "The size of the files here.");
	OF_GROUPS(GAUGE, "lanyard_group_wanted_files", wanted, "Files that are wanted and not here yet.");
	OF_GROUPS(GAUGE, "lanyard_group_wanted_bytes", wanted_bytes, "The size of these.");
	OF_GROUPS(GAUGE, "lanyard_group_held_files", held, "Files whose deletion or replacement is held.");
	OF_GROUPS(GAUGE, "lanyard_group_hash_queue_paths", hash_queue, "Paths that wait to be checked or hashed.");
	OF_GROUPS(GAUGE, "lanyard_group_index_queue_bytes", index_queue,
	          "Content in memory that waits to be installed and entered into the index.");
	OF_GROUPS(GAUGE, "lanyard_group_disk_free_bytes", disk_free, "What is free on the disk of the share.");
	OF_GROUPS(GAUGE, "lanyard_group_disk_size_bytes", disk_size, "The size of that disk.");
	OF_GROUPS(COUNTER, "lanyard_group_conflicts", conflicts, "Conflict copies that were made here.");
	OF_GROUPS(COUNTER, "lanyard_group_problem_events", problem_events, "Problems that were reported.");
	OF_GROUPS(COUNTER, "lanyard_group_files_installed", files_installed, "Files of other members that came.");
	OF_GROUPS(COUNTER, "lanyard_group_sent_bytes", bytes_sent, "Content that was sent.");
	OF_GROUPS(COUNTER, "lanyard_group_received_bytes", bytes_received, "Content that was received.");
}

static int64_t member_connected(const struct metrics_member *m)
{
	return m->connected;
}

static int64_t member_behind(const struct metrics_member *m)
{
	return m->behind;
}

static int64_t member_behind_since(const struct metrics_member *m)
{
	return m->behind_since_s;
}

static int64_t member_last_seen(const struct metrics_member *m)
{
	return m->last_seen_s;
}

static void of_peers(struct metrics_text *t, const char *name, const char *help, bool in)
{
	family(t, COUNTER, name, help);
	for (size_t i = 0; i < t->m->npeers; i++) {
		const struct metrics_peer *p = &t->m->peers[i];

		put(t, "%s_total{", name);
		agent_labels(t, p->name, p->agent);
		put(t, "} %" PRIu64 "\n", in ? p->bytes_in : p->bytes_out);
	}
}

static void write_members(struct metrics_text *t)
{
	of_members(t, "lanyard_member_connected", "1: there is a connection with the member.", member_connected);
	of_members(t, "lanyard_member_behind_files",
	           "Files of this agent that the member has not got yet, as far as they are counted.", member_behind);
	of_members(t, "lanyard_member_behind_since_timestamp_seconds",
	           "When the member last had all of them, in seconds since 1970; absent if it has.",
	           member_behind_since);
	of_members(t, "lanyard_member_last_seen_timestamp_seconds",
	           "When the member was last here, in seconds since 1970.", member_last_seen);
	of_peers(t, "lanyard_peer_received_bytes", "Bytes from the member on the present connection.", true);
	of_peers(t, "lanyard_peer_sent_bytes", "Bytes to the member on the present connection.", false);
}

int metrics_write(struct bytes *out, const struct metrics *m, bool openmetrics)
{
	struct metrics_text t = { .out = out, .m = m, .openmetrics = openmetrics };

	write_agent(&t);
	write_delays(&t);
	write_process(&t);
	write_groups(&t);
	write_members(&t);
	if (openmetrics)
		put(&t, "# EOF\n");
	return out->full ? -1 : 0;
}

void metrics_clear(struct metrics *m)
{
	for (size_t i = 0; i < m->ngroups; i++) {
		struct metrics_group *g = &m->groups[i];

		for (size_t k = 0; k < g->nshown; k++) {
			free(g->members[k].name);
			free(g->members[k].agent);
		}
		free(g->members);
		free(g->name);
		free(g->public_id);
	}
	for (size_t i = 0; i < m->npeers; i++) {
		free(m->peers[i].name);
		free(m->peers[i].agent);
	}
	free(m->groups);
	free(m->peers);
	*m = (struct metrics){ 0 };
}
