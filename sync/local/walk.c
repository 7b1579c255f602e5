/* Walks a subtree in steps, depth first and in the order of the index, and checks single paths: see walk.h. */
#include "sync/local/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs_kernel.h"
#include "base/mem.h"
#include "sync/local/watch.h"
#include "sync/plan/record.h"
#include "sync/plan/path.h"
#include "sync/share/share.h"

enum {
	TEXT_BLOCK = 64 << 10,
	TEXT_MAX = 512 << 10, /* of one batch, roughly */
	OPEN_MAX = 32,        /* folders of a walk open at a time; those above are opened again when needed */
	READ_SIZE = 32 << 10,
	CLOCK_EVERY = 16,
};

/* --- batches --- */

struct walk_text {
	struct walk_text *next;
	size_t used;
	size_t size;
	char p[];
};

/* n bytes and a NUL, which belong to the batch. */
static char *walk_batch_text(struct walk_batch *b, const char *p, size_t n)
{
	struct walk_text *t = b->text;
	char *out;

	if (t == NULL || t->size - t->used < n + 1) {
		size_t size = n + 1 > TEXT_BLOCK ? n + 1 : TEXT_BLOCK;

		t = mem_realloc(NULL, 1, sizeof(*t) + size);
		*t = (struct walk_text){ .next = b->text, .size = size };
		b->text = t;
	}
	out = t->p + t->used;
	memcpy(out, p, n);
	out[n] = '\0';
	t->used += n + 1;
	b->text_size += n + 1;
	return out;
}

static struct check *walk_batch_add(struct walk_batch *b)
{
	if (b->n == b->cap) {
		b->cap = b->cap == 0 ? 64 : b->cap * 2;
		b->checks = mem_realloc(b->checks, b->cap, sizeof(b->checks[0]));
	}
	b->checks[b->n] = (struct check){ 0 };
	return &b->checks[b->n++];
}

void walk_batch_clear(struct walk_batch *b)
{
	while (b->text != NULL) {
		struct walk_text *t = b->text;

		b->text = t->next;
		free(t);
	}
	free(b->checks);
	*b = (struct walk_batch){ 0 };
}

/* --- one check --- */

/* statx, since only it tells where another file system is mounted, including bind mounts of the same one. */
static int stat_entry(int dirfd, const char *name, struct check *l, bool *mounted)
{
	struct statx x;

	/* What is mounted there cannot be opened, and is found out then. */
	if ((fs_kernel_lacks() & FS_KERNEL_NO_STATX) != 0)
		return fs_stat_at(dirfd, name, &l->st);
	if (fs_kernel_statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x) < 0)
		return errno == ENOENT ? 0 : -1;
	*mounted = (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	l->st = (struct fs_stat){
		.kind = x.stx_mode & S_IFMT,
		.mode = x.stx_mode & 0777,
		.special = x.stx_mode & 07000,
		.size = (int64_t)x.stx_size,
		.ctime_ns = fs_time_ns(x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec, NULL),
		.ino = x.stx_ino,
		.dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.nlink = x.stx_nlink,
		.uid = x.stx_uid,
	};
	l->st.mtime_ns = fs_time_ns(x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec, &l->st.odd_mtime);
	return 0;
}

/* lanyard's own files, and this machine's rules: never announced. */
static bool is_kept_here(const char *path)
{
	enum path_verdict verdict = path_check(path, strlen(path));

	return verdict == PATH_OURS || verdict == PATH_RULES;
}

/* Fills l, whose path is set, with what `name` in dirfd is. */
static void check_entry(const struct share_handle *g, int dirfd, const char *name, struct walk_batch *b,
                        struct check *l)
{
	bool mounted = false;

	if (stat_entry(dirfd, name, l, &mounted) < 0) {
		l->error = errno;
	} else if (l->st.kind == S_IFLNK) {
		char *target = fs_readlink_at(dirfd, name);

		if (target != NULL)
			l->target = walk_batch_text(b, target, strlen(target));
		else if (errno == ENOENT || errno == EINVAL)
			l->st.kind = 0; /* replaced meanwhile: its own event brings the next check */
		else
			l->error = errno;
		free(target);
	} else if (mounted || (l->st.kind == S_IFDIR && l->st.dev != g->dev)) {
		l->error = EXDEV;
	}
}

int walk_absent(const struct share_handle *g, const char *path)
{
	struct fs_stat st = { 0 };

	if (fs_stat_beneath(g->root, path, &st) < 0)
		return errno;
	return st.kind == S_IFREG || st.kind == S_IFDIR || st.kind == S_IFLNK ? -1 : 0;
}

static void check_before(const struct share_handle *g, const char *path, struct check *l)
{
	l->moved = true;
	l->before = walk_absent(g, path);
}

void walk_check(const struct share_handle *g, const struct ignore *ig, const struct walk_path *paths, size_t n,
                struct walk_batch *b)
{
	const char *open_path = NULL; /* whose folder is open; owned by the caller */
	size_t open_len = 0;
	int dirfd = -1;
	int open_error = 0;

	for (size_t i = 0; i < n; i++) {
		const char *path = paths[i].path;
		const char *slash = strrchr(path, '/');
		const char *name = slash != NULL ? slash + 1 : path;
		struct check *l = walk_batch_add(b);
		bool kept;

		l->path = walk_batch_text(b, path, strlen(path));
		l->tag = paths[i].tag;
		/* Hints come in runs of one folder. */
		if (open_path == NULL || open_len != (size_t)(name - path) || memcmp(open_path, path, open_len) != 0) {
			if (dirfd >= 0)
				close(dirfd);
			dirfd = fs_open_parent(g->root, path, &name);
			open_error = dirfd < 0 ? errno : 0;
			open_path = path;
			open_len = (size_t)(name - path);
		}
		if (dirfd >= 0)
			check_entry(g, dirfd, name, b, l);
		else if (open_error != ENOENT && open_error != ENOTDIR && open_error != ELOOP)
			l->error = open_error;
		if (paths[i].from != NULL)
			check_before(g, paths[i].from, l);
		kept = is_kept_here(path);
		l->ours = kept && path_is_like_ours(path);
		l->ignored = ignore_match(ig, path, l->st.kind == S_IFDIR) || (kept && !l->ours);
	}
	if (dirfd >= 0)
		close(dirfd);
	b->end = true;
}

/* --- the walk --- */

/* One folder on the way down. */
struct walk_frame {
	int fd;           /* -1: closed for a while */
	size_t path_len;  /* of the folder, in walk.path */
	char *names;      /* owned; NUL-terminated, one after another */
	uint32_t *sorted; /* owned; offsets into names */
	uint32_t n;
	uint32_t next; /* the next one to check */
};

struct walk {
	struct share_handle *handle;
	struct ignore *ignore;
	char *from;       /* owned; NULL: not known to be moved */
	size_t under_len; /* of what the walk began at */
	bool shallow;
	bool started;
	char path[RECORD_PATH_MAX + RECORD_NAME_MAX + 2]; /* of the entry being checked; before that, the start's */
	struct walk_frame *frames;
	size_t depth;
	size_t cap;
	char *names; /* being read: becomes a frame's */
	size_t names_size, names_cap;
	char *buffer; /* READ_SIZE, owned */
};

struct walk *walk_new(struct share_handle *g, const char *under, const char *from, bool shallow, struct ignore *ig)
{
	struct walk *w = MEM_NEW(struct walk);

	w->handle = share_handle_ref(g);
	w->ignore = ignore_ref(ig);
	w->shallow = shallow;
	w->from = mem_strdup(from);
	w->under_len = strlen(under);
	memcpy(w->path, under, strnlen(under, RECORD_PATH_MAX));
	return w;
}

static void pop_frame(struct walk *w)
{
	struct walk_frame *f = &w->frames[--w->depth];

	if (f->fd >= 0)
		close(f->fd);
	free(f->names);
	free(f->sorted);
}

void walk_free(struct walk *w)
{
	if (w == NULL)
		return;
	while (w->depth > 0)
		pop_frame(w);
	share_handle_free(w->handle);
	ignore_free(w->ignore);
	free(w->frames);
	free(w->from);
	free(w->names);
	free(w->buffer);
	free(w);
}

static void keep_name(struct walk *w, const char *name)
{
	size_t n = strlen(name) + 1;

	if (w->names_size + n > w->names_cap) {
		w->names_cap = w->names_cap * 2 + 4096;
		w->names = mem_realloc(w->names, w->names_cap, 1);
	}
	memcpy(w->names + w->names_size, name, n);
	w->names_size += n;
}

/* This share's own; those of other shares are listed as problems. */
static bool is_ours(const char *name, size_t path_len)
{
	return path_len == 0 && (strcmp(name, ".lanyard") == 0 || strcmp(name, SHARE_IGNORE_FILE) == 0);
}

/* Reads all names of an open folder. -1 with errno. */
static int read_names(struct walk *w, int fd, size_t path_len, uint32_t *count)
{
	ssize_t n;

	if (w->buffer == NULL)
		w->buffer = mem_realloc(NULL, READ_SIZE, 1);
	w->names_size = 0;
	*count = 0;
	while ((n = getdents64(fd, (void *)w->buffer, READ_SIZE)) > 0) {
		for (char *p = w->buffer; p < w->buffer + n;) {
			const struct dirent64 *e = (const void *)p;

			p += e->d_reclen;
			if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || is_ours(e->d_name, path_len))
				continue;
			if (w->names_size > UINT32_MAX - NAME_MAX - 1) {
				errno = EOVERFLOW;
				return -1;
			}
			keep_name(w, e->d_name);
			(*count)++;
		}
	}
	return n < 0 ? -1 : 0;
}

static int by_name(const void *a, const void *b, void *names)
{
	const char *base = names;

	return strcmp(base + *(const uint32_t *)a, base + *(const uint32_t *)b);
}

static void push_frame(struct walk *w, int fd, size_t path_len, uint32_t count)
{
	struct walk_frame f = { .fd = fd, .path_len = path_len, .n = count };
	uint32_t at = 0;

	f.names = mem_realloc(NULL, w->names_size + 1, 1);
	if (w->names_size > 0)
		memcpy(f.names, w->names, w->names_size);
	f.sorted = mem_calloc((size_t)count + 1, sizeof(f.sorted[0]));
	for (uint32_t i = 0; i < count; i++) {
		f.sorted[i] = at;
		at += (uint32_t)strlen(f.names + at) + 1;
	}
	qsort_r(f.sorted, count, sizeof(f.sorted[0]), by_name, f.names);
	if (w->names_cap > (1 << 20)) {
		free(w->names);
		w->names = NULL;
		w->names_cap = 0;
	}
	if (w->depth == w->cap) {
		w->cap = w->cap * 2 + 16;
		w->frames = mem_realloc(w->frames, w->cap, sizeof(w->frames[0]));
	}
	/* The walk comes back to the upper folders only after everything below them, so those can be closed. */
	if (w->depth >= OPEN_MAX && w->frames[w->depth - OPEN_MAX].fd >= 0) {
		close(w->frames[w->depth - OPEN_MAX].fd);
		w->frames[w->depth - OPEN_MAX].fd = -1;
	}
	w->frames[w->depth++] = f;
}

/* Enters the folder `name` of dirfd, whose whole path is w->path. The watch comes first: what appears while the
 * names are read is then either among them or announced by an event. */
static void enter(struct walk *w, int dirfd, const char *name, struct check *l)
{
	size_t path_len = strlen(w->path);
	uint32_t count;
	int fd = fs_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd < 0) {
		l->error = errno;
		return;
	}
	if (w->handle->inotify >= 0)
		l->wd = watch_add(w->handle->inotify, fd);
	if (read_names(w, fd, path_len, &count) < 0) {
		l->error = errno;
		close(fd);
		return;
	}
	push_frame(w, fd, path_len, count);
}

/* A symlink's row takes nothing over from where it was. */
static void check_where_it_was(const struct walk *w, struct check *l)
{
	char *before;

	if (w->from == NULL || (l->st.kind != S_IFREG && l->st.kind != S_IFDIR))
		return;
	before = mem_printf("%s%s", w->from, w->path + w->under_len);
	check_before(w->handle, before, l);
	free(before);
}

/* The start of the walk: the root itself, or the path `under`. */
static void walk_start(struct walk *w, struct walk_batch *b)
{
	const char *name = ".";
	int dirfd;
	struct check *l;

	w->started = true;
	if (w->path[0] == '\0') {
		l = walk_batch_add(b);
		l->path = walk_batch_text(b, "", 0);
		l->st = (struct fs_stat){ .kind = S_IFDIR };
		enter(w, w->handle->root, ".", l);
		b->error = l->error;
		return;
	}
	dirfd = fs_open_parent(w->handle->root, w->path, &name);
	if (dirfd < 0) {
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			b->error = errno;
		return;
	}
	l = walk_batch_add(b);
	l->path = walk_batch_text(b, w->path, strlen(w->path));
	check_entry(w->handle, dirfd, name, b, l);
	check_where_it_was(w, l);
	l->ours = is_kept_here(w->path);
	if (l->error != 0 && l->st.kind == 0)
		b->error = l->error;
	if (l->st.kind == 0 || ignore_match(w->ignore, w->path, l->st.kind == S_IFDIR))
		b->n--;
	else if (l->st.kind == S_IFDIR && l->error == 0 && !l->ours)
		enter(w, dirfd, name, l);
	close(dirfd);
}

/* The folder of the top frame, opened again if it was closed; -1 when it is not there any more. */
static int top_fd(struct walk *w)
{
	struct walk_frame *f = &w->frames[w->depth - 1];

	if (f->fd < 0) {
		w->path[f->path_len] = '\0';
		f->fd = fs_open(w->handle->root, w->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	}
	return f->fd;
}

/* Checks the next entry of the top frame, and enters it if it is a folder. */
static void walk_next(struct walk *w, struct walk_batch *b, int dirfd)
{
	struct walk_frame *f = &w->frames[w->depth - 1];
	const char *name = f->names + f->sorted[f->next++];
	size_t len = f->path_len;
	struct check *l;

	if (len > 0)
		w->path[len++] = '/';
	memcpy(w->path + len, name, strlen(name) + 1);
	len += strlen(name);
	l = walk_batch_add(b);
	l->path = walk_batch_text(b, w->path, len);
	check_entry(w->handle, dirfd, name, b, l);
	if (l->st.kind == 0 && l->error == 0) {
		b->n--;
		return;
	}
	if (ignore_match_entry(w->ignore, w->path, l->st.kind == S_IFDIR)) {
		b->ignored++;
		b->n--;
		return;
	}
	check_where_it_was(w, l);
	if (len > RECORD_PATH_MAX)
		l->error = ENAMETOOLONG;
	l->ours = is_kept_here(w->path);
	if (l->st.kind == S_IFDIR && l->error == 0 && !l->ours && !w->shallow)
		enter(w, dirfd, name, l);
}

void walk_step(struct walk *w, struct walk_batch *b)
{
	int64_t until = clock_mono_ns() + WALK_STEP_MS * INT64_C(1000000);

	if (!w->started)
		walk_start(w, b);
	for (unsigned i = 1; w->depth > 0 && b->n < WALK_BATCH && b->text_size < TEXT_MAX; i++) {
		struct walk_frame *f = &w->frames[w->depth - 1];
		int dirfd = f->next < f->n ? top_fd(w) : -1;

		/* All entries are done, or the folder was moved away meanwhile, of which an event tells. */
		if (dirfd < 0)
			pop_frame(w);
		else
			walk_next(w, b, dirfd);
		if (i % CLOCK_EVERY == 0 && clock_mono_ns() > until)
			break;
	}
	b->end = w->depth == 0;
}
