/* The nodes of a sealed_nodes.h. */
#include "tests/unit/sealed_nodes.h"

#include <string.h>

struct seal_owner of_a, of_b;

static struct seal_owner *owner_of(void *node)
{
	return ((struct node *)node)->owner;
}

static struct keys *on_current(void *arg)
{
	return owner_of(arg)->keys;
}

static void on_proved(void *arg, uint64_t peer)
{
	struct node *n = arg;
	struct seal_owner *o = n->owner;
	uint64_t held = o->keys ? keys_about(o->keys)->id : 0;

	o->proved++;
	assert_int_equal(peer_group_keys(n->group, peer, &(struct msg_keys){ .held = &held, .nheld = o->keys ? 1 : 0 }),
	                 0);
	if (o->vault)
		assert_int_equal(peer_group_vault(n->group, peer,
		                                  &(struct msg_vault){ .what = MSG_VAULT_HELLO,
		                                                       .epoch = 77,
		                                                       .seq = 5 }),
		                 0);
}

static void on_keys(void *arg, uint64_t peer, const struct msg_keys *m)
{
	(void)peer;
	owner_of(arg)->keys_in++;
	owner_of(arg)->envelopes_in += m->nenvelopes;
	if (owner_of(arg)->ends)
		peer_group_pause(((struct node *)arg)->group, true);
}

static void on_heads(void *arg, uint64_t peer, const struct msg_heads *m)
{
	(void)peer;
	owner_of(arg)->heads_in += m->nheads;
}

static void on_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	(void)peer;
	owner_of(arg)->vault_in = *m;
}

static void on_vault_up(void *arg, uint64_t peer, const struct msg_vault *hello)
{
	owner_of(arg)->hello = *hello;
	owner_of(arg)->hellos++;
	owner_of(arg)->vault_ups += owner_of(arg)->up == peer ? 0 : 1;
	owner_of(arg)->up = peer;
}

static void on_vault_down(void *arg, uint64_t peer)
{
	(void)peer;
	owner_of(arg)->vault_ups--;
	owner_of(arg)->up = 0;
}

static void on_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	(void)peer;
	owner_of(arg)->cores_after = m->after;
	owner_of(arg)->cores_upto = m->upto;
}

static void on_object(void *arg, uint64_t peer, const struct msg_object *m)
{
	(void)peer;
	owner_of(arg)->object_request = m->request;
	owner_of(arg)->object_n = m->bytes.n;
}

static void on_room(void *arg, uint64_t peer)
{
	(void)peer;
	owner_of(arg)->rooms++;
}

const struct peer_seal owner_calls = { .current = on_current,
	                               .proved = on_proved,
	                               .keys = on_keys,
	                               .heads = on_heads,
	                               .vault = on_vault,
	                               .vault_up = on_vault_up,
	                               .vault_down = on_vault_down,
	                               .cores = on_cores,
	                               .object = on_object,
	                               .room = on_room };

struct keys *generation(uint64_t id)
{
	const struct keys_about about = { .id = id, .suite = KEYS_SUITE };
	uint8_t secret[KEYS_SECRET_LEN] = { (uint8_t)id };

	return keys_new(roster_group(a.roster), &about, secret);
}

struct roster *sealed_founded(void)
{
	return roster_found(a.self, "group", false, true, "node", clock_wall_s());
}

void owned(struct node *n, struct seal_owner *o, struct roster *r, uint64_t id)
{
	n->seal = &owner_calls;
	n->owner = o;
	n->roster = r;
	if (id)
		o->keys = keys_new(roster_group(r), &(struct keys_about){ .id = id, .suite = KEYS_SUITE },
		                   (uint8_t[KEYS_SECRET_LEN]){ (uint8_t)id });
	node_member(n, r);
}

/* A and B in a sealed group; b_id 0: B has no keys. */
void sealed_pair(uint64_t a_id, uint64_t b_id)
{
	struct roster *r = sealed_founded(), *rb;

	owned(&a, &of_a, r, a_id);
	rb = admitted(r, &b);
	owned(&b, &of_b, rb, b_id);
	dial(&a, &b);
}

int sealed_setup(void **state)
{
	of_a = of_b = (struct seal_owner){ 0 };
	return nodes_setup(state);
}

int sealed_teardown(void **state)
{
	int status = nodes_teardown(state);

	keys_free(of_a.keys);
	keys_free(of_b.keys);
	return status;
}

void rekey(struct node *n, uint64_t id)
{
	struct seal_owner *o = n->owner;

	keys_free(o->keys);
	o->keys = id ? generation(id) : NULL;
	peer_group_rekeyed(n->group);
}

struct session *session_to(struct node *n, const struct node *to)
{
	return session_of(n->peers, identity_id(to->self));
}

struct talk *talk_to(struct node *n, const struct node *to)
{
	return talk_of_peer(n->group, agent_id_short(identity_id(to->self)));
}

bool in_sync(void)
{
	return a.up == 1 && b.up == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group);
}

void ask_for(struct node *n, const struct node *of, uint32_t request, const struct content *content)
{
	struct block_want want = { .request = request, .len = (uint32_t)content->size };

	memcpy(want.hash, content->root, sizeof(want.hash));
	n->answered = false;
	assert_int_equal(peer_group_get(n->group, agent_id_short(identity_id(of->self)), content, &want, 1), 0);
}
