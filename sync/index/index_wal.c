/* The write-ahead log: a worker syncs it to make commits durable, and moves it into the database by checkpoints. Only
 * index_wal_hook() and index_wal_bytes() run on the loop; the numbers that both sides use are atomic. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum {
	WAL_LARGE = 16 << 20, /* a WAL this large is emptied even if writers must wait for it */
	CHECKPOINT_BUSY_MS = 1000,
	CHECKPOINT_ROUNDS = 3,
};

int index_wal_hook(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct index *index = arg;

	(void)db;
	(void)name;
	/* Fewer than before: SQLite has begun the WAL at its start again. */
	if (frames < atomic_load(&index->wal_frames))
		atomic_store(&index->checkpointed_frames, 0);
	atomic_store(&index->wal_frames, frames);
	return SQLITE_OK;
}

int64_t index_wal_bytes(const struct index *index)
{
	int frames = atomic_load(&index->wal_frames) - atomic_load(&index->checkpointed_frames);

	return frames > 0 ? (int64_t)frames * INDEX_PAGE : 0;
}

/* Syncs the WAL alone: what a checkpoint has moved out of it meanwhile, that checkpoint has synced. Closing this
 * descriptor loses no lock, since SQLite has its locks on other files. */
int index_sync(const struct index *index)
{
	char *path = mem_printf("%s-wal", index->path);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc, saved_errno;

	free(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = fdatasync(fd);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return rc;
}

bool index_is_on_disk(const struct index *index, uint64_t dev)
{
	struct stat st;

	return stat(index->path, &st) == 0 && st.st_dev == dev;
}

/* PASSIVE checkpoints never make the writer wait, and after a few rounds one has nearly caught up with it. SQLite
 * begins the WAL at its start again once a transaction finds everything moved. Under steady writing that may never
 * happen, so FULL, which stops the writer for the last few frames, empties a WAL that has grown large. */
void index_checkpoint(struct index *index)
{
	sqlite3 *db = NULL;
	int rc, frames = 0, moved = 0;

	rc = sqlite3_open_v2(index->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, CHECKPOINT_BUSY_MS);
	/* A connection that has read nothing yet does not know that there is a WAL. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL);
	for (int i = 0; i < CHECKPOINT_ROUNDS && rc == SQLITE_OK && (i == 0 || moved < frames); i++)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
	if (rc == SQLITE_OK && moved < frames && frames > WAL_LARGE / INDEX_PAGE)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_FULL, &frames, &moved);
	if (moved > 0)
		atomic_store(&index->checkpointed_frames, moved);
	if (rc == SQLITE_OK || rc == SQLITE_BUSY)
		atomic_store(&index->checkpoint_failed, false);
	else if (!atomic_exchange(&index->checkpoint_failed, true))
		log_error("%s: cannot move the WAL into the database: %s", index->path, sqlite3_errmsg(db));
	sqlite3_close(db);
}
