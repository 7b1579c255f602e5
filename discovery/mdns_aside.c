/* mdns_client on a thread and a loop of its own. libavahi-client waits for answers inside its calls: for 25 s, when
 * avahi-daemon or dbus-daemon hang or systemd is slow to start one of them. On the agent's loop that would silence
 * us for longer than our peers wait before they take us for dead. A thread that does not take its orders for a
 * while means the same as a dead daemon, and is reported as such.
 *
 * The two sides share nothing except this file's struct. Orders go one way and found services come back, both as
 * copies, and an eventfd wakes the other side. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "discovery/mdns.h"

enum {
	MAX_NOTES = 256, /* found services that the loop has not taken over yet; more are dropped */
	STACK_BYTES = 512 * 1024,
	GOODBYE_MS = 500, /* how long the end may take; a daemon that hangs is left behind */
	LOOP_RETRY_MS = 1000,
	HUNG_MS = 4000, /* orders that are not taken for this long mean that the daemon does not answer */
};

struct note {
	struct mdns_found found;
	struct note *prev;
	struct note *next;
};

struct aside {
	/* The agent's side: */
	struct loop_io *io;            /* on to_loop */
	struct loop_timer *hung_timer; /* runs while orders are out */
	bool hung;                     /* the last state reported is that the daemon does not answer */
	struct mdns_events events;
	pthread_t thread;

	/* The thread's side: */
	struct loop *loop;
	void *client;
	struct loop_timer *done_timer;
	struct mdns_want first; /* what it starts with */

	/* Both sides; set before the thread starts: */
	int to_thread; /* eventfds */
	int to_loop;
	pthread_mutex_t lock;
	pthread_cond_t ended_cond;

	/* Both sides, under the lock: */
	int refs;     /* how many sides still use this struct */
	bool quit;    /* the agent wants the thread to end */
	bool ended;   /* the thread has withdrawn its announcements */
	bool ordered; /* there are orders that the thread has not carried out */
	bool refresh;
	struct mdns_want *want; /* the latest orders that were not taken over; NULL: none */
	struct note *notes;
	size_t nnotes;
	bool state_changed; /* the next two fields are new */
	bool serving;
	char *problem;
};

static void aside_wake(int fd)
{
	uint64_t one = 1;

	/* It fails only if nobody has read 2^64 - 1 wake-ups, and then the other side is awake. */
	if (write(fd, &one, sizeof(one)) < 0)
		log_debug("discovery: eventfd: %s", strerror(errno));
}

static void aside_clear_wake(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* nothing there: a spurious wake-up */
}

/* One side is done with the struct; the second one frees it. */
static void aside_release(struct aside *a)
{
	struct note *note;
	struct note *next;
	int refs;

	pthread_mutex_lock(&a->lock);
	refs = --a->refs;
	pthread_mutex_unlock(&a->lock);
	if (refs > 0)
		return;
	DL_FOREACH_SAFE(a->notes, note, next)
		free(note);
	free(a->want);
	free(a->problem);
	close(a->to_thread);
	close(a->to_loop);
	pthread_cond_destroy(&a->ended_cond);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* --- the thread's side --- */

static void client_found(void *arg, const struct mdns_found *found)
{
	struct aside *a = arg;
	struct note *note = MEM_NEW(struct note);

	note->found = *found;
	pthread_mutex_lock(&a->lock);
	if (a->nnotes < MAX_NOTES) {
		DL_APPEND(a->notes, note);
		a->nnotes++;
		note = NULL;
	}
	pthread_mutex_unlock(&a->lock);
	free(note);
	aside_wake(a->to_loop);
}

static void client_state(void *arg, bool serving, const char *problem)
{
	struct aside *a = arg;

	pthread_mutex_lock(&a->lock);
	a->serving = serving;
	free(a->problem);
	a->problem = mem_strdup(problem);
	a->state_changed = true;
	pthread_mutex_unlock(&a->lock);
	aside_wake(a->to_loop);
}

static void take_orders(void *arg, int events)
{
	struct aside *a = arg;
	struct mdns_want *want;
	bool refresh;
	bool quit;

	(void)events;
	aside_clear_wake(a->to_thread);
	pthread_mutex_lock(&a->lock);
	want = a->want;
	a->want = NULL;
	refresh = a->refresh;
	a->refresh = false;
	quit = a->quit;
	pthread_mutex_unlock(&a->lock);
	if (want != NULL)
		mdns_client.set(a->client, want);
	free(want);
	if (refresh)
		mdns_client.refresh(a->client);
	if (quit)
		loop_stop(a->loop);
	/* Orders are carried out in a later turn, by timers; this report comes after them in the same way. */
	loop_timer_start(a->done_timer, 0, 0);
}

static void orders_done(void *arg)
{
	struct aside *a = arg;

	pthread_mutex_lock(&a->lock);
	a->ordered = false;
	pthread_mutex_unlock(&a->lock);
	aside_wake(a->to_loop);
}

static bool aside_should_quit(struct aside *a)
{
	bool quit;

	pthread_mutex_lock(&a->lock);
	quit = a->quit;
	pthread_mutex_unlock(&a->lock);
	return quit;
}

/* Makes the loop and the watch for orders; tries until the system has descriptors for them. NULL: told to quit. */
static struct loop_io *open_loop(struct aside *a)
{
	while (!aside_should_quit(a)) {
		struct pollfd orders = { .fd = a->to_thread, .events = POLLIN };
		struct loop_io *io;

		a->loop = loop_new();
		io = a->loop != NULL ? loop_io_new(a->loop, a->to_thread, take_orders, a) : NULL;
		if (io != NULL)
			return io;
		loop_free(a->loop);
		a->loop = NULL;
		client_state(a, false, "no file descriptors left");
		(void)poll(&orders, 1, LOOP_RETRY_MS);
	}
	return NULL;
}

/* The stack is made, turned until the agent wants an end, and freed here, since all of it belongs to this thread's
 * loop. The last report is that it is done. */
static void *aside_run(void *arg)
{
	struct aside *a = arg;
	const struct mdns_events events = { .found = client_found, .state = client_state, .arg = a };
	struct loop_io *io = open_loop(a);

	if (io != NULL) {
		loop_io_want(io, LOOP_READ);
		a->done_timer = loop_timer_new(a->loop, orders_done, a);
		a->client = mdns_client.start(a->loop, &a->first, &events);
		loop_run(a->loop);
		mdns_client.stop(a->client);
		loop_timer_free(a->done_timer);
		loop_io_free(io);
		loop_free(a->loop);
	}
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	pthread_cond_signal(&a->ended_cond);
	pthread_mutex_unlock(&a->lock);
	aside_release(a);
	return NULL;
}

/* --- the agent's side --- */

static void take_news(void *arg, int events)
{
	struct aside *a = arg;
	struct note *notes;
	struct note *note;
	struct note *next;
	char *problem = NULL;
	bool changed;
	bool serving;
	bool ordered;

	(void)events;
	aside_clear_wake(a->to_loop);
	pthread_mutex_lock(&a->lock);
	notes = a->notes;
	a->notes = NULL;
	a->nnotes = 0;
	ordered = a->ordered;
	changed = a->state_changed || (a->hung && !ordered);
	a->state_changed = false;
	serving = a->serving;
	if (changed)
		problem = mem_strdup(a->problem);
	pthread_mutex_unlock(&a->lock);
	if (!ordered)
		loop_timer_stop(a->hung_timer);
	if (changed)
		a->events.state(a->events.arg, serving, problem);
	if (changed)
		a->hung = false;
	free(problem);
	DL_FOREACH_SAFE(notes, note, next) {
		a->events.found(a->events.arg, &note->found);
		free(note);
	}
}

static void does_not_answer(void *arg)
{
	struct aside *a = arg;

	a->hung = true;
	a->events.state(a->events.arg, false, "avahi-daemon does not answer");
}

/* Call with the lock held. */
static void give_orders(struct aside *a)
{
	a->ordered = true;
	aside_wake(a->to_thread);
	if (!loop_timer_running(a->hung_timer))
		loop_timer_start(a->hung_timer, HUNG_MS, 0);
}

/* Only the agent's loop handles signals. */
static int start_thread(struct aside *a)
{
	pthread_attr_t attr;
	sigset_t all;
	sigset_t old;
	int rc;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&a->thread, &attr, aside_run, a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0 ? 0 : -1;
}

/* The thread starts last: from then on both sides hold a reference. */
static void *aside_new(struct loop *loop, const struct mdns_want *want, const struct mdns_events *events)
{
	struct aside *a = MEM_NEW(struct aside);
	pthread_condattr_t monotonic;

	a->events = *events;
	a->first = *want;
	a->refs = 2;
	a->to_loop = -1;
	a->to_thread = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->to_thread < 0)
		goto free_aside;
	a->to_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->to_loop < 0)
		goto close_fds;
	a->io = loop_io_new(loop, a->to_loop, take_news, a);
	if (a->io == NULL)
		goto close_fds;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&a->ended_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (start_thread(a) < 0)
		goto free_io;
	a->hung_timer = loop_timer_new(loop, does_not_answer, a);
	loop_io_want(a->io, LOOP_READ);
	return a;

free_io:
	loop_io_free(a->io);
	pthread_cond_destroy(&a->ended_cond);
	pthread_mutex_destroy(&a->lock);
close_fds:
	close(a->to_thread);
	if (a->to_loop >= 0)
		close(a->to_loop);
free_aside:
	free(a);
	return NULL;
}

static void aside_set(void *stack, const struct mdns_want *want)
{
	struct aside *a = stack;

	pthread_mutex_lock(&a->lock);
	free(a->want);
	a->want = mem_dup(want, sizeof(*want));
	give_orders(a);
	pthread_mutex_unlock(&a->lock);
}

static void aside_refresh(void *stack)
{
	struct aside *a = stack;

	pthread_mutex_lock(&a->lock);
	a->refresh = true;
	give_orders(a);
	pthread_mutex_unlock(&a->lock);
}

/* Waits GOODBYE_MS for the thread to withdraw the announcements. If it hangs in the library until then, it is left
 * behind, and frees the struct when it comes back. */
static void aside_free(void *stack)
{
	struct aside *a = stack;
	struct timespec until;
	bool ended;

	if (a == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += GOODBYE_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&a->lock);
	a->quit = true;
	aside_wake(a->to_thread);
	while (!a->ended && pthread_cond_timedwait(&a->ended_cond, &a->lock, &until) == 0)
		continue;
	ended = a->ended;
	pthread_mutex_unlock(&a->lock);
	if (ended)
		pthread_join(a->thread, NULL);
	else
		pthread_detach(a->thread);
	loop_timer_free(a->hung_timer);
	loop_io_free(a->io);
	aside_release(a);
}

const struct mdns_backend mdns_aside = {
	.start = aside_new,
	.set = aside_set,
	.refresh = aside_refresh,
	.stop = aside_free,
};
