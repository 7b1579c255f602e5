/* The simulator's middle: one queue of events in virtual time, from which several whole agents and the world around them
 * (users, network, crashes) run in one process and one thread. sim_loop.c, sim_workers.c, sim_wire.c and sim_watch.c
 * stand in for the product's files behind base/loop.h, base/workers.h, sync/peer/tls.h and sync/local/watch.h, and
 * sim.c for base/clock.c; everything else is the product itself.
 *
 * All that happens comes from the seed. There are separate streams of chance, so that leaving out one deed of a script
 * changes as little as possible of the rest. */
#ifndef LANYARD_TESTS_SIM_SIM_H
#define LANYARD_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define SIM_S  INT64_C(1000000000)
#define SIM_MS INT64_C(1000000)
#define SIM_US INT64_C(1000)

/* Splitmix64: a stream of chance is its state. */
uint64_t sim_next(uint64_t *stream);
uint64_t sim_below(uint64_t *stream, uint64_t below);
bool sim_chance(uint64_t *stream, unsigned percent);

void sim_begin(uint64_t seed);
int64_t sim_now(void); /* virtual nanoseconds since the beginning */
/* All wall clocks go on by so much, as when every machine was asleep. */
void sim_days_pass(int64_t ns);
/* Chance of the network, the workers and the hints. */
uint64_t *sim_luck(void);

/* One thing to come. fn runs in a turn of `loop` (its hooks follow), or outside of all when loop is NULL. */
struct sim_event;
struct sim_event *sim_at(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg);
/* For what a worker thread does: no turn follows. Does not happen when the loop is dead. */
struct sim_event *sim_at_worker(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg);
void sim_cancel(struct sim_event *e); /* NULL is allowed; not after it happened */
/* Runs events for so long. */
void sim_run(int64_t ns);
/* Calls fn in a turn of the loop now. */
void sim_turn(struct loop *loop, loop_fn *fn, void *arg);

/* --- loops and their agents --- */
void sim_loop_set_host(struct loop *loop, int host, int64_t skew_ns); /* its number, and how wrong its wall clock is */
int sim_loop_host(const struct loop *loop);
/* The process is gone: nothing of this loop happens any more. */
void sim_loop_kill(struct loop *loop);
bool sim_loop_dead(const struct loop *loop);
/* The host whose code runs; -1: none. */
int sim_running_host(void);
/* From inside code of an agent: its process ends here and now; the stack is abandoned. */
void sim_die_here(void) __attribute__((noreturn));
/* Called when that happened, with the host's number. */
void sim_on_death(void (*fn)(int host));

/* --- workers --- */
/* Does the work (not the handing back) of all jobs that are out. */
void sim_workers_settle(struct loop *loop);
/* Does it, and hands them back. */
void sim_workers_hand_back(struct loop *loop);
/* The one that runs ended with its process. */
void sim_job_died(void);
/* Whether what runs is a job, on a worker. */
bool sim_in_job(void);

/* --- the network --- */
enum { SIM_HOSTS = 6 };
void sim_wire_reach(int a, int b, bool reachable); /* both ways; all reach all at first */
bool sim_wire_reachable(int a, int b);
void sim_wire_cut(int a, int b); /* ends the connections between them, some of what was under way still arrives */
/* The host's process is gone: its connections end. silent: nobody tells the others. */
void sim_wire_crash(int host, bool silent);
/* Frames delivered so far, except pings, their answers, and messages by or to the muted. */
uint64_t sim_wire_talk(void);
/* For so long from now on, what it gives of lists and blocks goes nowhere; all else that it says does. */
void sim_wire_silence(int host, int64_t ns);
void sim_wire_mute(int host, bool mute); /* not a member: it may try for ever to be heard */
/* BLOCK frames that arrived at each host. */
extern uint64_t sim_wire_blocks[SIM_HOSTS];
/* The most bytes that ever waited in one end's lanes. */
struct sim_wire_peaks {
	size_t control, bulk;
};
struct sim_wire_peaks sim_wire_peaks(void);

/* --- hints --- */
enum sim_change { SIM_CREATED, SIM_WRITTEN, SIM_GONE, SIM_ATTRIB, SIM_MKDIR };
/* Something happened at a path of the host's share: its watch hears of it, late, repeated, or never. */
void sim_watch_change(int host, enum sim_change what, const char *path);
void sim_watch_moved(int host, const char *from, const char *to, bool is_dir);
void sim_watch_overflow(int host);
void sim_watch_blind(int host, bool blind); /* from its next start on */
bool sim_watch_sees(int host);
/* In percent: how many hints get lost. */
void sim_watch_set_loss(unsigned percent);
/* Hints still on their way. */
int sim_watch_pending(int host);

/* --- the trace --- */
/* Goes into the digest of the run, and to stderr when told to. Nothing that differs between two runs of one seed may be
 * in it. */
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sim_trace_show(bool show);
uint64_t sim_trace_digest(void);
uint64_t sim_events(void); /* how many happened */

#endif
