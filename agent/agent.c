/* See agent.h. */
#include "agent/agent_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/addresses.h"
#include "agent/link_losses.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/real_path.h"

enum { MAX_SEEN = 256, ID_START_MIN = 4, LOAD_AGAIN_MS = 2000 };

/* --- what others report --- */

static void remember_names(struct agent *a, const struct discovery_found *f)
{
	for (size_t i = 0; i < f->nnames; i++) {
		struct sighting *s;

		DL_FOREACH(a->seen, s)
			if (strcmp(s->name, f->names[i]) == 0 && strcmp(s->agent, f->claimed_id) == 0)
				break;
		if (s)
			continue;
		if (a->nseen == MAX_SEEN) {
			s = a->seen;
			DL_DELETE(a->seen, s);
			free(s->name);
			free(s->agent);
		} else {
			s = MEM_NEW(struct sighting);
			a->nseen++;
		}
		s->name = mem_strdup(f->names[i]);
		s->agent = mem_strdup(f->claimed_id);
		DL_APPEND(a->seen, s);
	}
}

static void on_found(void *arg, const struct discovery_found *f)
{
	struct agent *a = arg;
	struct agent_id id;
	bool known = f->claimed_id && agent_id_parse(&id, f->claimed_id) == 0;

	if (f->claimed_id && f->nnames)
		remember_names(a, f);
	peers_found(a->peers, known ? &id : NULL, (const struct sockaddr *)&f->addr, f->addr_len);
}

static bool is_connected(void *arg, const char *text)
{
	const struct agent *a = arg;
	struct agent_id id;

	return agent_id_parse(&id, text) == 0 && peers_connected(a->peers, &id);
}

static void on_discovery_state(void *arg, const char *backend, const char *problem)
{
	struct agent *a = arg;

	free(a->backend);
	free(a->problem);
	a->backend = mem_strdup(backend);
	a->problem = mem_strdup(problem);
	if (problem)
		log_warn("discovery: %s: %s", backend, problem);
	else
		log_info("discovery: %s", backend);
	events_emit(a->events, &(struct event){ .kind = "discovery", .reason = problem ? problem : backend });
}

/* --- a copy of this home --- */

static void stop_sharing(void *arg)
{
	static const struct agent_id nobody;
	struct agent *a = arg;
	bool all = agent_id_equal(&a->copied_by, &nobody);
	struct agent_group *g;

	a->copied_seen = false;
	DL_FOREACH(a->groups, g) {
		const struct roster *roster = engine_roster(g->engine);

		if (!engine_is_copied(g->engine) && !engine_is_attempt(g->engine) && roster != NULL &&
		    (all || roster_may(roster, &a->copied_by, RIGHT_TAKE_PART)))
			engine_copied(g->engine, mem_strdup(a->copy));
	}
	agent_publish(a);
}

void agent_copied_home(void *arg, const struct agent_id *peer, const char *address, bool yield)
{
	struct agent *a = arg;
	char *text;

	if (!yield)
		text = mem_printf("a copy of this home runs at %s under the same identity; this one continues: "
		                  "give the copy its own home (an empty --home), and let it join by an invite",
		                  address);
	else
		text = mem_printf("this home was copied: the same identity runs elsewhere too (%s%s). Nothing is "
		                  "shared from here. Stop one of the two agents, give it its own home (an empty "
		                  "--home) and let it join by an invite; then restart the other",
		                  peer ? "says " : "", address);
	if (log_allow("copied", 2))
		log_error("%s", text);
	if (!a->copy || strcmp(a->copy, text) != 0)
		events_emit(a->events, &(struct event){ .kind = "problem", .reason = text });
	free(a->copy);
	a->copy = text;
	if (!yield || a->copied_seen)
		return;
	a->copied_seen = true;
	a->copied_by = peer ? *peer : (struct agent_id){ 0 };
	loop_between(a->loop, stop_sharing, a);
}

const char *agent_copy(const struct agent *a)
{
	return a->copy;
}

/* What is published: groups we are a member of and that run. */
void agent_publish(void *arg)
{
	struct agent *a = arg;
	struct discovery_group groups[AGENT_MAX_GROUPS];
	char joining[27] = "";
	const struct agent_group *g;
	size_t n = 0;

	DL_FOREACH(a->groups, g) {
		struct engine *e = g->engine;

		if (engine_is_attempt(e))
			group_id_tag(joining, engine_group(e));
		if (!engine_is_announced(e) || n == AGENT_MAX_GROUPS)
			continue;
		group_id_tag(groups[n].tag, engine_group(e));
		groups[n].name = roster_hidden(engine_roster(e)) ? NULL : engine_name(e);
		n++;
	}
	discovery_set_groups(a->discovery, groups, n);
	discovery_look_for(a->discovery, joining);
	peers_retry_now(a->peers);
}

/* --- start and end --- */

static bool is_loaded(const struct agent *a, const char *group_hex)
{
	const struct agent_group *g;
	char hex[65];

	DL_FOREACH(a->groups, g) {
		hex_encode(hex, engine_group(g->engine)->b, sizeof(engine_group(g->engine)->b));
		if (strcmp(hex, group_hex) == 0)
			return true;
	}
	return false;
}

void agent_add_group(struct agent *a, struct engine *e)
{
	struct agent_group *g = MEM_NEW(struct agent_group);

	g->engine = e;
	DL_APPEND(a->groups, g);
}

/* One group that cannot be read, or not now, does not stop the others. */
static void load_group(struct agent *a, const char *group_hex)
{
	char *why = NULL;
	struct engine *e = engine_load(&a->context, group_hex, &why);

	if (e) {
		agent_add_group(a, e);
	} else {
		if (log_allow(group_hex, 2))
			log_error("%s", why);
		loop_timer_start(a->load_timer, LOAD_AGAIN_MS, 0);
	}
	free(why);
}

/* Those that are not yet. An agent that cannot know its groups is none: -1 with *why. */
static int load_groups(struct agent *a, char **why)
{
	int fd = fs_open(a->home_dirfd, "groups", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int error = d ? 0 : errno;

	a->context.moved = a->machine.fresh;
	while (d) {
		errno = 0;
		entry = readdir(d);
		if (!entry)
			break;
		if (*entry->d_name != '.' && !is_loaded(a, entry->d_name))
			load_group(a, entry->d_name);
	}
	a->context.moved = false;
	if (d) {
		error = errno;
		closedir(d);
	} else if (fd >= 0) {
		close(fd);
	}
	if (error == 0 || error == ENOENT)
		return 0;
	*why = mem_printf("%s/groups: cannot be read: %s", a->home, strerror(error));
	return -1;
}

static void load_again(void *arg)
{
	struct agent *a = arg;
	char *why = NULL;

	if (load_groups(a, &why) < 0)
		loop_timer_start(a->load_timer, LOAD_AGAIN_MS, 0);
	free(why);
	agent_publish(a);
}

static void open_discovery(struct agent *a, const struct agent_config *config)
{
	char id[ID_PLAIN_MAX];

	agent_id_plain(id, identity_id(a->self));
	a->discovery = discovery_new(a->loop, &(struct discovery_config){ .mode = config->discovery,
	                                                                  .agent_id = id,
	                                                                  .port = (uint16_t)a->port,
	                                                                  .interfaces = config->interfaces,
	                                                                  .ninterfaces = config->ninterfaces,
	                                                                  .found = on_found,
	                                                                  .connected = is_connected,
	                                                                  .state = on_discovery_state,
	                                                                  .arg = a });
	for (size_t i = 0; i < config->nstatic_peers; i++)
		if (discovery_add_static(a->discovery, config->static_peers[i]))
			log_error("--peer %s: not of the form HOST:PORT", config->static_peers[i]);
}

struct agent *agent_new(struct loop *loop, const struct agent_config *config, struct events *events, char **why)
{
	struct agent *a = MEM_NEW(struct agent);

	a->loop = loop;
	a->events = events;
	a->home = mem_strdup(config->home);
	a->name = mem_strdup(config->name);
	a->home_dirfd = open(config->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->home_dirfd < 0) {
		*why = mem_printf("%s: %s", config->home, strerror(errno));
		(void)agent_free(a);
		return NULL;
	}
	a->home_real_path = real_path_of(config->home);
	a->machine = home_machine_check(a->home_dirfd);
	if (a->machine.fresh)
		log_warn("%s was used on another machine before. If that one still runs it, give one of "
		         "the two its own home",
		         a->home);
	a->self = identity_open(a->home_dirfd, why);
	a->workers = workers_new(loop, config->worker_threads);
	if (!a->self || agent_open_peers(a, config, why)) {
		(void)agent_free(a);
		return NULL;
	}
	open_discovery(a, config);
	a->context = (struct engine_context){ .loop = loop,
		                              .workers = a->workers,
		                              .worker_threads = config->worker_threads,
		                              .peers = a->peers,
		                              .events = events,
		                              .self = a->self,
		                              .name = a->name,
		                              .home = a->home,
		                              .home_dirfd = a->home_dirfd,
		                              .rescan_s = config->rescan_s,
		                              .scrub_s = config->scrub_s,
		                              .versions_age_s = config->versions_age_s,
		                              .versions_percent = config->versions_percent,
		                              .memory = config->memory,
		                              .tombstones_age_s = config->tombstones_age_s,
		                              .changed = agent_publish,
		                              .share_is_free = agent_share_is_free,
		                              .ended = agent_ended,
		                              .arg = a };
	a->load_timer = loop_timer_new(loop, load_again, a);
	if (load_groups(a, why) < 0) {
		(void)agent_free(a);
		return NULL;
	}
	if (home_machine_store(a->home_dirfd, &a->machine))
		log_error("%s/machine: could not be stored: %s", a->home, strerror(errno));
	agent_publish(a);
	events_emit(events, &(struct event){ .kind = "ready" });
	return a;
}

/* Those whose disks answer. */
static bool free_engines(struct agent *a)
{
	struct agent_group **const lists[] = { &a->leaving, &a->groups };
	bool all = true;

	/* Those that are being left end as they would have, except that a share's .lanyard/ may stay. */
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		while (*lists[i] != NULL) {
			struct agent_group *g = *lists[i];

			DL_DELETE(*lists[i], g);
			all &= engine_free(g->engine);
			free(g);
		}
	}
	return all;
}

bool agent_free(struct agent *a)
{
	struct sighting *s, *snext;

	if (!a)
		return true;
	if (a->discovery)
		discovery_free(a->discovery);
	a->discovery = NULL;
	loop_timer_free(a->load_timer);
	addresses_free(a->addresses);
	a->addresses = NULL;
	if (!free_engines(a))
		return false;
	peers_free(a->peers);
	link_losses_free(a->losses);
	if (a->workers)
		workers_free(a->workers);
	identity_free(a->self);
	DL_FOREACH_SAFE(a->seen, s, snext) {
		free(s->name);
		free(s->agent);
		free(s);
	}
	if (a->home_dirfd >= 0)
		close(a->home_dirfd);
	free(a->backend);
	free(a->problem);
	free(a->copy);
	real_path_free(a->home_real_path);
	free(a->home);
	free(a->name);
	free(a);
	return true;
}

/* --- what there is --- */

const struct agent_id *agent_self(const struct agent *a)
{
	return identity_id(a->self);
}

int agent_port(const struct agent *a)
{
	return a->port;
}

int agent_add_static(struct agent *a, const char *host_port)
{
	return discovery_add_static(a->discovery, host_port);
}

void agent_limit(struct agent *a, int64_t upload, int64_t download)
{
	peers_limit(a->peers, upload, download);
}

const char *agent_discovery(const struct agent *a, const char **problem)
{
	*problem = a->problem;
	return a->backend ? a->backend : "off";
}

struct peers *agent_peers(struct agent *a)
{
	return a->peers;
}

void agent_engines(struct agent *a, bool (*fn)(void *arg, struct engine *e), void *arg)
{
	struct agent_group *g, *next;

	DL_FOREACH_SAFE(a->groups, g, next)
		if (!fn(arg, g->engine))
			return;
}

size_t agent_engine_count(const struct agent *a)
{
	const struct agent_group *g;
	size_t n;

	DL_COUNT(a->groups, g, n);
	return n;
}

static bool id_begins(const struct engine *e, const char *text)
{
	char hex[65];

	hex_encode(hex, engine_group(e)->b, sizeof(engine_group(e)->b));
	return strlen(text) >= ID_START_MIN && strncmp(hex, text, strlen(text)) == 0;
}

struct engine *agent_find(struct agent *a, const char *name_or_id, char **why)
{
	const struct agent_group *g;
	struct engine *found = NULL;
	size_t n = 0;

	DL_FOREACH(a->groups, g) {
		if (strcmp(engine_name(g->engine), name_or_id) == 0) {
			found = g->engine;
			n++;
		}
	}
	if (n == 0) {
		DL_FOREACH(a->groups, g) {
			if (id_begins(g->engine, name_or_id)) {
				found = g->engine;
				n++;
			}
		}
	}
	if (n == 1)
		return found;
	*why = mem_printf(n ? "%s: more than one group has that name: use the start of its ID (lanyard groups)"
	                    : "%s: there is no such group here (lanyard groups lists them)",
	                  name_or_id);
	return NULL;
}

void agent_seen_groups(struct agent *a, bool (*fn)(void *arg, const char *name, const char *agent), void *arg)
{
	struct sighting *s;

	discovery_set_browse_all(a->discovery, true);
	DL_FOREACH(a->seen, s)
		if (!fn(arg, s->name, s->agent))
			return;
}
