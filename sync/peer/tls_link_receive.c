/* The receiving half of a link over TLS: bytes out of SSL_read, whole frames into the owner's hands. OpenSSL copies
 * a frame's body once. What the other side can make us do in one turn is bounded by time and by bytes; unpacking of
 * compressed frames also by a store that refills with time. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/tls_link_internal.h"
#include "sync/wire/codec.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg_seal.h"

enum {
	RX_FIRST = LINK_TAKE_MIN, /* the receive buffer until a longer frame is announced */
	TURN_NS = 5000000, /* time for which frames are handed on in one turn: the other side chooses what they cost */
	QUIET_TURNS = 16,  /* turns without a large frame after which the receive buffer is given back */
	RX_LIMITED = 64 << 10, /* what the kernel may receive ahead of a limit, or a quarter of a second's worth */
	/* The bytes that a frame unpacks to, beyond this many times its size, are paid for from the store: few
	 * bytes sent must not cause much work. */
	UNPACK_FREE = 16,
	UNPACK_PER_MS = 16 << 10,
};

/* Bytes that it will unpack to, as it says; 0: it is not packed, or will be refused. */
static int64_t unpacks_to(const struct frame *f, const uint8_t *payload)
{
	if (f->type == FRAME_SEALED)
		return msg_sealed_unpacks_to(payload, f->len);
	return f->flags == 0 || f->len < CODEC_PREFIX || get_u32(payload) > frame_max(f->type) ? 0 : get_u32(payload);
}

/* How long the frame has to wait until it may be unpacked; 0: it may, and is paid for. */
static int64_t unpack_wait(struct tls_link *l, const struct frame *f, const uint8_t *payload)
{
	int64_t now = loop_now_ms(l->loop), free_of_charge = (int64_t)f->len * UNPACK_FREE, cost;

	cost = unpacks_to(f, payload) - free_of_charge;
	if (cost <= 0)
		return 0;
	l->unpack_room += (now - l->unpack_ms) * UNPACK_PER_MS;
	if (l->unpack_room > TLS_LINK_UNPACK_STORE)
		l->unpack_room = TLS_LINK_UNPACK_STORE;
	l->unpack_ms = now;
	if (cost > l->unpack_room)
		return (cost - l->unpack_room) / UNPACK_PER_MS + 1;
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

	if ((f->flags & ~FRAME_FLAG_ZSTD) != 0 || (f->flags != 0 && !frame_packs(f->type)))
		return tls_link_drop(l, "it sent a frame with unknown flags");
	if (f->flags != 0 && !frame_known(f->type))
		return true; /* also skipped when it is unpacked */
	if (f->flags != 0) {
		plain = codec_decompress(payload, n, max, &n);
		if (plain == NULL)
			return tls_link_drop(l, "it sent a frame whose compression is damaged");
	}
	l->link.last_in_ms = loop_now_ms(l->loop);
	l->rx_takeable = plain == NULL && n >= LINK_TAKE_MIN && payload + n == l->rx + l->rx_n;
	l->in_event = true;
	l->link.events->frame(l->link.arg, f->type, plain != NULL ? plain : payload, n);
	l->rx_takeable = false;
	free(plain);
	return tls_link_event_end(l);
}

void *tls_link_take(struct link *link)
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

/* Hands on the whole frames in the buffer, as far as the turn's time goes, and moves the rest to its start. On
 * return *missing says how many bytes the frame at the start still lacks, 0 when its header is not whole. False
 * when l is gone or down. */
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
			return tls_link_drop(l, limit != 0 ? "it sent a long frame before it had proved membership"
			                                   : "it sent a frame that exceeds the maximum length");
		if (status == FRAME_INCOMPLETE)
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

/* Makes room, and says how much to read: all there is; but of a large frame not more than its end, so that the next
 * frame starts at the buffer's start and nothing has to be moved. */
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
	return missing > TLS_RECORD ? missing : l->rx_cap - l->rx_n;
}

static void rx_rest(struct tls_link *l)
{
	if (l->rx_n != 0 || ++l->quiet_turns < QUIET_TURNS)
		return;
	free(l->rx);
	l->rx = NULL;
	l->rx_cap = 0;
}

/* Under a limit, bytes that we do not read wait in the kernel. They must be few, or answers to a ping would wait
 * behind them. */
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
size_t tls_link_may_receive(struct tls_link *l)
{
	size_t room = rate_room(l->link.rate_in, &l->may_read);

	if (room == 0)
		return 0;
	if (room != SIZE_MAX)
		narrow(l, room);
	return room < TLS_LINK_TURN_READ ? room : TLS_LINK_TURN_READ;
}

/* One turn's reading, of about `most` bytes. False when l is gone or down. */
bool tls_link_receive(struct tls_link *l, size_t most)
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
			return tls_link_drop(l, reason);
		}
		l->rx_n += n;
		l->link.bytes_in += n;
		rate_take(l->link.rate_in, n);
		l->link.last_in_ms = loop_now_ms(l->loop);
		meter_add(&l->link.meter_in, l->link.last_in_ms, n);
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
