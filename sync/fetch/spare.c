/* Parts whose path is wanted no more. Their content often is: a file that is renamed while it is fetched is deleted first, and has
 * another path in the next news. So such a part stays for a while, for whoever wants its content. See download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SPARES_MAX = 16 };

struct spare {
	struct fetch *f;
	char name[PART_NAME + 1];
	int64_t due_ms;
	bool removing; /* a job is out */
	struct spare *prev, *next;
};

static struct spare *find(const struct fetch *f, const char *name)
{
	struct spare *s;

	DL_FOREACH(f->spares, s) {
		if (memcmp(s->name, name, PART_NAME) == 0)
			return s;
	}
	return NULL;
}

static void forget(struct spare *s)
{
	DL_DELETE(s->f->spares, s);
	free(s);
}

static void remove_work(void *arg)
{
	part_job_run(arg);
}

static void removed(void *arg)
{
	struct part_job *job = arg;
	struct fetch *f = job->fetch;
	struct spare *s = find(f, job->name);

	if (s != NULL)
		forget(s);
	part_job_free(job);
	fetch_wake(f);
	fetch_job_end(f);
}

static void begin_removal(struct spare *s)
{
	struct part_job *job;

	if (s->removing)
		return;
	s->removing = true;
	job = MEM_NEW(struct part_job);
	job->op = PART_REMOVE;
	job->fetch = s->f;
	memcpy(job->name, s->name, sizeof(job->name));
	job->parts = fcntl(share_parts(s->f->c.share), F_DUPFD_CLOEXEC, 0);
	fetch_job_begin(s->f);
	workers_submit(s->f->c.workers, WORKERS_QUICK, remove_work, removed, job);
}

void spare_add(struct fetch *f, const char *name)
{
	struct spare *s = MEM_NEW(struct spare), *oldest;
	int n = 0;

	s->f = f;
	memcpy(s->name, name, sizeof(s->name));
	s->due_ms = fetch_now(f) + f->c.spare_ms;
	DL_APPEND(f->spares, s);
	DL_FOREACH(f->spares, oldest)
		n++;
	DL_FOREACH(f->spares, oldest) {
		if (n-- > SPARES_MAX)
			begin_removal(oldest);
	}
	fetch_wake(f);
}

bool spare_is(const struct fetch *f, const char *name)
{
	return find(f, name) != NULL;
}

bool spare_take(struct fetch *f, const char *name)
{
	struct spare *s = find(f, name);

	if (s == NULL)
		return true;
	if (s->removing)
		return false;
	forget(s);
	return true;
}

void spare_remove_all(struct fetch *f)
{
	struct spare *s;

	DL_FOREACH(f->spares, s)
		begin_removal(s);
}

int64_t spare_run(struct fetch *f)
{
	int64_t next = INT64_MAX;
	struct spare *s;

	DL_FOREACH(f->spares, s) {
		if (s->removing)
			continue;
		if (s->due_ms <= fetch_now(f))
			begin_removal(s);
		else if (s->due_ms < next)
			next = s->due_ms;
	}
	return next;
}

void spare_free_all(struct fetch *f)
{
	while (f->spares != NULL)
		forget(f->spares);
}
