/* The vault of an agent that keeps a sealed group without being able to read it: it stands where a member has its
 * mirror (docs/sealed.md). It has no scan, no fetch and no keys. Its objects are in .lanyard/vault/ of the share, and
 * nothing else in the folder is touched; its rows are in tables of their own in the group's index.
 *
 * An agent begins as a vault with an empty index and without keys, whatever it was before. One that was a vault stays
 * one: if it is given another role it stops, since what lies in its folder is not the group's tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peer_seal.h"
#include "sync/vault/vault.h"

struct engine_vault {
	struct engine *e;
	struct vault *vault;
	/* A verification that a user asked for. */
	bool verifying;
	void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten);
	void *arg;
};

bool engine_is_vault(const struct engine *e)
{
	const struct agent_id *self = identity_id(e->context->self);

	return e->roster != NULL && roster_sealed(e->roster) &&
	       (roster_may(e->roster, self, RIGHT_STORE) ||
	        (e->was_vault && roster_role(e->roster, self) == ROLE_NONE));
}

const char *engine_why_no_files(const struct engine *e)
{
	return engine_is_vault(e) ? "this agent is a vault here: it keeps what it cannot read"
	                          : "the group has no share now: it is joining, stopping or in error; see status";
}

/* --- before the index is open --- */

/* The log of the index goes before the index, which it would otherwise be read into again. What is removed last tells
 * whether there was one. */
static int vault_forget_member(struct engine *e)
{
	static const char *const files[] = { "keys.bin", "index.db-wal", "index.db-shm", "index.db" };
	int removed = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = mem_printf("%s/%s", e->dir, files[i]);

		removed = unlinkat(e->context->home_dirfd, path, 0) == 0 ? ENGINE_VAULT_BECAME
		          : errno == ENOENT                              ? 0
		                                                         : -1;
		if (removed < 0)
			engine_fail_for_now(e, mem_printf("%s/%s: %s", e->context->home, path, strerror(errno)));
		free(path);
		if (removed < 0)
			return -1;
	}
	return removed;
}

int engine_vault_prepare(struct engine *e)
{
	char *why = NULL;
	int removed;

	if (e->was_vault && !engine_is_vault(e)) {
		engine_fail(e, mem_strdup("this agent was a vault here, so its folder is not the group's tree: leave "
		                          "the group, and join it again with another folder"));
		return -1;
	}
	if (!engine_is_vault(e))
		return 0;
	e->again = false;
	e->doubtful = false;
	if (e->was_vault)
		return 0;
	removed = vault_forget_member(e);
	if (removed < 0)
		return -1;
	e->was_vault = true;
	if (engine_store_save(e, &why) < 0) {
		e->was_vault = false;
		engine_fail_for_now(e, why);
		return -1;
	}
	engine_log(e, LOG_INFO, "group %s: this agent is a vault: it keeps what it cannot read", engine_name(e));
	return removed;
}

/* --- what the vault says to peers --- */

static int vault_cores_out(void *arg, uint64_t peer, const struct msg_cores *m)
{
	return peer_group_cores(((struct engine *)arg)->peers, peer, m);
}

static int vault_message_out(void *arg, uint64_t peer, const struct msg_vault *m)
{
	return peer_group_vault(((struct engine *)arg)->peers, peer, m);
}

static int vault_object_out(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	return peer_group_object(((struct engine *)arg)->peers, peer, request, status, bytes, n);
}

static int vault_keys_out(void *arg, uint64_t peer, const struct msg_keys *m)
{
	return peer_group_keys(((struct engine *)arg)->peers, peer, m);
}

static size_t vault_room_for(void *arg, uint64_t peer, bool bulk)
{
	return peer_group_vault_room(((struct engine *)arg)->peers, peer, bulk);
}

static void vault_peer_misbehaved(void *arg, uint64_t peer, const char *what)
{
	peer_group_misbehaved(((struct engine *)arg)->peers, peer, "", what);
}

static bool vault_head_of(void *arg, uint64_t peer, uint64_t epoch, uint64_t *seq)
{
	return engine_heads_number(arg, peer, epoch, seq);
}

static void vault_problem(void *arg, const char *text)
{
	engine_emit(arg, "problem", NULL, text);
}

static void vault_state(void *arg)
{
	((struct engine *)arg)->dirty = true;
}

static const struct vault_ops vault_ops = {
	.cores = vault_cores_out,
	.vault = vault_message_out,
	.object = vault_object_out,
	.keys = vault_keys_out,
	.room = vault_room_for,
	.misbehaved = vault_peer_misbehaved,
	.head = vault_head_of,
	.problem = vault_problem,
	.state = vault_state,
};

/* --- what peers say to the vault; it may be gone already when the last connections end --- */

static struct keys *vault_current(void *arg)
{
	(void)arg;
	return NULL;
}

static void vault_peer_proved(void *arg, uint64_t peer)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_proved(e->vault->vault, peer);
	engine_heads_proved(e, peer);
}

static void vault_keys_came(void *arg, uint64_t peer, const struct msg_keys *m)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_keys_in(e->vault->vault, peer, m);
}

static void vault_heads_came(void *arg, uint64_t peer, const struct msg_heads *m)
{
	engine_heads_in(arg, peer, m);
}

static void vault_message_came(void *arg, uint64_t peer, const struct msg_vault *m)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_in(e->vault->vault, peer, m);
}

static void vault_peer_up(void *arg, uint64_t peer, const struct msg_vault *hello)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_up(e->vault->vault, peer, hello);
}

static void vault_peer_down(void *arg, uint64_t peer)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_down(e->vault->vault, peer);
}

static void vault_cores_came(void *arg, uint64_t peer, const struct msg_cores *m)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_cores_in(e->vault->vault, peer, m);
}

static void vault_object_came(void *arg, uint64_t peer, const struct msg_object *m)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_object_in(e->vault->vault, peer, m);
}

static void vault_peer_has_room(void *arg, uint64_t peer)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_room(e->vault->vault, peer);
}

const struct peer_seal engine_vault_seal = {
	.current = vault_current,
	.proved = vault_peer_proved,
	.keys = vault_keys_came,
	.heads = vault_heads_came,
	.vault = vault_message_came,
	.vault_up = vault_peer_up,
	.vault_down = vault_peer_down,
	.cores = vault_cores_came,
	.object = vault_object_came,
	.room = vault_peer_has_room,
};

/* --- life --- */

static void vault_index_committed(void *arg)
{
	struct engine *e = arg;

	if (e->vault != NULL)
		vault_committed(e->vault->vault);
	peer_group_news(e->peers);
}

/* The group's own, or that of all groups. */
static int64_t vault_room_set(const struct engine *e)
{
	const struct settings *s = e->context->settings;

	for (size_t i = 0; i < s->ngroups; i++) {
		if (strcmp(s->groups[i].name, engine_name(e)) == 0)
			return s->groups[i].vault_disk;
	}
	return s->vault_disk;
}

int engine_vault_new(struct engine *e, char **why)
{
	struct vault *vault = vault_new(&(struct vault_config){ .loop = e->context->loop,
	                                                        .workers = e->workers,
	                                                        .index = e->index,
	                                                        .share = e->share,
	                                                        .roster = e->roster,
	                                                        .quota = vault_room_set(e),
	                                                        .ops = &vault_ops,
	                                                        .arg = e },
	                                why);

	if (vault == NULL)
		return -1;
	e->vault = MEM_NEW(struct engine_vault);
	e->vault->e = e;
	e->vault->vault = vault;
	index_on_commit(e->index, vault_index_committed, e);
	return 0;
}

void engine_vault_stop(struct engine *e)
{
	if (e->vault != NULL)
		vault_stop(e->vault->vault);
}

bool engine_vault_is_drained(const struct engine *e)
{
	return e->vault == NULL || vault_stopped(e->vault->vault);
}

void engine_vault_free(struct engine *e)
{
	struct engine_vault *v = e->vault;

	if (v == NULL)
		return;
	e->vault = NULL;
	index_on_commit(e->index, NULL, NULL);
	vault_free(v->vault);
	free(v);
}

void engine_vault_roster_told(struct engine *e)
{
	vault_roster_changed(e->vault->vault);
}

void engine_vault_rolled_back(struct engine *e)
{
	vault_rolled_back(e->vault->vault);
}

void engine_vault_sync(struct engine *e, bool begins)
{
	if (e->vault == NULL)
		return;
	if (begins)
		vault_sync_begin(e->vault->vault);
	else
		vault_sync_end(e->vault->vault);
}

/* --- for users --- */

bool engine_vault_counts(const struct engine *e, struct vault_counts *counts)
{
	if (e->vault == NULL)
		return false;
	*counts = vault_counts(e->vault->vault);
	return true;
}

void engine_vault_quota_changed(struct engine *e)
{
	if (e->vault != NULL)
		vault_set_quota(e->vault->vault, vault_room_set(e));
}

static void vault_verified(void *arg, const struct vault_found *f)
{
	struct engine_vault *v = arg;
	struct vault_counts counts = vault_counts(v->vault);

	v->verifying = false;
	v->done(v->arg, f->checked, counts.bytes, f->bad + f->missing + f->bad_rows);
}

int engine_vault_verify(struct engine *e, void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten),
                        void *arg)
{
	struct engine_vault *v = e->vault;

	if (v->verifying)
		return -1;
	v->verifying = true;
	v->done = done;
	v->arg = arg;
	vault_verify(v->vault, vault_verified, v);
	return 0;
}

void engine_vault_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	if (e->vault != NULL)
		vault_debug(e->vault->vault, fn, arg);
}
