/* A timerfd that never fires, but is cancelled whenever CLOCK_REALTIME is set: see clock_step.h. Sleep is noticed
 * by comparing the clocks: only one of them stands still. */
#include "discovery/clock_step.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { NS_PER_MS = 1000000 };

struct clock_step {
	loop_fn *stepped;
	void *arg;
	int fd;
	struct loop_io *io;
	int64_t ahead_ns; /* wall clock minus monotonic clock, which stops while the host sleeps */
};

static int64_t wall_ahead_ns(void)
{
	return clock_wall_ns() - clock_mono_ns();
}

static int arm_timer(int fd)
{
	/* The year 2262, the last that 64 bits of nanoseconds hold. */
	const struct itimerspec never = { .it_value.tv_sec = INT64_MAX / 1000000000 };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void clock_was_set(void *arg, int events)
{
	struct clock_step *c = arg;
	int64_t moved_ns = wall_ahead_ns() - c->ahead_ns;
	uint64_t count;

	(void)events;
	if (read(c->fd, &count, sizeof(count)) < 0 && arm_timer(c->fd) < 0)
		loop_io_want(c->io, 0);
	else
		loop_io_want(c->io, LOOP_READ);
	if (llabs(moved_ns) < (int64_t)CLOCK_STEP_MIN_MS * NS_PER_MS)
		return;
	c->ahead_ns += moved_ns;
	c->stepped(c->arg);
}

/* The clocks are compared before the timer is armed, so that no step falls between the two. */
struct clock_step *clock_step_new(struct loop *loop, loop_fn *stepped, void *arg)
{
	struct clock_step *c = MEM_NEW(struct clock_step);

	c->stepped = stepped;
	c->arg = arg;
	c->ahead_ns = wall_ahead_ns();
	c->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->fd < 0)
		goto free_step;
	if (arm_timer(c->fd) < 0)
		goto close_fd;
	c->io = loop_io_new(loop, c->fd, clock_was_set, c);
	if (c->io == NULL)
		goto close_fd;
	loop_io_want(c->io, LOOP_READ);
	return c;

close_fd:
	close(c->fd);
free_step:
	free(c);
	return NULL;
}

void clock_step_free(struct clock_step *c)
{
	if (c == NULL)
		return;
	loop_io_free(c->io);
	close(c->fd);
	free(c);
}
