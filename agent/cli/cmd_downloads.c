/* downloads: one line per download; with --watch, progress bars on a terminal and changed lines elsewhere. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/cli/screen.h"
#include "base/mem.h"

enum { DRAW_MS = 250, LINES_MS = 1000, BAR = 20, USUAL = 24 };

/* One download of a document, its texts safe for a terminal. */
struct download_line {
	char *group, *path, *reason; /* owned */
	bool complete;
	int64_t done, size, rate, eta; /* eta: -1 unknown */
};

static struct download_line download_line_read(const json_t *d)
{
	const char *state = json_string_value(json_object_get(d, "state"));

	return (struct download_line){ .group = document_text(d, "group"),
		                       .path = document_text(d, "path"),
		                       .reason = document_text(d, "reason"),
		                       .complete = state != NULL && strcmp(state, "C") == 0,
		                       .done = document_number(d, "done"),
		                       .size = document_number(d, "size"),
		                       .rate = document_number(d, "rate"),
		                       .eta = json_is_integer(json_object_get(d, "eta")) ? document_number(d, "eta")
		                                                                         : -1 };
}

static void download_line_free(struct download_line *d)
{
	free(d->group);
	free(d->path);
	free(d->reason);
}

static int percent(const struct download_line *d)
{
	if (d->complete || d->size <= 0 || d->done >= d->size)
		return d->complete ? 100 : d->size <= 0 ? 0 : 99;
	return (int)((double)d->done * 100 / (double)d->size);
}

/* "42%  118 MB/s  eta 12s", or why it waits. Fresh. */
static char *progress(const struct download_line *d)
{
	char rate[FORMAT_MAX];
	char eta[FORMAT_MAX];

	if (d->reason[0] != '\0')
		return mem_printf("%d%%  waiting: %s", percent(d), d->reason);
	return mem_printf("%d%%  %s/s  eta %s", percent(d), format_bytes(rate, d->rate), format_duration(eta, d->eta));
}

static char *plain_line(const struct download_line *d)
{
	char *how;
	char *line;

	if (d->complete)
		return mem_printf("[C] [%s] %s", d->group, d->path);
	how = progress(d);
	line = mem_printf("[D] [%s] %s %s", d->group, d->path, how);
	free(how);
	return line;
}

/* On a terminal, each line is cut to its width, and the last one says how many there are no rows for. The active ones
 * come first. */
static int downloads_once(struct cli *cli)
{
	json_t *document;
	json_t *entry;
	size_t columns, rows, i, n;
	int rc = http_get(cli, "/downloads", &document);

	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	screen_size(&columns, &rows);
	n = json_array_size(json_object_get(document, "downloads"));
	json_array_foreach(json_object_get(document, "downloads"), i, entry) {
		struct download_line d = download_line_read(entry);
		char *line = plain_line(&d), *cut = cli->terminal ? format_cut(line, columns) : mem_strdup(line);

		if (!cli->json && cli->terminal && n > rows && i == rows - 1)
			(void)printf("... and %zu more\n", n - i);
		else if (!cli->json && (!cli->terminal || n <= rows || i < rows))
			puts(cut);
		free(cut);
		free(line);
		download_line_free(&d);
	}
	json_decref(document);
	return CLI_DONE;
}

/* The files that came, the last ones first: when, how large. */
static int downloads_history(struct cli *cli)
{
	json_t *document;
	json_t *entry;
	size_t i;
	int rc = http_get(cli, "/downloads?history=1", &document);

	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	json_array_foreach(json_object_get(document, "downloads"), i, entry) {
		char *group = document_text(entry, "group"), *path = document_text(entry, "path");
		char when[FORMAT_MAX], size[FORMAT_MAX];

		if (!cli->json)
			(void)printf("[C] [%s] %s  %s  %s\n", group, path,
			             format_bytes(size, document_number(entry, "size")),
			             format_time(when, document_number(entry, "finished")));
		free(path);
		free(group);
	}
	json_decref(document);
	return CLI_DONE;
}

/* --- bars on a terminal --- */

/* "[D] [group] path   [######      ] 42%  118 MB/s  eta 12s", at most as wide as the terminal. The name gets what
 * bar and numbers leave. */
static char *bar_line(struct cli *cli, const struct download_line *d, size_t columns)
{
	char *text = d->complete ? mem_strdup("") : progress(d);
	/* Padded to the usual width, so that the bars of several lines are aligned. */
	char *how = mem_printf("%-*s", d->complete || d->reason[0] != '\0' ? 0 : USUAL, text);
	char *name = mem_printf("[%s] %s", d->group, d->path);
	size_t bar = !d->complete && d->reason[0] == '\0' && columns >= 60 ? BAR : 0;
	size_t taken = 4 + (bar > 0 ? bar + 4 : 2) + format_width(how);
	size_t room = columns > taken + 10 ? columns - taken : 10;
	int filled = (int)bar * percent(d) / 100;
	char *cut = format_cut(name, room);
	char *tail = format_cut(how, columns > room + 6 ? columns - room - 6 : 0);
	const char *color = cli_sgr(cli, d->complete ? "\x1b[32m" : d->reason[0] != '\0' ? "\x1b[33m" : "\x1b[36m");
	char *line;

	if (bar > 0)
		line = mem_printf("%s[D] %s%*s [%.*s%*s] %s%s", color, cut, (int)(room - format_width(cut)), "", filled,
		                  "####################", (int)bar - filled, "", how, cli_sgr(cli, "\x1b[0m"));
	else
		line = mem_printf("%s[%s] %s %s%s", color, d->complete ? "C" : "D", cut, tail, cli_sgr(cli, "\x1b[0m"));
	free(tail);
	free(cut);
	free(name);
	free(how);
	free(text);
	return line;
}

static void downloads_draw(struct cli *cli, struct screen *screen, const json_t *downloads)
{
	size_t n = json_array_size(downloads);
	char **lines = mem_calloc(n + 1, sizeof(*lines));
	size_t columns;
	size_t rows;

	screen_size(&columns, &rows);
	for (size_t i = 0; i < n; i++) {
		struct download_line d = download_line_read(json_array_get(downloads, i));

		lines[i] = bar_line(cli, &d, columns);
		download_line_free(&d);
	}
	if (n == 0)
		lines[n++] = mem_strdup("nothing is being downloaded");
	screen_draw(screen, lines, n);
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	free(lines);
}

/* --- lines elsewhere --- */

/* The line that was last printed for a download. */
struct printed {
	char *name; /* owned; the key */
	char *line; /* owned */
	bool still; /* in the document at hand */
	UT_hash_handle hh;
};

static void printed_forget(struct printed **all, struct printed *s)
{
	HASH_DEL(*all, s);
	free(s->name);
	free(s->line);
	free(s);
}

static void printed_update(struct printed **all, const struct download_line *d)
{
	/* A path can be listed twice: completed a while ago, and in progress again. */
	char *name = mem_printf("%c%s/%s", d->complete ? 'C' : 'D', d->group, d->path);
	char *line = plain_line(d);
	struct printed *s;

	HASH_FIND_STR(*all, name, s);
	if (s == NULL) {
		s = MEM_NEW(struct printed);
		s->name = mem_strdup(name);
		HASH_ADD_KEYPTR(hh, *all, s->name, strlen(s->name), s);
	}
	s->still = true;
	if (s->line == NULL || strcmp(s->line, line) != 0) {
		puts(line);
		free(s->line);
		s->line = mem_strdup(line);
	}
	free(line);
	free(name);
}

static void printed_update_all(struct printed **all, const json_t *downloads)
{
	struct printed *s;
	struct printed *next;
	json_t *entry;
	size_t i;

	HASH_ITER(hh, *all, s, next)
		s->still = false;
	json_array_foreach(downloads, i, entry) {
		struct download_line d = download_line_read(entry);

		printed_update(all, &d);
		download_line_free(&d);
	}
	HASH_ITER(hh, *all, s, next) {
		if (!s->still)
			printed_forget(all, s);
	}
}

/* On a terminal, draws everything again; elsewhere prints only lines that have changed, so that a log of it stays
 * readable. */
static int downloads_watch(struct cli *cli)
{
	bool bars = cli->terminal && !cli->json;
	struct printed *all = NULL;
	struct printed *s;
	struct printed *next;
	struct screen screen;
	int rc;

	screen_begin(&screen);
	do {
		json_t *document;

		rc = http_get(cli, "/downloads", &document);
		if (rc != CLI_DONE)
			break;
		if (cli->json)
			cli_print_json(document);
		else if (bars)
			downloads_draw(cli, &screen, json_object_get(document, "downloads"));
		else
			printed_update_all(&all, json_object_get(document, "downloads"));
		json_decref(document);
	} while (screen_sleep(bars ? DRAW_MS : LINES_MS));
	HASH_ITER(hh, all, s, next)
		printed_forget(&all, s);
	return rc;
}

int cmd_downloads(struct cli *cli, int argc, char **argv)
{
	bool follow = false, history = false;
	struct args_option own[] = { { ARGS_FLAG, "watch", &follow },
		                     { ARGS_FLAG, "history", &history },
		                     { ARGS_END, NULL, NULL } };

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	if (follow && history)
		return cli_usage(cli, "either --watch or --history");
	if (history)
		return downloads_history(cli);
	return follow ? downloads_watch(cli) : downloads_once(cli);
}
