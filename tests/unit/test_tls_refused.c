/* All that must not get in, or not stay, over TLS. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/unit/tls_ends.h"

/* A client that is not ours, in a thread of its own, so that it may block. */
struct stranger {
	int port;
	int max_version;       /* 0: any */
	const char *alpn;      /* NULL: none */
	EVP_PKEY *key;         /* NULL: no certificate */
	const char *raw;       /* instead of TLS */
	const uint8_t *frames; /* to send after the handshake */
	size_t frames_n;
	bool reset;   /* end by RST */
	int received; /* plain bytes it was sent; -1 when the handshake failed */
};

static X509 *certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256());
	return cert;
}

static void speak_tls(struct stranger *s, int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	X509 *cert = s->key != NULL ? certificate(s->key) : NULL;
	SSL *ssl;
	char answer[4096];

	if (s->max_version != 0)
		SSL_CTX_set_max_proto_version(ctx, s->max_version);
	if (cert != NULL) {
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, s->key);
	}
	if (s->alpn != NULL)
		SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)s->alpn, (unsigned)strlen(s->alpn));
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	s->received = -1;
	if (SSL_connect(ssl) == 1) {
		if (s->frames_n > 0)
			SSL_write(ssl, s->frames, (int)s->frames_n);
		/* One that resets waits for a word, lest the reset overtake the end of the handshake. */
		s->received = s->frames_n > 0 && !s->reset ? 0 : SSL_read(ssl, answer, sizeof(answer));
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	X509_free(cert);
	ERR_clear_error();
}

static void *stranger_run(void *arg)
{
	struct stranger *s = arg;
	struct linger linger = { .l_onoff = 1 };
	int fd = connect_to(s->port);
	char answer[4096];

	if (s->raw != NULL) {
		if (send(fd, s->raw, strlen(s->raw), MSG_NOSIGNAL) < 0)
			abort();
		s->received = (int)recv(fd, answer, sizeof(answer), 0);
	} else {
		speak_tls(s, fd);
	}
	if (s->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
	return NULL;
}

/* Lets a stranger try; returns the reason that our side gave. */
static const char *try_stranger(struct fixture *f, struct stranger *s)
{
	pthread_t thread;

	s->port = f->a.port;
	assert_int_equal(pthread_create(&thread, NULL, stranger_run, s), 0);
	RUN_UNTIL(f, f->a.nfailed == 1);
	pthread_join(thread, NULL);
	run_for(f, 20);
	assert_int_equal(f->a.nlinks, 0);
	assert_int_equal(f->a.nfailed, 1);
	assert_true(f->a.refused[0]);
	assert_null(f->a.failed_arg);
	return f->a.reasons[0];
}

static EVP_PKEY *new_key(const char *type)
{
	return strcmp(type, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
	                               : EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void tls_1_2_is_refused(void **state)
{
	EVP_PKEY *key = new_key("ED25519");
	struct stranger s = { .max_version = TLS1_2_VERSION, .alpn = "\x09lanyard/1", .key = key };

	assert_string_equal(try_stranger(*state, &s), "TLS 1.2 or older");
	assert_int_equal(s.received, -1);
	EVP_PKEY_free(key);
}

static void plain_tcp_is_refused(void **state)
{
	struct stranger s = { .raw = "HELO there, let me in please\r\n" };

	assert_string_equal(try_stranger(*state, &s), "not TLS");
}

static void http_is_refused(void **state)
{
	struct stranger s = { .raw = "GET / HTTP/1.0\r\n\r\n" };

	assert_string_equal(try_stranger(*state, &s), "not TLS but HTTP");
}

static void no_certificate_is_refused(void **state)
{
	struct stranger s = { .alpn = "\x09lanyard/1" };

	assert_string_equal(try_stranger(*state, &s), "no client certificate");
	assert_true(s.received <= 0);
}

static void another_kind_of_key_is_refused(void **state)
{
	EVP_PKEY *key = new_key("EC");
	struct stranger s = { .alpn = "\x09lanyard/1", .key = key };
	const char *reason = try_stranger(*state, &s);

	/* OpenSSL's client sends no certificate when its key is not among what we ask for. */
	assert_true(strcmp(reason, "no client certificate") == 0 || strcmp(reason, "its key is not Ed25519") == 0);
	assert_true(s.received <= 0);
	EVP_PKEY_free(key);
}

static void another_alpn_is_refused(void **state)
{
	EVP_PKEY *key = new_key("ED25519");
	struct stranger s = { .alpn = "\x08http/1.1", .key = key };

	assert_non_null(strstr(try_stranger(*state, &s), "wrong ALPN"));
	assert_int_equal(s.received, -1);
	EVP_PKEY_free(key);
}

static void no_alpn_is_refused(void **state)
{
	EVP_PKEY *key = new_key("ED25519");
	struct stranger s = { .key = key };

	assert_non_null(strstr(try_stranger(*state, &s), "wrong ALPN"));
	assert_true(s.received <= 0);
	EVP_PKEY_free(key);
}

/* A server that is not ours: accepts once, says what it says, closes. */
struct server {
	int fd;
	int max_version;
	const char *raw;
};

static void *server_run(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	char scrap[4096];

	if (s->raw != NULL) {
		if (recv(fd, scrap, sizeof(scrap), 0) < 0 || send(fd, s->raw, strlen(s->raw), MSG_NOSIGNAL) < 0)
			abort();
	} else {
		EVP_PKEY *key = new_key("EC");
		X509 *cert = certificate(key);
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
		SSL *ssl;

		SSL_CTX_set_max_proto_version(ctx, s->max_version);
		SSL_CTX_use_certificate(ctx, cert);
		SSL_CTX_use_PrivateKey(ctx, key);
		ssl = SSL_new(ctx);
		SSL_set_fd(ssl, fd);
		SSL_accept(ssl);
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		X509_free(cert);
		EVP_PKEY_free(key);
	}
	close(fd);
	return NULL;
}

static const char *try_server(struct fixture *f, struct server *s)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	socklen_t n = sizeof(in4);
	pthread_t thread;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(s->fd, (const struct sockaddr *)&in4, sizeof(in4)), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	getsockname(s->fd, (struct sockaddr *)&in4, &n);
	assert_int_equal(pthread_create(&thread, NULL, server_run, s), 0);
	dial(&f->a, ntohs(in4.sin_port));
	RUN_UNTIL(f, f->a.nfailed == 1);
	pthread_join(thread, NULL);
	close(s->fd);
	assert_int_equal(f->a.nlinks, 0);
	assert_ptr_equal(f->a.failed_arg, &f->a);
	return f->a.reasons[0];
}

static void a_tls_1_2_server_is_refused(void **state)
{
	struct fixture *f = *state;
	struct server s = { .max_version = TLS1_2_VERSION };

	assert_string_equal(try_server(f, &s), "TLS 1.2 or older");
	assert_true(f->a.refused[0]);
}

static void a_plain_server_is_refused(void **state)
{
	struct fixture *f = *state;
	struct server s = { .raw = "220 mail.example ESMTP\r\n" };

	assert_string_equal(try_server(f, &s), "not TLS");
	assert_true(f->a.refused[0]);
}

static void a_closed_port_fails_without_blame(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	socklen_t n = sizeof(in4);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Bound, not listening: nobody else gets the port meanwhile. */
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&in4, sizeof(in4)), 0);
	getsockname(fd, (struct sockaddr *)&in4, &n);
	dial(&f->a, ntohs(in4.sin_port));
	assert_int_equal(f->a.nfailed, 0);
	RUN_UNTIL(f, f->a.nfailed == 1);
	assert_string_equal(f->a.reasons[0], strerror(ECONNREFUSED));
	assert_false(f->a.refused[0]);
	close(fd);
}

static void unfinished_handshakes_from_one_host_are_bounded(void **state)
{
	struct fixture *f = *state;
	int fds[10];

	for (int i = 0; i < 10; i++)
		fds[i] = connect_to(f->a.port);
	RUN_UNTIL(f, f->a.nfailed == 2);
	assert_string_equal(f->a.reasons[1], "too many unfinished handshakes");
	assert_false(f->a.refused[1]);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
	RUN_UNTIL(f, f->a.nfailed == 10);
	assert_string_equal(f->a.reasons[9], "connection cut by the other side");
	dial(&f->b, f->a.port);
	RUN_UNTIL(f, f->a.nlinks == 1);
}

static void running_out_of_descriptors_is_survived(void **state)
{
	struct fixture *f = *state;
	struct rlimit was, tight;
	int fd, used;

	/* The client's end, before there is none left for the server's. */
	fd = connect_to(f->a.port);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	used = dup(fd);
	close(used);
	tight = was;
	tight.rlim_cur = (rlim_t)used;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	RUN_UNTIL(f, f->a.nfailed == 1);
	assert_non_null(strstr(f->a.reasons[0], "raise the limit"));
	run_for(f, 50);
	assert_int_equal(f->a.nfailed, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	dial(&f->b, f->a.port);
	RUN_UNTIL(f, f->a.nlinks == 1);
	close(fd);
}

/* --- ends that die --- */

/* Joins as a stranger with a good key, sends these bytes as frames, and is gone. Returns what `down` said. */
static const char *try_frames(struct fixture *f, const uint8_t *frames, size_t n, bool reset)
{
	EVP_PKEY *key = new_key("ED25519");
	struct stranger s = { .alpn = "\x09lanyard/1", .key = key, .frames = frames, .frames_n = n, .reset = reset };
	pthread_t thread;

	s.port = f->a.port;
	assert_int_equal(pthread_create(&thread, NULL, stranger_run, &s), 0);
	if (reset) {
		RUN_UNTIL(f, f->a.nlinks == 1);
		link_send(f->a.links[0], LINK_CONTROL, FRAME_PING, NULL, 0, NULL, 0);
	}
	RUN_UNTIL(f, f->a.ndown == 1);
	pthread_join(thread, NULL);
	EVP_PKEY_free(key);
	return f->a.down_reason;
}

static void an_end_that_dies_inside_a_frame_is_noticed(void **state)
{
	struct fixture *f = *state;
	uint8_t frames[FRAME_HEADER + 1 + 5000] = { 0 };

	frame_write_header(frames, FRAME_PING, 0, 1);
	frame_write_header(frames + FRAME_HEADER + 1, FRAME_BLOCK, 0, 1 << 20);
	assert_string_equal(try_frames(f, frames, sizeof(frames), false), "connection cut by the other side");
	assert_int_equal(f->a.nframes, 1);
}

static void a_reset_is_noticed(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[FRAME_HEADER + 1] = { 0 };
	const char *reason;

	frame_write_header(frame, FRAME_BLOCK, 0, 1 << 20);
	reason = try_frames(f, frame, sizeof(frame), true);
	assert_true(strcmp(reason, strerror(ECONNRESET)) == 0 || strcmp(reason, strerror(EPIPE)) == 0);
}

static void unknown_flags_end_the_link(void **state)
{
	uint8_t frame[FRAME_HEADER + 1] = { 0 };

	frame_write_header(frame, FRAME_PING, 2, 1);
	assert_non_null(strstr(try_frames(*state, frame, sizeof(frame), false), "flags"));
}

static void a_compressed_block_frame_ends_the_link(void **state)
{
	uint8_t frame[FRAME_HEADER + 8] = { 0 };

	frame_write_header(frame, FRAME_BLOCK, FRAME_FLAG_ZSTD, 8);
	assert_non_null(strstr(try_frames(*state, frame, sizeof(frame), false), "flags"));
}

static void an_overlong_frame_ends_the_link_at_its_header(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[FRAME_HEADER];

	frame_write_header(frame, FRAME_NEWS, 0, FRAME_MAX_CONTROL + 1);
	assert_non_null(strstr(try_frames(f, frame, sizeof(frame), false), "exceeds the maximum length"));
	assert_int_equal(f->a.nframes, 0);
}

static void freeing_ends_handshakes_without_a_word(void **state)
{
	struct fixture *f = *state;
	int fd = connect_to(f->a.port);

	dial(&f->b, f->a.port);
	loop_turn(f->loop, true);
	tls_free(f->a.tls);
	tls_free(f->b.tls);
	f->a.tls = f->b.tls = NULL;
	run_for(f, 20);
	assert_int_equal(f->a.nfailed + f->b.nfailed, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tls_1_2_is_refused),
		TEST(plain_tcp_is_refused),
		TEST(http_is_refused),
		TEST(no_certificate_is_refused),
		TEST(another_kind_of_key_is_refused),
		TEST(another_alpn_is_refused),
		TEST(no_alpn_is_refused),
		TEST(a_tls_1_2_server_is_refused),
		TEST(a_plain_server_is_refused),
		TEST(a_closed_port_fails_without_blame),
		TEST(unfinished_handshakes_from_one_host_are_bounded),
		TEST(running_out_of_descriptors_is_survived),
		TEST(an_end_that_dies_inside_a_frame_is_noticed),
		TEST(a_reset_is_noticed),
		TEST(unknown_flags_end_the_link),
		TEST(a_compressed_block_frame_ends_the_link),
		TEST(an_overlong_frame_ends_the_link_at_its_header),
		TEST(freeing_ends_handshakes_without_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
