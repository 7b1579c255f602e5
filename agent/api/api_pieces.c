/* pieces: which blocks of a file that is being downloaded are here, come, and are at other members. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>

#include "agent/escape.h"
#include "base/mem.h"
#include "sync/fetch/fetch_pieces.h"
#include "sync/group/roster.h"

static json_t *pieces_peers_json(struct engine *e, const struct pieces *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->npeers; i++) {
		struct roster_member m = { 0 };
		bool known = roster_member_by_short(engine_roster(e), p->peer[i].peer, &m);

		json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:I}", "agent",
		                                      known ? api_agent_id(&m.id) : json_null(), "name",
		                                      known ? api_name(m.name) : json_null(), "blocks",
		                                      (json_int_t)p->peer[i].has, "requested",
		                                      (json_int_t)p->peer[i].requested));
	}
	return list;
}

/* Of the blocks of the cell. */
static json_t *of_cell(const struct pieces *p, uint32_t cell, uint32_t n)
{
	uint32_t left = p->blocks - cell * p->cell_blocks;

	return json_integer((json_int_t)n * 100 / (left < p->cell_blocks ? left : p->cell_blocks));
}

static json_t *pieces_json(struct engine *e, const char *path, const struct pieces *p, int64_t done, int64_t size)
{
	json_t *here = json_array(), *coming = json_array(), *rare = json_array(), *from = json_array();

	for (uint32_t i = 0; i < p->cells; i++) {
		json_array_append_new(here, of_cell(p, i, p->cell[i].here));
		json_array_append_new(coming, of_cell(p, i, p->cell[i].coming));
		json_array_append_new(rare, json_integer(p->cell[i].rare));
		json_array_append_new(from, json_integer(p->cell[i].from));
	}
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "path", api_name(path), "size",
	                 (json_int_t)size, "done", (json_int_t)done, "blocks", (json_int_t)p->blocks, "cell_blocks",
	                 (json_int_t)p->cell_blocks, "cells", (json_int_t)p->cells, "here", here, "coming", coming,
	                 "rare", rare, "from", from, "peers", pieces_peers_json(e, p));
}

void api_pieces(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text = control_query(call, "path");
	int64_t done = 0, size = 0;
	struct pieces *p;
	char *path;

	if (e == NULL)
		return;
	path = text != NULL ? escape_decode(text) : NULL;
	p = MEM_NEW(struct pieces);
	if (path == NULL)
		control_fail(call, 400, "\"path\" must be a path in the share, relative to it");
	else if (engine_fetch(e) == NULL || engine_roster(e) == NULL ||
	         !fetch_pieces(engine_fetch(e), path, p, &done, &size))
		control_fail(call, 404, "no pieces of %s are being downloaded now", text);
	else
		control_reply(call, 200, pieces_json(e, path, p, done, size));
	free(p);
	free(path);
}
