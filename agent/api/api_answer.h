/* Parts of answers that several handlers share. */
#ifndef LANYARD_AGENT_API_ANSWER_H
#define LANYARD_AGENT_API_ANSWER_H

#include "agent/api/api.h"
#include "agent/engine/engine.h"

/* Answers 409 with *why, which is freed and becomes NULL. */
void api_refuse(struct control_call *call, char **why);

/* Fresh JSON values. */
json_t *api_name(const char *bytes);      /* a name of a file or a group, escaped (escape.h); null for NULL */
json_t *api_message(const char *bytes);   /* a message, made valid UTF-8; null for NULL */
json_t *api_disk_lacks(struct engine *e); /* what the disk of its share cannot do, in words: an array */
json_t *api_agent_id(const struct agent_id *id);
json_t *api_group_id(const struct engine *e); /* 64 hex digits */
json_t *api_mode_of(const struct engine *e);  /* null: not known */

#endif
