/* See api_answer.h. */
#include "agent/api/api_answer.h"

#include <stdlib.h>

#include "agent/engine/engine_choices.h"
#include "agent/escape.h"
#include "base/bytes.h"
#include "sync/share/share.h"

void api_refuse(struct control_call *call, char **why)
{
	control_fail(call, 409, "%s", *why != NULL ? *why : "refused");
	free(*why);
	*why = NULL;
}

static json_t *take_text(char *text)
{
	json_t *json = json_string(text);

	free(text);
	return json;
}

json_t *api_name(const char *bytes)
{
	return bytes != NULL ? take_text(escape_name(bytes)) : json_null();
}

json_t *api_disk_lacks(struct engine *e)
{
	const struct share *share = engine_share(e);
	json_t *lacks = json_array();
	const char *text;

	for (size_t i = 0; share != NULL && (text = disk_lack(share_disk(share), i)) != NULL; i++)
		json_array_append_new(lacks, json_string(text));
	return lacks;
}

json_t *api_message(const char *bytes)
{
	return bytes != NULL ? take_text(escape_message(bytes)) : json_null();
}

json_t *api_agent_id(const struct agent_id *id)
{
	char text[ID_TEXT_MAX];

	agent_id_text(text, id);
	return json_string(text);
}

json_t *api_group_id(const struct engine *e)
{
	char text[65];

	hex_encode(text, engine_group(e)->b, 32);
	return json_string(text);
}

json_t *api_mode_of(const struct engine *e)
{
	return engine_choices_known(e) && !engine_is_vault(e) ? json_string(choose_mode_name(engine_choices(e)->mode))
	                                                      : json_null();
}
