/* See reserve.h. */
#include "sync/share/reserve.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/statvfs.h>

#include "sync/plan/zeros.h"

enum { LEAST = 8 << 20, MOST = 64 << 20 };

static _Atomic int64_t granted; /* bytes that are being written */

int64_t reserve_size(int64_t disk)
{
	int64_t reserve = disk / 20;

	if (reserve < LEAST)
		reserve = LEAST;
	if (reserve > MOST)
		reserve = MOST;
	return reserve < disk / 4 ? reserve : disk / 4;
}

int reserve_check(int fd, int64_t bytes)
{
	struct statvfs st;
	int64_t disk, free;

	if (fstatvfs(fd, &st) < 0 || st.f_blocks == 0)
		return 0;
	disk = (int64_t)(st.f_blocks * st.f_frsize);
	free = (int64_t)(st.f_bavail * st.f_frsize);
	if (free >= reserve_size(disk) && free - reserve_size(disk) >= bytes)
		return 0;
	errno = RESERVE_REACHED;
	return -1;
}

/* Counted before the disk is asked, so that of two who ask at once each sees the other. */
int reserve_take(int fd, int64_t bytes)
{
	if (reserve_check(fd, atomic_fetch_add(&granted, bytes) + bytes) == 0)
		return 0;
	reserve_give(bytes);
	return -1;
}

void reserve_give(int64_t bytes)
{
	atomic_fetch_sub(&granted, bytes);
}

int64_t reserve_needed(const struct blocklist *l, bool (*is_here)(const void *arg, uint32_t block), const void *arg)
{
	int64_t bytes = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct block *b = &l->b[i];
		bool again = i > 0 && b->len == b[-1].len && memcmp(b->hash, b[-1].hash, sizeof(b->hash)) == 0;

		if (!again && !zeros_block(b) && (is_here == NULL || !is_here(arg, i)))
			bytes += b->len;
	}
	return bytes;
}
