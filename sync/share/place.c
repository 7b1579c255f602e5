/* Paths resolved to where they are on their file system: see place.h. */
#include "sync/share/place.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sync/share/path.h"

struct place {
	char *real;  /* owned, as below: the path from the root, without symlinks; "" is the root */
	char *disk;  /* the file system, as the table of mounts names it; NULL: not known */
	char *inner; /* the path from the root of that file system; "" is its root; NULL with disk */
};

/* One line of the table of mounts; the words point into it. */
struct mount_line {
	long id;
	char *disk, *root, *point;
};

static bool goes_up(const char *path)
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

/* What there is of the path, resolved, and *rest, which is not there. Fresh; NULL: nothing can be told. */
static char *resolve(const char *path, const char **rest)
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
static void unescape(char *p)
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

/* False: no such line. */
static bool read_line(char *line, struct mount_line *m)
{
	char *word[5];

	for (int i = 0; i < 5; i++)
		word[i] = strsep(&line, " ");
	if (line == NULL)
		return false;
	m->id = strtol(word[0], NULL, 10);
	m->disk = word[2];
	m->root = word[3];
	m->point = word[4];
	unescape(m->root);
	unescape(m->point);
	no_slash_at_end(m->root);
	no_slash_at_end(m->point);
	return true;
}

/* The number of the mount that the path is on; -1: the kernel does not say. */
static long mount_id(const char *real)
{
	struct statx x;

	if (statx(AT_FDCWD, real[0] != '\0' ? real : "/", AT_NO_AUTOMOUNT, STATX_MNT_ID, &x) < 0 ||
	    (x.stx_mask & STATX_MNT_ID) == 0)
		return -1;
	return (long)x.stx_mnt_id;
}

/* `real` is all of the path that exists. */
static void find_disk(struct place *p, const char *real)
{
	long id = mount_id(real);
	FILE *f = id >= 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
	struct mount_line m;
	char *line = NULL;
	size_t room = 0;

	while (f != NULL && p->disk == NULL && getline(&line, &room, f) > 0) {
		if (!read_line(line, &m) || m.id != id || !path_is_under(p->real, m.point))
			continue;
		p->disk = mem_strdup(m.disk);
		p->inner = mem_printf("%s%s", m.root, p->real + strlen(m.point));
	}
	free(line);
	if (f != NULL)
		(void)fclose(f);
}

struct place *place_of(const char *path)
{
	const char *rest;
	char *real = resolve(path, &rest);
	struct place *p = NULL;

	if (real != NULL && !goes_up(rest)) {
		p = MEM_NEW(struct place);
		p->real = mem_printf("%s%s%s", real, *rest != '\0' ? "/" : "", rest);
		find_disk(p, real);
	}
	free(real);
	return p;
}

void place_free(struct place *p)
{
	if (p == NULL)
		return;
	free(p->real);
	free(p->disk);
	free(p->inner);
	free(p);
}

/* Of two resolved paths; "" is the root, and above everything. */
static bool overlap(const char *a, const char *b)
{
	return path_is_under(a, b) || path_is_under(b, a);
}

bool place_is_below(const struct place *p, const char *part)
{
	return p != NULL && p->inner != NULL && strstr(p->inner, part) != NULL && strstr(p->real, part) == NULL;
}

bool place_overlaps(const struct place *a, const struct place *b)
{
	if (a == NULL || b == NULL)
		return false;
	if (overlap(a->real, b->real))
		return true;
	return a->disk != NULL && b->disk != NULL && strcmp(a->disk, b->disk) == 0 && overlap(a->inner, b->inner);
}
