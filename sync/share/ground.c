/* See ground.h. */
#include "sync/share/ground.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/share/marker.h"

struct ground *ground_new(const char *path, const uint8_t marker[GROUND_MARKER_SIZE], int root, int parts, uint64_t dev,
                          uint64_t ino)
{
	struct ground *g = MEM_NEW(struct ground);

	g->root = fcntl(root, F_DUPFD_CLOEXEC, 3);
	g->parts = g->root >= 0 ? fcntl(parts, F_DUPFD_CLOEXEC, 3) : -1;
	if (g->parts < 0) {
		int saved_errno = errno;

		if (g->root >= 0)
			close(g->root);
		free(g);
		errno = saved_errno;
		return NULL;
	}
	g->path = mem_strdup(path);
	memcpy(g->marker, marker, sizeof(g->marker));
	g->inotify = -1;
	g->dev = dev;
	g->ino = ino;
	g->refs = 1;
	return g;
}

struct ground *ground_ref(struct ground *g)
{
	g->refs++;
	return g;
}

void ground_free(struct ground *g)
{
	if (g == NULL || --g->refs > 0)
		return;
	if (g->inotify >= 0)
		close(g->inotify);
	close(g->parts);
	close(g->root);
	free(g->disk);
	free(g->path);
	free(g);
}

int ground_check(const struct ground *g, char **why)
{
	struct stat st;
	int rc;

	*why = NULL;
	if (stat(g->path, &st) < 0) {
		*why = mem_printf("%s: %s", g->path, strerror(errno));
		return -1;
	}
	if (st.st_dev != g->dev || st.st_ino != g->ino) {
		*why = mem_printf("%s: is another folder than before: was it replaced, or a disk mounted or unmounted?",
		                  g->path);
		return -1;
	}
	rc = marker_check(g->root, g->path, g->marker, why);
	if (rc == 0)
		*why = mem_printf("%s: its .lanyard/share is gone: was the folder emptied or unmounted?", g->path);
	if (rc <= 0)
		return -1;
	/* What somebody removed can be made anew, but no file can be made in it. */
	if (fstat(g->parts, &st) == 0 && st.st_nlink == 0) {
		*why = mem_printf("%s: its .lanyard/parts was removed", g->path);
		return -1;
	}
	return 0;
}
