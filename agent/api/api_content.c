/* content: a file of the group as a stream, for copies outside the share. Lines of JSON; each block's line is followed
 * by its bytes. First comes what the path is, last a line that says why the stream ends. */
#include "agent/api/api_answer.h"
#include "agent/api/api_missing.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_content.h"
#include "agent/escape.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "sync/plan/path.h"

enum {
	TIMEOUT_MAX = 366 * 86400, /* s */
	SOON_MS = 2000,            /* for members to connect, before it is said that nobody has it */
};

struct content_stream {
	struct api *api;
	struct control_call *call;
	struct group_id group;
	struct engine_content *content;
	struct loop_timer *timer; /* since nobody is connected who has it */
	int64_t timeout_ms;       /* to wait for somebody; below 0: SOON_MS */
	int64_t alone_since_ms;   /* loop time; 0: somebody is there */
	bool begun, told, ended;
	size_t sent; /* bytes of the block at hand; its line is sent */
	bool line_sent;
};

static void content_woken(void *arg)
{
	struct content_stream *s = arg;

	control_wake(s->call);
}

static void put_json(struct bytes *out, json_t *line)
{
	control_append(out, line, "\n");
	json_decref(line);
}

static const char *kind_name(enum record_kind kind)
{
	return kind == RECORD_DIR ? "dir" : kind == RECORD_SYMLINK ? "symlink" : "file";
}

static void put_header(struct content_stream *s, struct bytes *out)
{
	const struct record *r = engine_content_record(s->content);
	bool file = r->kind == RECORD_FILE;
	char root[65];

	hex_encode(root, r->content.root, sizeof(r->content.root));
	put_json(out, json_pack("{s:o, s:s, s:I, s:I, s:i, s:o, s:o}", "path", api_name(r->path), "kind",
	                        kind_name(r->kind), "size", (json_int_t)(file ? r->content.size : 0), "mtime_ns",
	                        (json_int_t)r->mtime_ns, "mode", (int)r->mode, "content",
	                        file ? json_string(root) : json_null(), "target", api_name(r->target)));
}

static enum control_more end_with(struct content_stream *s, struct bytes *out, const char *end)
{
	put_json(out, json_pack("{s:s}", "end", end));
	s->ended = true;
	return CONTROL_MORE;
}

/* The line of a block, and as many of its bytes as fit now. */
static void put_block(struct content_stream *s, struct bytes *out, const struct block *b, int64_t offset,
                      const uint8_t *bytes)
{
	size_t room = CONTROL_PIECE_MAX / 2, n = b->len - s->sent;
	char hash[65];

	if (!s->line_sent) {
		hex_encode(hash, b->hash, sizeof(b->hash));
		put_json(out, json_pack("{s:I, s:I, s:s}", "offset", (json_int_t)offset, "length", (json_int_t)b->len,
		                        "sha256", hash));
		s->line_sent = true;
	}
	if (bytes != NULL) {
		n = n < room ? n : room;
		bytes_append(out, bytes + s->sent, n);
	}
	s->sent += n;
	if (s->sent < b->len)
		return;
	s->sent = 0;
	s->line_sent = false;
	engine_content_next(s->content);
}

/* Nobody who has it is connected: says so once, and waits as long as it may. */
static enum control_more stream_alone(struct content_stream *s, struct bytes *out)
{
	struct engine *e = api_engine_by_id(s->api, &s->group);
	int64_t now = loop_now_ms(s->api->loop), limit = s->timeout_ms >= 0 ? s->timeout_ms : SOON_MS;
	int64_t alone;

	if (s->alone_since_ms == 0) {
		s->alone_since_ms = now;
		loop_timer_start(s->timer, limit < SOON_MS ? limit : SOON_MS, 500);
		return CONTROL_WAIT;
	}
	alone = now - s->alone_since_ms;
	if (!s->told && (alone >= SOON_MS || alone >= limit) && e != NULL) {
		s->told = true;
		put_json(out,
		         json_pack("{s:o}", "missing", api_missing_of(e, engine_content_record(s->content)->path)));
		return CONTROL_MORE;
	}
	return alone >= limit ? end_with(s, out, "nobody who has it is connected") : CONTROL_WAIT;
}

static enum control_more more_content(void *state, struct bytes *out)
{
	struct content_stream *s = state;
	const struct block *block;
	const uint8_t *bytes;
	int64_t offset;

	if (s->ended)
		return CONTROL_END;
	if (!s->begun) {
		s->begun = true;
		put_header(s, out);
		return CONTROL_MORE;
	}
	for (;;) {
		switch (engine_content_look(s->content, &block, &offset, &bytes)) {
		case ENGINE_CONTENT_BLOCK:
			s->alone_since_ms = 0;
			loop_timer_stop(s->timer);
			put_block(s, out, block, offset, bytes);
			if (out->len >= CONTROL_PIECE)
				return CONTROL_MORE;
			break;
		case ENGINE_CONTENT_COMING:
			s->alone_since_ms = 0;
			loop_timer_stop(s->timer);
			return out->len > 0 ? CONTROL_MORE : CONTROL_WAIT;
		case ENGINE_CONTENT_NO_SOURCE:
			return out->len > 0 ? CONTROL_MORE : stream_alone(s, out);
		case ENGINE_CONTENT_END:
			return end_with(s, out, "complete");
		case ENGINE_CONTENT_GONE:
			return CONTROL_BROKEN;
		}
	}
}

static void content_stream_end(void *state)
{
	struct content_stream *s = state;

	engine_content_free(s->content);
	loop_timer_free(s->timer);
	free(s);
}

static const struct control_stream content_stream = { "application/octet-stream", more_content, content_stream_end };

void api_content(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text = control_query(call, "path");
	int64_t from = 0, names = 0, timeout = -1;
	struct content_stream *s;
	char *path;

	if (e == NULL || api_query_number(call, "from", 0, INT64_MAX, &from) < 0 ||
	    api_query_number(call, "names", 0, 1, &names) < 0 ||
	    api_query_number(call, "timeout", 0, TIMEOUT_MAX, &timeout) < 0)
		return;
	path = text != NULL ? escape_decode(text) : NULL;
	if (path == NULL || path_check(path, strlen(path)) != PATH_OK) {
		control_fail(call, 400, "\"path\" must be a path in the share, relative to it");
		free(path);
		return;
	}
	if (engine_share(e) == NULL) {
		control_fail(call, 409, "%s", engine_why_no_files(e));
		free(path);
		return;
	}
	s = MEM_NEW(struct content_stream);
	s->content = engine_content_new(e, path, content_woken, s);
	free(path);
	if (s->content == NULL) {
		free(s);
		control_fail(call, 404, "there is no %s in the group", text);
		return;
	}
	s->api = api;
	s->call = call;
	s->group = *engine_group(e);
	s->timeout_ms = timeout < 0 ? -1 : timeout * 1000;
	s->timer = loop_timer_new(api->loop, content_woken, s);
	engine_content_begin(s->content, from, names != 0);
	control_stream(call, &content_stream, s);
}
