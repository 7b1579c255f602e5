/* See status_sealed.h. */
#include "agent/cli/status_sealed.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/cli.h"
#include "agent/format.h"
#include "agent/cli/lines.h"
#include "base/mem.h"

bool status_sealed_is_vault(const json_t *g)
{
	const char *role = json_string_value(json_object_get(g, "role"));

	return role != NULL && strcmp(role, "vault") == 0;
}

/* At a vault: what it stores. */
static void sealed_add_store(struct lines *l, const json_t *store)
{
	char used[FORMAT_MAX], quota[FORMAT_MAX], objects[FORMAT_MAX], rows[FORMAT_MAX];
	char *why = document_text(store, "why");

	format_bytes(used, document_number(store, "stored_bytes"));
	format_bytes(quota, document_number(store, "quota"));
	lines_add(l, mem_printf("  a vault: stores %s and %s, %s%s%s%s%s",
	                        format_count(rows, document_number(store, "rows"), "row", "rows"),
	                        format_count(objects, document_number(store, "objects"), "object", "objects"), used,
	                        document_number(store, "quota") > 0 ? " of " : "",
	                        document_number(store, "quota") > 0 ? quota : "", why[0] != '\0' ? "; " : "", why));
	free(why);
}

/* A vault that is connected, as it says of itself. */
static void sealed_add_vault(struct lines *l, const json_t *v)
{
	char used[FORMAT_MAX], quota[FORMAT_MAX], altered[FORMAT_MAX];
	char *name = document_text(v, "name"), *waits = document_text(v, "waits_for");

	format_bytes(used, document_number(v, "stored_bytes"));
	format_bytes(quota, document_number(v, "quota"));
	lines_add(l, mem_printf("  vault %s stores %s%s%s%s%s%s", name, used,
	                        document_number(v, "quota") > 0 ? " of " : "",
	                        document_number(v, "quota") > 0 ? quota : "",
	                        document_flag(v, "full") ? ", and is full" : "", waits[0] != '\0' ? "; waits for " : "",
	                        waits));
	if (document_number(v, "altered") > 0)
		lines_add(l, mem_printf("  vault %s gave %s that an honest vault does not give", name,
		                        format_count(altered, document_number(v, "altered"), "block or row",
		                                     "blocks and rows")));
	free(name);
	free(waits);
}

/* What another agent signed: what is to be said against it, or since when it is known to be in sync with this one. */
static void sealed_add_head(struct lines *l, const json_t *head)
{
	char *name = document_text(head, "name"), *blame = document_text(head, "blame"),
	     *meeting = document_text(head, "meeting");
	char when[FORMAT_MAX];

	if (blame[0] != '\0')
		lines_add(l, mem_printf("  %s%s %s", document_flag(head, "vault") ? "vault " : "", name, blame));
	else if (strcmp(meeting, "in-sync") == 0 && !document_flag(head, "vault"))
		lines_add(l, mem_printf("  in sync with %s, as of %s ago", name,
		                        format_duration(when,
		                                        (int64_t)time(NULL) > document_number(head, "as_of")
		                                                ? (int64_t)time(NULL) - document_number(head, "as_of")
		                                                : 0)));
	free(name);
	free(blame);
	free(meeting);
}

void status_sealed_add(struct lines *l, const json_t *g)
{
	const json_t *store = json_object_get(g, "vault"), *one;
	size_t i;

	if (!document_flag(g, "sealed"))
		return;
	if (store != NULL)
		sealed_add_store(l, store);
	else if (status_sealed_is_vault(g))
		lines_add(l, mem_strdup("  a vault"));
	else
		lines_add(l, mem_strdup("  sealed: vaults cannot read it"));
	json_array_foreach(json_object_get(g, "vaults"), i, one)
		sealed_add_vault(l, one);
	json_array_foreach(json_object_get(g, "heads"), i, one)
		sealed_add_head(l, one);
}
