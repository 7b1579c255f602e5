/* What is stored of a group beside roster and index: groups/<hex>/settings in the home, one "key value" per line. A
 * value is bytes up to the end of the line, so no path or name with a newline can be stored. */
#ifndef LANYARD_AGENT_ENGINE_GROUP_SETTINGS_H
#define LANYARD_AGENT_ENGINE_GROUP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "sync/group/invite.h"
#include "sync/seal/export.h"

struct group_settings {
	char *share; /* absolute; owned, like token; NULL: not said */
	char *token; /* the invite that it joins by; NULL: none */
	bool paused;
	bool on_demand; /* the mode of a share that is new */
	bool vault;     /* it has begun as a vault here */
	/* Of a key file: this agent is a member, and has to get the roster again. The name is what it was, and members
	 * may be found at the addresses. */
	bool restored;
	char name[GROUP_NAME_MAX + 1];
	char addresses[INVITE_MAX_ADDRESSES][INVITE_ADDRESS_MAX];
	size_t naddresses;
	struct roster_mark marks[ROSTER_MAX_OWNERS]; /* what the roster has to show */
	size_t nmarks;
	struct export_head heads[EXPORT_VAULTS_MAX]; /* what vaults had signed by then; they stay */
	size_t nheads;
};

/* Fresh text. */
char *group_settings_text(const struct group_settings *s);
/* Fills in s, which is zeroed. Unknown keys are skipped, so that an older agent can read a newer one's file. text is
 * changed. */
void group_settings_read(struct group_settings *s, char *text);
/* Frees what s owns, not s. */
void group_settings_clear(struct group_settings *s);

#endif
