/* web: opens the page in a browser, by a link that is good once; ends all sessions; and says who may come in from other
 * machines: by a password, or as a program with a token. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/cli/browser.h"
#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/cli/passphrase.h"

/* What the command is to do. */
struct web_wish {
	bool print, revoke, password, no_password, all, tokens;
	const char *password_file, *token, *revoke_token; /* NULL: not given */
};

static int web_revoke_all(struct cli *cli)
{
	char n[FORMAT_MAX];
	json_t *document;
	int rc = http_post(cli, "/web/revoke", NULL, &document);

	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		printf("%s ended\n", format_count(n, document_number(document, "ended"), "session", "sessions"));
	json_decref(document);
	return CLI_DONE;
}

/* A browser warns of a certificate that nobody has signed; this is how its user tells that it is ours. */
static void tell_fingerprint(const json_t *document)
{
	char *fingerprint = document_text(document, "fingerprint");

	if (fingerprint[0] != '\0')
		(void)fprintf(
			stderr,
			"lanyard: the browser warns of the page's certificate once. Its SHA-256 fingerprint has to "
			"be\n%s\n",
			fingerprint);
	free(fingerprint);
}

static int web_enter(struct cli *cli, bool print)
{
	json_t *document;
	const char *url;
	int rc = http_post(cli, "/web/link", NULL, &document);

	if (rc != CLI_DONE)
		return rc;
	url = json_string_value(json_object_get(document, "url"));
	if (cli->json) {
		cli_print_json(document);
	} else {
		tell_fingerprint(document);
		if (url != NULL && (print || !browser_open(cli, url)))
			printf("%s\n", url);
	}
	json_decref(document);
	return CLI_DONE;
}

/* --- who may come in from other machines --- */

static void tell_door(const json_t *web)
{
	char *address = document_text(web, "address"), *problem = document_text(web, "problem");

	if (address[0] != '\0') {
		printf("the page is at %s\n", address);
		tell_fingerprint(web);
	} else {
		printf("the page is not served: %s\n", problem);
	}
	free(address);
	free(problem);
}

/* Prints what the agent answered, which is how the door is now. */
static int tell_changed(struct cli *cli, int rc, json_t *document, const char *done)
{
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
	} else {
		printf("%s\n", done);
		tell_door(document);
	}
	json_decref(document);
	return CLI_DONE;
}

static int web_password(struct cli *cli, const struct web_wish *w)
{
	static const struct passphrase_words words = { "password", "Password: ", "A new password for the page: " };
	json_t *document = NULL, *body;
	char *password;
	int rc;

	passphrase_keep_private();
	password = passphrase_get(cli, &words, w->password_file, true, &rc);
	if (password == NULL)
		return rc;
	body = json_pack("{s:s}", "password", password);
	passphrase_free(password);
	if (body == NULL) {
		cli_error("a password must be UTF-8 text");
		return CLI_REFUSED;
	}
	rc = http_post(cli, "/web/password", body, &document);
	return tell_changed(cli, rc, document, "the password is set, and all sessions have ended");
}

static int web_no_password(struct cli *cli)
{
	json_t *document = NULL;
	int rc = http_post(cli, "/web/password", NULL, &document);

	return tell_changed(cli, rc, document, "there is no password any more, and all sessions have ended");
}

/* The token alone is on stdout. */
static int web_token(struct cli *cli, const struct web_wish *w)
{
	json_t *document = NULL;
	int rc = http_post(cli, "/web/token", json_pack("{s:s, s:b}", "name", w->token, "all", (int)w->all), &document);
	char *token;

	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
	} else {
		token = document_text(document, "token");
		printf("%s\n", token);
		free(token);
		tell_fingerprint(document);
	}
	json_decref(document);
	return CLI_DONE;
}

static int web_tokens(struct cli *cli)
{
	json_t *document = NULL, *token;
	char made[FORMAT_MAX];
	size_t i;
	int rc = http_get(cli, "/web/tokens", &document);

	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else if (json_array_size(json_object_get(document, "tokens")) == 0)
		printf("no tokens\n");
	else
		json_array_foreach(json_object_get(document, "tokens"), i, token) {
			char *name = document_text(token, "name");

			printf("%-32s  %-4s  made %s\n", name, document_flag(token, "all") ? "all" : "read",
			       format_time(made, document_number(token, "made")));
			free(name);
		}
	json_decref(document);
	return CLI_DONE;
}

static int web_revoke_token(struct cli *cli, const struct web_wish *w)
{
	json_t *document = NULL;
	int rc = http_post(cli, "/web/token/revoke", json_pack("{s:s}", "name", w->revoke_token), &document);

	return tell_changed(cli, rc, document, "the token is not good any more");
}

static int web_do(struct cli *cli, const struct web_wish *w)
{
	if (w->revoke)
		return web_revoke_all(cli);
	if (w->password || w->password_file != NULL)
		return web_password(cli, w);
	if (w->no_password)
		return web_no_password(cli);
	if (w->token != NULL)
		return web_token(cli, w);
	if (w->tokens)
		return web_tokens(cli);
	return w->revoke_token != NULL ? web_revoke_token(cli, w) : web_enter(cli, w->print);
}

int cmd_web(struct cli *cli, int argc, char **argv)
{
	struct web_wish w = { .print = false };
	struct args_option own[] = {
		{ ARGS_FLAG, "print", &w.print },
		{ ARGS_FLAG, "revoke", &w.revoke },
		{ ARGS_FLAG, "password", &w.password },
		{ ARGS_TEXT, "password-file", &w.password_file },
		{ ARGS_FLAG, "no-password", &w.no_password },
		{ ARGS_TEXT, "token", &w.token },
		{ ARGS_FLAG, "all", &w.all },
		{ ARGS_FLAG, "tokens", &w.tokens },
		{ ARGS_TEXT, "revoke-token", &w.revoke_token },
		{ ARGS_END, NULL, NULL },
	};

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	if (w.print + w.revoke + (w.password || w.password_file != NULL) + w.no_password + (w.token != NULL) +
	            w.tokens + (w.revoke_token != NULL) >
	    1)
		return cli_usage(cli, "these options exclude one another, except --password-file beside --password, "
		                      "and --all beside --token");
	if (w.all && w.token == NULL)
		return cli_usage(cli, "--all goes with --token");
	return web_do(cli, &w);
}
