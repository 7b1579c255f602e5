/* How often connections to members were lost of late: what tells a link that flaps from one that is there. Whoever says goodbye is
 * not lost. Pure. */
#ifndef LANYARD_AGENT_LOSSES_H
#define LANYARD_AGENT_LOSSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/id.h"

enum {
	LOSSES_AGENTS_MAX = 256, /* remembered; who was lost longest ago is forgotten first */
	LOSSES_COUNT_MAX = 32,   /* of one agent that are counted */
	LOSSES_WITHIN_MS = 15 * 60 * 1000,
};

struct losses;

struct loss {
	struct agent_id id;
	size_t times;       /* within LOSSES_WITHIN_MS, at least 1 */
	const char *reason; /* of the last one */
};

struct losses *losses_new(void);
void losses_free(struct losses *l);
/* reason: as peers_config.disconnected has it. */
void losses_note(struct losses *l, const struct agent_id *id, const char *reason, int64_t now_ms);
/* Every agent that was lost of late. */
void losses_each(const struct losses *l, int64_t now_ms, void (*fn)(void *arg, const struct loss *loss), void *arg);

#endif
