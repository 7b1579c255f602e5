/* Reads a share's tree: see tree.h. */
#include "tests/sim/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int order(const void *a, const void *b)
{
	return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

static void look_at(struct tree *t, const char *root, const char *path)
{
	char *full = mem_printf("%s/%s", root, path);
	struct leaf *leaf;
	char *slash;

	if (t->n == t->max) {
		t->max = t->max ? 2 * t->max : 32;
		t->leaves = mem_realloc(t->leaves, t->max, sizeof(t->leaves[0]));
	}
	leaf = &t->leaves[t->n];
	*leaf = (struct leaf){ 0 };
	slash = strrchr(full, '/');
	*slash = '\0';
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && fs_stat_at(fd, slash + 1, &leaf->st) == 0 && leaf->st.kind != 0) {
		leaf->path = mem_strdup(path);
		if (leaf->st.kind == S_IFLNK)
			leaf->target = fs_readlink_at(fd, slash + 1);
		t->n++;
	}
	if (fd >= 0)
		close(fd);
	free(full);
}

static void read_folder(struct tree *t, const char *root, const char *under)
{
	char *full = mem_printf("%s/%s", root, under);
	DIR *d = opendir(full);
	const struct dirent *e;

	free(full);
	while (d && (e = readdir(d))) {
		char *path;
		size_t at = t->n;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    (*under == '\0' && strcmp(e->d_name, ".lanyard") == 0))
			continue;
		path = *under ? mem_printf("%s/%s", under, e->d_name) : mem_strdup(e->d_name);
		look_at(t, root, path);
		if (t->n > at && t->leaves[at].st.kind == S_IFDIR)
			read_folder(t, root, path);
		free(path);
	}
	if (d)
		closedir(d);
}

void tree_read(struct tree *t, const char *root, const char *under)
{
	*t = (struct tree){ 0 };
	read_folder(t, root, under);
	if (t->n > 1)
		qsort(t->leaves, t->n, sizeof(t->leaves[0]), order);
}

void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->leaves[i].path);
		free(t->leaves[i].target);
	}
	free(t->leaves);
	*t = (struct tree){ 0 };
}

uint8_t *tree_bytes(const char *root, const char *path, size_t *n)
{
	char *full = mem_printf("%s/%s", root, path), target[PATH_MAX];
	struct stat st;
	uint8_t *bytes = NULL;
	ssize_t got;

	*n = 0;
	if (lstat(full, &st) == 0 && S_ISLNK(st.st_mode)) {
		got = readlink(full, target, sizeof(target) - 1);
		target[got > 0 ? got : 0] = '\0';
		bytes = (uint8_t *)mem_printf("-> %s", target);
		*n = strlen((char *)bytes);
	} else if (lstat(full, &st) == 0 && S_ISREG(st.st_mode)) {
		int fd = open(full, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		bytes = mem_calloc((size_t)st.st_size + 1, 1);
		got = fd < 0 ? -1 : fs_pread_full(fd, bytes, (size_t)st.st_size, 0);
		*n = got > 0 ? (size_t)got : 0;
		if (fd >= 0)
			close(fd);
	}
	free(full);
	return bytes;
}
