/* Whom to ask for a content, and its list of blocks: see engine_content_internal.h. */
#include <string.h>

#include "agent/engine/engine_content_internal.h"
#include "agent/engine/engine_vaults.h"
#include "base/mem.h"
#include "sync/get/get.h"

/* --- sources --- */

void engine_content_mark_bad(struct engine_content *c, uint64_t peer)
{
	if (c->nbad < SOURCES_MAX)
		c->bad[c->nbad++] = peer;
}

static void add_source(void *arg, uint64_t peer)
{
	struct engine_content *c = arg;

	for (size_t i = 0; i < c->nbad; i++)
		if (c->bad[i] == peer)
			return;
	if (c->nsources < SOURCES_MAX)
		c->sources[c->nsources++] = peer;
}

void engine_content_find_sources(struct engine_content *c)
{
	c->nsources = 0;
	fetch_sources(c->e->fetch, c->r.path, &c->r.content, add_source, c);
	c->no_source = c->nsources == 0;
}

uint64_t engine_content_choose_source(struct engine_content *c, size_t len, uint64_t avoid)
{
	uint64_t second = 0;

	for (size_t i = 0; i < c->nsources; i++) {
		uint64_t peer = c->sources[(c->turn + i) % c->nsources];

		if (engine_vaults_room(c->e, peer) < len)
			continue;
		if (peer == avoid) {
			second = peer;
			continue;
		}
		c->turn += i + 1;
		return peer;
	}
	return second;
}

/* --- the list of blocks --- */

static void request_list(struct engine_content *c)
{
	uint64_t peer = engine_content_choose_source(c, 0, c->list_peer);

	if (peer == 0)
		return;
	if (peer != c->list_peer)
		blocklist_clear(&c->list);
	c->list_peer = peer;
	c->list_request = get_request_number();
	c->list_sent_ms = loop_now_ms(c->e->context->loop);
	if (engine_vaults_get_list(c->e, peer, c->list_request, &c->r.content, c->list.n) < 0)
		c->list_request = 0;
}

/* A list of one block is the content's root. */
void engine_content_find_list(struct engine_content *c)
{
	if (c->listed)
		return;
	if (c->r.content.nblocks == 1) {
		c->list.b = MEM_NEW(struct block);
		c->list.n = 1;
		c->list.b[0].len = (uint32_t)c->r.content.size;
		memcpy(c->list.b[0].hash, c->r.content.root, sizeof(c->list.b[0].hash));
		c->listed = true;
	} else if (c->r.content.nblocks == 0 || index_blocks(c->e->index, &c->r.content, &c->list) == 1) {
		c->listed = true;
	} else if (c->list_request == 0) {
		request_list(c);
	}
}

bool engine_content_take_list(struct engine_content *c, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct blocklist piece = { 0 };
	struct content whole;
	bool fits = first == c->list.n && blocklist_decode(&piece, blocks, n) == 0 && piece.n > 0 &&
	            piece.n <= c->r.content.nblocks - c->list.n;

	if (fits) {
		c->list.b = mem_realloc(c->list.b, c->list.n + piece.n, sizeof(*c->list.b));
		memcpy(c->list.b + c->list.n, piece.b, piece.n * sizeof(*piece.b));
		c->list.n += piece.n;
	}
	blocklist_clear(&piece);
	if (!fits || c->list.n < c->r.content.nblocks)
		return fits;
	whole = blocklist_content(&c->list);
	return content_equal(&whole, &c->r.content);
}
