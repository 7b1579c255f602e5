/* Users who write a large file slowly, piece by piece, while members are told of it behind them: see script.h. The file
 * stays open: who moves it goes on in it at its new place, and who deletes or replaces it has nothing to go on in. What
 * becomes of it meanwhile is drawn in advance; other users may do their own to it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "tests/sim/action_internal.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"

enum {
	PIECE_MIN = 100 << 10,
	PIECE_MORE = 300 << 10,
	PIECES_MIN = 4,
	PIECES_MORE = 8,
	GAP_MIN_MS = 20,
	GAP_MORE_MS = 250,
	REST_PERCENT = 5, /* before a piece, which comes so much later: */
	REST_MS = 6000,
	SLOW_MAX = 6, /* files at a time */
};

/* What happens to it in the middle; otherwise it only becomes longer. */
enum fate {
	FATE_NONE,
	FATE_NONE_TOO,
	FATE_CUT_SHORT,
	FATE_PATCHED,
	FATE_MOVED,
	FATE_NAMED_AT_END, /* written under another name, which is replaced by the right one in the end */
	FATE_DELETED,
	FATE_REPLACED,
	FATE_WRITER_DIES, /* the agent of its own host */
	FATE_READER_DIES, /* that of another one */
	FATES
};

struct slow {
	struct slow *prev, *next;
	struct host *h;
	uint64_t luck;
	int fd;
	uint64_t ino;
	char *path; /* where it was last seen; owned */
	int left;   /* pieces to come */
	int middle; /* of these, when its fate comes */
	enum fate fate;
	struct sim_event *due;
};

static struct slow *slows;

static void slow_step(void *arg);

bool action_slow_writes(const char *path)
{
	const struct slow *w;

	DL_FOREACH(slows, w) {
		if (strcmp(w->path, path) == 0)
			return true;
	}
	return false;
}

/* Its user closes it. */
static void slow_end(struct slow *w, bool there)
{
	close(w->fd);
	if (there)
		sim_watch_change(w->h->number, SIM_CLOSED, w->path);
	sim_trace("host %d has written %s", w->h->number, w->path);
	DL_DELETE(slows, w);
	free(w->path);
	free(w);
}

/* Looks where the file is now; false: nowhere in the share. */
static bool slow_find(struct slow *w)
{
	struct tree t;
	bool found = false;

	tree_read(&t, w->h->share, "");
	for (size_t i = 0; i < t.n && !found; i++) {
		if (t.leaves[i].st.kind != S_IFREG || t.leaves[i].st.ino != w->ino)
			continue;
		free(w->path);
		w->path = mem_strdup(t.leaves[i].path);
		found = true;
	}
	tree_free(&t);
	return found;
}

static void fill(uint64_t *luck, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint64_t v = sim_next(luck);

		memcpy(bytes + i, &v, 8);
	}
}

/* Changes the file through its descriptor, and says so. at < 0: the piece goes to its end. */
static void slow_write(struct slow *w, struct act *a, size_t n, off_t at)
{
	uint8_t *bytes = mem_calloc(n, 1);

	fill(&w->luck, bytes, n);
	oracle_loses(w->h, w->path);
	if (at < 0)
		at = lseek(w->fd, 0, SEEK_END);
	if (pwrite(w->fd, bytes, n, at) != (ssize_t)n)
		abort();
	free(bytes);
	act_stamp(a, w->path, sim_next(&w->luck));
	oracle_wrote(w->h, w->path);
	sim_watch_change(w->h->number, SIM_GROWN, w->path);
	tally_add(TALLY_PIECES);
}

static void cut_short(struct slow *w, struct act *a)
{
	off_t size = lseek(w->fd, 0, SEEK_END);

	oracle_loses(w->h, w->path);
	if (ftruncate(w->fd, (off_t)sim_below(&w->luck, (uint64_t)size)))
		abort();
	act_stamp(a, w->path, sim_next(&w->luck));
	oracle_wrote(w->h, w->path);
	sim_watch_change(w->h->number, SIM_GROWN, w->path);
}

static void put_other(struct slow *w, struct act *a)
{
	char *other = mem_printf("%s.other", w->path), *to = mem_strdup(w->path);
	size_t n;
	uint8_t *bytes = act_bytes(&w->luck, &n);

	if (act_put(a, other, O_TRUNC, bytes, n))
		act_move(a, other, to);
	free(bytes);
	free(other);
	free(to);
}

static void remove_it(struct slow *w, struct act *a)
{
	char *f = act_full(a, w->path);

	oracle_loses(w->h, w->path);
	if (unlink(f) == 0)
		sim_watch_change(w->h->number, SIM_GONE, w->path);
	free(f);
}

static void move_it(struct slow *w, struct act *a)
{
	char *to = act_path(a, false);

	if (strcmp(to, w->path) != 0)
		act_move(a, w->path, to);
	free(to);
}

static void befall(struct slow *w, struct act *a)
{
	static const enum tally counts[FATES] = { [FATE_CUT_SHORT] = TALLY_SLOW_CUT_SHORT,
		                                  [FATE_PATCHED] = TALLY_SLOW_PATCHED,
		                                  [FATE_MOVED] = TALLY_SLOW_MOVED,
		                                  [FATE_DELETED] = TALLY_SLOW_DELETED,
		                                  [FATE_REPLACED] = TALLY_SLOW_REPLACED,
		                                  [FATE_WRITER_DIES] = TALLY_SLOW_WRITER_DIED,
		                                  [FATE_READER_DIES] = TALLY_SLOW_READER_DIED };
	int other = (w->h->number + 1 + (int)sim_below(&w->luck, (uint64_t)hosts_n - 1)) % hosts_n;
	off_t size = lseek(w->fd, 0, SEEK_END);

	switch (w->fate) {
	case FATE_CUT_SHORT:
		cut_short(w, a);
		break;
	case FATE_PATCHED:
		slow_write(w, a, PIECE_MIN, (off_t)sim_below(&w->luck, (uint64_t)size));
		break;
	case FATE_MOVED:
		move_it(w, a);
		break;
	case FATE_DELETED:
		remove_it(w, a);
		break;
	case FATE_REPLACED:
		put_other(w, a);
		break;
	case FATE_WRITER_DIES:
		trouble_crash(w->h->number);
		break;
	case FATE_READER_DIES:
		trouble_crash(other);
		break;
	default:
		return;
	}
	tally_add(counts[w->fate]);
}

static void slow_next(struct slow *w)
{
	uint64_t ms = GAP_MIN_MS + sim_below(&w->luck, GAP_MORE_MS);

	if (sim_chance(&w->luck, REST_PERCENT))
		ms += REST_MS;
	w->due = sim_at(NULL, (int64_t)ms * SIM_MS, slow_step, w);
}

static void slow_step(void *arg)
{
	struct slow *w = arg;
	struct act a = { .h = w->h, .luck = sim_next(&w->luck) };
	bool there = slow_find(w);

	w->due = NULL;
	tree_read(&a.tree, w->h->share, "");
	if (there && w->left == w->middle)
		befall(w, &a);
	else if (there)
		slow_write(w, &a, PIECE_MIN + sim_below(&w->luck, PIECE_MORE), -1);
	w->left--;
	if (there && w->left > 0) {
		slow_next(w);
	} else {
		if (there && w->fate == FATE_NAMED_AT_END)
			move_it(w, &a);
		slow_end(w, slow_find(w));
	}
	tree_free(&a.tree);
}

void action_slow(struct act *a)
{
	char *path = a->path ? mem_strdup(a->path) : act_path(a, false), *f = act_full(a, path);
	struct slow *w;
	struct stat st;
	uint64_t first = sim_next(&a->luck);
	int fd, n = 0;

	DL_COUNT(slows, w, n);
	/* A file that is there is written again from its front, as by `cp`. */
	if (n < SLOW_MAX && act_put(a, path, O_TRUNC, (const uint8_t *)&first, sizeof(first)) &&
	    (fd = open(f, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)) >= 0) {
		if (fstat(fd, &st))
			abort();
		w = MEM_NEW(struct slow);
		w->h = a->h;
		w->luck = sim_next(&a->luck);
		w->fd = fd;
		w->ino = st.st_ino;
		w->path = mem_strdup(path);
		w->left = PIECES_MIN + (int)sim_below(&w->luck, PIECES_MORE);
		w->middle = 1 + (int)sim_below(&w->luck, (uint64_t)w->left - 1);
		w->fate = (enum fate)sim_below(&w->luck, FATES);
		DL_APPEND(slows, w);
		act_say(a, "begins to write slowly", path);
		slow_next(w);
	}
	free(f);
	free(path);
}

void action_slow_end(void)
{
	struct slow *w, *next;

	DL_FOREACH_SAFE(slows, w, next) {
		sim_cancel(w->due);
		slow_end(w, slow_find(w));
	}
}
