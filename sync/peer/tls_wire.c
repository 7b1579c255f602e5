/* Between OpenSSL and the socket: reads go straight through; written records are gathered, and several of them are
 * sent with one system call. Measured over loopback this saves a sixth of the sender's time and a fifth of the
 * receiver's. No write here raises SIGPIPE. */
#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "sync/peer/tls_internal.h"

enum { GATHER = 7 * (16384 + 256) }; /* records of the largest kind; below malloc's threshold for mmap */

struct wire {
	int fd;     /* the handshake's or link's */
	uint8_t *p; /* owned; GATHER bytes, NULL when nothing waits */
	size_t n;   /* bytes gathered */
	size_t at;  /* the first that is not sent yet */
};

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/* 1 when all is sent, 0 when the socket is full, -1 with errno. */
static int wire_send(struct wire *w)
{
	while (w->at < w->n) {
		ssize_t n = send(w->fd, w->p + w->at, w->n - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			w->at += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (errno != EINTR)
			return -1;
	}
	free(w->p);
	w->p = NULL;
	w->n = w->at = 0;
	return 1;
}

/* Takes what fits into the buffer, which is sent first when it is too full. A short write is legal: OpenSSL
 * continues with the rest. */
static int wire_write(BIO *bio, const char *p, int n)
{
	struct wire *w = BIO_get_data(bio);
	int sent;

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (w->n > 0 && (size_t)n > GATHER - w->n) {
		sent = wire_send(w);
		if (sent == 0)
			BIO_set_retry_write(bio);
		if (sent != 1)
			return -1;
	}
	if (n > GATHER)
		n = GATHER;
	if (w->p == NULL)
		w->p = mem_realloc(NULL, GATHER, 1);
	memcpy(w->p + w->n, p, (size_t)n);
	w->n += (size_t)n;
	return n;
}

static int wire_read(BIO *bio, char *p, int n)
{
	struct wire *w = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do {
		got = recv(w->fd, p, (size_t)n, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_read(bio);
	if (got == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)got;
}

static long wire_control(BIO *bio, int command, long number, void *p)
{
	(void)number;
	(void)p;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	if (command == BIO_CTRL_FLUSH)
		return tls_wire_flush(bio) == 1 ? 1 : -1;
	return 0;
}

static int wire_destroy(BIO *bio)
{
	struct wire *w = BIO_get_data(bio);

	if (w != NULL)
		free(w->p);
	free(w);
	return 1;
}

static void method_new(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gathering socket");
	if (method == NULL || BIO_meth_set_write(method, wire_write) != 1 ||
	    BIO_meth_set_read(method, wire_read) != 1 || BIO_meth_set_ctrl(method, wire_control) != 1 ||
	    BIO_meth_set_destroy(method, wire_destroy) != 1)
		abort(); /* out of memory */
}

BIO *tls_wire_new(int fd)
{
	struct wire *w;
	BIO *bio;

	pthread_once(&method_once, method_new);
	bio = BIO_new(method);
	if (bio == NULL)
		return NULL;
	w = MEM_NEW(struct wire);
	w->fd = fd;
	BIO_set_data(bio, w);
	BIO_set_init(bio, 1);
	return bio;
}

int tls_wire_flush(BIO *bio)
{
	int sent = wire_send(BIO_get_data(bio));

	BIO_clear_retry_flags(bio);
	if (sent == 0)
		BIO_set_retry_write(bio);
	return sent;
}

bool tls_wire_waits(BIO *bio)
{
	const struct wire *w = BIO_get_data(bio);

	return w->n > 0;
}
