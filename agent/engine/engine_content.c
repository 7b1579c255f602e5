/* A window of blocks that moves over a content: see engine_content.h. A block is read from this disk if its content is
 * here; else it is requested from whichever source has room, and from another one if that fails. A worker checks its
 * hash. Sources that do not have it any more, or sent something else, are not asked again for this content. */
#include "agent/engine/engine_content_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/engine/engine_vaults.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/get/get.h"

/* One block with a worker: read from this disk, or come from a peer. */
struct check_block {
	struct engine_content *c;
	uint32_t index;
	struct block block;
	uint64_t peer; /* 0: this disk */
	struct content_reading *reading;
	uint8_t *bytes;
	bool good;
};

static void content_pump(struct engine_content *c);

static void content_changed(struct engine_content *c)
{
	if (!c->freed)
		loop_timer_start(c->soon, 0, 0);
}

static void content_soon(void *arg)
{
	struct engine_content *c = arg;

	content_pump(c);
	c->changed(c->arg);
}

/* --- one block --- */

static void check_block_work(void *arg)
{
	struct check_block *k = arg;
	uint8_t hash[SHA256_SIZE];

	if (k->reading != NULL && content_read(k->reading, k->bytes) < 0)
		return;
	sha256(hash, k->bytes, k->block.len);
	k->good = memcmp(hash, k->block.hash, sizeof(hash)) == 0;
}

static void content_really_free(struct engine_content *c)
{
	for (size_t i = 0; i < WINDOW; i++)
		free(c->slots[i].bytes);
	blocklist_clear(&c->list);
	record_clear(&c->r);
	free(c);
}

static void check_block_done(void *arg)
{
	struct check_block *k = arg;
	struct engine_content *c = k->c;
	struct content_slot *s = &c->slots[k->index % WINDOW];

	content_close(k->reading);
	c->jobs--;
	if (k->good) {
		s->state = SLOT_HERE;
		s->bytes = k->bytes;
		k->bytes = NULL;
	} else {
		s->state = SLOT_NEEDED;
		if (k->peer == 0) {
			s->local_failed = true;
		} else {
			engine_content_mark_bad(c, k->peer);
			if (c->e != NULL && !c->freed)
				peer_group_misbehaved(c->e->peers, k->peer, c->r.path,
				                      "sent a block whose hash does not match");
		}
	}
	free(k->bytes);
	free(k);
	if (c->freed && c->jobs == 0)
		content_really_free(c);
	else
		content_changed(c);
}

static void check_block(struct engine_content *c, uint32_t index, uint64_t peer, uint8_t *bytes,
                        struct content_reading *reading)
{
	struct check_block *k = MEM_NEW(struct check_block);

	*k = (struct check_block){ .c = c,
		                   .index = index,
		                   .block = c->list.b[index],
		                   .peer = peer,
		                   .bytes = bytes,
		                   .reading = reading };
	c->slots[index % WINDOW].state = SLOT_CHECKED_NOW;
	c->jobs++;
	workers_submit(c->e->workers, WORKERS_BULK, check_block_work, check_block_done, k);
}

/* From this disk, else from a peer. False: nobody can be asked for it now. */
static bool fill_slot(struct engine_content *c, uint32_t index, int64_t offset)
{
	struct content_slot *s = &c->slots[index % WINDOW];
	const struct block *b = &c->list.b[index];
	struct block_want want = { .len = b->len, .offset = offset };
	struct content_sources here = { .source = c->e->contents, .n = 2 };
	struct content_reading *reading;
	uint64_t peer;

	memcpy(want.hash, b->hash, sizeof(want.hash));
	reading = s->local_failed ? NULL : content_open(&here, &c->r.content, NULL, &want);
	if (reading != NULL) {
		check_block(c, index, 0, mem_calloc(1, b->len), reading);
		return true;
	}
	s->local_failed = true;
	peer = engine_content_choose_source(c, b->len, s->peer);
	if (peer == 0)
		return false;
	want.request = get_request_number();
	s->state = SLOT_ASKED;
	s->request = want.request;
	s->peer = peer;
	s->sent_ms = loop_now_ms(c->e->context->loop);
	if (engine_vaults_get(c->e, peer, &c->r.content, &want, 1) < 0)
		s->state = SLOT_NEEDED;
	return true;
}

/* --- the window --- */

/* Moves from the first block to the one that has the wanted byte. */
static void go_to_offset(struct engine_content *c)
{
	int64_t from = c->offset, at = 0;
	uint32_t i = 0;

	while (i < c->list.n && at + c->list.b[i].len <= from)
		at += c->list.b[i++].len;
	c->at = i;
	c->offset = at;
	c->placed = true;
}

static void content_pump(struct engine_content *c)
{
	int64_t offset, bytes = 0;

	if (c->e == NULL || !c->begun || c->r.kind != RECORD_FILE)
		return;
	engine_content_find_sources(c);
	engine_content_find_list(c);
	if (c->listed && !c->placed)
		go_to_offset(c);
	if (!c->listed || c->names)
		return;
	offset = c->offset;
	for (uint32_t i = c->at; i < c->list.n && i < c->at + WINDOW; i++) {
		struct content_slot *s = &c->slots[i % WINDOW];

		bytes += c->list.b[i].len;
		if (i > c->at && bytes > WINDOW_BYTES)
			break;
		if (s->state == SLOT_NEEDED && !fill_slot(c, i, offset))
			break;
		if (s->state != SLOT_NEEDED)
			c->no_source = false;
		offset += c->list.b[i].len;
	}
}

/* Requests that nobody answers go to another source; and sources come and go. */
static void content_tick(void *arg)
{
	struct engine_content *c = arg;
	int64_t late = loop_now_ms(c->e->context->loop) - PATIENCE_MS;

	for (size_t i = 0; i < WINDOW; i++) {
		struct content_slot *s = &c->slots[i];

		if (s->state != SLOT_ASKED || s->sent_ms > late)
			continue;
		engine_vaults_cancel(c->e, s->peer, &s->request, 1);
		s->state = SLOT_NEEDED;
	}
	if (c->list_request != 0 && c->list_sent_ms <= late) {
		engine_vaults_cancel(c->e, c->list_peer, &c->list_request, 1);
		c->list_request = 0;
	}
	content_soon(c);
}

/* --- what peers answer --- */

static void list_is_complete(struct engine_content *c)
{
	c->listed = true;
	content_changed(c);
}

bool engine_content_block(struct engine *e, uint64_t peer, uint32_t request, struct slab *bytes)
{
	struct engine_content *c;

	DL_FOREACH(e->reading, c) {
		for (uint32_t i = c->at; c->listed && i < c->list.n && i < c->at + WINDOW; i++) {
			struct content_slot *s = &c->slots[i % WINDOW];

			if (s->state != SLOT_ASKED || s->request != request || s->peer != peer)
				continue;
			s->state = SLOT_NEEDED;
			if (bytes->p != NULL && bytes->n == c->list.b[i].len)
				check_block(c, i, peer, slab_flatten(bytes), NULL);
			else
				engine_content_mark_bad(c, peer);
			slab_free(bytes);
			content_changed(c);
			return true;
		}
	}
	return false;
}

bool engine_content_list(struct engine *e, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks,
                         size_t n)
{
	struct engine_content *c;

	DL_FOREACH(e->reading, c) {
		if (c->list_request != request || c->list_peer != peer)
			continue;
		c->list_request = 0;
		if (blocks == NULL || !engine_content_take_list(c, first, blocks, n)) {
			engine_content_mark_bad(c, peer);
			blocklist_clear(&c->list);
		} else if (c->list.n == c->r.content.nblocks) {
			list_is_complete(c);
		}
		content_changed(c);
		return true;
	}
	return false;
}

void engine_content_peer(struct engine *e, uint64_t peer, bool up)
{
	struct engine_content *c;

	DL_FOREACH(e->reading, c) {
		for (size_t i = 0; i < WINDOW && !up; i++)
			if (c->slots[i].state == SLOT_ASKED && c->slots[i].peer == peer)
				c->slots[i].state = SLOT_NEEDED;
		if (!up && c->list_peer == peer)
			c->list_request = 0;
		content_changed(c);
	}
}

/* --- the reader's side --- */

struct found_file {
	struct record *r;
};

static bool take_file(void *arg, const struct engine_file *f)
{
	record_copy(((struct found_file *)arg)->r, f->r);
	return false;
}

struct engine_content *engine_content_new(struct engine *e, const char *path, void (*changed)(void *arg), void *arg)
{
	struct engine_content *c = MEM_NEW(struct engine_content);
	struct found_file found = { .r = &c->r };

	free(engine_files(e, path, NULL, 1, take_file, &found));
	if (c->r.path == NULL || strcmp(c->r.path, path) != 0) {
		record_clear(&c->r);
		free(c);
		return NULL;
	}
	c->e = e;
	c->changed = changed;
	c->arg = arg;
	c->soon = loop_timer_new(e->context->loop, content_soon, c);
	c->tick = loop_timer_new(e->context->loop, content_tick, c);
	loop_timer_start(c->tick, TICK_MS, TICK_MS);
	DL_APPEND(e->reading, c);
	return c;
}

const struct record *engine_content_record(const struct engine_content *c)
{
	return &c->r;
}

/* Where to begin is known only with the list: until then `offset` is what was asked for. */
void engine_content_begin(struct engine_content *c, int64_t from, bool names)
{
	c->begun = true;
	c->names = names;
	c->offset = from;
	content_changed(c);
}

enum engine_content_state engine_content_look(struct engine_content *c, const struct block **block, int64_t *offset,
                                              const uint8_t **bytes)
{
	const struct content_slot *s = &c->slots[c->at % WINDOW];

	if (c->e == NULL)
		return ENGINE_CONTENT_GONE;
	if (c->r.kind != RECORD_FILE)
		return ENGINE_CONTENT_END;
	if (!c->placed)
		return c->no_source && c->list_request == 0 ? ENGINE_CONTENT_NO_SOURCE : ENGINE_CONTENT_COMING;
	if (c->at == c->list.n)
		return ENGINE_CONTENT_END;
	*block = &c->list.b[c->at];
	*offset = c->offset;
	*bytes = s->bytes;
	if (c->names || s->state == SLOT_HERE)
		return ENGINE_CONTENT_BLOCK;
	return c->no_source ? ENGINE_CONTENT_NO_SOURCE : ENGINE_CONTENT_COMING;
}

void engine_content_next(struct engine_content *c)
{
	struct content_slot *s = &c->slots[c->at % WINDOW];

	c->offset += c->list.b[c->at].len;
	c->at++;
	free(s->bytes);
	*s = (struct content_slot){ .state = SLOT_NEEDED };
	if (!c->names)
		content_changed(c);
}

/* --- the end --- */

static void cancel_all(struct engine_content *c)
{
	for (size_t i = 0; i < WINDOW; i++)
		if (c->slots[i].state == SLOT_ASKED)
			engine_vaults_cancel(c->e, c->slots[i].peer, &c->slots[i].request, 1);
	if (c->list_request != 0)
		engine_vaults_cancel(c->e, c->list_peer, &c->list_request, 1);
}

void engine_content_free(struct engine_content *c)
{
	if (c == NULL)
		return;
	if (c->e != NULL) {
		cancel_all(c);
		DL_DELETE(c->e->reading, c);
	}
	loop_timer_free(c->tick);
	loop_timer_free(c->soon);
	c->freed = true;
	c->e = NULL;
	if (c->jobs == 0)
		content_really_free(c);
}

void engine_content_stop(struct engine *e)
{
	struct engine_content *c;

	while ((c = e->reading) != NULL) {
		DL_DELETE(e->reading, c);
		c->e = NULL;
		loop_timer_stop(c->tick);
		content_changed(c);
	}
}
