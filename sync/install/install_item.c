/* Used by all steps of an item: its failure, the tests' hook, and whether a thing is what a row says. See
 * install_internal.h. */
#include "sync/install/install_internal.h"

#include <sys/stat.h>

#include "sync/share/seen.h"

static void (*test_hook)(enum install_step step, const char *path);

void install_set_hook(void (*fn)(enum install_step step, const char *path))
{
	test_hook = fn;
}

void install_hook(enum install_step step, const char *path)
{
	if (test_hook != NULL)
		test_hook(step, path);
}

int install_fail(struct install_item *item, enum install_result result, int error)
{
	item->result = result;
	item->error = error;
	return -1;
}

/* S_IFREG and the like. */
static uint32_t install_kind_bits(enum record_kind kind)
{
	switch (kind) {
	case RECORD_FILE:
		return S_IFREG;
	case RECORD_DIR:
		return S_IFDIR;
	case RECORD_SYMLINK:
		return S_IFLNK;
	}
	return 0;
}

int install_made_in(const struct install_job *job, const struct install_item *item)
{
	return item->staged ? job->staging : job->parts;
}

bool install_came_out_same(const struct fs_stat *st, const struct record *ours)
{
	return st->kind == install_kind_bits(ours->kind) &&
	       (ours->kind == RECORD_DIR || seen_match(&ours->seen, st) != SEEN_OTHER);
}

bool install_look_same(const struct fs_stat *st, const struct record *ours)
{
	if (!record_is_live(ours))
		return st->kind == 0;
	return st->kind == install_kind_bits(ours->kind) &&
	       (ours->kind == RECORD_DIR || seen_match(&ours->seen, st) == SEEN_SAME);
}

struct seen install_kept_as(const struct fs_stat *made)
{
	return (struct seen){ .mtime_ns = made->mtime_ns, .mode = made->mode };
}
