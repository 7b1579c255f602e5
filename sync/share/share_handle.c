/* See share_handle.h. */
#include "sync/share/share_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/share/marker.h"

struct share_handle *share_handle_new(const char *path, const uint8_t marker[MARKER_SIZE], int root, int parts,
                                      uint64_t dev, uint64_t ino)
{
	struct share_handle *h = MEM_NEW(struct share_handle);

	h->root = fcntl(root, F_DUPFD_CLOEXEC, 3);
	h->parts = h->root >= 0 ? fcntl(parts, F_DUPFD_CLOEXEC, 3) : -1;
	if (h->parts < 0) {
		int saved_errno = errno;

		if (h->root >= 0)
			close(h->root);
		free(h);
		errno = saved_errno;
		return NULL;
	}
	h->path = mem_strdup(path);
	memcpy(h->marker, marker, sizeof(h->marker));
	h->inotify = -1;
	h->dev = dev;
	h->ino = ino;
	h->refs = 1;
	return h;
}

struct share_handle *share_handle_ref(struct share_handle *h)
{
	h->refs++;
	return h;
}

void share_handle_free(struct share_handle *h)
{
	if (h == NULL || --h->refs > 0)
		return;
	if (h->inotify >= 0)
		close(h->inotify);
	close(h->parts);
	close(h->root);
	free(h->disk);
	free(h->path);
	free(h);
}

int share_handle_check(const struct share_handle *h, char **why)
{
	struct stat st;
	int rc;

	*why = NULL;
	if (stat(h->path, &st) < 0) {
		*why = mem_printf("%s: %s", h->path, strerror(errno));
		return -1;
	}
	if (st.st_dev != h->dev || st.st_ino != h->ino) {
		*why = mem_printf("%s: is not the same folder as before: was it replaced, or a disk mounted or "
		                  "unmounted?",
		                  h->path);
		return -1;
	}
	rc = marker_check(h->root, h->path, h->marker, why);
	if (rc == 0)
		*why = mem_printf("%s: its .lanyard/share is gone: was the folder emptied or unmounted?", h->path);
	if (rc <= 0)
		return -1;
	/* A removed folder still has its descriptor, but no file can be made in it. */
	if (fstat(h->parts, &st) == 0 && st.st_nlink == 0) {
		*why = mem_printf("%s: its .lanyard/parts was removed", h->path);
		return -1;
	}
	return 0;
}
