/* AvahiPoll on base/loop.h: see avahi_poll.h. libdbus makes two watches for one descriptor (to read and to write),
 * the loop only one, so the watches of a descriptor share a source. */
#ifdef LANYARD_WIDE_TIME
#undef _TIME_BITS /* struct timeval is as the library was built, with the system's own times */
#endif
#include "discovery/avahi_poll.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

/* Errors in a row, with nothing readable between them, after which a descriptor is given up: the loop would spin on
 * it. */
enum { MAX_ERRORS = 100 };

enum { REST_MS = 100 }; /* at least, so that what came meanwhile is read together */

/* One descriptor and all watches on it. */
struct poll_source {
	struct avahi_poll *owner;
	struct loop_io *io; /* NULL once no live watch is left: Avahi may close fd, and open another by that number */
	int fd;
	int errors;       /* in a row */
	bool is_network;  /* IPv4 or IPv6: anybody can make it readable */
	bool firing;      /* in source_ready(), which frees it at its end */
	AvahiWatch *list; /* in source_ready(), including those that were freed meanwhile */
	struct poll_source *prev;
	struct poll_source *next;
};

struct AvahiWatch {
	struct poll_source *source;
	AvahiWatchEvent want;
	AvahiWatchEvent fired; /* what the last callback reported */
	bool is_dead;
	AvahiWatchCallback fn;
	void *arg;
	AvahiWatch *prev;
	AvahiWatch *next;
};

struct AvahiTimeout {
	struct avahi_poll *owner;
	struct loop_timer *timer;
	AvahiTimeoutCallback fn;
	void *arg;
};

struct avahi_poll {
	AvahiPoll api;
	struct loop *loop;
	struct poll_source *sources;
	bool (*screen)(void *arg, int fd); /* NULL: none */
	void *screen_arg;
	/* The budget; see avahi_poll_set_budget(). */
	int share;               /* thousandths of a core; 0: no budget */
	int64_t most_us;         /* the most that can be saved up */
	int64_t saved_us;        /* may be below 0 */
	int64_t saved_ms;        /* when saved_us was computed, loop_now_ms() */
	bool resting;            /* the budget is used up, so the network is not read */
	struct loop_timer *rest; /* the pause; NULL: no budget */
};

static void update_source(struct poll_source *s)
{
	int events = 0;
	bool deaf = s->is_network && s->owner->resting;
	AvahiWatch *w;

	DL_FOREACH(s->list, w) {
		if ((w->want & AVAHI_WATCH_IN) != 0 && !deaf)
			events |= LOOP_READ;
		if ((w->want & AVAHI_WATCH_OUT) != 0)
			events |= LOOP_WRITE;
	}
	loop_io_want(s->io, s->errors < MAX_ERRORS ? events : 0);
}

/* Stops watching when no live watch is left, and frees the source unless source_ready() is going through it. */
static void retire_source(struct poll_source *s)
{
	AvahiWatch *w;

	DL_FOREACH(s->list, w) {
		if (!w->is_dead)
			return;
	}
	if (s->io != NULL) {
		DL_DELETE(s->owner->sources, s);
		loop_io_free(s->io);
		s->io = NULL;
	}
	if (!s->firing)
		free(s);
}

/* --- the budget --- */

static int64_t processor_us(const struct avahi_poll *p)
{
	struct timespec ts = { 0 };

	if (p->share > 0)
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void update_all(struct avahi_poll *p)
{
	struct poll_source *s;

	DL_FOREACH(p->sources, s)
		update_source(s);
}

static void save_time(struct avahi_poll *p)
{
	int64_t now = loop_now_ms(p->loop);

	p->saved_us += (now - p->saved_ms) * p->share;
	p->saved_ms = now;
	if (p->saved_us > p->most_us)
		p->saved_us = p->most_us;
}

static void poll_rested(void *arg)
{
	struct avahi_poll *p = arg;

	save_time(p);
	p->resting = false;
	update_all(p);
}

/* A callback has taken this long. The debt is bounded too, or one very long callback would make us deaf for as
 * long. */
static void spend_time(struct avahi_poll *p, int64_t us)
{
	if (p->share == 0)
		return;
	save_time(p);
	p->saved_us -= us;
	if (p->saved_us < -p->most_us)
		p->saved_us = -p->most_us;
	if (p->saved_us >= 0 || p->resting)
		return;
	p->resting = true;
	loop_timer_start(p->rest, REST_MS - p->saved_us / p->share, 0);
	update_all(p);
}

/* --- watches --- */

static void call_watches(struct poll_source *s, AvahiWatchEvent seen)
{
	int64_t begin_us = processor_us(s->owner);
	AvahiWatch *w;

	if ((seen & AVAHI_WATCH_IN) != 0 && s->owner->screen != NULL && !s->owner->screen(s->owner->screen_arg, s->fd))
		seen &= ~AVAHI_WATCH_IN;
	DL_FOREACH(s->list, w) {
		if (w->is_dead || (w->want & seen) == 0)
			continue;
		w->fired = w->want & seen;
		w->fn(w, s->fd, w->fired, w->arg);
	}
	/* Descriptors other than network sockets are bounded by themselves, and must not make us deaf. */
	if (s->is_network)
		spend_time(s->owner, processor_us(s->owner) - begin_us);
}

static void source_ready(void *arg, int events)
{
	struct poll_source *s = arg;
	AvahiWatchEvent seen = 0;
	AvahiWatch *w;
	AvahiWatch *next;

	/* Avahi checks only for "readable" and reads the error itself, as with poll(2). */
	if ((events & LOOP_ERROR) != 0) {
		if (++s->errors == MAX_ERRORS)
			log_warn("discovery: descriptor %d keeps failing; no longer watching it", s->fd);
		seen = AVAHI_WATCH_IN | AVAHI_WATCH_OUT;
	} else {
		s->errors = 0;
	}
	if ((events & LOOP_READ) != 0)
		seen |= AVAHI_WATCH_IN;
	if ((events & LOOP_WRITE) != 0)
		seen |= AVAHI_WATCH_OUT;
	s->firing = true;
	call_watches(s, seen);
	s->firing = false;
	DL_FOREACH_SAFE(s->list, w, next) {
		if (w->is_dead) {
			DL_DELETE(s->list, w);
			free(w);
		}
	}
	if (s->io != NULL)
		update_source(s);
	else
		retire_source(s);
}

static bool is_network(int fd)
{
	int family = AF_UNSPEC;
	socklen_t n = sizeof(family);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0 && (family == AF_INET || family == AF_INET6);
}

static struct poll_source *source_of(struct avahi_poll *p, int fd)
{
	struct poll_source *s;

	DL_FOREACH(p->sources, s) {
		if (s->fd == fd)
			return s;
	}
	s = MEM_NEW(struct poll_source);
	s->owner = p;
	s->fd = fd;
	s->is_network = is_network(fd);
	s->io = loop_io_new(p->loop, fd, source_ready, s);
	if (s->io == NULL) {
		free(s);
		return NULL;
	}
	DL_APPEND(p->sources, s);
	return s;
}

static AvahiWatch *watch_new(const AvahiPoll *api, int fd, AvahiWatchEvent event, AvahiWatchCallback fn, void *arg)
{
	struct poll_source *s = source_of(api->userdata, fd);
	AvahiWatch *w;

	if (s == NULL)
		return NULL;
	w = MEM_NEW(AvahiWatch);
	w->source = s;
	w->want = event;
	w->fn = fn;
	w->arg = arg;
	DL_APPEND(s->list, w);
	update_source(s);
	return w;
}

static void watch_update(AvahiWatch *w, AvahiWatchEvent event)
{
	w->want = event;
	update_source(w->source);
}

static AvahiWatchEvent watch_get_events(AvahiWatch *w)
{
	return w->fired;
}

static void watch_free(AvahiWatch *w)
{
	struct poll_source *s = w->source;

	if (s->firing) {
		w->is_dead = true;
		w->want = 0;
	} else {
		DL_DELETE(s->list, w);
		free(w);
	}
	update_source(s);
	retire_source(s);
}

static void timeout_fired(void *arg)
{
	AvahiTimeout *t = arg;
	struct avahi_poll *p = t->owner;
	int64_t begin_us = processor_us(p);

	t->fn(t, t->arg); /* may free t */
	spend_time(p, processor_us(p) - begin_us);
}

static void timeout_update(AvahiTimeout *t, const struct timeval *tv)
{
	struct timeval now;
	int64_t now_us;
	int64_t then_us;

	if (tv == NULL) {
		loop_timer_stop(t->timer);
		return;
	}
	/* The clock that Avahi itself reads, whatever tests set base/clock.h to: with another one it would spin. */
	gettimeofday(&now, NULL);
	now_us = (int64_t)now.tv_sec * 1000000 + now.tv_usec;
	then_us = (int64_t)tv->tv_sec * 1000000 + tv->tv_usec;
	/* Rounded up: a timer that fires a little early would find nothing due, and be armed again for 0 ms. */
	loop_timer_start(t->timer, then_us > now_us ? (then_us - now_us + 999) / 1000 : 0, 0);
}

static AvahiTimeout *timeout_new(const AvahiPoll *api, const struct timeval *tv, AvahiTimeoutCallback fn, void *arg)
{
	struct avahi_poll *p = api->userdata;
	AvahiTimeout *t = MEM_NEW(AvahiTimeout);

	t->owner = p;
	t->fn = fn;
	t->arg = arg;
	t->timer = loop_timer_new(p->loop, timeout_fired, t);
	timeout_update(t, tv);
	return t;
}

static void timeout_free(AvahiTimeout *t)
{
	loop_timer_free(t->timer);
	free(t);
}

struct avahi_poll *avahi_poll_new(struct loop *loop)
{
	struct avahi_poll *p = MEM_NEW(struct avahi_poll);

	p->loop = loop;
	p->api = (AvahiPoll){
		.userdata = p,
		.watch_new = watch_new,
		.watch_update = watch_update,
		.watch_get_events = watch_get_events,
		.watch_free = watch_free,
		.timeout_new = timeout_new,
		.timeout_update = timeout_update,
		.timeout_free = timeout_free,
	};
	return p;
}

void avahi_poll_free(struct avahi_poll *p)
{
	if (p == NULL)
		return;
	if (p->sources != NULL) {
		log_error("discovery: a poll freed while something is still watched");
		abort();
	}
	loop_timer_free(p->rest);
	free(p);
}

const AvahiPoll *avahi_poll_get(const struct avahi_poll *p)
{
	return &p->api;
}

void avahi_poll_set_screen(struct avahi_poll *p, bool (*screen)(void *arg, int fd), void *arg)
{
	p->screen = screen;
	p->screen_arg = arg;
}

void avahi_poll_set_budget(struct avahi_poll *p, int share, int64_t most_ms)
{
	p->share = share;
	p->most_us = most_ms * 1000;
	p->saved_us = p->most_us;
	p->saved_ms = loop_now_ms(p->loop);
	p->rest = loop_timer_new(p->loop, poll_rested, p);
}
