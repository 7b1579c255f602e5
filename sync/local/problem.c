/* Problems by path, each with the number of the walk that saw it last, so that the end of a walk can sweep those it
 * did not see again. See problem.h. */
#include "sync/local/problem.h"

#include <errno.h>
#include <unistd.h>
#include <sys/stat.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/plan/path.h"

enum { LOG_A_MINUTE = 20 };

struct problem {
	enum problem_kind kind;
	char *reason;
	int64_t since_s;
	uint64_t walk_no;
	UT_hash_handle hh;
	char path[];
};

struct problem_set {
	const struct share *share;
	struct problem *all;
	int64_t more;    /* those that found no place since the last recount */
	int64_t failing; /* how many of `all` */
	int64_t covered; /* how many of `all` */
};

struct problem_set *problem_new(const struct share *share)
{
	struct problem_set *p = MEM_NEW(struct problem_set);

	p->share = share;
	return p;
}

static void problem_drop(struct problem_set *p, struct problem *x)
{
	HASH_DEL(p->all, x);
	p->failing -= x->kind == PROBLEM_FAILING;
	p->covered -= x->kind == PROBLEM_COVERED;
	free(x->reason);
	free(x);
}

void problem_free(struct problem_set *p)
{
	struct problem *x;
	struct problem *next;

	if (p == NULL)
		return;
	HASH_ITER(hh, p->all, x, next)
		problem_drop(p, x);
	free(p);
}

/* A path has one problem at a time. The same reason again only renews the walk's number: since_s and the log line
 * are the first one's. */
void problem_add(struct problem_set *p, const char *path, enum problem_kind kind, const char *reason, uint64_t walk_no)
{
	struct problem *x;
	size_t n;

	HASH_FIND_STR(p->all, path, x);
	if (x != NULL && strcmp(x->reason, reason) == 0) {
		x->walk_no = walk_no;
		return;
	}
	if (x != NULL)
		problem_drop(p, x);
	if (HASH_COUNT(p->all) >= PROBLEM_MAX) {
		p->more++;
		return;
	}
	n = strlen(path);
	x = mem_calloc(1, sizeof(*x) + n + 1);
	memcpy(x->path, path, n);
	x->reason = mem_strdup(reason);
	x->since_s = clock_wall_s();
	x->walk_no = walk_no;
	x->kind = kind;
	p->failing += kind == PROBLEM_FAILING;
	p->covered += kind == PROBLEM_COVERED;
	HASH_ADD_STR(p->all, path, x);
	if (log_allow("local problem", LOG_A_MINUTE))
		log_about(LOG_WARN, &(struct log_about){ .group = share_group(p->share), .file = path },
		          kind == PROBLEM_PARTLY ? "%s: %s" : "%s: not synced: %s", path, reason);
}

static const char *error_text(int error)
{
	if (error == EXDEV)
		return "another file system is mounted here: its content is not synced";
	if (error == ENAMETOOLONG)
		return path_verdict_text(PATH_LONG);
	if (error == EFBIG)
		return "larger than a file that can be synced";
	return strerror(error);
}

void problem_add_errno(struct problem_set *p, const char *path, int error, uint64_t walk_no)
{
	enum problem_kind kind = PROBLEM_FAILING;

	if (error == EXDEV)
		kind = PROBLEM_COVERED;
	else if (error == ENAMETOOLONG || error == EFBIG)
		kind = PROBLEM_SKIPPED;
	problem_add(p, path, kind, error_text(error), walk_no);
}

/* For a permission, says what would give it: the agent's user can change its own files, others have to let it in. */
void problem_add_unread(struct problem_set *p, const char *path, int error, const struct fs_stat *st, uint64_t walk_no)
{
	const char *bits = st->kind == S_IFDIR ? "rwx" : "rw";
	unsigned int agent = geteuid();
	char *text;

	if ((error != EACCES && error != EPERM) || st->kind == 0) {
		problem_add_errno(p, path, error, walk_no);
		return;
	}
	if (st->uid == agent)
		text = mem_printf("no permission to read it: it belongs to the agent's user and has mode %04" PRIo32
		                  ": chmod u+%s on it",
		                  st->mode, bits);
	else
		text = mem_printf("no permission to read it: it belongs to user %" PRIu32 " and has mode %04" PRIo32
		                  ", and the agent is user %u. Its owner can allow it: setfacl -m u:%u:%s on it, "
		                  "or chmod g+%s where the agent is of its group",
		                  st->uid, st->mode, agent, agent, bits, bits);
	problem_add(p, path, PROBLEM_FAILING, text, walk_no);
	free(text);
}

void problem_clear(struct problem_set *p, const char *path)
{
	struct problem *x;

	if (p->all == NULL)
		return;
	HASH_FIND_STR(p->all, path, x);
	if (x != NULL)
		problem_drop(p, x);
}

void problem_checked(struct problem_set *p, const char *path, const struct fs_stat *st, uint64_t walk_no)
{
	if (st->odd_mtime)
		problem_add(p, path, PROBLEM_PARTLY,
		            "its modification time is before 1677-09-21 or after 2262-04-11, which cannot "
		            "be represented: the others get the nearest time that can",
		            walk_no);
	else
		problem_clear(p, path);
}

void problem_keep(struct problem_set *p, const char *path, uint64_t walk_no)
{
	struct problem *x;

	if (p->all == NULL)
		return;
	HASH_FIND_STR(p->all, path, x);
	if (x != NULL)
		x->walk_no = walk_no;
}

void problem_sweep(struct problem_set *p, const char *under, uint64_t walk_no)
{
	struct problem *x;
	struct problem *next;

	HASH_ITER(hh, p->all, x, next)
		if (x->walk_no < walk_no && path_is_under(x->path, under))
			problem_drop(p, x);
}

void problem_recount(struct problem_set *p)
{
	p->more = 0;
}

bool problem_under(const struct problem_set *p, const char *path)
{
	const struct problem *x;

	for (x = p->all; x != NULL; x = x->hh.next)
		if (path_is_under(x->path, path))
			return true;
	return false;
}

int64_t problem_count(const struct problem_set *p)
{
	return (int64_t)HASH_COUNT(p->all) + p->more;
}

int64_t problem_failing(const struct problem_set *p)
{
	return p->failing;
}

int64_t problem_passing(const struct problem_set *p)
{
	return p->failing + p->covered;
}

void problem_each_of(const struct problem_set *p, enum problem_kind kind, void (*fn)(void *arg, const char *path),
                     void *arg)
{
	const struct problem *x;

	for (x = p->all; x != NULL; x = x->hh.next)
		if (x->kind == kind)
			fn(arg, x->path);
}

bool problem_each(const struct problem_set *p,
                  bool (*fn)(void *arg, const char *path, const char *reason, int64_t since_s), void *arg)
{
	const struct problem *x;

	for (x = p->all; x != NULL; x = x->hh.next)
		if (!fn(arg, x->path, x->reason, x->since_s))
			return false;
	return true;
}
