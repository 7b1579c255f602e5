/* In the roster of a sealed group: which box key keys are sent to, and what this agent signs: generations, and its own
 * box key. */
#include <string.h>
#include <utlist.h>

#include "sync/group/generation.h"
#include "sync/group/roster_internal.h"

/* The one place that says whether an agent may be sent keys: whatever a vault has said, as a member or since, it has no
 * box key here. */
int roster_box(const struct roster *r, const struct agent_id *id, uint8_t key[BOX_KEY_LEN])
{
	const struct roster_agent *a = roster_agent_find(r, id);
	const struct roster_item *it;

	if (a == NULL || !roster_may(r, id, RIGHT_KEYS))
		return -1;
	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (it->e.kind == ENTRY_BOX && it->valid) {
			memcpy(key, it->e.said, BOX_KEY_LEN);
			return 0;
		}
	}
	return -1;
}

int roster_sign_generation(const struct roster *r, const struct identity *self, struct generation *g, int64_t now_s,
                           struct bytes *out)
{
	return roster_entry_gen(out, self, &r->group, g, now_s);
}

int roster_sign_box(struct roster *r, const struct identity *self, const uint8_t key[BOX_KEY_LEN], int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t now[BOX_KEY_LEN];
	int rc = -1;

	if (roster_sealed(r) && roster_may(r, identity_id(self), RIGHT_KEYS) &&
	    roster_entry_box(&entry, self, &r->group, key, now_s) == 0) {
		(void)roster_put(r, 0, entry.p, entry.len);
		roster_settle(r);
		rc = roster_box(r, identity_id(self), now) == 0 && memcmp(now, key, BOX_KEY_LEN) == 0 ? 0 : -1;
	}
	bytes_free(&entry);
	return rc;
}
