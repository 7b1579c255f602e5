/* Proves the promises of loop.h: order of a turn, freeing inside callbacks, no starvation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

/* One of everything that a callback may want to touch, and a line of letters that tells in what order they ran. */
struct scene {
	struct loop *loop;
	struct loop_timer *timer;
	struct loop_timer *other;
	struct loop_io *io;
	struct loop_hook *hooks[3];
	char story[64];
	int count;
	int events;
	int signum;
	int fds[2];
};

static void tell(struct scene *s, char letter)
{
	size_t n = strlen(s->story);

	if (n + 1 < sizeof(s->story))
		s->story[n] = letter;
}

static int set_up(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	s.loop = loop_new();
	*state = &s;
	return s.loop == NULL || pipe2(s.fds, O_CLOEXEC) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	loop_io_free(s->io);
	loop_timer_free(s->timer);
	loop_timer_free(s->other);
	loop_free(s->loop);
	close(s->fds[0]);
	close(s->fds[1]);
	return 0;
}

static void count_up(void *arg)
{
	((struct scene *)arg)->count++;
}

static void timer_fires_once_and_not_early(void **state)
{
	struct scene *s = *state;
	s->timer = loop_timer_new(s->loop, count_up, s);
	assert_false(loop_timer_running(s->timer));
	assert_false(loop_turn(s->loop, true)); /* a timer at rest is nothing to wait for */
	for (int i = 1; i <= 50; i++) {
		int64_t start = clock_mono_ns(); /* libuv's own whole milliseconds would hide most of one */

		loop_timer_start(s->timer, 2, 0);
		assert_true(loop_timer_running(s->timer));
		while (loop_turn(s->loop, false)) /* epoll(7)'s wait would round up what the loop rounds down */
			;
		assert_int_equal(s->count, i);
		assert_false(loop_timer_running(s->timer));
		assert_true(clock_mono_ns() - start >= 2000000);
	}
}

static void count_to_three(void *arg)
{
	struct scene *s = arg;

	if (++s->count == 3)
		loop_timer_stop(s->timer);
}

static void timer_repeats_until_stopped(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, count_to_three, s);
	loop_timer_start(s->timer, 0, 1);
	while (loop_turn(s->loop, true))
		;
	assert_int_equal(s->count, 3);
}

static void starting_again_replaces_the_first_start(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, count_up, s);
	loop_timer_start(s->timer, 0, 1);
	loop_timer_start(s->timer, 2, 0);
	while (loop_turn(s->loop, true))
		;
	assert_int_equal(s->count, 1);
	loop_timer_start(s->timer, 0, 0);
	loop_timer_stop(s->timer);
	assert_false(loop_turn(s->loop, false));
	assert_int_equal(s->count, 1);
}

static void free_timer(void *arg)
{
	struct scene *s = arg;

	s->count++;
	loop_timer_free(s->timer);
	s->timer = NULL;
	loop_timer_free(s->other); /* due in the same turn, but freed before its time */
	s->other = NULL;
}

static void timer_may_free_itself_and_others(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, free_timer, s);
	s->other = loop_timer_new(s->loop, count_up, s);
	loop_timer_start(s->timer, 0, 1);
	loop_timer_start(s->other, 0, 1);
	while (loop_turn(s->loop, true))
		;
	assert_int_equal(s->count, 1);
}

static void start_again_at_once(void *arg)
{
	struct scene *s = arg;

	s->count++;
	loop_timer_start(s->timer, 0, 0);
	assert_true(loop_timer_running(s->timer));
}

static void note_events(void *arg, int events)
{
	struct scene *s = arg;

	s->events |= events;
	tell(s, 'i');
}

static void a_timer_without_delay_starves_nobody(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, start_again_at_once, s);
	s->io = loop_io_new(s->loop, s->fds[1], note_events, s);
	assert_non_null(s->io);
	loop_io_want(s->io, LOOP_WRITE);
	loop_timer_start(s->timer, 0, 0);
	for (int i = 0; i < 10; i++)
		assert_true(loop_turn(s->loop, false));
	assert_in_range(s->count, 9, 11);
	assert_int_equal(s->events, LOOP_WRITE);
	assert_true(strlen(s->story) >= 9);
}

static void start_other_then_rest(void *arg)
{
	struct scene *s = arg;

	loop_timer_start(s->other, 0, 0);
	tell(s, 'a');
}

static void stop_loop(void *arg)
{
	struct scene *s = arg;

	tell(s, 'b');
	loop_stop(s->loop);
}

static void a_late_timer_keeps_the_loop_running(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, start_other_then_rest, s);
	s->other = loop_timer_new(s->loop, stop_loop, s);
	loop_timer_start(s->timer, 0, 0);
	loop_run(s->loop);
	assert_string_equal(s->story, "ab");
	assert_false(loop_timer_running(s->other));

	/* Stopped or freed while late: it neither fires nor holds the loop. */
	loop_timer_start(s->timer, 0, 0);
	assert_true(loop_turn(s->loop, false));
	assert_true(loop_timer_running(s->other));
	loop_timer_stop(s->other);
	assert_false(loop_turn(s->loop, true));
	assert_string_equal(s->story, "aba");
}

static void io_reports_what_is_wanted_and_pauses(void **state)
{
	struct scene *s = *state;
	char byte;

	s->io = loop_io_new(s->loop, s->fds[0], note_events, s);
	assert_non_null(s->io);
	assert_int_equal(write(s->fds[1], "x", 1), 1);
	loop_turn(s->loop, false);
	assert_int_equal(s->events, 0); /* nothing before the first want */
	loop_io_want(s->io, LOOP_READ);
	assert_true(loop_turn(s->loop, true));
	assert_int_equal(s->events, LOOP_READ);
	s->events = 0;
	loop_turn(s->loop, false); /* level, not edge: it is still readable */
	assert_int_equal(s->events, LOOP_READ);
	s->events = 0;
	loop_io_want(s->io, 0);
	loop_turn(s->loop, false);
	assert_int_equal(s->events, 0);
	loop_io_want(s->io, LOOP_READ);
	assert_int_equal(read(s->fds[0], &byte, 1), 1);
	loop_turn(s->loop, false);
	assert_int_equal(s->events, 0);
}

static void io_reports_errors_unasked(void **state)
{
	struct scene *s = *state;

	s->io = loop_io_new(s->loop, s->fds[1], note_events, s);
	loop_io_want(s->io, LOOP_WRITE);
	close(s->fds[0]);
	s->fds[0] = -1;
	loop_turn(s->loop, false);
	assert_int_equal(s->events, LOOP_ERROR);
	s->events = 0;
	loop_turn(s->loop, false); /* paused by itself: no spinning */
	assert_int_equal(s->events, 0);
	loop_io_want(s->io, LOOP_WRITE);
	loop_turn(s->loop, false);
	assert_int_equal(s->events, LOOP_ERROR);
}

static void free_io_and_reuse_fd(void *arg, int events)
{
	struct scene *s = arg;
	int old = s->fds[0];

	(void)events;
	loop_io_free(s->io);
	close(old);
	close(s->fds[1]);
	assert_int_equal(pipe2(s->fds, O_CLOEXEC), 0);
	assert_int_equal(s->fds[0], old); /* the case that goes wrong when the old watch lingers */
	s->io = loop_io_new(s->loop, s->fds[0], note_events, s);
	assert_non_null(s->io);
	loop_io_want(s->io, LOOP_READ);
}

static void io_may_be_freed_inside_its_callback(void **state)
{
	struct scene *s = *state;

	s->io = loop_io_new(s->loop, s->fds[0], free_io_and_reuse_fd, s);
	loop_io_want(s->io, LOOP_READ);
	assert_int_equal(write(s->fds[1], "x", 1), 1);
	loop_turn(s->loop, true);
	loop_turn(s->loop, false);
	assert_int_equal(s->events, 0); /* the new pipe is empty */
	assert_int_equal(write(s->fds[1], "x", 1), 1);
	loop_turn(s->loop, true);
	assert_int_equal(s->events, LOOP_READ);
}

static void a_plain_file_cannot_be_watched(void **state)
{
	struct scene *s = *state;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	errno = 0;
	assert_null(loop_io_new(s->loop, fd, note_events, s));
	assert_int_equal(errno, EPERM);
	close(fd);
}

static void note_signal(void *arg, int signum)
{
	struct scene *s = arg;

	s->signum = signum;
	loop_stop(s->loop);
}

static void signals_arrive_on_the_loop(void **state)
{
	struct scene *s = *state;
	struct loop_signal *usr1 = loop_signal_new(s->loop, SIGUSR1, note_signal, s);
	struct loop_signal *usr2 = loop_signal_new(s->loop, SIGUSR2, note_signal, s);

	assert_non_null(usr1);
	assert_non_null(usr2);
	raise(SIGUSR2);
	assert_int_equal(s->signum, 0);
	loop_run(s->loop);
	assert_int_equal(s->signum, SIGUSR2);
	loop_signal_free(usr1);
	loop_signal_free(usr2);
	loop_signal_free(NULL);
}

static void a_muted_signal_does_nothing_any_more(void **state)
{
	struct scene *s = *state;
	struct loop_signal *usr2;

	loop_signal_mute(SIGUSR2); /* its default meaning would end this test */
	raise(SIGUSR2);
	usr2 = loop_signal_new(s->loop, SIGUSR2, note_signal, s);
	raise(SIGUSR2);
	loop_run(s->loop);
	assert_int_equal(s->signum, SIGUSR2);
	loop_signal_free(usr2);
	raise(SIGUSR2);
}

static void hook_a(void *arg)
{
	tell(arg, 'a');
}

static void hook_b_frees_itself_and_c(void *arg)
{
	struct scene *s = arg;

	tell(s, 'b');
	loop_hook_free(s->hooks[1]);
	loop_hook_free(s->hooks[2]);
}

static void hook_c(void *arg)
{
	tell(arg, 'c');
}

static void tell_timer(void *arg)
{
	tell(arg, 't');
}

static void hooks_run_in_order_once_a_turn_after_the_timers(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, tell_timer, s);
	for (int i = 0; i < 3; i++)
		s->hooks[i] = loop_hook_new(s->loop, i == 1 ? hook_c : hook_a, s);
	loop_timer_start(s->timer, 0, 0);
	loop_turn(s->loop, false);
	assert_string_equal(s->story, "taca");
	for (int i = 0; i < 3; i++)
		loop_hook_free(s->hooks[i]);
	loop_hook_free(NULL);
}

static void a_hook_may_free_itself_and_the_next(void **state)
{
	struct scene *s = *state;

	s->timer = loop_timer_new(s->loop, tell_timer, s);
	loop_timer_start(s->timer, 60000, 0); /* only keeps the loop alive */
	s->hooks[0] = loop_hook_new(s->loop, hook_a, s);
	s->hooks[1] = loop_hook_new(s->loop, hook_b_frees_itself_and_c, s);
	s->hooks[2] = loop_hook_new(s->loop, hook_c, s);
	loop_turn(s->loop, false);
	loop_turn(s->loop, false);
	assert_string_equal(s->story, "aba");
	loop_hook_free(s->hooks[0]);
}

static void start_io_from_hook(void *arg)
{
	struct scene *s = arg;

	if (s->count++ == 0)
		loop_timer_start(s->timer, 0, 0);
}

static void a_hook_alone_neither_holds_nor_wakes_but_its_work_runs(void **state)
{
	struct scene *s = *state;
	struct loop_hook *h = loop_hook_new(s->loop, start_io_from_hook, s);

	assert_false(loop_turn(s->loop, true)); /* returns, though asked to block */
	assert_int_equal(s->count, 0);
	s->timer = loop_timer_new(s->loop, tell_timer, s);
	s->other = loop_timer_new(s->loop, stop_loop, s);
	loop_timer_start(s->other, 1, 0);
	/* The hook starts a timer just before the loop would block: it still fires first. */
	loop_run(s->loop);
	assert_string_equal(s->story, "tb");
	loop_hook_free(h);
}

struct between {
	struct loop *loop;
	struct loop_timer *timer;
	bool in_callback, ran, waited, saw_callback;
};

static void between_wakes(void *arg)
{
	((struct between *)arg)->waited = true;
}

static void between_turns(void *arg)
{
	struct between *b = arg;
	struct loop_timer *t = loop_timer_new(b->loop, between_wakes, b);

	b->ran = true;
	b->saw_callback = b->in_callback;
	loop_timer_start(t, 1, 0);
	while (!b->waited)
		loop_turn(b->loop, true);
	loop_timer_free(t);
	loop_stop(b->loop);
}

static void between_asks(void *arg)
{
	struct between *b = arg;

	b->in_callback = true;
	loop_between(b->loop, between_turns, b);
	assert_false(b->ran);
	b->in_callback = false;
}

static void what_waits_between_turns_may_turn_the_loop(void **state)
{
	struct between b = { .loop = loop_new() };

	(void)state;
	b.timer = loop_timer_new(b.loop, between_asks, &b);
	loop_timer_start(b.timer, 0, 0);
	loop_run(b.loop);
	assert_true(b.ran && b.waited);
	assert_false(b.saw_callback);
	loop_timer_free(b.timer);
	loop_free(b.loop);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timer_fires_once_and_not_early),
		LOOP_TEST(timer_repeats_until_stopped),
		LOOP_TEST(starting_again_replaces_the_first_start),
		LOOP_TEST(timer_may_free_itself_and_others),
		LOOP_TEST(a_timer_without_delay_starves_nobody),
		LOOP_TEST(a_late_timer_keeps_the_loop_running),
		LOOP_TEST(io_reports_what_is_wanted_and_pauses),
		LOOP_TEST(io_reports_errors_unasked),
		LOOP_TEST(io_may_be_freed_inside_its_callback),
		LOOP_TEST(a_plain_file_cannot_be_watched),
		LOOP_TEST(signals_arrive_on_the_loop),
		LOOP_TEST(a_muted_signal_does_nothing_any_more),
		LOOP_TEST(hooks_run_in_order_once_a_turn_after_the_timers),
		LOOP_TEST(a_hook_may_free_itself_and_the_next),
		LOOP_TEST(a_hook_alone_neither_holds_nor_wakes_but_its_work_runs),
		cmocka_unit_test(what_waits_between_turns_may_turn_the_loop),
	};

	/* A loop that blocks for ever is a failure, not a hang. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
