/* What the connections of a sealed group ask of this agent, which holds or awaits keys: see sync/peer/peer_seal.h. */
#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "agent/engine/engine_vaults.h"
#include "sync/peer/peer_seal.h"

static struct keys *seal_current(void *arg)
{
	return engine_keys_current(arg);
}

static void seal_proved(void *arg, uint64_t peer)
{
	engine_keys_proved(arg, peer);
	engine_heads_proved(arg, peer);
}

static void seal_keys(void *arg, uint64_t peer, const struct msg_keys *m)
{
	engine_keys_in(arg, peer, m);
}

static void seal_heads(void *arg, uint64_t peer, const struct msg_heads *m)
{
	engine_heads_in(arg, peer, m);
}

static void seal_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	engine_vaults_in(arg, peer, m);
}

static void seal_vault_up(void *arg, uint64_t peer, const struct msg_vault *hello)
{
	engine_heads_hello(arg, peer, hello);
	engine_vaults_up(arg, peer, hello);
}

static void seal_vault_down(void *arg, uint64_t peer)
{
	engine_vaults_down(arg, peer);
}

static void seal_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	engine_vaults_cores_in(arg, peer, m);
}

static void seal_object(void *arg, uint64_t peer, const struct msg_object *m)
{
	engine_vaults_object_in(arg, peer, m);
}

static void seal_room(void *arg, uint64_t peer)
{
	engine_vaults_room_for(arg, peer);
}

const struct peer_seal engine_seal_calls = {
	.current = seal_current,
	.proved = seal_proved,
	.keys = seal_keys,
	.heads = seal_heads,
	.vault = seal_vault,
	.vault_up = seal_vault_up,
	.vault_down = seal_vault_down,
	.cores = seal_cores,
	.object = seal_object,
	.room = seal_room,
};
