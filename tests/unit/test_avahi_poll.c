/* Proves the promises of avahi_poll.h, and what Avahi's watch.h asks of whoever serves it. */
#ifdef LANYARD_WIDE_TIME
#undef _TIME_BITS /* as avahi_poll.c */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <avahi-common/timeval.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "discovery/avahi_poll.h"

struct scene {
	struct loop *loop;
	struct avahi_poll *poll;
	const AvahiPoll *api;
	int fds[2]; /* a socket pair */
	AvahiWatch *watch;
	AvahiWatch *other;
	AvahiTimeout *timeout;
	int fired;
	int other_fired;
	AvahiWatchEvent events;
	int screened;
	bool screen_passes;
};

static int set_up(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	s.loop = loop_new();
	s.poll = avahi_poll_new(s.loop);
	s.api = avahi_poll_get(s.poll);
	*state = &s;
	return s.loop != NULL && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s.fds) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	if (s->watch != NULL)
		s->api->watch_free(s->watch);
	if (s->other != NULL)
		s->api->watch_free(s->other);
	if (s->timeout != NULL)
		s->api->timeout_free(s->timeout);
	avahi_poll_free(s->poll);
	loop_free(s->loop);
	close(s->fds[0]);
	if (s->fds[1] >= 0)
		close(s->fds[1]);
	return 0;
}

/* Lets come what is ready, without waiting for more. */
static void turns(struct scene *s)
{
	for (int i = 0; i < 5; i++)
		loop_turn(s->loop, false);
}

static void send_one(const struct scene *s)
{
	assert_int_equal(send(s->fds[1], "x", 1, 0), 1);
}

static void watch_read(AvahiWatch *w, int fd, AvahiWatchEvent events, void *arg)
{
	struct scene *s = arg;
	char c;

	assert_int_equal(fd, s->fds[0]);
	assert_int_equal(s->api->watch_get_events(w), events);
	s->fired++;
	s->events = events;
	if ((events & AVAHI_WATCH_IN) != 0)
		(void)recv(fd, &c, 1, 0);
}

static void burn_ms(int64_t ms)
{
	struct timespec ts;
	int64_t end_ms = -1;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
		if (end_ms < 0)
			end_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + ms;
	} while ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 < end_ms);
}

/* Takes 5 ms of processor for each datagram. */
static void read_slowly(AvahiWatch *w, int fd, AvahiWatchEvent events, void *arg)
{
	struct scene *s = arg;
	char c;

	(void)w;
	(void)events;
	s->fired++;
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	burn_ms(5);
}

static void other_fired(AvahiWatch *w, int fd, AvahiWatchEvent events, void *arg)
{
	struct scene *s = arg;
	char c;

	(void)w;
	s->other_fired++;
	/* What stays readable would have the loop turn for ever. */
	if ((events & AVAHI_WATCH_IN) != 0)
		(void)recv(fd, &c, 1, MSG_DONTWAIT);
}

static void a_watch_fires_for_what_it_wants(void **state)
{
	struct scene *s = *state;

	s->watch = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, watch_read, s);
	turns(s);
	assert_int_equal(s->fired, 0);
	send_one(s);
	turns(s);
	assert_int_equal(s->fired, 1);
	assert_int_equal(s->events, AVAHI_WATCH_IN);
	s->api->watch_update(s->watch, 0);
	send_one(s);
	turns(s);
	assert_int_equal(s->fired, 1);
	s->api->watch_update(s->watch, AVAHI_WATCH_IN | AVAHI_WATCH_OUT);
	loop_turn(s->loop, true);
	assert_int_equal(s->events, AVAHI_WATCH_IN | AVAHI_WATCH_OUT);
}

/* libdbus watches its socket twice: once to read, once to write. */
static void two_watches_share_a_descriptor(void **state)
{
	struct scene *s = *state;

	s->watch = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, watch_read, s);
	s->other = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_OUT, other_fired, s);
	assert_non_null(s->other);
	loop_turn(s->loop, true);
	assert_int_equal(s->fired, 0);
	assert_int_equal(s->other_fired, 1);
	s->api->watch_free(s->other);
	s->other = NULL;
	send_one(s);
	turns(s);
	assert_int_equal(s->fired, 1);
	assert_int_equal(s->other_fired, 1);
}

static void free_both(AvahiWatch *w, int fd, AvahiWatchEvent events, void *arg)
{
	struct scene *s = arg;

	(void)events;
	s->fired++;
	s->api->watch_free(w);
	s->api->watch_free(s->other);
	s->watch = NULL;
	s->other = NULL;
	/* As libdbus does when it is cut off; and the number is used again before the callback returns. */
	close(fd);
	assert_int_equal(fcntl(s->fds[1], F_DUPFD_CLOEXEC, fd), fd);
	s->other = s->api->watch_new(s->api, fd, AVAHI_WATCH_OUT, other_fired, s);
	assert_non_null(s->other);
}

static void a_callback_may_free_watches_and_close(void **state)
{
	struct scene *s = *state;

	s->watch = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, free_both, s);
	s->other = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, other_fired, s);
	send_one(s);
	loop_turn(s->loop, true);
	assert_int_equal(s->fired, 1);
	assert_int_equal(s->other_fired, 0); /* not for the watch freed meanwhile */
	loop_turn(s->loop, true);
	assert_int_equal(s->other_fired, 1); /* for the new one on the new descriptor */
}

static void an_error_does_not_end_the_watch(void **state)
{
	struct scene *s = *state;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	/* A datagram socket of the network whose other end is gone: the answer is an error on ours, read once. */
	close(s->fds[0]);
	close(s->fds[1]);
	s->fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	s->fds[1] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fds[1], (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(s->fds[1], (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(connect(s->fds[0], (struct sockaddr *)&addr, len), 0);
	close(s->fds[1]);
	s->fds[1] = -1;
	s->watch = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, watch_read, s);
	(void)send(s->fds[0], "x", 1, 0);
	turns(s);
	assert_int_equal(s->fired, 1);
	assert_int_equal(s->events, AVAHI_WATCH_IN); /* Avahi would abort at anything else */
	(void)send(s->fds[0], "x", 1, 0);
	turns(s);
	assert_int_equal(s->fired, 2);
}

static bool screen(void *arg, int fd)
{
	struct scene *s = arg;
	char c;

	s->screened++;
	if (!s->screen_passes)
		(void)recv(fd, &c, 1, 0);
	return s->screen_passes;
}

static void the_screen_comes_first(void **state)
{
	struct scene *s = *state;

	avahi_poll_set_screen(s->poll, screen, s);
	s->watch = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, watch_read, s);
	send_one(s);
	turns(s);
	assert_int_equal(s->screened, 1);
	assert_int_equal(s->fired, 0);
	s->screen_passes = true;
	send_one(s);
	turns(s);
	assert_int_equal(s->screened, 2);
	assert_int_equal(s->fired, 1);
}

static void timed_out(AvahiTimeout *t, void *arg)
{
	struct scene *s = arg;

	(void)t;
	s->fired++;
}

static void timers_are_absolute_and_fire_once(void **state)
{
	struct scene *s = *state;
	struct timeval then;
	int64_t began = loop_now_ms(s->loop);

	avahi_elapse_time(&then, 30, 0);
	s->timeout = s->api->timeout_new(s->api, &then, timed_out, s);
	turns(s);
	assert_int_equal(s->fired, 0);
	while (s->fired == 0)
		loop_turn(s->loop, true);
	assert_true(loop_now_ms(s->loop) - began >= 29);
	assert_true(avahi_age(&then) >= 0); /* not before it is due, or Avahi arms it again and again */
	assert_false(loop_turn(s->loop, true));
	assert_int_equal(s->fired, 1);
}

static void what_is_past_is_due_and_null_disarms(void **state)
{
	struct scene *s = *state;
	struct timeval then = { 0 };

	s->timeout = s->api->timeout_new(s->api, NULL, timed_out, s);
	assert_false(loop_turn(s->loop, true));
	assert_int_equal(s->fired, 0);
	s->api->timeout_update(s->timeout, &then);
	turns(s);
	assert_int_equal(s->fired, 1);
	avahi_elapse_time(&then, 20, 0);
	s->api->timeout_update(s->timeout, &then);
	s->api->timeout_update(s->timeout, NULL);
	assert_false(loop_turn(s->loop, true));
	assert_int_equal(s->fired, 1);
}

static void free_itself(AvahiTimeout *t, void *arg)
{
	struct scene *s = arg;

	s->api->timeout_free(t);
	s->timeout = NULL;
	s->fired++;
}

static void a_timer_may_free_itself(void **state)
{
	struct scene *s = *state;
	struct timeval then = { 0 };

	s->timeout = s->api->timeout_new(s->api, &then, free_itself, s);
	turns(s);
	assert_int_equal(s->fired, 1);
}

/* 100 datagrams of 5 ms each, with 50 ms saved up and a tenth of a core: some ten are read at once, the others as it is
 * saved up. (On a loaded machine some more, since it takes longer.) */
static void the_network_has_a_budget(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct scene *s = *state;
	socklen_t n = sizeof(at);
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int first;

	assert_int_equal(bind(in, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(in, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(connect(in, (struct sockaddr *)&at, sizeof(at)), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(in, "x", 1, 0), 1);
	/* So small a share that even on a busy machine it is used up long before time brings as much again. */
	avahi_poll_set_budget(s->poll, 5, 50);
	s->watch = s->api->watch_new(s->api, in, AVAHI_WATCH_IN, read_slowly, s);
	/* What is not of the network goes on meanwhile. */
	s->other = s->api->watch_new(s->api, s->fds[0], AVAHI_WATCH_IN, other_fired, s);
	for (int i = 0; i < 100; i++)
		loop_turn(s->loop, false);
	first = s->fired;
	assert_in_range(first, 5, 80);
	send_one(s);
	turns(s);
	assert_true(s->other_fired > 0);
	while (s->fired == first)
		loop_turn(s->loop, true);
	s->api->watch_free(s->watch);
	s->watch = NULL;
	close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_network_has_a_budget, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_watch_fires_for_what_it_wants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_watches_share_a_descriptor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_callback_may_free_watches_and_close, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_does_not_end_the_watch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_screen_comes_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(timers_are_absolute_and_fire_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_past_is_due_and_null_disarms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_may_free_itself, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
