/* What a member that has a whole content gives to whom, while several get it at once: each block goes out once, in the
 * order of the file, and the receivers pass it on to one another. The giver decides late: only when a link has room for
 * the next block. Pure: data in, a decision out; times are the caller's, in ms on any clock that never goes back.
 *
 * One `give` per content, one `give_receiver` for each member that gets it. */
#ifndef LANYARD_SYNC_SWARM_GIVE_H
#define LANYARD_SYNC_SWARM_GIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GIVE_ROOM_MIN = 128 << 10,  /* bytes that may wait on a link, however many links there are */
	GIVE_ROOM_ALL = 2 << 20,    /* on all links together; a lone one needs it */
	GIVE_RECEIVERS_MAX = 255,   /* of one content */
	GIVE_SPREAD_MS = 1000,      /* a first copy should be at another receiver by then */
	GIVE_SPREAD_LAST_MS = 3000, /* and counts as if it were by then */
};

/* Bytes that may wait on each link, before its next block is chosen, while that many links have something to send. */
size_t give_room(size_t links);

struct give;
struct give_receiver;

struct give *give_new(uint32_t nblocks);
/* Frees its receivers too. NULL is allowed. */
void give_free(struct give *g);
/* Bytes of memory that give_new() takes for that many blocks. */
size_t give_memory(uint32_t nblocks);

/* NULL: there are GIVE_RECEIVERS_MAX. */
struct give_receiver *give_join(struct give *g);
/* What was sent to it counts as sent. */
void give_leave(struct give *g, struct give_receiver *r);
/* How many blocks it asks for, any of them, that it was not sent yet. */
void give_credit(struct give_receiver *r, size_t n);

/* The receiver has this block. */
void give_announced(struct give *g, struct give_receiver *r, uint32_t block);
/* The block, of len bytes, goes out to it now. */
void give_sent(struct give *g, struct give_receiver *r, uint32_t block, uint32_t len, int64_t now_ms);

enum give_choice {
	GIVE_BLOCK,
	GIVE_WAIT, /* the next block is not there yet, or the receiver is held: ask again soon */
	GIVE_OUT,  /* each block was sent to somebody, or is announced by somebody */
};
/* The next block for a receiver that takes any. hashed: the blocks before this number are there to be sent. */
enum give_choice give_choose(struct give *g, const struct give_receiver *r, uint32_t hashed, int64_t now_ms,
                             uint32_t *block);
/* Whether others go first: it has had a block for GIVE_SPREAD_MS that only came to it, and that it passed on to nobody,
 * while another receiver takes and is not held. Nobody is held for a while after that has left the giver idle: then the
 * others were slow, and not this one. */
bool give_held(struct give *g, const struct give_receiver *r, int64_t now_ms);
/* How many receivers it went to, 255 at most. */
uint8_t give_copies(const struct give *g, uint32_t block);

#endif
