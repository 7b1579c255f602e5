/* Opening and closing. An index in order is used, a damaged one is set aside and a new one begun, one of a newer
 * lanyard is left alone. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { CHECK_NS = 250 * 1000 * 1000 }; /* time for a check after an unclean end */

/* The result of opening the file as it is. */
enum index_opened { OPENED, OPENED_NEW, OPENED_DAMAGED, OPENED_NEWER, OPENED_FAILED };

static void configure_sqlite(void)
{
	/* We do not need SQLite to count each allocation under a lock. This has to come before its first use. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_initialize();
}

static enum index_opened failure(struct index *index)
{
	int rc = sqlite3_errcode(index->db) & 0xff;

	return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? OPENED_DAMAGED : OPENED_FAILED;
}

static int past_deadline(void *arg)
{
	const int64_t *deadline = arg;

	return clock_mono_ns() > *deadline;
}

/* Checks as much as its time allows; what it did not get to counts as sound. */
static bool looks_sound(struct index *index)
{
	int64_t deadline = clock_mono_ns() + CHECK_NS;
	sqlite3_stmt *s = NULL;
	bool sound = true;
	int rc;

	sqlite3_progress_handler(index->db, 1000, past_deadline, &deadline);
	rc = sqlite3_prepare_v2(index->db, "PRAGMA quick_check(1)", -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		sound = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
	else if ((rc & 0xff) == SQLITE_CORRUPT)
		sound = false;
	sqlite3_finalize(s);
	sqlite3_progress_handler(index->db, 0, NULL, NULL);
	return sound;
}

/* The order of the checks matters: nothing is written to a file before it is known to be ours and not newer. */
static enum index_opened open_schema(struct index *index)
{
	int64_t application, version, tables;
	enum index_opened result = OPENED;
	int joins = 0;

	if (index_query_int(index, "PRAGMA application_id", &application) < 0 ||
	    index_query_int(index, "PRAGMA user_version", &version) < 0 ||
	    index_query_int(index, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return failure(index);
	if (application != 0 && application != INDEX_APPLICATION_ID)
		return OPENED_DAMAGED;
	if (version > INDEX_SCHEMA)
		return OPENED_NEWER;
	if (index_exec(index, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL") < 0)
		return failure(index);
	if (application == 0 && version == 0 && tables == 0)
		result = OPENED_NEW;
	else if (application != INDEX_APPLICATION_ID || version < 1)
		return OPENED_DAMAGED;
	if (version < INDEX_SCHEMA && index_schema_make(index, version) < 0)
		return failure(index);
	if (!index_schema_is_noted(index))
		return sqlite3_errcode(index->db) == SQLITE_OK ? OPENED_DAMAGED : failure(index);
	if (index_exec(index, "PRAGMA synchronous = NORMAL") < 0)
		return failure(index);
	if (!index_schema_fits(index) || index_load_state(index) < 0 || (joins = index_joins_load(index)) == -1 ||
	    index_leftovers_load(index) < 0)
		return sqlite3_errcode(index->db) == SQLITE_ERROR || index->epoch == 0 ? OPENED_DAMAGED
		                                                                       : failure(index);
	if (joins < 0)
		return OPENED_DAMAGED;
	return result == OPENED && !index->clean && !looks_sound(index) ? OPENED_DAMAGED : result;
}

static enum index_opened open_file(struct index *index)
{
	char *pragmas;
	int fd, rc;

	/* We create it for the sake of its mode, which SQLite gives its other files too. */
	fd = open(index->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return OPENED_FAILED;
	close(fd);
	rc = sqlite3_open_v2(index->path, &index->db,
	                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK)
		return failure(index);
	sqlite3_extended_result_codes(index->db, 1);
	sqlite3_wal_hook(index->db, index_wal_hook, index);
	pragmas = mem_printf("PRAGMA page_size = %d; PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY;"
	                     "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
	                     "PRAGMA journal_size_limit = %d",
	                     INDEX_PAGE, INDEX_CACHE_KIB, 8 << 20);
	rc = index_exec(index, pragmas);
	free(pragmas);
	return rc < 0 ? failure(index) : open_schema(index);
}

static struct index *index_new(const char *dir)
{
	static const struct choices mirror = { 0 };
	struct index *index = MEM_NEW(struct index);

	index->path = mem_printf("%s/index.db", dir);
	index->opening = true;
	index->forgotten = -1;
	index->choices = &mirror;
	return index;
}

/* Frees; only SQLite itself still writes. */
static void index_free(struct index *index)
{
	index_stmt_finalize_all(index);
	sqlite3_close(index->db);
	index_leftovers_free(index);
	index_digests_free(index);
	index_recent_clear(index);
	free(index->sealed_list);
	index_joins_clear(index);
	free(index->path);
	free(index);
}

/* Moves the file and its WAL to unused names, where an admin can examine them. */
static int set_aside(const char *path, char **aside)
{
	char *wal = mem_printf("%s-wal", path), *shm = mem_printf("%s-shm", path),
	     *mark = mem_printf("%s.rebuild", path);
	char *wal_aside;
	int rc;

	*aside = mem_printf("%s.damaged-%" PRId64, path, clock_wall_s());
	wal_aside = mem_printf("%s-wal", *aside);
	rc = rename(path, *aside);
	if (rc == 0) {
		/* A new file must not begin while the old WAL has its name: SQLite would replay it. */
		if (rename(wal, wal_aside) < 0 && errno != ENOENT)
			rc = -1;
		unlink(shm);
		unlink(mark);
	}
	free(wal_aside);
	free(mark);
	free(shm);
	free(wal);
	return rc;
}

static bool is_marked(const struct index *index)
{
	char *mark = mem_printf("%s.rebuild", index->path);
	struct stat st;
	bool marked = stat(mark, &st) == 0 && stat(index->path, &st) == 0;

	free(mark);
	return marked;
}

static char *open_error(struct index *index)
{
	int error = errno;

	if (index->db == NULL || sqlite3_errcode(index->db) == SQLITE_OK)
		return mem_printf("%s: cannot open: %s", index->path, strerror(error));
	error = sqlite3_system_errno(index->db);
	return mem_printf("%s: cannot open: %s%s%s", index->path, sqlite3_errmsg(index->db), error != 0 ? ": " : "",
	                  error != 0 ? strerror(error) : "");
}

/* Sets a damaged file aside and begins a new one. */
static enum index_status rebuild(struct index **index, const char *dir, char **why)
{
	struct index *fresh;
	char *aside;

	index_free(*index);
	*index = fresh = index_new(dir);
	if (set_aside(fresh->path, &aside) < 0) {
		*why = mem_printf("%s is damaged and cannot be moved aside: %s", fresh->path, strerror(errno));
		free(aside);
		return INDEX_FAILED;
	}
	if (open_file(fresh) != OPENED_NEW) {
		*why = open_error(fresh);
		free(aside);
		return INDEX_FAILED;
	}
	*why = mem_printf("%s was damaged; it is kept as %s, and a new one is built from the files and the peers",
	                  fresh->path, aside);
	free(aside);
	return INDEX_REBUILT;
}

/* A disk that has refused a read may serve it a moment later, and rebuilding an index loses much: so we try twice. */
static enum index_opened open_in_two_tries(struct index **index, const char *dir)
{
	enum index_opened opened = open_file(*index);

	if (opened == OPENED_DAMAGED && index_disk_refused(*index)) {
		index_free(*index);
		*index = index_new(dir);
		opened = open_file(*index);
	}
	return opened;
}

/* A file that a previous run marked as damaged is not even tried. */
enum index_status index_open(struct index **out, const char *dir, char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct index *index = index_new(dir);
	enum index_status status = INDEX_FAILED;

	pthread_once(&once, configure_sqlite);
	*out = NULL;
	*why = NULL;
	switch (is_marked(index) ? OPENED_DAMAGED : open_in_two_tries(&index, dir)) {
	case OPENED:
		status = INDEX_OK;
		break;
	case OPENED_NEW:
		status = INDEX_NEW;
		break;
	case OPENED_DAMAGED:
		status = rebuild(&index, dir, why);
		break;
	case OPENED_NEWER:
		*why = mem_printf("%s was written by a newer version of lanyard: use that version, or move the "
		                  "file away",
		                  index->path);
		status = INDEX_NEWER;
		break;
	case OPENED_FAILED:
		*why = open_error(index);
		break;
	}
	if (status == INDEX_NEWER || status == INDEX_FAILED) {
		index_free(index);
		return status;
	}
	index->opening = false;
	*out = index;
	return status;
}

void index_close(struct index *index)
{
	if (index == NULL)
		return;
	index->on_commit = NULL;
	if (index_commit(index) == 0 && !index->clean)
		index_txn_save_numbers(index, index->seq, true);
	/* As the last connection closes, SQLite moves the rest of the WAL into the database and deletes it. */
	index_free(index);
}
