/* The share of a fetch_world.h, what fetch tells it, its scan, and what is on its disk. */
#include "tests/unit/fetch_world.h"

struct world *w;

/* --- what fetch tells --- */

static void on_hint(void *arg, const char *path)
{
	(void)arg;
	if (w->nhints < 256)
		w->hints[w->nhints++] = mem_strdup(path);
}

static void on_installed(void *arg, const struct record *r)
{
	(void)arg;
	assert_non_null(r->path);
	w->ninstalled++;
}

static void on_conflict(void *arg, const char *path, const char *of)
{
	(void)arg;
	(void)of;
	if (w->nconflicts < 256)
		w->conflicts[w->nconflicts++] = mem_strdup(path);
}

static void on_problem(void *arg, const char *path, const char *reason)
{
	(void)arg;
	(void)path;
	w->nproblems++;
	snprintf(w->problem, sizeof(w->problem), "%s", reason);
}

static void on_drop_choice(void *arg, const char *path, void (*done)(void *done_arg, bool ok), void *done_arg)
{
	(void)arg;
	(void)path;
	w->nchosen++;
	if (w->chosen != NULL)
		world_choose(w->chosen);
	done(done_arg, w->chosen != NULL);
}

static void commit(void *arg)
{
	(void)arg;
	index_commit(w->index);
}

/* --- the world --- */

static void wake_world(void *arg)
{
	(void)arg;
}

void world_choose(const struct choices *choices)
{
	w->choices = choices;
	assert_int_equal(index_choose(w->index, choices), 0);
	if (w->fetch != NULL)
		fetch_choices_changed(w->fetch);
}

void fetch_begin(void)
{
	struct fetch_config config = {
		.loop = w->loop,
		.workers = w->workers,
		.share = w->share,
		.index = w->index,
		.short_id = ME,
		.memory = w->memory,
		.backlog = w->backlog,
		.spare_ms = w->spare_ms,
		.carrier_ms = w->carrier_ms,
		.ops = &world_ops,
		.hint = on_hint,
		.installed = on_installed,
		.conflict = on_conflict,
		.problem = on_problem,
		.drop_choice = on_drop_choice,
	};

	if (w->choices != NULL)
		world_choose(w->choices);
	w->fetch = fetch_new(&config);
	w->hook = loop_hook_new(w->loop, commit, NULL);
	fetch_start(w->fetch);
}

void fetch_end(void)
{
	struct answer *a, *next;

	fetch_stop(w->fetch);
	while (!fetch_stopped(w->fetch))
		loop_turn(w->loop, true);
	fetch_free(w->fetch);
	w->fetch = NULL;
	loop_hook_free(w->hook);
	loop_timer_stop(w->timer);
	DL_FOREACH_SAFE(w->answers, a, next) {
		DL_DELETE(w->answers, a);
		free(a->bytes);
		free(a);
	}
	for (size_t i = 0; i < PEERS; i++)
		w->peer[i].in_flight = 0;
	/* Jobs that are out come back to nobody. */
	while (workers_pending(w->workers) > 0)
		loop_turn(w->loop, true);
	index_commit(w->index);
}

void peer_up(uint64_t id)
{
	peer_of(id)->up = true;
	fetch_peer_up(w->fetch, id);
}

void peer_down(uint64_t id)
{
	struct answer *a, *next;

	peer_of(id)->up = false;
	peer_of(id)->in_flight = 0;
	DL_FOREACH_SAFE(w->answers, a, next) {
		if (a->peer == id) {
			DL_DELETE(w->answers, a);
			free(a->bytes);
			free(a);
		}
	}
	fetch_peer_down(w->fetch, id);
}

void world_open(const char *dir)
{
	uint8_t marker[32] = { 1, 2, 3 };
	char *why = NULL;

	w = MEM_NEW(struct world);
	snprintf(w->dir, sizeof(w->dir), "%s", dir);
	snprintf(w->share_dir, sizeof(w->share_dir), "%s/share", dir);
	snprintf(w->home_dir, sizeof(w->home_dir), "%s/home", dir);
	(void)mkdir(w->home_dir, 0700); /* it is there when a world goes on after a crash */
	w->loop = loop_new();
	w->workers = workers_new(w->loop, 3);
	w->timer = loop_timer_new(w->loop, give_answers, NULL);
	w->tick = loop_timer_new(w->loop, wake_world, NULL);
	loop_timer_start(w->tick, 1, 1);
	w->share = share_open(w->share_dir, true, false, marker, &why);
	assert_non_null(w->share);
	w->root = share_root(w->share);
	assert_true(index_open(&w->index, w->home_dir, &why) <= INDEX_NEW);
	for (size_t i = 0; i < PEERS; i++)
		w->peer[i] = (struct fake_peer){ .id = (i + 1) * 100, .epoch = 1000 + i, .has_upto = INT64_MAX };
	w->scan_hints = true;
	w->spare_ms = 500;
	fetch_begin();
	peer_up(ANNA);
}

void world_close(void)
{
	char dir[64];
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (w->fetch != NULL)
		fetch_end();
	for (size_t i = 0; i < PEERS; i++) {
		struct blob *b, *next;

		HASH_ITER(hh, w->peer[i].blobs, b, next) {
			HASH_DEL(w->peer[i].blobs, b);
			blob_free(b);
			free(b);
		}
	}
	for (size_t i = 0; i < w->nhints; i++)
		free(w->hints[i]);
	for (size_t i = 0; i < w->nconflicts; i++)
		free(w->conflicts[i]);
	index_close(w->index);
	share_free(w->share);
	loop_timer_free(w->timer);
	loop_timer_free(w->tick);
	workers_free(w->workers);
	loop_free(w->loop);
	snprintf(dir, sizeof(dir), "%s", w->dir);
	free(w);
	w = NULL;
	(void)fs_remove_tree(fd, dir + 1);
	close(fd);
}

int world_setup(void **state)
{
	char dir[64] = "/tmp/test-fetch-XXXXXX";

	(void)state;
	umask(022);
	assert_non_null(mkdtemp(dir));
	world_open(dir);
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_close();
	return 0;
}

void scan_path(const char *path)
{
	struct record row = { 0 }, r = { 0 };
	struct fs_stat st;
	struct blob b = { 0 };
	bool known = index_get(w->index, path, &row) > 0;
	char *text;
	size_t n;

	assert_int_equal(fs_stat_beneath(w->root, path, &st), 0);
	if (st.kind == 0) {
		if (known && !row.deleted && !row.leaving) {
			row.deleted = true;
			row.seen = (struct seen){ 0 };
			index_put_change(w->index, &row, NULL, ME);
			fetch_row_changed(w->fetch, path);
		}
		record_clear(&row);
		return;
	}
	if (known && !row.deleted && row.mode == st.mode && row.seen.ino == st.ino && row.seen.size == st.size &&
	    row.seen.mtime_ns == st.mtime_ns && row.seen.ctime_ns == st.ctime_ns) {
		record_clear(&row);
		return;
	}
	r.path = mem_strdup(path);
	r.mode = st.mode;
	r.mtime_ns = st.mtime_ns;
	r.seen = (struct seen){ .size = st.size,
		                .mtime_ns = st.mtime_ns,
		                .ctime_ns = st.ctime_ns,
		                .ino = st.ino,
		                .mode = st.mode };
	r.kind = st.kind == S_IFDIR ? RECORD_DIR : st.kind == S_IFLNK ? RECORD_SYMLINK : RECORD_FILE;
	if (r.kind == RECORD_DIR)
		r.mtime_ns = 0;
	if (r.kind == RECORD_SYMLINK) {
		const char *name;
		int fd = fs_open_parent(w->root, path, &name);

		r.target = fs_readlink_at(fd, name);
		r.mode = 0;
		close(fd);
	}
	if (r.kind == RECORD_FILE) {
		text = fs_read_file(w->root, path, 256 << 20, &n);
		assert_non_null(text);
		r.content = blob_make(&b, text, n, CHUNK);
		free(text);
	}
	if (known)
		version_copy(&r.version, &row.version);
	if (known && record_same(&row, &r)) {
		index_touch(w->index, path, &r.seen);
	} else {
		index_put_change(w->index, &r, b.list.n > 1 ? &b.list : NULL, ME);
		fetch_row_changed(w->fetch, path);
	}
	blob_free(&b);
	record_clear(&row);
	record_clear(&r);
}

static void scan_hinted(void)
{
	for (size_t i = 0; i < w->nhints; i++) {
		if (!fetch_installing(w->fetch, w->hints[i]))
			scan_path(w->hints[i]);
		free(w->hints[i]);
	}
	w->nhints = 0;
}

void turn(void)
{
	loop_turn(w->loop, true);
	if (w->scan_hints)
		scan_hinted();
}

bool run_ms(int64_t ms)
{
	int64_t end = clock_mono_ns() + ms * 1000000;

	while (!fetch_idle(w->fetch)) {
		if (clock_mono_ns() > end)
			return false;
		turn();
	}
	return true;
}

bool run(void)
{
	return run_ms(PATIENCE_MS);
}

/* --- what is on disk --- */

void write_text(const char *path, const char *text)
{
	int fd = fs_open(w->root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, text, strlen(text), 0), 0);
	close(fd);
}

void assert_bytes(const char *path, const void *bytes, size_t n)
{
	size_t got = 0;
	char *text = fs_read_file(w->root, path, 256 << 20, &got);

	if (text == NULL)
		fail_msg("%s is not there", path);
	assert_int_equal(got, n);
	assert_memory_equal(text, bytes, n);
	free(text);
}

void assert_text(const char *path, const char *text)
{
	assert_bytes(path, text, strlen(text));
}

bool is_there(const char *path)
{
	struct fs_stat st;

	assert_int_equal(fs_stat_beneath(w->root, path, &st), 0);
	return st.kind != 0;
}

bool text_is_somewhere(const char *text)
{
	char command[300];

	snprintf(command, sizeof(command), "grep -rqxF '%s' %s --exclude-dir=.lanyard", text, w->share_dir);
	return system(command) == 0;
}

void assert_row_is_true(const char *path)
{
	struct record r = { 0 };
	struct fs_stat st;

	assert_int_equal(fs_stat_beneath(w->root, path, &st), 0);
	if (index_get(w->index, path, &r) != 1)
		fail_msg("%s has no row", path);
	assert_int_equal(r.deleted, st.kind == 0);
	if (!r.deleted) {
		assert_int_equal(r.seen.ino, st.ino);
		if (r.kind != RECORD_SYMLINK)
			assert_int_equal(r.mode, st.mode);
		if (r.kind != RECORD_DIR) {
			assert_int_equal(r.seen.size, st.size);
			assert_int_equal(r.seen.mtime_ns, st.mtime_ns);
			assert_int_equal(r.seen.ctime_ns, st.ctime_ns);
			assert_int_equal(r.mtime_ns, st.mtime_ns);
		}
	}
	record_clear(&r);
}

size_t parts_left(void)
{
	char command[160];
	FILE *p;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A %s/.lanyard/parts | wc -l", w->share_dir);
	p = popen(command, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	return (size_t)n;
}
