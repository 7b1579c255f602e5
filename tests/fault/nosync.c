/* Loaded into lanyardd with LD_PRELOAD: every call that makes bytes safe reports success and does nothing. */
#include <fcntl.h>
#include <unistd.h>

/* libc's own parameter names are reserved ones. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int syncfs(int fd)
{
	(void)fd;
	return 0;
}

void sync(void)
{
}

int sync_file_range(int fd, off64_t at, off64_t n, unsigned flags)
{
	(void)fd;
	(void)at;
	(void)n;
	(void)flags;
	return 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
