/* Rows a second through the index: put, get, walk, since, want, unwant, find. `make index-bench` runs it on a folder
 * of its own beneath TMPDIR (default /tmp). Arguments: rows (default 50,000), 1: random order too. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"

enum { PEER = 7777, ME = 1234, TURN = 500 }; /* rows between two commits */

static int rows = 50000;

static void report(const char *what, int n, int64_t since_ns)
{
	static double cpu_before;
	double s = (double)(clock_mono_ns() - since_ns) / 1e9, cpu = (double)clock() / CLOCKS_PER_SEC;

	printf("%-18s %8d rows %8.3f s %10.0f rows/s %7.2f us %7.2f us of the processor\n", what, n, s, n / s,
	       s * 1e6 / n, (cpu - cpu_before) * 1e6 / n);
	cpu_before = cpu;
}

static struct record row(int i)
{
	struct record r = { .path = mem_printf("projects/module-%03d/source-file-%06d.c", i / 200, i),
		            .kind = RECORD_FILE,
		            .mode = 0644,
		            .mtime_ns = 1700000000000000000 + i,
		            .modified_by = 42,
		            .content = { .size = 4096, .nblocks = 1 },
		            .seen = { 4096, 1700000000000000000 + i, 1700000000000000000 + i, 1000000 + (uint64_t)i } };

	sha256(r.content.root, &i, sizeof(i));
	return r;
}

static int64_t wal_max;
static atomic_bool checkpointing;

static void *checkpoint(void *arg)
{
	index_checkpoint(arg);
	atomic_store(&checkpointing, false);
	return NULL;
}

/* The end of a turn, with the checkpoint left to a thread, as the agent does. */
static void turn(struct index *index)
{
	static pthread_t thread;
	static bool started;

	if (index_commit(index) < 0)
		abort();
	if (index_wal_bytes(index) > wal_max)
		wal_max = index_wal_bytes(index);
	if (index_wal_bytes(index) <= 4 << 20 || atomic_load(&checkpointing))
		return;
	if (started)
		pthread_join(thread, NULL);
	atomic_store(&checkpointing, true);
	started = pthread_create(&thread, NULL, checkpoint, index) == 0;
}

static void put_all(struct index *index, const char *what)
{
	int64_t start = clock_mono_ns();

	for (int i = 0; i < rows; i++) {
		struct record r = row(i);

		if (index_put_change(index, &r, NULL, ME) < 0)
			abort();
		record_clear(&r);
		if (i % TURN == TURN - 1)
			turn(index);
	}
	turn(index);
	report(what, rows, start);
}

static void get_all(struct index *index, bool scattered)
{
	int64_t start = clock_mono_ns();
	char path[128];

	for (int i = 0; i < rows; i++) {
		int k = scattered ? (int)((int64_t)i * 7919 % rows) : i;
		struct record r;

		snprintf(path, sizeof(path), "projects/module-%03d/source-file-%06d.c", k / 200, k);
		if (index_get(index, path, &r) != 1)
			abort();
		record_clear(&r);
	}
	report(scattered ? "get, scattered" : "get, in order", rows, start);
}

static bool count_one(void *arg, const struct record *r)
{
	(void)r;
	(*(int *)arg)++;
	return true;
}

static void read_all(struct index *index)
{
	int64_t start = clock_mono_ns();
	struct index_cursor *c = index_walk(index, "");
	struct record r;
	int n = 0;

	while (index_next(c, &r) == 1) {
		record_clear(&r);
		n++;
	}
	index_cursor_free(c);
	report("walk", n, start);
	start = clock_mono_ns();
	n = 0;
	index_since(index, 0, rows + 1, count_one, &n);
	report("since", n, start);
	start = clock_mono_ns();
	for (int i = 0; i < rows; i++) {
		struct record want = row(i);
		int64_t offset;

		if (index_find_block(index, want.content.root, 4096, &r, &offset) != 1)
			abort();
		record_clear(&r);
		record_clear(&want);
	}
	report("find block", rows, start);
}

static void want_all(struct index *index)
{
	int64_t start = clock_mono_ns();

	for (int i = 0; i < rows; i++) {
		struct record r = row(i);

		version_bump(&r.version, 99, (uint64_t)i + 1);
		r.seq = (uint64_t)i + 1;
		if (index_offer(index, PEER, &r) < 0)
			abort();
		record_clear(&r);
		if (i % TURN == TURN - 1)
			turn(index);
	}
	turn(index);
	report("offer", rows, start);
	start = clock_mono_ns();
	for (int i = 0; i < rows; i++) {
		struct record r = row(i);

		if (index_settled(index, PEER, UINT64_MAX) != (uint64_t)i || index_offer_forget(index, r.path, 0) < 0)
			abort();
		record_clear(&r);
		if (i % TURN == TURN - 1)
			turn(index);
	}
	turn(index);
	report("settled + forget", rows, start);
}

static void big_file(struct index *index)
{
	struct blocklist l = { .n = 20000, .b = mem_calloc(20000, sizeof(struct block)) }, back;
	struct record r = { .path = mem_strdup("big"), .kind = RECORD_FILE, .mode = 0644 }, found;
	int64_t start, offset;

	for (uint32_t i = 0; i < l.n; i++) {
		l.b[i].len = 100000 + i;
		sha256(l.b[i].hash, &l.b[i].len, sizeof(l.b[i].len));
	}
	r.content = blocklist_content(&l);
	start = clock_mono_ns();
	if (index_put_change(index, &r, &l, ME) < 0)
		abort();
	turn(index);
	report("list of blocks", (int)l.n, start);
	start = clock_mono_ns();
	if (index_blocks(index, &r.content, &back) != 1 || back.n != l.n)
		abort();
	report("read the list", (int)l.n, start);
	start = clock_mono_ns();
	for (uint32_t i = 0; i < l.n; i++) {
		if (index_find_block(index, l.b[i].hash, l.b[i].len, &found, &offset) != 1)
			abort();
		record_clear(&found);
	}
	report("find in a list", (int)l.n, start);
	blocklist_clear(&back);
	blocklist_clear(&l);
	record_clear(&r);
}

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	}
	if (f != NULL)
		fclose(f);
	return kib;
}

static void remove_dir(char *dir)
{
	char *slash = strrchr(dir, '/');
	int fd;

	*slash = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fs_remove_tree(fd, slash + 1) < 0)
		perror(slash + 1);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = mem_printf("%s/index-bench-XXXXXX", tmp != NULL ? tmp : "/tmp"), *why;
	struct index *index;
	int64_t start;

	if (argc > 1)
		rows = atoi(argv[1]);
	if (rows < 1 || mkdtemp(dir) == NULL)
		return 2;
	if (index_open(&index, dir, &why) != INDEX_NEW)
		return 1;
	put_all(index, "put, new");
	put_all(index, "put, changed");
	get_all(index, false);
	get_all(index, true);
	read_all(index);
	want_all(index);
	big_file(index);
	while (atomic_load(&checkpointing))
		usleep(1000);
	start = clock_mono_ns();
	index_close(index);
	report("close", 1, start);
	start = clock_mono_ns();
	if (index_open(&index, dir, &why) != INDEX_OK)
		return 1;
	report("open", 1, start);
	printf("resident %ld KiB, WAL at most %" PRId64 " KiB\n", resident_kib(), wal_max / 1024);
	index_close(index);
	remove_dir(dir);
	free(dir);
	return 0;
}
