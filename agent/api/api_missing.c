/* See api_missing.h. */
#include "agent/api/api_missing.h"

#include <stdlib.h>

#include "agent/api/api_answer.h"
#include "agent/engine/engine_status.h"
#include "sync/peer/peers.h"
#include "sync/plan/record.h"

static json_t *holder_json(struct engine *e, uint64_t short_id, bool *source)
{
	struct roster_member m;
	bool connected = peer_group_connected(engine_peers(e), short_id);
	int64_t seen = engine_last_seen(e, short_id);

	if (!roster_member_by_short(engine_roster(e), short_id, &m))
		return NULL;
	if (source != NULL && connected)
		*source = true;
	return json_pack("{s:o, s:o, s:b, s:o}", "agent", api_agent_id(&m.id), "name", api_name(m.name), "connected",
	                 (int)connected, "last_seen", seen > 0 ? json_integer((json_int_t)seen) : json_null());
}

json_t *api_missing_file(struct engine *e, const struct engine_file *f, bool *source)
{
	json_t *members = json_array();

	for (size_t i = 0; i < f->nhas; i++) {
		json_t *holder = f->has[i] != engine_self(e) ? holder_json(e, f->has[i], source) : NULL;

		if (holder != NULL)
			json_array_append_new(members, holder);
	}
	return json_pack("{s:o, s:o}", "path", api_name(f->r->path), "members", members);
}

struct missing_of {
	struct engine *engine;
	json_t *found;
};

static bool missing_of(void *arg, const struct engine_file *f)
{
	struct missing_of *m = arg;

	m->found = api_missing_file(m->engine, f, NULL);
	return false;
}

json_t *api_missing_of(struct engine *e, const char *path)
{
	struct missing_of m = { .engine = e };

	free(engine_files(e, path, NULL, 1, missing_of, &m));
	return m.found != NULL ? m.found : json_null();
}
