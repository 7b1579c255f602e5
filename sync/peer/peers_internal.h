/* Shared by the files of sync/peer; apart from them only tests include it. Everything is on the loop's thread.
 *
 *   peers     one per process: sessions, dial table, groups
 *   session   one per connection: the link, and a talk for each group that both sides know
 *   talk      one group on one session: membership shown, index hello, news out, news in, blocks both ways
 *
 * Where a call may end the talk or session that it is given, its comment says so; neither may be touched
 * afterwards. */
#ifndef LANYARD_SYNC_PEER_PEERS_INTERNAL_H
#define LANYARD_SYNC_PEER_PEERS_INTERNAL_H

#include <uthash.h>

#include "base/log.h"
#include "sync/peer/link.h"
#include "sync/peer/meter.h"
#include "sync/peer/news_internal.h"
#include "sync/peer/ranges_internal.h"
#include "sync/peer/peer_seal.h"
#include "sync/peer/peers.h"
#include "sync/peer/rate.h"
#include "sync/peer/talk_internal.h"
#include "sync/peer/tls.h"
#include "sync/seal/wrap.h"
#include "sync/swarm/give.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg.h"
#include "sync/wire/msg_seal.h"

enum {
	SESSION_PROTOCOL = 1, /* the version in hello */
	PEERS_MAX_SESSIONS = 256,
	GOSSIP_OWN_MAX = 8, /* addresses of its own that an agent tells */
	PEERS_TICK_MS = 2500,
	PEERS_PING_IDLE_MS = 4000,
	PEERS_DEAD_MS = 10000,     /* with the tick: dropped after 12.5 s at the latest */
	PEERS_PROVE_MS = 10000,    /* a connection that shows no membership by then is closed */
	PEERS_DUPLICATE_MS = 3000, /* connections closer together than this were made at once */
	SESSION_MAX_CHANNELS = 1024,
	NEWS_WINDOW = 16 << 20, /* memory that news take at their receiver, which were sent and not yet acknowledged */
	NEWS_BATCH_ROWS = 500,
	NEWS_BATCH_BYTES = 1 << 20,  /* of files carried in one message */
	NEWS_INLINE_MAX = 32 << 10,  /* files up to this travel inside the news */
	INFLIGHT_WINDOW = 24 << 20,  /* bytes of blocks that one peer was asked for and that are not here yet */
	SERVE_MAX_QUEUE = 16384,     /* blocks one peer may have asked for */
	SERVE_MAX_READS = 4,         /* block reads at workers at a time, for each peer */
	SERVE_QUEUED_ALL = 64 << 20, /* bytes of blocks that wait for the network, unless the owner gives a number */
	SPREAD_BYTES = 32 << 20,     /* for what was given to whom, of all contents; beyond it peers name each block */
	SERVE_MAX_LISTS = 256,       /* lists one peer may have asked for */
	SEND_QUEUED_MAX =
		2 << 20, /* no more news while this many bytes of control wait for the network, at one connection */
	SEND_QUEUED_ALL = 32 << 20, /* and at all together */
	PONG_QUEUED_MAX = 64 << 10, /* a peer with this much left to read sees that we are alive without a pong */
	PEERS_STALLED_MS = 30000,   /* a peer that takes nothing of what waits for this long does not read */
};

struct session;
struct talk;

struct peer_group {
	struct peers *peers;
	struct peer_group *prev, *next;
	struct peer_group_config config;
	struct talk *talks;             /* every session's talk about this group (list by group_next) */
	uint64_t committed;             /* our last sequence number that is committed: news go up to here */
	uint64_t seq_at_open;           /* the last one that may have been given before the index was opened */
	struct numbers_peer *sent;      /* peers that were sent more since then (hash) */
	struct index_proof signed_last; /* by numbers_signature() */
	bool paused;
	bool scanned; /* whether we have files is known, so index hellos may be sent */
	bool hashed;  /* ... and all of them, so ranges may be compared */
	struct ranges_budget ranges;
	enum role own_role; /* as our hellos say it */
	uint64_t commits_syncing,
		commits_safe; /* of the index: covered by the sync that is under way, and by the last */
	struct here *here;    /* members that are there (hash); see peer_group_here.c */
	unsigned here_ticks;
	size_t writers_up;           /* members that may write and are up, when the neighbours were last chosen */
	bool progress;               /* acknowledgements may be due at the end of this turn */
	struct admit_join *join;     /* NULL: we are a member */
	struct roster_in *roster_in; /* entries and requests of others, on their way in */
	struct spread *spreads;      /* hash */
	struct asks *asks;           /* what strangers may ask of it; NULL: nothing */
	struct peer_counters counters;
	struct meter meter_in, meter_out; /* of the content that the counters have */
	struct news_carry carry;
	struct loop_timer
		*rekey; /* opens the group again: a call that changes the keys may come from a talk; NULL: not sealed */
	char missing[128]; /* the last answer of peer_group_missing() */
};

/* A block that a peer asked for and that is not sent yet. */
struct serve_want {
	struct serve_want *prev, *next; /* in talk.wants, or draw->wants, in the order they came */
	struct talk *talk;
	struct spread_draw *draw; /* any block of its content, and only want.request counts; NULL: want names it */
	struct content content;
	struct block_want want;
	uint32_t key; /* in session.wants */
	UT_hash_handle hh;
};

/* A content that is whole here while peers get it: spread.c. In the group, by root. */
struct spread;

/* One peer that gets it, and asks for any block of it. */
struct spread_draw {
	struct spread_draw *prev, *next; /* in talk.draws; the first one is asked first */
	struct spread *spread;
	struct give_receiver *receiver;
	struct serve_want *wants;
	size_t nwants;
	bool over; /* the peer's map is gone: its wants get no block any more, and then it is freed */
};

/* A list that a peer asked for. */
struct serve_list {
	struct serve_list *prev, *next;
	struct content content;
	uint32_t request, first;
};

/* A block or list that we requested from a peer. */
struct inflight {
	uint32_t request;
	uint32_t len;     /* 0: a list; with nblocks: of an average block */
	uint32_t nblocks; /* of the content of which the peer chooses a block; 0: it was named */
	struct talk *talk;
	UT_hash_handle hh;
};

/* A question of ours about a file, not answered yet. */
struct hold_question {
	uint32_t request;
	UT_hash_handle hh;
};

/* How far our rows were sent to a peer since the index was opened. */
struct numbers_peer {
	uint64_t peer, upto;
	UT_hash_handle hh;
};

struct talk {
	struct session *session;
	struct peer_group *group;
	struct talk *prev, *next;             /* of the session */
	struct talk *group_prev, *group_next; /* of the group */
	int my_channel, their_channel;
	uint64_t serial; /* never used twice: how a finished job finds its talk, if it is still there */
	bool open_sent;  /* we have shown our membership (or our invite) */
	bool open_in;    /* the peer has opened the group towards us */
	bool opening;    /* a worker checks the credential or request that it showed */
	enum role
		role; /* the peer's, once it has shown that it is in the group; follows our roster; ROLE_NONE before */
	enum role role_known;         /* the role that its index hello says it knows to have; ROLE_NONE: none so far */
	bool on_demand;               /* it keeps only chosen content */
	bool hello_sent, up;          /* index hello sent; received too, hooks.up was called */
	struct msg_index_hello early; /* the peer's, before ours could be sent ... */
	uint8_t early_signature[MSG_SIGNATURE_LEN]; /* ... with its signature ... */
	bool early_in;                              /* ... if one came */
	struct ranges_told told;
	/* news out */
	uint64_t sent;           /* our rows up to this were sent (or skipped) */
	uint64_t acked, settled; /* as the peer acknowledged */
	uint64_t resend_upto;    /* rows of ours up to this are sent even if they came from the peer itself */
	uint64_t absent_after;   /* rows of ours up to this are not sent if we do not have their bytes */
	uint64_t retell;      /* all rows are sent again, until a number above this is acknowledged; 0: they are not */
	bool ranges_due;      /* what both have is to be found out, so no news are sent ... */
	struct ranges *range; /* ... and this is how far that is */
	bool no_inline;
	bool reading;   /* a worker reads files for the next message */
	size_t unacked; /* bytes of messages not yet acknowledged */
	struct news_unacked *unacked_list;
	size_t carry_owed;      /* bytes of small files in these messages, and what their records take */
	size_t carry_due;       /* the same of what it is to carry, and has not been sent */
	int64_t carry_acked_ms; /* when some were acknowledged last, or none was owed */
	/* news in */
	uint64_t their_epoch, their_last; /* last: the greatest number that they have announced */
	uint64_t cursor;                  /* their rows up to this were given to the hooks, or left out by the rules */
	uint64_t acked_received, acked_settled; /* as last acknowledged */
	struct index_proof shown;               /* the newest number of theirs that they have signed */
	bool shown_due;                         /* not stored yet */
	/* Three marks on the peer's sequence: its rows are settled up to here as committed; as covered by the sync
	 * of the index that is in progress; as safe on the disk, so that we may acknowledge them. */
	uint64_t settled_now, settled_syncing, settled_safe;
	/* blocks in */
	size_t inflight_bytes; /* bytes in flight */
	unsigned faults;
	struct hold_question *questions; /* by request */
	size_t hold_checks;              /* files that the peer asked about, with workers */
	/* blocks out */
	struct serve_want *wants;  /* that name a block */
	bool named_next;           /* one of them comes before the next of any block */
	struct spread_draw *draws; /* with those that do not */
	size_t nwants;             /* of both kinds */
	int reads;                 /* at workers */
	struct serve_list *lists;
	size_t nlists;
	struct swarm_maps maps; /* what the peer told of contents that are whole here */
	uint32_t maps_told;     /* how many maps of our own contents it was sent */
	int64_t told_room;      /* blocks that its maps may still be about, ... */
	int64_t told_ms;        /* ... as of this time; 0: it has told nothing yet */
	bool roster_due;        /* the whole roster is to be sent when there is room */
	bool mail_told;         /* the peer was sent all requests that count */
	struct talk_seal seal;  /* in a sealed group */
};

struct session {
	struct peers *peers;
	struct session *prev, *next;
	struct link *link;
	struct agent_id id;
	char id_text[ID_TEXT_MAX];
	uint64_t peer; /* short ID */
	char *name;
	uint16_t listen_port;
	struct sockaddr_storage own[GOSSIP_OWN_MAX]; /* addresses that it says it has */
	size_t nown;
	bool own_changed; /* they are to be passed on at the next tick */
	int64_t born_ms, since_s;
	bool hello_in, hello_sent;
	bool knows_sealed;                                 /* its hello says that it knows sealed groups */
	bool name_sent;                                    /* our name: to members only */
	struct peer_group *channels[SESSION_MAX_CHANNELS]; /* ours: group by channel; NULL when closed */
	uint32_t nchannels;
	uint8_t their_tags[SESSION_MAX_CHANNELS][MSG_TAG_LEN]; /* by channel of theirs */
	uint32_t their_channels;                               /* tags received so far */
	struct talk *talks;
	struct asking *asking; /* of the peer, that is not a member: the groups that it asks for */
	size_t nasking;
	int64_t asked_ms;          /* up to when it has used up what it may ask */
	struct inflight *inflight; /* by request */
	struct serve_want *wants;  /* of all talks, by key (hash) */
	size_t reading;            /* bytes of blocks that workers read for it */
	struct loop_timer *later;  /* asks again for blocks that could not be chosen yet */
	uint32_t secret;           /* in the keys: the peer cannot choose numbers that collide */
	struct loop_timer *more;   /* continues with what a turn had no time for */
	uint64_t ping_cookie;
	int64_t ping_ms, rtt_ms;
	int idle;                               /* ticks without a group in common */
	int jobs;                               /* at workers, each with a pointer to this: freed only at 0 */
	struct msg_keep keep_told, keep_theirs; /* what was last said of the connection, by us and by the peer */
	int64_t unneeded_ms;                    /* neither needs it: it may end from then on; 0: one does */
	const char *condemned;                  /* why the next tick ends it; NULL: it stays */
	bool closed;
	uint64_t sealed_out, sealed_out_bulk,
		sealed_in;    /* frames of all groups; never set back: a number serves once */
	struct talk *inside;  /* the frame that is handled came sealed, of this talk; NULL: it came plain */
	int64_t seal_used_ms; /* up to when it has used up the keys and heads that it may bring */
};

struct peers {
	struct peers_config config;
	char *name;
	struct tls *tls;
	struct rate *upload, *download; /* of all connections together */
	struct peer_group *groups;
	struct asker *askers; /* groups that we ask for */
	struct session *sessions;
	size_t nsessions;
	size_t nowed;        /* sessions that wait for blocks */
	size_t spread_bytes; /* of all spreads, and of the maps of their receivers */
	struct dialler *dialler;
	struct neighbour_book *neighbours;
	int port;
	struct loop_timer *tick; /* runs while there are sessions */
	int64_t tick_ms;
	uint64_t serial; /* last given to a talk */
	uint64_t run_id; /* random; never 0 */
	struct mirror *mirrors;
	struct runs *runs;
};

/* --- from here on in the order of the files: each calls only those above it --- */

/* session.c: one connection */
struct session *session_of(struct peers *p, const struct agent_id *id);
/* body is taken over. What cannot be queued ends the connection at the next tick. Not for what talk_send() sends. */
void session_send(struct session *s, uint8_t type, uint8_t *body, size_t n);
/* The same for talk_send.c, and for objects, in either lane: head is copied. */
void session_queue(struct session *s, enum link_lane lane, uint8_t type, const void *head, size_t head_n, uint8_t *body,
                   size_t n);
/* Whether more news may be queued: not while much waits for a peer that does not take it. */
bool session_has_room(const struct session *s);
/* Continues in the next turn with what the peer waits for: blocks, lists, news, the roster. */
void session_go_on(struct session *s);
/* A worker's job that s->jobs counts is back; frees s when it has ended and this was the last. */
void session_job_done(struct session *s);

/* inflight.c: blocks and lists that we asked for */
/* Bytes that may be asked for now. */
size_t inflight_room(const struct talk *t);
void inflight_get(struct talk *t, const struct content *c, const struct block_want *wants, size_t n);
/* Blocks that the peer chooses. */
void inflight_any(struct talk *t, const struct content *c, const uint32_t *requests, size_t n);
void inflight_get_list(struct talk *t, uint32_t request, const struct content *c, uint32_t first);
void inflight_cancel(struct talk *t, const uint32_t *requests, size_t n);
/* o: it came sealed, and its data still is; NULL: it came plain. Each answers 0, TALK_PLAIN or TALK_FORGED. */
int inflight_block_in(struct session *s, const struct msg_block *b, const struct talk_unsealed *o);
int inflight_list_in(struct session *s, const struct msg_list *m);
/* Forgets all requests of the talk; nothing is sent. */
void inflight_stop(struct talk *t);

/* numbers.c: our sequence numbers, as peers know them */
/* Ours, of a number that is sent; good until the next call. */
const uint8_t *numbers_signature(struct peer_group *g, uint64_t number);
/* The peer's: kept with the talk, in the index, and shown to it in our hello, whose have_epoch is set. */
void numbers_keep(struct talk *t, const struct msg_news *m);
void numbers_store(struct talk *t);
void numbers_show(struct talk *t, struct msg_index_hello *m);
/* Whether it shows that we sent a number which this index has not sent yet. m is about our present epoch. Of a peer
 * that may not write: which this index has not even given, since another peer may have shown it what it was sent. */
bool numbers_went_back(const struct talk *t, const struct msg_index_hello *m);
/* Our rows up to this number were sent to the peer. */
void numbers_note_sent(struct talk *t, uint64_t upto);
/* The greatest of our numbers that the peer can know. */
uint64_t numbers_sent(const struct talk *t);
void numbers_forget_sent(struct peer_group *g);

/* spread.c: what members tell one another of their blocks */
void spread_map_in(struct talk *t, const struct msg_map *m);
void spread_have_in(struct talk *t, const struct msg_have *m);
/* NULL: no block of this content is chosen for this peer. */
struct spread_draw *spread_draw_of(struct talk *t, const struct content *c);
/* A want that the draw has from now on, or has no more. */
void spread_want_add(struct spread_draw *d, struct serve_want *w);
void spread_want_remove(struct talk *t, struct serve_want *w);
enum spread_next {
	SPREAD_NONE, /* no want of any block is there that can be answered now */
	SPREAD_WAIT, /* as NONE; later one may */
	SPREAD_BLOCK,
	SPREAD_OUT, /* the want gets no block */
};
/* The next want of any block that can be answered. BLOCK: it is given block *number, which *chosen names. */
enum spread_next spread_next(struct talk *t, struct serve_want **w, struct block_want *chosen, uint32_t *number);
void spread_map_out(struct talk *t, const struct swarm_map *map);
void spread_have_out(struct talk *t, uint32_t map, const struct swarm_run *runs, size_t n);
/* Forgets what the peer told; it has no wants any more. */
void spread_stop(struct talk *t);

/* serve.c: blocks and lists that the peer asked for */
void serve_get(struct talk *t, const struct msg_get *m);
void serve_get_list(struct talk *t, const struct msg_list_get *m);
void serve_any(struct talk *t, const struct msg_any *m);
int serve_cancel(struct session *s, const struct msg_cancel *m);
/* Continues, as far as there is room. */
void serve_more(struct talk *t);
void serve_stop(struct talk *t);

/* peer_group_coming.c: files that have no record yet */
void peer_group_coming_in(struct talk *t, const struct msg_coming *m);

/* peer_group_seal.c: keys, heads, and what a vault and another member say */
void peer_group_keys_in(struct talk *t, const struct msg_keys *m);
void peer_group_heads_in(struct talk *t, const struct msg_heads *m);
void peer_group_vault_in(struct talk *t, const struct msg_vault *m);
void peer_group_cores_in(struct talk *t, const struct msg_cores *m);
void peer_group_object_in(struct talk *t, const struct msg_object *m);
/* The link has room. */
void peer_group_vault_drained(struct talk *t);

/* peer_group_hold.c: what is asked before a file is dropped */
void peer_group_hold_asked(struct talk *t, const struct msg_hold_ask *m);
void peer_group_hold_answered(struct talk *t, const struct msg_hold_answer *m);
/* Forgets our questions. */
void peer_group_hold_stop(struct talk *t);

/* talk_end.c */
/* The talk is freed; the peer is not told. */
void talk_end(struct talk *t, const char *reason);
/* Tells the peer, then as talk_end(). */
void talk_close(struct talk *t, const char *reason);

/* dial.c and gossip.c: where members are */
#include "sync/peer/address_internal.h"

/* session_end.c. Each ends all talks and the link; s is freed at once, or by its last job. */
/* Tells nobody. */
void session_drop(struct session *s);
void session_drop_for(struct session *s, const char *reason);
/* The connection failed, or the other side ended it: its addresses are tried again. */
void session_ended(struct session *s, const char *reason);
/* It is not needed, or (full) has to make room: the peer is told so, and its addresses are not tried again. */
void session_part(struct session *s, bool full);
/* The other side has no business here: tells it why, and does not look for it again. */
void session_refuse(struct session *s, const char *reason);
void session_refuse_with(struct session *s, const struct msg_bye *m);

/* slots.c: how many connections there may be */
/* In one of our groups, as far as we know. */
bool slots_is_member(struct peers *p, const struct agent_id *id);
/* Whether one more session may be made over this link; may end one of a stranger's for it. */
bool slots_take(struct peers *p, const struct link *link);

/* session_hello.c: what we say of ourselves */
/* Offers the groups, each on a channel of its own. */
void session_hello_send(struct session *s, struct peer_group *const *groups, size_t n);
/* The body of a hello that offers no group; the caller frees it. */
uint8_t *session_hello_run(struct peers *p, size_t *n);
/* The peer has shown a membership: it may send long frames, and learns our name. */
void session_trust(struct session *s);

#include "sync/peer/copied_home_internal.h"

/* roster_in.c: what others show of the roster, on its way to a worker and into it. One `roster_in` per group. */
struct roster_in_events {
	/* Entries were put into the roster and are not judged yet. Talks may end. */
	void (*entries)(struct peer_group *g);
	/* Answers roster_in_open(): the credential is in the roster, and judged. digest: of the peer's roster;
	 * NULL: none. May end the talk. */
	void (*credential)(struct talk *t, const uint8_t *digest);
	/* Answers roster_in_join(). good: the signatures hold. May end the talk. */
	void (*request)(struct talk *t, const uint8_t *request, size_t n, bool good);
};
struct roster_in *roster_in_new(struct peer_group *g, const struct roster_in_events *events);
void roster_in_free(struct roster_in *in);
void roster_in_entries(struct talk *t, const struct msg_bytes *entries, size_t n);
void roster_in_open(struct talk *t, const struct msg_group_open *m);
/* Leaves of a joiner, which it shows with its request. */
void roster_in_left(struct talk *t, const struct msg_bytes *entries, size_t n);
void roster_in_join(struct talk *t, const struct msg_bytes *request);

/* roster_out.c: the roster for others */
struct roster_out_list {
	struct msg_bytes *e; /* owned; the bytes are the roster's */
	size_t n, max;
};
/* For roster_credential() and roster_entries(); arg: struct roster_out_list. */
bool roster_out_collect(void *arg, const uint8_t *entry, size_t n);
/* The whole roster, now or when there is room. */
void roster_out_all(struct talk *t);
/* The entries that show a former member that it is one no more; before them open(t), if our side of the talk is not
 * open yet. Nothing for an agent that never was a member. */
void roster_out_dismissal(struct talk *t, void (*open)(struct talk *t));
/* Entries that came to count since the last call: to every member except the peer that brought them. */
void roster_out_news(struct peer_group *g);

/* membership.c: what is shown when a talk opens */
/* Sends GROUP_OPEN with what base says; the channels are filled in. */
void membership_send_open(struct talk *t, const struct msg_group_open *base);
/* Sends our own credential and our roster's digest. */
void membership_show(struct talk *t);
/* The roster says that the peer is in the group. */
void membership_proved(struct talk *t);
/* Sends our index hello once both sides have shown their membership, to a peer that may read. */
void membership_maybe_hello(struct talk *t);
/* We are in the group ourselves. */
bool membership_is_ours(const struct talk *t);
/* Ends the talk with an agent that is not a member. If it was one, it learns why it is none any more. */
void membership_end(struct talk *t, const char *reason);
/* The same, and ends the connection too where it has no other talk and shows no membership. */
void membership_refuse(struct talk *t, const char *reason);

/* admit.c: joining */
struct admit_join *admit_join_new(struct peer_group *g);
void admit_join_free(struct admit_join *j);
/* What keeps us outside; NULL while nobody has answered. */
const char *admit_join_note(const struct admit_join *j);
/* Opens the talk with our request to join. */
void admit_show_invite(struct talk *t);
/* Joining: the roster has changed, and may let us in by now. */
void admit_join_check(struct peer_group *g);
/* Joining: this peer turned us away. */
void admit_join_refused(struct talk *t, const char *reason);
/* A request to join, to be answered by admit_checked(), or by nothing when we are not a member. May end the session. */
void admit_request_in(struct talk *t, const struct msg_group_open *m);
/* Answers a request. good: its signatures hold. True when the roster has a new member; otherwise t may be gone. */
bool admit_checked(struct talk *t, const uint8_t *request, size_t n, bool good);

/* talk_open.c */
/* A talk about this group that the session has already is ended. */
struct talk *talk_new(struct session *s, struct peer_group *g, int my_channel, int their_channel);
/* Shows what we have to show, if the peer may see it. */
void talk_begin(struct talk *t);
/* The peer has opened it. May end the talk, and the session. */
void talk_open_in(struct talk *t, const struct msg_group_open *m);
/* The peer's credential was checked; digest: of its roster; NULL: none. May end the talk. */
void talk_opened(struct talk *t, const uint8_t *digest);
void talk_roster_in(struct talk *t, const struct msg_roster *m);
/* The other side has closed it. */
void talk_closed_by_peer(struct talk *t, const char *reason);

/* session_offer.c */
/* Offers the group on one more channel; a talk begins if the peer has offered it already. */
void session_offer(struct session *s, struct peer_group *g);
/* The peer offers a group on its next channel: true when it is one of ours, and a talk begins. */
bool session_offered(struct session *s, const uint8_t tag[MSG_TAG_LEN]);

/* peer_group.c; see also peers.h */
/* The peer's index hello, now or when ours is sent. May end the talk, and the session. */
void peer_group_hello_in(struct talk *t, const struct msg_index_hello *m);
/* Closes the group's talks and opens them again. */
void peer_group_reopen(struct peer_group *g, const char *reason);

/* peer_group_passed.c; see also peers.h. Counts content. */
void peer_group_received(struct peer_group *g, size_t n);
void peer_group_sent(struct peer_group *g, size_t n);

/* session_in.c: what comes in */
struct session *session_new(struct peers *p, struct link *link);
/* Pings a peer that has been silent. */
void session_tick(struct session *s, int64_t now_ms);

#endif
