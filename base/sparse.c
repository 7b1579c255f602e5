/* Writing around zeros: see sparse.h. */
#include "base/sparse.h"

#include <fcntl.h>
#include <string.h>

#include "base/fs.h"

static bool is_zero(const uint8_t *p, size_t n)
{
	/* All zero when the first byte is, and each byte equals the one before it. */
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* The length of the run of zero pages at `at`, which is page-aligned in the file; 0: too short to leave out. */
static size_t zero_run(const uint8_t *p, size_t n, size_t at)
{
	size_t end = at;

	while (n - end >= SPARSE_PAGE && is_zero(p + end, SPARSE_PAGE))
		end += SPARSE_PAGE;
	return end - at >= SPARSE_MIN ? end - at : 0;
}

static int write_hole(int fd, const uint8_t *p, size_t n, int64_t offset, bool dirty)
{
	if (!dirty || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, (off_t)n) == 0)
		return 0;
	return fs_pwrite_all(fd, p, n, offset);
}

int sparse_write(int fd, const void *bytes, size_t n, int64_t offset, bool dirty)
{
	const uint8_t *p = bytes;
	size_t start = 0; /* of what is to be written */
	size_t at = (size_t)(-offset & (SPARSE_PAGE - 1));

	while (at < n) {
		size_t run = n - at >= SPARSE_MIN ? zero_run(p, n, at) : 0;

		if (run == 0) {
			at += SPARSE_PAGE;
			continue;
		}
		if (at > start && fs_pwrite_all(fd, p + start, at - start, offset + (int64_t)start) < 0)
			return -1;
		if (write_hole(fd, p + at, run, offset + (int64_t)at, dirty) < 0)
			return -1;
		at += run;
		start = at;
	}
	return start < n ? fs_pwrite_all(fd, p + start, n - start, offset + (int64_t)start) : 0;
}
