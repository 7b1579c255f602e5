/* See web_cert.h. */
#include "agent/api/web_cert.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/api/web_secret_file.h"
#include "agent/config/config.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

#define CERT_FILE "web.pem"

enum {
	PEM_MAX = 32 << 10,
	CHAIN_BYTES = 256 << 10,
	CHAIN_MAX = 16,
	DAY_S = 86400,
	SERIAL_BITS = 127,
	NAMES_MAX = 64,
	KEY_MODES_REFUSED = 027, /* of a key's file: who else may read it, and which group change it */
};

struct web_cert {
	EVP_PKEY *key; /* owned, like x509 */
	X509 *x509;
	STACK_OF(X509) * chain; /* owned; of those that signed it; NULL: none */
	char fingerprint[WEB_CERT_FINGERPRINT];
};

void web_cert_free(struct web_cert *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_free(c->key);
	X509_free(c->x509);
	sk_X509_pop_free(c->chain, X509_free);
	free(c);
}

const char *web_cert_fingerprint(const struct web_cert *c)
{
	return c->fingerprint;
}

/* As browsers show it. */
static int note_fingerprint(struct web_cert *c)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (X509_digest(c->x509, EVP_sha256(), digest, &n) != 1 || n != SHA256_SIZE)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		(void)snprintf(c->fingerprint + (size_t)i * 3, 4, "%02X%s", digest[i], i + 1 < n ? ":" : "");
	return 0;
}

/* --- whether one will do --- */

static bool is_in_digits(const char *name)
{
	uint8_t ip[16];

	return inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
}

static bool cert_has_name(const struct web_cert *c, const char *name)
{
	if (is_in_digits(name))
		return X509_check_ip_asc(c->x509, name, 0) == 1;
	return X509_check_host(c->x509, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* A clock that was wrong when it was made counts, too. */
bool web_cert_due(const struct web_cert *c)
{
	time_t now = (time_t)clock_wall_s(), then = now + (time_t)WEB_CERT_RENEW_DAYS * DAY_S;

	return X509_cmp_time(X509_get0_notBefore(c->x509), &now) > 0 ||
	       X509_cmp_time(X509_get0_notAfter(c->x509), &then) < 0;
}

char *web_cert_lacks(const struct web_cert *c, const struct settings_list *needed)
{
	if (web_cert_due(c))
		return mem_strdup("expires");
	for (size_t i = 0; i < needed->n; i++) {
		if (!cert_has_name(c, needed->v[i]))
			return mem_printf("is not for %s", needed->v[i]);
	}
	return NULL;
}

/* --- a new one --- */

static void append_names(char **text, const struct settings_list *names, size_t *n)
{
	for (size_t i = 0; i < names->n && *n < NAMES_MAX; i++, (*n)++) {
		char *longer = mem_printf("%s%s%s:%s", *text, (*text)[0] != '\0' ? "," : "",
		                          is_in_digits(names->v[i]) ? "IP" : "DNS", names->v[i]);

		free(*text);
		*text = longer;
	}
}

static int add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	int rc = e != NULL && X509_add_ext(x509, e, -1) == 1 ? 0 : -1;

	X509_EXTENSION_free(e);
	return rc;
}

static int set_serial(X509 *x509)
{
	BIGNUM *n = BN_new();
	int rc = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	                         BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x509)) != NULL
	                 ? 0
	                 : -1;

	BN_free(n);
	return rc;
}

static int set_life(X509 *x509)
{
	time_t now = (time_t)clock_wall_s();

	return X509_time_adj_ex(X509_getm_notBefore(x509), -WEB_CERT_BACK_DAYS, 0, &now) != NULL &&
	                       X509_time_adj_ex(X509_getm_notAfter(x509), WEB_CERT_DAYS, 0, &now) != NULL
	               ? 0
	               : -1;
}

/* names: of the extension, as OpenSSL writes them. NULL: OpenSSL does not want to. */
static X509 *cert_sign(EVP_PKEY *key, const char *names)
{
	X509 *x509 = X509_new();
	X509_NAME *subject;

	if (x509 == NULL)
		return NULL;
	subject = X509_get_subject_name(x509);
	if (X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) == 0 && set_life(x509) == 0 &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"lanyard", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key) == 1 &&
	    add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") == 0 &&
	    add_extension(x509, NID_key_usage, "critical,digitalSignature") == 0 &&
	    add_extension(x509, NID_ext_key_usage, "serverAuth") == 0 &&
	    add_extension(x509, NID_subject_alt_name, names) == 0 && X509_sign(x509, key, EVP_sha256()) != 0)
		return x509;
	X509_free(x509);
	return NULL;
}

/* Takes key over; NULL: a new one. */
static struct web_cert *cert_make(EVP_PKEY *key, const struct settings_list *needed, const struct settings_list *more)
{
	struct web_cert *c = MEM_NEW(struct web_cert);
	char *names = mem_strdup("");
	size_t n = 0;

	append_names(&names, needed, &n);
	append_names(&names, more, &n);
	c->key = key != NULL ? key : EVP_EC_gen("P-256");
	c->x509 = c->key != NULL ? cert_sign(c->key, names) : NULL;
	free(names);
	if (c->x509 != NULL && note_fingerprint(c) == 0)
		return c;
	web_cert_free(c);
	return NULL;
}

/* --- its file --- */

static int cert_store(const struct web_cert *c, int home_dirfd, char **why)
{
	BIO *pem = BIO_new(BIO_s_mem());
	char *bytes = NULL, *text;
	long n = 0;
	int rc = -1;

	if (pem != NULL && PEM_write_bio_PrivateKey(pem, c->key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    PEM_write_bio_X509(pem, c->x509) == 1)
		n = BIO_get_mem_data(pem, &bytes);
	if (n > 0) {
		text = mem_printf("%.*s", (int)n, bytes);
		rc = web_secret_file_write(home_dirfd, CERT_FILE, text, why);
		OPENSSL_cleanse(text, strlen(text));
		free(text);
		OPENSSL_cleanse(bytes, (size_t)n);
	} else {
		*why = mem_strdup("OpenSSL cannot write a key");
	}
	BIO_free(pem);
	return rc;
}

/* Never asks for a passphrase on a terminal, which OpenSSL does by default. */
static int ask_nobody(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

/* NULL: the file is damaged. */
static struct web_cert *cert_parse(const char *text)
{
	struct web_cert *c = MEM_NEW(struct web_cert);
	BIO *pem = BIO_new_mem_buf(text, -1);

	if (pem != NULL) {
		c->key = PEM_read_bio_PrivateKey(pem, NULL, ask_nobody, NULL);
		c->x509 = c->key != NULL ? PEM_read_bio_X509(pem, NULL, ask_nobody, NULL) : NULL;
	}
	BIO_free(pem);
	if (c->x509 != NULL && EVP_PKEY_get_base_id(c->key) == EVP_PKEY_EC &&
	    X509_check_private_key(c->x509, c->key) == 1 && note_fingerprint(c) == 0)
		return c;
	web_cert_free(c);
	return NULL;
}

/* 1: *c is what the file has; 0: there is none; -1 with *why. */
static int cert_load(int home_dirfd, struct web_cert **c, char **why)
{
	char *text = NULL;
	int rc = web_secret_file_read(home_dirfd, CERT_FILE, PEM_MAX, &text, why);

	if (rc > 0) {
		*c = cert_parse(text);
		OPENSSL_cleanse(text, strlen(text));
		if (*c == NULL) {
			*why = mem_strdup(CERT_FILE " in the home folder does not hold a P-256 key and its "
			                            "certificate: move it away, and a new one is made");
			rc = -1;
		}
	}
	free(text);
	return rc;
}

struct web_cert *web_cert_open(int home_dirfd, const struct settings_list *needed, const struct settings_list *more,
                               char **fresh, char **why)
{
	struct web_cert *old = NULL, *c;
	EVP_PKEY *key = NULL;
	char *lacks;

	*fresh = NULL;
	if (cert_load(home_dirfd, &old, why) < 0)
		return NULL;
	lacks = old != NULL ? web_cert_lacks(old, needed) : NULL;
	if (old != NULL && lacks == NULL)
		return old;
	*fresh = lacks != NULL ? mem_printf("the old one %s", lacks) : mem_strdup("there was none");
	free(lacks);
	if (old != NULL && EVP_PKEY_up_ref(old->key) == 1)
		key = old->key;
	web_cert_free(old);
	c = cert_make(key, needed, more);
	if (c == NULL)
		*why = mem_printf("OpenSSL cannot make a certificate: %s", ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	if (c != NULL && cert_store(c, home_dirfd, why) == 0)
		return c;
	web_cert_free(c);
	free(*fresh);
	*fresh = NULL;
	return NULL;
}

/* --- one that the admin gives --- */

/* The group may be one that holds keys (ssl-cert), and the path may lead through symlinks, as certbot's do. */
static char *read_given_key(const char *path, char **why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct fs_stat st = { 0 };
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0 || fs_stat_fd(fd, &st) < 0) {
		*why = mem_printf("web-key %s: %s", path, strerror(errno));
	} else if (st.kind != S_IFREG || (st.mode & KEY_MODES_REFUSED) != 0) {
		*why = mem_printf("web-key %s: %s (mode %04o)", path,
		                  st.kind != S_IFREG ? "not a regular file"
		                                     : "everybody can read it, or a group change it",
		                  st.mode);
	} else {
		text = mem_calloc(PEM_MAX + 2, 1);
		n = fs_pread_full(fd, text, PEM_MAX + 1, 0);
		if (n < 0 || n > PEM_MAX)
			*why = mem_printf("web-key %s: %s", path, strerror(n < 0 ? errno : EFBIG));
	}
	if (fd >= 0)
		close(fd);
	if (*why == NULL)
		return text;
	free(text);
	return NULL;
}

/* The certificates of a file, the first one its own. */
static int parse_chain(struct web_cert *c, const char *text)
{
	BIO *pem = BIO_new_mem_buf(text, -1);
	X509 *one;

	c->chain = sk_X509_new_null();
	while (pem != NULL && c->chain != NULL && (one = PEM_read_bio_X509(pem, NULL, ask_nobody, NULL)) != NULL) {
		if (c->x509 == NULL)
			c->x509 = one;
		else if (sk_X509_num(c->chain) >= CHAIN_MAX || sk_X509_push(c->chain, one) == 0)
			X509_free(one);
	}
	BIO_free(pem);
	ERR_clear_error(); /* of the end of the text */
	return c->x509 != NULL ? 0 : -1;
}

static EVP_PKEY *parse_given_key(const char *text)
{
	BIO *pem = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = pem != NULL ? PEM_read_bio_PrivateKey(pem, NULL, ask_nobody, NULL) : NULL;

	BIO_free(pem);
	ERR_clear_error();
	return key;
}

struct web_cert *web_cert_given(const char *cert_path, const char *key_path, char **why)
{
	struct web_cert *c = MEM_NEW(struct web_cert);
	size_t n = 0;
	char *certs = config_read(cert_path, CHAIN_BYTES, false, &n, why);
	char *key = certs != NULL ? read_given_key(key_path, why) : NULL;

	if (key != NULL) {
		c->key = parse_given_key(key);
		OPENSSL_cleanse(key, strlen(key));
		if (c->key == NULL)
			*why = mem_printf("web-key %s: holds no key in PEM form without a passphrase", key_path);
		else if (parse_chain(c, certs) < 0)
			*why = mem_printf("web-certificate %s: holds no certificate in PEM form", cert_path);
		else if (X509_check_private_key(c->x509, c->key) != 1 || note_fingerprint(c) < 0)
			*why = mem_printf("web-certificate %s: is not that of the key %s", cert_path, key_path);
	}
	ERR_clear_error();
	free(certs);
	free(key);
	if (*why == NULL)
		return c;
	web_cert_free(c);
	return NULL;
}

int web_cert_use(const struct web_cert *c, struct ssl_ctx_st *ctx)
{
	return SSL_CTX_use_certificate(ctx, c->x509) == 1 && SSL_CTX_use_PrivateKey(ctx, c->key) == 1 &&
	                       (c->chain == NULL || SSL_CTX_set1_chain(ctx, c->chain) == 1)
	               ? 0
	               : -1;
}
