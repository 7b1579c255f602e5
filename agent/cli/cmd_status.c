/* status, peers, wait: the state of the agent, once, continuously, or until it is in sync. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/cli/lines.h"
#include "agent/cli/names.h"
#include "agent/cli/screen.h"
#include "agent/cli/status_brief.h"
#include "agent/cli/status_problems.h"
#include "agent/cli/status_sealed.h"
#include "agent/escape.h"
#include "base/mem.h"

enum { WATCH_MS = 1000, SHOWN_PATHS = 10, AWAY_NAMED = 3 };

/* --- status --- */

/* Adds a held burst: whose, how many files, since when, and what to do. */
static void status_add_hold(struct lines *l, const char *group, const json_t *hold)
{
	char *by = document_text(hold, "by");
	char *name = document_text(hold, "name");
	char since[FORMAT_MAX], files[FORMAT_MAX];

	format_duration(since, (int64_t)time(NULL) - document_number(hold, "since"));
	format_count(files, document_number(hold, "files"), "file", "files");
	if (json_is_true(json_object_get(hold, "here")))
		lines_add(l, mem_printf("  held for %s: %s disappeared here at once. Put them back, or, if they were "
		                        "deleted on purpose: lanyard release %s",
		                        since, files, group));
	else
		lines_add(l,
		          mem_printf("  held for %s: %s that %s%s%s%s%s deleted, replaced or emptied at "
		                     "once. They stay as they are here until that is undone. If it was "
		                     "intended: lanyard release %s",
		                     since, files,
		                     json_is_true(json_object_get(hold, "brings")) ? "several members, as reported by "
		                                                                   : "",
		                     by[0] == '\0' ? "a former member or several members" : name,
		                     by[0] == '\0' ? "" : " (", by, by[0] == '\0' ? "" : ")", group));
	free(by);
	free(name);
}

/* Adds what this agent keeps of the group, and by which right, where that is not all of it. */
static void status_add_choices(struct lines *l, const char *group, const json_t *g)
{
	char *mode = document_text(g, "mode");
	char files[FORMAT_MAX];
	const json_t *path;
	size_t i;

	if (strcmp(mode, "on-demand") == 0)
		lines_add(l, mem_printf("  on demand: %s of the group not here",
		                        format_count(files, document_number(g, "listed"), "path is", "paths are")));
	if (document_number(g, "unshared") > 0)
		lines_add(l, mem_printf("  %s not shared: lanyard mode %s",
		                        format_count(files, document_number(g, "unshared"), "path is", "paths are"),
		                        group));
	json_array_foreach(json_object_get(g, "local_paths"), i, path) {
		char *name = escape_terminal(json_string_value(path));

		if (i < SHOWN_PATHS)
			lines_add(l, mem_printf("  not shared: you are a reader here: %s", name));
		free(name);
	}
	if (document_number(g, "local_changes") > SHOWN_PATHS)
		lines_add(l, mem_printf("  ... and %lld more",
		                        (long long)document_number(g, "local_changes") - SHOWN_PATHS));
	if (document_number(g, "local_changes") > 0)
		lines_add(l, mem_printf("  lanyard revert %s puts the group's version back", group));
	free(mode);
}

/* What is in its share, for its first line. A vault has no files: the line of what it stores follows. */
static char *status_has(const json_t *g)
{
	char size[FORMAT_MAX], files[FORMAT_MAX], folders[FORMAT_MAX];

	if (status_sealed_is_vault(g))
		return mem_strdup("");
	return mem_printf("%s, %s, %s, ", format_count(files, document_number(g, "files"), "file", "files"),
	                  format_count(folders, document_number(g, "dirs"), "folder", "folders"),
	                  format_bytes(size, document_number(g, "bytes")));
}

static void status_add_scan(struct lines *l, const json_t *scan)
{
	char left[FORMAT_MAX] = "", files[FORMAT_MAX];

	if (scan == NULL)
		return;
	if (json_is_integer(json_object_get(scan, "eta")))
		format_duration(left, document_number(scan, "eta"));
	if (left[0] != '\0')
		lines_add(l, mem_printf("  scan: %lld of about %lld paths checked, %s left",
		                        (long long)document_number(scan, "seen"),
		                        (long long)document_number(scan, "of"), left));
	else
		lines_add(l, mem_printf("  scan: %s checked, %lld to be read",
		                        format_count(files, document_number(scan, "seen"), "path", "paths"),
		                        (long long)document_number(scan, "hashing")));
}

/* "host-3 lacks 12 files since Tuesday", of those that are connected. */
static void status_add_behind(struct lines *l, const json_t *members)
{
	char n[FORMAT_MAX], since[FORMAT_MAX], *name;
	size_t i, behind = 0;
	const json_t *m;

	json_array_foreach(members, i, m) {
		if (!document_flag(m, "connected") || document_number(m, "behind_since") <= 0 || ++behind > AWAY_NAMED)
			continue;
		name = document_text(m, "name");
		lines_add(l, mem_printf("  %s lacks %s since %s", name,
		                        format_count(n, document_number(m, "behind_files"), "file", "files"),
		                        format_since(since, document_number(m, "behind_since"), time(NULL))));
		free(name);
	}
	if (behind > AWAY_NAMED)
		lines_add(l, mem_printf("  %s files as well", format_count(n, (int64_t)(behind - AWAY_NAMED),
		                                                           "more member lacks", "more members lack")));
}

/* "2 of 4 members are here; host-3 away since Tuesday", only where somebody is missing; and who lacks files. */
static void status_add_members(struct cli *cli, struct lines *l, const json_t *g)
{
	const char *id = json_string_value(json_object_get(g, "id"));
	json_t *document, *members, *m;
	char *text = mem_strdup("");
	size_t i, n, away = 0;

	if (id == NULL || json_is_null(json_object_get(g, "role")) ||
	    http_group_get(cli, id, "/members", &document) != CLI_DONE) {
		free(text);
		return;
	}
	members = json_object_get(document, "members");
	n = json_array_size(members);
	json_array_foreach(members, i, m) {
		bool seen = json_is_integer(json_object_get(m, "last_seen"));
		char *before = text, *name, since[FORMAT_MAX];

		if (document_flag(m, "here") || ++away > AWAY_NAMED)
			continue;
		name = document_text(m, "name");
		text = mem_printf("%s%s %s%s%s", before, away == 1 ? "" : ",", name,
		                  seen ? " away since " : " not seen yet",
		                  seen ? format_since(since, document_number(m, "last_seen"), time(NULL)) : "");
		free(name);
		free(before);
	}
	if (away > AWAY_NAMED)
		lines_add(l, mem_printf("  %zu of %zu members are here;%s, and %zu more", n - away, n, text,
		                        away - AWAY_NAMED));
	else if (away > 0)
		lines_add(l, mem_printf("  %zu of %zu members are here;%s", n - away, n, text));
	status_add_behind(l, members);
	free(text);
	json_decref(document);
}

static void status_add_group(struct cli *cli, struct lines *l, const json_t *g)
{
	char *name = document_text(g, "group");
	char *share = document_text(g, "share");
	char *state = document_text(g, "state");
	char *error = document_text(g, "error");
	const char *color = strcmp(state, "in-sync") == 0 ? "\x1b[32m"
	                    : strcmp(state, "error") == 0 ? "\x1b[31m"
	                                                  : "\x1b[33m";
	char *waits_for = document_text(g, "waits_for");
	char *has = status_has(g);
	char size[FORMAT_MAX], files[FORMAT_MAX], peers[FORMAT_MAX];
	const json_t *lack, *hold;
	size_t i;

	lines_add(l, mem_printf("%s: %s%s%s, %s%s, %s", name, cli_sgr(cli, color), state, cli_sgr(cli, "\x1b[0m"), has,
	                        format_count(peers, document_number(g, "peers"), "peer", "peers"), share));
	free(has);
	if (error[0] != '\0')
		lines_add(l, mem_printf("  %s", error));
	if (waits_for[0] != '\0' && error[0] == '\0')
		lines_add(l, mem_printf("  waits for %s", waits_for));
	status_add_members(cli, l, g);
	if (document_number(g, "ignored") > 0)
		lines_add(l, mem_printf("  .lanyardignore excludes %s here",
		                        format_count(files, document_number(g, "ignored"), "path", "paths")));
	if (document_number(g, "requests") > 0)
		lines_add(l, mem_printf("  %s to join: lanyard requests %s",
		                        format_count(files, document_number(g, "requests"), "agent asks", "agents ask"),
		                        name));
	if (document_number(g, "wanted") > 0)
		lines_add(l, mem_printf("  %s to download, %s",
		                        format_count(files, document_number(g, "wanted"), "path", "paths"),
		                        format_bytes(size, document_number(g, "wanted_bytes"))));
	if (document_number(g, "pending") > 0)
		lines_add(l, mem_printf("  %s to check here",
		                        format_count(files, document_number(g, "pending"), "path", "paths")));
	status_add_scan(l, json_object_get(g, "scan"));
	status_add_choices(l, name, g);
	status_sealed_add(l, g);
	json_array_foreach(json_object_get(g, "disk_lacks"), i, lack)
		lines_add(l, mem_printf("  its disk %s", json_string_value(lack)));
	json_array_foreach(json_object_get(g, "holds"), i, hold)
		status_add_hold(l, name, hold);
	status_problems_add(l, json_object_get(g, "problems"), document_number(g, "problem_count"));
	free(name);
	free(share);
	free(waits_for);
	free(state);
	free(error);
}

/* A group that this agent asks to join. */
static void status_add_asked(struct lines *l, const json_t *asked)
{
	char *name = document_text(asked, "group");
	char *state = document_text(asked, "state");
	char *code = document_text(asked, "code");
	char *note = document_text(asked, "note");

	lines_add(l, mem_printf("%s: %s%s%s, %s", name, state, code[0] != '\0' ? ", code " : "", code, note));
	free(name);
	free(state);
	free(code);
	free(note);
}

static void status_lines(struct cli *cli, struct lines *l, const json_t *document)
{
	char *agent = document_text(document, "agent");
	char *name = document_text(document, "name");
	char *version = document_text(document, "version");
	char *discovery = document_text(document, "discovery");
	char *problem = document_text(document, "discovery_problem");
	json_t *group;
	size_t i;

	lines_add(l, mem_printf("agent %s", agent));
	lines_add(l, mem_printf("%s, lanyard %s, port %lld, discovery %s%s%s", name, version,
	                        (long long)document_number(document, "port"), discovery, problem[0] != '\0' ? ": " : "",
	                        problem));
	json_array_foreach(json_object_get(document, "groups"), i, group)
		status_add_group(cli, l, group);
	json_array_foreach(json_object_get(document, "asked"), i, group)
		status_add_asked(l, group);
	if (json_array_size(json_object_get(document, "groups")) == 0 &&
	    json_array_size(json_object_get(document, "asked")) == 0)
		lines_add(
			l,
			mem_strdup(
				"not in a group yet: `lanyard groups` lists those on the network, `lanyard join` joins one, `lanyard create` creates one"));
	free(agent);
	free(name);
	free(version);
	free(discovery);
	free(problem);
}

static void print_lines(const struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		puts(l->v[i]);
}

/* Cuts lines at the terminal's edge, except coloured ones, whose codes must stay whole. These are short. */
static void fit_lines(struct lines *l)
{
	size_t columns;
	size_t rows;

	screen_size(&columns, &rows);
	for (size_t i = 0; i < l->n; i++) {
		char *cut = strchr(l->v[i], '\x1b') == NULL ? format_cut(l->v[i], columns) : mem_strdup(l->v[i]);

		free(l->v[i]);
		l->v[i] = cut;
	}
}

static bool same_lines(const struct lines *a, const struct lines *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return true;
}

/* On a terminal, draws everything again; elsewhere prints all lines whenever one has changed. */
static int watch_status(struct cli *cli)
{
	bool draw = cli->terminal && !cli->json;
	struct lines before = { 0 };
	struct screen screen;
	json_t *document;
	int rc;

	screen_begin(&screen);
	do {
		struct lines now = { 0 };

		rc = http_get(cli, "/status", &document);
		if (rc != CLI_DONE)
			break;
		status_lines(cli, &now, document);
		if (cli->json)
			cli_print_json(document);
		else if (draw)
			fit_lines(&now);
		if (draw)
			screen_draw(&screen, now.v, now.n);
		else if (!cli->json && !same_lines(&before, &now))
			print_lines(&now);
		lines_free(&before);
		before = now;
		json_decref(document);
	} while (screen_sleep(WATCH_MS));
	lines_free(&before);
	return rc;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	bool watch = false, brief = false;
	struct args_option own[] = { { ARGS_FLAG, "watch", &watch },
		                     { ARGS_FLAG, "brief", &brief },
		                     { ARGS_END, NULL, NULL } };
	struct lines lines = { 0 };
	json_t *document;
	int rc;

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	if (brief && cli->json)
		return cli_usage(cli, "either --brief or --json");
	if (brief)
		return status_brief(cli, watch);
	if (watch)
		return watch_status(cli);
	rc = http_get(cli, "/status", &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
	} else {
		status_lines(cli, &lines, document);
		print_lines(&lines);
		lines_free(&lines);
	}
	json_decref(document);
	return CLI_DONE;
}

/* --- peers --- */

static char *joined_groups(const json_t *groups)
{
	char *text = mem_strdup("");
	json_t *group;
	size_t i;

	json_array_foreach(groups, i, group) {
		json_t *holder = json_pack("{s:O}", "name", group);
		char *name = document_text(holder, "name");
		char *longer = mem_printf("%s%s%s", text, i > 0 ? ", " : "", name);

		json_decref(holder);
		free(name);
		free(text);
		text = longer;
	}
	return text;
}

static const char *const peer_heads[] = { "NAME", "ID", "ADDRESS", "CONNECTED", "TRAFFIC", "RTT", "GROUPS" };

int cmd_peers(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	struct table table = cli_table(cli, 7, peer_heads);
	json_t *document;
	json_t *peer;
	size_t id;
	size_t i;
	int rc;

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	rc = http_get(cli, "/peers", &document);
	if (rc != CLI_DONE)
		return rc;
	id = names_id_length(json_object_get(document, "peers"), "agent");
	if (cli->json)
		cli_print_json(document);
	json_array_foreach(json_object_get(document, "peers"), i, peer) {
		char since[FORMAT_MAX];
		char in[FORMAT_MAX], in_rate[FORMAT_MAX];
		char out[FORMAT_MAX], out_rate[FORMAT_MAX];
		int64_t rtt = json_is_integer(json_object_get(peer, "rtt_ms")) ? document_number(peer, "rtt_ms") : -1;

		if (cli->json)
			continue;
		format_duration(since, (int64_t)time(NULL) - document_number(peer, "since"));
		format_bytes(in, document_number(peer, "rx"));
		format_bytes(out, document_number(peer, "tx"));
		format_bytes(in_rate, document_number(peer, "rate_in"));
		format_bytes(out_rate, document_number(peer, "rate_out"));
		format_table_row(&table,
		                 (char *[]){ document_text(peer, "name"), names_id(peer, "agent", id),
		                             document_text(peer, "address"), mem_printf("for %s", since),
		                             mem_printf("in %s (%s/s), out %s (%s/s)", in, in_rate, out, out_rate),
		                             rtt < 0 ? mem_strdup("") : mem_printf("%lld ms", (long long)rtt),
		                             joined_groups(json_object_get(peer, "groups")) });
	}
	format_table_print(&table);
	json_decref(document);
	return CLI_DONE;
}

/* --- wait --- */

int cmd_wait(struct cli *cli, int argc, char **argv)
{
	const char *timeout_text = NULL;
	const char *peers_text = NULL;
	struct args_option own[] = {
		{ ARGS_TEXT, "timeout", &timeout_text },
		{ ARGS_TEXT, "peers", &peers_text },
		{ ARGS_END, NULL, NULL },
	};
	int words = cli_args(cli, own, 0, 1, argc, argv);
	int64_t timeout = -1;
	int64_t peers = 0;
	json_t *document;
	char *group;
	char *path;
	char *limit;
	char *reason;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	if (timeout_text != NULL && args_number(timeout_text, 0, 366 * 86400, &timeout) < 0 &&
	    args_duration(timeout_text, &timeout) < 0)
		return cli_usage(cli, "--timeout must be a number of seconds, or one with s, m, h or d");
	if (peers_text != NULL && args_number(peers_text, 0, 1024, &peers) < 0)
		return cli_usage(cli, "--peers must be a number from 0 to 1024");
	group = http_group_path(words == 1 ? argv[0] : NULL, "/wait");
	limit = timeout >= 0 ? mem_printf("&timeout=%lld", (long long)timeout) : mem_strdup("");
	path = mem_printf("%s?peers=%lld%s", group, (long long)peers, limit);
	rc = http_get(cli, path, &document);
	free(path);
	free(limit);
	free(group);
	if (rc != CLI_DONE)
		return rc;
	rc = document_flag(document, "in_sync") ? CLI_DONE : CLI_REFUSED;
	reason = document_text(document, "reason");
	if (cli->json)
		cli_print_json(document);
	if (rc != CLI_DONE)
		cli_error("not in sync: %s", reason);
	free(reason);
	json_decref(document);
	return rc;
}
