/* A vault under test, with members that are played: what each tells, has and hears. The index is committed and
 * synced in every turn. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_VAULT_WORLD_H
#define LANYARD_TESTS_UNIT_VAULT_WORLD_H

#include <string.h>

#include <uthash.h>

#include "base/bytes.h"
#include "sync/index/index_vault.h"
#include "sync/seal/core.h"
#include "sync/seal/endorse.h"
#include "sync/seal/keys.h"
#include "sync/seal/object.h"
#include "sync/vault/vault.h"

enum { ANNA, BERT, RITA, FRED, SELF, VAULT_AGENTS }; /* owner, member, reader, a member who may be removed; the vault */

/* How a member answers what it is asked for. LIE_OLD: it does not know patches; LIE_PATCH: it gives them unasked. */
enum vault_lie { HONEST, LIE_BIT, LIE_SILENT, LIE_NONE, LIE_OTHER, LIE_OLD, LIE_PATCH };

struct member_object {
	uint8_t name[INDEX_VAULT_OBJECT];
	uint8_t *p;
	size_t n;
	UT_hash_handle hh;
};

struct member_row {
	uint64_t seq; /* 0: it is not told any more */
	struct bytes core;
	uint8_t name[32];
};

struct vault_member {
	struct identity *self;
	uint64_t id, epoch, seq, told;
	struct member_row *rows;
	size_t nrows;
	struct member_object *objects;
	struct member_object *patches; /* which it gives for these blocks, by the block's name */
	enum vault_lie lie;
	bool up;
	bool deaf;     /* it acknowledges nothing */
	bool scanning; /* it has signed no head in this epoch */
	/* What it has heard: */
	uint64_t settled, hello_settled, heard_upto, vault_epoch;
	uint64_t used, quota;
	bool full;
	int hellos, asked, misbehaved;
	int asked_whole;      /* of asked: blocks, not as patches */
	uint8_t (*heard)[32]; /* names of cores */
	size_t nheard, envelopes;
	struct member_object *got; /* objects that it asked for */
	int none;
	uint32_t request; /* of those */
};

struct vault_world {
	char dir[64];
	struct loop *loop;
	struct workers *workers;
	struct index *index;
	struct share *share;
	struct roster *roster;
	struct keys *keys[3]; /* of generations 1 and 2 */
	struct vault *vault;
	int64_t quota;
	int64_t tick_ms; /* of the vault; set before it starts, stays; 0: its own */
	int64_t aged_ms; /* that it has been running without turning */
	struct vault_member m[VAULT_AGENTS];
	struct vault_answer *answers; /* on their way to the vault */
	int problems;
	bool crashed; /* nothing is committed any more */
};

static inline void object_name_of(uint8_t name[INDEX_VAULT_OBJECT], uint8_t kind, uint64_t generation,
                                  const uint8_t bare[32])
{
	name[0] = kind;
	put_u64(name + 1, generation);
	memcpy(name + 9, bare, 32);
}
void vault_world_objects_free(struct member_object **objects);

/* A new one, with an empty vault that runs and nobody connected. */
void vault_world_start(struct vault_world *w, int64_t quota);
void vault_world_end(struct vault_world *w);
/* The vault ends and begins again; `crash`: what was not committed is lost. Everybody has to connect again. */
void vault_world_restart(struct vault_world *w, bool crash);
/* The same with the index files that lie there now, which its own close would have overwritten. */
void vault_world_rolled_back(struct vault_world *w);
/* The same without an index, as if that had been lost. */
void vault_world_index_lost(struct vault_world *w);
/* Runs SQL on the index while it is closed; the vault then begins again. */
void vault_world_sql(struct vault_world *w, const char *sql);
void vault_world_turn(struct vault_world *w);
/* As if it had been running for that many seconds more; a second passes. */
void vault_world_age(struct vault_world *w, int64_t s);
/* Turns until its loop says that this time is over. */
void vault_world_pass(struct vault_world *w, int64_t ms);
/* How often it turns in that time. What waits for nothing but time turns a few times. */
int vault_world_turns(struct vault_world *w, int64_t ms);
/* Turns until nothing has been asked for or settled for a while. */
void vault_world_calm(struct vault_world *w);

void vault_world_up(struct vault_world *w, int who);
void vault_world_down(struct vault_world *w, int who);
/* Tells all rows above what the vault has settled, in messages of 64. */
void vault_world_tell(struct vault_world *w, int who);

/* Goes on telling, as far as this many rows above what the vault has settled. */
void vault_world_tell_on(struct vault_world *w, int who, uint64_t window);

/* A file of nblocks blocks of `size` random bytes each, drawn from `seed`, with a version that has one entry of each of
 * two writers. pages: blocks in each; 0: none. nblocks 0 is a tombstone. The row's place in m->rows. */
struct vault_file {
	const char *path;
	uint64_t a, b; /* counters of the writers 1 and 2; 0: no entry */
	int nblocks, pages;
	size_t size;
	uint64_t seed;
	uint64_t generation; /* 1, 2; with 2 it also has the path's ID of 1 */
};
size_t vault_world_write(struct vault_world *w, int who, const struct vault_file *f);
/* Whether the vault has the core of this row and tells it to `to`. */
bool vault_world_hears(struct vault_world *w, int to, int who, size_t row);
/* The name of block `i` of a file of this size and seed, of generation 1. */
void vault_world_block(struct vault_world *w, uint64_t seed, int i, size_t size, uint8_t name[INDEX_VAULT_OBJECT]);
/* Seals a patch of the block on this base; its bytes are drawn. Fresh. */
struct member_object *vault_world_patch_new(struct vault_world *w, const uint8_t block[INDEX_VAULT_OBJECT],
                                            const uint8_t base[INDEX_VAULT_OBJECT]);
/* From now on the member gives it in place of the block. */
void vault_world_patch(struct vault_world *w, int who, const uint8_t block[INDEX_VAULT_OBJECT],
                       const uint8_t base[INDEX_VAULT_OBJECT]);
/* Asks the vault for the object of this name as one of this kind, or (bad) says that it did not open. */
void vault_world_want(struct vault_world *w, int as, bool bad, uint8_t kind, const uint8_t name[INDEX_VAULT_OBJECT]);
/* Asks the vault for every object that `who` has, as `as`; how many came as they are. */
int vault_world_fetch(struct vault_world *w, int as, int who);
/* Calls fn with the path of each file under .lanyard/vault. */
void vault_world_files(struct vault_world *w, void (*fn)(void *arg, const char *path), void *arg);

#endif
