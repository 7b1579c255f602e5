/* What the page's door has besides at an address that others can reach: TLS with a certificate of its own, a password,
 * tokens for programs, and the names of this host. The loop's thread. */
#ifndef LANYARD_AGENT_WEB_REMOTE_H
#define LANYARD_AGENT_WEB_REMOTE_H

#include "agent/api/control_listen.h"
#include "agent/api/web_login.h"
#include "agent/api/web_tls.h"
#include "agent/api/web_tokens.h"
#include "agent/settings.h"

struct web_remote {
	struct loop *loop;
	const struct settings *settings; /* the caller's */
	int home_dirfd;                  /* the caller's */
	struct web_login *login;
	struct web_tokens tokens;
	char *tokens_problem;     /* owned; why they could not be read; NULL */
	struct settings_list own; /* names of this host */
	struct web_cert *cert;    /* NULL: not open */
	char *lack;               /* what was said of one that the admin gives; owned; NULL: nothing */
	struct web_tls *tls;      /* NULL: not open */
	struct loop_timer *renew; /* while it is open */
};

struct web_remote *web_remote_new(struct loop *loop, const struct settings *settings, struct agent *agent,
                                  int home_dirfd);
/* After the calls have ended. NULL is fine. */
void web_remote_free(struct web_remote *r);

/* Whether somebody could come in: there is a password, or a token. -1 with *why (fresh text): what to do. */
int web_remote_ready(const struct web_remote *r, char **why);
/* Takes a new certificate if there is one: the agent's own one expires, or the admin has given another. */
void web_remote_renew(struct web_remote *r);
/* TLS at the address that `listen` has, whose descriptor is taken over. fn gets what comes in. -1 with *why. */
int web_remote_open(struct web_remote *r, struct control_listen *listen, web_tls_fn *fn, void *arg, char **why);
/* Cuts all connections. */
void web_remote_close(struct web_remote *r);

/* A new token, whose text is then in `text`; or one that is taken back. -1 with *why. */
int web_remote_add_token(struct web_remote *r, const char *name, bool all, char text[WEB_TOKEN_TEXT], char **why);
int web_remote_remove_token(struct web_remote *r, const char *name, char **why);

#endif
