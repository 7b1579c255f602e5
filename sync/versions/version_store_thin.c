/* Removing versions: see version_store.h. All versions of a path are in one folder of .lanyard/versions/, so the policy
 * judges one folder at a time; of the whole store only times and sizes are in memory. */
#include "sync/versions/version_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/versions/kept_policy.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

enum { SHARDS = 256 };

struct thin_file {
	struct kept_tag tag;
	struct kept_item item;
	char *name; /* owned */
};

struct thin_pass {
	int root;
	int64_t now_ns, max_age_ns;
	int64_t cutoff_ns;       /* versions that were kept before it go, unless they are spared */
	struct kept_item *stays; /* owned; of all folders */
	size_t n, capacity;
	int64_t bytes;
	int64_t spared; /* bytes of the spared ones, which a full disk does not remove */
	int64_t dropped;
};

static int by_tag_newest_first(const void *pa, const void *pb)
{
	const struct thin_file *a = pa, *b = pb;
	int c = strcmp(a->tag.hex, b->tag.hex);

	return c != 0 ? c : (a->item.at_ns < b->item.at_ns) - (a->item.at_ns > b->item.at_ns);
}

/* Removes the unfinished copy of a restore that ended a day ago or earlier. */
static void clean_copy(int fd, const char *name, int64_t now_ns)
{
	struct fs_stat st;

	if (strncmp(name, KEPT_COPY_PREFIX, strlen(KEPT_COPY_PREFIX)) == 0 && fs_stat_at(fd, name, &st) == 0 &&
	    st.ctime_ns < now_ns - DAY_NS)
		unlinkat(fd, name, 0);
}

/* All versions in a folder, by tag, the newest first. */
static struct thin_file *read_folder(int fd, int64_t now_ns, size_t *n)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct thin_file *list = NULL, one;
	struct dirent *e;
	struct fs_stat st;
	size_t capacity = 0;

	*n = 0;
	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return NULL;
	}
	while ((e = readdir(dir)) != NULL) {
		one = (struct thin_file){ 0 };
		if (kept_name_parse(e->d_name, &one.tag, &one.item.at_ns, &one.item.hands) < 0) {
			clean_copy(fd, e->d_name, now_ns);
			continue;
		}
		if (fs_stat_at(fd, e->d_name, &st) < 0 || (st.kind != S_IFREG && st.kind != S_IFLNK))
			continue;
		one.item.size = st.size;
		one.name = mem_strdup(e->d_name);
		if (*n == capacity) {
			capacity = capacity * 2 + 64;
			list = mem_realloc(list, capacity, sizeof(*list));
		}
		list[(*n)++] = one;
	}
	closedir(dir);
	if (*n > 1)
		qsort(list, *n, sizeof(*list), by_tag_newest_first);
	return list;
}

/* Lets the policy judge the versions of each path. */
static void thin_judge(struct thin_pass *t, struct thin_file *list, size_t n)
{
	struct kept_item *items = mem_calloc(n, sizeof(*items));

	for (size_t i = 0; i < n;) {
		size_t m = 0;

		while (i + m < n && strcmp(list[i].tag.hex, list[i + m].tag.hex) == 0) {
			items[m] = list[i + m].item;
			m++;
		}
		kept_policy_thin(items, m, t->now_ns, t->max_age_ns);
		for (size_t k = 0; k < m; k++) {
			struct kept_item *item = &list[i + k].item;

			*item = items[k];
			item->drop |= !item->spared && item->at_ns < t->cutoff_ns;
		}
		i += m;
	}
	free(items);
}

static void note_stays(struct thin_pass *t, const struct kept_item *item)
{
	if (t->n == t->capacity) {
		t->capacity = t->capacity * 2 + 256;
		t->stays = mem_realloc(t->stays, t->capacity, sizeof(*t->stays));
	}
	t->stays[t->n++] = *item;
	t->bytes += item->size;
	t->spared += item->spared ? item->size : 0;
}

/* A version that cannot be removed stays, and counts. */
static void thin_folder(struct thin_pass *t, unsigned number)
{
	static const char digits[] = "0123456789abcdef";
	char path[] = KEPT_FOLDER "/00";
	struct thin_file *list;
	size_t n;
	int fd;

	path[sizeof(path) - 3] = digits[number >> 4];
	path[sizeof(path) - 2] = digits[number & 15];
	fd = fs_open(t->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return;
	list = read_folder(fd, t->now_ns, &n);
	thin_judge(t, list, n);
	for (size_t i = 0; i < n; i++) {
		if (list[i].item.drop && unlinkat(fd, list[i].name, 0) == 0)
			t->dropped++;
		else
			note_stays(t, &list[i].item);
		free(list[i].name);
	}
	free(list);
	close(fd);
}

static void thin_all(struct thin_pass *t)
{
	t->n = 0;
	t->bytes = 0;
	t->spared = 0;
	for (unsigned i = 0; i < SHARDS; i++)
		thin_folder(t, i);
}

/* Two passes: the first one thins by age and number and counts what stays; if that is too much for the disk, the second
 * one removes what is older than the cutoff. */
int version_store_thin(int root, int64_t now_ns, int64_t max_age_ns, int disk_percent,
                       struct version_store_thinned *out)
{
	struct thin_pass t = { .root = root, .now_ns = now_ns, .max_age_ns = max_age_ns, .cutoff_ns = INT64_MIN };
	int64_t unit, budget;
	struct statvfs disk;

	*out = (struct version_store_thinned){ 0 };
	thin_all(&t);
	if (fstatvfs(root, &disk) < 0) {
		free(t.stays);
		return -1;
	}
	unit = (int64_t)disk.f_frsize;
	budget =
		kept_policy_budget((int64_t)disk.f_blocks * unit, (int64_t)disk.f_bavail * unit, t.bytes, disk_percent);
	t.cutoff_ns = kept_policy_cutoff(t.stays, t.n, budget, KEPT_IN_ALL);
	if (t.cutoff_ns != INT64_MIN)
		thin_all(&t);
	*out = (struct version_store_thinned){ .files = (int64_t)t.n,
		                               .bytes = t.bytes,
		                               .dropped = t.dropped,
		                               .space = budget > t.spared ? budget - t.spared : 0 };
	free(t.stays);
	return 0;
}
