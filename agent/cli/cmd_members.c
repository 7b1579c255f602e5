/* members, role, remove, leave, invite, invites: who belongs to a group. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/format.h"
#include "agent/cli/confirm.h"
#include "agent/cli/http.h"
#include "agent/cli/names.h"
#include "agent/cli/show_qr.h"
#include "base/mem.h"

/* --- members --- */

static char *where_text(const json_t *member)
{
	int64_t seen = document_number(member, "last_seen");
	char when[FORMAT_MAX];

	if (document_flag(member, "self"))
		return mem_strdup("this agent");
	if (document_flag(member, "connected"))
		return mem_strdup("connected");
	if (document_flag(member, "here"))
		return mem_strdup("connected with others");
	if (seen <= 0)
		return mem_strdup("away");
	return mem_printf("away for %s", format_duration(when, seen < time(NULL) ? (int64_t)time(NULL) - seen : 0));
}

static char *behind_text(const json_t *member)
{
	int64_t behind = document_number(member, "behind_files"), since = document_number(member, "behind_since");
	char n[FORMAT_MAX], when[FORMAT_MAX];

	if (behind <= 0)
		return mem_strdup("");
	format_count(n, behind, "file", "files");
	return since > 0 ? mem_printf("%s behind since %s", n, format_since(when, since, time(NULL)))
	                 : mem_printf("%s behind", n);
}

static const char *const member_heads[] = { "NAME", "ID", "ROLE", "WHERE", "BEHIND" };

int cmd_members(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	struct table table = cli_table(cli, 5, member_heads);
	json_t *document, *members, *member;
	size_t length, i;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	rc = http_group_get(cli, argv[0], "/members", &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	members = json_object_get(document, "members");
	length = names_id_length(members, "agent");
	json_array_foreach(members, i, member) {
		if (!cli->json)
			format_table_row(&table,
			                 (char *[]){ document_text(member, "name"), names_id(member, "agent", length),
			                             document_text(member, "role"), where_text(member),
			                             behind_text(member) });
	}
	format_table_print(&table);
	json_decref(document);
	return CLI_DONE;
}

/* --- what owners decide --- */

int cmd_role(struct cli *cli, int argc, char **argv)
{
	bool yes = false;
	struct args_option own[] = { { ARGS_FLAG, "yes", &yes }, { ARGS_END, NULL, NULL } };
	json_t *document, *body;
	int rc;

	if (cli_args(cli, own, 3, 3, argc, argv) < 0)
		return CLI_USAGE;
	if (strcmp(argv[2], "owner") != 0 && strcmp(argv[2], "member") != 0 && strcmp(argv[2], "reader") != 0 &&
	    strcmp(argv[2], "vault") != 0)
		return cli_usage(cli, "a role is owner, member, reader or vault");
	body = json_pack("{s:s, s:s}", "agent", argv[1], "role", argv[2]);
	if (body == NULL)
		return cli_usage(cli, "an agent's name must be valid UTF-8");
	if (!confirm_role(cli, argv[0], argv[1], argv[2], yes)) {
		json_decref(body);
		return CLI_REFUSED;
	}
	rc = http_group_tell(cli, argv[0], "/role", body, &document);
	if (document != NULL) {
		char *agent = names_agent(document), *role = document_text(document, "role");

		(void)printf("%s is %s now\n", agent, role);
		free(agent);
		free(role);
	}
	json_decref(document);
	return rc;
}

int cmd_remove(struct cli *cli, int argc, char **argv)
{
	bool yes = false;
	struct args_option own[] = { { ARGS_FLAG, "yes", &yes }, { ARGS_END, NULL, NULL } };
	json_t *document, *body;
	int rc;

	if (cli_args(cli, own, 2, 2, argc, argv) < 0)
		return CLI_USAGE;
	body = json_pack("{s:s}", "agent", argv[1]);
	if (body == NULL)
		return cli_usage(cli, "an agent's name must be valid UTF-8");
	if (!confirm_remove(cli, argv[0], argv[1], yes)) {
		json_decref(body);
		return CLI_REFUSED;
	}
	rc = http_group_tell(cli, argv[0], "/remove", body, &document);
	if (document != NULL) {
		char *agent = names_agent(document), *group = document_text(document, "group");

		(void)printf("%s is removed from %s; the files it has stay with it\n", agent, group);
		free(agent);
		free(group);
	}
	json_decref(document);
	return rc;
}

int cmd_leave(struct cli *cli, int argc, char **argv)
{
	bool abandon = false, yes = false;
	struct args_option own[] = { { ARGS_FLAG, "abandon", &abandon },
		                     { ARGS_FLAG, "yes", &yes },
		                     { ARGS_END, NULL, NULL } };
	json_t *document;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	if (!confirm_leave(cli, argv[0], abandon, yes))
		return CLI_REFUSED;
	rc = http_group_tell(cli, argv[0], "/leave", json_pack("{s:b}", "abandon", (int)abandon), &document);
	if (document != NULL) {
		char *name = document_text(document, "group"), *share = document_text(document, "share");

		if (document_flag(document, "vault"))
			(void)printf("left %s; what it stored in %s is deleted\n", name, share);
		else
			(void)printf("left %s; %s stays as it is\n", name, share);
		free(name);
		free(share);
	}
	json_decref(document);
	return rc;
}

/* --- invites --- */

static int revoke(struct cli *cli, const char *group, const char *invite)
{
	json_t *document, *body = json_pack("{s:s}", "invite", invite);
	int rc;

	if (body == NULL)
		return cli_usage(cli, "--revoke takes the start of an ID that `lanyard invites` prints, or a token");
	rc = http_group_tell(cli, group, "/revoke", body, &document);
	if (document != NULL) {
		char *id = names_id(document, "id", 7);

		(void)printf("the invite %s lets nobody in any more\n", id);
		free(id);
	}
	json_decref(document);
	return rc;
}

static int invite(struct cli *cli, const char *group, json_t *body)
{
	json_t *document;
	int rc = http_group_tell(cli, group, "/invite", body, &document);
	char *token;

	if (document == NULL)
		return rc;
	token = document_text(document, "token");
	puts(token);
	if (json_object_get(document, "qr") != NULL && show_qr(cli, json_object_get(document, "qr")) < 0)
		cli_error("the token is too long for a QR code");
	if (cli->terminal)
		(void)fprintf(
			stderr,
			"On the other host: lanyard join --invite - --share FOLDER, then paste it. Whoever has the token "
			"gets in, so pass it on with care.\n");
	free(token);
	json_decref(document);
	return rc;
}

int cmd_invite(struct cli *cli, int argc, char **argv)
{
	const char *expires_text = NULL, *role = NULL, *uses_text = NULL, *revoked = NULL;
	bool qr = false;
	struct args_option own[] = {
		{ ARGS_TEXT, "expires", &expires_text },
		{ ARGS_TEXT, "role", &role },
		{ ARGS_TEXT, "uses", &uses_text },
		{ ARGS_TEXT, "revoke", &revoked },
		{ ARGS_FLAG, "qr", &qr },
		{ ARGS_END, NULL, NULL },
	};
	int64_t expires = 24 * 3600, uses = 0;
	json_t *body;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	if (revoked != NULL && (expires_text != NULL || role != NULL || uses_text != NULL || qr))
		return cli_usage(cli, "--revoke stands alone");
	if (revoked != NULL)
		return revoke(cli, argv[0], revoked);
	if (expires_text != NULL && (args_duration(expires_text, &expires) < 0 || expires > 366 * 86400))
		return cli_usage(cli, "--expires must be a number with s, m, h or d, at most 366d");
	if (role != NULL && strcmp(role, "member") != 0 && strcmp(role, "reader") != 0 && strcmp(role, "vault") != 0)
		return cli_usage(cli, "--role must be member, reader or vault; `lanyard role` makes a member an owner");
	if (uses_text != NULL && args_number(uses_text, 1, 1024, &uses) < 0)
		return cli_usage(cli, "--uses must be a number from 1 to 1024");
	body = json_pack("{s:I}", "expires", (json_int_t)expires);
	if (role != NULL)
		json_object_set_new(body, "role", json_string(role));
	if (uses > 0)
		json_object_set_new(body, "uses", json_integer((json_int_t)uses));
	if (qr)
		json_object_set_new(body, "qr", json_true());
	return invite(cli, argv[0], body);
}

/* A member's name, or the start of the ID of an agent that is none. Fresh. */
static char *name_of(const json_t *members, const char *id)
{
	const json_t *member;
	size_t i;

	json_array_foreach(members, i, member) {
		const char *other = json_string_value(json_object_get(member, "agent"));

		if (other != NULL && strcmp(other, id) == 0 && json_string_length(json_object_get(member, "name")) > 0)
			return document_text(member, "name");
	}
	return mem_printf("%.7s", id);
}

static char *users_text(const json_t *members, const json_t *invite)
{
	char *text = mem_strdup("");
	const json_t *id;
	size_t i;

	json_array_foreach(json_object_get(invite, "used_by"), i, id) {
		char *name = name_of(members, json_string_value(id));
		char *longer = mem_printf("%s%s%s", text, text[0] != '\0' ? ", " : "", name);

		free(name);
		free(text);
		text = longer;
	}
	return text;
}

static const char *const invite_heads[] = { "ID", "ROLE", "STATE", "USED", "EXPIRES", "BY", "USED BY" };

static void print_invites(const struct cli *cli, const json_t *document, const json_t *members)
{
	const json_t *invites = json_object_get(document, "invites"), *row;
	size_t length = names_id_length(invites, "id"), i;
	struct table table = cli_table(cli, 7, invite_heads);

	json_array_foreach(invites, i, row) {
		bool told = json_is_integer(json_object_get(row, "uses"));
		const char *by = json_string_value(json_object_get(row, "by"));
		char when[FORMAT_MAX];

		format_table_row(&table,
		                 (char *[]){ names_id(row, "id", length), document_text(row, "role"),
		                             document_text(row, "state"),
		                             told ? mem_printf("%lld of %lld used",
		                                               (long long)document_number(row, "used"),
		                                               (long long)document_number(row, "uses"))
		                                  : mem_printf("%lld used", (long long)document_number(row, "used")),
		                             told ? mem_printf("until %s",
		                                               format_time(when, document_number(row, "expires")))
		                                  : mem_strdup(""),
		                             by != NULL ? name_of(members, by) : mem_strdup(""),
		                             users_text(members, row) });
	}
	format_table_print(&table);
}

int cmd_invites(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	json_t *document, *members = NULL;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	rc = http_group_get(cli, argv[0], "/invites", &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
		json_decref(document);
		return CLI_DONE;
	}
	rc = http_group_get(cli, argv[0], "/members", &members);
	if (rc == CLI_DONE) {
		print_invites(cli, document, json_object_get(members, "members"));
		json_decref(members);
	}
	json_decref(document);
	return rc;
}
