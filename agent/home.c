/* Choosing, creating and locking the home: see home.h. */
#include "agent/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char *absolute(const char *path, char **why)
{
	char *cwd;
	char *full;

	if (path[0] == '/')
		return mem_strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL) {
		*why = mem_printf("the current folder was deleted (%s); give --home an absolute path", strerror(errno));
		return NULL;
	}
	full = mem_printf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, strncmp(path, "./", 2) == 0 ? path + 2 : path);
	free(cwd);
	return full;
}

/* An environment variable that is there and not empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

char *home_choose(const char *option, char **why)
{
	const char *dir = option != NULL ? option : variable("LANYARD_HOME");

	if (dir != NULL && dir[0] == '\0') {
		*why = mem_printf("--home is empty; give it a folder");
		return NULL;
	}
	if (dir != NULL)
		return absolute(dir, why);
	if (geteuid() == 0)
		return mem_strdup("/var/lib/lanyard");
	dir = variable("XDG_STATE_HOME");
	/* The XDG specification has relative paths ignored. */
	if (dir != NULL && dir[0] == '/')
		return mem_printf("%s/lanyard", dir);
	dir = variable("HOME");
	if (dir != NULL && dir[0] == '/')
		return mem_printf("%s/.local/state/lanyard", dir);
	*why = mem_printf("neither --home, LANYARD_HOME, XDG_STATE_HOME nor HOME says where to keep the agent's state");
	return NULL;
}

/* mkdir -p; what it creates is for its owner alone. */
static int make_dirs(const char *path)
{
	char *p = mem_strdup(path);
	int rc = 0;

	for (char *slash = p + 1; rc == 0 && slash != NULL; slash++) {
		slash = strchr(slash, '/');
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(p, 0700) < 0 && errno != EEXIST)
			rc = -1;
		if (slash == NULL)
			break;
		*slash = '/';
	}
	free(p);
	return rc;
}

/* Whoever may write to the home can replace the key, so nobody else may. */
static int check_owner(const struct home *h, char **why)
{
	struct stat st;

	if (fstat(h->dirfd, &st) < 0) {
		*why = mem_printf("%s: %s", h->path, strerror(errno));
		return -1;
	}
	if (st.st_uid != geteuid()) {
		*why = mem_printf("%s belongs to user %u, but the agent runs as user %u; run it as that user, "
		                  "or choose another --home",
		                  h->path, st.st_uid, geteuid());
		return -1;
	}
	if ((st.st_mode & 077) != 0) {
		*why = mem_printf("%s has mode %04o: others could read or replace the agent's key; chmod 700 %s",
		                  h->path, st.st_mode & 07777, h->path);
		return -1;
	}
	return 0;
}

static int lock(struct home *h, char **why)
{
	char pid[16] = "";
	ssize_t n;

	h->lock_fd = openat(h->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (h->lock_fd < 0) {
		*why = mem_printf("%s/lock: %s", h->path, strerror(errno));
		return -1;
	}
	if (flock(h->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		n = errno == EWOULDBLOCK ? pread(h->lock_fd, pid, sizeof(pid) - 1, 0) : -1;
		if (n < 0)
			*why = mem_printf("%s/lock: %s", h->path, strerror(errno));
		else
			*why = mem_printf("an agent%s%.*s%s is already running on %s; stop it, or choose another "
			                  "--home",
			                  n > 0 ? " (process " : "", (int)strcspn(pid, "\n"), pid, n > 0 ? ")" : "",
			                  h->path);
		return -1;
	}
	/* For the message above only: the lock is what counts. */
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(h->lock_fd, 0) == 0 && pwrite(h->lock_fd, pid, (size_t)n, 0) == n)
		return 0;
	*why = mem_printf("%s/lock: %s", h->path, strerror(errno));
	return -1;
}

int home_open(struct home *h, const char *path, char **why)
{
	*h = (struct home){ .path = mem_strdup(path), .dirfd = -1, .lock_fd = -1 };
	if (make_dirs(path) == 0)
		h->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dirfd < 0) {
		*why = mem_printf("%s: %s; choose another --home", path, strerror(errno));
		goto close_home;
	}
	if (check_owner(h, why) < 0 || lock(h, why) < 0)
		goto close_home;
	return 0;

close_home:
	home_close(h);
	return -1;
}

void home_close(struct home *h)
{
	if (h->path == NULL)
		return;
	if (h->lock_fd >= 0)
		close(h->lock_fd);
	if (h->dirfd >= 0)
		close(h->dirfd);
	free(h->path);
	*h = (struct home){ .dirfd = -1, .lock_fd = -1 };
}
