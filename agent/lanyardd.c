/* lanyardd: parse options, open the home, read the settings, start everything, run, stop in reverse order. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/api/api.h"
#include "agent/config/config.h"
#include "agent/config/config_given.h"
#include "agent/check_config.h"
#include "agent/confine.h"
#include "agent/api/control.h"
#include "agent/api/metrics_door.h"
#include "agent/api/upload_route.h"
#include "agent/api/web.h"
#include "agent/declared_groups.h"
#include "agent/engine/events.h"
#include "agent/home.h"
#include "agent/notify.h"
#include "agent/config/options.h"
#include "agent/config/settings_list.h"
#include "agent/runtime.h"
#include "agent/secret_groups.h"
#include "agent/status_line.h"
#include "base/fs_kernel.h"
#include "base/log.h"
#include "base/mem.h"

/* 78 is EX_CONFIG of sysexits(3): the unit names it in RestartPreventExitStatus=. */
enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78, MAX_FILES = 1 << 20 };

/* Everything that main() starts; NULL or zero until then. */
struct program {
	struct options options;
	struct config config;
	struct home home;
	struct runtime runtime;
	struct loop *loop;
	struct loop_signal *sigterm, *sigint, *sighup;
	struct notify *notify;
	struct events *events;
	struct agent *agent;
	struct status_line *status_line;
	struct secret_groups *secret_groups;
	struct api *api;
	struct control *control;
	struct control *readers;      /* NULL: only this user may ask */
	struct web *web;              /* NULL: off */
	struct metrics_door *metrics; /* NULL: none is set */
	bool serving;                 /* the agent and all that serves it are there */
	bool stopping;                /* after a signal */
	bool reload;                  /* a signal asked for it before it was serving */
	bool replaced;                /* the home has another agent's key: to start again with that */
};

static int complain(char *why)
{
	log_error("%s", why != NULL ? why : "failed (no reason given)");
	free(why);
	return EXIT_REFUSED;
}

/* --- the process --- */

/* Nothing that is inherited may change the program's behaviour: descriptors 0 to 2 are open, the umask is known, a
 * closed pipe is an error. */
static void prepare_process(void)
{
	struct rlimit files;
	int fd;

	mem_tune();
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	confine_process();
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	if (files.rlim_cur < MAX_FILES && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < MAX_FILES ? files.rlim_max : MAX_FILES;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Two more threads than processors: one is reserved for quick jobs, one waits for the disk. */
static int worker_threads(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) + 2 : 4;
}

/* --- signals --- */

static void stop_signal(void *arg, int signum)
{
	struct program *p = arg;

	if (p->stopping)
		return;
	p->stopping = true;
	log_info("stopping (%s)", signum == SIGTERM ? "SIGTERM" : "SIGINT");
	notify_stopping(p->notify);
	loop_stop(p->loop);
}

static void report_pending(void *arg, const char *key)
{
	struct program *p = arg;

	settings_list_add(&p->config.pending, key);
	log_warn("settings: %s: change takes effect after a restart", key);
}

static bool has_peer(const struct settings *s, const char *peer)
{
	for (size_t i = 0; i < s->peers.n; i++) {
		if (strcmp(s->peers.v[i], peer) == 0)
			return true;
	}
	return false;
}

/* Applies what takes effect at once, and notes it: p->config stays what the agent runs with, and what the next reload
 * is compared with. The agent holds on to its settings, so the struct is changed in place. */
static void apply_settings(struct program *p, struct config *new)
{
	struct settings *now = &p->config.settings;
	char *why = NULL;

	now->log_level = new->settings.log_level;
	log_set_level(now->log_level);
	now->upload = new->settings.upload;
	now->download = new->settings.download;
	agent_limit(p->agent, now->upload, now->download);
	now->vault_disk = new->settings.vault_disk;
	config_groups_move(now, &new->settings);
	agent_vault_disk_changed(p->agent);
	for (size_t i = 0; i < new->settings.peers.n; i++) {
		const char *peer = new->settings.peers.v[i];

		if (has_peer(now, peer))
			continue;
		/* One over the limit, counted with those that were removed, has to wait. */
		if (config_set(&p->config, "peer", peer, &why) < 0 || agent_add_static(p->agent, peer) < 0)
			log_warn("settings: the new peer %s takes effect after a restart", peer);
		free(why);
		why = NULL;
	}
	web_reload(p->web);
	declared_groups_join(p->agent, new);
	secret_groups_set(p->secret_groups, new);
}

static void reload(struct program *p)
{
	struct config new;
	char *why = NULL;

	p->reload = false;
	notify_reloading(p->notify);
	if (config_load(&new, p->home.path, &p->options, &why) < 0) {
		log_error("settings: %s; the old settings stay in force", why);
		free(why);
	} else {
		settings_list_clear(&p->config.pending);
		config_pending(&p->config.settings, &new.settings, report_pending, p);
		apply_settings(p, &new);
		config_given_move(&p->config, &new);
		log_info("settings: read again");
	}
	config_free(&new);
	notify_ready(p->notify);
}

/* While the agent starts or stops, the loop is turned as well: it is told once it is there. */
static void reload_signal(void *arg, int signum)
{
	struct program *p = arg;

	(void)signum;
	p->reload = true;
	if (p->serving)
		reload(p);
}

/* --- start, run, stop --- */

static int open_home(struct program *p)
{
	char *why = NULL;
	char *path = home_choose(p->options.home, &why);
	int rc = path == NULL ? -1 : home_open(&p->home, path, &why);

	free(path);
	return rc < 0 ? complain(why) : 0;
}

static int read_config(struct program *p)
{
	char *why = NULL;

	if (config_load(&p->config, p->home.path, &p->options, &why) < 0) {
		complain(why);
		return p->config.unread ? EXIT_REFUSED : EXIT_CONFIG;
	}
	log_set_level(p->config.settings.log_level);
	return 0;
}

static int run_check(struct program *p)
{
	char *why = NULL;
	char *home = home_choose(p->options.home, &why);
	int status = home == NULL ? EXIT_REFUSED : 0;
	struct settings_list notes = { 0 };

	if (home != NULL && check_config(&p->config, home, &p->options, &notes, &why) < 0)
		status = EXIT_CONFIG;
	for (size_t i = 0; i < notes.n; i++)
		(void)fprintf(stderr, "lanyardd: note: %s\n", notes.v[i]);
	settings_list_clear(&notes);
	if (status != 0)
		(void)fprintf(stderr, "lanyardd: %s\n", why);
	else
		printf("settings are good: %zu file%s, %zu group%s\n", p->config.nfiles,
		       p->config.nfiles == 1 ? "" : "s", p->config.ngroups, p->config.ngroups == 1 ? "" : "s");
	free(home);
	free(why);
	return status;
}

static int start_loop(struct program *p)
{
	p->loop = loop_new();
	if (p->loop == NULL)
		return complain(mem_printf("the event loop does not start: %s", strerror(errno)));
	p->sigterm = loop_signal_new(p->loop, SIGTERM, stop_signal, p);
	p->sigint = loop_signal_new(p->loop, SIGINT, stop_signal, p);
	p->sighup = loop_signal_new(p->loop, SIGHUP, reload_signal, p);
	if (p->sigterm == NULL || p->sigint == NULL || p->sighup == NULL)
		return complain(mem_printf("signals cannot be handled: %s", strerror(errno)));
	p->notify = notify_new(p->loop);
	p->events = events_new();
	return 0;
}

static void agent_replaced(void *arg)
{
	struct program *p = arg;

	p->replaced = true;
	loop_stop(p->loop);
}

static int start_agent(struct program *p)
{
	const struct agent_config config = {
		.home = p->home.path,
		.settings = &p->config.settings,
		.worker_threads = worker_threads(),
		.replaced = agent_replaced,
		.arg = p,
	};
	char *why = NULL;

	p->agent = agent_new(p->loop, &config, p->events, &why);
	return p->agent == NULL ? complain(why) : 0;
}

/* A socket in the runtime folder. */
static struct control *open_socket(struct program *p, const char *name, mode_t mode, size_t body_max,
                                   control_handler *handler)
{
	struct control_listen listen;
	struct control *c = NULL;
	char *why = NULL;

	if (control_listen_in(&listen, p->runtime.dirfd, p->runtime.path, name, mode, &why) == 0)
		c = control_new(p->loop,
		                &(struct control_door){ .listen = &listen,
		                                        .body_max = body_max,
		                                        .is_upload = upload_route_is },
		                handler, p->api, &why);
	if (c == NULL)
		complain(why);
	return c;
}

/* The agent does its work without it, so a port that is taken does not keep it from starting. */
static void open_metrics(struct program *p)
{
	char *why = NULL;

	if (p->config.settings.metrics[0] == '\0')
		return;
	p->metrics = metrics_door_new(p->loop, p->api, p->config.settings.metrics, &why);
	if (p->metrics == NULL)
		log_error("metrics are not served: %s", why);
	free(why);
}

static int start_control(struct program *p)
{
	char *why = NULL;

	p->api = api_new(p->loop, p->agent, p->events, p->config.settings.name, p->config.settings.listen);
	if (runtime_open(&p->runtime, &p->home, &why) < 0)
		return complain(why);
	open_metrics(p);
	p->control = open_socket(p, "control.sock", 0600, CONTROL_BODY_LARGE, api_handle);
	if (p->control == NULL)
		return EXIT_REFUSED;
	p->web = web_new(p->loop, &(struct web_config){ .settings = &p->config.settings,
	                                                .agent = p->agent,
	                                                .home_dirfd = p->home.dirfd,
	                                                .handler = api_handle_web,
	                                                .reader = api_handle_web_reader,
	                                                .arg = p->api });
	api_use_web(p->api, p->web);
	api_use_config(p->api, &p->config);
	if (!p->runtime.named)
		return 0;
	/* For the users whose files these are: read-only. */
	p->readers = open_socket(p, "status.sock", 0660, 0, api_handle_user);
	return p->readers == NULL ? EXIT_REFUSED : 0;
}

static void say_what_is_missing(void)
{
	const char *text;

	for (size_t i = 0; (text = fs_kernel_lack(i)) != NULL; i++)
		log_info("this kernel or a filter: %s", text);
}

static void run_program(struct program *p)
{
	char id[ID_TEXT_MAX];

	agent_id_text(id, agent_self(p->agent));
	log_info("lanyardd " LANYARD_VERSION ": agent %s, port %d, home %s", id, agent_port(p->agent), p->home.path);
	say_what_is_missing();
	declared_groups_join(p->agent, &p->config);
	p->secret_groups = secret_groups_new(p->loop, p->agent, p->events);
	secret_groups_set(p->secret_groups, &p->config);
	p->status_line = status_line_new(p->loop, p->agent, p->events, p->notify);
	if (p->stopping) /* before loop_run(), which would not know it */
		return;
	p->serving = true;
	notify_ready(p->notify);
	if (p->reload)
		reload(p);
	loop_run(p->loop);
	p->serving = false;
}

/* The agent, and all that serves it. */
static void stop_agent(struct program *p)
{
	web_free(p->web);
	metrics_door_free(p->metrics);
	control_free(p->readers);
	control_free(p->control);
	status_line_free(p->status_line);
	secret_groups_free(p->secret_groups);
	if (!agent_free(p->agent)) {
		/* Worker threads hang in the kernel; everything that matters is stored, as it would be before a power
		 * cut. */
		runtime_close(&p->runtime);
		home_close(&p->home);
		_exit(0);
	}
	api_free(p->api); /* after the agent, which may still call it */
	runtime_close(&p->runtime);
	p->readers = p->control = NULL;
	p->web = NULL;
	p->metrics = NULL;
	p->status_line = NULL;
	p->secret_groups = NULL;
	p->agent = NULL;
	p->api = NULL;
}

static void stop_program(struct program *p)
{
	stop_agent(p);
	events_free(p->events);
	notify_free(p->notify);
	/* A second Ctrl-C must not interrupt the last steps. */
	loop_signal_mute(SIGHUP);
	loop_signal_mute(SIGINT);
	loop_signal_mute(SIGTERM);
	loop_signal_free(p->sighup);
	loop_signal_free(p->sigint);
	loop_signal_free(p->sigterm);
	loop_free(p->loop);
	config_free(&p->config);
	home_close(&p->home);
	options_free(&p->options);
}

static int usage(char *why)
{
	(void)fprintf(stderr, "lanyardd: %s\nTry 'lanyardd --help'.\n", why);
	free(why);
	return EXIT_USAGE;
}

/* 0: continue. Otherwise the process ends with *status. */
static int parse_options(struct program *p, int argc, char **argv, int *status)
{
	struct config config;
	char *why = NULL;

	*status = 0;
	if (options_parse(&p->options, argc, argv, &why) < 0) {
		*status = usage(why);
		return -1;
	}
	if (p->options.help || p->options.version) {
		(void)fputs(p->options.help ? options_usage : "lanyardd " LANYARD_VERSION "\n", stdout);
		return -1;
	}
	config_init(&config, "");
	if (config_options(&config, &p->options, &why) < 0)
		*status = usage(why);
	config_free(&config);
	return *status == 0 ? 0 : -1;
}

/* An agent whose home became another agent's ends, and that one starts: no other process takes the home between the
 * two. A signal may come in either, since both turn the loop. */
static int serve(struct program *p)
{
	int status;

	if ((status = open_home(p)) != 0 || (status = read_config(p)) != 0 || (status = start_loop(p)) != 0)
		return status;
	do {
		stop_agent(p);
		p->replaced = false;
		if (!p->stopping && (status = start_agent(p)) == 0 && (status = start_control(p)) == 0)
			run_program(p);
	} while (p->replaced && !p->stopping && status == 0);
	return status;
}

int main(int argc, char **argv)
{
	struct program p = { .home = { .dirfd = -1, .lock_fd = -1 }, .runtime = { .dirfd = -1 } };
	int status;

	prepare_process();
	if (parse_options(&p, argc, argv, &status) == 0)
		status = p.options.check_config ? run_check(&p) : serve(&p);
	stop_program(&p);
	return status;
}
