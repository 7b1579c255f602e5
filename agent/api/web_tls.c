/* See web_tls.h. A guest is one client: it waits until it has said something, then for its turn, then for its
 * handshake, and is a tunnel after that. */
#include "agent/api/web_tls.h"

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
#include <utlist.h>

#include "agent/api/web_host.h"
#include "agent/api/web_tunnel.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	HANDSHAKE_MS = 10000,
	SHAKING_MAX = 64,
	SHAKING_ONE = 16, /* of one host */
	OPEN_MAX = 192,
	OPEN_ONE = 64,
	ACCEPTS_A_TURN = 32,
	TICK_MS = 100,
	BEGUN_A_TICK = 10, /* handshakes: each is a signature, and the agent has other things to do */
	PAUSE_MS = 1000,   /* after the system had no descriptor or memory for one more */
	KEEP_IDLE_S = 60,
	KEEP_EACH_S = 15,
	KEEP_TIMES = 4,
	TLS_HANDSHAKE = 22, /* the first byte of a client that speaks TLS */
};

enum web_guest_state { GUEST_SILENT, GUEST_WAITING, GUEST_SHAKING, GUEST_OPEN };

struct web_guest {
	struct web_tls *tls;
	struct web_guest *prev, *next; /* in the order in which they came */
	enum web_guest_state state;
	int fd;
	SSL *ssl;
	struct loop_io *io;        /* NULL when open */
	struct loop_timer *timer;  /* of the handshake */
	struct web_tunnel *tunnel; /* NULL until open */
	struct sockaddr_storage addr;
	struct web_host host;
};

struct web_tls {
	struct loop *loop;
	SSL_CTX *ctx;
	int listen_fd;
	struct loop_io *listen_io;
	struct loop_timer *pause, *tick;
	web_tls_fn *fn;
	void *arg;
	struct web_guest *guests;
	size_t nshaking; /* guests that are not open */
	size_t nopen;
	int begun; /* handshakes in this tick */
};

/* --- how OpenSSL is set up --- */

static int select_http(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                       unsigned in_n, void *arg)
{
	static const unsigned char http[] = "\x08http/1.1";
	unsigned char *found;

	(void)ssl;
	(void)arg;
	/* A protocol that this is not could be talked to in its name. */
	if (SSL_select_next_proto(&found, out_n, http, sizeof(http) - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

/* No tickets and no cache: a session of TLS that can be resumed is one more secret to keep. Without AUTO_RETRY a client
 * that sends key updates for ever gets one at a time. */
static SSL_CTX *context_new(const struct web_cert *cert, char **why)
{
	static char groups[] = "X25519:P-256";
	static const char suites[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
				     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
				     "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx != NULL) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
		SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		                              SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_alpn_select_cb(ctx, select_http, NULL);
	}
	if (ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_cipher_list(ctx, suites) == 1 &&
	    SSL_CTX_set1_groups_list(ctx, groups) == 1 && web_cert_use(cert, ctx) == 0)
		return ctx;
	*why = mem_printf("OpenSSL cannot be set up for the page: %s; check openssl.cnf",
	                  ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* --- the end of a guest --- */

static void guest_free(struct web_guest *g)
{
	struct web_tls *t = g->tls;

	DL_DELETE(t->guests, g);
	if (g->state == GUEST_OPEN)
		t->nopen--;
	else
		t->nshaking--;
	web_tunnel_free(g->tunnel);
	loop_io_free(g->io);
	loop_timer_free(g->timer);
	SSL_free(g->ssl);
	close(g->fd);
	free(g);
}

static void guest_late(void *arg)
{
	guest_free(arg);
}

/* --- an open one --- */

static size_t guests_of(const struct web_tls *t, const struct web_host *host, bool open)
{
	const struct web_guest *g;
	size_t n = 0;

	DL_FOREACH(t->guests, g)
		n += (g->state == GUEST_OPEN) == open && web_host_same(&g->host, host);
	return n;
}

/* Those go first to whom nothing is owed but what they do not take. */
static bool guests_have_room(struct web_tls *t, const struct web_host *host)
{
	struct web_guest *g;

	if (guests_of(t, host, true) >= OPEN_ONE)
		return false;
	if (t->nopen < OPEN_MAX)
		return true;
	DL_FOREACH(t->guests, g) {
		if (g->tunnel != NULL && web_tunnel_is_ending(g->tunnel)) {
			guest_free(g);
			return true;
		}
	}
	return false;
}

/* A browser on a machine that was switched off must not hold its place for ever. */
static void keep_alive(int fd)
{
	int on = 1, idle = KEEP_IDLE_S, each = KEEP_EACH_S, times = KEEP_TIMES;
	unsigned int gone_ms = KEEP_IDLE_S * 1000;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof(each));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof(gone_ms));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void guest_open(struct web_guest *g)
{
	struct web_tls *t = g->tls;
	int pair[2];

	if (!guests_have_room(t, &g->host) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		guest_free(g);
		return;
	}
	/* Two watches of one descriptor would interfere with each other. */
	loop_io_free(g->io);
	g->io = NULL;
	loop_timer_stop(g->timer);
	g->tunnel = web_tunnel_new(t->loop, g->fd, g->ssl, pair[1], guest_late, g);
	if (g->tunnel == NULL) {
		close(pair[0]);
		guest_free(g);
		return;
	}
	g->state = GUEST_OPEN;
	t->nshaking--;
	t->nopen++;
	keep_alive(g->fd);
	t->fn(t->arg, pair[0], (const struct sockaddr *)&g->addr);
}

/* --- its handshake --- */

static void guest_step(struct web_guest *g)
{
	int rc, error;

	ERR_clear_error();
	rc = SSL_accept(g->ssl);
	error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(g->ssl, rc);
	if (error == SSL_ERROR_NONE) {
		guest_open(g);
	} else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		loop_io_want(g->io, error == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE);
	} else {
		log_debug("the page: no TLS with a client: %s", ERR_reason_error_string(ERR_peek_error()));
		ERR_clear_error();
		guest_free(g);
	}
}

static struct web_guest *next_waiting(const struct web_tls *t)
{
	struct web_guest *g;

	DL_FOREACH(t->guests, g) {
		if (g->state == GUEST_WAITING)
			return g;
	}
	return NULL;
}

/* Handshakes are begun in the order in which clients came, as many as each tick allows. */
static void guests_begin(struct web_tls *t)
{
	struct web_guest *g;

	while (t->begun < BEGUN_A_TICK && (g = next_waiting(t)) != NULL) {
		t->begun++;
		g->state = GUEST_SHAKING;
		guest_step(g);
	}
	if (!loop_timer_running(t->tick) && t->begun > 0)
		loop_timer_start(t->tick, TICK_MS, 0);
}

static void on_tick(void *arg)
{
	struct web_tls *t = arg;

	t->begun = 0;
	guests_begin(t);
}

/* A client that was not told of https is told. */
static void refuse_plain(struct web_guest *g)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
				     "Content-Length: 51\r\nConnection: close\r\n\r\n"
				     "This address speaks TLS: it begins with https://.\r\n";
	char thrown[4096];

	(void)recv(g->fd, thrown, sizeof(thrown), 0);
	(void)send(g->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	(void)shutdown(g->fd, SHUT_WR);
	guest_free(g);
}

static void on_guest(void *arg, int events)
{
	struct web_guest *g = arg;
	unsigned char first;

	if ((events & LOOP_ERROR) != 0) {
		guest_free(g);
		return;
	}
	if (g->state == GUEST_SHAKING) {
		guest_step(g);
		return;
	}
	if (recv(g->fd, &first, 1, MSG_PEEK) <= 0) {
		guest_free(g);
		return;
	}
	if (first != TLS_HANDSHAKE) {
		refuse_plain(g);
		return;
	}
	loop_io_want(g->io, 0);
	g->state = GUEST_WAITING;
	guests_begin(g->tls);
}

/* --- a guest comes --- */

/* The unfinished one whose place a newcomer takes: the oldest that has said nothing yet, or else the oldest. An honest
 * client speaks at once. host NULL: of all. */
static void guests_make_room(struct web_tls *t, const struct web_host *host)
{
	struct web_guest *g, *oldest = NULL;

	DL_FOREACH(t->guests, g) {
		if (g->state == GUEST_OPEN || (host != NULL && !web_host_same(&g->host, host)))
			continue;
		if (oldest == NULL || (g->state == GUEST_SILENT && oldest->state != GUEST_SILENT))
			oldest = g;
	}
	if (oldest != NULL)
		guest_free(oldest);
}

static void guest_new(struct web_tls *t, int fd, const struct sockaddr_storage *addr)
{
	struct web_guest *g;
	struct web_host host;

	web_host_of(&host, (const struct sockaddr *)addr);
	if (guests_of(t, &host, false) >= SHAKING_ONE)
		guests_make_room(t, &host);
	else if (t->nshaking >= SHAKING_MAX)
		guests_make_room(t, NULL);
	g = MEM_NEW(struct web_guest);
	*g = (struct web_guest){ .tls = t, .fd = fd, .addr = *addr, .host = host, .ssl = SSL_new(t->ctx) };
	DL_APPEND(t->guests, g);
	t->nshaking++;
	g->io = loop_io_new(t->loop, fd, on_guest, g);
	g->timer = loop_timer_new(t->loop, guest_late, g);
	if (g->ssl == NULL || g->io == NULL || SSL_set_fd(g->ssl, fd) != 1) {
		ERR_clear_error();
		guest_free(g);
		return;
	}
	loop_timer_start(g->timer, HANDSHAKE_MS, 0);
	loop_io_want(g->io, LOOP_READ);
}

/* Failures of the process itself; until they pass, clients wait in the kernel's backlog. */
static bool is_lasting(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_guests(void *arg, int events)
{
	struct web_tls *t = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage addr = { 0 };
		socklen_t len = sizeof(addr);
		int fd = accept4(t->listen_fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			guest_new(t, fd, &addr);
		} else if (is_lasting(errno)) {
			loop_io_want(t->listen_io, 0);
			loop_timer_start(t->pause, PAUSE_MS, 0);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void on_pause_over(void *arg)
{
	struct web_tls *t = arg;

	loop_io_want(t->listen_io, LOOP_READ);
}

/* --- life --- */

struct web_tls *web_tls_new(struct loop *loop, int listen_fd, const struct web_cert *cert, web_tls_fn *fn, void *arg,
                            char **why)
{
	SSL_CTX *ctx = context_new(cert, why);
	struct web_tls *t;

	if (ctx == NULL) {
		close(listen_fd);
		return NULL;
	}
	t = MEM_NEW(struct web_tls);
	*t = (struct web_tls){ .loop = loop, .ctx = ctx, .listen_fd = listen_fd, .fn = fn, .arg = arg };
	t->listen_io = loop_io_new(loop, listen_fd, on_guests, t);
	if (t->listen_io == NULL) {
		*why = mem_strdup(strerror(errno));
		web_tls_free(t);
		return NULL;
	}
	t->pause = loop_timer_new(loop, on_pause_over, t);
	t->tick = loop_timer_new(loop, on_tick, t);
	loop_io_want(t->listen_io, LOOP_READ);
	return t;
}

int web_tls_renew(struct web_tls *t, const struct web_cert *cert, char **why)
{
	SSL_CTX *ctx = context_new(cert, why);

	if (ctx == NULL)
		return -1;
	SSL_CTX_free(t->ctx); /* connections hold on to it */
	t->ctx = ctx;
	return 0;
}

void web_tls_free(struct web_tls *t)
{
	if (t == NULL)
		return;
	while (t->guests != NULL)
		guest_free(t->guests);
	loop_io_free(t->listen_io);
	loop_timer_free(t->pause);
	loop_timer_free(t->tick);
	SSL_CTX_free(t->ctx);
	close(t->listen_fd);
	free(t);
}
