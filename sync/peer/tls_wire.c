/* Between OpenSSL and the socket: several records are received, and several are sent, with one system call. Measured
 * over loopback, sending them so saves a sixth of the sender's time and a fifth of the receiver's. The read-ahead is
 * ours because OpenSSL's own moves everything that it has read ahead, once for each record, to align the next one
 * (ssl3_read_n() in 3.0): each byte three times. No write here raises SIGPIPE. */
#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "sync/peer/tls_internal.h"

/* Records of the largest kind, sent or received together; below malloc's threshold for mmap. */
enum { GATHER = 7 * (16384 + 256) };

struct wire {
	int fd;         /* the handshake's or link's */
	uint8_t *p;     /* owned; GATHER bytes, NULL when nothing waits */
	size_t n;       /* bytes gathered */
	size_t at;      /* the first that is not sent yet */
	uint8_t *ahead; /* received, not yet read by OpenSSL; owned; GATHER bytes, NULL when there are none */
	size_t ahead_n, ahead_at;
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

/* 1: bytes are in `ahead`; 0: the end; -1 with errno. */
static int receive_ahead(struct wire *w)
{
	ssize_t got;

	if (w->ahead_at < w->ahead_n)
		return 1;
	if (w->ahead == NULL)
		w->ahead = mem_realloc(NULL, GATHER, 1);
	do {
		got = recv(w->fd, w->ahead, GATHER, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	w->ahead_at = 0;
	w->ahead_n = got > 0 ? (size_t)got : 0;
	if (got > 0)
		return 1;
	free(w->ahead);
	w->ahead = NULL;
	return (int)got;
}

static int wire_read(BIO *bio, char *p, int n)
{
	struct wire *w = BIO_get_data(bio);
	int rc = receive_ahead(w);
	size_t there = w->ahead_n - w->ahead_at;

	BIO_clear_retry_flags(bio);
	if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_read(bio);
	if (rc == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	if (rc <= 0)
		return rc;
	if (there > (size_t)n)
		there = (size_t)n;
	memcpy(p, w->ahead + w->ahead_at, there);
	w->ahead_at += there;
	return (int)there;
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

	if (w != NULL) {
		free(w->p);
		free(w->ahead);
	}
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
