/* What the files of engine_content share: a window of blocks that moves over a content. engine_content_ask.c decides
 * whom to ask and gets the list of blocks; engine_content.c has the window, and calls it. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_CONTENT_INTERNAL_H
#define LANYARD_AGENT_ENGINE_ENGINE_CONTENT_INTERNAL_H

#include "agent/engine/engine_content.h"
#include "agent/engine/engine_internal.h"
#include "sync/plan/blocklist.h"

enum {
	WINDOW = 16,             /* blocks under way, */
	WINDOW_BYTES = 16 << 20, /* and their bytes; at least one block */
	SOURCES_MAX = 64,
	TICK_MS = 1000,
	PATIENCE_MS = 30000, /* with one request, before another source is asked */
};

enum slot_state { SLOT_NEEDED, SLOT_ASKED, SLOT_CHECKED_NOW, SLOT_HERE };

struct content_slot {
	enum slot_state state;
	bool local_failed; /* this disk has it not, or not any more */
	uint32_t request;  /* SLOT_ASKED */
	uint64_t peer;
	int64_t sent_ms;
	uint8_t *bytes; /* SLOT_HERE; owned */
};

struct engine_content {
	struct engine *e; /* NULL: the group stopped */
	struct record r;
	struct blocklist list;
	bool listed;                      /* the list is complete */
	bool begun, placed, names, freed; /* placed: `at` is where the reader begins */
	uint32_t list_request;            /* 0: none is open */
	uint64_t list_peer;
	int64_t list_sent_ms;
	uint32_t at;    /* the block that slots[at % WINDOW] is about, the next to be taken */
	int64_t offset; /* of that block */
	struct content_slot slots[WINDOW];
	size_t jobs;               /* with workers */
	uint64_t bad[SOURCES_MAX]; /* not asked again */
	size_t nbad;
	uint64_t sources[SOURCES_MAX];
	size_t nsources, turn;
	bool no_source;
	struct loop_timer *tick, *soon;
	void (*changed)(void *arg);
	void *arg;
	struct engine_content *prev, *next;
};

/* This peer is not asked again for this content. */
void engine_content_mark_bad(struct engine_content *c, uint64_t peer);
/* Looks which connected peers have it. */
void engine_content_find_sources(struct engine_content *c);
/* The next source in turn that has room for len bytes; 0: none. avoid: only if there is no other. */
uint64_t engine_content_choose_source(struct engine_content *c, size_t len, uint64_t avoid);
/* Sets c->listed if the list is known here; else requests it, unless it is requested already. */
void engine_content_find_list(struct engine_content *c);
/* A piece of the list, from block `first` on: false if it cannot be one, or the list is complete and not this
 * content's. */
bool engine_content_take_list(struct engine_content *c, uint32_t first, const uint8_t *blocks, size_t n);

#endif
