/* The state of an agent as metrics, in the OpenMetrics text format or, for programs that do not know that, in the older
 * Prometheus text format. Structs become text, and nothing else is read. */
#ifndef LANYARD_AGENT_API_METRICS_H
#define LANYARD_AGENT_API_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/bytes.h"
#include "base/loop.h"

/* Bounds of what is shown, so that no peer makes the document large. Of more members there is only the number. */
enum { METRICS_MEMBERS_MAX = 128, METRICS_GROUPS_MAX = 64, METRICS_TEXT_MAX = 16 << 20 };

/* A word for each in the label "reason". */
enum metrics_problem {
	METRICS_PROBLEM_DOWNLOAD,    /* a file that others have does not come now */
	METRICS_PROBLEM_UNREADABLE,  /* a file here cannot be read at present */
	METRICS_PROBLEM_UNSHAREABLE, /* something here is not shared: its kind, its name, it keeps changing */
	METRICS_PROBLEM_ANNOUNCED,   /* a member announces more than is accepted */
	METRICS_PROBLEMS
};

/* Of a group. Unknown numbers are -1. */
struct metrics_member {
	char *name;  /* owned; UTF-8 */
	char *agent; /* owned */
	bool connected;
	int64_t behind;         /* files of ours that it has not got yet */
	int64_t behind_since_s; /* wall clock; when it last had all of them; -1 as well: it has */
	int64_t last_seen_s;    /* wall clock */
};

struct metrics_group {
	char *name;      /* owned; UTF-8 */
	char *public_id; /* owned */
	const char *state;
	bool in_sync, error;
	int64_t last_in_sync_s;
	int64_t files, bytes, wanted, wanted_bytes, held;
	int64_t hash_queue;  /* paths that wait to be checked or hashed */
	int64_t index_queue; /* bytes that wait to be installed and entered into the index */
	int64_t disk_free, disk_size;
	int64_t problems[METRICS_PROBLEMS];
	uint64_t conflicts, problem_events, bytes_sent, bytes_received, files_installed;
	size_t nmembers; /* others, of which `members` are the first */
	size_t nshown;
	struct metrics_member *members; /* owned */
};

struct metrics_peer {
	char *name;  /* owned; UTF-8 */
	char *agent; /* owned */
	uint64_t bytes_in, bytes_out;
};

struct metrics {
	const char *version;
	int64_t started_s; /* wall clock */
	int64_t uptime_s;
	uint64_t refused[AGENT_REFUSED];
	struct loop_delays delays;
	double cpu_s;
	int64_t rss_bytes, fds, fds_max; /* of the process */
	size_t ngroups, npeers;
	struct metrics_group *groups; /* owned */
	struct metrics_peer *peers;   /* owned; that are connected, each agent once */
};

/* Frees what the struct holds. */
void metrics_clear(struct metrics *m);
/* openmetrics: in this format; else in the older one. -1: it is too long for out. */
int metrics_write(struct bytes *out, const struct metrics *m, bool openmetrics);

#endif
