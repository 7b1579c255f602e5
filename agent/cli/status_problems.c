/* See status_problems.h. */
#include "agent/cli/status_problems.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/cli.h"
#include "agent/format.h"
#include "agent/escape.h"
#include "base/mem.h"

/* Problems of one folder for one reason. */
struct folder_problem {
	const char *path; /* of the first; lent */
	size_t folder_n;  /* of its folder; 0: the share itself */
	const char *reason, *next;
	int64_t since; /* the longest */
	int64_t n;
};

static const char *problem_text(const json_t *problem, const char *key)
{
	const char *text = json_string_value(json_object_get(problem, key));

	return text != NULL ? text : "";
}

static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t)(slash - path) : 0;
}

static bool is_like_folder(const struct folder_problem *f, const struct folder_problem *one)
{
	return f->folder_n == one->folder_n && memcmp(f->path, one->path, f->folder_n) == 0 &&
	       strcmp(f->reason, one->reason) == 0 && strcmp(f->next, one->next) == 0;
}

/* How many folders and reasons there are. They come in the order of the first problem of each. */
static size_t gather_folders(struct folder_problem *folders, const json_t *problems)
{
	const json_t *problem;
	size_t n = 0, i, k;

	json_array_foreach(problems, i, problem) {
		const char *path = problem_text(problem, "path");
		struct folder_problem one = { .path = path,
			                      .folder_n = folder_length(path),
			                      .reason = problem_text(problem, "reason"),
			                      .next = problem_text(problem, "next"),
			                      .since = document_number(problem, "since"),
			                      .n = 1 };

		for (k = 0; k < n && !is_like_folder(&folders[k], &one); k++)
			;
		if (k == n)
			folders[n++] = one;
		else
			folders[k].n++;
		if (one.since < folders[k].since)
			folders[k].since = one.since;
	}
	return n;
}

static void add_folder(struct lines *l, const struct folder_problem *f)
{
	char *folder = mem_printf("%.*s", (int)f->folder_n, f->path);
	char *where = escape_terminal(f->n == 1 ? f->path : folder), *reason = escape_terminal(f->reason);
	char *next = escape_terminal(f->next);
	char since[FORMAT_MAX], paths[FORMAT_MAX];

	format_duration(since, (int64_t)time(NULL) - f->since);
	if (f->n == 1)
		lines_add(l, mem_printf("  not synced: %s: %s (for %s; %s)", where, reason, since, next));
	else
		lines_add(l, mem_printf("  not synced: %s in %s%s: %s (for %s; %s)",
		                        format_count(paths, f->n, "path", "paths"),
		                        f->folder_n > 0 ? where : "the share itself", f->folder_n > 0 ? "/" : "",
		                        reason, since, next));
	free(next);
	free(reason);
	free(where);
	free(folder);
}

void status_problems_add(struct lines *l, const json_t *problems, int64_t count)
{
	size_t n = json_array_size(problems), nfolders, shown;
	struct folder_problem *folders = mem_calloc(n + 1, sizeof(*folders));
	int64_t told = 0;

	nfolders = gather_folders(folders, problems);
	/* Few are told one by one. */
	if (n <= STATUS_PROBLEMS_SHOWN) {
		for (size_t i = 0; i < n; i++) {
			json_t *one = json_pack("[O]", json_array_get(problems, i));

			(void)gather_folders(folders, one);
			add_folder(l, &folders[0]);
			json_decref(one);
		}
		free(folders);
		return;
	}
	shown = nfolders < STATUS_PROBLEMS_SHOWN ? nfolders : STATUS_PROBLEMS_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		add_folder(l, &folders[i]);
		told += folders[i].n;
	}
	free(folders);
	if (count > told)
		lines_add(l, mem_printf("  ... and %lld more (--json shows %zu%s)", (long long)(count - told), n,
		                        count > (int64_t)n ? " of all" : ""));
}
