/* The settings, layer on layer: see config.h. */
#include "agent/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/args.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/group/roster.h"

enum {
	MAX_LINE = 190, /* bytes; inih cuts longer ones into two */
	MAX_HOST = 255,
	RESCAN_MIN = 60, /* s */
	RESCAN_MAX = 30 * 86400,
	RESCAN_DEFAULT = 3600,
	SCRUB_MAX = 3650 * 86400,
	SCRUB_DEFAULT = 30 * 86400,
};

static const char section_name[] = "agent";

void config_init(struct config *c, const char *host_name)
{
	*c = (struct config){ .discovery = DISCOVERY_AUTO,
		              .log_level = LOG_INFO,
		              .rescan_s = RESCAN_DEFAULT,
		              .scrub_s = SCRUB_DEFAULT };
	c->listen = mem_strdup("4170");
	c->name = mem_strdup(host_name);
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->npeers; i++)
		free(c->peers[i]);
	free(c->peers);
	free(c->name);
	free(c->listen);
	*c = (struct config){ 0 };
}

/* --- each setting: 0, or -1 when the value is not accepted --- */

static void replace(char **text, const char *value)
{
	free(*text);
	*text = mem_strdup(value);
}

/* "HOST:PORT" or "[IPv6]:PORT"; without need_host also "PORT" and ":PORT". */
static int check_address(const char *value, bool need_host, int min_port)
{
	const char *colon = strrchr(value, ':');
	const char *port = colon != NULL ? colon + 1 : value;
	size_t host = colon != NULL ? (size_t)(colon - value) : 0;
	bool brackets = host >= 2 && value[0] == '[' && colon[-1] == ']';
	int64_t n;

	if (args_number(port, min_port, 65535, &n) < 0 || host > MAX_HOST || strlen(port) > 5)
		return -1;
	if (host == 0 || (brackets && host == 2))
		return need_host || host != 0 ? -1 : 0;
	if (strcspn(value, " \t/\\@\"'") < host)
		return -1;
	/* An IPv6 address without brackets would end in something that looks like a port. */
	return !brackets && memchr(value, ':', host) != NULL ? -1 : 0;
}

static int set_listen(struct config *c, const char *value)
{
	if (check_address(value, false, 0) < 0)
		return -1;
	replace(&c->listen, value);
	return 0;
}

static int set_discovery(struct config *c, const char *value)
{
	static const char *const modes[] = { [DISCOVERY_AUTO] = "auto",
		                             [DISCOVERY_AVAHI] = "avahi",
		                             [DISCOVERY_EMBEDDED] = "embedded",
		                             [DISCOVERY_OFF] = "off" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(value, modes[i]) == 0) {
			c->discovery = (enum discovery_mode)i;
			return 0;
		}
	}
	return -1;
}

static int set_peer(struct config *c, const char *value)
{
	if (c->npeers >= CONFIG_MAX_PEERS || check_address(value, true, 1) < 0)
		return -1;
	c->peers = mem_realloc(c->peers, c->npeers + 1, sizeof(*c->peers));
	c->peers[c->npeers++] = mem_strdup(value);
	return 0;
}

static int set_log_level(struct config *c, const char *value)
{
	return log_level_parse(value, &c->log_level);
}

static int set_rescan(struct config *c, const char *value)
{
	int64_t seconds;

	if (args_duration(value, &seconds) < 0 || seconds < RESCAN_MIN || seconds > RESCAN_MAX)
		return -1;
	c->rescan_s = seconds;
	return 0;
}

static int set_scrub(struct config *c, const char *value)
{
	int64_t seconds = 0;

	if (strcmp(value, "off") != 0 && (args_duration(value, &seconds) < 0 || seconds < 1 || seconds > SCRUB_MAX))
		return -1;
	c->scrub_s = seconds;
	return 0;
}

static int set_name(struct config *c, const char *value)
{
	size_t len = strlen(value);
	char *shown = log_escape(value, len);
	bool plain = strcmp(shown, value) == 0;

	free(shown);
	if (len == 0 || len > MEMBER_NAME_MAX || !plain)
		return -1;
	replace(&c->name, value);
	return 0;
}

static const struct key {
	const char *name;
	int (*set)(struct config *c, const char *value);
	bool repeats;
	const char *accepted;
} keys[] = {
	{ "name", set_name, false, "1 to 64 bytes of printable text without backslashes" },
	{ "listen", set_listen, false, "PORT or ADDR:PORT, an IPv6 address in brackets, port 0 to 65535" },
	{ "discovery", set_discovery, false, "auto, avahi, embedded or off" },
	{ "peer", set_peer, true, "HOST:PORT, an IPv6 address in brackets, at most 64 of them" },
	{ "log-level", set_log_level, false, "error, warn, info or debug" },
	{ "rescan-interval", set_rescan, false, "60s to 30d, as a number with s, m, h or d" },
	{ "scrub-interval", set_scrub, false, "off, or 1s to 3650d, as a number with s, m, h or d" },
};

enum { NKEYS = sizeof(keys) / sizeof(keys[0]) };

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < NKEYS; i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

int config_set(struct config *c, const char *key_name, const char *value, char **why)
{
	const struct key *key = find_key(key_name);
	char *shown;

	if (key == NULL) {
		shown = log_escape(key_name, strlen(key_name));
		*why = mem_printf(
			"unknown key '%s'; there are: name, listen, discovery, peer, log-level, rescan-interval, scrub-interval",
			shown);
		free(shown);
		return -1;
	}
	if (key->set(c, value) == 0)
		return 0;
	shown = log_escape(value, strlen(value));
	*why = mem_printf("%s is '%s', but must be %s", key_name, shown, key->accepted);
	free(shown);
	return -1;
}

/* --- the file --- */

/* What inih's callbacks share: the text, and where in it we are. */
struct parse {
	struct config *config;
	const char *at;
	const char *end;
	int line; /* of the last line handed to inih */
	bool given[NKEYS];
	char *why; /* the first mistake; owned */
};

/* Judges a line before inih sees it. NULL: nothing to say against it; else fresh text. */
static char *line_mistake(const char *line, size_t len)
{
	const char *close;
	size_t blank = 0;
	char *shown;
	char *why;

	if (len > MAX_LINE)
		return mem_printf("the line has more than %d bytes", MAX_LINE);
	if (memchr(line, '\0', len) != NULL)
		return mem_printf("the line has a NUL byte: this is no text file");
	while (blank < len && (line[blank] == ' ' || line[blank] == '\t'))
		blank++;
	close = memchr(line + blank, ']', len - blank);
	if (close == NULL || line[blank] != '[')
		return NULL;
	/* inih would say nothing of a section without settings. */
	line += blank + 1;
	len = (size_t)(close - line);
	if (len == strlen(section_name) && memcmp(line, section_name, len) == 0)
		return NULL;
	shown = log_escape(line, len);
	why = mem_printf("unknown section [%s]; there is: [%s]", shown, section_name);
	free(shown);
	return why;
}

/* fgets() for inih, one line at a time, so that a mistake's line is known. Ends early after a mistake. */
static char *next_line(char *buf, int size, void *arg)
{
	struct parse *p = arg;
	const char *nl;
	size_t len;

	if (p->why != NULL || p->at >= p->end)
		return NULL;
	p->line++;
	nl = memchr(p->at, '\n', (size_t)(p->end - p->at));
	len = nl != NULL ? (size_t)(nl + 1 - p->at) : (size_t)(p->end - p->at);
	p->why = line_mistake(p->at, len);
	if (p->why != NULL || len >= (size_t)size)
		return NULL;
	memcpy(buf, p->at, len);
	buf[len] = '\0';
	p->at += len;
	return buf;
}

static int take(void *arg, const char *section, const char *name, const char *value)
{
	struct parse *p = arg;
	const struct key *key = find_key(name);

	if (p->why != NULL)
		return 0;
	if (section[0] == '\0') {
		p->why = mem_printf("a setting before the line [%s]", section_name);
		return 0;
	}
	if (key != NULL && !key->repeats && p->given[key - keys]) {
		p->why = mem_printf("%s is given twice", name);
		return 0;
	}
	if (config_set(p->config, name, value, &p->why) < 0)
		return 0;
	p->given[key - keys] = true;
	return 1;
}

int config_parse(struct config *c, const char *file, const char *text, size_t n, char **why)
{
	struct parse p = { .config = c, .at = text, .end = text + n };
	int bad = ini_parse_stream(next_line, &p, take, &p);
	int line = p.line;

	/* inih goes on after what it cannot read itself, so its mistake may be above ours. */
	if (bad != 0 && (p.why == NULL || bad < p.line)) {
		free(p.why);
		p.why = mem_printf("%s", bad < 0 ? "no memory left" : "neither a [section] nor key = value");
		line = bad < 0 ? 0 : bad;
	}
	if (p.why == NULL)
		return 0;
	*why = mem_printf("%s:%d: %s", file, line, p.why);
	free(p.why);
	return -1;
}

static int load_file(struct config *c, const char *path, bool must_exist, char **why)
{
	size_t n = 0;
	char *text = NULL;
	int rc = -1;
	int fd;

	/* Read whole, through our own bounds, so that neither a FIFO nor a huge file can hang or bloat the start. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && !must_exist)
		return 0;
	if (fd >= 0) {
		struct fs_stat st;

		if (fs_stat_fd(fd, &st) == 0 && st.kind != S_IFREG) {
			errno = st.kind == S_IFDIR ? EISDIR : EINVAL;
		} else {
			text = mem_calloc(CONFIG_FILE_MAX + 1, 1);
			rc = (int)fs_pread_full(fd, text, CONFIG_FILE_MAX + 1, 0);
		}
	}
	if (rc < 0)
		*why = mem_printf("%s: cannot be read: %s", path, strerror(errno));
	else if (rc > CONFIG_FILE_MAX)
		*why = mem_printf("%s: has more than %d bytes", path, CONFIG_FILE_MAX);
	else
		n = (size_t)rc;
	rc = *why == NULL ? config_parse(c, path, text, n, why) : -1;
	free(text);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int set_option(struct config *c, const char *key, const char *value, char **why)
{
	char *reason = NULL;

	if (value == NULL || config_set(c, key, value, &reason) == 0)
		return 0;
	*why = mem_printf("--%s", reason);
	free(reason);
	return -1;
}

int config_options(struct config *c, const struct options *o, char **why)
{
	if (set_option(c, "listen", o->listen, why) < 0 || set_option(c, "discovery", o->discovery, why) < 0 ||
	    set_option(c, "log-level", o->log_level, why) < 0)
		return -1;
	for (size_t i = 0; i < o->peers.n; i++) {
		if (set_option(c, "peer", o->peers.v[i], why) < 0)
			return -1;
	}
	return 0;
}

static void host_name(char *name, size_t size)
{
	if (gethostname(name, size) < 0 || name[0] == '\0')
		(void)snprintf(name, size, "host");
	name[size - 1] = '\0';
}

int config_load(struct config *c, const char *home, const struct options *o, char **why)
{
	char *path = o->config != NULL ? mem_strdup(o->config) : mem_printf("%s/lanyard.conf", home);
	char name[MEMBER_NAME_MAX + 1];
	int rc;

	*why = NULL;
	host_name(name, sizeof(name));
	config_init(c, name);
	rc = load_file(c, path, o->config != NULL, why);
	free(path);
	return rc < 0 ? -1 : config_options(c, o, why);
}
