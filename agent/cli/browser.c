/* See browser.h. */
#include "agent/cli/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cli/http.h"
#include "base/mem.h"

extern char **environ;

enum {
	LINK_S = 300, /* for which a link is good, at most */
	ASK_AGAIN_S = 3,
	DESCRIPTORS_TRIED = 1024,
};

static const char page[] =
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	"<meta name=\"referrer\" content=\"no-referrer\">\n"
	"<meta http-equiv=\"refresh\" content=\"0;url=%s\">\n<title>lanyard</title>\n<p>One moment.\n";

static bool has_variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

/* A folder that only this user can look into, as a session has one; else the home. NULL after a message. */
static const char *own_folder(struct cli *cli)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (runtime != NULL && runtime[0] == '/' && stat(runtime, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return runtime;
	return http_home(cli);
}

/* A new file that goes on to the link. Its path, fresh; NULL: it cannot be written. */
static char *write_page(struct cli *cli, const char *url)
{
	static const char ending[] = ".html";
	const char *folder = own_folder(cli);
	char *path = folder != NULL ? mem_printf("%s/lanyard-web-XXXXXX%s", folder, ending) : NULL;
	int fd = path != NULL ? mkostemps(path, sizeof(ending) - 1, O_CLOEXEC) : -1;
	bool good;

	if (fd >= 0) {
		good = dprintf(fd, page, url) > 0;
		if (close(fd) == 0 && good)
			return path;
		(void)unlink(path);
	}
	free(path);
	return NULL;
}

static bool run_opener(char *path)
{
	char program[] = "xdg-open";
	char *argv[] = { program, path, NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) != 0)
		return false;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

/* A call that old kernels, and filters, do not have. */
static void close_from(unsigned int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	for (int fd = (int)first; fd < DESCRIPTORS_TRIED; fd++)
		close(fd);
}

/* Nothing of it holds up whoever called the command: no session, no terminal, no pipe, no lock on a descriptor that was
 * inherited. */
static void leave_caller(struct cli *cli)
{
	int null;

	/* The connection is the caller's. */
	http_free(cli->http);
	cli->http = NULL;
	close_from(STDERR_FILENO + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)setsid();
	(void)!chdir("/");
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
}

/* A process of its own stays for as long as the link is good: a browser may be slow to start, and has to find the file
 * until it has used the link. The agent answers then, or when the link has expired, or it ends. An agent that does not
 * want to be asked (too many calls wait already) has not said that the link is over. It begins before the browser is
 * started, since xdg-open may be the browser itself, and end by a Ctrl-C. -1: there is none. */
static pid_t remove_when_used(struct cli *cli, const char *path, const char *link)
{
	json_t *document = NULL;
	pid_t pid = fork();

	if (pid != 0) {
		if (pid < 0)
			cli_error("remove %s when the page is open: %s", path, strerror(errno));
		return pid;
	}
	leave_caller(cli);
	for (unsigned int s = 0; s < LINK_S; s += ASK_AGAIN_S) {
		if (http_post(cli, "/web/await", json_pack("{s:s}", "link", link), &document) != CLI_REFUSED)
			break;
		(void)sleep(ASK_AGAIN_S);
	}
	(void)unlink(path);
	_exit(0);
}

/* The browser never came to be, so the link is printed, and the file goes now. */
static void remove_now(const char *path, pid_t remover)
{
	(void)unlink(path);
	if (remover > 0 && kill(remover, SIGTERM) == 0)
		(void)waitpid(remover, NULL, 0);
}

bool browser_open(struct cli *cli, const char *url)
{
	const char *link = strstr(url, "link=");
	pid_t remover;
	bool opened;
	char *path;

	if (link == NULL || geteuid() == 0 || (!has_variable("DISPLAY") && !has_variable("WAYLAND_DISPLAY")))
		return false;
	path = write_page(cli, url);
	if (path == NULL)
		return false;
	remover = remove_when_used(cli, path, link + strlen("link="));
	opened = run_opener(path);
	if (!opened)
		remove_now(path, remover);
	free(path);
	return opened;
}
