/* How often connections to members were lost recently, which tells a flapping link from a stable one. A peer that
 * says why it closes is not lost. Pure. */
#ifndef LANYARD_AGENT_LINK_LOSSES_H
#define LANYARD_AGENT_LINK_LOSSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/id.h"

enum {
	LINK_LOSSES_AGENTS_MAX = 256, /* the one that was lost longest ago is forgotten first */
	LINK_LOSSES_COUNT_MAX = 32,   /* counted per agent */
	LINK_LOSSES_WITHIN_MS = 15 * 60 * 1000,
};

struct link_losses;

struct link_loss {
	struct agent_id id;
	size_t times;       /* within LINK_LOSSES_WITHIN_MS, at least 1 */
	const char *reason; /* of the last one */
};

struct link_losses *link_losses_new(void);
void link_losses_free(struct link_losses *l);
/* reason: as in peers_config.disconnected. */
void link_losses_note(struct link_losses *l, const struct agent_id *id, const char *reason, int64_t now_ms);
/* Calls fn for each agent that was lost within LINK_LOSSES_WITHIN_MS. */
void link_losses_each(const struct link_losses *l, int64_t now_ms, void (*fn)(void *arg, const struct link_loss *loss),
                      void *arg);

#endif
