/* A member of a sealed group that does not have its first keys: it cannot even scan, since where files are cut depends
 * on them. It has its roster, index, share and connections, on which nothing is said but who belongs to the group and
 * which keys are where. It is JOINING; when the keys have come, it starts again and is RUNNING. */
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"

void engine_keyless_start(struct engine *e)
{
	e->keyless = true;
	engine_enter(e, PHASE_JOINING);
	engine_requests_start(e);
	e->peers = engine_wiring_peers(e);
	engine_role_told(e);
	engine_keys_start(e);
	if (e->paused)
		peer_group_pause(e->peers, true);
	e->dirty = true;
}
