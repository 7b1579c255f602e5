/* See web_tunnel.h. */
#include "agent/api/web_tunnel.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	CHUNK = 16 << 10, /* at least the plain bytes of a TLS record, so that OpenSSL holds nothing back */
	ROUNDS = 4,       /* before others have their turn */
	STALL_MS = 60000,
	ENDING_MS = 10000,
	LINGER_MS = 1000,
	LINGER_MAX = 1 << 20, /* bytes */
};

struct stretch {
	size_t at, end; /* of p; equal: nothing */
	uint8_t p[CHUNK];
};

struct web_tunnel {
	struct loop *loop;
	int fd, inner;
	SSL *ssl;
	struct loop_io *net_io, *inner_io;
	struct loop_timer *timer; /* runs while the client is to do something */
	loop_fn *ended;
	void *arg;
	struct stretch up, down; /* from the client, to the client */
	int ssl_wants;           /* what OpenSSL waits for besides */
	bool client_done;        /* the client has said that it sends nothing more */
	bool told_inner;         /* the server knows that */
	bool inner_done;         /* the server has ended the connection */
	bool lingering;          /* all is sent; what still comes is thrown away, so that the answer is not */
	bool over;               /* ended() was called */
	size_t thrown;
};

static void tunnel_end(struct web_tunnel *t)
{
	if (t->over)
		return;
	t->over = true;
	loop_io_want(t->net_io, 0);
	loop_io_want(t->inner_io, 0);
	loop_timer_stop(t->timer);
	t->ended(t->arg);
}

static void on_tunnel_timer(void *arg)
{
	tunnel_end(arg);
}

/* --- from the client --- */

/* -1: the connection is broken. 1: something was done. */
static int read_client(struct web_tunnel *t)
{
	int n;

	if (t->up.at != t->up.end || t->client_done)
		return 0;
	ERR_clear_error();
	n = SSL_read(t->ssl, t->up.p, CHUNK);
	if (n > 0) {
		t->up.at = 0;
		t->up.end = (size_t)n;
		return 1;
	}
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		t->ssl_wants |= LOOP_WRITE;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		t->client_done = true;
		return 1;
	default:
		return -1;
	}
}

static int write_inner(struct web_tunnel *t)
{
	ssize_t n;

	if (t->up.at == t->up.end) {
		if (!t->client_done || t->told_inner)
			return 0;
		t->told_inner = true;
		(void)shutdown(t->inner, SHUT_WR);
		return 1;
	}
	n = send(t->inner, t->up.p + t->up.at, t->up.end - t->up.at, MSG_NOSIGNAL);
	if (n > 0) {
		t->up.at += (size_t)n;
		return 1;
	}
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	/* The server does not want it. */
	t->up.at = t->up.end = 0;
	t->client_done = t->told_inner = true;
	return 1;
}

/* --- to the client --- */

static int read_inner(struct web_tunnel *t)
{
	ssize_t n;

	if (t->down.at != t->down.end || t->inner_done)
		return 0;
	n = recv(t->inner, t->down.p, CHUNK, 0);
	if (n > 0) {
		t->down.at = 0;
		t->down.end = (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	t->inner_done = true;
	return 1;
}

static int write_client(struct web_tunnel *t)
{
	int n;

	if (t->down.at == t->down.end)
		return 0;
	ERR_clear_error();
	n = SSL_write(t->ssl, t->down.p + t->down.at, (int)(t->down.end - t->down.at));
	if (n > 0) {
		t->down.at += (size_t)n;
		loop_timer_stop(t->timer);
		return 1;
	}
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_WRITE:
		t->ssl_wants |= LOOP_WRITE;
		return 0;
	case SSL_ERROR_WANT_READ:
		t->ssl_wants |= LOOP_READ;
		return 0;
	default:
		return -1;
	}
}

/* --- the end --- */

/* A close while something unread has come makes the kernel take back what the client has not read. */
static void linger(struct web_tunnel *t)
{
	if (!t->lingering) {
		t->lingering = true;
		ERR_clear_error();
		(void)SSL_shutdown(t->ssl);
		(void)shutdown(t->fd, SHUT_WR);
		loop_io_want(t->inner_io, 0);
		loop_timer_start(t->timer, LINGER_MS, 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n = recv(t->fd, t->up.p, CHUNK, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			tunnel_end(t);
			return;
		}
		if (n < 0)
			break;
		t->thrown += (size_t)n;
		if (t->thrown > LINGER_MAX) {
			tunnel_end(t);
			return;
		}
	}
	loop_io_want(t->net_io, LOOP_READ);
}

/* --- turn by turn --- */

static void want_more(struct web_tunnel *t)
{
	bool up = t->up.at != t->up.end, down = t->down.at != t->down.end;

	loop_io_want(t->net_io, (!up && !t->client_done ? LOOP_READ : 0) | (down ? LOOP_WRITE : 0) | t->ssl_wants);
	loop_io_want(t->inner_io, (!down && !t->inner_done ? LOOP_READ : 0) | (up ? LOOP_WRITE : 0));
	if (!down && !t->inner_done)
		loop_timer_stop(t->timer);
	else if (!loop_timer_running(t->timer))
		loop_timer_start(t->timer, t->inner_done ? ENDING_MS : STALL_MS, 0);
}

static void pump(struct web_tunnel *t)
{
	bool more = true;

	if (t->lingering) {
		linger(t);
		return;
	}
	t->ssl_wants = 0;
	for (int i = 0; i < ROUNDS && more; i++) {
		int a = read_client(t), b = write_inner(t), c = read_inner(t), d = write_client(t);

		if (a < 0 || d < 0) {
			tunnel_end(t);
			return;
		}
		more = a + b + c + d > 0;
	}
	if (t->inner_done && t->down.at == t->down.end)
		linger(t);
	else
		want_more(t);
}

static void on_net(void *arg, int events)
{
	struct web_tunnel *t = arg;

	if ((events & LOOP_ERROR) != 0)
		tunnel_end(t);
	else
		pump(t);
}

/* An error here is a server that has gone: reading says so, after what it had still sent. */
static void on_inner(void *arg, int events)
{
	(void)events;
	pump(arg);
}

/* --- life --- */

struct web_tunnel *web_tunnel_new(struct loop *loop, int fd, struct ssl_st *ssl, int inner, loop_fn *ended, void *arg)
{
	struct web_tunnel *t = MEM_NEW(struct web_tunnel);

	*t = (struct web_tunnel){ .loop = loop, .fd = fd, .inner = inner, .ssl = ssl, .ended = ended, .arg = arg };
	t->net_io = loop_io_new(loop, fd, on_net, t);
	t->inner_io = t->net_io != NULL ? loop_io_new(loop, inner, on_inner, t) : NULL;
	if (t->inner_io == NULL) {
		int error = errno;

		web_tunnel_free(t);
		errno = error;
		return NULL;
	}
	t->timer = loop_timer_new(loop, on_tunnel_timer, t);
	want_more(t);
	return t;
}

void web_tunnel_free(struct web_tunnel *t)
{
	if (t == NULL)
		return;
	loop_io_free(t->net_io);
	loop_io_free(t->inner_io);
	loop_timer_free(t->timer);
	close(t->inner);
	free(t);
}

bool web_tunnel_is_ending(const struct web_tunnel *t)
{
	return t->inner_done;
}
