/* Virtual time and chance: see sim.h. Also stands in for base/clock.c: the wall clock is virtual time plus the skew
 * of the host whose code runs, and random bytes come from the seed. */
#include "tests/sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/sim_internal.h"

/* 2026-01-01, and a value for the monotonic clock that is not 0. */
#define WALL_START  (INT64_C(1767225600) * SIM_S)
#define MONO_START  (1000 * SIM_S)
#define EVENT_COST  (5 * SIM_US) /* so that time advances even if everything is started with no delay */
#define SPIN_EVENTS 2000000      /* events in one second of virtual time: above that, something goes round in circles */

enum { BATCH_PERCENT = 40 };

struct sim_event {
	int64_t at;
	uint64_t serial;
	struct loop *loop;
	bool worker;
	loop_fn *fn; /* NULL: cancelled */
	void *arg;
};

static struct {
	int64_t now;
	int64_t slept; /* added to the wall clocks only */
	uint64_t serial, done;
	struct sim_event **heap;
	size_t n, max;
	uint64_t luck, product; /* streams */
	struct loop *running;   /* the agent whose code runs; NULL: none's */
	jmp_buf *death;         /* where sim_die_here() jumps to */
	void (*on_death)(int host);
	size_t lanes;
	uint64_t digest;
	bool show;
	int64_t spin_from;
	uint64_t spin_done;
} sim;

/* --- chance --- */

uint64_t sim_next(uint64_t *stream)
{
	uint64_t z = *stream += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t sim_below(uint64_t *stream, uint64_t below)
{
	return sim_next(stream) % below;
}

bool sim_chance(uint64_t *stream, unsigned percent)
{
	return sim_below(stream, 100) < percent;
}

uint64_t *sim_luck(void)
{
	return &sim.luck;
}

/* --- the queue: a binary heap by time, then by order of birth --- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

static void swap(size_t a, size_t b)
{
	struct sim_event *e = sim.heap[a];

	sim.heap[a] = sim.heap[b];
	sim.heap[b] = e;
}

static void push(struct sim_event *e)
{
	size_t i = sim.n;

	if (sim.n == sim.max) {
		sim.max = sim.max ? 2 * sim.max : 256;
		sim.heap = mem_realloc(sim.heap, sim.max, sizeof(sim.heap[0]));
	}
	sim.heap[sim.n++] = e;
	for (; i > 0 && before(sim.heap[i], sim.heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static struct sim_event *pop(void)
{
	struct sim_event *e = sim.heap[0];
	size_t i = 0;

	sim.heap[0] = sim.heap[--sim.n];
	for (;;) {
		size_t least = i, l = 2 * i + 1, r = l + 1;

		if (l < sim.n && before(sim.heap[l], sim.heap[least]))
			least = l;
		if (r < sim.n && before(sim.heap[r], sim.heap[least]))
			least = r;
		if (least == i)
			return e;
		swap(i, least);
		i = least;
	}
}

static struct sim_event *add(struct loop *loop, int64_t delay_ns, bool worker, loop_fn *fn, void *arg)
{
	struct sim_event *e = MEM_NEW(struct sim_event);

	e->at = sim.now + (delay_ns > 0 ? delay_ns : 0);
	e->serial = ++sim.serial;
	e->loop = loop;
	e->worker = worker;
	e->fn = fn;
	e->arg = arg;
	push(e);
	return e;
}

struct sim_event *sim_at(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg)
{
	return add(loop, delay_ns, false, fn, arg);
}

struct sim_event *sim_at_worker(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg)
{
	return add(loop, delay_ns, true, fn, arg);
}

void sim_cancel(struct sim_event *e)
{
	if (e)
		e->fn = NULL;
}

/* --- running --- */

/* The next event that was not cancelled and is due by `until`; NULL: none. */
static struct sim_event *due(int64_t until)
{
	while (sim.n > 0) {
		struct sim_event *e = sim.heap[0];

		if (e->fn != NULL && (e->loop == NULL || !e->loop->dead))
			return e->at <= until ? e : NULL;
		free(pop());
	}
	return NULL;
}

static void happen(void)
{
	struct sim_event *e = pop();
	loop_fn *fn = e->fn;
	void *arg = e->arg;

	free(e);
	sim.done++;
	sim.now += EVENT_COST;
	fn(arg);
}

static void watch_for_circles(void)
{
	if (sim.now - sim.spin_from > SIM_S) {
		sim.spin_from = sim.now;
		sim.spin_done = sim.done;
	} else if (sim.done - sim.spin_done > SPIN_EVENTS) {
		fprintf(stderr, "FAIL something turns in circles\n");
		abort();
	}
}

/* Runs one event, and those of the same agent that its turn catches as well. */
static void step(struct sim_event *first)
{
	struct loop *loop = first->loop;
	bool worker = first->worker;
	struct sim_event *next;

	if (first->at > sim.now)
		sim.now = first->at;
	sim.running = loop;
	if (loop != NULL && !worker)
		loop->now_ns = sim.now;
	happen();
	if (loop == NULL || worker) {
		sim.running = NULL;
		return;
	}
	while (!loop->dead && (next = due(sim.now)) != NULL && next->loop == loop && !next->worker &&
	       sim_chance(&sim.luck, BATCH_PERCENT))
		happen();
	if (!loop->dead)
		sim_loop_end_turn(loop);
	sim.running = NULL;
}

static void died(void)
{
	int host = sim.running->host;

	sim.running = NULL;
	sim.on_death(host);
}

void sim_run(int64_t ns)
{
	int64_t until = sim.now + ns;
	struct sim_event *volatile e;
	jmp_buf death;

	sim.death = &death;
	if (setjmp(death) != 0) {
		sim_job_died();
		died();
	}
	while ((e = due(until)) != NULL) {
		step(e);
		watch_for_circles();
	}
	if (sim.now < until)
		sim.now = until;
	sim.death = NULL;
}

void sim_turn(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop *outer = sim.running;

	sim.running = loop;
	loop->now_ns = sim.now;
	fn(arg);
	if (!loop->dead)
		sim_loop_end_turn(loop);
	sim.running = outer;
}

void sim_die_here(void)
{
	longjmp(*sim.death, 1);
}

void sim_on_death(void (*fn)(int host))
{
	sim.on_death = fn;
}

int sim_running_host(void)
{
	return sim.running != NULL ? sim.running->host : -1;
}

struct loop *sim_running_loop(void)
{
	return sim.running;
}

int64_t sim_now(void)
{
	return sim.now;
}

void sim_days_pass(int64_t ns)
{
	sim.slept += ns;
}

uint64_t sim_events(void)
{
	return sim.done;
}

void sim_begin(uint64_t seed)
{
	sim.luck = seed ^ 0x6c75636b;
	sim.product = seed ^ 0x70726f64;
	sim.lanes = (size_t)1 << seed % 5;
	sim.digest = 0xcbf29ce484222325;
}

size_t sim_lanes(void)
{
	return sim.lanes;
}

/* --- the trace --- */

/* The folder of the run has another name each time, so it is left out. */
static void hide_base(char *text)
{
	static const char base[] = "/lanyard-sim-";

	for (char *p = strstr(text, base); p != NULL; p = strstr(p, base)) {
		p += sizeof(base) - 1;
		memset(p, 'X', strnlen(p, 6));
	}
}

void sim_trace(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%8.3f ", (double)sim.now / 1e9);
	va_start(ap, fmt);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	hide_base(text);
	for (const char *p = text; *p != '\0'; p++)
		sim.digest = (sim.digest ^ (uint8_t)*p) * 0x100000001b3;
	if (sim.show)
		fprintf(stderr, "%s\n", text);
}

void sim_trace_show(bool show)
{
	sim.show = show;
}

uint64_t sim_trace_digest(void)
{
	return sim.digest;
}

/* --- base/clock.h --- */

int64_t clock_wall_ns(void)
{
	return WALL_START + sim.now + sim.slept + (sim.running != NULL ? sim.running->skew_ns : 0);
}

int64_t clock_wall_s(void)
{
	return clock_wall_ns() / SIM_S;
}

int64_t clock_mono_ns(void)
{
	return MONO_START + sim.now;
}

void clock_set_wall(int64_t (*fn)(void))
{
	(void)fn;
}

void random_set_seed(uint64_t seed)
{
	sim.product = seed;
}

uint64_t random_u64(void)
{
	return sim_next(&sim.product);
}

void random_bytes(void *out, size_t n)
{
	uint8_t *p = out;

	while (n > 0) {
		uint64_t v = random_u64();
		size_t take = n < sizeof(v) ? n : sizeof(v);

		memcpy(p, &v, take);
		p += take;
		n -= take;
	}
}

uint64_t random_below(uint64_t below)
{
	return random_u64() % below;
}
