/* See http.h. */
#include "agent/cli/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cli/http_watch.h"
#include "agent/home.h"
#include "base/bytes.h"
#include "base/mem.h"

enum { MAX_DOCUMENT = 256 << 20, MAX_LINE = 4 << 20 };

struct http {
	CURL *curl;
	char path[64]; /* of the socket */
	int home_fd;   /* of the home: the path of its socket may be too long for an address; -1: not used */
};

/* The socket of the system's agent for readers. */
static const char system_socket[] = "/run/lanyard/status.sock";

/* One request to the agent, and its answer as it arrives. */
struct http_request {
	struct http *http;
	struct bytes got;   /* the document, or the beginning of a line, or an error's document */
	http_line_fn *line; /* NULL: gather all */
	http_bytes_fn *raw; /* NULL: do not hand on */
	FILE *copy_to;      /* NULL: do not */
	void *arg;
	bool stopped; /* by line() */
	struct http_watch watch;
};

const char *http_home(struct cli *cli)
{
	char *why = NULL;

	if (cli->home == NULL)
		cli->home = home_choose(cli->home_option, &why);
	if (cli->home == NULL)
		cli_error("%s", why);
	free(why);
	return cli->home;
}

/* Whether an agent of the caller's own has run here; it may have stopped. */
static bool has_own(const struct cli *cli)
{
	char *key = cli->home != NULL ? mem_printf("%s/key.pem", cli->home) : NULL;
	bool has = key != NULL && access(key, F_OK) == 0;

	free(key);
	return has;
}

/* Neither --home nor LANYARD_HOME names an agent, and this user has none of his own: he means the system's agent. */
static bool means_systems(const struct cli *cli)
{
	const char *home = getenv("LANYARD_HOME");

	return cli->home_option == NULL && (home == NULL || home[0] == '\0') && geteuid() != 0 && !has_own(cli) &&
	       access(system_socket, F_OK) == 0;
}

bool http_is_systems(const struct cli *cli)
{
	return cli->others || (cli->http == NULL && means_systems(cli));
}

/* Whose home it is, if it is another user's and closed to this one. Fresh; NULL: it is not. */
static char *stranger(const struct cli *cli)
{
	char *path = mem_printf("%s/control.sock", cli->home);
	const struct passwd *user;
	struct stat st;
	bool is_closed = access(path, W_OK) < 0 && errno == EACCES;

	free(path);
	if (!is_closed || stat(cli->home, &st) < 0 || st.st_uid == geteuid())
		return NULL;
	/* cppcheck-suppress getpwuidCalled ; no other thread asks */
	user = getpwuid(st.st_uid);
	return user != NULL ? mem_strdup(user->pw_name) : mem_printf("user %u", (unsigned)st.st_uid);
}

static int no_agent(const struct cli *cli, const char *reason)
{
	char *owner = stranger(cli);

	if (means_systems(cli))
		cli_error("you run no agent of your own, and may not ask the system's agent this: use "
		          "`sudo lanyard`, or, to look (status, files, downloads, events), join its group (sudo "
		          "adduser \"$USER\" lanyard, then log in again)");
	else if (owner != NULL)
		cli_error("the agent at %s belongs to %s, and answers nobody else: ask it as that user (sudo -u)",
		          cli->home, owner);
	else
		cli_error("no agent answers at %s/control.sock (%s): start lanyardd, or give --home", cli->home,
		          reason);
	free(owner);
	return CLI_NO_AGENT;
}

static int hung_agent(const struct cli *cli)
{
	if (cli->others)
		cli_error("the system's agent hangs, or is stopped: it gives no sign of life. Look at `journalctl -u "
		          "lanyardd`, then `sudo systemctl restart lanyardd`");
	else
		cli_error("the agent at %s/control.sock hangs, or is stopped: it gives no sign of life. Look at its "
		          "log, then end lanyardd and start it again",
		          cli->home);
	return CLI_NO_AGENT;
}

static struct http *new_http(int home_fd, const char *path)
{
	struct http *http = MEM_NEW(struct http);

	http->home_fd = home_fd;
	(void)snprintf(http->path, sizeof(http->path), "%s", path);
	http->curl = curl_easy_init();
	if (http->curl == NULL)
		abort(); /* no memory */
	curl_easy_setopt(http->curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(http->curl, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
	return http;
}

/* True if a program listens there and accepts us. */
static bool answers(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	yes = fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	if (fd >= 0)
		close(fd);
	return yes;
}

/* The caller's own agent comes first. Only a user who has none, and has named none, is sent to the system's socket
 * for readers. */
static int open_http(struct cli *cli, bool silent)
{
	char path[64];
	int saved_errno;
	int fd;

	if (cli->http != NULL)
		return CLI_DONE;
	if (http_home(cli) == NULL)
		return CLI_REFUSED;
	fd = open(cli->home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	saved_errno = errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/control.sock", fd);
	if (means_systems(cli) && (fd < 0 || !answers(path)) && answers(system_socket)) {
		if (fd >= 0)
			close(fd);
		cli->others = true;
		cli->http = new_http(-1, system_socket);
		return CLI_DONE;
	}
	if (fd < 0)
		return silent ? CLI_NO_AGENT : no_agent(cli, strerror(saved_errno));
	cli->http = new_http(fd, path);
	return CLI_DONE;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	curl_easy_cleanup(http->curl);
	if (http->home_fd >= 0)
		close(http->home_fd);
	free(http);
}

char *http_encode(const char *bytes)
{
	char *text = curl_easy_escape(NULL, bytes, (int)strlen(bytes));
	char *copy = mem_strdup(text);

	curl_free(text);
	return copy;
}

char *http_group_path(const char *group, const char *rest)
{
	char *encoded, *path;

	if (group == NULL)
		return mem_strdup(rest);
	encoded = http_encode(group);
	path = mem_printf("/groups/%s%s", encoded, rest);
	free(encoded);
	return path;
}

static long response_code(struct http *http)
{
	long code = 0;

	curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

/* Passes the complete lines received so far to the callback. False: it wants no more. */
static bool give_lines(struct http_request *r)
{
	size_t start = 0;
	uint8_t *nl;

	while (start < r->got.len && (nl = memchr(r->got.p + start, '\n', r->got.len - start)) != NULL) {
		const char *line = (const char *)r->got.p + start;

		*nl = '\0';
		r->stopped = !r->line(r->arg, line, (size_t)((const char *)nl - line));
		if (r->stopped)
			return false;
		start = (size_t)(nl + 1 - r->got.p);
	}
	bytes_consume(&r->got, start);
	return true;
}

static size_t http_receive(char *data, size_t size, size_t n, void *arg)
{
	struct http_request *r = arg;
	bool good = response_code(r->http) < 400;

	n *= size;
	if (good && r->copy_to != NULL)
		return fwrite(data, 1, n, r->copy_to);
	if (good && r->raw != NULL) {
		r->stopped = !r->raw(r->arg, data, n);
		return r->stopped ? 0 : n;
	}
	if (bytes_append(&r->got, data, n) < 0)
		return 0;
	if (good && r->line != NULL && !give_lines(r))
		return 0;
	return n;
}

/* The version of the agent; NULL: it says none. Fresh. */
static char *agent_version(struct cli *cli)
{
	json_t *status = NULL;
	char *version = NULL;

	if (http_probe(cli, "/status", &status) == CLI_DONE && json_object_get(status, "version") != NULL)
		version = mem_strdup(json_string_value(json_object_get(status, "version")));
	json_decref(status);
	return version;
}

/* Says why the agent refused. A route that it does not have is one of another version's. */
static void agent_says(struct cli *cli, long code, const char *reason)
{
	char *version = NULL;

	if (reason == NULL) {
		cli_error("what answers at %s%s is not an agent of lanyard (HTTP status %ld)",
		          cli->others ? system_socket : cli->home, cli->others ? "" : "/control.sock", code);
		return;
	}
	if (code == 405 || (code == 404 && strncmp(reason, "there is no /v1/", 16) == 0))
		version = agent_version(cli);
	if (version != NULL && strcmp(version, LANYARD_VERSION) != 0)
		cli_error("the agent is of version %s, and does not know what this command, of version %s, asks: "
		          "restart it if it was updated, or use the command of its version",
		          version, LANYARD_VERSION);
	else
		cli_error("%s", reason);
	free(version);
}

/* Turns what curl and the agent said into an exit status, and says it unless silent. An answer that was cut off is
 * an agent that went away. */
static int http_verdict(struct cli *cli, struct http_request *r, CURLcode rc, bool silent)
{
	json_t *error;
	long os_errno = 0;

	if (r->stopped)
		return CLI_DONE;
	if (r->watch.hung)
		return silent ? CLI_NO_AGENT : hung_agent(cli);
	if (rc == CURLE_COULDNT_CONNECT) {
		curl_easy_getinfo(cli->http->curl, CURLINFO_OS_ERRNO, &os_errno);
		return silent ? CLI_NO_AGENT
		              : no_agent(cli, os_errno != 0 ? strerror((int)os_errno) : "cannot connect");
	}
	if (rc == CURLE_WRITE_ERROR) {
		cli_error(r->copy_to != NULL ? "cannot write to stdout" : "the agent's answer is too long");
		return CLI_REFUSED;
	}
	if (rc != CURLE_OK) {
		if (!silent)
			cli_error("the agent went away (%s)", curl_easy_strerror(rc));
		return CLI_NO_AGENT;
	}
	if (response_code(r->http) < 400)
		return CLI_DONE;
	error = json_loadb((const char *)r->got.p, r->got.len, 0, NULL);
	if (!silent)
		agent_says(cli, response_code(r->http), json_string_value(json_object_get(error, "error")));
	json_decref(error);
	return CLI_REFUSED;
}

static int http_perform(struct cli *cli, struct http_request *r, const char *path, const json_t *body, bool silent)
{
	int rc = open_http(cli, silent);
	char *text = NULL;
	char *url;

	if (rc != CLI_DONE)
		return rc;
	r->http = cli->http;
	url = mem_printf("http://lanyard/v1%s", path);
	curl_easy_setopt(cli->http->curl, CURLOPT_URL, url);
	curl_easy_setopt(cli->http->curl, CURLOPT_WRITEFUNCTION, http_receive);
	curl_easy_setopt(cli->http->curl, CURLOPT_WRITEDATA, r);
	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT);
		curl_easy_setopt(cli->http->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
		curl_easy_setopt(cli->http->curl, CURLOPT_POSTFIELDS, text);
	} else {
		curl_easy_setopt(cli->http->curl, CURLOPT_HTTPGET, 1L);
	}
	http_watch_begin(&r->watch, cli->http->curl, cli->http->path);
	rc = http_verdict(cli, r, curl_easy_perform(cli->http->curl), silent);
	free(text);
	free(url);
	return rc;
}

static int http_ask(struct cli *cli, const char *path, const json_t *body, json_t **document, bool silent)
{
	struct http_request r = { .got = BYTES_INIT(MAX_DOCUMENT) };
	int rc = http_perform(cli, &r, path, body, silent);

	*document = NULL;
	if (rc == CLI_DONE) {
		*document = json_loadb((const char *)r.got.p, r.got.len, 0, NULL);
		if (!json_is_object(*document)) {
			cli_error("the agent's answer is not a JSON object");
			json_decref(*document);
			*document = NULL;
			rc = CLI_REFUSED;
		}
	}
	bytes_free(&r.got);
	return rc;
}

int http_get(struct cli *cli, const char *path, json_t **document)
{
	return http_ask(cli, path, NULL, document, false);
}

int http_probe(struct cli *cli, const char *path, json_t **document)
{
	return http_ask(cli, path, NULL, document, true);
}

int http_post(struct cli *cli, const char *path, json_t *body, json_t **document)
{
	int rc;

	if (body == NULL)
		body = json_object();
	rc = http_ask(cli, path, body, document, false);
	json_decref(body);
	return rc;
}

int http_group_get(struct cli *cli, const char *group, const char *rest, json_t **document)
{
	char *path = http_group_path(group, rest);
	int rc = http_get(cli, path, document);

	free(path);
	return rc;
}

int http_group_post(struct cli *cli, const char *group, const char *rest, json_t *body, json_t **document)
{
	char *path = http_group_path(group, rest);
	int rc = http_post(cli, path, body, document);

	free(path);
	return rc;
}

int http_group_tell(struct cli *cli, const char *group, const char *rest, json_t *body, json_t **document)
{
	int rc = http_group_post(cli, group, rest, body, document);

	if (rc == CLI_DONE && cli->json) {
		cli_print_json(*document);
		json_decref(*document);
	}
	if (rc != CLI_DONE || cli->json)
		*document = NULL;
	return rc;
}

int http_lines(struct cli *cli, const char *path, http_line_fn *fn, void *arg)
{
	struct http_request r = { .got = BYTES_INIT(MAX_LINE), .line = fn, .arg = arg };
	int rc = http_perform(cli, &r, path, NULL, false);

	bytes_free(&r.got);
	return rc;
}

int http_copy(struct cli *cli, const char *path)
{
	struct http_request r = { .got = BYTES_INIT(MAX_LINE), .copy_to = stdout };
	int rc = http_perform(cli, &r, path, NULL, false);

	bytes_free(&r.got);
	return rc;
}

int http_bytes(struct cli *cli, const char *path, http_bytes_fn *fn, void *arg)
{
	struct http_request r = { .got = BYTES_INIT(MAX_LINE), .raw = fn, .arg = arg };
	int rc = http_perform(cli, &r, path, NULL, false);

	bytes_free(&r.got);
	return rc;
}
