/* Messages: converts between the structs that the rest of the code uses and the bytes of lanyard.proto. The only door
 * to protobuf-c. Decoding checks all that can be checked without knowing the group: lengths of hashes, counts, ranges.
 * Paths are bytes here; path_check judges them later. Decoded structs borrow from the arena, which msg_free releases.
 * Any thread. Pure. */
#ifndef LANYARD_SYNC_WIRE_MSG_H
#define LANYARD_SYNC_WIRE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/block.h"
#include "sync/plan/record.h"
#include "sync/swarm/map.h"

enum {
	MSG_TAG_LEN = 16,
	MSG_SIGNATURE_LEN = 64,
	MSG_MAX_TAGS = 64,
	MSG_MAX_TEXT = 255,      /* bytes of a name, reason or host */
	MSG_MAX_CREDENTIAL = 64, /* entries */
	MSG_MAX_ASKED = 4,       /* requests of one ASK */
	MSG_MAX_REQUESTS = 512,  /* entries of one REQUESTS */
	MSG_SALT_LEN = 32,       /* also of a commitment */
	MSG_MAX_RECORDS = 4096,  /* records of one NEWS */
	MSG_MAX_WANTS = 1024,    /* blocks of one GET */
	MSG_MAX_CANCEL = 16384,  /* requests of one CANCEL */
	MSG_MAX_ADDRESSES = 256,
	MSG_INLINE_MAX = 64 << 10,      /* bytes of a file carried in NEWS */
	MSG_BLOCKS_INLINE_MAX = 64,     /* blocks of a list carried in NEWS */
	MSG_ARENA_MAX = 48 << 20,       /* memory one decoded message may take */
	MSG_BLOCK_HEAD = 9,             /* bytes before the data of a BLOCK */
	MSG_BLOCK_HEAD_ANY = 13,        /* the same of one that says which block it is */
	MSG_MAX_RUNS = 4096,            /* runs of one HAVE */
	MSG_MAX_ANY = 1024,             /* requests of one ANY */
	MSG_LIST_MAX = 100000,          /* blocks in one LIST */
	MSG_MAX_DIGESTS = 128 << 10,    /* bytes of digests in one RANGES */
	MSG_MAX_AGAIN = 4096,           /* places in one RANGES */
	MSG_MAX_SEALED_LIST = 256 * 44, /* bytes of a block list in a record that stands alone: 64 blocks, and zeros */
	MSG_MAX_PAGES = 2 * 16384,      /* the same of the places of pages */
};

struct msg_bytes {
	const uint8_t *p;
	size_t n;
};

/* Memory of one decoded message. Starts zeroed. */
struct msg_arena {
	struct msg_chunk *chunks;
	size_t used;
};
void msg_free(struct msg_arena *a);

struct msg_hello {
	uint32_t version;
	const char *software, *name; /* at most MSG_MAX_TEXT bytes; untrusted */
	uint32_t listen_port;        /* 0 to 65535 */
	uint64_t run_id;             /* 0: none was sent */
	bool moved, asks;
	bool sealed;
	const uint8_t (*tags)[MSG_TAG_LEN];
	size_t ntags;
};

/* signature.n = 0: a request for a proof. Otherwise MSG_SIGNATURE_LEN bytes, which the receiver verifies. */
struct msg_run_proof {
	uint64_t run_id, other;
	bool moved;
	struct msg_bytes signature;
};

struct msg_bye {
	const char *reason;
	bool copied;
	bool enough, full;
	struct msg_run_proof proof; /* run_id 0: none */
};

struct msg_group_open {
	uint32_t channel, your_channel;
	const struct msg_bytes *credential;
	size_t ncredential;
	struct msg_bytes join;          /* n = 0: none */
	struct msg_bytes roster_digest; /* n = 0 or 32 */
};

struct msg_group_close {
	uint32_t channel;
	int64_t your_channel; /* -1: none was sent */
	const char *reason;
};

struct msg_roster {
	uint32_t channel;
	const struct msg_bytes *entries;
	size_t nentries;
};

enum msg_ask_state {
	MSG_ASK_NO,   /* not here: no such group, or it is hidden */
	MSG_ASK_SALT, /* here is a salt: reveal r */
	MSG_ASK_WAITING,
	MSG_ASK_ACCEPTED,
	MSG_ASK_REJECTED, /* may ask again */
	MSG_ASK_BARRED,
	MSG_ASK_LATER, /* too many ask */
	MSG_ASK_STATES
};

struct msg_ask {
	const uint8_t *tag;        /* MSG_TAG_LEN */
	const uint8_t *commitment; /* MSG_SALT_LEN */
	const struct msg_bytes *entries;
	size_t nentries;
	uint64_t number;
};

struct msg_ask_answer {
	const uint8_t *tag;
	enum msg_ask_state state;
	struct msg_bytes salt;  /* n = 0 or MSG_SALT_LEN */
	struct msg_bytes entry; /* n = 0: none */
	struct msg_bytes group; /* n = 0 or 32 */
	uint64_t number;
};

struct msg_ask_reveal {
	const uint8_t *tag;
	struct msg_bytes request;
};

struct msg_requests {
	uint32_t channel;
	struct msg_bytes digest; /* n = 0 or 32 */
	const struct msg_bytes *entries;
	size_t nentries;
};

struct msg_index_hello {
	uint32_t channel;
	uint64_t epoch, seq, have_epoch, have_seq, settled, forgotten, shown;
	struct msg_bytes signature; /* n = 0 or 64 */
	bool no_inline, on_demand, ranges;
	uint32_t role_known; /* untrusted; 0: not said */
};

/* One record of a NEWS. record's pointers are borrowed: never record_clear() a decoded one. record.seq is the
 * sender's. */
struct msg_record {
	struct record record;
	struct msg_bytes content;            /* p NULL: not carried */
	struct msg_bytes blocks;             /* n = 0: not carried; else 36 * nblocks */
	bool carried;                        /* a small file whose bytes msg_news.carrier brings */
	struct msg_bytes sealed_list, pages; /* only in a record that stands alone; at most one of them has bytes */
};

struct msg_news {
	uint32_t channel;
	uint64_t after, upto;
	struct msg_bytes signature; /* n = 0 or 64 */
	uint64_t carrier;           /* short ID; 0: none */
	const struct msg_record *records;
	size_t nrecords;
};

enum msg_ranges_what {
	MSG_RANGES_NO,
	MSG_RANGES_BEGIN,
	MSG_RANGES_NODES,
	MSG_RANGES_ITEMS,
	MSG_RANGES_DONE,
	MSG_RANGES_WHATS
};

struct msg_ranges {
	uint32_t channel;
	enum msg_ranges_what what;
	uint32_t rows;
	struct msg_bytes digests;
	const uint32_t *again; /* ascending */
	size_t nagain;
	bool all;
};

/* Of each record only seq, version, base, mode_base, modified_by and chunk_log2 are there; path is NULL. */
struct msg_same {
	uint32_t channel;
	const struct record *records; /* borrowed: never record_clear() a decoded one */
	size_t n;
	bool ended;
};

/* Contents of one block, at most MSG_INLINE_MAX bytes each; nobody has verified them. */
struct msg_relay {
	uint32_t channel;
	const uint8_t (*roots)[32];
	const struct msg_bytes *contents;
	size_t n; /* 1 to MSG_MAX_RECORDS */
};

struct msg_news_ack {
	uint32_t channel;
	uint64_t received, settled, epoch;
};

/* The record's seq is 0. Borrowed like those of a NEWS. */
struct msg_hold_ask {
	uint32_t channel, request;
	struct record record;
};

struct msg_hold_answer {
	uint32_t channel, request;
	bool has;
};

struct msg_list_get {
	uint32_t channel, request, first;
	struct content content;
};

struct msg_list {
	uint32_t request, first;
	struct msg_bytes blocks;
	bool none;
};

struct msg_get {
	uint32_t channel;
	struct content content;
	const struct block_want *wants;
	size_t nwants;
};

struct msg_cancel {
	const uint32_t *requests;
	size_t n;
};

struct msg_map {
	uint32_t channel;
	struct swarm_map map;
};

/* The runs ascend, do not overlap, and end at CONTENT_MAX_BLOCKS at most: the receiver compares them with the map. */
struct msg_have {
	uint32_t channel, map;
	const struct swarm_run *runs;
	size_t nruns; /* 1 to MSG_MAX_RUNS */
};

struct msg_any {
	uint32_t channel;
	struct content content;
	const uint32_t *requests;
	size_t n;
};

/* A run (sync/plan/coming_run.h). blocks: as blocklist_encode() writes them, 1 to COMING_BLOCKS_MAX; none exactly when
 * ended. */
struct msg_coming {
	uint32_t channel;
	uint64_t id;
	const char *path;
	bool ended;
	int64_t at; /* 0 to COMING_SIZE_MAX */
	struct msg_bytes blocks;
};

struct msg_address {
	uint8_t agent[32];
	const char *host; /* numeric; untrusted */
	uint32_t port;
};

struct msg_addresses {
	uint32_t channel;
	const struct msg_address *addresses;
	size_t n;
};

/* About a connection: needed by its sender, which could do without it when `spare`. */
struct msg_keep {
	bool needed, spare;
};

enum { MSG_HERE_LEN = 9, MSG_MAX_HERE = 4096 };
/* members.n: a multiple of MSG_HERE_LEN, at most MSG_MAX_HERE times that. */
struct msg_here {
	uint32_t channel;
	struct msg_bytes members; /* short ID, big endian, and seconds */
};

/* Each encode returns fresh memory of *n bytes; the caller frees it, and keeps within the limits of the structs. */
uint8_t *msg_hello_encode(const struct msg_hello *m, size_t *n);
uint8_t *msg_bye_encode(const struct msg_bye *m, size_t *n);
uint8_t *msg_run_proof_encode(const struct msg_run_proof *m, size_t *n);
uint8_t *msg_ping_encode(uint64_t cookie, size_t *n);
uint8_t *msg_group_open_encode(const struct msg_group_open *m, size_t *n);
uint8_t *msg_group_close_encode(const struct msg_group_close *m, size_t *n);
uint8_t *msg_roster_encode(const struct msg_roster *m, size_t *n);
uint8_t *msg_ask_encode(const struct msg_ask *m, size_t *n);
uint8_t *msg_ask_answer_encode(const struct msg_ask_answer *m, size_t *n);
uint8_t *msg_ask_reveal_encode(const struct msg_ask_reveal *m, size_t *n);
uint8_t *msg_requests_encode(const struct msg_requests *m, size_t *n);
uint8_t *msg_index_hello_encode(const struct msg_index_hello *m, size_t *n);
uint8_t *msg_news_encode(const struct msg_news *m, size_t *n);
uint8_t *msg_ranges_encode(const struct msg_ranges *m, size_t *n);
/* One record, as it stands in a sealed core: without version, number and bytes of content. */
uint8_t *msg_record_alone_encode(const struct msg_record *m, size_t *n);
uint8_t *msg_same_encode(const struct msg_same *m, size_t *n);
uint8_t *msg_relay_encode(const struct msg_relay *m, size_t *n);
uint8_t *msg_news_ack_encode(const struct msg_news_ack *m, size_t *n);
uint8_t *msg_hold_ask_encode(const struct msg_hold_ask *m, size_t *n);
uint8_t *msg_hold_answer_encode(const struct msg_hold_answer *m, size_t *n);
uint8_t *msg_list_get_encode(const struct msg_list_get *m, size_t *n);
uint8_t *msg_list_encode(const struct msg_list *m, size_t *n);
uint8_t *msg_get_encode(const struct msg_get *m, size_t *n);
uint8_t *msg_cancel_encode(const struct msg_cancel *m, size_t *n);
uint8_t *msg_map_encode(const struct msg_map *m, size_t *n);
uint8_t *msg_have_encode(const struct msg_have *m, size_t *n);
uint8_t *msg_coming_encode(const struct msg_coming *m, size_t *n);
uint8_t *msg_any_encode(const struct msg_any *m, size_t *n);
uint8_t *msg_addresses_encode(const struct msg_addresses *m, size_t *n);
uint8_t *msg_keep_encode(const struct msg_keep *m, size_t *n);
uint8_t *msg_here_encode(const struct msg_here *m, size_t *n);

/* Each decode returns 0, or -1 when the bytes are not such a message within its limits. */
int msg_hello_decode(struct msg_hello *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_bye_decode(struct msg_bye *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_run_proof_decode(struct msg_run_proof *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_ping_decode(uint64_t *cookie, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_group_open_decode(struct msg_group_open *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_group_close_decode(struct msg_group_close *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_roster_decode(struct msg_roster *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_ask_decode(struct msg_ask *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_ask_answer_decode(struct msg_ask_answer *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_ask_reveal_decode(struct msg_ask_reveal *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_requests_decode(struct msg_requests *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_index_hello_decode(struct msg_index_hello *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_news_decode(struct msg_news *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_ranges_decode(struct msg_ranges *m, struct msg_arena *a, const uint8_t *p, size_t n);
/* The bases are not compared with the version, which is not there: msg_record_bases_fit() does it when the reader has
 * set it. */
int msg_record_alone_decode(struct msg_record *m, struct msg_arena *a, const uint8_t *p, size_t n);
bool msg_record_bases_fit(const struct record *r);
int msg_same_decode(struct msg_same *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_relay_decode(struct msg_relay *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_news_ack_decode(struct msg_news_ack *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_hold_ask_decode(struct msg_hold_ask *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_hold_answer_decode(struct msg_hold_answer *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_list_get_decode(struct msg_list_get *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_list_decode(struct msg_list *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_get_decode(struct msg_get *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_cancel_decode(struct msg_cancel *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_map_decode(struct msg_map *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_have_decode(struct msg_have *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_coming_decode(struct msg_coming *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_any_decode(struct msg_any *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_addresses_decode(struct msg_addresses *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_keep_decode(struct msg_keep *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_here_decode(struct msg_here *m, struct msg_arena *a, const uint8_t *p, size_t n);

/* BLOCK is not protobuf: request, flags, plain length, with MSG_BLOCK_ANY the block's number, then the data. */
enum msg_block_flags {
	MSG_BLOCK_RAW = 0,
	MSG_BLOCK_ZSTD = 1,
	MSG_BLOCK_NONE = 2, /* the sender does not have the block, or the content */
	MSG_BLOCK_OUT = 3,  /* answers an ANY: every block that it could choose was sent to somebody */
	MSG_BLOCK_ANY = 4,  /* added to RAW or ZSTD: answers an ANY */
};
struct msg_block {
	uint32_t request;
	uint8_t flags;      /* without MSG_BLOCK_ANY */
	uint32_t plain_len; /* at most BLOCK_MAX */
	uint32_t number;    /* of the block, below CONTENT_MAX_BLOCKS; SWARM_AS_ASKED: the one that was asked for */
	struct msg_bytes data;
};
/* Writes what stands before m's data; returns how many bytes. */
size_t msg_block_head(uint8_t out[MSG_BLOCK_HEAD_ANY], const struct msg_block *m);
int msg_block_decode(struct msg_block *m, const uint8_t *p, size_t n);

#endif
