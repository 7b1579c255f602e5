/* See status_brief.h. Lines are added, not redrawn: the agent's own messages may come to the same terminal. */
#include "agent/cli/status_brief.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "agent/cli/http.h"
#include "agent/cli/screen.h"
#include "agent/format.h"
#include "base/mem.h"

enum { BRIEF_MS = 1000, NAMES_SHOWN = 3 };

/* What was last printed for a group. */
struct brief_group {
	char *id;          /* owned; the key */
	char *line;        /* owned; NULL: none yet */
	int64_t installed; /* files that had come by then */
	UT_hash_handle hh;
};

/* "with anna, bob; carl is away since Tuesday". Fresh; "" for a group of one. */
static char *members_text(struct cli *cli, const char *id)
{
	char *here = mem_strdup(""), *away = mem_strdup(""), *text;
	size_t nhere = 0, naway = 0, i;
	json_t *document = NULL, *m;

	(void)http_group_get(cli, id, "/members", &document);
	json_array_foreach(json_object_get(document, "members"), i, m) {
		bool is_here = document_flag(m, "here");
		char **list = is_here ? &here : &away, *name, *longer;
		size_t n = document_flag(m, "self") ? NAMES_SHOWN : is_here ? nhere++ : naway++;

		if (n >= NAMES_SHOWN)
			continue;
		name = document_text(m, "name");
		longer = mem_printf("%s%s%s", *list, n > 0 ? ", " : "", name);
		free(name);
		free(*list);
		*list = longer;
	}
	json_decref(document);
	text = mem_printf("%s%s%s%s%s%s%s", nhere > 0 ? ", with " : "", here, nhere > NAMES_SHOWN ? ", ..." : "",
	                  naway > 0 ? "; away: " : "", away, naway > NAMES_SHOWN ? ", ..." : "",
	                  nhere + naway > 0 ? "" : ", nobody else is in it yet");
	free(here);
	free(away);
	return text;
}

/* "hello.txt came" or "300 files came, the last one d/299". Fresh. */
static char *came_text(struct cli *cli, const json_t *group, int64_t n)
{
	const char *name = json_string_value(json_object_get(group, "group"));
	json_t *document = NULL, *d;
	char *text = NULL, *path, files[FORMAT_MAX];
	size_t i;

	(void)http_get(cli, "/downloads", &document);
	json_array_foreach(json_object_get(document, "downloads"), i, d) {
		const char *state = json_string_value(json_object_get(d, "state"));
		const char *of = json_string_value(json_object_get(d, "group"));

		if (text != NULL || name == NULL || of == NULL || state == NULL || strcmp(state, "C") != 0 ||
		    strcmp(of, name) != 0)
			continue;
		path = document_text(d, "path");
		text = n == 1 ? mem_printf("%s came", path)
		              : mem_printf("%s came, the last one %s", format_count(files, n, "file", "files"), path);
		free(path);
	}
	json_decref(document);
	return text != NULL ? text : mem_printf("%s came", format_count(files, n, "file", "files"));
}

static struct brief_group *find_brief(struct brief_group **all, const char *id, int64_t installed)
{
	struct brief_group *b;

	HASH_FIND_STR(*all, id, b);
	if (b != NULL)
		return b;
	b = MEM_NEW(struct brief_group);
	b->id = mem_strdup(id);
	b->installed = installed;
	HASH_ADD_KEYPTR(hh, *all, b->id, strlen(b->id), b);
	return b;
}

static void print_brief(struct cli *cli, struct brief_group **all, const json_t *g)
{
	const char *id = json_string_value(json_object_get(g, "id"));
	int64_t installed = document_number(json_object_get(g, "counters"), "files_installed");
	char *name = document_text(g, "group"), *state = document_text(g, "state"), *share = document_text(g, "share");
	char *who = members_text(cli, id != NULL ? id : ""), files[FORMAT_MAX], *line, *came;
	struct brief_group *b = find_brief(all, id != NULL ? id : "", installed);

	line = mem_printf("%s%s, %s in %s", state, who,
	                  format_count(files, document_number(g, "files"), "file", "files"), share);
	if (installed > b->installed) {
		came = came_text(cli, g, installed - b->installed);
		(void)printf("%s: %s\n", name, came);
		free(came);
	}
	if (b->line == NULL || strcmp(b->line, line) != 0)
		(void)printf("%s: %s\n", name, line);
	b->installed = installed;
	free(b->line);
	b->line = line;
	free(who);
	free(share);
	free(state);
	free(name);
}

int status_brief(struct cli *cli, bool watch)
{
	struct brief_group *all = NULL, *b, *next;
	struct screen screen;
	json_t *document, *g;
	size_t i;
	int rc;

	if (watch)
		screen_begin(&screen);
	do {
		rc = http_get(cli, "/status", &document);
		if (rc != CLI_DONE)
			break;
		json_array_foreach(json_object_get(document, "groups"), i, g)
			print_brief(cli, &all, g);
		json_decref(document);
	} while (watch && screen_sleep(BRIEF_MS));
	HASH_ITER(hh, all, b, next) {
		HASH_DEL(all, b);
		free(b->id);
		free(b->line);
		free(b);
	}
	return rc;
}
