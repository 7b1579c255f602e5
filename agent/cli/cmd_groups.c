/* groups: the groups here, and those on the network. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "base/mem.h"

enum { TAG_SHOWN = 4 };

static const char *field_text(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));

	return text != NULL ? text : "";
}

static const char *tag_of(const json_t *group)
{
	const char *tag = field_text(group, "public_id");

	return tag[0] != '\0' ? tag : field_text(group, "id");
}

/* How much of the public ID tells this group from the others of its name; 0 if it is the only one. */
static size_t tag_length(const json_t *all, const json_t *group)
{
	const char *name = field_text(group, "group"), *tag = tag_of(group);
	size_t length = 0;
	const json_t *other;
	size_t i;

	json_array_foreach(all, i, other) {
		const char *its = tag_of(other);
		size_t same = 0;

		if (other == group || strcmp(field_text(other, "group"), name) != 0)
			continue;
		while (tag[same] != '\0' && tag[same] == its[same])
			same++;
		same = same < TAG_SHOWN ? TAG_SHOWN : same + 1;
		length = same > length ? same : length;
	}
	return length;
}

/* As commands take it. */
static char *name_text(const json_t *all, const json_t *group)
{
	size_t length = tag_length(all, group);
	char *name = document_text(group, "group");
	char *text;

	if (length == 0)
		return name;
	text = mem_printf("%s#%.*s", name, (int)length, tag_of(group));
	free(name);
	return text;
}

static void print_seen(const json_t *all, const json_t *seen)
{
	struct table table = TABLE_INIT(3);
	const json_t *group;
	size_t i;

	json_array_foreach(seen, i, group) {
		char *owner = document_text(group, "owner");
		char members[FORMAT_MAX];

		format_table_row(&table, (char *[]){ name_text(all, group),
		                                     owner[0] != '\0' ? mem_printf("of %s", owner) : mem_strdup(""),
		                                     mem_strdup(format_count(members, document_number(group, "members"),
		                                                             "member", "members")) });
		free(owner);
	}
	if (json_array_size(seen) > 0)
		puts("On the network, to ask for with `lanyard join NAME`:");
	format_table_print(&table);
}

/* Fresh. */
static char *role_text(const json_t *group)
{
	char *role = document_text(group, "role");
	char *text = mem_printf("%s%s", role, document_flag(group, "sealed") ? ", sealed" : "");

	free(role);
	return text;
}

static const char *const group_heads[] = { "GROUP", "ROLE", "STATE", "SHARE" };

static void print_groups(const struct cli *cli, const json_t *document)
{
	json_t *here = json_object_get(document, "groups"), *asked = json_object_get(document, "asked");
	json_t *seen = json_object_get(document, "seen"), *all = json_array(), *group;
	struct table table = cli_table(cli, 4, group_heads);
	size_t i;

	json_array_extend(all, here);
	json_array_extend(all, asked);
	json_array_extend(all, seen);
	json_array_foreach(here, i, group)
		format_table_row(&table, (char *[]){ name_text(all, group), role_text(group),
		                                     document_text(group, "state"), document_text(group, "share") });
	json_array_foreach(asked, i, group)
		format_table_row(&table, (char *[]){ name_text(all, group), mem_strdup(""),
		                                     document_text(group, "state"), document_text(group, "share") });
	format_table_print(&table);
	print_seen(all, seen);
	json_decref(all);
}

int cmd_groups(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	json_t *document;
	int rc;

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	rc = http_get(cli, "/groups", &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		print_groups(cli, document);
	json_decref(document);
	return CLI_DONE;
}
