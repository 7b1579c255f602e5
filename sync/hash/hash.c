/* The public calls of hash.h, and the hashing of small files, many to a job. */
#include "sync/hash/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/hash/cutter.h"
#include "sync/hash/hash_internal.h"

enum {
	JOB_FILES = 64,
	JOB_BYTES = HASH_SMALL_MAX,
	JOBS_OUT = 4,
};

struct small_job {
	struct hash *hash;
	struct share_handle *handle;
	struct hash_file *files; /* a list */
	uint8_t *buf;            /* CHUNK_WHOLE_MAX; made by the worker */
};

/* --- worker --- */

static int small_read_whole(struct small_job *job, int fd, struct hash_file *f)
{
	ssize_t n;

	if (f->st.size == 0)
		return 0;
	if (job->buf == NULL)
		job->buf = mem_realloc(NULL, CHUNK_WHOLE_MAX, 1);
	n = fs_pread_full(fd, job->buf, (size_t)f->st.size, 0);
	if (n < 0)
		return -1;
	if (n < f->st.size) {
		errno = ESTALE;
		return -1;
	}
	sha256(f->content.root, job->buf, (size_t)n);
	f->content.nblocks = 1;
	return 0;
}

/* A file of one block has no list: its content names that block. */
static int small_read_cut(const struct chunk_rule *rule, int fd, struct hash_file *f)
{
	struct cutter c;
	struct block b;
	uint32_t cap = 0;
	int rc;

	if (hash_known_fits(f)) {
		rc = hash_known_compare(fd, f, &(struct hash_known_at){ 0 }, f->st.size);
		if (rc > 0)
			hash_known_take(f);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	f->chunk_log2 = chunk_log2(f->st.size, f->previous_log2);
	cutter_init(&c, rule, fd, f->st.size, f->chunk_log2, false, (struct cutter_range){ .end = f->st.size });
	while ((rc = cutter_next(&c, &b)) > 0) {
		if (f->blocks.n == cap) {
			cap = cap * 2 + 16;
			f->blocks.b = mem_realloc(f->blocks.b, cap, sizeof(b));
		}
		f->blocks.b[f->blocks.n++] = b;
	}
	cutter_free(&c);
	if (rc < 0)
		return -1;
	f->content = blocklist_content(&f->blocks);
	if (f->blocks.n < 2)
		blocklist_clear(&f->blocks);
	return 0;
}

/* The file that was opened counts, not the one that was checked: its size decides how it is read, and its times
 * before and after the read must agree. */
static void small_read(struct small_job *job, int dirfd, const char *name, struct hash_file *f)
{
	struct fs_stat after = { 0 };
	int fd = hash_open(dirfd, name);
	int rc;

	if (fd < 0) {
		hash_fail(f, errno);
		return;
	}
	rc = fs_stat_fd(fd, &f->st);
	if (rc == 0 && f->st.kind != S_IFREG) {
		errno = ENOENT;
		rc = -1;
	}
	if (rc == 0 && f->st.size <= HASH_SMALL_MAX) {
		f->content = (struct content){ .size = f->st.size };
		rc = f->st.size <= CHUNK_WHOLE_MAX ? small_read_whole(job, fd, f)
		                                   : small_read_cut(job->hash->rule, fd, f);
	}
	if (rc == 0)
		rc = fs_stat_fd(fd, &after);
	if (rc < 0)
		hash_fail(f, errno);
	else
		f->status = hash_compare(&f->st, &after);
	close(fd);
}

/* Files come in runs of one folder, which is opened once for each run. */
static void small_work(void *arg)
{
	struct small_job *job = arg;
	const char *open_path = NULL;
	size_t open_len = 0;
	int dirfd = -1;
	struct hash_file *f;

	DL_FOREACH(job->files, f) {
		const char *slash = strrchr(f->path, '/');
		const char *name = slash != NULL ? slash + 1 : f->path;
		size_t len = (size_t)(name - f->path);

		if (open_path == NULL || len != open_len || memcmp(open_path, f->path, len) != 0) {
			if (dirfd >= 0)
				close(dirfd);
			dirfd = fs_open_parent(job->handle->root, f->path, &name);
			open_path = f->path;
			open_len = len;
		}
		if (dirfd < 0) {
			hash_fail(f, errno);
			open_path = NULL;
		} else {
			small_read(job, dirfd, name, f);
		}
	}
	if (dirfd >= 0)
		close(dirfd);
	free(job->buf);
	job->buf = NULL;
}

/* --- loop --- */

static void small_done(void *arg)
{
	struct small_job *job = arg;
	struct hash *h = job->hash;
	struct hash_file *f;
	struct hash_file *next;

	/* The next job goes out first, so that the workers read while the rows are written. */
	h->small_out--;
	if (!h->freed)
		hash_pump(h);
	h->small_out++; /* keeps one job counted, so that a callback that frees h does not free it under us */
	DL_FOREACH_SAFE(job->files, f, next) {
		DL_DELETE(job->files, f);
		if (f->status == HASH_DONE && f->st.size > HASH_SMALL_MAX && !h->freed) {
			hash_large_add(h, job->handle, f); /* it has grown since it was checked */
			continue;
		}
		hash_finish(h, f);
	}
	share_handle_free(job->handle);
	free(job);
	h->small_out--;
	if (!hash_ended(h) && !h->freed)
		hash_pump(h);
}

static void start_job(struct hash *h)
{
	struct small_job *job = MEM_NEW(struct small_job);
	/* A few files are spread over the jobs that may go out; many files fill them. */
	size_t share = h->nsmall / (size_t)(JOBS_OUT - h->small_out) + 1;
	size_t max = share < JOB_FILES ? share : JOB_FILES;
	int64_t bytes = 0;

	job->hash = h;
	job->handle = share_handle_ref(h->handle);
	for (size_t n = 0; n < max && h->small != NULL; n++) {
		struct hash_file *f = h->small;

		if (n > 0 && bytes + f->size > JOB_BYTES)
			break;
		bytes += f->size;
		DL_DELETE(h->small, f);
		DL_APPEND(job->files, f);
		h->nsmall--;
	}
	h->small_out++;
	workers_submit(h->workers, WORKERS_QUICK, small_work, small_done, job);
}

void hash_pump(struct hash *h)
{
	while (h->small != NULL && h->small_out < JOBS_OUT)
		start_job(h);
	if (h->small == NULL) {
		share_handle_free(h->handle);
		h->handle = NULL;
	}
	hash_large_pump(h);
}

static void drop_small(struct hash *h)
{
	struct hash_file *f;
	struct hash_file *next;

	DL_FOREACH_SAFE(h->small, f, next) {
		DL_DELETE(h->small, f);
		h->nsmall--;
		f->status = HASH_AGAIN;
		hash_finish(h, f);
	}
	share_handle_free(h->handle);
	h->handle = NULL;
}

void hash_add(struct hash *h, struct share_handle *g, struct hash_file *f)
{
	h->pending++;
	if (f->size > HASH_SMALL_MAX) {
		hash_large_add(h, g, f);
		return;
	}
	/* Another handle means another root: files that wait for the old one must be checked again. */
	if (h->handle != g) {
		drop_small(h);
		h->handle = share_handle_ref(g);
	}
	DL_APPEND(h->small, f);
	h->nsmall++;
}

struct hash *hash_new(struct workers *workers, const struct chunk_rule *rule, const struct hash_ops *ops, void *arg)
{
	struct hash *h = MEM_NEW(struct hash);

	h->workers = workers;
	h->rule = rule;
	h->ops = ops;
	h->arg = arg;
	return h;
}

void hash_free(struct hash *h)
{
	if (h == NULL)
		return;
	h->freed = true;
	drop_small(h);
	hash_large_drop(h);
	(void)hash_ended(h);
}

size_t hash_pending(const struct hash *h)
{
	return h->pending;
}
