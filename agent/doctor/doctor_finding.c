/* See doctor_internal.h: the list of findings, and reading the status. */
#include "agent/doctor/doctor_internal.h"

#include <stdlib.h>

#include "agent/escape.h"
#include "base/mem.h"

static const char *const state_names[] = { [DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_BAD] = "bad" };

/* A JSON string of the text, made valid UTF-8. Takes the text over. */
static json_t *finding_text(char *text)
{
	char *safe = text != NULL ? escape_message(text) : NULL;
	json_t *json = safe != NULL ? json_string(safe) : json_null();

	free(safe);
	free(text);
	return json;
}

void doctor_found(struct doctor *d, const char *check, enum doctor_state state, char *text, char *cure)
{
	json_array_append_new(d->findings,
	                      json_pack("{s:o, s:s, s:o, s:o}", "check", finding_text(mem_strdup(check)), "state",
	                                state_names[state], "text", finding_text(text), "cure", finding_text(cure)));
}
