/* Builds what an engine has when its agent is a vault of the group: the vault and its side of the connections. Peers
 * say nothing to a vault that the hooks of a mirror would hear; what is said reaches it by engine_vault_seal. It is
 * taken down as a mirror is. */
#include <stdlib.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"

static void vault_hook_peer(void *arg, uint64_t peer)
{
	/* An agent that is killed does not see it go. */
	engine_seen_note(arg, peer);
}

static void vault_hook_roster(void *arg)
{
	engine_roster_told(arg);
}

static void vault_hook_requests(void *arg)
{
	engine_requests_told(arg);
}

static void vault_hook_state(void *arg)
{
	((struct engine *)arg)->dirty = true;
}

/* The vault sees by itself that a role is another one. */
static void vault_hook_doubted(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

/* All that it hands over is in the index. */
static uint64_t vault_hook_unstored(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return 0;
}

static const struct peer_hooks vault_hooks = {
	.unstored = vault_hook_unstored,
	.doubted = vault_hook_doubted,
	.up = vault_hook_peer,
	.down = vault_hook_peer,
	.roster_changed = vault_hook_roster,
	.requests_changed = vault_hook_requests,
	.state = vault_hook_state,
};

void engine_vault_start(struct engine *e)
{
	/* A vault keeps all that it is told. */
	share_choices_free(e->chosen);
	e->chosen = NULL;
	engine_sync_begin(e);
	engine_requests_start(e);
	e->peers = peer_group_new(e->context->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                          .requests = engine_mailbox(e),
	                                                                          .index = e->index,
	                                                                          .workers = e->workers,
	                                                                          .hooks = &vault_hooks,
	                                                                          .seal = &engine_vault_seal,
	                                                                          .arg = e });
	/* Before the first connection opens. */
	engine_role_told(e);
	engine_roster_duty(e, true);
	engine_heads_start(e);
	if (e->paused)
		peer_group_pause(e->peers, true);
	e->dirty = true;
}
