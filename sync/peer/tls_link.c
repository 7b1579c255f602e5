/* A link over TLS: frames out of two queues into SSL_write, and out of SSL_read into the owner's hands. Bodies of large
 * frames are never copied on the way out, and once (by OpenSSL) on the way in. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/rate.h"
#include "sync/peer/tls_internal.h"
#include "sync/wire/codec.h"
#include "sync/wire/frame.h"

enum {
	RECORD = 16 << 10,        /* plain bytes of one TLS record */
	RX_FIRST = LINK_TAKE_MIN, /* the receive buffer until a longer frame is announced */
	TURN_READ = 1 << 20,      /* bytes read in one turn, so that other links and timers get theirs */
	TURN_WRITE = 2 << 20,     /* bytes written in one turn */
	TURN_NS = 5000000,     /* time that frames are handed on in one turn: what they cost, the other side chooses */
	QUIET_TURNS = 16,      /* turns without a large frame after which the receive buffer is given back */
	RX_LIMITED = 64 << 10, /* what the kernel may receive ahead of a limit, or a quarter of a second's worth */
	LAST_WORDS = 8 << 20,  /* bytes written, and bytes thrown away unread, when the link closes */
	/* What a frame unpacks to beyond so many times its size is paid for from a store that fills again with time: few
	 * bytes sent must not be much work. */
	UNPACK_FREE = 16,
	UNPACK_STORE = 8 << 20, /* above FRAME_MAX_CONTROL, so that any frame is unpacked some time */
	UNPACK_A_MS = 16 << 10,
};

struct tls_link {
	struct link link; /* first: the part that users see */
	struct loop *loop;
	int fd;   /* owned */
	SSL *ssl; /* owned */
	struct loop_io *io;
	struct loop_timer *again; /* reads on in the next turn: SSL holds bytes that no poll tells of */

	struct tls_queue queue;
	bool bulk_high;     /* queued_bulk was at LINK_BULK_LOW or above, and `drained` is owed */
	bool control_high;  /* queued_control and LINK_CONTROL_LOW, likewise */
	bool write_blocked; /* SSL wants to read before it writes on */
	size_t tried;       /* bytes of an SSL_write that has to be said again, with as many at least; 0: none */
	struct rate_wait may_write, may_read;
	bool rx_narrow; /* the kernel was told to receive less ahead */

	uint8_t *rx; /* received, not yet handed on; NULL while idle */
	size_t rx_n, rx_cap;
	bool rx_takeable; /* the frame being handed on is large, and all there is in rx */
	int quiet_turns;
	bool resting;         /* whole frames are left in rx for `again`, and nothing is read meanwhile */
	int64_t turn_ends_ns; /* when no more frames are handed on in this turn */
	int64_t unpack_room;  /* bytes in the store */
	int64_t unpack_ms;    /* when it was last filled */

	bool listening;
	bool in_turn;  /* on_ready runs, and will say at its end what to wait for */
	bool in_event; /* the owner's code runs; freeing must wait */
	bool is_down;  /* `down` was told */
	bool closed;
};

static void link_free(struct tls_link *l)
{
	free(l->rx);
	free(l);
}

/* Ends an event. False when the owner closed the link inside it: l is gone. */
static bool event_end(struct tls_link *l)
{
	l->in_event = false;
	if (!l->closed)
		return true;
	link_free(l);
	return false;
}

/* The end of every failed link. l may be gone afterwards. Always false, for the callers' convenience. */
static bool drop(struct tls_link *l, const char *reason)
{
	l->is_down = true;
	loop_io_want(l->io, 0);
	loop_timer_stop(l->again);
	rate_leave(l->link.rate_out, &l->may_write);
	rate_leave(l->link.rate_in, &l->may_read);
	l->in_event = true;
	l->link.events->down(l->link.arg, reason);
	event_end(l);
	return false;
}

static void want(struct tls_link *l)
{
	bool waiting;

	if (!l->listening || l->in_turn || l->is_down || l->closed)
		return;
	waiting = (!tls_queue_empty(&l->queue) && !l->may_write.waiting) || tls_wire_waits(SSL_get_wbio(l->ssl));
	loop_io_want(l->io, (l->may_read.waiting || l->resting ? 0 : LOOP_READ) |
	                            (waiting && !l->write_blocked ? LOOP_WRITE : 0));
}

/* --- sending --- */

static int tls_link_send(struct link *link, enum link_lane lane, uint8_t type, const void *head, size_t head_n,
                         uint8_t *body, size_t body_n)
{
	struct tls_link *l = (struct tls_link *)link;
	struct tls_payload payload = { .head = head, .head_n = head_n, .body = body, .body_n = body_n };
	size_t *queued = lane == LINK_CONTROL ? &link->queued_control : &link->queued_bulk;
	size_t most = lane == LINK_CONTROL ? LINK_CONTROL_MAX - link->queued_control : SIZE_MAX;
	size_t total;

	if (head_n > frame_max(type) || body_n > frame_max(type) - head_n) {
		log_error("link: a frame of type %u is too long to send: %zu bytes", type, head_n + body_n);
		free(body);
		return -1;
	}
	total = tls_queue_add(&l->queue, lane, type, &payload, most);
	if (total == 0)
		return -1;
	if (link->queued_control + link->queued_bulk == 0)
		link->last_out_ms = loop_now_ms(l->loop);
	*queued += total;
	link->bytes_out += total;
	l->bulk_high |= link->queued_bulk >= LINK_BULK_LOW;
	l->control_high |= link->queued_control >= LINK_CONTROL_LOW;
	want(l);
	return 0;
}

/* Of n bytes, how many to write at a time: what SSL_write could not write last time must be there again. */
static size_t limit_piece(const struct tls_link *l, size_t n)
{
	size_t piece = rate_piece(l->link.rate_out);

	piece = piece > l->tried ? piece : l->tried;
	return n < piece ? n : piece;
}

/* Writes until all is written, the socket is full, `most` bytes are out, or (limited) the rate's limit is reached. False,
 * with *rc as SSL_write left it, when the link is broken. */
static bool write_queued(struct tls_link *l, size_t most, bool limited, int *rc)
{
	struct rate *rate = l->link.rate_out;
	const uint8_t *p;
	size_t n, room = 0;

	l->write_blocked = false;
	while (most > 0 && !tls_queue_empty(&l->queue)) {
		bool slow = limited && rate_limits(rate);

		/* Asked for before a frame begins: while we wait, control may still go first. */
		if (slow && room == 0 && (room = rate_room(rate, &l->may_write)) == 0)
			return true;
		p = tls_queue_next(&l->queue, &n);
		if (slow)
			n = limit_piece(l, n);
		l->tried = n;
		ERR_clear_error();
		errno = 0;
		*rc = SSL_write_ex(l->ssl, p, n, &n);
		if (*rc != 1) {
			int error = SSL_get_error(l->ssl, *rc);

			l->write_blocked = error == SSL_ERROR_WANT_READ;
			return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
		}
		l->tried = 0;
		l->link.last_out_ms = loop_now_ms(l->loop);
		rate_take(rate, n);
		room = n < room ? room - n : 0;
		if (tls_queue_wrote(&l->queue, n) == LINK_CONTROL)
			l->link.queued_control -= n;
		else
			l->link.queued_bulk -= n;
		most = n < most ? most - n : 0;
	}
	return true;
}

/* Whether one of the queues fell below its mark. */
static bool has_drained(struct tls_link *l)
{
	bool bulk = l->bulk_high && l->link.queued_bulk < LINK_BULK_LOW;
	bool control = l->control_high && l->link.queued_control < LINK_CONTROL_LOW;

	l->bulk_high &= !bulk;
	l->control_high &= !control;
	return bulk || control;
}

/* False when l is gone or down. */
static bool flush(struct tls_link *l)
{
	char reason[TLS_REASON_MAX];
	int rc = 1;

	if (!write_queued(l, TURN_WRITE, true, &rc)) {
		tls_context_reason(l->ssl, rc, reason);
		return drop(l, reason);
	}
	if (tls_wire_flush(SSL_get_wbio(l->ssl)) < 0)
		return drop(l, strerror(errno));
	l->in_turn = false;
	want(l);
	if (!has_drained(l))
		return true;
	l->in_event = true;
	l->link.events->drained(l->link.arg);
	return event_end(l);
}

/* --- receiving --- */

/* How long the frame has to wait until it may be unpacked; 0: it may, and is paid for. */
static int64_t unpack_wait(struct tls_link *l, const struct frame *f, const uint8_t *payload)
{
	int64_t now = loop_now_ms(l->loop), free_of_charge = (int64_t)f->len * UNPACK_FREE, cost;

	if (f->flags == 0 || f->len < CODEC_PREFIX || get_u32(payload) > frame_max(f->type))
		return 0;
	cost = (int64_t)get_u32(payload) - free_of_charge;
	if (cost <= 0)
		return 0;
	l->unpack_room += (now - l->unpack_ms) * UNPACK_A_MS;
	if (l->unpack_room > UNPACK_STORE)
		l->unpack_room = UNPACK_STORE;
	l->unpack_ms = now;
	if (cost > l->unpack_room)
		return (cost - l->unpack_room) / UNPACK_A_MS + 1;
	l->unpack_room -= cost;
	return 0;
}

static void rest(struct tls_link *l, int64_t ms)
{
	l->resting = true;
	loop_timer_start(l->again, ms, 0);
}

/* Hands one frame on. False when l is gone or down. */
static bool deliver(struct tls_link *l, const struct frame *f, const uint8_t *payload, uint32_t limit)
{
	size_t max = limit != 0 ? limit : frame_max(f->type);
	size_t n = f->len;
	uint8_t *plain = NULL;

	if ((f->flags & ~FRAME_FLAG_ZSTD) != 0 || (f->flags != 0 && f->type == FRAME_BLOCK))
		return drop(l, "it sent a frame with unknown flags");
	if (f->flags != 0 && !frame_known(f->type))
		return true; /* skipped as well when it is unpacked */
	if (f->flags != 0) {
		plain = codec_decompress(payload, n, max, &n);
		if (plain == NULL)
			return drop(l, "it sent a frame whose compression is damaged");
	}
	l->link.last_in_ms = loop_now_ms(l->loop);
	l->rx_takeable = plain == NULL && n >= LINK_TAKE_MIN && payload + n == l->rx + l->rx_n;
	l->in_event = true;
	l->link.events->frame(l->link.arg, f->type, plain != NULL ? plain : payload, n);
	l->rx_takeable = false;
	free(plain);
	return event_end(l);
}

static void *tls_link_take(struct link *link)
{
	struct tls_link *l = (struct tls_link *)link;
	void *base = l->rx;

	if (!l->rx_takeable)
		return NULL;
	l->rx_takeable = false;
	l->rx = NULL;
	l->rx_n = l->rx_cap = 0;
	return base;
}

/* Hands on the whole frames in the buffer, as far as the turn's time goes, and moves the rest to its start. On return *missing says
 * how many bytes the frame at the start still lacks, 0 when its header is not whole. False when l is gone or down. */
static bool deliver_all(struct tls_link *l, size_t *missing)
{
	struct frame f;
	size_t at = 0, whole;
	int64_t wait;

	l->resting = false;
	for (;;) {
		uint32_t limit = l->link.trusted ? 0 : FRAME_MAX_BEFORE_HELLO;
		enum frame_status status = frame_read(&f, l->rx + at, l->rx_n - at, limit);

		if (status == FRAME_TOO_LONG)
			return drop(l, limit != 0 ? "it sent a long frame before it had proved membership"
			                          : "it sent a frame that exceeds the maximum length");
		if (status == FRAME_PART)
			break;
		wait = unpack_wait(l, &f, l->rx + at + FRAME_HEADER);
		if (wait > 0 || (at > 0 && clock_mono_ns() >= l->turn_ends_ns)) {
			rest(l, wait);
			break;
		}
		if (f.len > RX_FIRST)
			l->quiet_turns = 0;
		if (!deliver(l, &f, l->rx + at + FRAME_HEADER, limit))
			return false;
		if (l->rx == NULL) { /* taken, and it was the last */
			*missing = 0;
			return true;
		}
		at += FRAME_HEADER + f.len;
	}
	l->rx_n -= at;
	if (at > 0 && l->rx_n > 0)
		memmove(l->rx, l->rx + at, l->rx_n);
	whole = l->rx_n >= FRAME_HEADER ? FRAME_HEADER + (size_t)f.len : 0;
	*missing = whole > l->rx_n ? whole - l->rx_n : 0;
	return true;
}

/* Makes room and says how much to read: all there is, but of a large frame not more than its end, so that the next one
 * starts at the buffer's start and nothing has to be moved. */
static size_t rx_room(struct tls_link *l, size_t missing)
{
	size_t cap = l->rx_cap;

	if (cap < RX_FIRST)
		cap = RX_FIRST;
	if (missing > cap - l->rx_n)
		cap = l->rx_n + missing;
	if (cap != l->rx_cap) {
		l->rx = mem_realloc(l->rx, cap, 1);
		l->rx_cap = cap;
	}
	return missing > RECORD ? missing : l->rx_cap - l->rx_n;
}

static void rx_rest(struct tls_link *l)
{
	if (l->rx_n != 0 || ++l->quiet_turns < QUIET_TURNS)
		return;
	free(l->rx);
	l->rx = NULL;
	l->rx_cap = 0;
}

/* Under a limit, what we do not read waits in the kernel: little of it, or answers to a ping would wait behind it. */
static void narrow(struct tls_link *l, size_t room)
{
	int most = RX_LIMITED;

	if (l->rx_narrow)
		return;
	l->rx_narrow = true;
	if (room > RX_LIMITED / 4)
		most = room < (1 << 20) ? (int)room * 4 : 4 << 20;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof(most));
}

/* How much to read in this turn; 0: nothing until may_read calls. */
static size_t may_receive(struct tls_link *l)
{
	size_t room = rate_room(l->link.rate_in, &l->may_read);

	if (room == 0)
		return 0;
	if (room != SIZE_MAX)
		narrow(l, room);
	return room < TURN_READ ? room : TURN_READ;
}

/* One turn's reading, of about `most` bytes. False when l is gone or down. */
static bool receive(struct tls_link *l, size_t most)
{
	char reason[TLS_REASON_MAX];
	size_t total = 0, missing = 0, n;
	bool over = most == 0;
	int rc;

	l->turn_ends_ns = clock_mono_ns() + TURN_NS;
	if (l->rx_n > 0 && !deliver_all(l, &missing))
		return false;
	while (!over && !l->resting) {
		size_t room = rx_room(l, missing);

		ERR_clear_error();
		errno = 0;
		rc = SSL_read_ex(l->ssl, l->rx + l->rx_n, room, &n);
		if (rc != 1) {
			int error = SSL_get_error(l->ssl, rc);

			if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
				break;
			tls_context_reason(l->ssl, rc, reason);
			return drop(l, reason);
		}
		l->rx_n += n;
		l->link.bytes_in += n;
		rate_take(l->link.rate_in, n);
		l->link.last_in_ms = loop_now_ms(l->loop);
		total += n;
		if (!deliver_all(l, &missing))
			return false;
		over = total >= most || clock_mono_ns() >= l->turn_ends_ns;
	}
	if (over && most > 0 && !l->resting)
		loop_timer_start(l->again, 0, 0);
	rx_rest(l);
	return true;
}

static void on_ready(struct tls_link *l, int events)
{
	char reason[TLS_REASON_MAX];
	int error = 0;
	socklen_t n = sizeof(error);

	l->in_turn = true;
	/* A reset may have come behind words that explain it: they are still to be read. */
	if ((events & LOOP_ERROR) != 0 && !receive(l, TURN_READ))
		return;
	if (events == LOOP_READ && !receive(l, may_receive(l)))
		return;
	if ((events & LOOP_ERROR) != 0) {
		getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n);
		snprintf(reason, sizeof(reason), "%s", error != 0 ? strerror(error) : "connection lost");
		drop(l, reason);
		return;
	}
	/* What the owner answered goes out in the same turn. */
	flush(l);
}

static void on_io(void *arg, int events)
{
	on_ready(arg, events);
}

static void on_again(void *arg)
{
	on_ready(arg, LOOP_READ);
}

static void on_may_write(void *arg)
{
	on_ready(arg, LOOP_WRITE);
}

/* --- life --- */

static void tls_link_listen(struct link *link)
{
	struct tls_link *l = (struct tls_link *)link;

	if (l->listening || l->closed)
		return;
	l->listening = true;
	/* Frames may have come together with the end of the handshake; no poll would tell of them. */
	loop_timer_start(l->again, 0, 0);
	want(l);
}

/* Unread bytes would make the kernel send a reset that can overtake our last words. */
static void discard_unread(int fd)
{
	char scrap[RECORD];
	size_t total = 0;
	ssize_t n;

	while (total < LAST_WORDS && (n = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
}

/* Writes what must still be said: the frame under way, then control; no bulk that has not begun. */
static void last_words(struct tls_link *l)
{
	int rc;

	tls_queue_drop_bulk(&l->queue);
	ERR_clear_error();
	if (write_queued(l, LAST_WORDS, false, &rc)) {
		SSL_shutdown(l->ssl);
		discard_unread(l->fd);
	}
	ERR_clear_error();
}

static void tls_link_close(struct link *link)
{
	struct tls_link *l = (struct tls_link *)link;

	l->closed = true;
	if (!l->is_down)
		last_words(l);
	loop_io_free(l->io);
	l->io = NULL;
	loop_timer_free(l->again);
	l->again = NULL;
	rate_leave(l->link.rate_out, &l->may_write);
	rate_leave(l->link.rate_in, &l->may_read);
	tls_queue_clear(&l->queue);
	SSL_free(l->ssl);
	l->ssl = NULL;
	close(l->fd);
	l->fd = -1;
	if (!l->in_event)
		link_free(l);
}

static const struct link_ops ops = { .send = tls_link_send,
	                             .take = tls_link_take,
	                             .close = tls_link_close,
	                             .listen = tls_link_listen };

struct link *tls_link_new(struct loop *loop, int fd, SSL *ssl)
{
	struct tls_link *l = MEM_NEW(struct tls_link);

	l->io = loop_io_new(loop, fd, on_io, l);
	if (l->io == NULL) {
		free(l);
		return NULL;
	}
	l->link.ops = &ops;
	l->link.last_in_ms = l->link.last_out_ms = l->unpack_ms = loop_now_ms(loop);
	l->unpack_room = UNPACK_STORE;
	l->loop = loop;
	l->fd = fd;
	l->ssl = ssl;
	l->again = loop_timer_new(loop, on_again, l);
	l->may_write = (struct rate_wait){ .go = on_may_write, .arg = l };
	l->may_read = (struct rate_wait){ .go = on_again, .arg = l };
	return &l->link;
}
