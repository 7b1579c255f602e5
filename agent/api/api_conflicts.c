/* conflicts: lists the conflict copies that nobody has resolved yet. They are found by their names in the index,
 * some rows per turn of the loop, since there may be millions of rows and few copies. */
#include "agent/api/api_answer.h"
#include "agent/api/api_conflicts.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index.h"
#include "sync/plan/conflict.h"

enum { LOOKED_A_PIECE = 4096 };

struct conflicts {
	struct api *api;
	struct control_call *call;
	struct loop_timer *timer; /* continues in the next turn if a piece had no copy */
	struct group_id *groups;  /* owned */
	size_t n, at;
	char *after; /* in this group; owned; NULL: at its start */
	bool begun, any, ended;
};

/* The JSON of one side of a conflict, from its row. */
static json_t *conflict_side(struct engine *e, const struct record *r, bool mine)
{
	struct roster_member member;
	bool known = roster_member_by_short(engine_roster(e), r->modified_by, &member);

	return json_pack("{s:o, s:I, s:I, s:o, s:b}", "path", api_name(r->path), "size",
	                 (json_int_t)(r->kind == RECORD_FILE ? r->content.size : 0), "modified",
	                 (json_int_t)(r->mtime_ns / 1000000000), "by", known ? api_agent_id(&member.id) : json_null(),
	                 "mine", (int)mine);
}

enum { LONG_NAMES_MAX = 1000 };

/* The path that a copy with a shortened name belongs to. It begins like the copy, so it is near it in the index.
 * NULL if no live row fits, or more than one: a copy must not be attributed to the wrong file. */
static char *find_long(struct index *index, const char *copy, const char *mark)
{
	char *stem = mem_printf("%.*s", (int)(mark - copy) - (int)strlen(".conflict-"), copy), *of = NULL;
	struct index_cursor *c = index_walk_from(index, "", stem);
	struct record row = { 0 };
	size_t found = 0;

	for (int i = 0; c != NULL && i < LONG_NAMES_MAX && index_next(c, &row) > 0; i++) {
		if (strncmp(row.path, stem, strlen(stem)) != 0)
			i = LONG_NAMES_MAX;
		else if (!row.deleted && !conflict_is_copy(row.path) && conflict_is_of(copy, row.path) && found++ == 0)
			of = mem_strdup(row.path);
		record_clear(&row);
	}
	index_cursor_free(c);
	free(stem);
	if (found == 1)
		return of;
	free(of);
	return NULL;
}

char *api_conflict_of(struct index *index, const char *copy)
{
	const char *mark = conflict_mark(copy);
	char *of = mark != NULL && conflict_is_shortened(copy) ? find_long(index, copy, mark) : NULL;

	return of != NULL ? of : conflict_original(copy);
}

static void add_copy(struct conflicts *c, struct engine *e, const struct record *copy, struct bytes *out)
{
	uint64_t self = engine_self(e);
	char *of = api_conflict_of(engine_index(e), copy->path);
	json_t *sides = json_array(), *document;
	struct record r = { 0 };

	if (index_get(engine_index(e), of, &r) > 0 && !r.deleted)
		json_array_append_new(sides, conflict_side(e, &r, r.modified_by == self));
	json_array_append_new(sides, conflict_side(e, copy, conflict_is_by(copy->path, self)));
	document = json_pack("{s:o, s:o, s:o, s:o, s:o}", "group", api_name(engine_name(e)), "group_id",
	                     api_group_id(e), "path", api_name(of), "copy", api_name(copy->path), "sides", sides);
	if (c->any)
		bytes_append(out, ",\n", 2);
	control_append(out, document, "");
	c->any = true;
	json_decref(document);
	record_clear(&r);
	free(of);
}

/* Appends the copies among the next rows of the group; false when the group has no more rows. */
static bool conflicts_piece(struct conflicts *c, struct engine *e, struct bytes *out)
{
	struct index_cursor *cursor = index_walk_from(engine_index(e), "", c->after != NULL ? c->after : "");
	struct record r = { 0 };
	bool more = false;

	for (int i = 0; cursor != NULL && !more && index_next(cursor, &r) > 0; i++) {
		bool new = c->after == NULL || strcmp(c->after, r.path) != 0;

		if (new && !r.deleted && r.kind != RECORD_DIR &&conflict_is_copy(r.path))
			add_copy(c, e, &r, out);
		more = i >= LOOKED_A_PIECE || out->len >= CONTROL_PIECE;
		if (more) {
			free(c->after);
			c->after = mem_strdup(r.path);
		}
		record_clear(&r);
	}
	index_cursor_free(cursor);
	return more;
}

static void conflicts_next_turn(void *arg)
{
	control_wake(((struct conflicts *)arg)->call);
}

/* Goes through the groups one after the other. A piece without copies gives way to other work for a turn, so that
 * millions of rows do not hold up the loop. */
static enum control_more more_conflicts(void *state, struct bytes *out)
{
	struct conflicts *c = state;
	struct engine *e = c->at < c->n ? api_engine_by_id(c->api, &c->groups[c->at]) : NULL;

	if (c->ended)
		return CONTROL_END;
	if (!c->begun)
		bytes_append(out, "{\"conflicts\":[", 14);
	c->begun = true;
	if (c->at == c->n) {
		bytes_append(out, "]}\n", 3);
		c->ended = true;
		return CONTROL_MORE;
	}
	if (e == NULL || engine_share(e) == NULL || !conflicts_piece(c, e, out)) {
		free(c->after);
		c->after = NULL;
		c->at++;
	}
	if (out->len > 0)
		return CONTROL_MORE;
	loop_timer_start(c->timer, 0, 0);
	return CONTROL_WAIT;
}

static void conflicts_end(void *state)
{
	struct conflicts *c = state;

	loop_timer_free(c->timer);
	free(c->groups);
	free(c->after);
	free(c);
}

static const struct control_stream document_stream = { "application/json", more_conflicts, conflicts_end };

static bool conflicts_add_group(void *arg, struct engine *e)
{
	struct conflicts *c = arg;

	c->groups = mem_realloc(c->groups, c->n + 1, sizeof(*c->groups));
	c->groups[c->n++] = *engine_group(e);
	return true;
}

void api_conflicts(struct api *api, struct control_call *call)
{
	struct engine *e = call->group != NULL ? api_engine(api, call) : NULL;
	struct conflicts *c;

	if (call->group != NULL && e == NULL)
		return;
	if (e != NULL && engine_share(e) == NULL) {
		control_fail(call, 409, "%s", engine_why_no_files(e));
		return;
	}
	c = MEM_NEW(struct conflicts);
	c->api = api;
	c->call = call;
	c->timer = loop_timer_new(api->loop, conflicts_next_turn, c);
	if (e != NULL)
		conflicts_add_group(c, e);
	else
		agent_engines(api->agent, conflicts_add_group, c);
	control_stream(call, &document_stream, c);
}
