/* Stands in for sync/peer/tls.c: links of memory between the simulated hosts. Frames of a lane arrive in order,
 * after a delay, control before bulk; a partition holds them up, a cut or a crash lets some of them arrive and
 * loses the rest, so that a frame may be lost in its middle. Host n has the address 10.0.0.(n+1) and the port 7000
 * + n. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/tls.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg.h"
#include "tests/sim/forger.h"
#include "tests/sim/host.h"
#include "tests/sim/sim_internal.h"
#include "tests/sim/tally.h"
#include "tests/sim/vaults.h"

enum {
	PORT = 7000,
	LATENCY_MIN_US = 100,
	LATENCY_MAX_US = 4000,
	SLOW_PERCENT = 3,
	SLOW_MAX_MS = 900,
	NS_PER_BYTE = 20, /* 50 MB/s */
	STALL_MS = 100,
	UNREACHED_MS = 3000,
};

struct packet {
	struct packet *prev, *next;
	uint64_t serial; /* of all that were ever sent */
	uint8_t type;
	uint8_t *payload; /* NULL: taken */
	size_t n;
	bool late; /* it may come although nothing happened */
};

struct end {
	struct link link; /* first */
	struct end *other;
	struct loop *loop;
	int host;
	struct packet *out[2];  /* by lane: sent and not yet arrived */
	struct sim_event *pump; /* brings the next frame of `out` to the other end; NULL: there is none */
	bool out_ended;         /* after the frames in `out` comes the end */
	bool bulk_high, control_high;
	bool listening, closed, told_down;
	uint64_t counter;        /* of SEALED frames: the least that may come next */
	struct packet *arriving; /* the owner has it */
};

struct tls {
	struct loop *loop;
	int host;
	const struct tls_events *events;
	void *arg;
	bool listening;
	struct attempt *attempts;
	struct agent_id self;
};

struct attempt {
	struct attempt *prev, *next;
	struct tls *tls;
	void *dial_arg;
	int target;
	struct sim_event *due;
};

uint64_t sim_wire_blocks[SIM_HOSTS];
static struct tls *hosts[SIM_HOSTS];
static bool muted[SIM_HOSTS];
static int64_t silent_until[SIM_HOSTS];
static bool walled[SIM_HOSTS][SIM_HOSTS];
static struct end **ends; /* all links that ever were */
static size_t nends;
static uint64_t talk, sent;
static uint64_t latest[SIM_HOSTS]; /* the greatest serial that arrived there */
static struct sim_wire_peaks peaks;

struct sim_wire_peaks sim_wire_peaks(void)
{
	return peaks;
}

void sim_wire_reach(int a, int b, bool reachable)
{
	walled[a][b] = walled[b][a] = !reachable;
}

bool sim_wire_reachable(int a, int b)
{
	return !walled[a][b];
}

void sim_wire_mute(int host, bool mute)
{
	muted[host] = mute;
}

void sim_wire_silence(int host, int64_t ns)
{
	silent_until[host] = sim_now() + ns;
}

uint64_t sim_wire_talk(void)
{
	return talk;
}

static int64_t latency(void)
{
	uint64_t *luck = sim_luck();

	if (sim_chance(luck, SLOW_PERCENT))
		return (int64_t)sim_below(luck, SLOW_MAX_MS) * SIM_MS;
	return (LATENCY_MIN_US + (int64_t)sim_below(luck, LATENCY_MAX_US)) * SIM_US;
}

static void packet_free(struct packet *p)
{
	free(p->payload);
	free(p);
}

/* --- one end --- */

static bool alive(const struct end *e)
{
	return !e->closed && !e->told_down && !sim_loop_dead(e->loop);
}

static void go_down(struct end *e, const char *reason)
{
	if (!alive(e))
		return;
	e->told_down = true;
	e->link.events->down(e->link.arg, reason);
}

static void deliver(struct end *to, struct packet *p)
{
	to->link.bytes_in += p->n + FRAME_HEADER;
	to->link.last_in_ms = loop_now_ms(to->loop);
	if (!to->link.trusted && p->n > FRAME_MAX_BEFORE_HELLO) {
		go_down(to, "it sent a long frame before it had proved membership");
		return;
	}
	if (p->type != FRAME_PING && p->type != FRAME_PONG && !p->late && !muted[to->host] && !muted[to->other->host])
		talk++;
	if (p->serial < latest[to->host])
		tally_add(TALLY_OVERTAKEN);
	else
		latest[to->host] = p->serial;
	if (p->type == FRAME_BLOCK)
		sim_wire_blocks[to->host]++;
	sim_trace("%d > %d frame %u, %zu bytes", to->other->host, to->host, p->type, p->n);
	to->arriving = p;
	to->link.events->frame(to->link.arg, p->type, p->payload, p->n);
	to->arriving = NULL;
}

static void drained(void *arg)
{
	struct end *e = arg;

	if (alive(e))
		e->link.events->drained(e->link.arg);
}

static void took_off(struct end *from, int lane, size_t n)
{
	bool bulk, control;

	if (lane == LINK_CONTROL)
		from->link.queued_control -= n;
	else
		from->link.queued_bulk -= n;
	bulk = from->bulk_high && from->link.queued_bulk < from->link.bulk_low;
	control = from->control_high && from->link.queued_control < LINK_CONTROL_LOW;
	from->link.last_out_ms = loop_now_ms(from->loop);
	from->bulk_high &= !bulk;
	from->control_high &= !control;
	if ((bulk || control) && alive(from))
		sim_at(from->loop, 0, drained, from);
}

static void pump(void *arg);

/* Runs in a turn of the receiver. */
static void pump_later(struct end *from, int64_t ns)
{
	if (from->pump == NULL && (from->out[0] != NULL || from->out[1] != NULL || from->out_ended))
		from->pump = sim_at(from->other->loop, ns, pump, from);
}

/* One frame at a time, control before bulk; its bytes take their time before the next one. Behind a partition, or
 * before the other end listens, frames wait. */
static void pump(void *arg)
{
	struct end *from = arg, *to = from->other;
	int lane = from->out[LINK_CONTROL] != NULL ? LINK_CONTROL : LINK_BULK;
	struct packet *p = from->out[lane];

	from->pump = NULL;
	if (walled[from->host][to->host])
		tally_add(TALLY_PARTITIONED);
	if (walled[from->host][to->host] || (!to->listening && !to->closed)) {
		pump_later(from, STALL_MS * SIM_MS);
		return;
	}
	if (p == NULL) {
		if (from->out_ended)
			go_down(to, "closed by the other side");
		return;
	}
	DL_DELETE(from->out[lane], p);
	took_off(from, lane, p->n + FRAME_HEADER);
	pump_later(from, (int64_t)p->n * NS_PER_BYTE);
	if (alive(to))
		deliver(to, p);
	packet_free(p);
}

/* The limits are those of the product's link; what may fail here fails there. */
static int end_send(struct link *link, enum link_lane lane, uint8_t type, const void *head, size_t head_n,
                    uint8_t *body, size_t body_n)
{
	struct end *e = (struct end *)link;
	size_t n, total;
	struct packet *p;

	if ((type == FRAME_LIST || type == FRAME_BLOCK) && sim_now() < silent_until[e->host]) {
		tally_add(TALLY_UNANSWERED);
		free(body);
		return 0;
	}
	host_sends(e->host, e->other->host, type);
	if (head_n == 0)
		body = forger_frame(e->host, type, host_knows_reader(e->other->host, e->host), body, &body_n);
	vaults_hear(e->host, e->other->host, type, head, head_n, body, body_n, &e->counter);
	n = head_n + body_n;
	total = n + FRAME_HEADER;
	if (n > frame_max(type) || (lane == LINK_CONTROL && link->queued_control + total > LINK_CONTROL_MAX)) {
		free(body);
		return -1;
	}
	p = MEM_NEW(struct packet);
	p->late = tally_frame(type, head, head_n, body, body_n);
	p->serial = ++sent;
	p->type = type;
	p->n = n;
	p->payload = mem_calloc(n + 1, 1);
	if (head_n > 0)
		memcpy(p->payload, head, head_n);
	if (body_n > 0)
		memcpy(p->payload + head_n, body, body_n);
	free(body);
	DL_APPEND(e->out[lane], p);
	if (link->queued_control + link->queued_bulk == 0)
		link->last_out_ms = loop_now_ms(e->loop);
	link->bytes_out += total;
	if (lane == LINK_CONTROL)
		link->queued_control += total;
	else
		link->queued_bulk += total;
	e->bulk_high |= link->queued_bulk >= link->bulk_low;
	e->control_high |= link->queued_control >= LINK_CONTROL_LOW;
	if (link->queued_control > peaks.control)
		peaks.control = link->queued_control;
	if (link->queued_bulk > peaks.bulk)
		peaks.bulk = link->queued_bulk;
	pump_later(e, latency() + (int64_t)n * NS_PER_BYTE);
	return 0;
}

static void *end_take(struct link *link)
{
	struct end *e = (struct end *)link;
	void *payload;

	if (e->arriving == NULL || e->arriving->n < LINK_TAKE_MIN)
		return NULL;
	payload = e->arriving->payload;
	e->arriving->payload = NULL;
	return payload;
}

static void end_listen(struct link *link)
{
	((struct end *)link)->listening = true;
}

/* Of the frames that were sent and have not arrived, all except the first `keep` get lost; then comes the end. */
static void cut_off(struct end *e, size_t keep)
{
	for (int lane = 0; lane < 2; lane++) {
		struct packet *p, *next;
		size_t n = 0;

		DL_FOREACH_SAFE(e->out[lane], p, next) {
			if (n++ < keep)
				continue;
			DL_DELETE(e->out[lane], p);
			packet_free(p);
			tally_add(TALLY_MID_FRAME);
		}
	}
	e->out_ended = true;
	pump_later(e, latency());
}

static void end_close(struct link *link)
{
	struct end *e = (struct end *)link;

	e->closed = true;
	cut_off(e, SIZE_MAX);
}

static void end_room(struct link *link)
{
	((struct end *)link)->bulk_high |= link->queued_bulk >= link->bulk_low;
}

static const struct link_ops end_ops = {
	.room = end_room,
	.send = end_send,
	.close = end_close,
	.take = end_take,
	.listen = end_listen,
};

static struct end *end_new(const struct tls *at, const struct tls *peer, bool dialed)
{
	struct end *e = MEM_NEW(struct end);

	e->loop = at->loop;
	e->host = at->host;
	e->link.ops = &end_ops;
	e->link.bulk_low = LINK_BULK_LOW;
	e->link.peer = peer->self;
	e->link.dialed = dialed;
	e->link.last_in_ms = loop_now_ms(at->loop);
	(void)snprintf(e->link.address, sizeof(e->link.address), "10.0.0.%d:%d", peer->host + 1,
	               dialed ? PORT + peer->host : 40000 + peer->host);
	ends = mem_realloc(ends, nends + 1, sizeof(ends[0]));
	ends[nends++] = e;
	return e;
}

/* --- cuts and crashes --- */

static void lose(struct end *e)
{
	if (e->out_ended)
		return;
	cut_off(e, sim_below(sim_luck(), 4));
}

void sim_wire_cut(int a, int b)
{
	for (size_t i = 0; i < nends; i++)
		if ((ends[i]->host == a && ends[i]->other->host == b) ||
		    (ends[i]->host == b && ends[i]->other->host == a))
			lose(ends[i]);
}

void sim_wire_crash(int host, bool silent)
{
	for (size_t i = 0; i < nends; i++) {
		struct end *e = ends[i];

		if (e->host != host || e->out_ended)
			continue;
		lose(e);
		if (silent)
			e->out_ended = false;
	}
	hosts[host] = NULL;
}

/* --- dialling --- */

struct tls *tls_new(struct loop *loop, const struct identity *self, const struct tls_events *events, void *arg,
                    char **why)
{
	struct tls *t = MEM_NEW(struct tls);

	(void)why;
	t->loop = loop;
	t->host = sim_loop_host(loop);
	t->events = events;
	t->arg = arg;
	t->self = *identity_id(self);
	hosts[t->host] = t;
	return t;
}

void tls_free(struct tls *t)
{
	struct attempt *a, *next;

	if (t == NULL)
		return;
	DL_FOREACH_SAFE(t->attempts, a, next) {
		sim_cancel(a->due);
		free(a);
	}
	if (hosts[t->host] == t)
		hosts[t->host] = NULL;
	free(t);
}

int tls_listen(struct tls *t, const char *where, char **why)
{
	(void)where;
	(void)why;
	t->listening = true;
	return PORT + t->host;
}

static void accepted(void *arg)
{
	struct end *e = arg;
	struct tls *t = hosts[e->host];

	if (t == NULL || t->loop != e->loop || e->closed)
		return;
	t->events->up(t->arg, &e->link, NULL);
}

/* The dialling end is up at once, the other one a latency later. */
static void dialed(void *arg)
{
	struct attempt *a = arg;
	struct tls *t = a->tls, *target = hosts[a->target];
	void *dial_arg = a->dial_arg;
	struct end *here, *there;
	char address[64];

	DL_DELETE(t->attempts, a);
	(void)snprintf(address, sizeof(address), "10.0.0.%d:%d", a->target + 1, PORT + a->target);
	if (walled[t->host][a->target] || target == NULL || !target->listening || target == t) {
		free(a);
		t->events->failed(t->arg, dial_arg, address, "not reachable", false);
		return;
	}
	free(a);
	here = end_new(t, target, true);
	there = end_new(target, t, false);
	here->other = there;
	there->other = here;
	for (size_t i = 0; i < sizeof(here->link.binding); i++)
		here->link.binding[i] = there->link.binding[i] = (uint8_t)sim_next(sim_luck());
	sim_trace("%d reaches %d", t->host, target->host);
	sim_at(there->loop, latency(), accepted, there);
	t->events->up(t->arg, &here->link, dial_arg);
}

int tls_dial(struct tls *t, const struct sockaddr *addr, socklen_t addr_len, int connect_ms, void *dial_arg)
{
	const struct sockaddr_in *in = (const void *)addr;
	int target = (int)(ntohl(in->sin_addr.s_addr) & 0xff) - 1;
	struct attempt *a;

	(void)addr_len;
	(void)connect_ms;
	if (addr->sa_family != AF_INET || target < 0 || target >= SIM_HOSTS) {
		errno = EHOSTUNREACH;
		return -1;
	}
	a = MEM_NEW(struct attempt);
	a->tls = t;
	a->dial_arg = dial_arg;
	a->target = target;
	DL_APPEND(t->attempts, a);
	a->due = sim_at(t->loop, walled[t->host][target] ? UNREACHED_MS * SIM_MS : latency(), dialed, a);
	return 0;
}

bool tls_dial_cancel(struct tls *t, const void *dial_arg)
{
	struct attempt *a;

	DL_FOREACH(t->attempts, a) {
		if (a->dial_arg == dial_arg) {
			DL_DELETE(t->attempts, a);
			sim_cancel(a->due);
			free(a);
			return true;
		}
	}
	return false;
}
