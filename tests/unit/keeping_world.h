/* A member's keeping under test, with a vault that is played: what it is told, and what it gives. The index is
 * committed after every turn. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_KEEPING_WORLD_H
#define LANYARD_TESTS_UNIT_KEEPING_WORLD_H

#include "base/mem.h"
#include "sync/keeping/keeping.h"
#include "sync/seal/endorse.h"
#include "sync/seal/row.h"
#include "tests/unit/ring_world.h"

/* Agents of the group: its owner, a member, a reader, a member who may be removed, and the vault. */
enum { ANNA, BERT, RITA, FRED, VERA, KEEPING_AGENTS };
enum { KEEPING_PATIENCE_MS = 200, VAULT_EPOCH = 777 };

/* A row that the vault was told. */
struct heard_row {
	uint64_t seq;
	struct bytes core, endorsement;
};

/* A row that came out as news. */
struct news_row {
	uint64_t seq;
	struct record r;
	size_t nblocks; /* of the list that came along */
};

struct keeping_world {
	char dir[64];
	struct loop *loop;
	struct workers *workers;
	struct ring_world *group;
	int who; /* whose keeping it is */
	uint64_t vault;
	struct index *index;
	struct keeping *keeping;
	struct content_sources sources;

	/* What the vault was told: */
	bool connected;
	uint64_t told_after, told_upto;
	int messages;
	struct heard_row *heard; /* owned */
	size_t nheard;
	size_t room;
	void (*on_cores)(struct keeping_world *w); /* before a message is taken; NULL: nothing */

	/* What came out: */
	uint64_t news_upto;
	struct news_row *news; /* owned */
	size_t nnews;
	bool ends_on_news; /* the talk ends when it is given the first */
	int misbehaved, rolled_back;
	bool rosters_equal;
	const char *ignored; /* this path is not shared */
};

/* `who` of a group in which all but the vault have the keys of one generation. */
void keeping_world_start(struct keeping_world *w, int who);
void keeping_world_end(struct keeping_world *w);
void keeping_world_turn(struct keeping_world *w);
/* Turns until nothing happens any more. */
void keeping_world_calm(struct keeping_world *w);
/* Turns until its loop says that this time is over. */
void keeping_world_pass(struct keeping_world *w, int64_t ms);

/* The vault says hello: it has rows up to seq, and has settled ours up to there. */
void keeping_world_up(struct keeping_world *w, uint64_t seq, uint64_t settled);
void keeping_world_down(struct keeping_world *w);
/* It says that it has settled ours up to here. */
void keeping_world_settle(struct keeping_world *w, uint64_t settled);

/* A file of n blocks in our index, made from a seed; 0: a tombstone, which needs a file. */
void keeping_world_put(struct keeping_world *w, const char *path, uint32_t nblocks, uint64_t seed);
/* Its list; seed 0: of zeros. */
struct blocklist keeping_world_blocks(uint32_t nblocks, uint64_t seed);
/* The record that this core says, opened with `as`'s keys; cleared by the caller. */
struct record keeping_world_open(struct keeping_world *w, int as, size_t heard);

/* What is wrong with a row that the vault gives. */
/* INSIDE and LATER are altered, and then endorsed. */
enum row_harm { HARMLESS, HARM_CORE, HARM_ENDORSEMENT, HARM_INSIDE, HARM_LATER, HARM_LATER_MADE_UP };

struct given_row {
	uint64_t seq; /* the vault's number */
	const char *path;
	uint32_t nblocks;
	uint64_t seed;
	uint64_t counter;  /* of its version, which has one entry */
	int by;            /* who sealed and endorsed it, */
	uint64_t endorsed; /* under which number, */
	uint64_t epoch;    /* and in which epoch */
	enum row_harm harm;
};
/* One message with these rows. */
void keeping_world_give(struct keeping_world *w, uint64_t after, uint64_t upto, const struct given_row *rows, size_t n);
/* Whether news had a row of this path; the last one. */
const struct news_row *keeping_world_news(const struct keeping_world *w, const char *path);

/* A new generation, which `by` signs, and everybody hears of; `keys`: and those who may get its keys. */
void keeping_world_generation(struct keeping_world *w, int by, bool keys);

#endif
