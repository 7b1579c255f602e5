/* Names on disks that do not distinguish upper and lower case. Slow, and used on such disks only. See
 * install_internal.h. */
#include "sync/install/install_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Whether the folder lists exactly this name. */
static bool is_listed(int fd, const char *name)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	bool found = false;
	struct dirent *e;

	if (dir == NULL && again >= 0)
		close(again);
	while (dir != NULL && !found && (e = readdir(dir)) != NULL)
		found = strcmp(e->d_name, name) == 0;
	if (dir != NULL)
		closedir(dir);
	return found;
}

bool install_meets_other_case(struct install_job *job, const char *path)
{
	char part[PATH_MAX];
	bool meets = false;

	for (const char *end = path; !meets && end != NULL && (size_t)(end - path) < sizeof(part);) {
		const char *name;
		struct fs_stat st;
		int fd;

		end = strchr(end, '/');
		if (end != NULL) {
			memcpy(part, path, (size_t)(end - path));
			part[end - path] = '\0';
			end++;
		}
		fd = fs_open_parent(job->root, end != NULL ? part : path, &name);
		if (fd < 0)
			return false;
		/* Below a name that is not there yet there is nothing either. */
		if (fs_stat_at(fd, name, &st) < 0 || st.kind == 0)
			end = NULL;
		else
			meets = !is_listed(fd, name);
		close(fd);
	}
	return meets;
}
