/* files: lists the files of a group. There may be millions, so they are read from the index and sent in pieces: as
 * one document, or with ?lines=1 one file per line. */
#include "agent/api/api_answer.h"
#include "agent/api/api_pattern.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "agent/engine/engine_status.h"
#include "agent/escape.h"
#include "base/mem.h"
#include "sync/peer/peers.h"
#include "sync/plan/path.h"
#include "sync/plan/pattern.h"
#include "sync/plan/record.h"

enum { FILES_A_PIECE = 512, FILES_A_LOOK = 4096, FILES_LIMIT_MAX = 10000, NAME_BYTES_MAX = 255 };

/* A member's ID text by its short ID. */
struct member_text {
	uint64_t short_id;
	char text[ID_TEXT_MAX];
	UT_hash_handle hh;
};

struct files {
	struct api *api;
	struct group_id group;
	char *pattern; /* "": all files; owned */
	char *under;   /* all that it covers is below; owned */
	char *after;   /* the last path that was checked; NULL: none yet; owned */
	bool lines;
	bool who;     /* with lines: the members come first */
	bool level;   /* only what is right below `under` */
	int64_t left; /* files that may still be told; -1: any number */
	char *folder; /* with level: that was told last, and whose files are passed over; owned */
	bool begun;
	bool ended;
	bool sent; /* a file */
	struct member_text *members;
	/* about the piece that is being written */
	const struct roster *roster;
	struct bytes *out;
	int count;
};

static const char *member_text(struct files *f, uint64_t short_id)
{
	struct member_text *m;
	struct roster_member member;

	HASH_FIND(hh, f->members, &short_id, sizeof(short_id), m);
	if (m != NULL)
		return m->text;
	if (!roster_member_by_short(f->roster, short_id, &member))
		return NULL;
	m = MEM_NEW(struct member_text);
	m->short_id = short_id;
	agent_id_text(m->text, &member.id);
	HASH_ADD(hh, f->members, short_id, sizeof(m->short_id), m);
	return m->text;
}

static const char *kind_text(enum record_kind kind)
{
	return kind == RECORD_DIR ? "dir" : kind == RECORD_SYMLINK ? "symlink" : "file";
}

static json_t *file_json(struct files *f, const struct engine_file *file)
{
	const struct record *r = file->r;
	json_t *members = json_array(), *document;

	for (size_t i = 0; i < file->nhas; i++) {
		const char *text = member_text(f, file->has[i]);

		if (text != NULL)
			json_array_append_new(members, json_string(text));
	}
	document = json_pack("{s:o, s:s, s:I, s:I, s:b, s:b, s:b, s:o}", "path", api_name(r->path), "kind",
	                     kind_text(r->kind), "size", (json_int_t)(r->kind == RECORD_FILE ? r->content.size : 0),
	                     "mtime", (json_int_t)(r->mtime_ns / 1000000000), "here", (int)file->here, "wanted",
	                     (int)file->wanted, "shared", (int)file->shared, "members", members);
	if (file->behind)
		json_object_set_new(document, "behind", json_true());
	if (file->own)
		json_object_set_new(document, "own", json_true());
	return document;
}

/* What is right in the folder `under`, which stands for itself no more than what is deeper. */
static bool is_level(const struct files *f, const char *path)
{
	size_t n = strlen(f->under);

	if (n > 0 && (strncmp(path, f->under, n) != 0 || path[n] != '/'))
		return false;
	return strchr(path + n + (n > 0), '/') == NULL;
}

/* The last path that can be below this one. One of more than RECORD_PATH_MAX would be behind all paths. Fresh. */
static char *end_of(const char *path)
{
	char last[NAME_BYTES_MAX + 1] = "";
	size_t len = strlen(path), room = len + 1 < RECORD_PATH_MAX ? RECORD_PATH_MAX - len - 1 : 0;

	memset(last, 0xff, room < NAME_BYTES_MAX ? room : NAME_BYTES_MAX);
	return room > 0 ? mem_printf("%s/%s", path, last) : mem_strdup(path);
}

/* Stops the walk when the piece is full, where all below a folder is to be passed over, or after the last file that was
 * asked for. */
static bool add_file(void *arg, const struct engine_file *file)
{
	struct files *f = arg;
	json_t *document;

	if (!pattern_covers(f->pattern, file->r->path) || (f->level && !is_level(f, file->r->path)))
		return true;
	document = file_json(f, file);
	if (!f->lines && f->sent)
		bytes_append(f->out, ",\n", 2);
	control_append(f->out, document, f->lines ? "\n" : "");
	json_decref(document);
	f->sent = true;
	if (f->level && file->r->kind == RECORD_DIR)
		f->folder = mem_strdup(file->r->path);
	if (f->left > 0)
		f->left--;
	return f->folder == NULL && f->left != 0 && ++f->count < FILES_A_PIECE && f->out->len < CONTROL_PIECE;
}

/* --- who is who: the members, so that a list of files shows names, and when each was last seen --- */

struct holders_list {
	struct engine *engine;
	json_t *array;
};

static bool holders_add(void *arg, const struct roster_member *m)
{
	struct holders_list *list = arg;
	uint64_t member = agent_id_short(&m->id);
	bool self = member == engine_self(list->engine);
	int64_t seen = self ? 0 : engine_last_seen(list->engine, member);

	json_array_append_new(list->array,
	                      json_pack("{s:o, s:o, s:b, s:b, s:o}", "agent", api_agent_id(&m->id), "name",
	                                api_name(m->name), "self", (int)self, "connected",
	                                (int)(!self && peer_group_connected(engine_peers(list->engine), member)),
	                                "last_seen", seen > 0 ? json_integer((json_int_t)seen) : json_null()));
	return true;
}

static json_t *holders(struct engine *e)
{
	struct holders_list list = { .engine = e, .array = json_array() };

	roster_members(engine_roster(e), holders_add, &list);
	return list.array;
}

/* --- the stream --- */

/* The members come first where each file is a line, last in a document. */
static void files_frame(struct files *f, struct engine *e, bool begin)
{
	json_t *members = begin == f->lines && (f->who || !f->lines) ? holders(e) : NULL;

	if (begin && f->lines) {
		if (members == NULL)
			return;
		json_t *line = json_pack("{s:o}", "members", members);

		control_append(f->out, line, "\n");
		json_decref(line);
	} else if (begin) {
		bytes_append(f->out, "{\"files\":[", 10);
	} else if (!f->lines) {
		bytes_append(f->out, "],\"members\":", 12);
		control_append(f->out, members, ",\"next\":");
		json_decref(members);
		members = f->left == 0 ? api_name(f->after) : json_null();
		control_append(f->out, members, "}\n");
		json_decref(members);
	}
}

static enum control_more more_files(void *state, struct bytes *out)
{
	struct files *f = state;
	struct engine *e = api_engine_by_id(f->api, &f->group);
	char *last;

	if (f->ended)
		return CONTROL_END;
	/* The group was left or its share lost meanwhile. Cut the connection, so that half a list does not look
	 * like a complete one. */
	if (e == NULL || engine_index(e) == NULL)
		return CONTROL_BROKEN;
	f->roster = engine_roster(e);
	f->out = out;
	f->count = 0;
	if (!f->begun)
		files_frame(f, e, true);
	f->begun = true;
	last = engine_files(e, f->under, f->after, FILES_A_LOOK, add_file, f);
	free(f->after);
	f->after = last;
	f->ended = last == NULL || f->left == 0;
	if (f->ended)
		files_frame(f, e, false);
	else if (f->folder != NULL) {
		free(f->after);
		f->after = end_of(f->folder);
	}
	free(f->folder);
	f->folder = NULL;
	return CONTROL_MORE;
}

static void files_end(void *state)
{
	struct files *f = state;
	struct member_text *m;
	struct member_text *next;

	HASH_ITER(hh, f->members, m, next) {
		HASH_DEL(f->members, m);
		free(m);
	}
	free(f->pattern);
	free(f->under);
	free(f->after);
	free(f->folder);
	free(f);
}

static const struct control_stream document = { "application/json", more_files, files_end };
static const struct control_stream line_by_line = { "application/x-ndjson", more_files, files_end };

/* Where a page of the list begins: behind the last path of the one before. -1 after the answer. */
static int files_page(struct control_call *call, struct files *f)
{
	const char *text = control_query(call, "after");
	int64_t level = 0, limit = 0;
	char *path;
	int c;

	if (api_query_number(call, "level", 0, 1, &level) < 0 ||
	    api_query_number(call, "limit", 1, FILES_LIMIT_MAX, &limit) < 0)
		return -1;
	if (level != 0 && pattern_is_glob(f->pattern)) {
		control_fail(call, 400, "level goes with a folder, not with a pattern");
		return -1;
	}
	f->level = level != 0;
	f->left = limit > 0 ? limit : -1;
	if (text == NULL || text[0] == '\0')
		return 0;
	path = escape_decode(text);
	if (path == NULL) {
		control_fail(call, 400, "\"after\" is not a path");
		return -1;
	}
	/* What is before the folder leaves nothing of it out. */
	c = path_compare(path, f->under);
	if (c >= 0)
		f->after = f->level && c > 0 ? end_of(path) : mem_strdup(path);
	free(path);
	return 0;
}

/* Everything that can be refused is refused before the stream begins, since its status is 200 from then on. */
void api_files(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text = control_query(call, "path");
	int64_t lines = 0, who = 0;
	struct files *f;
	char *pattern;

	if (e == NULL || api_query_number(call, "lines", 0, 1, &lines) < 0 ||
	    api_query_number(call, "members", 0, 1, &who) < 0)
		return;
	if (engine_index(e) == NULL || engine_share(e) == NULL) {
		control_fail(call, 409, "%s", engine_why_no_files(e));
		return;
	}
	pattern = api_pattern(call, e, text != NULL ? text : "");
	if (pattern == NULL)
		return;
	if (pattern[0] != '\0' && !pattern_is_glob(pattern) && !api_pattern_has_files(e, pattern)) {
		free(pattern);
		control_fail(call, 404, "there is no %s in the group", text);
		return;
	}
	f = MEM_NEW(struct files);
	f->api = api;
	f->group = *engine_group(e);
	f->under = pattern_root(pattern);
	f->pattern = pattern;
	f->lines = lines != 0;
	f->who = who != 0;
	if (files_page(call, f) < 0) {
		files_end(f);
		return;
	}
	control_stream(call, f->lines ? &line_by_line : &document, f);
}
