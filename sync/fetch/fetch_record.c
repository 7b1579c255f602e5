/* Records as they come from peers: changes of rows alone are made at once, other records become tickets. See
 * fetch.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* No content has to be got: there is none, or its bytes came along. */
static bool is_complete(const struct record *r, const uint8_t *bytes)
{
	return r->deleted || r->kind != RECORD_FILE || r->content.nblocks == 0 || bytes != NULL;
}

static bool bytes_fit(const struct record *r, const uint8_t *bytes, size_t n)
{
	return bytes != NULL && !r->deleted && r->kind == RECORD_FILE && r->content.nblocks == 1 && n > 0 &&
	       (int64_t)n == r->content.size;
}

struct living {
	const struct version *version;
	bool found;
};

static bool offer_is_later(void *arg, uint64_t peer, const struct record *r)
{
	struct living *l = arg;
	enum version_order order = version_compare(&r->version, l->version);

	l->found = !r->deleted && (peer == 0 || order == VERSION_EQUAL || order == VERSION_NEWER);
	return !l->found;
}

/* Whether the path is listed, or a member offers this version or a later one: it was not deleted after that. */
static bool lives_elsewhere(struct fetch *f, const struct record *theirs)
{
	struct living l = { .version = &theirs->version };

	return index_offers(f->c.index, theirs->path, offer_is_later, &l) < 0 || l.found;
}

/* The path was known here, was deleted, and its tombstone was forgotten: a member that still has it was away for too
 * long. Then the deletion is written again, with a version that includes theirs, so that it reaches that member. A
 * reader only leaves the record. */
static bool was_forgotten(struct fetch *f, const struct record *theirs)
{
	struct record ours = { 0 }, r = { .kind = theirs->kind, .deleted = true };
	bool gone;
	int rc;

	if (theirs->deleted || !index_knows(f->c.index, &theirs->version))
		return false;
	rc = index_get(f->c.index, theirs->path, &ours);
	gone = (rc == 0 && !lives_elsewhere(f, theirs)) ||
	       (rc > 0 && ours.deleted && version_compare(&theirs->version, &ours.version) == VERSION_CONCURRENT);
	if (gone && !index_is_reader(f->c.index)) {
		r.path = mem_strdup(theirs->path);
		version_copy(&r.version, &theirs->version);
		record_join(&r, &ours.version);
		gone = judge_put_change(f, &r, NULL) == 0;
	}
	record_clear(&r);
	record_clear(&ours);
	return gone;
}

/* The peer once settled our row and now has an older version: it forgot the deletion, and took the file from a member
 * that was away for too long. Our row is sent again. */
static void resend_deletion(struct fetch *f, uint64_t peer, const struct record *theirs, struct record *ours)
{
	struct index_peer p;

	if (version_compare(&theirs->version, &ours->version) != VERSION_OLDER ||
	    index_peer_get(f->c.index, peer, &p) < 0 || p.settled_epoch != index_epoch(f->c.index) ||
	    p.settled < ours->seq)
		return;
	(void)judge_put(f, ours, NULL, 0, NULL);
}

static bool is_of_ticket(const struct ticket *t, const struct record *theirs)
{
	return version_compare(&t->want.version, &theirs->version) == VERSION_EQUAL && record_same(&t->want, theirs);
}

/* Whether a further peer's record says the very same as the ticket's, so that nothing has to be judged. */
static bool is_also(struct fetch *f, const struct ticket *t, uint64_t peer, const struct record *theirs)
{
	return (t->unstored || t->state == TICKET_AWAIT_CARRIER) && t->peer != peer && t->peer != 0 &&
	       !theirs->absent && !t->want.absent && !t->repair && t->want.modified_by == theirs->modified_by &&
	       version_compare(&t->want.base, &theirs->base) == VERSION_EQUAL &&
	       version_compare(&t->want.mode_base, &theirs->mode_base) == VERSION_EQUAL &&
	       f->unstored_bytes < UNSTORED_BYTES_MAX && listed_follows_from_numbers(f, peer);
}

/* The bytes of a small file came with a record like the ticket's. False: it has them, or has no use for them. */
static bool take_carried(struct fetch *f, struct ticket *t, uint64_t peer, const uint8_t *bytes)
{
	bool early = t->state == TICKET_FRESH || t->state == TICKET_LOSS || t->state == TICKET_AWAIT_MOVE ||
	             t->state == TICKET_AWAIT_CARRIER || t->state == TICKET_QUEUED;

	if (bytes == NULL || !early || t->bytes != NULL || (t->peer == 0 && !t->unstored) || t->from != NULL ||
	    t->pair != NULL || t->repair || t->download != NULL || t->want.kind != RECORD_FILE ||
	    f->unstored_bytes >= UNSTORED_BYTES_MAX || liars_has(&t->liars, peer))
		return false;
	carried_bytes(f, t, peer, bytes);
	t->relayed = false;
	return true;
}

/* A record for a path that has a ticket: it is stored, and judged before anything is installed. One that says the same
 * as the ticket's own brings at most its bytes. */
static void record_for_ticket(struct fetch *f, struct ticket *t, uint64_t peer, const struct record *theirs,
                              const uint8_t *bytes)
{
	bool same = is_of_ticket(t, theirs), brought = same && take_carried(f, t, peer, bytes);

	if (same && ((t->unstored && t->peer == peer) || is_also(f, t, peer, theirs))) {
		if (t->peer != peer)
			also_add(f, t, peer, theirs->seq);
		else
			ticket_said_again(f, t);
		if (brought)
			carried_brought(f, t);
		else if (t->state == TICKET_AWAIT_CARRIER && t->carrier == peer && t->bytes == NULL)
			carried_give_up(f, t);
		return;
	}
	if (!was_forgotten(f, theirs))
		listed_store(f, peer, theirs);
	t->rejudge = true;
	/* A ticket in a batch that is out may not change: the record is judged when the batch is back. */
	if (t->state == TICKET_INSTALLING || (t->pair != NULL && t->pair->state == TICKET_INSTALLING))
		return;
	if (t->state == TICKET_PAIRED)
		ticket_unpair(f, t);
	getting_announced(f, t, peer);
	t->tries = 0;
	route_judge(f, t);
}

/* Our row counts as come from the peer, which nevertheless has another one that would become ours: by SAME both were to
 * come to the same, and something else concerned the path at its side. */
static void retell_what_came(struct fetch *f, uint64_t peer, const struct record *theirs, struct record *ours)
{
	struct record merged = { 0 };

	if (ours->via != peer || index_is_reader(f->c.index))
		return;
	if (reconcile(theirs, ours, &merged) != RECONCILE_NOTHING)
		(void)judge_put(f, ours, NULL, 0, NULL);
	record_clear(&merged);
}

/* A reader has what a member lists. The member took that only if it knew of the record by then, so the reader tells its
 * row once more, unless somebody else is known to have it. */
static void say_it_is_here(struct fetch *f, struct record *ours, const struct record *theirs)
{
	if (theirs->absent && index_is_reader(f->c.index) && index_choices(f->c.index)->mode == CHOOSE_ON_DEMAND &&
	    !ours->leaving && !judge_is_elsewhere(f, ours))
		(void)judge_put(f, ours, ours, ours->via, NULL);
}

/* Our row includes it, or wins against it. */
static void record_is_known(struct fetch *f, uint64_t peer, const struct record *theirs, struct record *ours)
{
	resend_deletion(f, peer, theirs, ours);
	judge_retell(f, ours, theirs);
	retell_what_came(f, peer, theirs, ours);
	if (!record_is_live(ours) || !record_same_content(ours, theirs))
		return;
	listed_note_holds(f, peer, ours, !theirs->absent);
	say_it_is_here(f, ours, theirs);
}

/* A deletion of what is not here: it costs nothing. What is listed and it does not know outlives it. */
static void record_ends_listed(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	if (listed_add(f, peer, theirs) == 0 && index_is_offered(f->c.index, theirs->path))
		(void)route_load(f, theirs->path);
}

/* Only our row changes, not the disk. */
static void record_at_once(struct fetch *f, uint64_t peer, const struct record *theirs, const struct record *ours,
                           struct record *merged)
{
	merged->seen = ours->seen;
	if (judge_put(f, merged, theirs, peer, NULL) < 0)
		listed_store(f, peer, theirs);
	else if (index_is_offered(f->c.index, theirs->path))
		(void)route_load(f, theirs->path);
	if (theirs->absent && record_is_live(merged) && record_same_content(merged, theirs))
		listed_note_holds(f, peer, merged, false);
}

/* Whether something is lost when the index takes the record: the bytes of a file, which would have to be requested, or
 * the time of a folder, whose files would come before it. */
static bool loses_when_stored(const struct record *theirs, const uint8_t *bytes)
{
	return bytes != NULL || record_is(theirs, RECORD_DIR);
}

static bool note_any_copy(void *arg, const struct record *r)
{
	(void)r;
	*(bool *)arg = true;
	return false;
}

/* A file here has the content: most likely it moves, and its old name's deletion is next. */
static bool has_copy_here(struct fetch *f, const struct record *theirs)
{
	bool found = false;

	return record_is(theirs, RECORD_FILE) &&
	       index_by_content(f->c.index, &theirs->content, note_any_copy, &found) == 0 && found;
}

/* A ticket for a record that changes the disk, and is wanted. NULL: it is only stored in the index, for later. */
static struct ticket *record_ticket(struct fetch *f, uint64_t peer, const struct record *theirs, const uint8_t *bytes,
                                    uint64_t carrier, bool only_meta)
{
	bool awaits = carrier != 0 && bytes == NULL && carried_has_room(f);
	bool hold = f->started && !f->paused &&
	            f->unstored_bytes <
	                    (awaits || loses_when_stored(theirs, bytes) ? UNSTORED_BYTES_MAX : UNSTORED_BARE_MAX) &&
	            (only_meta || awaits || is_complete(theirs, bytes) || has_copy_here(f, theirs));
	struct record want;
	struct ticket *t;

	if (!hold)
		allowance_store_offer(f, peer, theirs);
	if (!hold && (!f->started || f->paused || !ticket_has_slot(f, peer, BURST_MAX))) {
		f->walk.again = true;
		return NULL;
	}
	record_copy(&want, theirs);
	t = ticket_new(f, &want, peer);
	t->carrier = bytes == NULL ? carrier : 0;
	if (hold) {
		if (bytes != NULL)
			t->bytes = mem_dup(bytes, (size_t)theirs->content.size);
		t->bytes_from = peer;
		ticket_set_unstored(f, t);
	}
	return t;
}

/* A short list that came along need not be requested. */
static void keep_blocks(struct fetch *f, struct ticket *t, const struct blocklist *blocks)
{
	struct content c;

	if (blocks == NULL || blocks->n < 2 || blocks->n != t->want.content.nblocks ||
	    f->short_lists + blocks->n > SHORT_LISTS_MAX)
		return;
	c = blocklist_content(blocks);
	if (!content_equal(&c, &t->want.content))
		return;
	f->short_lists += blocks->n;
	t->blocks.n = blocks->n;
	t->blocks.b = mem_dup(blocks->b, blocks->n * sizeof(blocks->b[0]));
}

/* Whether the path is a reader's own. What stayed doubtful when others had told all that they have is only as long as
 * no member tells of it: then the row comes back, and makes way for any record unless the file was changed here. */
static bool is_readers_own(struct fetch *f, const char *path)
{
	struct record was = { 0 };
	enum aside_reason why;
	bool own;

	if (index_aside_count(f->c.index, ASIDE_READER) == 0 || index_aside_get(f->c.index, path, &why, &was) <= 0)
		return false;
	own = why == ASIDE_READER;
	if (own && index_is_reader(f->c.index) && record_is_live(&was) && was.version.n == 0 &&
	    index_bring_back(f->c.index, path, NULL) > 0) {
		(void)index_put(f->c.index, &was, NULL);
		own = false;
	}
	record_clear(&was);
	return own;
}

/* Our row of the path, unless it is set aside for theirs. */
static bool row_beside(struct fetch *f, const struct record *theirs, struct record *ours)
{
	if (index_get(f->c.index, theirs->path, ours) <= 0)
		return false;
	if (!judge_stays_own(f, ours, theirs))
		return true;
	record_clear(ours);
	return false;
}

/* In this order: a leftover and a ticket of the path come first; then a tombstone that was forgotten; then what our
 * disk made of their version; then reconcile decides. */
static void record_take(struct fetch *f, uint64_t peer, const struct record *theirs, const uint8_t *bytes,
                        uint64_t carrier, const struct blocklist *blocks)
{
	struct ticket *t = ticket_find(f, theirs->path);
	struct record ours = { 0 }, merged = { 0 };
	enum reconcile action;
	bool known, own;

	f->record_came = true;
	/* A leftover of the earlier run has to get its row first, or it would seem newer than this record. */
	if (!f->started && index_leftover(f->c.index, theirs->path) != NULL) {
		listed_store(f, peer, theirs);
		return;
	}
	if (t != NULL) {
		record_for_ticket(f, t, peer, theirs, bytes);
		return;
	}
	if (was_forgotten(f, theirs))
		return;
	guard_judges(f, theirs->path);
	own = is_readers_own(f, theirs->path);
	known = row_beside(f, theirs, &ours);
	if (known && !index_is_reader(f->c.index) && judge_is_degraded(share_disk(f->c.share), &ours, theirs)) {
		if (judge_take_original(f, &ours, theirs) < 0)
			allowance_store_offer(f, peer, theirs);
		record_clear(&ours);
		return;
	}
	action = judge_reconcile(f->c.index, known ? &ours : NULL, theirs, &merged);
	if (action == RECONCILE_NOTHING) {
		if (known)
			record_is_known(f, peer, theirs, &ours);
		index_offer_forget(f->c.index, theirs->path, peer);
	} else if (theirs->deleted && !record_is_live(&ours) && index_is_offered(f->c.index, theirs->path)) {
		record_ends_listed(f, peer, theirs);
	} else if (!known && theirs->deleted && !allowance_take(f, peer, theirs)) {
		index_offer_forget(f->c.index, theirs->path, peer);
	} else if (judge_at_once(action, known ? &ours : NULL, &merged)) {
		record_at_once(f, peer, theirs, &ours, &merged);
	} else if (!index_wants(f->c.index, theirs)) {
		(void)listed_add(f, peer, theirs);
		route_listed(f, theirs);
	} else {
		t = record_ticket(f, peer, theirs, bytes, carrier, action == RECONCILE_ADOPT);
		if (t != NULL) {
			judge_set(f, t, &ours, &merged, action);
			keep_blocks(f, t, blocks);
		}
	}
	/* The group may have come to what is there. */
	if (own && f->c.hint != NULL)
		f->c.hint(f->c.arg, theirs->path);
	record_clear(&ours);
	record_clear(&merged);
}

void fetch_record(struct fetch *f, uint64_t peer, const struct record *theirs, const uint8_t *bytes, size_t n,
                  const struct blocklist *blocks)
{
	record_take(f, peer, theirs, bytes_fit(theirs, bytes, n) ? bytes : NULL, 0, blocks);
}

void fetch_record_carried(struct fetch *f, uint64_t peer, const struct record *theirs, uint64_t carrier)
{
	bool small = record_is(theirs, RECORD_FILE) && theirs->content.nblocks == 1;

	record_take(f, peer, theirs, NULL, small && carrier != peer && carried_may_wait(f, carrier) ? carrier : 0,
	            NULL);
}

/* Nothing but our row concerns the path: no ticket, no leftover, nothing that is offered, listed or set aside. */
static bool is_plain_row(struct fetch *f, const char *path)
{
	return f->started && ticket_find(f, path) == NULL && index_aside_count(f->c.index, ASIDE_READER) == 0 &&
	       !index_is_reader(f->c.index) && !index_is_offered(f->c.index, path);
}

/* Under a new number, so that whoever was told of our row is told of this too; where only the peer was, which comes to
 * the same by itself, the number stays, which costs a fourth. */
static int put_same(struct fetch *f, uint64_t peer, struct record *merged)
{
	return index_told_only(f->c.index, peer) ? index_join(f->c.index, merged) : index_put(f->c.index, merged, NULL);
}

uint64_t fetch_record_same(struct fetch *f, uint64_t peer, const struct record *ours, const struct record *theirs)
{
	struct record merged = { 0 };
	uint64_t seq = 0;

	f->record_came = true;
	if (is_plain_row(f, ours->path) && reconcile_twins(ours, theirs, &merged)) {
		guard_judges(f, ours->path);
		merged.seen = ours->seen;
		merged.leaving = ours->leaving;
		merged.via = peer;
		merged.seq = ours->seq;
		if (put_same(f, peer, &merged) == 0) {
			f->puts++;
			seq = merged.seq;
		} else {
			listed_store(f, peer, theirs);
		}
		record_clear(&merged);
		return seq;
	}
	fetch_record(f, peer, theirs, NULL, 0, NULL);
	return 0;
}

/* is_plain_row() for whatever path, and no hold that a judgement would change. */
static bool all_rows_are_plain(const struct fetch *f)
{
	return f->started && f->tickets == NULL && index_aside_count(f->c.index, ASIDE_READER) == 0 &&
	       !index_is_reader(f->c.index) && !index_any_offered(f->c.index) && !guard_holds_any(f->guard);
}

bool fetch_records_same(struct fetch *f, uint64_t peer, uint64_t writer, const struct index_pair *pairs, size_t n)
{
	if (!all_rows_are_plain(f) || !index_told_only(f->c.index, peer) ||
	    index_join_later(f->c.index, peer, writer, pairs, n) <= 0)
		return false;
	f->record_came = true;
	return true;
}

int fetch_tell_again(struct fetch *f, const struct record *ours)
{
	struct record r = { 0 };
	int rc;

	record_copy(&r, ours);
	rc = judge_put(f, &r, NULL, 0, NULL);
	record_clear(&r);
	return rc;
}

void fetch_records_end(struct fetch *f, uint64_t peer)
{
	fetch_peer_get(f, peer)->mode_known = false;
	allowance_save(f, peer);
	route_fresh(f);
	route_records_end(f);
	fetch_wake(f);
}
