/* The core of the simulator: one queue of events in virtual time, by which several whole agents and the world
 * around them (users, network, crashes) run in one process and one thread. sim_loop.c, sim_workers.c, sim_wire.c
 * and sim_watch.c stand in for the product's files behind base/loop.h, base/workers.h, sync/peer/tls.h and
 * sync/local/watch.h, sim_hash.c for base/sha256_speed.c, and sim.c for base/clock.c; everything else is the
 * product itself.
 *
 * Everything that happens comes from the seed. There are separate streams of chance, so that leaving out one action
 * of a script changes as little as possible of the rest. */
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
/* Advances all wall clocks by this much, as if every machine had been asleep. */
void sim_days_pass(int64_t ns);
/* The stream of chance for the network, the workers and the hints. */
uint64_t *sim_luck(void);
/* How many blocks every machine of this run hashes at a time: 1 to 16. */
size_t sim_lanes(void);

/* Schedules one event. fn runs in a turn of `loop` (its hooks follow), or outside of any loop if that is NULL. */
struct sim_event;
struct sim_event *sim_at(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg);
/* The same for what a worker thread does: no turn follows. Does not happen when the loop is dead. */
struct sim_event *sim_at_worker(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg);
void sim_cancel(struct sim_event *e); /* NULL is allowed; an event that happened is not */
/* Runs events for this long. */
void sim_run(int64_t ns);
/* Calls fn in a turn of the loop now. */
void sim_turn(struct loop *loop, loop_fn *fn, void *arg);

/* --- loops and their agents --- */
void sim_loop_set_host(struct loop *loop, int host,
                       int64_t skew_ns); /* the host's number, and how wrong its wall clock is */
int sim_loop_host(const struct loop *loop);
/* The process is gone: no event of this loop happens any more. */
void sim_loop_kill(struct loop *loop);
bool sim_loop_dead(const struct loop *loop);
/* The host whose code runs; -1: none. */
int sim_running_host(void);
/* Called inside an agent's code: its process ends here; the stack is abandoned. */
void sim_die_here(void) __attribute__((noreturn));
/* Sets what is called when that has happened, with the host's number. */
void sim_on_death(void (*fn)(int host));

/* --- workers --- */
/* Does the work (not the handing back) of all jobs that are out. */
void sim_workers_settle(struct loop *loop);
/* Does the work, and hands the jobs back. */
void sim_workers_hand_back(struct loop *loop);
/* The job that runs ended with its process. */
void sim_job_died(void);
/* Whether a job runs now, on a worker. */
bool sim_in_job(void);

/* --- the network --- */
enum { SIM_HOSTS = 6 };
void sim_wire_reach(int a, int b, bool reachable); /* both ways; at first all reach all */
bool sim_wire_reachable(int a, int b);
void sim_wire_cut(int a, int b); /* ends the connections between them; some of the frames under way still arrive */
/* The host's process is gone: its connections end. silent: no end is told. */
void sim_wire_crash(int host, bool silent);
/* Frames delivered so far, except pings, their answers, what tally_frame() calls late, and messages by or to the
 * muted. */
uint64_t sim_wire_talk(void);
/* For this long from now on, the lists and blocks that the host sends get lost; everything else arrives. */
void sim_wire_silence(int host, int64_t ns);
void sim_wire_mute(int host, bool mute); /* not a member: it may go on trying for ever */
/* BLOCK frames that arrived at each host. */
extern uint64_t sim_wire_blocks[SIM_HOSTS];
/* The most bytes that ever waited in one end's lanes. */
struct sim_wire_peaks {
	size_t control, bulk;
};
struct sim_wire_peaks sim_wire_peaks(void);

/* --- hints --- */
/* SIM_WRITTEN: and closed. SIM_GROWN: not yet. */
enum sim_change { SIM_CREATED, SIM_WRITTEN, SIM_GROWN, SIM_CLOSED, SIM_GONE, SIM_ATTRIB, SIM_MKDIR };
/* Something happened at a path of the host's share: its watch gets a hint, late, repeated, or never. */
void sim_watch_change(int host, enum sim_change what, const char *path);
void sim_watch_moved(int host, const char *from, const char *to, bool is_dir);
void sim_watch_overflow(int host);
void sim_watch_blind(int host, bool blind); /* from its next start on */
bool sim_watch_sees(int host);
/* How many hints get lost, in percent. */
void sim_watch_set_loss(unsigned percent);
/* Hints that have not arrived yet. */
int sim_watch_pending(int host);

/* --- the trace --- */
/* Adds to the digest of the run, and to stderr with -v. Nothing that differs between two runs of one seed may be in
 * it. */
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sim_trace_show(bool show);
uint64_t sim_trace_digest(void);
uint64_t sim_events(void); /* how many happened */

#endif
