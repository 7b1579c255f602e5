/* share: puts files and folders from anywhere into the group's folder, and shares again what was unshared. */
#include "agent/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/cli/meant.h"
#include "agent/cli/share_copy.h"
#include "agent/escape.h"
#include "base/fs.h"
#include "base/mem.h"

enum { WORDS_MAX = 1000 };

struct sharing {
	struct cli *cli;
	const char *group;
	char *share;      /* the share's real path; owned */
	json_t *unshared; /* of the agent; owned */
	json_t *paths;    /* in the share, as the agent writes names: to be shared; owned */
	struct share_copy copy;
};

/* The group's folder, and what is not shared of it. */
static int find_share(struct sharing *s)
{
	json_t *document = NULL;
	int rc = http_group_get(s->cli, s->group, "/choices", &document);
	const char *text;
	char *share;

	if (rc != CLI_DONE)
		return rc;
	s->unshared = json_incref(json_object_get(document, "unshared"));
	json_decref(document);
	rc = http_get(s->cli, "/groups", &document);
	text = json_string_value(json_object_get(meant_group(json_object_get(document, "groups"), s->group), "share"));
	share = text != NULL ? escape_decode(text) : NULL;
	s->share = share != NULL ? realpath(share, NULL) : NULL;
	free(share);
	json_decref(document);
	if (rc == CLI_DONE && s->share == NULL) {
		cli_error("the group's folder cannot be found from here");
		rc = CLI_REFUSED;
	}
	return rc;
}

static void add_path(struct sharing *s, const char *bytes)
{
	char *text = escape_name(bytes);

	json_array_append_new(s->paths, json_string(text));
	free(text);
}

/* Whether the word is a path in the group that is not shared, or has such paths below it. */
static bool is_unshared(const struct sharing *s, const char *word)
{
	const json_t *entry;
	size_t i, n = strlen(word);

	json_array_foreach(s->unshared, i, entry) {
		const char *path = json_string_value(entry);

		if (path != NULL && strncmp(path, word, n) == 0 && (path[n] == '\0' || path[n] == '/'))
			return true;
	}
	return false;
}

/* The part of a real path that is below the share; NULL: it is elsewhere. */
static const char *below_share(const struct sharing *s, const char *real)
{
	size_t n = strlen(s->share);

	return strncmp(real, s->share, n) == 0 && real[n] == '/' ? real + n + 1 : NULL;
}

static bool is_above_share(const struct sharing *s, const char *real)
{
	size_t n = strlen(real);

	return strncmp(s->share, real, n) == 0 && (s->share[n] == '/' || real[n - 1] == '/');
}

/* The real path of the folder above, and the name as it is: a symlink is shared as such. Fresh; NULL and errno. */
static char *real_place(const char *word)
{
	char *path = mem_strdup(word), *slash, *folder, *place = NULL;
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	slash = strrchr(path, '/');
	if (strcmp(path, ".") == 0 || strcmp(path, "..") == 0 || strcmp(path, "/") == 0) {
		place = realpath(path, NULL);
	} else {
		if (slash != NULL)
			*slash = '\0';
		folder = realpath(slash == NULL ? "." : slash == path ? "/" : path, NULL);
		if (folder != NULL)
			place = mem_printf("%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
			                   slash != NULL ? slash + 1 : path);
		free(folder);
	}
	free(path);
	return place;
}

static int share_word(struct sharing *s, const char *word, const char *folder)
{
	char *real, *to;
	const char *below;
	int rc = CLI_DONE;

	if (is_unshared(s, word)) {
		json_array_append_new(s->paths, json_string(word));
		return CLI_DONE;
	}
	real = real_place(word);
	if (real == NULL) {
		cli_error("%s: %s", word, strerror(errno));
		return CLI_REFUSED;
	}
	below = below_share(s, real);
	if (below != NULL) {
		add_path(s, below);
	} else if (strcmp(real, s->share) == 0 || is_above_share(s, real) || strrchr(real, '/')[1] == '\0') {
		cli_error("%s: cannot be put into the group's folder, as it is that folder or has it inside", word);
		rc = CLI_REFUSED;
	} else {
		to = mem_printf("%s%s%s", folder, folder[0] != '\0' ? "/" : "", strrchr(real, '/') + 1);
		if (share_copy(&s->copy, real, to) < 0)
			rc = CLI_REFUSED;
		else
			add_path(s, to);
		free(to);
	}
	free(real);
	return rc;
}

static void print_shared(const struct sharing *s)
{
	char files[FORMAT_MAX], size[FORMAT_MAX];

	if (s->cli->json) {
		json_t *document =
			json_pack("{s:O, s:I, s:I, s:I}", "paths", s->paths, "files", (json_int_t)s->copy.files,
		                  "bytes", (json_int_t)s->copy.bytes, "reflinks", (json_int_t)s->copy.reflinks);

		cli_print_json(document);
		json_decref(document);
		return;
	}
	for (size_t i = 0; i < json_array_size(s->paths); i++) {
		char *path = escape_terminal(json_string_value(json_array_get(s->paths, i)));

		(void)printf("shared %s\n", path);
		free(path);
	}
	if (s->copy.files > 0)
		(void)printf("%s, %s\n", format_count(files, s->copy.files, "file copied", "files copied"),
		             format_bytes(size, s->copy.bytes));
}

/* "": the share itself. The agent judges names as a whole; here it is only about not writing where it never looks. */
static int check_folder(const char *to)
{
	const char *part = to;

	while (*part != '\0') {
		size_t n = strcspn(part, "/");

		if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.') ||
		    (n == 8 && strncasecmp(part, ".lanyard", 8) == 0)) {
			cli_error("%s: not a folder for files of the group", to);
			return CLI_REFUSED;
		}
		part += n + (part[n] == '/');
	}
	return CLI_DONE;
}

/* Tells the agent what is shared, or was put there. */
static int tell_agent(struct sharing *s)
{
	json_t *document;
	int rc = http_group_post(s->cli, s->group, "/share", json_pack("{s:O}", "paths", s->paths), &document);

	if (rc == CLI_DONE)
		json_decref(document);
	return rc;
}

int cmd_share(struct cli *cli, int argc, char **argv)
{
	const char *folder = NULL, *to;
	struct args_option own[] = { { ARGS_TEXT, "to", &folder }, { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 2, WORDS_MAX, argc, argv), rc, one;
	struct sharing s = { .cli = cli, .group = argv[0], .copy = { .root = -1 } };

	if (words < 0)
		return CLI_USAGE;
	to = folder != NULL ? folder : "";
	s.paths = json_array();
	rc = check_folder(to);
	if (rc == CLI_DONE)
		rc = find_share(&s);
	if (rc == CLI_DONE) {
		s.copy.root = open(s.share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s.copy.root < 0 || (to[0] != '\0' && fs_mkdirs(s.copy.root, to, 0777) < 0)) {
			cli_error("%s/%s: %s", s.share, to, strerror(errno));
			rc = CLI_REFUSED;
		}
	}
	for (int i = 1; i < words && rc != CLI_NO_AGENT && s.copy.root >= 0; i++) {
		one = share_word(&s, argv[i], to);
		rc = one != CLI_DONE ? one : rc;
	}
	if (json_array_size(s.paths) > 0) {
		one = tell_agent(&s);
		rc = one != CLI_DONE ? one : rc;
		print_shared(&s);
	}
	if (s.copy.root >= 0)
		close(s.copy.root);
	json_decref(s.unshared);
	json_decref(s.paths);
	free(s.share);
	return rc;
}
