/* files: lists the files of a group. There may be millions, so they are read from the index and sent in pieces: as
 * one document, or with ?lines=1 one file per line. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "agent/escape.h"
#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/plan/record.h"

enum { FILES_A_PIECE = 512 };

/* A member's ID text by its short ID. */
struct member_text {
	uint64_t short_id;
	char text[ID_TEXT_MAX];
	UT_hash_handle hh;
};

struct files {
	struct api *api;
	struct group_id group;
	char *under; /* a path; "": all files; owned */
	char *after; /* the last path sent; NULL: none yet; owned */
	bool lines;
	bool ended;
	struct member_text *members;
	/* about the piece that is being written */
	struct bytes *out;
	int count;
	bool stopped;
};

static const char *member_text(struct files *f, const struct roster *roster, uint64_t short_id)
{
	struct member_text *m;
	struct roster_member member;

	HASH_FIND(hh, f->members, &short_id, sizeof(short_id), m);
	if (m != NULL)
		return m->text;
	if (!roster_member_by_short(roster, short_id, &member))
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

struct file_context {
	struct files *files;
	const struct roster *roster;
};

/* Stops the walk when the piece is full; f->after is where the next piece begins. */
static bool add_file(void *arg, const struct record *r, bool here, const uint64_t *has, size_t nhas)
{
	struct file_context *context = arg;
	struct files *f = context->files;
	json_t *members = json_array();
	json_t *file;

	for (size_t i = 0; i < nhas; i++) {
		const char *text = member_text(f, context->roster, has[i]);

		if (text != NULL)
			json_array_append_new(members, json_string(text));
	}
	file = json_pack("{s:o, s:s, s:I, s:b, s:o}", "path", api_name(r->path), "kind", kind_text(r->kind), "size",
	                 (json_int_t)(r->kind == RECORD_FILE ? r->content.size : 0), "here", (int)here, "members",
	                 members);
	if (!f->lines && f->after != NULL)
		bytes_append(f->out, ",\n", 2);
	control_append(f->out, file, f->lines ? "\n" : "");
	json_decref(file);
	free(f->after);
	f->after = mem_strdup(r->path);
	f->stopped = ++f->count >= FILES_A_PIECE || f->out->len >= CONTROL_PIECE;
	return !f->stopped;
}

static enum control_more more_files(void *state, struct bytes *out)
{
	struct files *f = state;
	struct engine *e = api_engine_by_id(f->api, &f->group);
	struct file_context context = { .files = f };
	char *from;

	if (f->ended)
		return CONTROL_END;
	/* The group was left or its share lost meanwhile. Cut the connection, so that half a list does not look
	 * like a complete one. */
	if (e == NULL || engine_index(e) == NULL)
		return CONTROL_BROKEN;
	if (!f->lines && f->after == NULL)
		bytes_append(out, "{\"files\":[", 10);
	context.roster = engine_roster(e);
	f->out = out;
	f->count = 0;
	f->stopped = false;
	from = mem_strdup(f->after); /* add_file() replaces f->after */
	engine_files(e, f->under, from, add_file, &context);
	free(from);
	f->ended = !f->stopped;
	if (f->ended && !f->lines)
		bytes_append(out, "]}\n", 3);
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
	free(f->under);
	free(f->after);
	free(f);
}

static bool note_any(void *arg, const struct record *r, bool here, const uint64_t *has, size_t nhas)
{
	(void)r;
	(void)here;
	(void)has;
	(void)nhas;
	*(bool *)arg = true;
	return false;
}

static const struct control_stream document = { "application/json", more_files, files_end };
static const struct control_stream line_by_line = { "application/x-ndjson", more_files, files_end };

/* Everything that can be refused is refused before the stream begins, since its status is 200 from then on. */
void api_files(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text = control_query(call, "path");
	int64_t lines = 0;
	bool any = false;
	struct files *f;
	char *under;

	if (e == NULL || api_query_number(call, "lines", 0, 1, &lines) < 0)
		return;
	under = escape_decode(text != NULL ? text : "");
	if (under == NULL || (under[0] != '\0' && path_check(under, strlen(under)) != PATH_OK)) {
		free(under);
		control_fail(call, 400,
		             "\"path\" must be a path in the share, relative to it (write a backslash in it "
		             "as \\\\)");
		return;
	}
	if (engine_index(e) == NULL) {
		free(under);
		control_fail(call, 409, "the group's files are not known here: it is joining or in error; see status");
		return;
	}
	if (under[0] != '\0')
		engine_files(e, under, NULL, note_any, &any);
	if (under[0] != '\0' && !any) {
		free(under);
		control_fail(call, 404, "there is no %s in the group", text);
		return;
	}
	f = MEM_NEW(struct files);
	f->api = api;
	f->group = *engine_group(e);
	f->under = under;
	f->lines = lines != 0;
	control_stream(call, f->lines ? &line_by_line : &document, f);
}
