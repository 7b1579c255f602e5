/* See api_kept.h. A worker lists the store, where a path is a hash (kept_name.h). The paths are found by hashing those
 * of the index, tombstones included, some rows per turn of the loop. What no row has is told by its last component. */
#include "agent/api/api_kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/api/api_answer.h"
#include "agent/api/api_disk_job.h"
#include "agent/api/api_request.h"
#include "base/mem.h"
#include "sync/index/index.h"

enum { KEPT_MAX = 10000, ROWS_A_PIECE = 4096, NAMELESS_A_PIECE = 256 };

struct kept_listing {
	struct api_disk_job disk;
	struct kept_versions list; /* by tag, those of one path the newest first; told ones have no name */
	bool more;
	int error; /* errno; 0: none */
	/* the stream */
	struct api *api;
	struct control_call *call;
	struct group_id group;
	struct loop_timer *timer;
	char *after; /* the last row so far; NULL: none yet; owned */
	bool half;   /* that row has more than a piece holds */
	bool failed; /* the index could not be read to its end */
	size_t nameless;
	bool begun, any, rows_done, ended;
};

static void kept_free(struct kept_listing *k)
{
	loop_timer_free(k->timer);
	version_store_list_clear(&k->list);
	free(k->after);
	free(k);
}

static void kept_job_free(struct api_disk_job *d)
{
	struct kept_listing *k = (struct kept_listing *)d;

	d->api->kept_busy = false;
	/* The stream has it from now on. */
	if (k->timer == NULL)
		kept_free(k);
}

/* --- the list --- */

static int kept_by_tag(const void *pa, const void *pb)
{
	const struct kept_version *a = pa, *b = pb;
	int c = memcmp(a->name, b->name, KEPT_TAG);

	return c != 0 ? c : (a->at_ns < b->at_ns) - (a->at_ns > b->at_ns);
}

static void kept_work(struct api_disk_job *d)
{
	struct kept_listing *k = (struct kept_listing *)d;
	int rc = version_store_list_all(d->handle->root, KEPT_MAX, &k->list);

	k->error = rc < 0 ? errno : 0;
	k->more = rc > 0;
	if (k->list.n > 1)
		qsort(k->list.v, k->list.n, sizeof(*k->list.v), kept_by_tag);
}

/* The first version of the tag; the number of all if there is none. */
static size_t kept_find(const struct kept_listing *k, const struct kept_tag *tag)
{
	size_t low = 0, high = k->list.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(k->list.v[mid].name, tag->hex, KEPT_TAG) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

json_t *api_kept_json(const struct kept_version *kept)
{
	bool link = kept->st.kind == S_IFLNK;
	char id[KEPT_ID_MAX];

	kept_id_format(id, kept->at_ns);
	return json_pack("{s:s, s:s, s:I, s:I, s:I}", "version", id, "kind", link ? "symlink" : "file", "size",
	                 (json_int_t)(link ? 0 : kept->st.size), "modified",
	                 (json_int_t)(kept->st.mtime_ns / 1000000000), "kept", (json_int_t)(kept->at_ns / 1000000000));
}

/* --- the stream --- */

/* path NULL: not known. */
static void kept_add(struct kept_listing *k, size_t i, const char *path, struct bytes *out)
{
	const struct kept_version *v = &k->list.v[i];
	json_t *document = api_kept_json(v);

	json_object_set_new(document, "path", api_name(path));
	json_object_set_new(document, "name", api_name(kept_name_component(v->name)));
	if (k->any)
		bytes_append(out, ",\n", 2);
	control_append(out, document, "");
	json_decref(document);
	k->any = true;
}

/* Those of a path that are not told yet; true when the piece is full before the last of them. */
static bool kept_add_path(struct kept_listing *k, const char *path, struct bytes *out)
{
	struct kept_tag tag = kept_tag_of(path);

	for (size_t i = kept_find(k, &tag); i < k->list.n && memcmp(k->list.v[i].name, tag.hex, KEPT_TAG) == 0; i++) {
		if (k->list.v[i].st.kind == 0)
			continue;
		if (out->len >= CONTROL_PIECE)
			return true;
		kept_add(k, i, path, out);
		k->list.v[i].st.kind = 0; /* told */
	}
	return false;
}

/* Tells those of the next rows; false when there are no more rows. */
static bool kept_rows(struct kept_listing *k, struct engine *e, struct bytes *out)
{
	struct index_cursor *cursor = index_walk_from(engine_index(e), "", k->after != NULL ? k->after : "");
	struct record r = { 0 };
	bool more = false;
	int rc = 0;

	for (int i = 0; !more && (rc = index_next(cursor, &r)) > 0; i++) {
		if (k->half || k->after == NULL || strcmp(k->after, r.path) != 0)
			k->half = kept_add_path(k, r.path, out);
		more = i >= ROWS_A_PIECE || out->len >= CONTROL_PIECE;
		if (more) {
			free(k->after);
			k->after = mem_strdup(r.path);
		}
		record_clear(&r);
	}
	index_cursor_free(cursor);
	k->failed = rc < 0;
	return more;
}

static void kept_nameless(struct kept_listing *k, struct bytes *out)
{
	for (int n = 0; k->nameless < k->list.n && n < NAMELESS_A_PIECE; k->nameless++) {
		if (k->list.v[k->nameless].st.kind == 0)
			continue;
		kept_add(k, k->nameless, NULL, out);
		n++;
	}
}

static enum control_more kept_more(void *state, struct bytes *out)
{
	struct kept_listing *k = state;
	struct engine *e = api_engine_by_id(k->api, &k->group);

	if (k->ended)
		return CONTROL_END;
	/* Left or lost meanwhile: half a list must not look like a whole one. */
	if (e == NULL || engine_index(e) == NULL)
		return CONTROL_BROKEN;
	if (!k->begun)
		bytes_append(out, "{\"versions\":[", 13);
	k->begun = true;
	if (!k->rows_done) {
		k->rows_done = k->list.n == 0 || !kept_rows(k, e, out);
		if (k->failed)
			return CONTROL_BROKEN;
	} else if (k->nameless < k->list.n) {
		kept_nameless(k, out);
	} else {
		bytes_append(out, k->more ? "],\"more\":true}\n" : "],\"more\":false}\n", k->more ? 15 : 16);
		k->ended = true;
	}
	if (out->len > 0)
		return CONTROL_MORE;
	loop_timer_start(k->timer, 0, 0);
	return CONTROL_WAIT;
}

static void kept_next_turn(void *arg)
{
	control_wake(((struct kept_listing *)arg)->call);
}

static void kept_end(void *state)
{
	kept_free(state);
}

static const struct control_stream kept_stream = { "application/json", kept_more, kept_end };

static void kept_done(struct api_disk_job *d, struct engine *e)
{
	struct kept_listing *k = (struct kept_listing *)d;

	(void)e;
	if (d->call == NULL)
		return;
	if (k->error != 0) {
		control_fail(d->call, 409, "the kept versions cannot be listed: %s", strerror(k->error));
		return;
	}
	k->api = d->api;
	k->call = d->call;
	k->group = d->group;
	k->timer = loop_timer_new(d->api->loop, kept_next_turn, k);
	control_stream(d->call, &kept_stream, k);
}

void api_kept(struct api *api, struct control_call *call, struct engine *e)
{
	struct kept_listing *k;

	/* One that was given up by its client goes on: asked for again and again, they would take all workers. */
	if (api->kept_busy) {
		control_fail(call, 409, "the kept versions are being listed for another request: ask again");
		return;
	}
	api->kept_busy = true;
	k = MEM_NEW(struct kept_listing);
	k->disk = (struct api_disk_job){ .api = api, .work = kept_work, .done = kept_done, .free = kept_job_free };
	api_disk_job_run(api, call, e, &k->disk);
}
