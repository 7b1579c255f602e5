/* What a service manager hears from us, on a socket of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/notify.h"
#include "base/mem.h"

static char dir[] = "/tmp/lanyard-notify-XXXXXX";

static int manager(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
	                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
	                 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void expect(int fd, const char *want)
{
	char got[256] = "";
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	if (want == NULL) {
		assert_int_equal(n, -1);
		return;
	}
	assert_true(n > 0);
	assert_memory_equal(got, want, strlen(want));
}

/* Turns until a message is there; a turn may end a moment before its timer is due. */
static void until_told(struct loop *loop, int fd)
{
	char byte;

	for (int i = 0; i < 10 && recv(fd, &byte, 1, MSG_PEEK) < 0; i++)
		loop_turn(loop, true);
}

static void each_state_is_one_message(void **state)
{
	char *name = mem_printf("%s/socket", dir);
	int fd = manager(name);
	struct loop *loop = loop_new();
	struct notify *n = notify_new(loop);

	(void)state;
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_ready(n);
	expect(fd, "READY=1");
	notify_status(n, "2 groups\nREADY=0");
	expect(fd, "STATUS=2 groups");
	notify_reloading(n);
	expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
	notify_stopping(n);
	expect(fd, "STOPPING=1");
	expect(fd, NULL);
	notify_free(n);
	loop_free(loop);
	close(fd);
	unlink(name);
	free(name);
}

static void abstract_sockets_are_reached(void **state)
{
	char *name = mem_printf("@lanyard-test-%d", (int)getpid());
	int fd = manager(name);
	struct loop *loop = loop_new();
	struct notify *n = notify_new(loop);

	(void)state;
	notify_ready(n);
	expect(fd, "READY=1");
	notify_free(n);
	loop_free(loop);
	close(fd);
	free(name);
}

static void the_watchdog_is_patted_twice_in_its_time(void **state)
{
	static const char *const pids[] = { NULL, "own", "1" };
	struct loop *loop = loop_new();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *name = mem_printf("@lanyard-watchdog-%d", (int)getpid());
		char *own = mem_printf("%d", (int)getpid());
		int fd = manager(name);
		struct notify *n;

		setenv("WATCHDOG_USEC", "40000", 1);
		if (pids[i] != NULL)
			setenv("WATCHDOG_PID", i == 1 ? own : pids[i], 1);
		n = notify_new(loop);
		/* With the watchdog of another process there is nothing to wait for. */
		if (i == 2)
			assert_false(loop_turn(loop, false));
		else
			until_told(loop, fd);
		expect(fd, i == 2 ? NULL : "WATCHDOG=1");
		notify_free(n);
		assert_null(getenv("WATCHDOG_USEC"));
		close(fd);
		free(own);
		free(name);
	}
	loop_free(loop);
}

static void without_a_manager_nothing_happens(void **state)
{
	static const char *const senseless[] = { NULL, "", "relative", "/nonexistent/socket" };
	struct loop *loop = loop_new();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct notify *n;

		if (senseless[i] != NULL)
			setenv("NOTIFY_SOCKET", senseless[i], 1);
		n = notify_new(loop);
		notify_ready(n);
		notify_status(n, "well");
		notify_free(n);
	}
	notify_free(NULL);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_one_message),
		cmocka_unit_test(abstract_sockets_are_reached),
		cmocka_unit_test(the_watchdog_is_patted_twice_in_its_time),
		cmocka_unit_test(without_a_manager_nothing_happens),
	};
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
