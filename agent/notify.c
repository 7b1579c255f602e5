/* sd_notify(3)'s protocol: see notify.h. */
#include "agent/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/config/args.h"
#include "base/clock.h"
#include "base/mem.h"

struct notify {
	int fd; /* -1: no service manager */
	struct sockaddr_un to;
	socklen_t to_len;
	struct loop_timer *watchdog; /* NULL: not requested */
};

static void send_message(struct notify *n, const char *message)
{
	/* A manager that does not read its socket must not stop the agent. */
	if (n->fd >= 0)
		(void)!sendto(n->fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&n->to, n->to_len);
}

static void pat_watchdog(void *arg)
{
	send_message(arg, "WATCHDOG=1");
}

static void start_watchdog(struct notify *n, struct loop *loop)
{
	const char *usec_text = getenv("WATCHDOG_USEC");
	const char *pid_text = getenv("WATCHDOG_PID");
	int64_t usec;
	int64_t pid;

	if (n->fd < 0 || usec_text == NULL || args_number(usec_text, 2000, INT64_MAX, &usec) < 0)
		return;
	if (pid_text != NULL && (args_number(pid_text, 1, INT32_MAX, &pid) < 0 || pid != getpid()))
		return;
	n->watchdog = loop_timer_new(loop, pat_watchdog, n);
	loop_timer_start(n->watchdog, usec / 2000, usec / 2000);
}

struct notify *notify_new(struct loop *loop)
{
	struct notify *n = MEM_NEW(struct notify);
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	n->fd = -1;
	if (len > 1 && len < sizeof(n->to.sun_path) && (path[0] == '/' || path[0] == '@')) {
		n->to.sun_family = AF_UNIX;
		memcpy(n->to.sun_path, path, len);
		if (path[0] == '@')
			n->to.sun_path[0] = '\0'; /* the abstract name space */
		n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	start_watchdog(n, loop);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return n;
}

void notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	loop_timer_free(n->watchdog);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

void notify_ready(struct notify *n)
{
	send_message(n, "READY=1");
}

void notify_reloading(struct notify *n)
{
	char *text = mem_printf("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ns() / 1000);

	send_message(n, text);
	free(text);
}

void notify_stopping(struct notify *n)
{
	send_message(n, "STOPPING=1");
}

void notify_status(struct notify *n, const char *text)
{
	char *message = mem_printf("STATUS=%.*s", (int)strcspn(text, "\n"), text);

	send_message(n, message);
	free(message);
}
