/* See engine_vaults.h: keeping does not know connections, fetch or engines, so this passes on what each says. */
#include "agent/engine/engine_vaults.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/keeping/keeping.h"
#include "sync/peer/peer_seal.h"

enum { FULL_TEXT = 160 };

struct engine_vaults {
	struct keeping *keeping;
	const struct peer_hooks *hooks;
	char full[FULL_TEXT];
};

/* --- what keeping asks --- */

static int keep_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	return peer_group_cores(((struct engine *)arg)->peers, peer, m);
}

static int keep_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	return peer_group_vault(((struct engine *)arg)->peers, peer, m);
}

static int keep_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	return peer_group_object(((struct engine *)arg)->peers, peer, request, status, bytes, n);
}

static size_t keep_room(void *arg, uint64_t peer, bool bulk)
{
	return peer_group_vault_room(((struct engine *)arg)->peers, peer, bulk);
}

static bool keep_accepts(void *arg, const char *path, bool is_dir)
{
	return share_accepts(((struct engine *)arg)->share, path, is_dir);
}

static bool keep_rosters_equal(void *arg, uint64_t peer)
{
	return peer_group_roster_equal(((struct engine *)arg)->peers, peer);
}

static void keep_news(void *arg, uint64_t peer, const struct msg_news *m)
{
	peer_group_vault_news(((struct engine *)arg)->peers, peer, m);
}

static bool keep_fetching(void *arg)
{
	const struct engine *e = arg;

	return !fetch_idle(e->fetch) || fetch_is_coming(e->fetch);
}

static bool keep_older(void *arg, const struct content *c, struct record *row)
{
	const struct engine *e = arg;
	const char *path = fetch_path(e->fetch, c);

	if (path == NULL || index_get(e->index, path, row) <= 0)
		return false;
	if (record_is(row, RECORD_FILE) && !row->absent)
		return true;
	record_clear(row);
	return false;
}

static const char *keep_path(void *arg, const struct content *c)
{
	return fetch_path(((struct engine *)arg)->fetch, c);
}

static void keep_misbehaved(void *arg, uint64_t peer, const char *what)
{
	peer_group_misbehaved(((struct engine *)arg)->peers, peer, "", what);
}

static void keep_rolled_back(void *arg, uint64_t peer)
{
	(void)peer;
	((struct engine *)arg)->rolled_back = true;
}

static void keep_block(void *arg, uint64_t peer, uint32_t request, struct slab *bytes)
{
	((struct engine *)arg)->vaults->hooks->block(arg, peer, request, SWARM_AS_ASKED, bytes);
}

static void keep_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	((struct engine *)arg)->vaults->hooks->list(arg, peer, request, first, blocks, n);
}

static void keep_state(void *arg)
{
	((struct engine *)arg)->dirty = true;
}

static const struct keeping_ops keep_ops = {
	.cores = keep_cores,
	.vault = keep_vault,
	.object = keep_object,
	.room = keep_room,
	.accepts = keep_accepts,
	.rosters_equal = keep_rosters_equal,
	.news = keep_news,
	.fetching = keep_fetching,
	.older = keep_older,
	.path = keep_path,
	.misbehaved = keep_misbehaved,
	.rolled_back = keep_rolled_back,
	.block = keep_block,
	.list = keep_list,
	.state = keep_state,
};

/* --- life --- */

void engine_vaults_start(struct engine *e, struct ring *ring, const struct content_sources *sources,
                         const struct peer_hooks *hooks)
{
	struct engine_vaults *v;

	if (ring == NULL)
		return;
	v = MEM_NEW(struct engine_vaults);
	v->keeping = keeping_new(&(struct keeping_config){ .loop = e->context->loop,
	                                                   .workers = e->workers,
	                                                   .index = e->index,
	                                                   .roster = e->roster,
	                                                   .ring = ring,
	                                                   .self = e->context->self,
	                                                   .sources = *sources,
	                                                   .ops = &keep_ops,
	                                                   .arg = e });
	v->hooks = hooks;
	e->vaults = v;
}

void engine_vaults_stop(struct engine *e)
{
	if (e->vaults != NULL)
		keeping_stop(e->vaults->keeping);
}

bool engine_vaults_are_drained(const struct engine *e)
{
	return e->vaults == NULL || keeping_is_idle(e->vaults->keeping);
}

void engine_vaults_free(struct engine *e)
{
	struct engine_vaults *v = e->vaults;

	if (v == NULL)
		return;
	e->vaults = NULL;
	keeping_free(v->keeping);
	free(v);
}

/* --- passed on --- */

void engine_vaults_up(struct engine *e, uint64_t peer, const struct msg_vault *hello)
{
	if (e->vaults != NULL)
		keeping_up(e->vaults->keeping, peer, hello);
}

void engine_vaults_down(struct engine *e, uint64_t peer)
{
	if (e->vaults != NULL)
		keeping_down(e->vaults->keeping, peer);
}

void engine_vaults_in(struct engine *e, uint64_t peer, const struct msg_vault *m)
{
	if (e->vaults != NULL)
		keeping_vault_in(e->vaults->keeping, peer, m);
}

void engine_vaults_cores_in(struct engine *e, uint64_t peer, const struct msg_cores *m)
{
	if (e->vaults != NULL)
		keeping_cores_in(e->vaults->keeping, peer, m);
}

void engine_vaults_object_in(struct engine *e, uint64_t peer, const struct msg_object *m)
{
	if (e->vaults != NULL)
		keeping_object_in(e->vaults->keeping, peer, m);
}

void engine_vaults_room_for(struct engine *e, uint64_t peer)
{
	if (e->vaults != NULL)
		keeping_room(e->vaults->keeping, peer);
}

void engine_vaults_committed(struct engine *e)
{
	if (e->vaults != NULL)
		keeping_committed(e->vaults->keeping);
}

void engine_vaults_settled(struct engine *e, uint64_t peer)
{
	if (e->vaults != NULL)
		keeping_settled(e->vaults->keeping, peer);
}

void engine_vaults_told(struct engine *e)
{
	if (e->vaults != NULL)
		keeping_told(e->vaults->keeping);
}

/* --- what is got --- */

static bool vaults_are_asked(struct engine *e, uint64_t peer)
{
	return e->vaults != NULL && peer_group_is_vault(e->peers, peer);
}

int engine_vaults_get(struct engine *e, uint64_t peer, const struct content *c, const struct block_want *wants,
                      size_t n)
{
	return vaults_are_asked(e, peer) ? keeping_get(e->vaults->keeping, peer, c, wants, n)
	                                 : peer_group_get(e->peers, peer, c, wants, n);
}

bool engine_vaults_give_leaves(struct engine *e, uint64_t peer)
{
	return !vaults_are_asked(e, peer);
}

bool engine_vaults_digester(struct engine *e, uint64_t peer, struct leaf_digester *out)
{
	return e->vaults != NULL && !vaults_are_asked(e, peer) && keeping_digester(e->vaults->keeping, out);
}

void engine_vaults_digested(struct engine *e, const struct leaf_digested *d)
{
	if (e->vaults != NULL)
		keeping_digested(e->vaults->keeping, d);
}

int engine_vaults_get_list(struct engine *e, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	return vaults_are_asked(e, peer) ? keeping_get_list(e->vaults->keeping, peer, request, c, first)
	                                 : peer_group_get_list(e->peers, peer, request, c, first);
}

size_t engine_vaults_room(struct engine *e, uint64_t peer)
{
	return vaults_are_asked(e, peer) ? keeping_window(e->vaults->keeping, peer) : peer_group_room(e->peers, peer);
}

void engine_vaults_cancel(struct engine *e, uint64_t peer, const uint32_t *requests, size_t n)
{
	if (vaults_are_asked(e, peer))
		keeping_cancel(e->vaults->keeping, peer, requests, n);
	else
		peer_group_cancel(e->peers, peer, requests, n);
}

/* --- for users --- */

static bool find_full(void *arg, const struct keeping_about *a)
{
	struct engine *e = arg;
	struct roster_member m;
	struct index_peer p;

	if (!a->full || index_peer_get(e->index, a->peer, &p) < 0 ||
	    (p.settled_epoch == index_epoch(e->index) && p.settled >= index_seq(e->index)) ||
	    !roster_member_by_short(e->roster, a->peer, &m))
		return true;
	(void)snprintf(e->vaults->full, sizeof(e->vaults->full), "the vault %.64s, which is full",
	               m.name[0] != '\0' ? m.name : "of the group");
	return false;
}

const char *engine_vaults_full(struct engine *e)
{
	if (e->vaults == NULL)
		return NULL;
	e->vaults->full[0] = '\0';
	keeping_each(e->vaults->keeping, find_full, e);
	return e->vaults->full[0] != '\0' ? e->vaults->full : NULL;
}

static bool find_waiting(void *arg, const struct keeping_about *a)
{
	*(const char **)arg = a->waits;
	return a->waits == NULL;
}

const char *engine_vaults_lack(struct engine *e)
{
	const char *why = NULL;

	if (e->vaults != NULL)
		keeping_each(e->vaults->keeping, find_waiting, &why);
	return why;
}

struct vaults_seen {
	struct engine *e;
	bool (*fn)(void *arg, const struct engine_vault_seen *v);
	void *arg;
};

static bool see_vault(void *arg, const struct keeping_about *a)
{
	const struct vaults_seen *seen = arg;
	struct engine_vault_seen v = { .used = a->used,
		                       .quota = a->quota,
		                       .full = a->full,
		                       .bad = a->bad,
		                       .waits = a->waits };
	struct roster_member m;

	if (!roster_member_by_short(seen->e->roster, a->peer, &m))
		return true;
	v.id = m.id;
	v.name = m.name;
	return seen->fn(seen->arg, &v);
}

void engine_vaults_seen(struct engine *e, bool (*fn)(void *arg, const struct engine_vault_seen *v), void *arg)
{
	struct vaults_seen seen = { e, fn, arg };

	if (e->vaults != NULL)
		keeping_each(e->vaults->keeping, see_vault, &seen);
}
