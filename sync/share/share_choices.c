/* See share_choices.h. */
#include "sync/share/share_choices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/plan/pattern.h"

enum { SPARE = 96 << 10, SPARE_STEP = 12 << 10 }; /* bytes */

struct share_choices {
	struct choices view; /* of what is below */
	int64_t stamp;
	struct choose_rule *rules; /* owned, with their patterns */
	size_t nrules;
	const char **unshared; /* owned, each too; sorted by strcmp() */
	size_t nunshared;
};

struct share_choices *share_choices_new(void)
{
	return MEM_NEW(struct share_choices);
}

static void refresh(struct share_choices *c)
{
	c->view.rules = c->rules;
	c->view.nrules = c->nrules;
	c->view.unshared = c->unshared;
	c->view.nunshared = c->nunshared;
}

/* The strings are const for those who look at the view. */
static void free_text(const char *text)
{
	union {
		const char *in;
		char *out;
	} u = { .in = text };

	free(u.out);
}

void share_choices_free(struct share_choices *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->nrules; i++)
		free_text(c->rules[i].pattern);
	for (size_t i = 0; i < c->nunshared; i++)
		free_text(c->unshared[i]);
	free(c->rules);
	free(c->unshared);
	free(c);
}

struct share_choices *share_choices_dup(const struct share_choices *c)
{
	struct share_choices *copy = share_choices_new();

	copy->view.mode = c->view.mode;
	copy->stamp = c->stamp;
	copy->rules = mem_calloc(c->nrules + 1, sizeof(*copy->rules));
	copy->unshared = mem_calloc(c->nunshared + 1, sizeof(*copy->unshared));
	for (; copy->nrules < c->nrules; copy->nrules++)
		copy->rules[copy->nrules] = (struct choose_rule){ .pattern = mem_strdup(c->rules[copy->nrules].pattern),
			                                          .get = c->rules[copy->nrules].get };
	for (; copy->nunshared < c->nunshared; copy->nunshared++)
		copy->unshared[copy->nunshared] = mem_strdup(c->unshared[copy->nunshared]);
	refresh(copy);
	return copy;
}

const struct choices *share_choices_view(const struct share_choices *c)
{
	return &c->view;
}

int64_t share_choices_stamp(const struct share_choices *c)
{
	return c->stamp;
}

void share_choices_set_stamp(struct share_choices *c, int64_t stamp)
{
	c->stamp = stamp;
}

void share_choices_set_mode(struct share_choices *c, enum choose_mode mode)
{
	c->view.mode = mode;
}

/* Whether a later rule of pattern `over` leaves nothing for an earlier one to decide. */
static bool rule_hides(const char *over, const char *earlier)
{
	char *path, *root;
	bool hidden;

	if (strcmp(over, earlier) == 0)
		return true;
	if (pattern_is_glob(over))
		return false;
	path = pattern_root(over);
	root = pattern_root(earlier);
	/* A glob's root is above all that it covers; a path is its own root. */
	hidden = path_is_under(root, path);
	free(root);
	free(path);
	return hidden;
}

int share_choices_add_rule(struct share_choices *c, const char *pattern, bool get)
{
	size_t kept = 0;

	if (!pattern_check(pattern))
		return -1;
	for (size_t i = 0; i < c->nrules; i++) {
		if (rule_hides(pattern, c->rules[i].pattern))
			free_text(c->rules[i].pattern);
		else
			c->rules[kept++] = c->rules[i];
	}
	c->nrules = kept;
	if (kept < SHARE_CHOICES_MAX) {
		c->rules = mem_realloc(c->rules, kept + 1, sizeof(*c->rules));
		c->rules[c->nrules++] = (struct choose_rule){ .pattern = mem_strdup(pattern), .get = get };
	}
	refresh(c);
	return kept < SHARE_CHOICES_MAX ? 0 : -1;
}

static void forget_below(struct share_choices *c, const char *path)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->nunshared; i++) {
		if (path_is_under(c->unshared[i], path))
			free_text(c->unshared[i]);
		else
			c->unshared[kept++] = c->unshared[i];
	}
	c->nunshared = kept;
	refresh(c);
}

int share_choices_unshare(struct share_choices *c, const char *path)
{
	size_t at = 0;

	if (!choose_shares(&c->view, path))
		return 0;
	forget_below(c, path);
	if (c->nunshared >= SHARE_CHOICES_MAX)
		return -1;
	c->unshared = mem_realloc(c->unshared, c->nunshared + 1, sizeof(*c->unshared));
	while (at < c->nunshared && strcmp(c->unshared[at], path) < 0)
		at++;
	memmove(c->unshared + at + 1, c->unshared + at, (c->nunshared - at) * sizeof(*c->unshared));
	c->unshared[at] = mem_strdup(path);
	c->nunshared++;
	refresh(c);
	return 0;
}

int share_choices_share(struct share_choices *c, const char *path, const char **above)
{
	forget_below(c, path);
	for (size_t i = 0; i < c->nunshared; i++) {
		if (path_is_under(path, c->unshared[i])) {
			*above = c->unshared[i];
			return -1;
		}
	}
	return 0;
}

/* --- the file --- */

static const char first_line[] = "lanyard choices 1";

static void choices_put_text(struct bytes *out, const char *text)
{
	bytes_append(out, text, strlen(text));
}

/* "WORD TEXT" and a newline, with what would break a line written as %XX. */
static void choices_put_line(struct bytes *out, const char *word, const char *text)
{
	choices_put_text(out, word);
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char byte = (unsigned char)*p;
		char hex[4] = "%";

		if (byte < 0x20 || byte == 0x7f || byte == '%') {
			hex_encode(hex + 1, &byte, 1);
			choices_put_text(out, hex);
		} else {
			bytes_append(out, p, 1);
		}
	}
	choices_put_text(out, "\n");
}

/* More than the file may be is cut, and share_choices_write() refuses it. */
static void choices_write_text(struct bytes *out, const struct share_choices *c)
{
	char *stamp = mem_printf("%lld", (long long)c->stamp);

	choices_put_line(out, first_line, "");
	choices_put_line(out, "stamp ", stamp);
	choices_put_line(out, "mode ", choose_mode_name(c->view.mode));
	for (size_t i = 0; i < c->nrules; i++)
		choices_put_line(out, c->rules[i].get ? "+ " : "- ", c->rules[i].pattern);
	for (size_t i = 0; i < c->nunshared; i++)
		choices_put_line(out, "unshared ", c->unshared[i]);
	choices_put_line(out, "end", "");
	free(stamp);
}

char *share_choices_text(const struct share_choices *c)
{
	struct bytes out = BYTES_INIT(SIZE_MAX);

	choices_write_text(&out, c);
	bytes_append(&out, "", 1);
	return (char *)out.p;
}

/* Undoes %XX in place. -1: a bad one, or a NUL. */
static int unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0'; p++) {
		uint8_t byte = (uint8_t)*p;

		if (byte == '%') {
			char hex[3] = { p[1], p[1] != '\0' ? p[2] : '\0', '\0' };

			if (hex_decode(&byte, 1, hex) < 0 || byte == 0)
				return -1;
			p += 2;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	return 0;
}

static int parse_number(const char *text, int64_t *n)
{
	int64_t value = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
			return -1;
		value = value * 10 + (*text - '0');
	}
	*n = value;
	return 0;
}

/* A line that is neither the first nor the last. */
static int parse_choice(struct share_choices *c, char *line)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return -1;
	*value++ = '\0';
	if (unescape(value) < 0)
		return -1;
	if (strcmp(line, "stamp") == 0)
		return parse_number(value, &c->stamp);
	if (strcmp(line, "mode") == 0)
		return choose_mode_parse(value, &c->view.mode);
	if (strcmp(line, "+") == 0 || strcmp(line, "-") == 0)
		return share_choices_add_rule(c, value, *line == '+');
	if (strcmp(line, "unshared") == 0)
		return path_check(value, strlen(value)) == PATH_OK ? share_choices_unshare(c, value) : -1;
	return -1;
}

struct share_choices *share_choices_parse(const char *text, size_t n, int *line)
{
	struct share_choices *c = share_choices_new();
	char *copy = mem_calloc(n + 1, 1), *rest = copy, *at;
	bool ended = false;

	memcpy(copy, text, n);
	*line = 0;
	while (rest != NULL && !ended) {
		at = strsep(&rest, "\n");
		(*line)++;
		if (*line == 1 ? strcmp(at, first_line) != 0 : strcmp(at, "end") != 0 && parse_choice(c, at) < 0)
			break;
		ended = *line > 1 && strcmp(at, "end") == 0;
	}
	/* Nothing may follow the end but its newline, nor a NUL stand anywhere before. */
	if (!ended || rest == NULL || rest != copy + n) {
		share_choices_free(c);
		c = NULL;
	}
	free(copy);
	return c;
}

/* The spare bytes, open, and how many there are; -1: not now. Without them, only a full disk is harder to free. */
static int spare_open(int root, int64_t *size)
{
	int fd = fs_open(root, SHARE_CHOICES_SPARE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct fs_stat st;

	if (fd >= 0 && fs_stat_fd(fd, &st) == 0 && st.kind == S_IFREG) {
		*size = st.size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Adds what is missing of them, as far as there is room. */
static void spare_put(int root)
{
	int64_t size = 0;
	int fd = spare_open(root, &size);
	uint8_t bytes[SPARE_STEP];

	/* Not zeros, which some disks store as nothing. */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761U >> 13);
	for (; fd >= 0 && size < SPARE && fs_pwrite_all(fd, bytes, sizeof(bytes), size) == 0; size += SPARE_STEP)
		(void)fdatasync(fd);
	if (fd >= 0)
		close(fd);
}

/* Gives some of them up: not all, since a download that waits for room may take what is free. False: none are left. */
static bool spare_take(int root)
{
	int64_t size = 0;
	int fd = spare_open(root, &size);
	bool taken = fd >= 0 && size > 0 && ftruncate(fd, size > SPARE_STEP ? size - SPARE_STEP : 0) == 0;

	if (fd >= 0)
		close(fd);
	return taken;
}

struct share_choices *share_choices_read(int root, const char *path, char **why)
{
	size_t n = 0;
	char *text = fs_read_file(root, SHARE_CHOICES_FILE, SHARE_CHOICES_FILE_MAX, &n);
	struct share_choices *c;
	int line = 0;

	if (text == NULL && errno == ENOENT) {
		spare_put(root);
		return share_choices_new();
	}
	if (text == NULL) {
		*why = mem_printf("%s/" SHARE_CHOICES_FILE ": cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	c = share_choices_parse(text, n, &line);
	if (c == NULL)
		*why = mem_printf("%s/" SHARE_CHOICES_FILE ": line %d is damaged: restore the file, or remove it to "
		                  "have all files of the group here",
		                  path, line);
	free(text);
	spare_put(root);
	return c;
}

int share_choices_write(int root, const struct share_choices *c)
{
	struct bytes out = BYTES_INIT(SHARE_CHOICES_FILE_MAX);
	int rc = -1;

	choices_write_text(&out, c);
	if (out.full)
		errno = EFBIG;
	else
		rc = fs_write_file(root, SHARE_CHOICES_FILE, out.p, out.len, 0600);
	while (rc < 0 && (errno == ENOSPC || errno == EDQUOT) && spare_take(root))
		rc = fs_write_file(root, SHARE_CHOICES_FILE, out.p, out.len, 0600);
	if (rc == 0)
		spare_put(root);
	bytes_free(&out);
	return rc;
}
