/* Reading the settings from their files: see config.h. The door to inih. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "agent/config/config_given.h"
#include "agent/config/config_internal.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/group/roster.h"

enum {
	MAX_LINE = 190, /* bytes; inih would cut longer ones into two: it gets a stand-in */
	MAX_KEY = 48,
};

/* --- one file --- */

/* The state of inih's callbacks: the text, and the position in it. */
struct parse {
	struct config *config;
	const char *file; /* for messages */
	const char *at;
	const char *end;
	int line;                      /* of the last line handed to inih */
	const struct config_key *keys; /* of the section we are in; NULL: before the first */
	struct config_group *group;    /* NULL: [agent] */
	bool agent_seen;
	bool given[CONFIG_MAX_KEYS]; /* in this section */
	char *long_value;            /* of the line handed to inih, which got "-" for it; NULL: it got all; owned */
	char *why;                   /* the first mistake; owned */
};

static char *enter_group(struct parse *p, const char *name)
{
	char *why = NULL;

	p->group = config_named_group(p->config, name, p->file, p->line, &why);
	if (p->group == NULL)
		return why;
	if (p->group->file == p->config->nfiles)
		return mem_printf("[group %s] appears twice", name);
	p->group->file = p->config->nfiles;
	p->keys = config_group_keys;
	return NULL;
}

/* inih would truncate long section names, and does not report a section without settings. NULL, or what is wrong. */
static char *enter_section(struct parse *p, const char *name)
{
	static const char group[] = "group ";
	char *shown;
	char *why;

	memset(p->given, 0, sizeof(p->given));
	p->group = NULL;
	p->keys = NULL;
	if (strncmp(name, group, strlen(group)) == 0)
		return enter_group(p, name + strlen(group));
	if (strcmp(name, "agent") == 0) {
		why = p->agent_seen ? mem_strdup("[agent] appears twice") : NULL;
		p->agent_seen = true;
		p->keys = config_agent_keys;
		return why;
	}
	shown = log_escape(name, strlen(name));
	why = mem_printf("unknown section [%s]; known sections: [agent] and [group NAME]", shown);
	free(shown);
	return why;
}

/* Judges a line before inih sees it. NULL: nothing to say against it; else fresh text. */
static char *line_mistake(struct parse *p, const char *line, size_t len)
{
	const char *close;
	size_t blank = 0;
	char *name;
	char *why;

	if (memchr(line, '\0', len) != NULL)
		return mem_printf("the line has a NUL byte: this is not a text file");
	while (blank < len && (line[blank] == ' ' || line[blank] == '\t'))
		blank++;
	close = memchr(line + blank, ']', len - blank);
	if (close == NULL || line[blank] != '[')
		return NULL;
	name = mem_dup(line + blank, (size_t)(close - line) - blank + 1);
	name[(size_t)(close - line) - blank] = '\0';
	why = enter_section(p, name + 1);
	free(name);
	return why;
}

/* The value as inih would read it: without blanks around it, and without a comment, which begins with a blank and ';'.
 * Fresh. */
static char *value_text(const char *at, size_t n)
{
	size_t end = 0;

	while (n > 0 && isspace((unsigned char)*at)) {
		at++;
		n--;
	}
	while (end < n && !(end > 0 && at[end] == ';' && isspace((unsigned char)at[end - 1])))
		end++;
	while (end > 0 && isspace((unsigned char)at[end - 1]))
		end--;
	return mem_printf("%.*s", (int)end, at);
}

/* What inih gets of a line that is too long for it: the key, and a stand-in for the value. NULL: nothing to say against
 * it; else fresh text. */
static char *stand_in(struct parse *p, char *buf, size_t size, const char *line, size_t len)
{
	size_t blank = 0, key = 0;

	while (blank < len && isspace((unsigned char)line[blank]))
		blank++;
	line += blank;
	len -= blank;
	(void)snprintf(buf, size, "\n");
	if (len == 0 || line[0] == '#' || line[0] == ';' || line[0] == '[')
		return NULL;
	while (key < len && line[key] != '=' && line[key] != ':')
		key++;
	if (key == len || key > MAX_KEY)
		return mem_printf("neither a [section] nor key = value");
	p->long_value = value_text(line + key + 1, len - key - 1);
	(void)snprintf(buf, size, "%.*s = -\n", (int)key, line);
	return NULL;
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
	free(p->long_value);
	p->long_value = NULL;
	p->why = line_mistake(p, p->at, len);
	if (p->why == NULL && (len > MAX_LINE || len >= (size_t)size)) {
		p->why = stand_in(p, buf, (size_t)size, p->at, len);
	} else if (p->why == NULL) {
		memcpy(buf, p->at, len);
		buf[len] = '\0';
	}
	p->at += len;
	return p->why == NULL ? buf : NULL;
}

/* Only the first mistake is kept; after it nothing more is read. */
static int take_setting(void *arg, const char *section, const char *name, const char *value)
{
	struct parse *p = arg;
	const struct config_key *key;

	(void)section;
	if (p->why != NULL)
		return 0;
	if (p->long_value != NULL)
		value = p->long_value;
	if (p->keys == NULL) {
		p->why = mem_strdup("a setting before the first [section]");
		return 0;
	}
	key = config_find_key(p->keys, name, &p->why);
	if (key == NULL)
		return 0;
	if (key->kind != CONFIG_LIST && p->given[key - p->keys]) {
		p->why = mem_printf("%s is given twice", name);
		return 0;
	}
	p->given[key - p->keys] = true;
	if (config_set_key(key, p->group != NULL ? (void *)p->group : &p->config->settings, value, &p->why) < 0)
		return 0;
	if (p->group == NULL)
		config_given_note(p->config, key, value, mem_printf("%s:%d", p->file, p->line));
	return 1;
}

int config_parse(struct config *c, const char *file, const char *text, size_t n, char **why)
{
	struct parse p = { .config = c, .file = file, .at = text, .end = text + n };
	int bad;
	int line;

	c->nfiles++;
	bad = ini_parse_stream(next_line, &p, take_setting, &p);
	line = p.line;
	free(p.long_value);
	/* inih continues after a line that it cannot read, so its mistake may be above ours. */
	if (bad != 0 && (p.why == NULL || bad < p.line)) {
		free(p.why);
		p.why = mem_printf("%s", bad < 0 ? "no memory left" : "neither a [section] nor key = value");
		line = bad < 0 ? 0 : bad;
	}
	config_groups_fill(c);
	if (p.why == NULL)
		return 0;
	*why = mem_printf("%s:%d: %s", file, line, p.why);
	free(p.why);
	return -1;
}

/* Errors that may go away, and are not mistakes in the settings. */
static bool may_pass(int error)
{
	return error == EIO || error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR ||
	       error == EAGAIN;
}

/* Only a regular file is read, and no more of it than fits: the path comes from an admin, but what is there may be
 * anything. */
char *config_read(const char *path, size_t max, bool absent_ok, size_t *n, char **why)
{
	struct fs_stat st;
	char *text = NULL;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error;

	if (fd < 0 && errno == ENOENT && absent_ok)
		return NULL;
	if (fd >= 0 && fs_stat_fd(fd, &st) == 0) {
		if (st.kind == S_IFREG) {
			text = mem_calloc(max + 2, 1);
			got = fs_pread_full(fd, text, max + 1, 0);
		} else {
			errno = st.kind == S_IFDIR ? EISDIR : EINVAL;
		}
	}
	error = got < 0 ? errno : EFBIG;
	if (got < 0)
		*why = mem_printf("%s: cannot be read: %s", path, strerror(error));
	else if ((size_t)got > max)
		*why = mem_printf("%s: is larger than %zu bytes", path, max);
	if (fd >= 0)
		close(fd);
	if (got >= 0 && (size_t)got <= max) {
		*n = (size_t)got;
		return text;
	}
	free(text);
	errno = error;
	return NULL;
}

static int load_file(struct config *c, const char *path, bool absent_ok, char **why)
{
	size_t n = 0;
	char *text = config_read(path, CONFIG_FILE_MAX, absent_ok, &n, why);
	int rc;

	if (text == NULL && *why != NULL)
		c->unread = may_pass(errno);
	if (text == NULL)
		return *why != NULL ? -1 : 0;
	rc = config_parse(c, path, text, n, why);
	free(text);
	return rc;
}

/* --- the drop-ins --- */

static int is_drop_in(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > strlen(".conf") && strcmp(e->d_name + len - strlen(".conf"), ".conf") == 0;
}

static int in_byte_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* If one cannot be read, all fail: settings that are half in effect would be worse than the old ones. */
static int load_drop_ins(struct config *c, const char *dir, char **why)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_drop_in, in_byte_order);
	int rc = 0;

	if (n < 0 && errno == ENOENT)
		return 0;
	c->unread = n < 0 && may_pass(errno);
	if (n < 0 || n > CONFIG_MAX_DROP_INS) {
		*why = n < 0 ? mem_printf("%s: cannot be read: %s", dir, strerror(errno))
		             : mem_printf("%s: has more than %d files that end in .conf", dir, CONFIG_MAX_DROP_INS);
		rc = -1;
	}
	for (int i = 0; i < n; i++) {
		char *path = mem_printf("%s/%s", dir, names[i]->d_name);

		if (rc == 0)
			rc = load_file(c, path, false, why);
		free(path);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* --- all of it --- */

char *config_path(const char *home)
{
	if (strcmp(home, "/var/lib/lanyard") == 0)
		return mem_strdup("/etc/lanyard/lanyard.conf");
	return mem_printf("%s/lanyard.conf", home);
}

static void host_name(char *name, size_t size)
{
	if (gethostname(name, size) < 0 || name[0] == '\0')
		(void)snprintf(name, size, "host");
	name[size - 1] = '\0';
}

int config_load(struct config *c, const char *home, const struct options *o, char **why)
{
	char *path = o->config != NULL ? mem_strdup(o->config) : config_path(home);
	char *dir = mem_printf("%s.d", path);
	char name[MEMBER_NAME_MAX + 1];
	int rc;

	*why = NULL;
	host_name(name, sizeof(name));
	config_init(c, name);
	rc = load_file(c, path, o->config == NULL, why);
	if (rc == 0)
		rc = load_drop_ins(c, dir, why);
	free(path);
	free(dir);
	return rc < 0 || config_options(c, o, why) < 0 ? -1 : config_check(c, home, why);
}
