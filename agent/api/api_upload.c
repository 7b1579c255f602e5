/* upload: a file of a client, as the body of the request, into the share. Workers write what has come, a piece at a
 * time; while a piece waits for the disk, no more is read from the client. */
#include "agent/api/api_answer.h"
#include "agent/api/api_disk_job.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/upload_file.h"
#include "agent/config/args.h"
#include "agent/engine/engine_status.h"
#include "agent/escape.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "sync/group/rights.h"
#include "sync/plan/path.h"
#include "sync/share/share.h"

enum {
	UPLOADS_MAX = 4,
	PIECE = 256 << 10,
	SLOW_MS = 30000, /* within which an upload has to bring SLOW_BYTES, or what is left of it */
	SLOW_BYTES = 32 << 10,
	DROP_MAX = 1 << 20, /* bytes that are read and dropped after a failure, for the client to read why */
};

static const int64_t size_max = INT64_C(1) << 50, mtime_max = INT64_C(8000000000);

enum upload_job { JOB_NONE, JOB_OPEN, JOB_WRITE, JOB_PLACE, JOB_ABANDON };

struct upload {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	struct group_id group;
	struct upload_file *file; /* a worker's while job is not NONE */
	enum upload_job job;      /* what a worker does for it */
	struct bytes in, out;     /* what has come; what a worker writes */
	int64_t came;             /* bytes from the client */
	int64_t came_before;      /* when the timer was last due */
	struct loop_timer *timer; /* against clients that take their time; NULL: not begun */
	bool begun;               /* the client may send */
	bool whole;               /* the client has sent all of it */
	bool paused;              /* the client has to wait for the disk */
	bool group_gone;
};

static void upload_free(struct upload *u)
{
	u->api->uploads--;
	loop_timer_free(u->timer);
	bytes_free(&u->in);
	bytes_free(&u->out);
	upload_file_free(u->file);
	free(u);
}

/* --- the answer --- */

static void answer_file(struct control_call *call, const struct upload_file *f)
{
	if (f->outcome != UPLOAD_FINE)
		control_fail(call, f->outcome == UPLOAD_FULL ? 507 : 409, "%s", f->why);
	else
		control_reply(call, 200,
		              json_pack("{s:o, s:I, s:b}", "path", api_name(f->path), "size", (json_int_t)f->size,
		                        "exists", (int)f->exists));
}

static void answer(struct upload *u)
{
	struct control_call *call = u->call;

	u->call = NULL;
	if (call != NULL && u->group_gone)
		control_fail(call, 409, "the group or its share is not there any more; nothing was put into it");
	else if (call != NULL)
		answer_file(call, u->file);
}

static bool has_failed(const struct upload *u)
{
	return u->group_gone || u->file->outcome != UPLOAD_FINE;
}

/* The upload has created its folders, too. */
static void hint_all(struct engine *e, char *path)
{
	for (char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		engine_hint(e, path);
		*slash = '/';
	}
	engine_hint(e, path);
}

/* --- one job after the other --- */

static void upload_step(struct upload *u);

static void upload_work(void *arg)
{
	struct upload *u = arg;

	switch (u->job) {
	case JOB_OPEN:
		upload_file_open(u->file);
		break;
	case JOB_WRITE:
		upload_file_write(u->file, u->out.p, u->out.len);
		break;
	case JOB_PLACE:
		upload_file_place(u->file);
		upload_file_abandon(u->file);
		break;
	case JOB_ABANDON:
		upload_file_abandon(u->file);
		break;
	case JOB_NONE:
		break;
	}
}

static void upload_done(void *arg)
{
	struct upload *u = arg;
	enum upload_job job = u->job;
	struct engine *e = api_engine_by_id(u->api, &u->group);

	u->job = JOB_NONE;
	if (job == JOB_PLACE && u->file->outcome == UPLOAD_FINE && e != NULL)
		hint_all(e, u->file->path);
	if (job == JOB_PLACE || job == JOB_ABANDON) {
		answer(u);
		upload_free(u);
		return;
	}
	if (job == JOB_OPEN && u->file->outcome == UPLOAD_FINE)
		u->begun = true;
	upload_step(u);
}

/* What is left of an upload is removed even when its group is not there any more. */
static void submit(struct upload *u, enum upload_job job)
{
	struct engine *e = api_engine_by_id(u->api, &u->group);

	if (job != JOB_ABANDON && (e == NULL || engine_share(e) == NULL)) {
		u->group_gone = true;
		upload_step(u);
		return;
	}
	u->job = job;
	if (e != NULL)
		engine_work(e, upload_work, upload_done, u);
	else
		agent_work(u->api->agent, upload_work, upload_done, u);
}

static void let_more_come(struct upload *u)
{
	if (!u->paused || u->call == NULL)
		return;
	u->paused = false;
	control_wake(u->call);
}

/* A client reads why only when it has sent all of it. */
static void fail_early(struct upload *u)
{
	bytes_clear(&u->in);
	if (u->file->size - u->came > DROP_MAX)
		control_break(u->call);
	else
		let_more_come(u);
}

/* Decides what is next; a worker has nothing of it. */
static void upload_step(struct upload *u)
{
	if (u->job != JOB_NONE)
		return;
	if (u->call == NULL || (has_failed(u) && (u->whole || !u->begun))) {
		submit(u, JOB_ABANDON);
	} else if (has_failed(u)) {
		fail_early(u);
	} else if (u->in.len == PIECE || (u->whole && u->in.len > 0)) {
		struct bytes empty = u->out;

		u->out = u->in;
		u->in = empty;
		bytes_clear(&u->in);
		submit(u, JOB_WRITE);
		let_more_come(u);
	} else if (u->whole) {
		submit(u, JOB_PLACE);
	} else {
		let_more_come(u);
	}
}

/* --- what comes --- */

static size_t upload_take(void *state, const uint8_t *p, size_t n)
{
	struct upload *u = state;
	size_t room = (size_t)PIECE - u->in.len;

	if (u->job == JOB_NONE && has_failed(u)) {
		u->came += (int64_t)n;
		return n;
	}
	n = n < room ? n : room;
	if (n > 0 && bytes_append(&u->in, p, n) < 0)
		abort(); /* it was bounded */
	u->came += (int64_t)n;
	u->paused = u->in.len == PIECE;
	upload_step(u);
	return n;
}

static void upload_gone(void *state)
{
	struct upload *u = state;

	u->call = NULL;
	upload_step(u);
}

static void upload_whole(void *state)
{
	struct upload *u = state;

	u->whole = true;
	u->paused = false;
	loop_timer_stop(u->timer);
	control_defer(u->call, upload_gone, u);
	upload_step(u);
}

static const struct control_receiver upload_receiver = { upload_take, upload_whole, upload_gone };

/* Not while the disk is what takes its time. */
static void check_progress(void *arg)
{
	struct upload *u = arg;
	bool slow = u->came - u->came_before < SLOW_BYTES && u->came < u->file->size;

	u->came_before = u->came;
	if (slow && !u->paused && u->call != NULL)
		control_break(u->call);
}

/* --- the request --- */

/* The body's length; -1: it is not told, or not believed, which is answered. */
static int64_t body_length(struct control_call *call)
{
	const char *text = control_header(call, "Content-Length");
	int64_t n;

	if (text == NULL || control_header(call, "Transfer-Encoding") != NULL)
		control_fail(call, 411, "an upload needs a Content-Length, and no Transfer-Encoding");
	else if (args_number(text, 0, size_max, &n) < 0)
		control_fail(call, 413, "no file is as large as that");
	else
		return n;
	return -1;
}

static int parse_taken(struct control_call *call, enum upload_taken *taken)
{
	static const char *const words
		[] = { [UPLOAD_REFUSE] = "refuse", [UPLOAD_REPLACE] = "replace", [UPLOAD_KEEP_BOTH] = "keep-both" };
	const char *text = control_query(call, "if_exists");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text != NULL && strcmp(text, words[i]) != 0)
			continue;
		*taken = (enum upload_taken)i;
		return 0;
	}
	control_fail(call, 400, "\"if_exists\" must be refuse, replace or keep-both");
	return -1;
}

/* The path, if a file that comes there is one of the group's. Fresh; NULL after an answer. */
static char *upload_path(struct control_call *call, struct share *share)
{
	const char *text = control_query(call, "path");
	char *path = text != NULL ? escape_decode(text) : NULL;
	enum path_verdict verdict = path != NULL ? path_check(path, strlen(path)) : PATH_EMPTY;

	if (verdict != PATH_OK)
		control_fail(call, 400, "\"path\" must be a path in the share, relative to it: %s",
		             path_verdict_text(verdict));
	else if (!share_accepts(share, path, false))
		control_fail(call, 409,
		             "an ignore rule of this share (.lanyardignore) keeps that name out of the "
		             "group: choose another name");
	else
		return path;
	free(path);
	return NULL;
}

/* NULL when files may come here; else the answer was given. */
static struct share *upload_share(struct control_call *call, struct engine *e)
{
	enum role role = engine_role(e);
	const char *stuck;

	/* First, since after a change of role the group starts again and has no share for a moment. */
	if (role != ROLE_NONE && !engine_is_vault(e) && !rights_has(role, RIGHT_WRITE)) {
		control_fail(
			call, 403,
			"this agent is a %s of the group: what is put here would stay here. An owner can make it a "
			"member",
			role_name(role));
		return NULL;
	}
	if (engine_share(e) == NULL) {
		control_fail(call, 409, "%s", engine_why_no_files(e));
		return NULL;
	}
	stuck = engine_stuck(e);
	if (stuck != NULL) {
		control_fail(call, 409, "%s", stuck);
		return NULL;
	}
	return engine_share(e);
}

static struct upload *upload_new(struct api *api, struct control_call *call, struct engine *e, struct upload_file *file)
{
	struct upload *u = MEM_NEW(struct upload);

	api->uploads++;
	u->api = api;
	u->call = call;
	u->group = *engine_group(e);
	u->file = file;
	u->in = BYTES_INIT(PIECE);
	u->out = BYTES_INIT(PIECE);
	u->timer = loop_timer_new(api->loop, check_progress, u);
	return u;
}

/* What the query says, in a share that takes files now. NULL after an answer. */
static struct upload_file *upload_request(struct control_call *call, struct engine *e, int64_t size)
{
	struct share *share = upload_share(call, e);
	enum upload_taken taken;
	struct share_handle *handle;
	struct upload_file *file;
	int64_t mtime = -1;
	char *path;

	if (share == NULL || parse_taken(call, &taken) < 0 || api_query_number(call, "mtime", 0, mtime_max, &mtime) < 0)
		return NULL;
	path = upload_path(call, share);
	if (path == NULL)
		return NULL;
	handle = share_handle_of(share);
	if (handle == NULL) {
		control_fail(call, 409, "%s", strerror(errno));
		free(path);
		return NULL;
	}
	file = upload_file_new(handle, path, size);
	file->taken = taken;
	file->mtime_ns = mtime < 0 ? -1 : mtime * 1000000000;
	return file;
}

void api_upload(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	int64_t size = e != NULL ? body_length(call) : -1;
	struct upload_file *file;
	struct upload *u;

	if (size < 0)
		return;
	if (api->uploads >= UPLOADS_MAX) {
		control_fail(call, 503, "%d uploads are under way already: wait until one has ended", UPLOADS_MAX);
		return;
	}
	file = upload_request(call, e, size);
	if (file == NULL)
		return;
	u = upload_new(api, call, e, file);
	u->paused = true;
	control_receive(call, &upload_receiver, u);
	loop_timer_start(u->timer, SLOW_MS, SLOW_MS);
	submit(u, JOB_OPEN);
}

/* --- whether it could come --- */

struct upload_check {
	struct api_disk_job disk;
	struct upload_file *file;
};

static void upload_check_work(struct api_disk_job *d)
{
	upload_file_look(((struct upload_check *)d)->file);
}

static void upload_check_done(struct api_disk_job *d, struct engine *e)
{
	(void)e;
	if (d->call != NULL)
		answer_file(d->call, ((struct upload_check *)d)->file);
}

static void upload_check_free(struct api_disk_job *d)
{
	upload_file_free(((struct upload_check *)d)->file);
	free(d);
}

void api_upload_check(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	struct upload_check *check;
	struct upload_file *file;
	int64_t size = 0;

	if (e == NULL || api_query_number(call, "size", 0, size_max, &size) < 0)
		return;
	file = upload_request(call, e, size);
	if (file == NULL)
		return;
	check = MEM_NEW(struct upload_check);
	check->disk = (struct api_disk_job){ .work = upload_check_work,
		                             .done = upload_check_done,
		                             .free = upload_check_free };
	check->file = file;
	api_disk_job_run(api, call, e, &check->disk);
}
