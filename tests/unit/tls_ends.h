/* Shared by the tests of TLS: two agents over loopback in one loop, and everything that each of them received. */
#ifndef LANYARD_TESTS_UNIT_TLS_ENDS_H
#define LANYARD_TESTS_UNIT_TLS_ENDS_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/peer/tls.h"
#include "sync/wire/frame.h"
#include "tests/unit/patience.h"

enum { MAX_LINKS = 8, KEPT_FRAMES = 256, MAX_FAILURES = 80, MAX_TAKEN = 64 };

/* One agent, and everything that it received. */
struct end {
	struct loop *loop;
	struct identity *self;
	struct tls *tls;
	int port;
	struct link *links[MAX_LINKS]; /* by order of arrival; NULL again when gone */
	int nlinks;
	int nfailed;
	char reasons[MAX_FAILURES][160];
	bool refused[MAX_FAILURES];
	void *failed_arg;

	int nframes;
	uint8_t types[KEPT_FRAMES]; /* of the first frames */
	uint64_t payload_bytes;
	uint64_t bad_bytes; /* of BLOCK payloads, against pattern() */
	int blocks, blocks_at_ping;
	uint8_t *last; /* payload of the last frame */
	size_t last_n;
	int ndrained, ndown;
	char down_reason[160];
	bool answers_pings, closes_in_frame, closes_in_up, trusts;
	bool takes; /* large payloads, with their allocations */
	struct slab taken[MAX_TAKEN];
	int ntaken;
};

static inline uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 167 + (i >> 9));
}

static inline void forget(struct end *e, struct link *l)
{
	for (int i = 0; i < MAX_LINKS; i++) {
		if (e->links[i] == l)
			e->links[i] = NULL;
	}
	link_close(l);
}

static inline void on_frame(void *arg, uint8_t type, const uint8_t *p, size_t n)
{
	struct end *e = arg;

	if (e->nframes < KEPT_FRAMES)
		e->types[e->nframes] = type;
	e->nframes++;
	e->payload_bytes += n;
	free(e->last);
	e->last = mem_dup(p, n);
	e->last_n = n;
	if (type == FRAME_BLOCK) {
		void *base = e->takes && e->ntaken < MAX_TAKEN ? link_take(e->links[0]) : NULL;

		e->blocks++;
		for (size_t i = 0; i < n; i += 61)
			e->bad_bytes += p[i] != pattern(i);
		if (base != NULL)
			e->taken[e->ntaken++] =
				(struct slab){ .p = (uint8_t *)base + (p - (uint8_t *)base), .n = n, .base = base };
	}
	if (type == FRAME_PING) {
		e->blocks_at_ping = e->blocks;
		if (e->answers_pings)
			link_send(e->links[0], LINK_CONTROL, FRAME_PONG, p, n, NULL, 0);
	}
	if (e->closes_in_frame)
		forget(e, e->links[0]);
}

static inline void on_drained(void *arg)
{
	struct end *e = arg;

	e->ndrained++;
}

static inline void on_down(void *arg, const char *reason)
{
	struct end *e = arg;

	e->ndown++;
	snprintf(e->down_reason, sizeof(e->down_reason), "%s", reason);
	forget(e, e->links[0]);
}

static const struct link_events link_events = { on_frame, on_drained, on_down };

static inline void on_up(void *arg, struct link *l, void *dial_arg)
{
	struct end *e = arg;

	assert_true(l->dialed == (dial_arg != NULL));
	assert_true(e->nlinks < MAX_LINKS);
	e->links[e->nlinks++] = l;
	if (e->closes_in_up) {
		forget(e, l);
		return;
	}
	l->trusted = e->trusts;
	link_listen(l, &link_events, e);
}

static inline void on_failed(void *arg, void *dial_arg, const char *address, const char *reason, bool refused)
{
	struct end *e = arg;

	assert_non_null(address);
	assert_true(e->nfailed < MAX_FAILURES);
	e->failed_arg = dial_arg;
	e->refused[e->nfailed] = refused;
	snprintf(e->reasons[e->nfailed++], sizeof(e->reasons[0]), "%s", reason);
}

static const struct tls_events tls_events = { on_up, on_failed };

static inline void end_open(struct end *e, struct loop *loop)
{
	char *why = NULL;

	memset(e, 0, sizeof(*e));
	e->loop = loop;
	e->trusts = true;
	e->self = identity_new();
	e->tls = tls_new(loop, e->self, &tls_events, e, &why);
	assert_non_null(e->tls);
	e->port = tls_listen(e->tls, "127.0.0.1:0", &why);
	assert_true(e->port > 0);
}

static inline void end_close(struct end *e)
{
	for (int i = 0; i < MAX_LINKS; i++) {
		if (e->links[i] != NULL)
			forget(e, e->links[i]);
	}
	tls_free(e->tls);
	identity_free(e->self);
	free(e->last);
}

struct fixture {
	struct loop *loop;
	struct end a, b;
	bool late;
};

static inline int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->loop = loop_new();
	end_open(&f->a, f->loop);
	end_open(&f->b, f->loop);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	end_close(&f->a);
	end_close(&f->b);
	loop_free(f->loop);
	free(f);
	return 0;
}

static inline void on_late(void *arg)
{
	bool *late = arg;

	*late = true;
}

/* Turns the loop until `done` is true. */
#define RUN_UNTIL(f, done)                                                                 \
	do {                                                                               \
		struct loop_timer *guard = loop_timer_new((f)->loop, on_late, &(f)->late); \
		loop_timer_start(guard, PATIENCE_MS, 0);                                   \
		while (!(done) && !(f)->late)                                              \
			loop_turn((f)->loop, true);                                        \
		loop_timer_free(guard);                                                    \
		assert_false((f)->late);                                                   \
	} while (0)

static inline void on_tick(void *arg)
{
	int *ticks = arg;

	(*ticks)++;
}

/* Turns the loop for a while: for what must not happen. */
static inline void run_for(struct fixture *f, int ms)
{
	int ticks = 0;
	struct loop_timer *t = loop_timer_new(f->loop, on_tick, &ticks);

	loop_timer_start(t, ms, 0);
	while (ticks == 0)
		loop_turn(f->loop, true);
	loop_timer_free(t);
}

static inline void dial(struct end *from, int port)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(tls_dial(from->tls, (const struct sockaddr *)&in4, sizeof(in4), 5000, from), 0);
}

static inline void join(struct fixture *f)
{
	dial(&f->a, f->b.port);
	RUN_UNTIL(f, f->a.nlinks == 1 && f->b.nlinks == 1);
}

static inline uint8_t *make_body(size_t n)
{
	uint8_t *p = mem_realloc(NULL, n, 1);

	for (size_t i = 0; i < n; i++)
		p[i] = pattern(i);
	return p;
}

/* A plain TCP connection to loopback. */
static inline int connect_to(int port)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (const struct sockaddr *)&in4, sizeof(in4)) < 0)
		abort();
	return fd;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
