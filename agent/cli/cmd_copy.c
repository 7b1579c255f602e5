/* get --to: see cmd_copy.h. */
#include "agent/cli/cmd_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/copy_file.h"
#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/cli/screen.h"
#include "agent/escape.h"
#include "base/fs.h"
#include "base/mem.h"

enum { DRAW_MS = 250, BAR = 30 };

/* What is to be copied. */
struct copy_item {
	char *path; /* in the group, as the agent writes names; owned */
	char *to;   /* below the destination, bytes; owned */
	bool dir;
};

struct copy_job {
	struct cli *cli;
	const char *group;
	size_t strip;            /* bytes of the paths at hand that are not part of the copy's */
	struct copy_item *items; /* owned */
	size_t n, cap;
	/* On a terminal. */
	bool bar;
	struct screen screen;
	int64_t begun_ms, drawn_ms;
	int64_t files, bytes; /* copied */
};

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool add_item(void *arg, const char *line, size_t n)
{
	struct copy_job *job = arg;
	json_t *file = json_loadb(line, n, 0, NULL);
	const char *path = json_string_value(json_object_get(file, "path"));
	const char *kind = json_string_value(json_object_get(file, "kind"));
	char *to = path != NULL && strlen(path) > job->strip ? escape_decode(path + job->strip) : NULL;

	if (to != NULL && kind != NULL) {
		if (job->n == job->cap) {
			job->cap = job->cap * 2 + 64;
			job->items = mem_realloc(job->items, job->cap, sizeof(*job->items));
		}
		job->items[job->n++] = (struct copy_item){ mem_strdup(path), to, strcmp(kind, "dir") == 0 };
		to = NULL;
	}
	free(to);
	json_decref(file);
	return true;
}

/* The folder above what a word names is not part of the copy; nor, for a pattern, any folder before its first star. */
static size_t strip_of(const char *word)
{
	size_t n = strcspn(word, "*?["), last = 0;

	while (n > 1 && word[n] == '\0' && word[n - 1] == '/')
		n--;
	for (size_t i = 0; i < n; i++)
		if (word[i] == '/' && i + 1 < n)
			last = i + 1;
	return n > 0 && word[n - 1] == '/' && word[n] != '\0' ? n : last;
}

static int list_items(struct copy_job *job, char **words, int n)
{
	int rc = CLI_DONE;

	for (int i = 0; i < n && rc == CLI_DONE; i++) {
		const char *word = strncmp(words[i], "./", 2) == 0 ? words[i] + 2 : words[i];
		char *encoded = http_encode(word), *base = http_group_path(job->group, "/files");
		char *path = mem_printf("%s?path=%s&lines=1", base, encoded);
		size_t before = job->n;

		job->strip = strip_of(word);
		rc = http_lines(job->cli, path, add_item, job);
		if (rc == CLI_DONE && job->n == before && strcmp(word, ".") != 0) {
			cli_error("nothing in the group is at %s", word);
			rc = CLI_REFUSED;
		}
		free(path);
		free(base);
		free(encoded);
	}
	return rc;
}

/* --- where it goes --- */

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The one file that gets the name DEST itself; NULL: DEST is a folder to copy into. */
static struct copy_item *only_file(struct copy_job *job, const char *to)
{
	size_t n = strlen(to);

	return job->n == 1 && !job->items[0].dir && !is_folder(to) && (n == 0 || to[n - 1] != '/') ? &job->items[0]
	                                                                                           : NULL;
}

/* The folder that everything goes below, made if it is missing. -1 and a message. */
static int open_destination(const char *to, const struct copy_item *only, char **name)
{
	char *folder = mem_strdup(to), *slash = strrchr(folder, '/');
	int fd;

	if (only != NULL) {
		*name = mem_strdup(slash != NULL ? slash + 1 : folder);
		if (slash == NULL)
			folder[0] = '\0';
		else
			slash[slash == folder] = '\0';
	}
	if (only == NULL && mkdir(folder, 0777) < 0 && errno != EEXIST)
		cli_error("%s: %s", folder, strerror(errno));
	fd = open(folder[0] != '\0' ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		cli_error("%s: %s", folder[0] != '\0' ? folder : ".", strerror(errno));
	free(folder);
	return fd;
}

/* --- the bar --- */

static void draw_progress(void *arg, const struct copy_file *f, int64_t done, int64_t size, int64_t resumed)
{
	struct copy_job *job = arg;
	int64_t now = now_ms(), ms = now - job->begun_ms;
	int64_t rate = ms > 0 ? (done - resumed) * 1000 / ms : 0;
	char speed[FORMAT_MAX], eta[FORMAT_MAX], *name, *cut, *line;
	size_t columns, rows;
	int filled = size > 0 ? (int)((double)done * BAR / (double)size) : BAR;

	if (!job->bar || (done < size && now < job->drawn_ms + DRAW_MS))
		return;
	job->drawn_ms = now;
	screen_size(&columns, &rows);
	name = escape_terminal(f->shown);
	cut = format_cut(name, columns > BAR + 45 ? columns - BAR - 45 : 10);
	line = mem_printf("%s [%.*s%*s] %d%%  %s/s  eta %s", cut, filled, "##############################",
	                  BAR - filled, "", size > 0 ? (int)((double)done * 100 / (double)size) : 100,
	                  format_bytes(speed, rate),
	                  format_duration(eta, rate > 0 ? (size - done + rate - 1) / rate : -1));
	screen_draw(&job->screen, &line, 1);
	free(line);
	free(cut);
	free(name);
}

/* --- all of it --- */

static int make_parents(int dirfd, const char *to)
{
	char *parent = mem_strdup(to), *slash = strrchr(parent, '/');
	int rc = 0;

	if (slash != NULL) {
		*slash = '\0';
		rc = fs_mkdirs(dirfd, parent, 0777);
	}
	free(parent);
	return rc;
}

static int copy_item(struct copy_job *job, const struct copy_item *item, int dirfd, const char *to, int64_t timeout)
{
	char *shown = escape_name(to);
	struct copy_file f = { .cli = job->cli,
		               .group = job->group,
		               .path = item->path,
		               .dirfd = dirfd,
		               .to = to,
		               .shown = shown,
		               .timeout = timeout,
		               .progress = draw_progress,
		               .arg = job };
	int rc;

	job->begun_ms = now_ms();
	job->drawn_ms = 0;
	if (make_parents(dirfd, to) < 0) {
		cli_error("%s: %s", shown, strerror(errno));
		rc = CLI_REFUSED;
	} else {
		rc = copy_file(&f);
	}
	if (rc == CLI_DONE && !item->dir) {
		job->files++;
		job->bytes += f.copied;
		if (job->bar)
			job->screen.drawn = 0; /* the next one's bar is below it */
	}
	free(shown);
	return rc;
}

static void print_copied(struct copy_job *job, const char *to)
{
	char files[FORMAT_MAX], size[FORMAT_MAX];

	if (job->cli->json) {
		json_t *document =
			json_pack("{s:I, s:I}", "files", (json_int_t)job->files, "bytes", (json_int_t)job->bytes);

		cli_print_json(document);
		json_decref(document);
	} else {
		char *shown = escape_terminal(to);

		(void)printf("copied %s, %s, to %s\n", format_count(files, job->files, "file", "files"),
		             format_bytes(size, job->bytes), shown);
		free(shown);
	}
}

/* One that fails does not keep the others from being copied, unless the agent is gone. */
int cmd_copy_out(struct cli *cli, const char *group, char **paths, int n, const char *to, int64_t timeout)
{
	struct copy_job job = { .cli = cli, .group = group, .bar = cli->terminal && !cli->json };
	struct copy_item *only = NULL;
	char *name = NULL;
	int rc = list_items(&job, paths, n), dirfd = -1, one;

	if (rc == CLI_DONE) {
		only = only_file(&job, to);
		dirfd = open_destination(to, only, &name);
		rc = dirfd < 0 ? CLI_REFUSED : CLI_DONE;
	}
	for (size_t i = 0; dirfd >= 0 && i < job.n && rc != CLI_NO_AGENT; i++) {
		one = copy_item(&job, &job.items[i], dirfd, only != NULL ? name : job.items[i].to, timeout);
		if (one != CLI_DONE)
			rc = one;
	}
	if (dirfd >= 0 && rc != CLI_NO_AGENT)
		print_copied(&job, to);
	for (size_t i = 0; i < job.n; i++) {
		free(job.items[i].path);
		free(job.items[i].to);
	}
	free(job.items);
	free(name);
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}
