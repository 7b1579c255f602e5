/* Files of ours that have no record yet (sync/local/comings.h): what is told of them goes to the connections. */
#include "agent/engine/engine_internal.h"

static void coming_tell(void *arg, const struct coming *said)
{
	struct engine *e = arg;

	if (e->peers)
		peer_group_coming(e->peers, 0, said);
}

static size_t coming_listeners(void *arg)
{
	const struct engine *e = arg;

	return e->peers ? peer_group_listeners(e->peers) : 0;
}

struct coming_listener {
	struct engine *engine;
	uint64_t peer;
};

static void coming_tell_one(void *arg, const struct coming *said)
{
	const struct coming_listener *listener = arg;

	peer_group_coming(listener->engine->peers, listener->peer, said);
}

void engine_comings_up(struct engine *e, uint64_t peer)
{
	struct coming_listener listener = { .engine = e, .peer = peer };

	comings_each(e->comings, coming_tell_one, &listener);
}

struct comings *engine_comings_new(struct engine *e)
{
	return comings_new(&(struct comings_config){ .loop = e->context->loop,
	                                             .workers = e->workers,
	                                             .tell = coming_tell,
	                                             .listeners = coming_listeners,
	                                             .sizes = e->context->coming,
	                                             .arg = e });
}
