/* A share with its index, workers and fetch, and peers that are made of memory: what they have is a list of files,
 * what they are asked for is answered in the next turn. */
#ifndef LANYARD_TESTS_UNIT_FETCH_WORLD_H
#define LANYARD_TESTS_UNIT_FETCH_WORLD_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/fetch/fetch.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/conflict.h"
#include "sync/plan/reconcile.h"
#include "sync/plan/path.h"
#include "tests/unit/noise.h"
#include "tests/unit/run_until.h"

enum { ME = 7, ANNA = 100, BERT = 200, PEERS = 2, CHUNK = 64 << 10, WINDOW = 4 << 20 };

/* A content a peer can give. */
struct blob {
	struct content content;
	struct blocklist list;
	uint8_t *bytes;
	UT_hash_handle hh; /* in its peer's, by root */
};

struct answer {
	uint64_t peer;
	uint32_t request;
	bool is_list, none;
	uint32_t first;
	uint8_t *bytes;
	size_t n;
	struct answer *prev, *next;
};

struct fake_peer {
	uint64_t id, epoch, seq;
	bool up, mute;
	bool chatters;                                                 /* says something all the time */
	bool lies;                                                     /* answers with other bytes */
	enum { HOLD_NOT_ASKED, HOLD_NO, HOLD_YES, HOLD_SILENT } holds; /* what it answers to a drop */
	int64_t has_upto; /* blocks at or above this offset are not given; INT64_MAX: all are */
	uint64_t arrived; /* bytes, as a connection counts them */
	size_t in_flight;
	uint64_t blocks, lists, bytes; /* given */
	struct blob *blobs;
};

struct world {
	char dir[64], share_dir[96], home_dir[96];
	int root;            /* of the share */
	size_t memory;       /* for the next fetch_begin() */
	int64_t backlog;     /* the same */
	uint64_t told_again; /* the peer that was to tell again last */
	int64_t spare_ms;
	int64_t carrier_ms; /* the same; 0: as an agent does */
	struct loop *loop;
	struct workers *workers;
	struct share *share;
	struct index *index;
	struct fetch *fetch;
	struct loop_hook *hook;
	struct loop_timer *timer;
	struct loop_timer *tick; /* a loop with nothing to wait for runs no hooks */
	struct fake_peer peer[PEERS];
	struct answer *answers;
	char *hints[256], *conflicts[256];
	size_t nhints, nconflicts, ninstalled, nproblems, misbehaved;
	uint64_t liar;
	char problem[256];
	struct {
		uint64_t peer;
		uint32_t request;
		bool has;
	} hold[8]; /* answers to come */
	size_t nholds;
	const struct choices *choices; /* NULL: a mirror */
	const struct choices *chosen;  /* what drop_choice makes of them; NULL: it fails */
	size_t nchosen;
	bool scan_hints; /* a hinted file's row is brought up to date, as the scan would */
};

extern struct world *w;

/* --- contents --- */

/* Fills b with a copy of the bytes, cut every `chunk` of them; the caller frees it with blob_free() or gives it to
 * blob_add(). */
struct content blob_make(struct blob *b, const void *bytes, size_t n, size_t chunk);
void blob_free(struct blob *b);
struct content contents(const void *bytes, size_t n);

/* --- the world: a share that is empty, and ANNA connected --- */

int world_setup(void **state);
int world_teardown(void **state);
/* The same in a folder that is there, maybe with what a world before it left. */
void world_open(const char *dir);
void world_close(void);
void fetch_begin(void);
void fetch_end(void);
/* The index and fetch follow these choices from now on; they outlive the world. */
void world_choose(const struct choices *choices);
/* What the scan would do: the file's row says what is on disk. Only files of memory size, folders and symlinks. */
void scan_path(const char *path);
void turn(void);
/* Runs until nothing is wanted, at most for this many milliseconds; true when it came to that. */
bool run_ms(int64_t ms);
bool run(void);

/* --- peers --- */

struct fake_peer *peer_of(uint64_t id);
void peer_up(uint64_t id);
void peer_down(uint64_t id);
/* A record of the peer's own that knows nothing of ours; one that knows our row of its path. */
struct record peer_record(uint64_t id, const char *path, enum record_kind kind);
struct record peer_next(uint64_t id, const char *path, enum record_kind kind);
/* Says it, as one message, and clears it. */
void say(uint64_t id, struct record *r, const void *bytes, size_t n);
/* The peer can give this from now on. */
void blob_add(uint64_t id, struct blob *b);
void have(uint64_t id, struct record *r, const void *bytes, size_t n, size_t chunk);
/* A file of a peer; inlined: its bytes come with the record. */
void say_file(uint64_t id, const char *path, const void *bytes, size_t n, bool inlined);
/* Both peers say the same record of a file, which comes with no bytes. */
void say_both(const char *path, const uint8_t *bytes, size_t n, size_t chunk);
void say_text(uint64_t id, const char *path, const char *text);
void say_dir(uint64_t id, const char *path);
void say_link(uint64_t id, const char *path, const char *target);
void say_gone(uint64_t id, const char *path);

/* --- what is on disk --- */

void write_text(const char *path, const char *text);
void assert_bytes(const char *path, const void *bytes, size_t n);
void assert_text(const char *path, const char *text);
bool is_there(const char *path);
/* In a file of any name, as a line of its own. */
bool text_is_somewhere(const char *text);
/* The row says what is on disk: to the last bit of `seen`. */
void assert_row_is_true(const char *path);
/* Files in parts/. A worker removes the rest of a part after its file is installed, so a test waits for 0. */
size_t parts_left(void);

/* --- between fetch_world.c and fetch_world_peers.c --- */

extern const struct fetch_ops world_ops;
void give_answers(void *arg);

#endif
