/* Notes the first call on the loop's thread that touches a share: see touch.h. */
#include "tests/sim/touch.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/sim/fault.h"
#include "tests/sim/host.h"
#include "tests/sim/sim.h"

static char *found;

static void note(const char *call, const char *path)
{
	if (found == NULL)
		found = mem_printf("host %d: %s(%s) on the loop: a disk that does not answer would stop every group",
		                   sim_running_host(), call, path);
	sim_trace("host %d: %s in the share, on the loop", sim_running_host(), call);
}

static bool on_loop(void)
{
	return sim_running_host() >= 0 && !sim_in_job() && !fault_shielded();
}

static void judge(const char *call, const char *path)
{
	const char *share = hosts_all[sim_running_host()].share;
	size_t n = strlen(share);

	if (strncmp(path, share, n) == 0 && (path[n] == '\0' || path[n] == '/'))
		note(call, path);
}

void touch_fd(const char *call, int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	if (!on_loop() || fd < 0)
		return;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return;
	path[n] = '\0';
	judge(call, path);
}

void touch_path(const char *call, int dirfd, const char *path)
{
	if (!on_loop() || path == NULL)
		return;
	if (path[0] == '/')
		judge(call, path);
	else
		touch_fd(call, dirfd);
}

/* Asks the kernel directly: libc's functions are fault.c's here. */
static bool is_regular(int fd)
{
	struct statx st;

	return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0 && S_ISREG(st.stx_mode);
}

void touch_close(int fd)
{
	if (on_loop() && is_regular(fd))
		touch_fd("close", fd);
}

char *touch_found(void)
{
	char *text = found;

	found = NULL;
	return text;
}
