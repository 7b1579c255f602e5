/* See confirm.h. */
#include "agent/cli/confirm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/http.h"
#include "agent/cli/lines.h"
#include "agent/cli/meant.h"
#include "agent/cli/names.h"
#include "agent/cli/status_problems.h"
#include "agent/escape.h"
#include "agent/key_file.h"
#include "base/mem.h"

/* A group as the status has it, and what is to be said of it. */
struct consequences {
	json_t *status;      /* owned; NULL: no agent has answered */
	const json_t *group; /* in it; NULL: there is none of that name */
	struct lines lines;  /* owned */
};

/* What the consequences are is asked of the agent only where somebody is there to be told. */
static bool is_person(const struct cli *cli, bool yes)
{
	return !yes && !cli->json && isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

static void consequences_begin(struct cli *cli, struct consequences *c, const char *called)
{
	memset(c, 0, sizeof(*c));
	(void)http_probe(cli, "/status", &c->status);
	if (http_is_systems(cli))
		return; /* it refuses all acts */
	c->group = meant_group(json_object_get(c->status, "groups"), called);
}

/* Asks if there is something to be said. Frees it. */
static bool consequences_end(struct consequences *c)
{
	char answer[16] = "y";

	for (size_t i = 0; i < c->lines.n; i++)
		(void)fprintf(stderr, "%s\n", c->lines.v[i]);
	if (c->lines.n > 0) {
		(void)fprintf(stderr, "Go on? [y/N] ");
		if (fgets(answer, sizeof(answer), stdin) == NULL)
			answer[0] = '\0';
	}
	lines_free(&c->lines);
	json_decref(c->status);
	if (answer[0] == 'y' || answer[0] == 'Y')
		return true;
	cli_error("nothing was done");
	return false;
}

/* --- leaving and removing --- */

bool confirm_leave(struct cli *cli, const char *group, bool abandon, bool yes)
{
	struct consequences c;
	char *share, *waits;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	if (c.group == NULL)
		return consequences_end(&c);
	share = document_text(c.group, "share");
	waits = document_text(c.group, "waits_for");
	if (json_object_get(c.group, "vault") != NULL)
		lines_add(&c.lines, mem_printf("What this vault stores in %s is deleted.", share));
	else
		lines_add(&c.lines,
		          mem_printf("The files in %s stay. Kept versions of older files are deleted. Changes "
		                     "go neither way any more.",
		                     share));
	if (!document_flag(c.group, "in_sync") && waits[0] != '\0')
		lines_add(&c.lines, mem_printf("It is not in sync: %s. What the others lack now, they do not get from "
		                               "here.",
		                               waits));
	if (abandon)
		lines_add(&c.lines, mem_strdup("If this is the only owner, the group has none then: nobody can invite, "
		                               "accept or remove."));
	free(waits);
	free(share);
	return consequences_end(&c);
}

bool confirm_remove(struct cli *cli, const char *group, const char *agent, bool yes)
{
	struct consequences c;
	char *shown;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	shown = escape_terminal(agent);
	if (c.group != NULL)
		lines_add(
			&c.lines,
			mem_printf("%s is told nothing any more, and neither are agents that it let in and that no "
		                   "owner has confirmed. Files that it has stay there. Only an owner can add it again.",
		                   shown));
	free(shown);
	return consequences_end(&c);
}

/* --- acts of owners --- */

/* The group, if this agent is an owner of it; others are refused. */
static bool owns_group(const struct consequences *c)
{
	const char *role = c->group != NULL ? json_string_value(json_object_get(c->group, "role")) : NULL;

	return role != NULL && strcmp(role, "owner") == 0;
}

/* "name (ID)" of the agent that a word means, and *role, its own or NULL; the word as it is if it is not in the list
 * of that name under `rest` of the group, or is there twice. Fresh. */
static char *agent_meant(struct cli *cli, const char *group, const char *list, const char *word, char **role)
{
	char *rest = mem_printf("/%s", list), *path = http_group_path(group, rest), *who;
	const json_t *found;
	json_t *document;

	(void)http_probe(cli, path, &document);
	found = meant_agent(json_object_get(document, list), word);
	*role = json_is_string(json_object_get(found, "role")) ? document_text(found, "role") : NULL;
	who = found != NULL ? names_agent(found) : escape_terminal(word);
	json_decref(document);
	free(path);
	free(rest);
	return who;
}

static const char of_an_owner[] = "An owner decides who belongs, and can remove every other member, this agent too.";

bool confirm_role(struct cli *cli, const char *group, const char *agent, const char *role, bool yes)
{
	struct consequences c;
	char *who, *had;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	if (!owns_group(&c))
		return consequences_end(&c);
	who = agent_meant(cli, group, "members", agent, &had);
	if (had != NULL && strcmp(had, role) == 0)
		; /* nothing happens */
	else if (had != NULL && strcmp(had, "vault") == 0)
		lines_add(&c.lines, mem_printf("%s is a vault, and stops: it gets another role only by leaving and "
		                               "joining with another folder.",
		                               who));
	else if (strcmp(role, "owner") == 0)
		lines_add(&c.lines, mem_printf("%s becomes an owner. %s", who, of_an_owner));
	else if (strcmp(role, "vault") == 0 && had != NULL && document_flag(c.group, "sealed"))
		lines_add(&c.lines, mem_printf("%s loses the group's keys, and stores what it cannot read: a new key "
		                               "starts for everything that changes. What it has now stays on its disk, "
		                               "readable. It becomes a member again only by leaving and joining.",
		                               who));
	free(had);
	free(who);
	return consequences_end(&c);
}

bool confirm_accept(struct cli *cli, const char *group, const char *agent, const char *role, bool yes)
{
	struct consequences c;
	char *who, *had;

	if (role == NULL || strcmp(role, "owner") != 0 || !is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	if (owns_group(&c)) {
		who = agent_meant(cli, group, "requests", agent, &had);
		lines_add(&c.lines, mem_printf("%s becomes an owner. %s", who, of_an_owner));
		free(had);
		free(who);
	}
	return consequences_end(&c);
}

bool confirm_reject(struct cli *cli, const char *group, const char *agent, bool forever, bool yes)
{
	struct consequences c;
	char *who, *had, *shown;

	if (!forever || !is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	if (owns_group(&c)) {
		who = agent_meant(cli, group, "requests", agent, &had);
		shown = escape_terminal(group);
		lines_add(&c.lines, mem_printf("No owner sees a request of %s any more. It can still come in by an "
		                               "invite, or if an owner adds its whole ID: lanyard role %s ID member",
		                               who, shown));
		free(shown);
		free(had);
		free(who);
	}
	return consequences_end(&c);
}

/* --- acts on this agent --- */

bool confirm_drop(struct cli *cli, const char *group, bool even_if_last, bool yes)
{
	struct consequences c;

	if (!even_if_last || !is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	if (c.group != NULL)
		lines_add(&c.lines,
		          mem_strdup("No member is asked whether it has these files. What is on this disk alone is "
		                     "lost for everybody, and does not become a kept version."));
	return consequences_end(&c);
}

/* The agent that this home is of, and that may become another one; fresh. NULL: there is none, or the agent that runs
 * refuses it. */
static char *replaced_by_import(struct cli *cli, const json_t *status)
{
	const char *path = status == NULL ? http_home(cli) : NULL;
	int fd = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	char *agent = NULL, *obstacle;

	if (status != NULL && json_array_size(json_object_get(status, "groups")) == 0 &&
	    json_array_size(json_object_get(status, "asked")) == 0)
		return document_text(status, "agent");
	if (fd < 0)
		return NULL;
	obstacle = key_file_obstacle(fd);
	if (obstacle == NULL && key_file_replaces(fd))
		agent = mem_printf("of %s", path);
	free(obstacle);
	close(fd);
	return agent;
}

bool confirm_import(struct cli *cli, const char *file, bool yes)
{
	struct consequences c;
	char *agent, *shown;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, "");
	agent = http_is_systems(cli) ? NULL : replaced_by_import(cli, c.status);
	shown = escape_terminal(file);
	if (agent != NULL)
		lines_add(&c.lines, mem_printf("The key of the agent %s is deleted, and this is the agent of the key "
		                               "file %s from now on. That one must not run anywhere else.",
		                               agent, shown));
	free(shown);
	free(agent);
	return consequences_end(&c);
}

/* --- held bursts --- */

static void add_hold(struct lines *l, const json_t *hold)
{
	char *name = document_text(hold, "name"), files[FORMAT_MAX];

	format_count(files, document_number(hold, "files"), "file", "files");
	if (document_flag(hold, "here"))
		lines_add(l, mem_printf("%s that disappeared here are deleted at the other members, as far as those "
		                        "let it happen.",
		                        files));
	else
		lines_add(l, mem_printf("%s are deleted, replaced or emptied here, as %s did it. They become kept "
		                        "versions.",
		                        files, name[0] != '\0' ? name : "a member"));
	free(name);
}

bool confirm_release(struct cli *cli, const char *group, bool yes)
{
	struct consequences c;
	const json_t *hold;
	size_t i;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	json_array_foreach(json_object_get(c.group, "holds"), i, hold)
		add_hold(&c.lines, hold);
	if (c.lines.n > 0)
		status_problems_add(&c.lines, json_object_get(c.group, "problems"),
		                    document_number(c.group, "problem_count"));
	return consequences_end(&c);
}
