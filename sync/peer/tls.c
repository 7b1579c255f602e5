/* Listening, dialling, and the handshakes of both: see tls.h. A handshake owns its socket until it becomes a link or
 * fails; it lives at most HANDSHAKE_MS. */
#include "sync/peer/tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/tls_internal.h"

enum {
	HANDSHAKE_MS = 10000,
	CONNECT_MAX_MS = 6000,
	MAX_INCOMING = 64,    /* unfinished handshakes that came in */
	MAX_INCOMING_ONE = 8, /* of them from one host */
	BACKLOG = 128,
	ACCEPTS_A_TURN = 32,
	ACCEPT_PAUSE_MS = 1000, /* after the system had no descriptor or memory for one more */
};

struct handshake {
	struct tls *tls;
	struct handshake *prev, *next;
	int fd;             /* owned; -1 when moved to a link */
	SSL *ssl;           /* owned; NULL when moved to a link */
	struct loop_io *io; /* NULL when connect() failed at once: the timer reports it then */
	struct loop_timer *timer;
	bool dialed;
	bool connected;    /* TCP is through */
	int connect_ms;    /* that TCP may take when dialling; the rest of HANDSHAKE_MS is for TLS */
	bool spoke;        /* something has come */
	int connect_errno; /* of a connect() that failed at once; 0 */
	void *dial_arg;
	struct sockaddr_storage addr;
	char address[TLS_ADDRESS_MAX];
};

struct tls {
	struct loop *loop;
	const struct tls_events *events;
	void *arg;
	SSL_CTX *ctx;
	struct handshake *handshakes;
	size_t nincoming; /* of handshakes */
	int listen_fd;    /* -1: not listening */
	struct loop_io *listen_io;
	struct loop_timer *listen_pause;
	bool accept_failing; /* it was reported */
};

static void handshake_free(struct handshake *h)
{
	DL_DELETE(h->tls->handshakes, h);
	if (!h->dialed)
		h->tls->nincoming--;
	loop_io_free(h->io);
	loop_timer_free(h->timer);
	SSL_free(h->ssl);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

/* The one end of every handshake that fails. */
static void handshake_fail(struct handshake *h, const char *reason, bool refused)
{
	struct tls *t = h->tls;
	void *dial_arg = h->dial_arg;
	char address[TLS_ADDRESS_MAX];

	memcpy(address, h->address, sizeof(address));
	handshake_free(h);
	t->events->failed(t->arg, dial_arg, address, reason, refused);
}

static void handshake_done(struct handshake *h)
{
	struct tls *t = h->tls;
	void *dial_arg = h->dial_arg;
	struct agent_id peer;
	uint8_t binding[32];
	char reason[TLS_REASON_MAX];
	struct link *l;

	if (tls_context_peer(h->ssl, &peer, binding, reason) < 0) {
		SSL_shutdown(h->ssl);
		ERR_clear_error();
		handshake_fail(h, reason, true);
		return;
	}
	/* Two watches of one descriptor would interfere with each other. */
	loop_io_free(h->io);
	h->io = NULL;
	l = tls_link_new(t->loop, h->fd, h->ssl);
	if (l == NULL) {
		handshake_fail(h, strerror(errno), false);
		return;
	}
	tls_interface_note(l, h->fd);
	h->fd = -1;
	h->ssl = NULL;
	l->peer = peer;
	memcpy(l->binding, binding, sizeof(l->binding));
	l->dialed = h->dialed;
	memcpy(l->address, h->address, sizeof(l->address));
	handshake_free(h);
	t->events->up(t->arg, l, dial_arg);
}

/* 0 when connected, else the errno of the attempt. */
static int connect_result(struct handshake *h)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return errno;
	return error;
}

/* One step, as far as the socket goes; the loop calls again when it goes further. */
static void handshake_step(struct handshake *h)
{
	char reason[TLS_REASON_MAX];
	bool refused;
	int rc, error;

	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(h->ssl);
	if (rc == 1) {
		handshake_done(h);
		return;
	}
	error = SSL_get_error(h->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		loop_io_want(h->io, error == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE);
		return;
	}
	refused = tls_context_reason(h->ssl, rc, reason);
	handshake_fail(h, reason, refused);
}

static void on_handshake_io(void *arg, int events)
{
	struct handshake *h = arg;
	int error;

	if (!h->connected || (events & LOOP_ERROR) != 0) {
		error = connect_result(h);
		if (error != 0 || (events & LOOP_ERROR) != 0) {
			handshake_fail(h, error != 0 ? strerror(error) : "connection lost", false);
			return;
		}
		h->connected = true;
		loop_timer_start(h->timer, HANDSHAKE_MS - h->connect_ms, 0);
	}
	h->spoke |= (events & LOOP_READ) != 0;
	handshake_step(h);
}

static void on_handshake_timer(void *arg)
{
	struct handshake *h = arg;

	if (h->connect_errno != 0)
		handshake_fail(h, strerror(h->connect_errno), false);
	else if (!h->connected)
		handshake_fail(h, "no answer", false);
	else
		handshake_fail(h, "no TLS handshake within 10 s", false);
}

static void set_options(int fd)
{
	int one = 1, not_sent = TLS_NOT_SENT;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &not_sent, sizeof(not_sent));
}

/* A handshake over fd, which it owns from now on. NULL and errno when there is no memory or watch for it; fd is
 * then still the caller's. */
static struct handshake *handshake_new(struct tls *t, int fd, bool dialed, const struct sockaddr *addr,
                                       socklen_t addr_len)
{
	struct handshake *h = MEM_NEW(struct handshake);
	BIO *wire = tls_wire_new(fd);

	h->ssl = SSL_new(t->ctx);
	if (h->ssl == NULL || wire == NULL) {
		BIO_free(wire);
		errno = ENOMEM;
		goto free_ssl;
	}
	SSL_set_bio(h->ssl, wire, wire);
	h->io = loop_io_new(t->loop, fd, on_handshake_io, h);
	if (h->io == NULL)
		goto free_ssl;
	set_options(fd);
	if (dialed)
		SSL_set_connect_state(h->ssl);
	else
		SSL_set_accept_state(h->ssl);
	h->tls = t;
	h->fd = fd;
	h->dialed = dialed;
	memcpy(&h->addr, addr, addr_len < sizeof(h->addr) ? addr_len : sizeof(h->addr));
	tls_address_text(h->address, addr);
	h->timer = loop_timer_new(t->loop, on_handshake_timer, h);
	loop_timer_start(h->timer, HANDSHAKE_MS, 0);
	DL_APPEND(t->handshakes, h);
	if (!dialed)
		t->nincoming++;
	return h;

free_ssl:
	SSL_free(h->ssl);
	ERR_clear_error();
	free(h);
	return NULL;
}

/* A connect() that fails at once is reported like any other failure: by an event, in a later turn. */
int tls_dial(struct tls *t, const struct sockaddr *addr, socklen_t addr_len, int connect_ms, void *dial_arg)
{
	struct handshake *h;
	int fd;

	if ((addr->sa_family != AF_INET && addr->sa_family != AF_INET6) || addr_len < tls_address_len(addr)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	h = handshake_new(t, fd, true, addr, tls_address_len(addr));
	if (h == NULL) {
		close(fd);
		return -1;
	}
	h->dial_arg = dial_arg;
	h->connect_ms = connect_ms < CONNECT_MAX_MS ? connect_ms : CONNECT_MAX_MS;
	if (connect(fd, addr, tls_address_len(addr)) < 0 && errno != EINPROGRESS) {
		h->connect_errno = errno;
		loop_timer_start(h->timer, 0, 0);
	} else {
		loop_timer_start(h->timer, h->connect_ms, 0);
		loop_io_want(h->io, LOOP_WRITE);
	}
	return 0;
}

bool tls_dial_cancel(struct tls *t, const void *dial_arg)
{
	struct handshake *h;

	DL_FOREACH(t->handshakes, h) {
		if (h->dialed && h->dial_arg == dial_arg) {
			handshake_free(h);
			return true;
		}
	}
	return false;
}

/* --- listening --- */

static size_t incoming_from(const struct tls *t, const struct sockaddr *addr)
{
	const struct handshake *h;
	size_t n = 0;

	DL_FOREACH(t->handshakes, h) {
		if (!h->dialed && tls_address_same_host((const struct sockaddr *)&h->addr, addr))
			n++;
	}
	return n;
}

/* The unfinished handshake whose place a newcomer takes, of one host or (NULL) of all: the oldest that has said
 * nothing yet, or else the oldest. An honest peer speaks at once, and is through soon. */
static struct handshake *in_the_way(struct tls *t, const struct sockaddr *addr)
{
	struct handshake *h, *oldest = NULL;

	DL_FOREACH(t->handshakes, h) {
		if (h->dialed || (addr != NULL && !tls_address_same_host((const struct sockaddr *)&h->addr, addr)))
			continue;
		if (!h->spoke)
			return h;
		if (oldest == NULL)
			oldest = h;
	}
	return oldest;
}

static void handshakes_make_room(struct tls *t, const struct sockaddr *addr)
{
	struct handshake *h = NULL;

	if (incoming_from(t, addr) >= MAX_INCOMING_ONE)
		h = in_the_way(t, addr);
	else if (t->nincoming >= MAX_INCOMING)
		h = in_the_way(t, NULL);
	if (h != NULL)
		handshake_fail(h, "too many unfinished handshakes", false);
}

static void take_incoming(struct tls *t, int fd, const struct sockaddr *addr, socklen_t addr_len)
{
	char address[TLS_ADDRESS_MAX];
	struct handshake *h;

	handshakes_make_room(t, addr);
	h = handshake_new(t, fd, false, addr, addr_len);
	if (h == NULL) {
		int error = errno;

		close(fd);
		tls_address_text(address, addr);
		t->events->failed(t->arg, NULL, address, strerror(error), false);
		return;
	}
	h->connected = true;
	loop_io_want(h->io, LOOP_READ);
}

/* Failures of one connection that say nothing about the next. */
static bool is_transient(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
	       error == EHOSTUNREACH || error == ENETUNREACH || error == EOPNOTSUPP || error == EHOSTDOWN;
}

/* Until there is a descriptor again, connections wait in the kernel's backlog; polling would spin meanwhile. */
static void pause_listening(struct tls *t, int error)
{
	char reason[TLS_REASON_MAX];

	loop_io_want(t->listen_io, 0);
	loop_timer_start(t->listen_pause, ACCEPT_PAUSE_MS, 0);
	if (t->accept_failing)
		return;
	t->accept_failing = true;
	snprintf(reason, sizeof(reason), "cannot accept connections for now: %s%s", strerror(error),
	         error == EMFILE ? "; raise the limit of open files (ulimit -n, LimitNOFILE=)" : "");
	t->events->failed(t->arg, NULL, "listener", reason, false);
}

static void on_resume_listening(void *arg)
{
	struct tls *t = arg;

	loop_io_want(t->listen_io, LOOP_READ);
}

/* Accepts all that wait. A failure of the process itself pauses the listener; one of a single connection does not. */
static void on_incoming(void *arg, int events)
{
	struct tls *t = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage addr;
		socklen_t addr_len = sizeof(addr);
		int fd = accept4(t->listen_fd, (struct sockaddr *)&addr, &addr_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			t->accept_failing = false;
			take_incoming(t, fd, (struct sockaddr *)&addr, addr_len);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (!is_transient(errno)) {
			pause_listening(t, errno);
			return;
		}
	}
}

/* A listening socket; -1 with errno. IPv6's any address takes IPv4 as well, whatever the system's default. */
static int listen_on(const struct sockaddr *addr)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, zero = 0;
	int saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (addr->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, addr, tls_address_len(addr)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int bound_port(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t n = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &n) < 0)
		return -1;
	return (int)tls_address_port((const struct sockaddr *)&addr);
}

/* The addresses are tried in turn: the kernel may have no IPv6. */
int tls_listen(struct tls *t, const char *where, char **why)
{
	struct sockaddr_storage addrs[2];
	int n = tls_address_listen(addrs, where, why);
	int fd;

	if (n < 0)
		return -1;
	fd = listen_on((const struct sockaddr *)&addrs[0]);
	if (fd < 0 && n == 2 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
		fd = listen_on((const struct sockaddr *)&addrs[1]);
	if (fd >= 0)
		t->listen_io = loop_io_new(t->loop, fd, on_incoming, t);
	if (t->listen_io == NULL) {
		*why = mem_printf("cannot listen on \"%s\": %s%s", where, strerror(errno),
		                  errno == EADDRINUSE ? "; choose another port (--listen); 0 means any free one" : "");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	t->listen_fd = fd;
	t->listen_pause = loop_timer_new(t->loop, on_resume_listening, t);
	loop_io_want(t->listen_io, LOOP_READ);
	return bound_port(fd);
}

/* --- life --- */

struct tls *tls_new(struct loop *loop, const struct identity *self, const struct tls_events *events, void *arg,
                    char **why)
{
	SSL_CTX *ctx = tls_context_new(self, why);
	struct tls *t;

	if (ctx == NULL)
		return NULL;
	t = MEM_NEW(struct tls);
	t->loop = loop;
	t->events = events;
	t->arg = arg;
	t->ctx = ctx;
	t->listen_fd = -1;
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	while (t->handshakes != NULL)
		handshake_free(t->handshakes);
	loop_io_free(t->listen_io);
	loop_timer_free(t->listen_pause);
	if (t->listen_fd >= 0)
		close(t->listen_fd);
	SSL_CTX_free(t->ctx);
	free(t);
}
