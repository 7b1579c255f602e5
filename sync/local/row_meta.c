/* The mode and mtime to record for what is on disk, given what the disk may have kept of the row's (struct seen).
 * Pure. */
#include <stddef.h>

#include "sync/local/local_internal.h"

bool row_meta_is_coarser(int64_t ns, int64_t of_ns)
{
	static const int64_t steps[] = { 100, 1000, 10000000, 1000000000, 2000000000 };

	for (size_t i = 0; of_ns > INT64_MIN / 2 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (ns == of_ns - (of_ns % steps[i] + steps[i]) % steps[i])
			return true;
	}
	return ns == of_ns;
}

uint32_t row_meta_mode(const struct disk *disk, const struct record *row, enum record_kind kind,
                       const struct fs_stat *st)
{
	if (kind == RECORD_SYMLINK)
		return 0;
	/* The modes it shows are the mount's, and change with the mount. */
	if (disk->no_modes)
		return record_is(row, kind) ? row->mode : disk_mode_default(kind);
	return record_is(row, kind) && record_disk_mode(row) == st->mode ? row->mode
	                                                                 : disk_mode_announced(disk, kind, st->mode);
}

int64_t row_meta_mtime(const struct record *row, enum record_kind kind, const struct fs_stat *st)
{
	if (kind == RECORD_DIR)
		return 0;
	if (record_is(row, kind) && (record_disk_mtime(row) == st->mtime_ns ||
	                             /* The ctime says that nobody has set the mtime since. */
	                             (row->seen.ino != 0 && row_meta_is_coarser(st->mtime_ns, row->seen.mtime_ns) &&
	                              row_meta_is_coarser(st->ctime_ns, row->seen.ctime_ns))))
		return row->mtime_ns;
	return st->mtime_ns;
}
