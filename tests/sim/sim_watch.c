/* Stands in for sync/local/watch.c: hints come from the simulator, which knows what it did to a share. As with
 * inotify they only say which path to check; here they also come late, twice, or never. */
#include "sync/local/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "tests/sim/sim_internal.h"
#include "tests/sim/tally.h"

enum { QUICK_MAX_MS = 15, LATE_PERCENT = 5, LATE_MAX_MS = 3000, TWICE_PERCENT = 5 };

struct watch {
	struct loop *loop;
	struct watch_ops ops;
	void *arg;
	int pending;
	struct hint *hints; /* hints on their way */
};

struct hint {
	struct hint *prev, *next;
	struct watch *watch;
	struct sim_event *due;
	enum { HINT_PATH, HINT_TREE, HINT_MOVED, HINT_LOST } kind;
	enum debounce_event event;
	bool is_dir;
	char *path, *to;
};

static struct watch *watches[SIM_HOSTS]; /* the current watch of each host; NULL: it sees nothing */
static bool blind[SIM_HOSTS];
static unsigned loss;

void sim_watch_blind(int host, bool is_blind)
{
	blind[host] = is_blind;
}

void sim_watch_set_loss(unsigned percent)
{
	loss = percent;
}

bool sim_watch_sees(int host)
{
	return watches[host] != NULL && !sim_loop_dead(watches[host]->loop);
}

int sim_watch_pending(int host)
{
	return watches[host] != NULL ? watches[host]->pending : 0;
}

int watch_open(void)
{
	int host = sim_running_host();

	if (host >= 0 && blind[host]) {
		tally_add(TALLY_BLIND);
		errno = EMFILE;
		return -1;
	}
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int watch_add(int inotify, int dirfd)
{
	(void)inotify;
	return dirfd + 1;
}

void watch_know(struct watch *w, const char *path, int wd)
{
	(void)w;
	(void)path;
	(void)wd;
}

bool watch_knows(const struct watch *w, const char *path)
{
	(void)w;
	(void)path;
	return true;
}

size_t watch_count(const struct watch *w)
{
	(void)w;
	return 1;
}

bool watch_idle(const struct watch *w)
{
	return w->pending == 0;
}

struct watch *watch_new(struct loop *loop, int inotify, const struct watch_ops *ops, void *arg)
{
	struct watch *w = MEM_NEW(struct watch);

	(void)inotify;
	w->loop = loop;
	w->ops = *ops;
	w->arg = arg;
	watches[sim_loop_host(loop)] = w;
	return w;
}

static void drop(struct hint *h)
{
	DL_DELETE(h->watch->hints, h);
	h->watch->pending--;
	free(h->path);
	free(h->to);
	free(h);
}

void watch_free(struct watch *w)
{
	struct hint *h, *next;

	if (w == NULL)
		return;
	DL_FOREACH_SAFE(w->hints, h, next) {
		sim_cancel(h->due);
		drop(h);
	}
	if (watches[sim_loop_host(w->loop)] == w)
		watches[sim_loop_host(w->loop)] = NULL;
	free(w);
}

static void arrive(void *arg)
{
	struct hint *h = arg;
	struct watch *w = h->watch;

	switch (h->kind) {
	case HINT_PATH:
		w->ops.hint(w->arg, h->path, h->event);
		break;
	case HINT_TREE:
		w->ops.tree(w->arg, h->path);
		break;
	case HINT_MOVED:
		w->ops.moved(w->arg, h->path, h->to, h->is_dir);
		break;
	case HINT_LOST:
		w->ops.lost(w->arg);
		break;
	}
	drop(h);
}

/* Each hint may get lost, come late, or come twice, each copy at its own time, so that hints overtake one another. */
static void send(int host, const struct hint *what)
{
	struct watch *w = watches[host];
	uint64_t *luck = sim_luck();
	int copies = sim_chance(luck, TWICE_PERCENT) ? 2 : 1;

	if (sim_chance(luck, loss)) {
		tally_add(TALLY_HINT_LOST);
		return;
	}
	if (w == NULL || sim_loop_dead(w->loop))
		return;
	tally_count(TALLY_HINT_TWICE, copies == 2);
	while (copies-- > 0) {
		struct hint *h = mem_dup(what, sizeof(*what));
		bool late = sim_chance(luck, LATE_PERCENT);
		uint64_t ms = sim_below(luck, late ? LATE_MAX_MS : QUICK_MAX_MS);

		tally_count(TALLY_HINT_LATE, late);
		h->watch = w;
		h->path = mem_strdup(what->path);
		h->to = mem_strdup(what->to);
		DL_APPEND(w->hints, h);
		w->pending++;
		h->due = sim_at(w->loop, (int64_t)ms * SIM_MS, arrive, h);
	}
}

static void send_path(int host, const char *path, enum debounce_event event)
{
	struct hint h = { .kind = HINT_PATH, .event = event };

	h.path = mem_strdup(path);
	send(host, &h);
	free(h.path);
}

static void send_tree(int host, const char *path)
{
	struct hint h = { .kind = HINT_TREE };

	h.path = mem_strdup(path);
	send(host, &h);
	free(h.path);
}

void sim_watch_change(int host, enum sim_change what, const char *path)
{
	switch (what) {
	case SIM_CREATED:
		send_path(host, path, DEBOUNCE_FRESH);
		break;
	case SIM_WRITTEN:
		send_path(host, path, DEBOUNCE_MODIFIED);
		send_path(host, path, DEBOUNCE_CLOSED);
		break;
	case SIM_GROWN:
		send_path(host, path, DEBOUNCE_MODIFIED);
		break;
	case SIM_CLOSED:
		send_path(host, path, DEBOUNCE_CLOSED);
		break;
	case SIM_GONE:
		send_path(host, path, DEBOUNCE_NOW);
		break;
	case SIM_ATTRIB:
		send_path(host, path, DEBOUNCE_ATTRIB);
		break;
	case SIM_MKDIR:
		send_tree(host, path);
		break;
	}
}

void sim_watch_moved(int host, const char *from, const char *to, bool is_dir)
{
	struct hint h = { .kind = HINT_MOVED, .is_dir = is_dir };

	/* Sometimes the two halves of a move do not find each other. */
	if (sim_chance(sim_luck(), 20)) {
		tally_add(TALLY_HINT_HALVES);
		send_path(host, from, DEBOUNCE_NOW);
		if (is_dir)
			send_tree(host, to);
		else
			send_path(host, to, DEBOUNCE_NOW);
		return;
	}
	h.path = mem_strdup(from);
	h.to = mem_strdup(to);
	send(host, &h);
	free(h.path);
	free(h.to);
}

void sim_watch_overflow(int host)
{
	if (watches[host] != NULL)
		tally_add(TALLY_OVERFLOW);
	send(host, &(struct hint){ .kind = HINT_LOST });
}
