/* Spare parts: no path wants them at present, but one may soon. A file that is renamed while it is downloaded is
 * deleted first and has another path in the next news. So a spare part stays for a while. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SPARES_MAX = 16 };

struct spare {
	struct get *g;
	char name[PART_NAME + 1];
	int64_t due_ms;
	bool removing; /* a job is out */
	struct spare *prev, *next;
};

static struct spare *spare_find(const struct get *g, const char *name)
{
	struct spare *s;

	DL_FOREACH(g->spares, s) {
		if (memcmp(s->name, name, PART_NAME) == 0)
			return s;
	}
	return NULL;
}

static void spare_forget(struct spare *s)
{
	DL_DELETE(s->g->spares, s);
	free(s);
}

static void spare_remove_work(void *arg)
{
	part_job_run(arg);
}

static void spare_removed(void *arg)
{
	struct part_job *job = arg;
	struct get *g = job->get;
	struct spare *s = spare_find(g, job->name);

	if (s != NULL && job->error == 0) {
		spare_forget(s);
	} else if (s != NULL) {
		s->removing = false;
		s->due_ms = get_now(g) + g->c.spare_ms;
	}
	part_job_free(job);
	get_wake(g);
	get_job_end(g);
}

static void spare_remove(struct spare *s)
{
	struct part_job *job;

	if (s->removing)
		return;
	s->removing = true;
	job = MEM_NEW(struct part_job);
	job->op = PART_REMOVE;
	job->get = s->g;
	memcpy(job->name, s->name, sizeof(job->name));
	job->parts = fcntl(share_parts(s->g->c.share), F_DUPFD_CLOEXEC, 0);
	get_job_begin(s->g);
	workers_submit(s->g->c.workers, WORKERS_QUICK, spare_remove_work, spare_removed, job);
}

void spare_add(struct get *g, const char *name)
{
	struct spare *s = MEM_NEW(struct spare), *oldest;
	int n = 0;

	s->g = g;
	memcpy(s->name, name, sizeof(s->name));
	s->due_ms = get_now(g) + g->c.spare_ms;
	DL_APPEND(g->spares, s);
	DL_FOREACH(g->spares, oldest)
		n++;
	DL_FOREACH(g->spares, oldest) {
		if (n-- > SPARES_MAX)
			spare_remove(oldest);
	}
	get_wake(g);
}

bool get_has_spare(const struct get *g, const char *name)
{
	return spare_find(g, name) != NULL;
}

bool spare_take(struct get *g, const char *name)
{
	struct spare *s = spare_find(g, name);

	if (s == NULL)
		return true;
	if (s->removing)
		return false;
	spare_forget(s);
	return true;
}

void spare_remove_all(struct get *g)
{
	struct spare *s;

	DL_FOREACH(g->spares, s)
		spare_remove(s);
}

int64_t get_run_spares(struct get *g)
{
	int64_t next = INT64_MAX;
	struct spare *s;

	DL_FOREACH(g->spares, s) {
		if (s->removing)
			continue;
		if (s->due_ms <= get_now(g))
			spare_remove(s);
		else if (s->due_ms < next)
			next = s->due_ms;
	}
	return next;
}

void spare_free_all(struct get *g)
{
	while (g->spares != NULL)
		spare_forget(g->spares);
}
