/* Resolves a path, then finds its mount in /proc/self/mountinfo: see real_path.h. */
#include "sync/share/real_path.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs_kernel.h"
#include "base/mem.h"
#include "sync/plan/path.h"

struct real_path {
	char *real;   /* owned, as below: the path from the root, without symlinks; "" is the root */
	char *device; /* of the file system, as the mount table names it (major:minor); NULL: not known */
	char *inner;  /* the path from the root of that file system; "" is its root; NULL with device */
};

/* One line of the mount table; the strings point into it. */
struct mount_line {
	long id;
	char *device, *root, *point;
};

static bool has_dot_dot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
			return true;
	return false;
}

/* "" for "/". */
static char *no_slash_at_end(char *path)
{
	size_t n = strlen(path);

	if (n > 0 && path[n - 1] == '/')
		path[n - 1] = '\0';
	return path;
}

/* Resolves the part of the path that exists; *rest is the part that does not. Fresh; NULL when nothing can be
 * resolved. */
static char *resolve_existing(const char *path, const char **rest)
{
	size_t n = strlen(path);
	char *real;

	for (;;) {
		char *there = n > 0 ? mem_printf("%.*s", (int)n, path) : mem_strdup("/");

		real = realpath(there, NULL);
		free(there);
		if (real != NULL || n == 0)
			break;
		while (n > 0 && path[n - 1] != '/')
			n--;
		while (n > 0 && path[n - 1] == '/')
			n--;
	}
	*rest = path + n + strspn(path + n, "/");
	return real != NULL ? no_slash_at_end(real) : NULL;
}

/* Undoes \040 and the like, in place. */
static void unescape_octal(char *p)
{
	char *to = p;

	while (*p != '\0') {
		if (p[0] == '\\' && p[1] != '\0' && p[2] != '\0' && p[3] != '\0') {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
}

/* False: the line is not one of the mount table. */
static bool read_mount_line(char *line, struct mount_line *m)
{
	char *word[5];

	for (int i = 0; i < 5; i++)
		word[i] = strsep(&line, " ");
	if (line == NULL)
		return false;
	m->id = strtol(word[0], NULL, 10);
	m->device = word[2];
	m->root = word[3];
	m->point = word[4];
	unescape_octal(m->root);
	unescape_octal(m->point);
	no_slash_at_end(m->root);
	no_slash_at_end(m->point);
	return true;
}

/* The ID of the mount that the path is on; -1: the kernel does not tell. */
static long mount_id(const char *real)
{
	struct fs_mount m = { 0 };
	int fd = open(real[0] != '\0' ? real : "/", O_PATH | O_CLOEXEC);
	bool told = fd >= 0 && fs_kernel_mount(fd, &m) == 0 && fs_kernel_mount_numbered(&m);

	if (fd >= 0)
		close(fd);
	return told ? (long)m.id : -1;
}

/* real: the part of the path that exists. */
static void find_file_system(struct real_path *p, const char *real)
{
	long id = mount_id(real);
	FILE *f = id >= 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
	struct mount_line m;
	char *line = NULL;
	size_t allocated = 0;

	while (f != NULL && p->device == NULL && getline(&line, &allocated, f) > 0) {
		if (!read_mount_line(line, &m) || m.id != id || !path_is_under(p->real, m.point))
			continue;
		p->device = mem_strdup(m.device);
		p->inner = mem_printf("%s%s", m.root, p->real + strlen(m.point));
	}
	free(line);
	if (f != NULL)
		(void)fclose(f);
}

struct real_path *real_path_of(const char *path)
{
	const char *rest;
	char *real = resolve_existing(path, &rest);
	struct real_path *p = NULL;

	if (real != NULL && !has_dot_dot(rest)) {
		p = MEM_NEW(struct real_path);
		p->real = mem_printf("%s%s%s", real, *rest != '\0' ? "/" : "", rest);
		find_file_system(p, real);
	}
	free(real);
	return p;
}

void real_path_free(struct real_path *p)
{
	if (p == NULL)
		return;
	free(p->real);
	free(p->device);
	free(p->inner);
	free(p);
}

/* a, b: resolved; "" is the root, which contains everything. */
static bool one_contains_other(const char *a, const char *b)
{
	return path_is_under(a, b) || path_is_under(b, a);
}

bool real_path_is_below(const struct real_path *p, const char *part)
{
	return p != NULL && p->inner != NULL && strstr(p->inner, part) != NULL && strstr(p->real, part) == NULL;
}

bool real_path_overlaps(const struct real_path *a, const struct real_path *b)
{
	if (a == NULL || b == NULL)
		return false;
	if (one_contains_other(a->real, b->real))
		return true;
	return a->device != NULL && b->device != NULL && strcmp(a->device, b->device) == 0 &&
	       one_contains_other(a->inner, b->inner);
}
