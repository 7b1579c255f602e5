/* A link over TLS: frames out of two queues into SSL_write, and the link as a whole. Bodies of large frames are
 * never copied on the way out. See tls_link_receive.c for the other direction. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/tls_link_internal.h"
#include "sync/wire/frame.h"

enum {
	TURN_WRITE = 2 << 20, /* bytes written in one turn */
	LAST_WORDS = 8 << 20, /* bytes written, and bytes thrown away unread, when the link closes */
};

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

/* The body is freed in every case, so the caller has nothing to undo. */
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
	meter_add(&link->meter_out, loop_now_ms(l->loop), total);
	l->bulk_high |= link->queued_bulk >= link->bulk_low;
	l->control_high |= link->queued_control >= LINK_CONTROL_LOW;
	want(l);
	return 0;
}

/* How many of n bytes to write at a time: bytes that SSL_write could not write last time must be offered again. */
static size_t limit_piece(const struct tls_link *l, size_t n)
{
	size_t piece = rate_piece(l->link.rate_out);

	piece = piece > l->tried ? piece : l->tried;
	return n < piece ? n : piece;
}

/* Writes until all is written, the socket is full, `most` bytes are out, or (limited) the rate's limit is reached.
 * False, with *rc as SSL_write left it, when the link is broken. */
static bool write_queued(struct tls_link *l, size_t most, bool limited, int *rc)
{
	struct rate *rate = l->link.rate_out;
	const uint8_t *p;
	size_t n, room = 0;

	l->write_blocked = false;
	while (most > 0 && !tls_queue_empty(&l->queue)) {
		bool slow = limited && rate_limits(rate);

		/* Asked before a frame begins: while we wait, control may still go first. */
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
	bool bulk = l->bulk_high && l->link.queued_bulk < l->link.bulk_low;
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
		return tls_link_drop(l, reason);
	}
	if (tls_wire_flush(SSL_get_wbio(l->ssl)) < 0)
		return tls_link_drop(l, strerror(errno));
	l->in_turn = false;
	want(l);
	if (!has_drained(l))
		return true;
	l->in_event = true;
	l->link.events->drained(l->link.arg);
	return tls_link_event_end(l);
}

static void on_ready(struct tls_link *l, int events)
{
	char reason[TLS_REASON_MAX];
	int error = 0;
	socklen_t n = sizeof(error);

	l->in_turn = true;
	/* Before the reset, the peer may have explained itself: read that first. */
	if ((events & LOOP_ERROR) != 0 && !tls_link_receive(l, TLS_LINK_TURN_READ))
		return;
	if (events == LOOP_READ && !tls_link_receive(l, tls_link_may_receive(l)))
		return;
	if ((events & LOOP_ERROR) != 0) {
		getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n);
		snprintf(reason, sizeof(reason), "%s", error != 0 ? strerror(error) : "connection lost");
		tls_link_drop(l, reason);
		return;
	}
	/* The owner's answers go out in the same turn. */
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
	/* Frames may have arrived together with the end of the handshake; no poll would report them. */
	loop_timer_start(l->again, 0, 0);
	want(l);
}

/* With bytes unread the kernel would send a reset, which can overtake our last frames. */
static void discard_unread(int fd)
{
	char scrap[TLS_RECORD];
	size_t total = 0;
	ssize_t n;

	while (total < LAST_WORDS && (n = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
}

/* Writes what the peer must still get: the frame in progress, then control; no bulk that has not begun. */
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

/* Inside an event the memory stays until the event ends; everything else goes at once. */
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
		tls_link_release(l);
}

static void tls_link_room(struct link *link)
{
	struct tls_link *l = (struct tls_link *)link;
	int most = TLS_NOT_SENT, least = TLS_NOT_SENT / 4;
	int ahead = link->bulk_low / 4 < (size_t)most ? (int)(link->bulk_low / 4) : most;

	/* What waits already may be more than may wait from now on. */
	l->bulk_high |= link->queued_bulk >= link->bulk_low;
	ahead = ahead > least ? ahead : least;
	if (ahead != l->not_sent)
		setsockopt(l->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &ahead, sizeof(ahead));
	l->not_sent = ahead;
}

static const struct link_ops ops = { .send = tls_link_send,
	                             .take = tls_link_take,
	                             .close = tls_link_close,
	                             .room = tls_link_room,
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
	l->link.bulk_low = LINK_BULK_LOW;
	l->link.last_in_ms = l->link.last_out_ms = l->unpack_ms = loop_now_ms(loop);
	l->unpack_room = TLS_LINK_UNPACK_STORE;
	l->loop = loop;
	l->fd = fd;
	l->ssl = ssl;
	l->again = loop_timer_new(loop, on_again, l);
	l->may_write = (struct rate_wait){ .go = on_may_write, .arg = l };
	l->may_read = (struct rate_wait){ .go = on_again, .arg = l };
	return &l->link;
}
