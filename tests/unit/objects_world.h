/* Two members that deal with a vault which is played: one gives objects, the other gets them. The vault is a table: it
 * wants what the giver's rows need, as a real one does, without keys, and answers what the getter wants, as a test has
 * it answer. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_OBJECTS_WORLD_H
#define LANYARD_TESTS_UNIT_OBJECTS_WORLD_H

#include <uthash.h>

#include "base/bytes.h"
#include "sync/keeping/keeping.h"
#include "sync/index/index_vault.h"
#include "sync/seal/object.h"
#include "tests/unit/ring_world.h"

enum { GIVER, GETTER, EXMEMBER, VAULT, OBJECTS_AGENTS };
enum { OBJECTS_ZEROS = 1 << 17 }; /* bytes of a block of zeros */

/* What the vault does with what the getter wants. */
enum objects_lie {
	OBJECTS_HONEST,
	OBJECTS_BIT,   /* the last byte is another one */
	OBJECTS_SHORT, /* cut short */
	OBJECTS_OTHER, /* any other object */
	OBJECTS_NONE,
	OBJECTS_SILENT,
	OBJECTS_TWICE,
};

struct objects_stored {
	uint8_t name[INDEX_VAULT_OBJECT];
	uint8_t *p;
	size_t n;
	UT_hash_handle hh;
};

/* What the getter wants, on its way. */
struct objects_answer {
	struct msg_object_want want;
	struct objects_answer *prev, *next;
};

/* A block that it got. */
struct objects_got {
	uint32_t request;
	uint8_t *p;
	size_t n;
	UT_hash_handle hh;
};

/* A file of the giver's. Its blocks are made when they are read. */
struct objects_file {
	struct content content;
	struct blocklist list;
	int64_t *offsets;
	uint64_t seed, seq, generation;
	uint32_t pool; /* how many blocks make up all files that have this number; 0: all differ */
	uint8_t chunk_log2;
	uint8_t (*refs)[INDEX_VAULT_OBJECT]; /* what its core needs */
	size_t nrefs;
	bool told, paged;
	uint32_t other; /* it was changed: a byte, by this number, is another one when it is read; 0: it was not */
	bool fails;     /* it cannot be read */
	char path[24];
	const struct objects_file
		*of;           /* it is that one, with a byte changed `edits` times in each block; NULL: it is new */
	uint32_t edits, shift; /* shift: it is cut that many bytes earlier than that one */
};

struct objects_world {
	char dir[64];
	struct loop *loop;
	struct workers *workers;
	struct ring_world *rings;
	struct index *index[2];
	struct keeping *keeping[2];
	struct objects_end {
		struct objects_world *w;
		int who;
	} ends[2];
	uint64_t vault; /* its short ID */
	void (*more)(struct objects_world *w);
	size_t coming;                /* messages on their way, for objects_world_calm() */
	struct content_source source; /* the giver's */
	uint32_t pool;                /* of the files to come */
	struct objects_file *files[64];
	size_t nfiles;

	/* The giver's: */
	int opened, most_opened; /* readings at once */
	size_t reading, most_reading;
	size_t room;
	struct objects_stored *stored;                 /* what the vault has */
	uint32_t request;                              /* its last one */
	size_t given, none;                            /* answers */
	void (*watch)(const uint8_t *bytes, size_t n); /* each object that is given; NULL: nobody does */

	/* The getter's: */
	const struct objects_file *older; /* what it has where anything is to come; NULL: nothing */
	size_t bases;                     /* wants of whole blocks */
	size_t open_bases, most_bases;    /* of these, not answered: now, at once */
	enum objects_lie lie;
	size_t lies;                    /* so often; then it is honest */
	struct objects_answer *answers; /* on their way */
	size_t nanswers, wanted, cancelled, bad;
	int misbehaved[2];
	struct objects_got *got; /* blocks, by request */
	uint8_t *list;           /* pieces, together */
	size_t nlist, nlists, nlists_none;
	int states;
};

extern const struct keeping_ops objects_world_ops;

void objects_world_start(struct objects_world *w, int policy);
/* The vault is the caller's: w->more is called in every turn. */
void objects_world_start_with(struct objects_world *w, int policy, const struct keeping_ops *ops);
void objects_world_end(struct objects_world *w);
/* Waits for something to happen while workers are busy. */
void objects_world_turn(struct objects_world *w);
/* Turns until no worker has anything and nothing is on its way. */
void objects_world_calm(struct objects_world *w);
/* who: GIVER, GETTER. */
void objects_world_up(struct objects_world *w, int who);
void objects_world_down(struct objects_world *w, int who);

/* Its files. */
struct content_source objects_world_source(struct objects_world *w);
/* The vault hears of a row. */
void objects_world_told(struct objects_world *w, const struct msg_core *told);
void objects_world_files_free(struct objects_world *w);
/* A file of n blocks of `size` bytes, each zeros_every-th one zeros (0: none). The giver has told it, and the getter
 * knows how it is sealed. */
struct objects_file *objects_world_file(struct objects_world *w, uint32_t n, uint32_t zeros_every, uint32_t size,
                                        uint8_t chunk_log2);
/* What becomes of the file when `edits` bytes of each block are changed, each in a leaf of its own. */
struct objects_file *objects_world_edit(struct objects_world *w, const struct objects_file *of, uint32_t edits);
/* The same bytes, each block but the last one ending `shift` bytes earlier. */
struct objects_file *objects_world_recut(struct objects_world *w, const struct objects_file *of, uint32_t shift);
/* The bytes of block i, fresh, of what its list says. */
uint8_t *objects_world_block(const struct objects_file *f, uint32_t i);
/* The vault wants all that the file needs, pages first, and then what these need. */
void objects_world_fill(struct objects_world *w, const struct objects_file *f);
/* The vault wants this one object of the row. */
void objects_world_want(struct objects_world *w, uint64_t seq, const uint8_t name[INDEX_VAULT_OBJECT]);
/* The same, of a block that may come as a patch. */
void objects_world_want_patch(struct objects_world *w, uint64_t seq, const uint8_t name[INDEX_VAULT_OBJECT]);
/* What the vault has under this name, of that kind; NULL: nothing. */
const struct objects_stored *objects_world_stored(const struct objects_world *w, const uint8_t name[INDEX_VAULT_OBJECT],
                                                  uint8_t kind);
/* The name of block i. */
void objects_world_name(const struct objects_world *w, const struct objects_file *f, uint32_t i,
                        uint8_t name[INDEX_VAULT_OBJECT]);
/* The getter asks for block i, under this number. */
void objects_world_get(struct objects_world *w, const struct objects_file *f, uint32_t i, uint32_t request);
/* What came of it: 1: the block, as it is; 0: none; -1: nothing yet. Forgets it. */
int objects_world_got(struct objects_world *w, const struct objects_file *f, uint32_t i, uint32_t request);
/* The getter gets list and blocks; whether all is as it was. */
bool objects_world_comes(struct objects_world *w, const struct objects_file *f);
/* The same of the list alone, from block `first` on. */
bool objects_world_list_comes(struct objects_world *w, const struct objects_file *f, uint32_t first);
void objects_world_forget_stored(struct objects_world *w);

#endif
