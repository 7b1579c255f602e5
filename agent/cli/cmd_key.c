/* key export, key import. The file is written and read here, with the caller's rights; the agent seals and opens it. An
 * import without an agent goes into the home by itself. */
#include "agent/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/confirm.h"
#include "agent/cli/http.h"
#include "agent/cli/passphrase.h"
#include "agent/escape.h"
#include "agent/home.h"
#include "agent/key_check.h"
#include "agent/key_file.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/mem.h"

/* Lines of paper are not much longer than the file, whatever is typed around them. */
enum { INPUT_MAX = 4 * EXPORT_MAX, START_MS = 10000, LOOK_MS = 50 };

struct key_words {
	const char *file;
	const char *share, *passphrase_file; /* NULL: not given */
	bool paper, yes;
};

static bool is_dash(const char *file)
{
	return file != NULL && strcmp(file, "-") == 0;
}

static const struct passphrase_words passphrase_of_file = { "passphrase", "The passphrase of the key file: ",
	                                                    "A passphrase for the key file: " };

/* --- export --- */

/* A new file, for its owner alone; never in place of another. */
static int write_new_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		cli_error(errno == EEXIST ? "%s: is there already; a key file is not written over another file"
		                          : "%s: %s",
		          path, strerror(errno));
		return CLI_REFUSED;
	}
	if (fs_pwrite_all(fd, p, n, 0) < 0 || fsync(fd) < 0) {
		cli_error("%s: %s", path, strerror(errno));
		close(fd);
		(void)unlink(path);
		return CLI_REFUSED;
	}
	close(fd);
	return CLI_DONE;
}

static int write_somewhere(const struct key_words *w, const void *p, size_t n)
{
	if (!is_dash(w->file))
		return write_new_file(w->file, p, n);
	return fwrite(p, 1, n, stdout) == n ? CLI_DONE : CLI_REFUSED;
}

/* What the agent has sealed, as it is or as a page. */
static int write_key(const struct key_words *w, const json_t *document)
{
	const char *text = json_string_value(json_object_get(document, "file"));
	char *agent = document_text(document, "agent"), *host = document_text(document, "name"), *page;
	uint8_t *p = mem_calloc(EXPORT_MAX, 1);
	int n = text != NULL ? base64url_decode(p, EXPORT_MAX, text, strlen(text)) : -1;
	int rc = CLI_REFUSED;

	if (n < 0) {
		cli_error("the agent's answer is not as expected");
	} else if (w->paper) {
		page = key_file_page(p, (size_t)n, agent, host);
		rc = write_somewhere(w, page, strlen(page));
		free(page);
	} else {
		rc = write_somewhere(w, p, (size_t)n);
	}
	free(p);
	free(agent);
	free(host);
	return rc;
}

/* On paper no path is. */
static void print_without_path(const struct key_words *w, const json_t *document)
{
	const json_t *group;
	size_t i;

	json_array_foreach(w->paper ? NULL : json_object_get(document, "without_path"), i, group) {
		char *name = escape_terminal(json_string_value(group));

		(void)printf("The path of the share of %s is too long for it, or has control characters: give --share "
		             "when you import.\n",
		             name);
		free(name);
	}
}

static void print_exported(struct cli *cli, const struct key_words *w, const json_t *document)
{
	const json_t *groups = json_object_get(document, "groups"), *group;
	char *agent = document_text(document, "agent");
	json_t *said;
	size_t i;

	if (cli->json) {
		said = json_pack("{s:O, s:O, s:O, s:s}", "agent", json_object_get(document, "agent"), "groups",
		                 json_object_get(document, "groups"), "without_path",
		                 json_object_get(document, "without_path"), "file", w->file);
		cli_print_json(said);
		json_decref(said);
	} else {
		(void)printf("%s holds the key of agent %s, and of %zu group%s", w->file, agent,
		             json_array_size(groups), json_array_size(groups) == 1 ? "" : "s");
		json_array_foreach(groups, i, group) {
			char *name = escape_terminal(json_string_value(group));

			(void)printf("%s%s", i == 0 ? ": " : ", ", name);
			free(name);
		}
		(void)printf(".\nWhoever has it and the passphrase is this agent: keep it away from this disk. Export "
		             "again when it is in other groups.\n");
		print_without_path(w, document);
	}
	free(agent);
}

static int key_export(struct cli *cli, const struct key_words *w)
{
	bool to_screen = is_dash(w->file);
	json_t *document = NULL;
	char *passphrase;
	json_t *body;
	int rc;

	if (to_screen && !w->paper && cli->terminal)
		return cli_usage(cli, "a terminal cannot show a key file: give a FILE, or --paper");
	if (to_screen && cli->json)
		return cli_usage(cli, "--json and the key cannot both go to standard output");
	if (!to_screen && access(w->file, F_OK) == 0) {
		cli_error("%s: is there already; a key file is not written over another file", w->file);
		return CLI_REFUSED;
	}
	passphrase = passphrase_get(cli, &passphrase_of_file, w->passphrase_file, true, &rc);
	if (passphrase == NULL)
		return rc;
	body = json_pack("{s:s, s:b}", "passphrase", passphrase, "paper", (int)w->paper);
	passphrase_free(passphrase);
	if (body == NULL) {
		cli_error("a passphrase must be UTF-8 text");
		return CLI_REFUSED;
	}
	rc = http_post(cli, "/key/export", body, &document);
	if (rc == CLI_DONE)
		rc = write_key(w, document);
	if (rc == CLI_DONE && !to_screen)
		print_exported(cli, w, document);
	json_decref(document);
	return rc;
}

/* --- import --- */

/* All of the file or of standard input. -1 after a message. */
static int read_input(const char *file, struct bytes *out)
{
	FILE *f = is_dash(file) ? stdin : fopen(file, "re");
	uint8_t buf[4096];
	size_t n;
	int rc = 0;

	if (f == NULL) {
		cli_error("%s: %s", file, strerror(errno));
		return -1;
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0 && bytes_append(out, buf, n) == 0)
		continue;
	if (ferror(f) || out->full) {
		cli_error("%s: %s", file, out->full ? "is not a key file of lanyard" : strerror(errno));
		rc = -1;
	}
	if (f != stdin)
		(void)fclose(f);
	return rc;
}

static int take_key(const char *file, struct bytes *key)
{
	struct bytes input = BYTES_INIT(INPUT_MAX);
	char *why = NULL;
	int rc = read_input(file, &input);

	if (rc == 0 && key_file_read(input.p != NULL ? input.p : (const uint8_t *)"", input.len, key, &why) < 0) {
		cli_error("%s: %s", file, why);
		rc = -1;
	}
	free(why);
	bytes_free(&input);
	return rc;
}

static void print_imported(struct cli *cli, const json_t *document, bool runs)
{
	char *agent = document_text(document, "agent");
	const json_t *g;
	size_t i;

	if (cli->json) {
		cli_print_json(document);
	} else {
		(void)printf("this is agent %s again\n", agent);
		json_array_foreach(json_object_get(document, "groups"), i, g) {
			char *group = document_text(g, "group"), *share = document_text(g, "share");

			(void)printf("%s: its files will come to %s, as soon as a member answers\n", group, share);
			free(group);
			free(share);
		}
		puts(runs ? "`lanyard status` shows how it goes" : "now start lanyardd");
	}
	free(agent);
}

/* The folder that a group's files go to, as an absolute path; NULL after a message. */
static char *absolute_share(const char *dir)
{
	char *cwd, *path;

	if (dir[0] == '/')
		return mem_strdup(dir);
	cwd = getcwd(NULL, 0);
	if (dir[0] == '\0' || cwd == NULL) {
		cli_error(cwd == NULL ? "the current folder was deleted; give --share an absolute path"
		                      : "--share is empty");
		free(cwd);
		return NULL;
	}
	while (strncmp(dir, "./", 2) == 0)
		dir += 2;
	path = mem_printf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, dir);
	free(cwd);
	return path;
}

/* What the user wants of an import. */
struct key_order {
	const struct bytes *key;
	const char *passphrase, *file;
	const char *share, *otherwise; /* absolute; share: NULL: not given */
};

static json_t *imported(const struct export_content *c, char *const *shares)
{
	json_t *groups = json_array();
	char id[ID_TEXT_MAX], *name, *share;
	struct agent_id agent;

	key_file_agent(c, &agent);
	agent_id_text(id, &agent);
	for (size_t i = 0; i < c->ngroups; i++) {
		name = escape_name(c->groups[i].name);
		share = escape_name(shares[i]);
		json_array_append_new(groups, json_pack("{s:s, s:s}", "group", name, "share", share));
		free(name);
		free(share);
	}
	return json_pack("{s:s, s:o}", "agent", id, "groups", groups);
}

/* No agent runs: the home is locked, so none begins meanwhile. */
static int import_into(struct cli *cli, const struct home *home, const struct key_order *o, char **why)
{
	struct export_content *c;
	char **shares, *text = NULL;
	json_t *document;
	bool became;
	int rc;

	*why = key_file_obstacle(home->dirfd);
	if (*why != NULL)
		return CLI_REFUSED;
	c = key_file_open(o->passphrase, o->key->p, o->key->len, &text);
	if (c == NULL) {
		*why = mem_printf("%s: %s", o->file, text);
		free(text);
		return CLI_REFUSED;
	}
	shares = mem_calloc(c->ngroups + 1, sizeof(*shares));
	for (size_t i = 0; i < c->ngroups; i++)
		shares[i] = key_file_share(c, i, o->share, o->otherwise);
	*why = key_check_shares(c, shares, o->share != NULL, home->path);
	rc = *why == NULL && key_file_install(home->dirfd, c, shares, &became, why) == 0 ? CLI_DONE : CLI_REFUSED;
	if (rc == CLI_DONE) {
		document = imported(c, shares);
		print_imported(cli, document, false);
		json_decref(document);
	}
	for (size_t i = 0; i < c->ngroups; i++)
		free(shares[i]);
	free(shares);
	export_content_free(c);
	return rc;
}

static int import_here(struct cli *cli, const struct key_order *o)
{
	struct home home = { .dirfd = -1, .lock_fd = -1 };
	char *why = NULL;
	int rc = CLI_REFUSED;

	if (http_home(cli) != NULL && home_open(&home, cli->home, &why) == 0)
		rc = import_into(cli, &home, o, &why);
	if (why != NULL)
		cli_error("%s", why);
	free(why);
	home_close(&home);
	return rc;
}

/* The agent ends, and the one of the key file begins. */
static void wait_for_agent(struct cli *cli, const json_t *agent)
{
	const struct timespec pause = { .tv_nsec = (long)LOOK_MS * 1000000 };
	bool there = false;
	json_t *status;

	for (int ms = 0; ms < START_MS && !there; ms += LOOK_MS) {
		http_free(cli->http); /* the socket is another one */
		cli->http = NULL;
		if (http_probe(cli, "/status", &status) == CLI_DONE)
			there = json_equal(json_object_get(status, "agent"), agent);
		json_decref(status);
		if (!there)
			(void)nanosleep(&pause, NULL);
	}
	if (!there)
		cli_error("the agent has not started again yet: see its log");
}

static int import_by_agent(struct cli *cli, const struct key_order *o)
{
	char *text = mem_calloc((o->key->len * 4 + 2) / 3 + 1, 1);
	char *share = o->share != NULL ? escape_name(o->share) : NULL, *otherwise = escape_name(o->otherwise);
	json_t *document = NULL, *body;
	int rc;

	base64url_encode(text, o->key->p, o->key->len);
	body = json_pack("{s:s, s:s, s:s*, s:s}", "file", text, "passphrase", o->passphrase, "share", share,
	                 "default_share", otherwise);
	free(text);
	free(share);
	free(otherwise);
	if (body == NULL) {
		cli_error("a passphrase must be UTF-8 text");
		return CLI_REFUSED;
	}
	rc = http_post(cli, "/key/import", body, &document);
	if (rc == CLI_DONE) {
		wait_for_agent(cli, json_object_get(document, "agent"));
		print_imported(cli, document, true);
	}
	json_decref(document);
	return rc;
}

static int import_key(struct cli *cli, const struct key_words *w, struct key_order *o)
{
	json_t *status = NULL;
	char *passphrase;
	int rc = http_probe(cli, "/status", &status);
	bool runs = rc != CLI_NO_AGENT || http_is_systems(cli);

	json_decref(status);
	passphrase = passphrase_get(cli, &passphrase_of_file, w->passphrase_file, false, &rc);
	if (passphrase == NULL)
		return rc;
	o->passphrase = passphrase;
	rc = runs ? import_by_agent(cli, o) : import_here(cli, o);
	passphrase_free(passphrase);
	return rc;
}

static int key_import(struct cli *cli, const struct key_words *w)
{
	struct bytes key = BYTES_INIT(EXPORT_MAX);
	struct key_order o = { .key = &key, .file = w->file };
	char *share = NULL, *otherwise = NULL;
	int rc = CLI_REFUSED;

	if (is_dash(w->file) && (w->passphrase_file == NULL || is_dash(w->passphrase_file)))
		return cli_usage(cli, "one of the key and the passphrase can come from standard input: give a file "
		                      "for the other");
	if (take_key(w->file, &key) == 0 && confirm_import(cli, w->file, w->yes)) {
		share = w->share != NULL ? absolute_share(w->share) : NULL;
		otherwise = absolute_share("share");
		o.share = share;
		o.otherwise = otherwise;
		if (otherwise != NULL && (share != NULL || w->share == NULL))
			rc = import_key(cli, w, &o);
	}
	bytes_free(&key);
	free(share);
	free(otherwise);
	return rc;
}

int cmd_key(struct cli *cli, int argc, char **argv)
{
	struct key_words w = { 0 };
	struct args_option own[] = {
		{ ARGS_FLAG, "paper", &w.paper },
		{ ARGS_TEXT, "share", &w.share },
		{ ARGS_TEXT, "passphrase-file", &w.passphrase_file },
		{ ARGS_FLAG, "yes", &w.yes },
		{ ARGS_END, NULL, NULL },
	};

	if (cli_args(cli, own, 2, 2, argc, argv) < 0)
		return CLI_USAGE;
	passphrase_keep_private();
	w.file = argv[1];
	if (w.file[0] == '\0')
		return cli_usage(cli, "key: the name of the file is empty");
	if (strcmp(argv[0], "export") == 0 && w.share == NULL && !w.yes)
		return key_export(cli, &w);
	if (strcmp(argv[0], "import") == 0 && !w.paper)
		return key_import(cli, &w);
	return cli_usage(cli, "key: either export FILE [--paper], or import FILE [--share DIR] [--yes]");
}
