/* The vault as a whole: who comes and goes, what is said to whom, and the clock. */
#include "sync/vault/vault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/vault/vault_internal.h"

enum { EPOCH_GAP_MS = 600000 }; /* between two new epochs that are begun on a peer's word */

static void vault_pumped(void *arg)
{
	struct vault *v = arg;
	struct vault_peer *p;
	bool withheld;

	if (v->stopping)
		return;
	(void)vault_space_full(v);
	vault_pending_pump(v);
	vault_withheld_go_on(v);
	withheld = v->withheld_waits;
	v->withheld_waits = false;
	DL_FOREACH(v->peers, p) {
		if (withheld)
			vault_serve_tell(v, p);
		vault_serve_go_on(v, p);
	}
}

static void vault_sync_due(void *arg)
{
	struct vault *v = arg;

	v->sync_failed = false;
	vault_arrival_sync(v, true);
}

static void vault_second(void *arg)
{
	struct vault *v = arg;
	struct vault_peer *p;

	if (v->stopping)
		return;
	v->seconds++;
	vault_clock_tick(v);
	vault_object_tick(v);
	vault_space_tick(v);
	vault_kept_tick(v);
	vault_scrub_tick(v);
	if (v->reset_due)
		vault_repair_reset(v);
	DL_FOREACH(v->peers, p) {
		vault_pending_tick(v, p);
		vault_cores_ask_again(v, p);
	}
	loop_timer_start(v->pump, 0, 0);
}

/* The folder is made by a worker; what needs it meanwhile makes it too. */
struct vault_first_job {
	struct vault *v;
	struct share_handle *share;
	bool made; /* it was not there */
	int error;
};

static void vault_first_work(void *arg)
{
	struct vault_first_job *j = arg;

	if (vault_store_make(j->share->root, &j->made) < 0)
		j->error = errno;
}

static void vault_first_done(void *arg)
{
	struct vault_first_job *j = arg;

	j->v->jobs--;
	if (j->error != 0)
		log_error("%s: %s cannot be made: %s", share_path(j->v->config.share), VAULT_FOLDER,
		          strerror(j->error));
	else if (!j->v->stopping)
		vault_kept_begin(j->v, j->made);
	share_handle_free(j->share);
	free(j);
}

struct vault *vault_new(const struct vault_config *c, char **why)
{
	struct vault *v = MEM_NEW(struct vault);
	struct vault_first_job *first;

	*why = NULL;
	v->config = *c;
	v->tick_ms = c->tick_ms > 0 ? c->tick_ms : 1000;
	v->share = share_handle_of(c->share);
	if (v->share == NULL) {
		*why = mem_printf("%s: %s", share_path(c->share), strerror(errno));
		free(v);
		return NULL;
	}
	v->on_index_disk = index_is_on_disk(c->index, share_dev(c->share));
	v->committed = index_seq(c->index);
	(void)vault_peer_writer_lost(v, vault_withheld_note);
	v->foreseen = VAULT_FORESEEN;
	v->met = vault_pending_met;
	v->page_met = vault_arrival_page_met;
	v->pump = loop_timer_new(c->loop, vault_pumped, v);
	v->sync = loop_timer_new(c->loop, vault_sync_due, v);
	v->second = loop_timer_new(c->loop, vault_second, v);
	loop_timer_start(v->second, v->tick_ms, v->tick_ms);
	vault_arrival_new(v);
	vault_clock_new(v);
	vault_kept_new(v);
	vault_scrub_new(v);
	vault_withheld_look(v);
	/* After a crash something may be noted that nobody was asked for. */
	v->reset_due = index_vault_lacks(c->index);
	first = MEM_NEW(struct vault_first_job);
	first->v = v;
	first->share = share_handle_ref(v->share);
	vault_job_submit(v, vault_first_work, vault_first_done, first);
	return v;
}

void vault_stop(struct vault *v)
{
	if (!v->stopping)
		vault_clock_keep(v);
	v->stopping = true;
	loop_timer_stop(v->pump);
	loop_timer_stop(v->sync);
	loop_timer_stop(v->second);
}

bool vault_stopped(const struct vault *v)
{
	return v->stopping && v->jobs == 0;
}

static void peer_end(struct vault *v, struct vault_peer *p)
{
	vault_cores_drop(p);
	vault_serve_end(p);
	vault_pending_peer_gone(v, p);
	vault_object_peer_gone(v, p);
	vault_peer_free(v, p);
}

void vault_free(struct vault *v)
{
	struct vault_peer *p, *next;

	if (v == NULL)
		return;
	vault_pending_free_all(v);
	vault_object_free_all(v);
	DL_FOREACH_SAFE(v->peers, p, next) {
		vault_cores_drop(p);
		vault_serve_end(p);
		vault_peer_free(v, p);
	}
	vault_scrub_free(v);
	vault_arrival_free(v);
	vault_mail_free(v);
	vault_withheld_free(v);
	free(v->writers);
	loop_timer_free(v->pump);
	loop_timer_free(v->sync);
	loop_timer_free(v->second);
	share_handle_free(v->share);
	free(v);
}

/* --- peers --- */

void vault_proved(struct vault *v, uint64_t peer)
{
	if (!v->stopping)
		vault_peer_hello(v, peer);
}

static bool hello_anew(void *arg, const struct roster_member *m)
{
	struct vault *v = arg;
	uint64_t id = agent_id_short(&m->id);

	/* It may have our hello, and not be up here yet. */
	if (rights_has(m->role, RIGHT_READ) && vault_peer_find(v, id) == NULL)
		vault_peer_hello(v, id);
	return true;
}

/* The peer knows later numbers of ours than we do: our index was rolled back. What is known of our numbers counts for
 * nothing any more, and writers tell again what we have lost. */
static void vault_epoch_begin(struct vault *v)
{
	int64_t now = loop_now_ms(v->config.loop);
	struct vault_peer *p;

	if (v->epoch_ms != 0 && now - v->epoch_ms < EPOCH_GAP_MS)
		return;
	v->epoch_ms = now;
	log_warn("%s: the vault's index was rolled back; writers tell their rows again", share_path(v->config.share));
	v->config.ops->problem(v->config.arg, "the vault's index is older than what others have seen of it");
	vault_kept_again(v);
	index_new_epoch(v->config.index, index_seq(v->config.index));
	v->committed = index_seq(v->config.index);
	DL_FOREACH(v->peers, p) {
		p->cursor = 0;
		vault_peer_hello(v, p->id);
	}
	roster_members(v->config.roster, hello_anew, v);
	v->reset_ms = 0;
	vault_repair_reset(v);
}

void vault_rolled_back(struct vault *v)
{
	if (!v->stopping)
		vault_epoch_begin(v);
}

/* How far we are with it, by its numbers. */
static void peer_begin(struct vault *v, struct vault_peer *p, const struct msg_vault *hello)
{
	struct index_peer known;

	p->writes = hello->role_known <= ROLE_VAULT && rights_has((enum role)hello->role_known, RIGHT_WRITE);
	p->epoch = hello->epoch;
	p->last = hello->seq;
	p->had = v->committed;
	vault_cores_drop(p);
	if (index_peer_get(v->config.index, p->id, &known) == 0 && known.epoch != hello->epoch) {
		known.epoch = hello->epoch;
		known.received = 0;
		(void)index_peer_put(v->config.index, p->id, &known);
	}
	p->done = p->syncing = p->safe = known.received;
	vault_peer_rewind(v, p, known.received);
}

void vault_up(struct vault *v, uint64_t peer, const struct msg_vault *hello)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	if (v->stopping)
		return;
	if (p != NULL && p->epoch != hello->epoch) {
		peer_end(v, p);
		p = NULL;
	}
	if (p == NULL)
		p = vault_peer_add(v, peer);
	if (p == NULL)
		return;
	/* Vaults tell one another nothing yet. */
	if (!vault_peer_may(v, p, RIGHT_READ)) {
		peer_end(v, p);
		return;
	}
	peer_begin(v, p, hello);
	/* A reader's word changes nothing here. It shows a rollback by a head that we signed ourselves. */
	if (vault_peer_vouches(v, p) && hello->have_epoch == index_epoch(v->config.index) &&
	    hello->have_seq > index_seq(v->config.index))
		vault_epoch_begin(v);
	vault_serve_start(v, p, hello);
	loop_timer_start(v->pump, 0, 0);
}

void vault_down(struct vault *v, uint64_t peer)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	if (p != NULL && !v->stopping)
		peer_end(v, p);
}

void vault_room(struct vault *v, uint64_t peer)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	if (p == NULL || v->stopping)
		return;
	vault_serve_tell(v, p);
	vault_serve_go_on(v, p);
}

/* --- messages --- */

void vault_cores_in(struct vault *v, uint64_t peer, const struct msg_cores *m)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	if (p != NULL && !v->stopping)
		vault_cores_take(v, p, m);
}

void vault_object_in(struct vault *v, uint64_t peer, const struct msg_object *m)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	if (p != NULL && !v->stopping)
		vault_arrival_take(v, p, m);
}

void vault_keys_in(struct vault *v, uint64_t peer, const struct msg_keys *m)
{
	if (!v->stopping)
		vault_mail_in(v, peer, m);
}

void vault_in(struct vault *v, uint64_t peer, const struct msg_vault *m)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	if (v->stopping || (p == NULL && m->what != MSG_VAULT_HELLO))
		return;
	switch (m->what) {
	case MSG_VAULT_HELLO:
		vault_up(v, peer, m);
		break;
	case MSG_VAULT_ACK:
		vault_serve_ack(v, p, m);
		break;
	case MSG_VAULT_WANT:
	case MSG_VAULT_BAD:
		vault_serve_want(v, p, m);
		break;
	case MSG_VAULT_CANCEL:
		vault_serve_cancel(p, m);
		break;
	case MSG_VAULT_STATE:
	case MSG_VAULT_WHATS:
		break;
	}
}

/* --- what is durable --- */

void vault_committed(struct vault *v)
{
	struct vault_peer *p;

	v->committed = index_seq(v->config.index);
	if (v->stopping)
		return;
	DL_FOREACH(v->peers, p)
		vault_serve_tell(v, p);
}

void vault_sync_begin(struct vault *v)
{
	struct vault_peer *p;

	DL_FOREACH(v->peers, p)
		p->syncing = p->done;
	vault_arrival_sync_begin(v);
}

void vault_sync_end(struct vault *v)
{
	struct vault_peer *p;

	if (v->stopping)
		return;
	DL_FOREACH(v->peers, p) {
		struct msg_vault m = { .what = MSG_VAULT_ACK };

		p->safe = p->syncing;
		if (p->safe <= p->acked)
			continue;
		p->acked = p->safe;
		m.epoch = m.have_epoch = p->epoch;
		m.have_seq = p->told;
		m.settled = p->safe;
		(void)v->config.ops->vault(v->config.arg, p->id, &m);
	}
	vault_arrival_sync_end(v);
	v->config.ops->state(v->config.arg);
}

/* --- roster, settings, status --- */

/* Endorsements may count for nothing any more, or count now: who vouches tells again from what is stored, and all of it
 * if somebody has lost the right to write. */
void vault_roster_changed(struct vault *v)
{
	struct vault_peer *p, *next;
	/* What they wrote may be on its way to members that leave it out. */
	bool reset = vault_peer_writer_lost(v, vault_withheld_note);

	if (v->stopping)
		return;
	vault_mail_roster_changed(v);
	DL_FOREACH_SAFE(v->peers, p, next) {
		if (!vault_peer_may(v, p, RIGHT_READ))
			peer_end(v, p);
	}
	DL_FOREACH(v->peers, p) {
		if (!vault_peer_vouches(v, p) || p->done == p->told)
			continue;
		vault_cores_drop(p);
		vault_peer_rewind(v, p, p->done);
		vault_peer_hello(v, p->id);
	}
	if (reset)
		vault_repair_reset(v);
	vault_withheld_look(v);
	loop_timer_start(v->pump, 0, 0);
}

void vault_set_quota(struct vault *v, int64_t quota)
{
	bool counted = v->config.quota > 0;

	v->config.quota = quota;
	if (!counted)
		vault_kept_count(v);
	(void)vault_space_full(v);
	vault_peer_state(v);
	loop_timer_start(v->pump, 0, 0);
}

void vault_verify(struct vault *v, void (*done)(void *arg, const struct vault_found *f), void *arg)
{
	if (!v->stopping)
		vault_scrub_start(v, done, arg);
}

/* A disk that cannot be written to at all has no room either, but the remedy is another. */
static void counts_say_full(const struct vault *v, struct vault_counts *c)
{
	if (!v->disk_full) {
		c->why = "the vault is full";
		c->lacks = "more space: the vault is full";
	} else if (vault_lacks_space(v)) {
		c->why = "the disk is full";
		c->lacks = "more space: the disk is full";
	} else {
		c->why = "the disk cannot be written to: see the log";
		c->lacks = "its disk, which cannot be written to: see the log";
	}
}

struct vault_counts vault_counts(const struct vault *v)
{
	struct index_vault_totals t = index_vault_totals(v->config.index);
	struct vault_counts c = {
		.objects = t.objects,
		.bytes = t.bytes + v->kept_bytes,
		.quota = v->config.quota,
		.rows = t.rows,
		.pending = (int64_t)HASH_COUNT(v->rows),
		.full = v->full,
	};
	const struct vault_peer *p;

	DL_FOREACH(v->peers, p) {
		c.behind |= vault_peer_vouches(v, p) && (p->done < p->told || p->told < p->last);
		c.unsafe |= p->safe < p->done;
	}
	if (v->full)
		counts_say_full(v, &c);
	return c;
}

void vault_debug(const struct vault *v, debug_fn *fn, void *arg)
{
	const struct vault_peer *p;

	fn(arg, "vault", "jobs", v->jobs);
	fn(arg, "vault", "pending_rows", (int64_t)HASH_COUNT(v->rows));
	fn(arg, "vault", "wanted_objects", (int64_t)HASH_COUNT(v->objects));
	fn(arg, "vault", "written_objects", (int64_t)v->nwritten);
	fn(arg, "vault", "arrived_bytes", v->arrived_bytes);
	fn(arg, "vault", "found_in_folder", v->kept_found);
	fn(arg, "vault", "unknown_bytes", v->kept_bytes);
	fn(arg, "vault", "folder_waits_s", v->kept_since_s != 0 ? v->now_s - v->kept_since_s : 0);
	DL_FOREACH(v->peers, p) {
		fn(arg, "vault_peer", "last", (int64_t)p->last);
		fn(arg, "vault_peer", "told", (int64_t)p->told);
		fn(arg, "vault_peer", "owed", (int64_t)p->nowed);
		fn(arg, "vault_peer", "stored", (int64_t)p->done);
		fn(arg, "vault_peer", "synced", (int64_t)p->safe);
		fn(arg, "vault_peer", "asked", (int64_t)p->nasked);
		fn(arg, "vault_peer", "told_it", (int64_t)p->cursor);
		fn(arg, "vault_peer", "unacknowledged", (int64_t)p->unacked_rows);
	}
}
