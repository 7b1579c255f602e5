/* What members tell one another of the blocks they have while a content spreads. It goes to the owner, who may be
 * getting the content, and into a book for each peer. For a content that is whole here it also says what this agent
 * gives to whom when a peer asks for any block (sync/swarm/give.h decides). */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum {
	SPREAD_NUMBERS = 1U << 31, /* of the maps that are sent from here; those of the owner are below */
	SPREAD_PIECE = 1024,       /* blocks of a list that are in memory at a time */
	/* Blocks that one peer may tell about: few bytes tell about a million, and each takes some 0.1 us here. */
	TOLD_STORE = 4 << 20,
	TOLD_PER_MS = 256,
};

/* The blocks of its list that are in memory are those that are chosen next. */
struct spread {
	struct content content;
	struct peer_group *group;
	struct give *give;
	size_t users;           /* draws, and who else holds a reference */
	struct blocklist piece; /* of the list */
	uint32_t piece_first;   /* its first block */
	int64_t piece_at;       /* the offset of that */
	UT_hash_handle hh;
};

/* --- what is told --- */

void spread_map_out(struct talk *t, const struct swarm_map *map)
{
	struct msg_map m = { .channel = (uint32_t)t->my_channel, .map = *map };
	size_t n;

	m.map.wireless = t->session->link->wireless;
	uint8_t *body = msg_map_encode(&m, &n);

	talk_send(t, FRAME_MAP, body, n);
}

void spread_have_out(struct talk *t, uint32_t map, const struct swarm_run *runs, size_t n)
{
	while (n > 0) {
		struct msg_have m = { .channel = (uint32_t)t->my_channel,
			              .map = map,
			              .runs = runs,
			              .nruns = n < MSG_MAX_RUNS ? n : MSG_MAX_RUNS };
		size_t size;
		uint8_t *body = msg_have_encode(&m, &size);

		talk_send(t, FRAME_HAVE, body, size);
		runs += m.nruns;
		n -= m.nruns;
	}
}

/* --- contents that are whole here --- */

static bool spread_is_whole(const struct peer_group *g, const struct content *c)
{
	return !g->config.hooks->getting(g->config.arg, c) && content_stat(&g->config.sources, c) == CONTENT_PRESENT;
}

static struct spread *spread_find(const struct peer_group *g, const struct content *c)
{
	struct spread *s;

	HASH_FIND(hh, g->spreads, c->root, sizeof(c->root), s);
	return s && content_equal(&s->content, c) ? s : NULL;
}

/* NULL: there is no memory for it. */
static struct spread *spread_new(struct peer_group *g, const struct content *c)
{
	size_t bytes = give_memory(c->nblocks);
	struct spread *s;

	HASH_FIND(hh, g->spreads, c->root, sizeof(c->root), s);
	if (s || g->peers->spread_bytes + bytes > SPREAD_BYTES)
		return NULL;
	s = MEM_NEW(struct spread);
	s->content = *c;
	s->group = g;
	s->give = give_new(c->nblocks);
	g->peers->spread_bytes += bytes;
	HASH_ADD(hh, g->spreads, content.root, sizeof(s->content.root), s);
	return s;
}

static void spread_unuse(struct spread *s)
{
	if (!s || --s->users > 0)
		return;
	s->group->peers->spread_bytes -= give_memory(s->content.nblocks);
	HASH_DELETE(hh, s->group->spreads, s);
	give_free(s->give);
	blocklist_clear(&s->piece);
	free(s);
}

/* What block `number` is called, from its list. Numbers mostly ascend. -1: the list is not there any more. */
static int spread_block(struct spread *s, uint32_t number, struct block_want *want)
{
	uint32_t at;

	if (number < s->piece_first) {
		s->piece_first = 0;
		s->piece_at = 0;
		blocklist_clear(&s->piece);
	}
	while (number - s->piece_first >= s->piece.n) {
		for (uint32_t i = 0; i < s->piece.n; i++)
			s->piece_at += s->piece.b[i].len;
		s->piece_first += s->piece.n;
		blocklist_clear(&s->piece);
		if (content_list(&s->group->config.sources, &s->content, s->piece_first, SPREAD_PIECE, &s->piece) !=
		            1 ||
		    s->piece.n == 0)
			return -1;
	}
	at = number - s->piece_first;
	want->len = s->piece.b[at].len;
	memcpy(want->hash, s->piece.b[at].hash, sizeof(want->hash));
	want->offset = s->piece_at;
	for (uint32_t i = 0; i < at; i++)
		want->offset += s->piece.b[i].len;
	return 0;
}

/* --- who gets one --- */

static void draw_free(struct talk *t, struct spread_draw *d)
{
	DL_DELETE(t->draws, d);
	give_leave(d->spread->give, d->receiver);
	spread_unuse(d->spread);
	free(d);
}

/* The book forgets a map: the draw goes once its wants are answered. */
static void draw_over(void *arg, struct swarm_known *k)
{
	struct talk *t = arg;
	struct spread_draw *d = k->user;

	k->user = NULL;
	if (!d)
		return;
	d->over = true;
	if (d->nwants == 0)
		draw_free(t, d);
	else
		session_go_on(t->session);
}

static void announced(void *arg, struct swarm_known *k, uint32_t block)
{
	struct spread_draw *d = k->user;

	(void)arg;
	if (d)
		give_announced(d->spread->give, d->receiver, block);
}

/* The peer of this map lacks blocks of a content that is whole here. */
static void draw_begin(struct talk *t, struct swarm_known *k)
{
	struct spread *s = spread_find(t->group, &k->content);
	struct spread_draw *d;
	struct give_receiver *r;

	if (!s && !(s = spread_new(t->group, &k->content)))
		return;
	s->users++;
	r = give_join(s->give);
	if (!r) {
		spread_unuse(s);
		return;
	}
	d = MEM_NEW(struct spread_draw);
	d->spread = s;
	d->receiver = r;
	k->user = d;
	DL_APPEND(t->draws, d);
	for (uint32_t i = 0; k->bits && i < k->content.nblocks; i++)
		if (swarm_bit(k->bits, i))
			give_announced(s->give, r, i);
}

/* What the book has counts in what all of them may have. */
static struct swarm_known *book_take(struct talk *t, const struct swarm_map *map, bool *bad)
{
	size_t before = t->maps.bytes;
	struct swarm_known *k;

	t->maps.forget = draw_over;
	t->maps.arg = t;
	k = swarm_maps_take(&t->maps, map, bad);
	t->session->peers->spread_bytes += t->maps.bytes - before;
	return k;
}

/* The peer lacks blocks of a content that is whole here, and learns that. */
static bool is_receiver(struct talk *t, const struct swarm_map *map)
{
	struct swarm_map all = { .content = map->content, .all = true };

	if (!map->tell || map->all || map->gone || !spread_is_whole(t->group, &map->content))
		return false;
	all.number = SPREAD_NUMBERS | t->maps_told++;
	spread_map_out(t, &all);
	return t->session->peers->spread_bytes + swarm_bits_size(map->content.nblocks) <= SPREAD_BYTES;
}

/* What goes beyond the store is not taken: it is advice, and the peer's own loss. */
static bool told_pays(struct talk *t, uint64_t blocks)
{
	int64_t now = loop_now_ms(t->session->peers->config.loop);

	t->told_room += t->told_ms == 0 ? TOLD_STORE : (now - t->told_ms) * TOLD_PER_MS;
	if (t->told_room > TOLD_STORE)
		t->told_room = TOLD_STORE;
	t->told_ms = now;
	if (blocks > (uint64_t)t->told_room)
		return false;
	t->told_room -= (int64_t)blocks;
	return true;
}

/* The book has only the maps of receivers; any other ends an earlier one of its number or content. What was given of a
 * content is not forgotten when its only receiver sends another map of it. */
void spread_map_in(struct talk *t, const struct msg_map *m)
{
	struct peer_group *g = t->group;
	struct swarm_map map = m->map;
	struct spread *keep;
	struct swarm_known *known;
	bool bad;

	if (!map.gone && !told_pays(t, map.content.nblocks))
		return;
	if (!g->config.hooks->map(g->config.arg, t->session->peer, &m->map)) {
		talk_misbehaved(t, "", "told of blocks that no content has");
		return;
	}
	keep = spread_find(g, &map.content);
	if (keep)
		keep->users++;
	map.gone = !is_receiver(t, &map);
	known = book_take(t, &map, &bad);
	if (known)
		draw_begin(t, known);
	spread_unuse(keep);
}

void spread_have_in(struct talk *t, const struct msg_have *m)
{
	struct peer_group *g = t->group;
	struct swarm_known *k;
	uint64_t blocks = 0;
	bool bad;

	for (size_t i = 0; i < m->nruns; i++)
		blocks += m->runs[i].n;
	if (!told_pays(t, blocks))
		return;
	k = swarm_maps_have(&t->maps, m->map, m->runs, m->nruns, announced, NULL, &bad);
	if (bad || !g->config.hooks->have(g->config.arg, t->session->peer, m->map, m->runs, m->nruns))
		talk_misbehaved(t, "", "told of blocks that the content does not have");
	else if (k && k->count == k->content.nblocks)
		draw_over(t, k);
}

/* --- any block --- */

struct spread_draw *spread_draw_of(struct talk *t, const struct content *c)
{
	struct swarm_known *k = swarm_maps_find(&t->maps, c);

	return k ? k->user : NULL;
}

void spread_want_add(struct spread_draw *d, struct serve_want *w)
{
	DL_APPEND(d->wants, w);
	give_credit(d->receiver, ++d->nwants);
}

void spread_want_remove(struct talk *t, struct serve_want *w)
{
	struct spread_draw *d = w->draw;

	DL_DELETE(d->wants, w);
	give_credit(d->receiver, --d->nwants);
	if (d->over && d->nwants == 0)
		draw_free(t, d);
}

static enum spread_next draw_next(struct talk *t, struct spread_draw *d, struct block_want *chosen, uint32_t *number)
{
	int64_t now = loop_now_ms(t->session->peers->config.loop);
	struct spread *s = d->spread;

	if (d->over)
		return SPREAD_OUT;
	switch (give_choose(s->give, d->receiver, s->content.nblocks, now, number)) {
	case GIVE_WAIT:
		return SPREAD_WAIT;
	case GIVE_OUT:
		return SPREAD_OUT;
	case GIVE_BLOCK:
		break;
	}
	if (spread_block(s, *number, chosen) < 0)
		return SPREAD_OUT;
	give_sent(s->give, d->receiver, *number, chosen->len, now);
	return SPREAD_BLOCK;
}

/* The contents take turns. */
enum spread_next spread_next(struct talk *t, struct serve_want **w, struct block_want *chosen, uint32_t *number)
{
	enum spread_next found = SPREAD_NONE;
	struct spread_draw *d, *next;

	DL_FOREACH_SAFE(t->draws, d, next) {
		enum spread_next got = d->nwants > 0 ? draw_next(t, d, chosen, number) : SPREAD_NONE;

		if (got == SPREAD_NONE)
			continue;
		found = got;
		if (got == SPREAD_WAIT)
			continue;
		*w = d->wants;
		chosen->request = d->wants->want.request;
		DL_DELETE(t->draws, d);
		DL_APPEND(t->draws, d);
		break;
	}
	return found;
}

void spread_stop(struct talk *t)
{
	t->session->peers->spread_bytes -= t->maps.bytes;
	swarm_maps_clear(&t->maps);
}
