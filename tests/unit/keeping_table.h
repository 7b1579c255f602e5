/* Two members and a vault at one table: the real sync/keeping and sync/vault, with messages that pass from one to the
 * other as they do on the wire, and owners that do what the peers' layer and fetch do. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_KEEPING_TABLE_H
#define LANYARD_TESTS_UNIT_KEEPING_TABLE_H

#include "base/mem.h"
#include "sync/index/index_vault.h"
#include "sync/keeping/keeping.h"
#include "sync/vault/vault.h"
#include "tests/unit/ring_world.h"

enum { ANNA, BERT, CARL, VERA, TABLE_AGENTS }; /* owner and members; the vault */
enum { TABLE_MEMBERS = 3, TABLE_FILES = 600 };

/* Content that somebody has. Its blocks are made when they are read. */
struct table_file {
	struct content content;
	struct blocklist list;
	uint64_t seed;
	bool had[TABLE_MEMBERS]; /* who has its bytes */
};

struct table_member {
	struct table *t;
	int who;
	uint64_t id;
	struct index *index;
	struct keeping *keeping;
	struct content_source source;
	bool up;
	const char *ignored;         /* this path is not shared */
	uint64_t sent, settled, got; /* told; settled by the vault; taken of the vault */
	size_t cores, news, objects, hellos;
	int misbehaved, rolled_back;
	uint8_t *block; /* the last that came; owned */
	size_t nblock;
	int none;
};

struct table {
	char dir[64];
	struct loop *loop;
	struct workers *workers;
	struct ring_world *rings;
	struct table_member m[TABLE_MEMBERS];
	struct table_file files[TABLE_FILES];
	size_t nfiles;
	struct index *index; /* the vault's */
	struct share *share;
	struct vault *vault;
	uint64_t vault_id;
	struct table_letter *letters; /* on their way; owned */
	uint64_t synced;              /* commits of the vault's index */
	size_t carried;               /* letters that have arrived */
	size_t given;                 /* objects that members gave the vault */
};

void table_start(struct table *t);
void table_end(struct table *t);
void table_turn(struct table *t);
/* Until nothing is under way. */
void table_calm(struct table *t);
/* Until its loop says that this time is over. */
void table_pass(struct table *t, int64_t ms);
void table_up(struct table *t, int who);
void table_down(struct table *t, int who);
/* Everybody hears of everything, keys included, and looks at it. */
void table_gossip(struct table *t);

/* A file of n blocks at the member; 0: it is deleted. */
void table_write(struct table *t, int who, const char *path, uint32_t nblocks, uint64_t seed);
/* Whether the member's row of the path has this content. */
bool table_has_row(struct table *t, int who, const char *path, uint32_t nblocks, uint64_t seed);
/* Gets every block of the path from the vault; whether all came, and were the right ones. */
bool table_fetches(struct table *t, int who, const char *path);

/* --- shared by its files --- */

void table_wait(struct table *t); /* a turn that may block */
enum { LETTER_CORES, LETTER_VAULT, LETTER_OBJECT };
/* p is taken. */
int table_send(struct table *t, int from, int to, int what, uint8_t *p, size_t n);
int table_send_object(struct table *t, int from, int to, uint32_t request, uint8_t status, uint8_t *p, size_t n);
int table_send_vault(struct table_member *e, const struct msg_vault *m);
void table_member_hears(struct table_member *e, const struct msg_vault *m);
extern const struct keeping_ops table_member_ops;
struct table_file *table_file_of(struct table *t, const struct content *c);
struct content_source table_source(struct table_member *e);

#endif
