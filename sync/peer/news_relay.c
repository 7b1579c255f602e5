/* A receiver to which the maker of small files gave their bytes passes them on: at once and unverified to each receiver
 * whose connection has room, else with its own news of the file, once that is installed here. See news_carry.c for the
 * maker's side. Bounded: what waits for a connection is session_has_room()'s, what is noted for later RELAYS_MAX. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum {
	RELAYS_MAX = 16384, /* contents that are to go with our news */
	RELAY_MS = 60000,   /* for so long */
};

struct relay_key {
	uint64_t talk; /* its serial */
	uint8_t root[32];
};

/* A content that a talk's peer has not been sent yet. */
struct news_relay {
	struct news_relay *prev, *next; /* in the order they came */
	struct relay_key key;
	int64_t made_ms;
	UT_hash_handle hh;
};

static void relay_drop(struct news_carry *c, struct news_relay *r)
{
	HASH_DEL(c->relays, r); /* NOLINT(clang-analyzer-core.NullDereference): r is in it */
	DL_DELETE(c->relay_list, r);
	free(r);
}

static void relays_expire(struct peer_group *g)
{
	struct news_carry *c = &g->carry;
	int64_t now = loop_now_ms(g->peers->config.loop);

	while (c->relay_list != NULL && (HASH_COUNT(c->relays) > RELAYS_MAX || now - c->relay_list->made_ms > RELAY_MS))
		relay_drop(c, c->relay_list);
}

static struct news_relay *relay_find(const struct talk *t, const uint8_t root[32], struct relay_key *key)
{
	struct news_relay *r;

	key->talk = t->serial;
	memcpy(key->root, root, sizeof(key->root));
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all of the key is set above */
	HASH_FIND(hh, t->group->carry.relays, key, sizeof(*key), r);
	return r;
}

/* For our news. A reader sends none: its receivers ask others when it had no room. */
static void relay_later(struct talk *t, const struct msg_relay *m)
{
	struct news_carry *c = &t->group->carry;

	for (size_t i = 0; i < m->n; i++) {
		struct relay_key key;
		struct news_relay *r = relay_find(t, m->roots[i], &key);

		if (r != NULL)
			continue;
		r = MEM_NEW(struct news_relay);
		r->key = key;
		r->made_ms = loop_now_ms(t->session->peers->config.loop);
		HASH_ADD(hh, c->relays, key, sizeof(r->key), r);
		DL_APPEND(c->relay_list, r);
	}
	relays_expire(t->group);
}

bool news_relay_is_due(const struct talk *t, const struct content *content)
{
	struct relay_key key;

	return t->group->carry.relays != NULL && relay_find(t, content->root, &key) != NULL;
}

/* To one talk. */
static void relay_to(struct talk *t, struct msg_relay *m)
{
	size_t size;

	if (!session_has_room(t->session)) {
		relay_later(t, m);
		return;
	}
	m->channel = (uint32_t)t->my_channel;
	uint8_t *body = msg_relay_encode(m, &size);

	talk_send(t, FRAME_RELAY, body, size);
}

static void relay_all(const struct talk *from, struct msg_relay *m)
{
	struct talk *t;

	DL_FOREACH2(from->group->talks, t, group_next) {
		if (t != from && t->up && !t->on_demand && !talk_is_vault(t))
			relay_to(t, m);
	}
	m->n = 0;
}

void news_relay_in(struct talk *t, const struct msg_news *news)
{
	uint8_t(*roots)[32] = mem_calloc(news->nrecords + 1, sizeof(*roots));
	struct msg_bytes *contents = mem_calloc(news->nrecords + 1, sizeof(*contents));
	struct msg_relay m = { .roots = (const uint8_t(*)[32])roots, .contents = contents };

	for (size_t i = 0; i < news->nrecords; i++) {
		const struct msg_record *r = &news->records[i];

		if (!r->carried || r->content.p == NULL)
			continue;
		memcpy(roots[m.n], r->record.content.root, sizeof(roots[0]));
		contents[m.n++] = r->content;
	}
	if (m.n > 0)
		relay_all(t, &m);
	free(contents);
	free(roots);
}

void news_relayed_in(struct talk *t, const struct msg_relay *m)
{
	struct peer_group *g = t->group;

	if (g->config.hooks->relayed == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		g->config.hooks->relayed(g->config.arg, t->session->peer, m->roots[i], m->contents[i].p,
		                         m->contents[i].n);
}

void news_relay_free(struct peer_group *g)
{
	while (g->carry.relay_list != NULL)
		relay_drop(&g->carry, g->carry.relay_list);
}
