/* News in both directions, and small files among several receivers. A part of peers_internal.h, which includes it. The
 * loop's thread. */
#ifndef LANYARD_SYNC_PEER_NEWS_INTERNAL_H
#define LANYARD_SYNC_PEER_NEWS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/content.h"
#include "sync/wire/msg.h"

struct peer_group;
struct talk;

/* Our rows with after < number <= upto: which receiver has their small files' bytes and brings them to the others; 0:
 * all get them from us. */
struct news_stretch {
	uint64_t after, upto, carrier;
	int64_t made_ms;
};

enum { NEWS_STRETCHES = 512 };

/* Small files among several receivers; see news_carry.c. */
struct news_carry {
	struct news_stretch stretches[NEWS_STRETCHES]; /* by number; none overlap */
	size_t n;
	bool waiting;                  /* a talk waits until a receiver that could carry owes less */
	int64_t heavy_ms;              /* when more than a little was owed; 0: never */
	struct news_relay *relays;     /* contents that go to others with our news (hash) ... */
	struct news_relay *relay_list; /* ... the oldest first */
};

/* news_carry.c: small files among several receivers */
enum news_way {
	NEWS_TO_ALL,     /* every receiver gets the bytes from us */
	NEWS_BY_CARRIER, /* one does, and brings them to the others */
	NEWS_WAITS,      /* the receivers that could carry owe enough: no small file is told of now */
};
/* What the next message of a talk may hold. */
struct news_turn {
	uint64_t carrier; /* short ID; 0: none */
	uint64_t upto;    /* no number above this */
	size_t bytes;     /* of small files, about */
};
enum news_way news_carry_turn(struct talk *t, struct news_turn *turn);
/* Whether the peer takes bytes inside news, and others do too. */
bool news_carry_is_shared(const struct talk *t);
/* The rows with after < number <= upto are told to t's peer, and this receiver carries their bytes (0: nobody does). */
void news_carry_note(struct talk *t, uint64_t after, uint64_t upto, uint64_t carrier, size_t bytes);

/* news_relay.c: what we carry for a maker of small files */
/* It named us in this message: passes the bytes on. */
void news_relay_in(struct talk *t, const struct msg_news *news);
/* Whether our news of this content carries its bytes, on this talk. */
bool news_relay_is_due(const struct talk *t, const struct content *content);
/* A carrier brings contents. */
void news_relayed_in(struct talk *t, const struct msg_relay *m);
void news_relay_free(struct peer_group *g);

/* news_out.c: our rows, sent */
/* all: sends all our rows, whatever the peer says that it has. */
void news_out_start(struct talk *t, const struct msg_index_hello *theirs, bool all);
/* The peer has begun a new epoch: our rows up to now are sent to it even if they came from it. */
void news_out_resend_all(struct talk *t);
/* Sends as much as there is room for. */
void news_out_kick(struct talk *t);
/* Goes on with talks whose small files waited for a carrier: an acknowledgement came, or time passed. */
void news_out_kick_waiting(struct peer_group *g);
void news_out_ack(struct talk *t, const struct msg_news_ack *m);
void news_out_stop(struct talk *t);

/* news_in.c: the peer's rows */
void news_in_send_hello(struct talk *t);
enum news_in_next {
	NEWS_IN_GOES_ON,
	NEWS_IN_COMPARES,    /* the talk is up, and no news are sent before ranges_begin() */
	NEWS_IN_TALK_AGAIN,  /* the talk is to be closed and opened again */
	NEWS_IN_GROUP_AGAIN, /* so are all talks about the group */
};
/* May end the session. */
enum news_in_next news_in_hello(struct talk *t, const struct msg_index_hello *m);
/* Forgets what the peer offers, and how far we received its rows: it announces all of them again when its next talk
 * comes up. */
void news_in_forget(struct peer_group *g, uint64_t peer);
/* Our index went back: it continues under a new epoch, and all talks about the group must open again. False when it
 * cannot be written. */
bool news_in_begin_epoch(struct peer_group *g);
/* As news_in_message(), whoever the peer is. May end the session. */
void news_in_vouched(struct talk *t, const struct msg_news *m);
/* May end the session. */
void news_in_message(struct talk *t, const struct msg_news *m);
/* Before the commit: stores how far we have the peer's rows, and it ours. */
void news_in_store(struct talk *t);
/* After it: tells the peer. */
void news_in_acknowledge(struct talk *t);
/* A record of the peer's that says the same as ours, our row, of what is at the path: through the same checks as one of
 * its news. The number of our row afterwards if it became what both come to; 0 otherwise. */
uint64_t news_in_same(struct talk *t, const struct record *ours, const struct record *theirs);
/* Sets settled_now. */
void news_in_settle(struct talk *t);

#endif
