/* How OpenSSL is set up: TLS 1.3 and nothing older, Ed25519 on both sides, no tickets, no names, no authorities.
 * And the reasons of failed handshakes, in words for an admin. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "base/mem.h"
#include "sync/peer/tls_internal.h"

static const unsigned char alpn[] = "\x09lanyard/1";
/* OpenSSL's macros want them writable, and do not write. */
static char signatures[] = "ed25519";
static char exchanges[] = "X25519";
static const char binding_label[] = "EXPORTER-lanyard";

enum { ALPN_LEN = sizeof(alpn) - 1, CERT_MAX = 4096 };

/* Whether AES is done by the processor; where it is not, ChaCha20 is several times faster. */
static bool has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & (1UL << 3)) != 0; /* HWCAP_AES */
#else
	return false;
#endif
}

/* A certificate, since TLS wants one around a key. It reveals nothing: everybody uses the same name and dates. */
static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	if (cert == NULL)
		return NULL;
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"lanyard", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(cert, name) == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), "20200101000000Z") == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z") == 1 &&
	    X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, NULL) != 0)
		return cert;
	X509_free(cert);
	return NULL;
}

static bool is_ed25519(X509 *cert)
{
	EVP_PKEY *key = cert != NULL ? X509_get0_pubkey(cert) : NULL;

	return key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;
}

/* In place of OpenSSL's whole verification: no chain, no dates, no signature over the certificate. The handshake
 * itself proves that the other side holds the key; the roster decides what that key may do. */
static int verify_certificate(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	if (is_ed25519(X509_STORE_CTX_get0_cert(store)))
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                       unsigned in_n, void *arg)
{
	unsigned char *found;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&found, out_n, alpn, ALPN_LEN, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

static bool configure(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert)
{
	const char *suites = has_aes() ? "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
	                               : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";

	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                              SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERT_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify_certificate, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, suites) == 1 && SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, exchanges) == 1 && SSL_CTX_set_alpn_protos(ctx, alpn, ALPN_LEN) == 0 &&
	       SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
}

SSL_CTX *tls_context_new(const struct identity *self, char **why)
{
	X509 *cert = make_certificate(identity_key(self));
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (cert == NULL || ctx == NULL || !configure(ctx, identity_key(self), cert)) {
		*why = mem_printf("OpenSSL cannot be set up for TLS 1.3 with Ed25519: %s; check openssl.cnf",
		                  ERR_reason_error_string(ERR_peek_error()));
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	ERR_clear_error();
	X509_free(cert);
	return ctx;
}

int tls_context_peer(SSL *ssl, struct agent_id *peer, uint8_t binding[32], char reason[TLS_REASON_MAX])
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	const unsigned char *chosen;
	unsigned chosen_n;
	uint8_t public_key[PUBLIC_KEY_LEN];
	size_t n = sizeof(public_key);

	/* A client that offers no ALPN at all never meets select_alpn(). */
	SSL_get0_alpn_selected(ssl, &chosen, &chosen_n);
	if (chosen_n != ALPN_LEN - 1 || memcmp(chosen, alpn + 1, chosen_n) != 0) {
		snprintf(reason, TLS_REASON_MAX, "wrong ALPN: it does not speak lanyard/1");
		return -1;
	}
	if (!is_ed25519(cert) || EVP_PKEY_get_raw_public_key(X509_get0_pubkey(cert), public_key, &n) != 1 ||
	    n != sizeof(public_key) ||
	    SSL_export_keying_material(ssl, binding, 32, binding_label, sizeof(binding_label) - 1, NULL, 0, 0) != 1) {
		snprintf(reason, TLS_REASON_MAX, "its key is not Ed25519");
		return -1;
	}
	identity_id_of_key(peer, public_key);
	return 0;
}

struct meaning {
	int reason; /* OpenSSL's */
	const char *text;
};

static const struct meaning meanings[] = {
	{ SSL_R_UNSUPPORTED_PROTOCOL, "TLS 1.2 or older" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "TLS 1.2 or older" },
	{ SSL_R_VERSION_TOO_LOW, "TLS 1.2 or older" },
	{ SSL_R_UNKNOWN_PROTOCOL, "not TLS" },
	{ SSL_R_WRONG_VERSION_NUMBER, "not TLS" },
	{ SSL_R_HTTP_REQUEST, "not TLS but HTTP" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "not TLS but HTTP" },
	{ SSL_R_BAD_RECORD_TYPE, "not TLS" },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, "not TLS" },
	{ SSL_R_RECORD_LENGTH_MISMATCH, "not TLS" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "no client certificate" },
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it wants a certificate from us, and did not get it" },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED, "its key is not Ed25519" },
	{ SSL_R_WRONG_SIGNATURE_TYPE, "its key is not Ed25519" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "its key is not Ed25519" },
	{ SSL_R_NO_APPLICATION_PROTOCOL, "wrong ALPN: it does not speak lanyard/1" },
	{ SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "wrong ALPN: it does not speak lanyard/1" },
	{ SSL_R_NO_SHARED_CIPHER, "no cipher in common" },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange in common" },
};

static const char *meaning_of(int reason)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].reason == reason)
			return meanings[i].text;
	}
	return NULL;
}

/* The order matters: a close and an error of the socket are no error of OpenSSL's, whose queue may still hold an
 * older one. */
bool tls_context_reason(SSL *ssl, int rc, char reason[TLS_REASON_MAX])
{
	int saved_errno = errno;
	int error = SSL_get_error(ssl, rc);
	unsigned long code = ERR_peek_error();
	const char *text = ERR_GET_LIB(code) == ERR_LIB_SSL ? meaning_of(ERR_GET_REASON(code)) : NULL;
	bool refused = false;

	if (error == SSL_ERROR_ZERO_RETURN) {
		snprintf(reason, TLS_REASON_MAX, "closed by the other side");
	} else if (error == SSL_ERROR_SYSCALL && saved_errno != 0) {
		snprintf(reason, TLS_REASON_MAX, "%s", strerror(saved_errno));
	} else if (error == SSL_ERROR_SYSCALL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		snprintf(reason, TLS_REASON_MAX, "connection cut by the other side");
	} else {
		if (text == NULL)
			text = ERR_reason_error_string(code);
		snprintf(reason, TLS_REASON_MAX, "%s", text != NULL ? text : "TLS error");
		refused = true;
	}
	ERR_clear_error();
	return refused;
}
