/* The list: records of the group whose bytes this disk has not, and who has them. See fetch_internal.h.
 *
 * A record that is wanted is stored as its peer's offer, until its content is here. Any other is listed at once, under
 * a number of ours, so that it is passed on whether or not this agent ever gets its content. */
#include "sync/fetch/fetch_internal.h"

#include <string.h>

/* More than this is not listed: that much no folder has, and a member could fill the disk. */
static const int64_t LISTED_MAX = 8000000;

bool listed_is_full(const struct fetch *f)
{
	return index_listed(f->c.index) >= LISTED_MAX;
}

/* The peer's mode, as it last said; read once per message. */
static const struct fetch_peer *peer_with_mode(struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	struct index_peer known;

	if (!p->mode_known && index_peer_get(f->c.index, peer, &known) == 0) {
		p->chooses = known.on_demand || known.listed_until > 0;
		p->mode_known = true;
	}
	return p;
}

struct noted_hold {
	uint64_t peer;
	bool found, has;
};

static bool find_noted(void *arg, uint64_t peer, bool has)
{
	struct noted_hold *n = arg;

	if (peer != n->peer)
		return true;
	n->found = true;
	n->has = has;
	return false;
}

/* That a mirror has what it tells follows from its having settled our numbers, and needs no note of its own unless it
 * once said otherwise. Nobody settles a reader's numbers. */
bool listed_follows_from_numbers(struct fetch *f, uint64_t peer)
{
	return !index_is_reader(f->c.index) && !peer_with_mode(f, peer)->chooses;
}

void listed_note_holds(struct fetch *f, uint64_t peer, const struct record *mine, bool has)
{
	struct noted_hold n = { .peer = peer };

	if (mine->deleted || index_holders(f->c.index, mine, find_noted, &n) < 0)
		return;
	if (n.found ? n.has == has : has && listed_follows_from_numbers(f, peer))
		return;
	if (!n.found && index_has(f->c.index, mine, peer) == has)
		return;
	(void)index_holds_put(f->c.index, mine, peer, has);
	get_sources_changed(f->get);
}

/* The record of ours that has the content a peer speaks of. */
struct same_listed {
	const struct record *theirs;
	struct record found;
};

static bool find_same(void *arg, const struct record *r)
{
	struct same_listed *s = arg;

	if (!record_same_content(r, s->theirs))
		return true;
	record_copy(&s->found, r);
	return false;
}

void fetch_has(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	struct same_listed s = { .theirs = theirs };

	if (theirs->deleted)
		return;
	if (index_get(f->c.index, theirs->path, &s.found) <= 0 || !record_same_content(&s.found, theirs)) {
		record_clear(&s.found);
		(void)index_list(f->c.index, theirs->path, find_same, &s);
	}
	if (s.found.path != NULL)
		listed_note_holds(f, peer, &s.found, !theirs->absent);
	record_clear(&s.found);
}

static int list_record(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	int rc;

	if (listed_is_full(f) || (rc = index_list_add(f->c.index, theirs, peer)) < 0)
		return -1;
	f->state_changed |= rc > 0;
	/* Of what the peer was the first to tell, the list knows that it comes from there. */
	if (rc == 0 || theirs->absent || peer_with_mode(f, peer)->chooses)
		fetch_has(f, peer, theirs);
	return 0;
}

int listed_add(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);

	if (list_record(f, peer, theirs) == 0)
		return 0;
	if (p->unstorable == 0 || theirs->seq < p->unstorable)
		p->unstorable = theirs->seq;
	return -1;
}

void listed_store(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	if (index_wants(f->c.index, theirs))
		allowance_store_offer(f, peer, theirs);
	else
		(void)listed_add(f, peer, theirs);
}

void listed_sourceless(struct fetch *f, struct ticket *t)
{
	if (t->listed || t->repair || t->unstored || t->want.path == NULL || t->want.deleted)
		return;
	t->listed = true;
	ticket_due_update(f, t);
	if (listed_is_full(f) || index_list_add(f->c.index, &t->want, t->peer) < 0)
		return;
	if (t->want.absent && t->peer != 0)
		fetch_has(f, t->peer, &t->want);
}
