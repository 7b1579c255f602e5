/* The event loop: timers, descriptors, signals, and one hook at the end of every turn. This is the only door to
 * libuv (loop.c and workers.c include <uv.h>, nothing else does), so a simulator can stand in its place.
 *
 * Order of one turn (libuv design.rst): timers due, descriptors ready, finished jobs, end-of-turn hooks, block.
 * All functions belong to the thread that runs the loop. */
#ifndef LANYARD_BASE_LOOP_H
#define LANYARD_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_io;
struct loop_signal;
struct loop_hook;

/* NULL when the system has no descriptors left. */
struct loop *loop_new(void);
/* All timers, ios, signals and hooks must have been freed before. free(NULL) works for all the _free here. */
void loop_free(struct loop *loop);
/* Runs until loop_stop(), or until nothing is left to wait for. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Runs one turn; blocks only when `wait`. For tests. Returns false when nothing is left to wait for. */
bool loop_turn(struct loop *loop, bool wait);
/* Monotonic milliseconds, cached per turn. */
int64_t loop_now_ms(struct loop *loop);

/* How long the turns of the loop took, waiting left out. What happens meanwhile is noticed that much later. */
enum { LOOP_DELAYS = 9 };
struct loop_delays {
	uint64_t turns[LOOP_DELAYS]; /* that took at most loop_delay_ms[i], and longer than the one before */
	int64_t total_ns;
};
/* The upper ends; the last is -1: no end. */
extern const int loop_delay_ms[LOOP_DELAYS];
const struct loop_delays *loop_delays(const struct loop *loop);

typedef void loop_fn(void *arg);

/* Calls fn once between two turns, when no callback is on the stack, so that it may itself call loop_turn() to wait for
 * something (no other code may: libuv is not reentrant). Cannot be cancelled. */
void loop_between(struct loop *loop, loop_fn *fn, void *arg);

/* A timer, not running yet. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);
/* Fires once after delay_ms (0: in the next turn), never early, then every repeat_ms if that is not 0. Re-arms when
 * running. */
void loop_timer_start(struct loop_timer *t, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_running(const struct loop_timer *t);
/* Milliseconds until it is due; -1 if it does not run, or is NULL. */
int64_t loop_timer_left_ms(const struct loop_timer *t);
/* Stops and frees; fn is not called any more. Safe inside fn. */
void loop_timer_free(struct loop_timer *t);

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_ERROR = 4 };
typedef void loop_io_fn(void *arg, int events);

/* Watches fd, which stays the caller's, must outlive the watch, and is made non-blocking. Reports nothing before the
 * first loop_io_want(). NULL and errno when fd cannot be polled, or is watched already. */
struct loop_io *loop_io_new(struct loop *loop, int fd, loop_io_fn *fn, void *arg);
/* Which of LOOP_READ and LOOP_WRITE to report from now on; 0 pauses. LOOP_ERROR comes unasked unless paused, comes
 * alone, and pauses: ask for SO_ERROR, or read on, to learn what happened. */
void loop_io_want(struct loop_io *io, int events);
/* After this returns the caller may close the fd. Safe inside fn. */
void loop_io_free(struct loop_io *io);

typedef void loop_signal_fn(void *arg, int signum);
struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *s);
/* From now on, and until the process ends, signum does nothing where no loop_signal waits for it: a process that is
 * shutting down is not killed by a second signal. */
void loop_signal_mute(int signum);

/* Calls fn at the end of every turn, before the loop blocks: the place to commit and flush what the turn gathered.
 * Hooks run in the order they were made. A hook alone does not keep the loop alive or awake. */
struct loop_hook *loop_hook_new(struct loop *loop, loop_fn *fn, void *arg);
void loop_hook_free(struct loop_hook *h);

#endif
