/* How much one member may tell of paths that were never here. The deletion of such a path changes no tree; it is kept for those who
 * may still have the file, and told on. Each member that brings them has room for so many as the share's own size makes
 * likely, whoever wrote them: it could name any author. What is beyond is not kept, and the member that has it tells it to those who
 * need it. The room comes back in the time after which deletions are forgotten. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	ROW_COST = 256,      /* bytes of the index that a row takes, beside its path and version */
	ROOM_MIN = 8 << 20,  /* bytes for anybody */
	ROOM_EACH = 2 << 10, /* and for each row of the share that lives */
	NAME_LEN = 40,
};

static const int64_t ROOM_BACK_S = INT64_C(30) * 86400; /* as tombstones-age is by default */

static const char *name_of(char out[NAME_LEN], const char *what, uint64_t peer)
{
	(void)snprintf(out, NAME_LEN, "%s %016" PRIx64, what, peer);
	return out;
}

static int64_t room(const struct fetch *f)
{
	const struct index_totals t = index_totals(f->c.index);

	return ROOM_MIN + ROOM_EACH * (t.files + t.dirs + t.symlinks);
}

static void load(struct fetch *f, struct fetch_peer *p)
{
	char name[NAME_LEN];

	if (p->bare_known)
		return;
	if (index_meta_get(f->c.index, name_of(name, "bare", p->id), &p->bare) < 0 ||
	    index_meta_get(f->c.index, name_of(name, "bare since", p->id), &p->bare_s) < 0)
		return;
	if (p->bare_s == 0)
		p->bare_s = clock_wall_s();
	p->bare_known = true;
}

/* What has come back since; a clock that goes backwards gives nothing back. */
static void give_back(struct fetch_peer *p, int64_t all)
{
	int64_t now = clock_wall_s(), passed = now - p->bare_s;

	p->bare_s = now;
	if (passed <= 0)
		return;
	if (passed > ROOM_BACK_S)
		passed = ROOM_BACK_S;
	p->bare -= all / ROOM_BACK_S * passed + all % ROOM_BACK_S * passed / ROOM_BACK_S;
	if (p->bare < 0)
		p->bare = 0;
}

static void note_refused(struct fetch *f, struct fetch_peer *p, const struct record *theirs)
{
	struct index_peer known;

	/* What is not taken is not known: nothing may be taken for deleted on the strength of it. */
	if ((p->passed == 0 || theirs->seq < p->passed) && index_peer_get(f->c.index, p->id, &known) == 0) {
		(void)index_passed_over(f->c.index, known.epoch, theirs->seq);
		p->passed = theirs->seq;
	}
	if (p->refused++ > 0)
		return;
	p->refused_path = mem_strdup(theirs->path);
	p->refused_s = clock_wall_s();
	f->tell = true;
}

bool allowance_take(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	int64_t cost = ROW_COST + 2 * (int64_t)strlen(theirs->path) + 16 * (int64_t)theirs->version.n, all = room(f);

	load(f, p);
	if (p->bare + cost > all)
		give_back(p, all);
	if (p->bare + cost > all) {
		note_refused(f, p, theirs);
		return false;
	}
	p->bare += cost;
	p->bare_unsaved = true;
	return true;
}

void allowance_save(struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	char name[NAME_LEN];

	if (!p->bare_unsaved)
		return;
	(void)index_meta_put(f->c.index, name_of(name, "bare", peer), p->bare);
	(void)index_meta_put(f->c.index, name_of(name, "bare since", peer), p->bare_s);
	p->bare_unsaved = false;
}

void fetch_refusals(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_refusal *r), void *arg)
{
	for (const struct fetch_peer *p = f->peers; p != NULL; p = p->hh.next) {
		struct fetch_refusal r = { .peer = p->id,
			                   .path = p->refused_path,
			                   .count = p->refused,
			                   .since_s = p->refused_s };

		if (p->refused > 0 && !fn(arg, &r))
			return;
	}
}
