/* versions, restore: list the kept versions of a path, and copy one back into the share. Both touch the disk, so a
 * worker does them. Without a path everything that is kept is listed (api_kept.h). */
#include "agent/api/api_answer.h"
#include "agent/api/api_disk_job.h"
#include "agent/api/api_kept.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/versions/version_store.h"

struct versions {
	struct api_disk_job disk;
	char *path;
	char *to;     /* of a restore; NULL: path */
	char *wanted; /* the beginning of an id; NULL: the newest */
	bool restore;
	struct kept_versions list;
	int error;      /* errno; 0: none */
	size_t matches; /* of `wanted` */
	size_t chosen;
};

static void versions_free(struct api_disk_job *d)
{
	struct versions *v = (struct versions *)d;

	version_store_list_clear(&v->list);
	free(v->path);
	free(v->to);
	free(v->wanted);
	free(v);
}

static void versions_choose(struct versions *v)
{
	char id[KEPT_ID_MAX];

	for (size_t i = 0; i < v->list.n; i++) {
		kept_id_format(id, v->list.v[i].at_ns);
		if (v->wanted != NULL && strncmp(id, v->wanted, strlen(v->wanted)) != 0)
			continue;
		if (v->matches++ == 0)
			v->chosen = i;
	}
	if (v->wanted == NULL && v->matches > 0)
		v->matches = 1;
}

static void versions_work(struct api_disk_job *d)
{
	struct versions *v = (struct versions *)d;

	if (version_store_list(d->handle->root, v->path, &v->list) < 0) {
		v->error = errno;
		return;
	}
	if (!v->restore)
		return;
	versions_choose(v);
	if (v->matches == 1 && version_store_restore(d->handle->root, v->path, &v->list.v[v->chosen], v->to) < 0)
		v->error = errno;
}

static void answer_list(struct versions *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->list.n; i++)
		json_array_append_new(list, api_kept_json(&v->list.v[i]));
	control_reply(v->disk.call, 200, json_pack("{s:o, s:o}", "path", api_name(v->path), "versions", list));
}

static void answer_restored(struct versions *v)
{
	json_t *document;

	if (v->list.n == 0) {
		control_fail(v->disk.call, 404, "no version of this path was kept");
	} else if (v->matches != 1) {
		control_fail(v->disk.call, 409, "%s version of this path begins with %s; `versions` lists them",
		             v->matches == 0 ? "no" : "more than one", v->wanted);
	} else {
		document = api_kept_json(&v->list.v[v->chosen]);
		json_object_set_new(document, "path", api_name(v->path));
		json_object_set_new(document, "to", api_name(v->to));
		control_reply(v->disk.call, 200, document);
	}
}

static void versions_done(struct api_disk_job *d, struct engine *e)
{
	struct versions *v = (struct versions *)d;

	/* The restore may have created folders above the path. */
	for (char *slash = v->to; e != NULL && v->restore && (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		engine_hint(e, v->to);
		*slash = '/';
	}
	if (e != NULL && v->restore)
		engine_hint(e, v->to);
	if (d->call == NULL)
		return;
	if (v->error != 0)
		control_fail(d->call, 409, "%s",
		             v->error == EISDIR ? "a folder is there: restore it to another path" : strerror(v->error));
	else if (v->restore)
		answer_restored(v);
	else
		answer_list(v);
}

static struct versions *versions_new(void)
{
	struct versions *v = MEM_NEW(struct versions);

	v->disk = (struct api_disk_job){ .work = versions_work, .done = versions_done, .free = versions_free };
	return v;
}

void api_versions(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text = control_query(call, "path");
	char *path = text != NULL ? escape_decode(text) : NULL;
	struct versions *v;

	if (e == NULL) {
		free(path);
		return;
	}
	if (text == NULL) {
		api_kept(api, call, e);
		return;
	}
	if (path == NULL || path_check(path, strlen(path)) != PATH_OK) {
		free(path);
		control_fail(call, 400, "\"path\" must be a path in the share, relative to it");
		return;
	}
	v = versions_new();
	v->path = path;
	api_disk_job_run(api, call, e, &v->disk);
}

void api_restore(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *wanted = NULL;
	struct versions *v;

	if (e == NULL)
		return;
	v = versions_new();
	v->restore = true;
	if (api_body_path(call, "path", &v->path) < 0 || api_body_path(call, "to", &v->to) < 0 ||
	    api_body_text(call, "version", &wanted) < 0) {
		versions_free(&v->disk);
		return;
	}
	if (v->path == NULL) {
		control_fail(call, 400, "\"path\" is missing");
		versions_free(&v->disk);
		return;
	}
	v->wanted = mem_strdup(wanted);
	if (v->to == NULL)
		v->to = mem_strdup(v->path);
	api_disk_job_run(api, call, e, &v->disk);
}
