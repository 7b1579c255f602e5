/* The event loop on libuv: see loop.h. Every handle is freed in libuv's close callback, never before, so freeing one
 * inside its own callback is safe. */
#include "base/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct loop_timer {
	uv_timer_t uv;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	bool is_late;            /* in loop->late instead of libuv's heap */
	int64_t late_repeat_ms;  /* for when it gets there */
	struct loop_timer *prev; /* in loop->late */
	struct loop_timer *next;
};

struct loop_io {
	uv_poll_t uv;
	loop_io_fn *fn;
	void *arg;
	int want; /* what libuv watches at present */
};

struct loop_signal {
	uv_signal_t uv;
	loop_signal_fn *fn;
	void *arg;
};

struct loop_hook {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	struct loop_hook *prev;
	struct loop_hook *next;
};

static void start_late_timers(struct loop *loop);

/* --- how long turns take --- */

const int loop_delay_ms[LOOP_DELAYS] = { 1, 5, 10, 50, 100, 500, 1000, 5000, -1 };

const struct loop_delays *loop_delays(const struct loop *loop)
{
	return &loop->delays;
}

void loop_turn_begins(uv_loop_t *uv)
{
	struct loop *loop = (struct loop *)uv;

	if (loop->turn_ns == 0)
		loop->turn_ns = clock_mono_ns();
}

static void note_delay(struct loop *loop)
{
	int64_t ns = clock_mono_ns() - loop->turn_ns;
	int i = 0;

	while (loop_delay_ms[i] >= 0 && ns > loop_delay_ms[i] * INT64_C(1000000))
		i++;
	loop->delays.turns[i]++;
	loop->delays.total_ns += ns;
	loop->turn_ns = 0;
}

/* --- turns --- */

static void loop_end_of_turn(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;

	loop_turn_begins(&loop->uv);
	/* A hook may free itself or any other; loop_hook_free() keeps next_hook right. */
	for (struct loop_hook *h = loop->hooks; h != NULL; h = loop->next_hook) {
		loop->next_hook = h->next;
		h->fn(h->arg);
	}
	loop->next_hook = NULL;
	start_late_timers(loop);
	note_delay(loop);
}

struct loop *loop_new(void)
{
	struct loop *loop = MEM_NEW(struct loop);
	int rc = uv_loop_init(&loop->uv);

	if (rc < 0) {
		free(loop);
		errno = -rc;
		return NULL;
	}
	uv_prepare_init(&loop->uv, &loop->prepare);
	loop->prepare.data = loop;
	uv_prepare_start(&loop->prepare, loop_end_of_turn);
	uv_unref((uv_handle_t *)&loop->prepare);
	return loop;
}

void loop_free(struct loop *loop)
{
	int rc;

	if (loop == NULL)
		return;
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	/* Lets the close callbacks of everything that was freed last run. A stop that nobody consumed would cut it
	 * short. */
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	rc = uv_loop_close(&loop->uv);
	if (rc < 0) {
		log_error("loop: freed while something still uses it");
		abort();
	}
	free(loop);
}

/* Runs the tasks that wait for an empty stack; a task may add further ones. */
static void loop_run_between(struct loop *loop)
{
	while (loop->depth == 0 && loop->between != NULL) {
		struct loop_task *task = loop->between;

		DL_DELETE(loop->between, task);
		task->fn(task->arg);
		free(task);
	}
}

static bool loop_enter(struct loop *loop, uv_run_mode mode)
{
	bool more;

	loop->depth++;
	more = uv_run(&loop->uv, mode) != 0;
	loop->depth--;
	return more;
}

void loop_run(struct loop *loop)
{
	bool more;

	loop->stopped = false;
	do {
		more = loop_enter(loop, UV_RUN_DEFAULT);
		loop_run_between(loop);
	} while (more && !loop->stopped);
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	uv_stop(&loop->uv);
}

bool loop_turn(struct loop *loop, bool wait)
{
	bool more = loop_enter(loop, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);

	loop_run_between(loop);
	return more;
}

void loop_between(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_task *task = MEM_NEW(struct loop_task);

	task->fn = fn;
	task->arg = arg;
	DL_APPEND(loop->between, task);
	uv_stop(&loop->uv); /* leaves uv_run, and does not block before */
}

int64_t loop_now_ms(struct loop *loop)
{
	return (int64_t)uv_now(&loop->uv);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_timer *t = MEM_NEW(struct loop_timer);

	t->loop = loop;
	t->fn = fn;
	t->arg = arg;
	uv_timer_init(&loop->uv, &t->uv);
	t->uv.data = t;
	return t;
}

static void loop_timer_fired(uv_timer_t *uv)
{
	struct loop_timer *t = uv->data;
	struct loop *loop = t->loop;

	loop_turn_begins(uv->loop);
	loop->in_timer = true;
	t->fn(t->arg);
	loop->in_timer = false;
}

static void leave_late(struct loop_timer *t)
{
	if (!t->is_late)
		return;
	DL_DELETE(t->loop->late, t);
	t->is_late = false;
	if (t->loop->late == NULL)
		uv_unref((uv_handle_t *)&t->loop->prepare);
}

void loop_timer_start(struct loop_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
	leave_late(t);
	if (delay_ms < 0)
		delay_ms = 0;
	if (repeat_ms < 0)
		repeat_ms = 0;
	/* libuv 1.44 fires timers until none is due, so a timer that starts itself again with no delay would keep
	 * descriptors and jobs waiting for ever. Such a timer is started at the end of the turn. */
	if (delay_ms == 0 && t->loop->in_timer) {
		uv_timer_stop(&t->uv);
		if (t->loop->late == NULL)
			uv_ref((uv_handle_t *)&t->loop->prepare);
		t->late_repeat_ms = repeat_ms;
		t->is_late = true;
		DL_APPEND(t->loop->late, t);
		return;
	}
	/* libuv counts from the time it cached when the turn began, which may be long ago, in whole milliseconds
	 * rounded down, perhaps from a coarse clock: a timer could be up to two of them early. */
	if (delay_ms > 0) {
		uv_update_time(&t->loop->uv);
		delay_ms += (clock_mono_ns() + 999999) / 1000000 - (int64_t)uv_now(&t->loop->uv);
	}
	uv_timer_start(&t->uv, loop_timer_fired, (uint64_t)delay_ms, (uint64_t)repeat_ms);
}

static void start_late_timers(struct loop *loop)
{
	while (loop->late != NULL) {
		struct loop_timer *t = loop->late;

		leave_late(t);
		uv_timer_start(&t->uv, loop_timer_fired, 0, (uint64_t)t->late_repeat_ms);
	}
}

void loop_timer_stop(struct loop_timer *t)
{
	leave_late(t);
	uv_timer_stop(&t->uv);
}

bool loop_timer_running(const struct loop_timer *t)
{
	return t->is_late || uv_is_active((const uv_handle_t *)&t->uv) != 0;
}

int64_t loop_timer_left_ms(const struct loop_timer *t)
{
	if (t == NULL || !loop_timer_running(t))
		return -1;
	return t->is_late ? 0 : (int64_t)uv_timer_get_due_in(&t->uv);
}

static void free_data(uv_handle_t *handle)
{
	free(handle->data);
}

void loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	leave_late(t);
	uv_close((uv_handle_t *)&t->uv, free_data);
}

struct loop_io *loop_io_new(struct loop *loop, int fd, loop_io_fn *fn, void *arg)
{
	struct loop_io *io = MEM_NEW(struct loop_io);
	int rc = uv_poll_init(&loop->uv, &io->uv, fd);

	if (rc < 0) {
		free(io);
		errno = -rc;
		return NULL;
	}
	io->fn = fn;
	io->arg = arg;
	io->uv.data = io;
	return io;
}

static void io_ready(uv_poll_t *uv, int status, int events)
{
	struct loop_io *io = uv->data;
	int seen = 0;

	loop_turn_begins(uv->loop);
	if (status < 0) {
		/* libuv has stopped watching by now; the next loop_io_want() starts it again. */
		io->want = 0;
		seen = LOOP_ERROR;
	}
	if ((events & UV_READABLE) != 0)
		seen |= LOOP_READ;
	if ((events & UV_WRITABLE) != 0)
		seen |= LOOP_WRITE;
	if (seen != 0)
		io->fn(io->arg, seen);
}

void loop_io_want(struct loop_io *io, int events)
{
	int uv_events = 0;

	events &= LOOP_READ | LOOP_WRITE;
	if (events == io->want)
		return;
	io->want = events;
	if ((events & LOOP_READ) != 0)
		uv_events |= UV_READABLE;
	if ((events & LOOP_WRITE) != 0)
		uv_events |= UV_WRITABLE;
	if (uv_events != 0)
		uv_poll_start(&io->uv, uv_events, io_ready);
	else
		uv_poll_stop(&io->uv);
}

void loop_io_free(struct loop_io *io)
{
	if (io == NULL)
		return;
	uv_close((uv_handle_t *)&io->uv, free_data);
}

static void signal_came(uv_signal_t *uv, int signum)
{
	struct loop_signal *s = uv->data;

	loop_turn_begins(uv->loop);
	s->fn(s->arg, signum);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *s = MEM_NEW(struct loop_signal);
	int rc = uv_signal_init(&loop->uv, &s->uv);

	/* libuv makes the loop's signal pipe on first use, which may find no descriptors left. */
	if (rc < 0) {
		free(s);
		errno = -rc;
		return NULL;
	}
	s->fn = fn;
	s->arg = arg;
	s->uv.data = s;
	rc = uv_signal_start(&s->uv, signal_came, signum);
	if (rc < 0) {
		uv_close((uv_handle_t *)&s->uv, free_data);
		errno = -rc;
		return NULL;
	}
	return s;
}

void loop_signal_free(struct loop_signal *s)
{
	if (s == NULL)
		return;
	uv_close((uv_handle_t *)&s->uv, free_data);
}

static void ignore_signal(uv_signal_t *uv, int signum)
{
	(void)uv;
	(void)signum;
}

void loop_signal_mute(int signum)
{
	/* The handle belongs to a loop that nobody runs. Without any handle, libuv would restore the signal's
	 * default action, and between that and SIG_IGN the signal could kill the process. */
	uv_signal_t *uv = MEM_NEW(uv_signal_t);

	if (uv_signal_init(uv_default_loop(), uv) < 0 || uv_signal_start(uv, ignore_signal, signum) < 0)
		log_warn("signal %d cannot be ignored: %s", signum, strerror(errno));
}

struct loop_hook *loop_hook_new(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_hook *h = MEM_NEW(struct loop_hook);

	h->loop = loop;
	h->fn = fn;
	h->arg = arg;
	DL_APPEND(loop->hooks, h);
	return h;
}

void loop_hook_free(struct loop_hook *h)
{
	if (h == NULL)
		return;
	if (h->loop->next_hook == h)
		h->loop->next_hook = h->next;
	DL_DELETE(h->loop->hooks, h);
	free(h);
}
