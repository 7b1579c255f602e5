/* How fast a link carries BLOCK frames over loopback: two processes, one connection. Prints what passed a second by the
 * wall clock, and by each end's own processor time, which other load on the machine disturbs less.
 *
 * With `sealed`, each is sealed and opened as in a sealed group. Both happen on the loop here, where an agent uses
 * workers.
 *
 * link_bench [BYTES A FRAME [FRAMES [BYTES THAT MAY WAIT [sealed]]]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/tls.h"
#include "sync/seal/wrap.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg_seal.h"

enum { HEAD = 40 };

struct end {
	struct loop *loop;
	struct link *link;
	bool sends;
	size_t frame;    /* bytes of a body */
	size_t room;     /* bytes that may wait before the next frame */
	uint64_t frames; /* in all */
	uint64_t done;   /* sent or received */
	int64_t since_ns;
	uint8_t *noise; /* what is sent, a frame long */
	struct identity *self;
	struct keys *keys; /* NULL: not sealed */
	struct wrap *wrap;
};

static double processor_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static void send_sealed_block(struct end *e)
{
	const struct msg_sealed m = { .counter = MSG_SEALED_BULK | e->done, .type = FRAME_BLOCK };
	const struct msg_block b = { .plain_len = (uint32_t)e->frame, .number = SWARM_AS_ASKED };
	uint8_t front[MSG_SEALED_FRONT], *body = mem_realloc(NULL, e->frame + MSG_SEALED_TAG, 1);
	size_t n;

	msg_sealed_head(front, &m);
	n = MSG_SEALED_HEAD + msg_block_head(front + MSG_SEALED_HEAD, &b);
	memcpy(body, e->noise, e->frame);
	wrap_seal(e->wrap, m.counter, front, n, body, e->frame, body + e->frame);
	link_send(e->link, LINK_BULK, FRAME_SEALED, front, n, body, e->frame + MSG_SEALED_TAG);
}

static void open_sealed_block(const struct end *e, const uint8_t *p, size_t n)
{
	struct msg_sealed m;
	uint8_t *at;

	if (msg_sealed_decode(&m, p, n))
		abort();
	at = (uint8_t *)(uintptr_t)m.sealed.p;
	if (wrap_open(e->wrap, m.counter, p, m.front, at, m.sealed.n, at + m.sealed.n))
		abort();
}

static void fill(struct end *e)
{
	uint8_t head[HEAD] = { 0 };

	for (; e->done < e->frames && e->link->queued_bulk < e->room; e->done++) {
		if (e->wrap)
			send_sealed_block(e);
		else
			link_send(e->link, LINK_BULK, FRAME_BLOCK, head, HEAD, mem_dup(e->noise, e->frame), e->frame);
	}
}

static void report(const struct end *e, const char *which)
{
	double gb = (double)e->frames * (double)e->frame * 1e-9;
	double wall = (double)(clock_mono_ns() - e->since_ns) * 1e-9;

	printf("%s: %.2f GB/s by the wall clock, %.2f GB per second of processor time\n", which, gb / wall,
	       gb / processor_seconds());
	(void)fflush(stdout);
}

static void finish(struct end *e)
{
	link_close(e->link);
	e->link = NULL;
	loop_stop(e->loop);
}

static void on_frame(void *arg, uint8_t type, const uint8_t *p, size_t n)
{
	struct end *e = arg;

	if (type == FRAME_SEALED)
		open_sealed_block(e, p, n);
	if (e->sends) {
		report(e, "sender  ");
		finish(e);
	} else if (++e->done == e->frames) {
		report(e, "receiver");
		link_send(e->link, LINK_CONTROL, FRAME_BYE, NULL, 0, NULL, 0);
	}
}

static void on_drained(void *arg)
{
	fill(arg);
}

static void on_down(void *arg, const char *reason)
{
	struct end *e = arg;

	if (e->done < e->frames)
		(void)fprintf(stderr, "link_bench: %s\n", reason);
	finish(e);
}

static const struct link_events link_events = { on_frame, on_drained, on_down };

static void on_up(void *arg, struct link *l, void *dial_arg)
{
	struct end *e = arg;

	(void)dial_arg;
	e->link = l;
	e->since_ns = clock_mono_ns();
	l->trusted = true;
	if (e->keys)
		e->wrap = wrap_new(e->keys, l->binding, identity_id(e->self), &l->peer);
	link_room(l, e->room);
	link_listen(l, &link_events, e);
	if (e->sends)
		fill(e);
}

static void on_failed(void *arg, void *dial_arg, const char *address, const char *reason, bool refused)
{
	struct end *e = arg;

	(void)dial_arg;
	(void)refused;
	(void)fprintf(stderr, "link_bench: %s: %s\n", address, reason);
	loop_stop(e->loop);
}

static const struct tls_events tls_events = { on_up, on_failed };

/* port: a pipe that tells the sender where the receiver listens. */
static int run(struct end *e, const int port[2])
{
	struct identity *self = identity_new();
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct tls *t;
	char *why = NULL;
	int number = -1;

	e->self = self;
	e->loop = loop_new();
	t = tls_new(e->loop, self, &tls_events, e, &why);
	if (e->sends) {
		e->noise = mem_calloc(1, e->frame);
		random_bytes(e->noise, e->frame);
		if (read(port[0], &number, sizeof(number)) != sizeof(number))
			return 1;
		in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in4.sin_port = htons((uint16_t)number);
		tls_dial(t, (const struct sockaddr *)&in4, sizeof(in4), 5000, NULL);
	} else {
		number = tls_listen(t, "127.0.0.1:0", &why);
		if (write(port[1], &number, sizeof(number)) != sizeof(number))
			return 1;
	}
	loop_run(e->loop);
	tls_free(t);
	identity_free(self);
	loop_free(e->loop);
	free(e->noise);
	wrap_free(e->wrap);
	return e->done == e->frames ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct end e = { .frame = argc > 1 ? strtoul(argv[1], NULL, 10) : 1 << 20, .room = 4 << 20 };
	int port[2], rc, status = 1;
	pid_t receiver;

	e.frames = argc > 2 ? strtoull(argv[2], NULL, 10) : (4ULL << 30) / (e.frame + 1) + 1;
	if (argc > 3)
		e.room = strtoul(argv[3], NULL, 10);
	if (argc > 4 && strcmp(argv[4], "sealed") == 0)
		e.keys = keys_new(&(struct group_id){ { 1 } }, &(struct keys_about){ .id = 1, .suite = KEYS_SUITE },
		                  (const uint8_t[KEYS_SECRET_LEN]){ 2 });
	if (e.frame > BLOCK_MAX || pipe(port) != 0)
		return 2;
	receiver = fork();
	if (receiver < 0)
		return 2;
	e.sends = receiver != 0;
	rc = run(&e, port);
	if (e.sends) {
		waitpid(receiver, &status, 0);
		rc |= status != 0;
	}
	return rc;
}
