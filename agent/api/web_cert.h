/* The certificate of the page at a remote address: a P-256 key and a certificate that it signs itself, made once and
 * kept in the home (web.pem, 0600). Browsers do not take the agent's own Ed25519 key, and this one needs to prove
 * nothing to members. Its fingerprint is what a user compares with what a browser shows, so it changes only when it has
 * to: when it expires within a month, and when the settings name the host in a way that it does not have. A new
 * certificate keeps the key. */
#ifndef LANYARD_AGENT_WEB_CERT_H
#define LANYARD_AGENT_WEB_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/settings.h"

struct ssl_ctx_st;
struct web_cert;

enum {
	WEB_CERT_DAYS = 820,           /* some browsers take no certificate that is good for more than 825 */
	WEB_CERT_RENEW_DAYS = 30,      /* before its end */
	WEB_CERT_BACK_DAYS = 1,        /* for clocks that are behind ours */
	WEB_CERT_FINGERPRINT = 32 * 3, /* "AB:CD:...", with its NUL */
};

/* The one in the home, or a new one, which is stored. needed: names and addresses in digits that it has to have; more:
 * what a new one has besides. *fresh (text, may be NULL): why a new one was made; NULL: it was not. NULL with *why. */
struct web_cert *web_cert_open(int home_dirfd, const struct settings_list *needed, const struct settings_list *more,
                               char **fresh, char **why);
/* One that the admin gives: files in PEM form, of the certificate with those that lead to one that browsers know, and
 * of its key. NULL with *why. */
struct web_cert *web_cert_given(const char *cert_path, const char *key_path, char **why);
/* What is wrong with it all the same, fresh: it expires, or a name is not in it. NULL: nothing. */
char *web_cert_lacks(const struct web_cert *c, const struct settings_list *needed);
void web_cert_free(struct web_cert *c); /* NULL is fine */
/* SHA-256 of the certificate. */
const char *web_cert_fingerprint(const struct web_cert *c);
/* Whether it is time for a new one. */
bool web_cert_due(const struct web_cert *c);
/* Has the context show it. -1: OpenSSL does not want to. */
int web_cert_use(const struct web_cert *c, struct ssl_ctx_st *ctx);

#endif
