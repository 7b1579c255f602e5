/* Starting and stopping the agent: see agent.h. */
#include "agent/agent_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/addresses.h"
#include "agent/key_file.h"
#include "agent/link_losses.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/real_path.h"

enum { LOAD_AGAIN_MS = 2000 };

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

/* A group that cannot be read does not affect the others, and is tried again. */
static void load_group(struct agent *a, const char *group_hex)
{
	char *why = NULL;
	struct engine *e = engine_load(&a->context, group_hex, &why);

	if (e) {
		agent_add_group(a, e);
		agent_look_for_members(a, e);
	} else {
		if (log_allow(group_hex, 2))
			log_error("%s", why);
		loop_timer_start(a->load_timer, LOAD_AGAIN_MS, 0);
	}
	free(why);
}

/* Loads the groups that are not loaded yet. -1 with *why: the list of groups cannot be read. */
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

/* Whoever imported was not told that it worked. */
static void forget_unfinished_import(struct agent *a)
{
	if (key_file_forget_unfinished(a->home_dirfd))
		log_warn("%s: the import of a key file was cut short: import it again", a->home);
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

/* Connections listen before discovery announces their port, and both are there before a group is loaded, since an
 * engine may need them at once. The home's machine is stored last: until then the next start is again the first one
 * here. */
struct agent *agent_new(struct loop *loop, const struct agent_config *config, struct events *events, char **why)
{
	struct agent *a = MEM_NEW(struct agent);

	a->loop = loop;
	a->events = events;
	a->home = mem_strdup(config->home);
	a->name = mem_strdup(config->settings->name);
	a->replaced = config->replaced;
	a->replaced_arg = config->arg;
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
	if (!a->self || agent_open_peers(a, config->settings, why)) {
		(void)agent_free(a);
		return NULL;
	}
	agent_open_discovery(a, config->settings);
	a->context = (struct engine_context){ .loop = loop,
		                              .workers = a->workers,
		                              .worker_threads = config->worker_threads,
		                              .peers = a->peers,
		                              .events = events,
		                              .self = a->self,
		                              .name = a->name,
		                              .home = a->home,
		                              .home_dirfd = a->home_dirfd,
		                              .settings = config->settings,
		                              .changed = agent_publish,
		                              .share_is_free = agent_share_is_free,
		                              .ended = agent_ended,
		                              .arg = a };
	a->load_timer = loop_timer_new(loop, load_again, a);
	a->replaced_timer = loop_timer_new(loop, agent_key_replaced, a);
	a->announce_timer = loop_timer_new(loop, agent_announce_again, a);
	forget_unfinished_import(a);
	if (load_groups(a, why) < 0) {
		(void)agent_free(a);
		return NULL;
	}
	agent_load_asks(a);
	if (home_machine_store(a->home_dirfd, &a->machine))
		log_error("%s/machine: could not be stored: %s", a->home, strerror(errno));
	agent_publish(a);
	events_emit(events, &(struct event){ .kind = "ready" });
	return a;
}

/* False: the disk of one or more of them does not answer. */
static bool free_engines(struct agent *a)
{
	struct agent_group **const lists[] = { &a->leaving, &a->groups };
	bool all = true;

	/* Groups that are being left are forgotten all the same, but the .lanyard/ of their shares may stay. */
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

/* In reverse order. Discovery first, so that it reports nothing to peers that are being freed. The loop is turned until
 * each group has stopped, while the others and the connections go on: what they call has to mind a->ending. If a disk
 * does not answer, nothing more is freed, since jobs still use it. */
bool agent_free(struct agent *a)
{
	if (!a)
		return true;
	a->ending = true;
	agent_close_discovery(a);
	loop_timer_free(a->load_timer);
	loop_timer_free(a->replaced_timer);
	loop_timer_free(a->announce_timer);
	a->announce_timer = NULL;
	addresses_free(a->addresses);
	a->addresses = NULL;
	agent_free_asks(a);
	if (!free_engines(a))
		return false;
	peers_free(a->peers);
	link_losses_free(a->losses);
	if (a->workers)
		workers_free(a->workers);
	identity_free(a->self);
	if (a->home_dirfd >= 0)
		close(a->home_dirfd);
	free(a->copy);
	real_path_free(a->home_real_path);
	free(a->home);
	free(a->name);
	free(a);
	return true;
}

/* --- queries --- */

const char *agent_home(const struct agent *a)
{
	return a->home;
}

const struct agent_id *agent_self(const struct agent *a)
{
	return identity_id(a->self);
}

int agent_port(const struct agent *a)
{
	return a->port;
}

void agent_limit(struct agent *a, int64_t upload, int64_t download)
{
	peers_limit(a->peers, upload, download);
}

static bool vault_disk_changed(void *arg, struct engine *e)
{
	(void)arg;
	engine_vault_quota_changed(e);
	return true;
}

void agent_vault_disk_changed(struct agent *a)
{
	agent_engines(a, vault_disk_changed, NULL);
}

void agent_work(struct agent *a, workers_fn *work, workers_done_fn *done, void *job)
{
	workers_submit(a->workers, WORKERS_BULK, work, done, job);
}

struct peers *agent_peers(struct agent *a)
{
	return a->peers;
}
