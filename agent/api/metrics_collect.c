/* See metrics_collect.h. */
#include "agent/api/metrics_collect.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/engine/engine_status.h"
#include "agent/escape.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/fetch/fetch.h"
#include "sync/peer/peers.h"

/* Rows that are counted in one answer, of all members that are behind. */
enum { BEHIND_MAX = 20000 };

struct metrics_gather {
	struct api *api;
	struct metrics *m;
	struct engine *engine;
	struct metrics_group *group;
	int64_t left; /* of BEHIND_MAX */
};

static char *id_text(const struct agent_id *id)
{
	char *text = mem_calloc(1, ID_TEXT_MAX);

	agent_id_text(text, id);
	return text;
}

/* --- the process --- */

static int64_t count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int64_t n = -3; /* ".", "..", and the one that reads */

	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128] = "", *rest;
	long long pages = 0;

	if (f == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) != NULL && (rest = strchr(line, ' ')) != NULL)
		pages = strtoll(rest, NULL, 10);
	(void)fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static double seconds_of(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void collect_process(struct metrics *m)
{
	struct rusage used = { 0 };
	struct rlimit files = { 0 };

	(void)getrusage(RUSAGE_SELF, &used);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	m->cpu_s = seconds_of(&used.ru_utime) + seconds_of(&used.ru_stime);
	m->rss_bytes = resident_bytes();
	m->fds = count_descriptors();
	m->fds_max = (int64_t)files.rlim_cur;
}

/* --- groups and members --- */

static bool collect_member(void *arg, const struct roster_member *r)
{
	struct metrics_gather *c = arg;
	struct metrics_group *g = c->group;
	uint64_t peer = agent_id_short(&r->id);
	struct metrics_member *m;

	if (peer == engine_self(c->engine))
		return true;
	if (++g->nmembers > METRICS_MEMBERS_MAX)
		return true;
	g->members = mem_realloc(g->members, g->nshown + 1, sizeof(*m));
	m = &g->members[g->nshown++];
	*m = (struct metrics_member){
		.name = escape_message(r->name),
		.agent = id_text(&r->id),
		.connected = engine_peers(c->engine) != NULL && peer_group_connected(engine_peers(c->engine), peer),
		.behind = c->left > 0 ? engine_member_behind(c->engine, peer, c->left) : -1,
		.last_seen_s = engine_last_seen(c->engine, peer),
	};
	m->behind_since_s = m->behind != 0 ? engine_member_behind_since(c->engine, peer) : -1;
	if (m->behind > 0)
		c->left -= m->behind;
	return true;
}

static void collect_problems(struct metrics_group *g, struct engine *e)
{
	struct engine_stuck_paths p;

	engine_stuck_paths(e, &p);
	g->problems[METRICS_PROBLEM_DOWNLOAD] = p.downloads;
	g->problems[METRICS_PROBLEM_UNREADABLE] = p.unreadable;
	g->problems[METRICS_PROBLEM_UNSHAREABLE] = p.unshareable;
	g->problems[METRICS_PROBLEM_ANNOUNCED] = p.announced;
}

static bool collect_group(void *arg, struct engine *e)
{
	struct metrics_gather *c = arg;
	struct metrics_group *g = &c->m->groups[c->m->ngroups];
	struct engine_status s = { 0 };
	char tag[TAG_TEXT_MAX];

	if (c->m->ngroups == METRICS_GROUPS_MAX)
		return false;
	engine_status(e, &s);
	group_id_tag(tag, engine_group(e));
	c->m->ngroups++;
	*g = (struct metrics_group){
		.name = escape_message(engine_name(e)),
		.public_id = mem_strdup(tag),
		.state = engine_state_name(s.state),
		.in_sync = s.in_sync,
		.error = s.error != NULL,
		.last_in_sync_s = s.last_in_sync_s,
		.files = s.totals.files,
		.bytes = s.totals.bytes,
		.wanted = s.wanted,
		.wanted_bytes = s.wanted_bytes,
		.held = s.held,
		.hash_queue = s.pending,
		.index_queue = engine_fetch(e) != NULL ? (int64_t)fetch_unstored_bytes(engine_fetch(e)) : 0,
		.conflicts = s.counts.conflicts,
		.problem_events = s.counts.problems,
		.bytes_sent = s.peer.bytes_sent,
		.bytes_received = s.peer.bytes_received,
		.files_installed = s.fetch.files_installed,
	};
	engine_disk_space(e, &g->disk_free, &g->disk_size);
	collect_problems(g, e);
	c->engine = e;
	c->group = g;
	if (engine_roster(e) != NULL)
		roster_members(engine_roster(e), collect_member, c);
	return true;
}

/* Two connections with one agent, of which one is about to end, count together: a series may be there only once. */
static bool collect_peer(void *arg, const struct peer_connection *p)
{
	struct metrics *m = ((struct metrics_gather *)arg)->m;
	char *agent = id_text(&p->id);
	size_t i = 0;

	while (i < m->npeers && strcmp(m->peers[i].agent, agent) != 0)
		i++;
	if (i == m->npeers) {
		m->peers = mem_realloc(m->peers, ++m->npeers, sizeof(*m->peers));
		m->peers[i] = (struct metrics_peer){ .name = escape_message(p->name), .agent = mem_strdup(agent) };
	}
	m->peers[i].bytes_in += p->bytes_in;
	m->peers[i].bytes_out += p->bytes_out;
	free(agent);
	return m->npeers < METRICS_MEMBERS_MAX;
}

void metrics_collect(struct api *api, struct metrics *m)
{
	struct metrics_gather c = { .api = api, .m = m, .left = BEHIND_MAX };

	*m = (struct metrics){
		.version = LANYARD_VERSION,
		.started_s = api->started_s,
		.uptime_s = (loop_now_ms(api->loop) - api->started_ms) / 1000,
		.delays = *loop_delays(api->loop),
		.groups = mem_calloc(METRICS_GROUPS_MAX, sizeof(struct metrics_group)),
	};
	for (enum agent_refused i = 0; i < AGENT_REFUSED; i++)
		m->refused[i] = agent_refused_count(api->agent, i);
	collect_process(m);
	agent_engines(api->agent, collect_group, &c);
	peers_each(agent_peers(api->agent), collect_peer, &c);
}
