/* See web_secret_file.h. */
#include "agent/api/web_secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

/* Of the open file, so that no other one is read in its place. */
static int check_secret(int fd, const char *name, char **why)
{
	struct fs_stat st;

	if (fs_stat_fd(fd, &st) < 0 || st.kind != S_IFREG) {
		*why = mem_printf("%s in the home folder is not a regular file: move it away", name);
		return -1;
	}
	if ((st.mode & 077) == 0)
		return 0;
	*why = mem_printf("%s in the home folder can be read by others (mode %04o): if nobody else has seen it, chmod "
	                  "600 %s; else remove it",
	                  name, st.mode, name);
	return -1;
}

int web_secret_file_read(int home_dirfd, const char *name, size_t max, char **text, char **why)
{
	int fd = fs_open(home_dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	ssize_t n;
	int rc;

	*text = NULL;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0) {
		*why = mem_printf("%s in the home folder: %s", name, strerror(errno));
		return -1;
	}
	rc = check_secret(fd, name, why);
	if (rc == 0) {
		*text = mem_calloc(max + 2, 1);
		n = fs_pread_full(fd, *text, max + 1, 0);
		if (n < 0 || (size_t)n > max) {
			*why = mem_printf("%s in the home folder: %s", name, strerror(n < 0 ? errno : EFBIG));
			rc = -1;
		}
	}
	close(fd);
	if (rc == 0)
		return 1;
	free(*text);
	*text = NULL;
	return -1;
}

int web_secret_file_write(int home_dirfd, const char *name, const char *text, char **why)
{
	int rc;

	if (text != NULL) {
		rc = fs_write_file(home_dirfd, name, text, strlen(text), 0600);
	} else {
		rc = unlinkat(home_dirfd, name, 0);
		if (rc < 0 && errno == ENOENT)
			rc = 0;
		if (rc == 0)
			(void)fs_sync_dir(home_dirfd);
	}
	if (rc < 0)
		*why = mem_printf("%s in the home folder: %s", name, strerror(errno));
	return rc;
}
