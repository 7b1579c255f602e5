/* Finding and opening the runtime folder: see runtime.h. */
#include "agent/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const char socket_name[] = "control.sock";

/* The folder that is named, if it is a single one. */
static const char *named_folder(void)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");

	return dir != NULL && dir[0] == '/' && strchr(dir, ':') == NULL ? dir : NULL;
}

/* We hold the home's lock, so what is there was left by an earlier run. */
static int link_socket(const struct runtime *r, const struct home *home)
{
	char *target = mem_printf("%s/%s", r->path, socket_name);
	int rc = unlinkat(home->dirfd, socket_name, 0);

	if (rc == 0 || errno == ENOENT)
		rc = symlinkat(target, home->dirfd, socket_name);
	free(target);
	return rc;
}

int runtime_open(struct runtime *r, const struct home *home, char **why)
{
	const char *dir = named_folder();

	r->named = dir != NULL;
	r->path = mem_strdup(dir != NULL ? dir : home->path);
	r->dirfd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd >= 0 && (dir == NULL || link_socket(r, home) == 0))
		return 0;
	if (r->dirfd < 0)
		*why = mem_printf("%s: %s", r->path, strerror(errno));
	else
		*why = mem_printf("%s/%s: %s", home->path, socket_name, strerror(errno));
	return -1;
}

void runtime_close(struct runtime *r)
{
	if (r->dirfd >= 0)
		close(r->dirfd);
	free(r->path);
	*r = (struct runtime){ .dirfd = -1 };
}
