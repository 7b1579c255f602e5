/* Shared by the files of sync/peer; nobody else includes it. Who holds what:
 *
 *   peers     one a process: sessions, dial table, groups
 *   session   one a connection: the link, and a talk for each group that both sides know
 *   talk      one group on one session: membership shown, index hello, news out, news in, blocks both ways
 */
#ifndef LANYARD_SYNC_PEER_PEERS_INTERNAL_H
#define LANYARD_SYNC_PEER_PEERS_INTERNAL_H

#include <uthash.h>

#include "base/log.h"
#include "sync/peer/link.h"
#include "sync/peer/peers.h"
#include "sync/peer/rate.h"
#include "sync/peer/tls.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg.h"

enum {
	PEERS_MAX_SESSIONS = 256,
	GOSSIP_OWN_MAX = 8, /* addresses of its own that an agent tells */
	PEERS_TICK_MS = 2500,
	PEERS_PING_IDLE_MS = 4000,
	PEERS_DEAD_MS = 10000,     /* with the tick: dropped after 12.5 s at the latest */
	PEERS_PROVE_MS = 10000,    /* a connection that shows no membership by then is closed */
	PEERS_DUPLICATE_MS = 3000, /* connections closer together than this were made at once */
	SESSION_MAX_CHANNELS = 1024,
	NEWS_WINDOW = 12 << 20, /* bytes of news sent and not yet acknowledged */
	NEWS_BATCH_ROWS = 500,
	NEWS_BATCH_BYTES = 1 << 20, /* of files carried in one message */
	NEWS_INLINE_MAX = 32 << 10, /* files up to this travel inside the news */
	INFLIGHT_WINDOW = 24 << 20, /* bytes of blocks asked of one peer and not yet here */
	SERVE_MAX_QUEUE = 16384,    /* blocks one peer may have asked for */
	SERVE_MAX_READS = 4,        /* block reads at workers at a time, for each peer */
	SERVE_QUEUED_MAX =
		6 << 20, /* stop reading blocks while this many bytes wait for the network, at one connection */
	SERVE_QUEUED_ALL = 64 << 20, /* and at all together, unless the owner gives another number */
	SERVE_MAX_LISTS = 256,       /* lists one peer may have asked for */
	SEND_QUEUED_MAX =
		2 << 20, /* no more news while this many bytes of control wait for the network, at one connection */
	SEND_QUEUED_ALL = 32 << 20, /* and at all together */
	PONG_QUEUED_MAX = 64 << 10, /* who has as much to read needs no pong to see that we live */
	PEERS_STALLED_MS = 30000,   /* who takes nothing of what waits for so long does not read */
};

struct session;
struct talk;

struct peer_group {
	struct peers *peers;
	struct peer_group *prev, *next;
	struct peer_group_config config;
	struct talk *talks;             /* every session's talk about this group (list by group_next) */
	uint64_t committed;             /* our last sequence number that is committed: news go up to here */
	uint64_t opened;                /* the last one that may have been given before the index was opened */
	struct told *told;              /* who was told more since then (hash) */
	struct index_shown signed_last; /* by numbers_signature() */
	bool paused;
	uint64_t commits_syncing,
		commits_safe;        /* of the index: covered by the sync that is under way, and by the last */
	bool progress;               /* acknowledgements may be due at the end of this turn */
	struct admit_join *join;     /* NULL: we are a member */
	struct roster_in *roster_in; /* what others show, on its way */
	struct peer_counters counters;
	char lacks[128]; /* what peer_group_lacks() said last */
};

/* A block that a peer asked for and that is not sent yet. */
struct serve_want {
	struct serve_want *prev, *next; /* in talk.wants, in the order they came */
	struct talk *talk;
	struct content content;
	struct block_want want;
	uint32_t key; /* in session.wants */
	UT_hash_handle hh;
};

/* A list that a peer asked for. */
struct serve_list {
	struct serve_list *prev, *next;
	struct content content;
	uint32_t request, first;
};

/* A block asked of a peer. */
struct inflight {
	uint32_t request;
	uint32_t len; /* 0: a list */
	struct talk *talk;
	UT_hash_handle hh;
};

/* How far a peer was told our numbers since the index was opened. */
struct told {
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
	bool opening;    /* what it showed then is being looked at */
	enum role
		role; /* the peer's, once it has shown that it is in the group; follows our roster; ROLE_NONE before */
	bool hello_sent, up; /* index hello sent; received too, hooks.up was called */
	/* news out */
	uint64_t sent;           /* our rows up to this were sent (or skipped) */
	uint64_t acked, settled; /* as the peer acknowledged */
	uint64_t anew;           /* rows of ours up to this are told even if they came from the peer itself */
	uint64_t retell;         /* rows are told again, until a number above this is acknowledged; 0: they are not */
	bool no_inline;
	bool reading;   /* a worker reads files for the next message */
	size_t unacked; /* bytes of messages not yet acknowledged */
	struct news_unacked *unacked_list;
	/* news in */
	uint64_t their_epoch, their_last;     /* last: the greatest number they have spoken of */
	uint64_t cursor;                      /* their rows up to this were given to the hooks */
	uint64_t told_received, told_settled; /* as last acknowledged */
	struct index_shown shown;             /* what they have signed of their numbers */
	bool shown_due;                       /* not stored yet */
	/* Their rows that we have settled: as committed, as committed when the sync that is under way began, safe. */
	uint64_t settled_now, settled_syncing, settled_safe;
	/* blocks in */
	size_t inflight_bytes; /* bytes in flight */
	unsigned faults;
	/* blocks out */
	struct serve_want *wants;
	size_t nwants;
	int reads; /* at workers */
	struct serve_list *lists;
	size_t nlists;
	bool roster_due; /* the whole roster is to be sent when there is room */
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
	bool own_news; /* they are to be passed on */
	int64_t born_ms, since_s;
	bool hello_in, hello_sent;
	bool name_sent;                                    /* our name: to members only */
	struct peer_group *channels[SESSION_MAX_CHANNELS]; /* ours: group by channel; NULL when closed */
	uint32_t nchannels;
	uint8_t their_tags[SESSION_MAX_CHANNELS][MSG_TAG_LEN]; /* by channel of theirs */
	uint32_t their_channels;                               /* tags received so far */
	struct talk *talks;
	struct inflight *inflight; /* by request */
	struct serve_want *wants;  /* of all talks, by key (hash) */
	uint32_t secret;           /* of the keys */
	struct loop_timer *more;   /* goes on with what a turn had no time for */
	uint64_t ping_cookie;
	int64_t ping_ms, rtt_ms;
	int idle;              /* ticks without a group in common */
	int jobs;              /* at workers, holding a pointer to this: freed only at 0 */
	const char *condemned; /* why the next tick ends it; NULL: it does not */
	bool closed;
};

struct peers {
	struct peers_config config;
	char *name;
	struct tls *tls;
	struct rate *upload, *download; /* of all connections together */
	struct peer_group *groups;
	struct session *sessions;
	size_t nsessions;
	struct dialler *dialler;
	int port;
	struct loop_timer *tick; /* runs while there are sessions */
	int64_t tick_ms;
	uint64_t serial; /* last given to a talk */
	uint64_t run_id; /* random; never 0 */
	struct mirror *mirrors;
	struct runs *runs;
};

/* peers.c */
/* The same identity runs elsewhere too: this one is to stop. */
void peers_refuse_copied(struct session *s);
/* Closes the group's talks and opens them anew. */
void peer_group_reopen(struct peer_group *g, const char *reason);
void peers_session_ended(struct session *s, const char *reason);
void peers_refuse(struct session *s, const char *reason);

/* slots.c */
/* Of a group of ours, as far as we know. */
bool slots_is_member(struct peers *p, const struct agent_id *id);
/* Whether one more session may be made over this link; may end one of a stranger's for it. */
bool slots_take(struct peers *p, const struct link *link);

/* copied_home.c */
/* Takes over a link to our own identity, says hello on it and closes it once both know whether they are one run. */
void copied_home_mirror(struct peers *p, struct link *link);
/* At a session's first hello: true if two agents share its identity and this is the one to refuse. */
bool copied_home_must_go(struct session *s, const struct msg_hello *hello);
/* After it: asks an agent that had another run ID before to prove that it runs at the same time as that one. */
void copied_home_ask(struct session *s);
void copied_home_proof_in(struct session *s, const struct msg_run_proof *m);
/* The proof that the other agent has signed about this session's run; *m stays empty if there is none. */
void copied_home_evidence(const struct session *s, struct msg_run_proof *m);
/* The peer says that our home was copied. evidence: the proof that our copy is said to have signed about this run; believed only if its
 * signature and run ID hold. */
void copied_home_told(struct session *s, const struct msg_run_proof *evidence);
void copied_home_free_all(struct peers *p);

/* dial.c */
struct dial;

void dial_new(struct peers *p);
/* After tls_free(). */
void dial_free(struct peers *p);
/* By discovery or the admin; claimed_id is NULL for the admin's. */
void dial_found(struct peers *p, const struct agent_id *claimed_id, const struct sockaddr *addr);
/* A member says that this member is there. */
void dial_told(struct peers *p, const struct agent_id *id, const struct sockaddr *addr);
/* TLS is up, and found this agent there. */
void dial_succeeded(struct peers *p, struct dial *d, const struct agent_id *id);
/* d may be gone afterwards. */
void dial_failed(struct peers *p, struct dial *d, const char *address, const char *reason, bool refused);
/* The agent has shown that it is a member: no patience is owed to its addresses any more, and the one where we reached it is proven. */
void dial_proved(struct peers *p, const struct agent_id *id);
/* The connection to this agent is gone: try its addresses again. */
void dial_lost(struct peers *p, const struct agent_id *id);
void dial_all_now(struct peers *p);
struct session *peers_session_of(struct peers *p, const struct agent_id *id);

/* session.c */
struct session *session_new(struct peers *p, struct link *link);
/* The peer has shown a membership: it may send long frames, and learns our name. */
void session_trust(struct session *s);
/* A hello that offers no group. */
uint8_t *session_run_hello(struct peers *p, size_t *n);
/* Ends every talk and the link; tells nobody. Frees when no worker holds it any more. */
void session_close(struct session *s);
void session_job_done(struct session *s);
void session_send(struct session *s, uint8_t type, uint8_t *body, size_t n);
/* Sends the group's tag as a further channel. */
void session_offer(struct session *s, struct peer_group *g);
void session_tick(struct session *s, int64_t now_ms);
/* Goes on in the next turn with what the peer waits for: blocks, lists, news, the roster. */
void session_go_on(struct session *s);
/* Whether more news may be queued: not while much waits for a peer that does not take it. */
bool session_has_room(const struct session *s);

/* talk.c: membership */
struct talk *talk_new(struct session *s, struct peer_group *g, int my_channel, int their_channel);
void talk_free(struct talk *t, const char *reason);
/* Tells the other side, then as talk_free. */
void talk_close(struct talk *t, const char *reason);
/* The other side has closed it. */
void talk_closed_by_peer(struct talk *t, const char *reason);
struct talk *talk_of_channel(struct session *s, uint32_t their_channel);
/* NULL when it has ended. */
struct talk *talk_of_serial(struct session *s, uint64_t serial);
/* For the log: which group, and who. */
struct log_about talk_about(const struct talk *t);
struct talk *talk_of_peer(struct peer_group *g, uint64_t peer);
void talk_begin(struct talk *t);
void talk_open_in(struct talk *t, const struct msg_group_open *m);
/* The credential was looked at; digest of the peer's roster, NULL: none. It may end the talk. */
void talk_opened(struct talk *t, const uint8_t *digest);
/* The request to join was looked at. */
void talk_asked(struct talk *t, const uint8_t *request, size_t n, bool good);
/* Judges what was put into the roster, and passes on what counts now. Talks may end. */
void talk_roster_settle(struct peer_group *g);
void talk_roster_in(struct talk *t, const struct msg_roster *m);
/* The roster changed: talks with those who are members no longer end, others may begin. */
void talk_members_changed(struct peer_group *g);

/* membership.c: what is shown when a talk opens */
/* Sends GROUP_OPEN with what base says; the channels are filled in. */
void membership_send_open(struct talk *t, const struct msg_group_open *base);
/* Sends our own credential and our roster's digest. */
void membership_show(struct talk *t);
/* The roster says that the peer is in the group. */
void membership_proved(struct talk *t);
/* Sends our index hello once both sides have shown their membership, to a peer that may read. */
void membership_maybe_hello(struct talk *t);
/* Ends the talk, and the connection too where it has no other and shows no membership. */
void membership_refuse(struct talk *t, const char *reason);

/* admit.c: joining */
struct admit_join *admit_join_new(struct peer_group *g);
void admit_join_free(struct admit_join *j);
/* What keeps us outside; NULL while nobody has answered. */
const char *admit_join_note(const struct admit_join *j);
/* Opens the talk with our request to join. */
void admit_show_invite(struct talk *t);
/* Joining: the roster has changed, and may let us in by now. */
void admit_join_look(struct peer_group *g);
/* Joining: this peer turned us away. */
void admit_join_refused(struct talk *t, const char *reason);
/* A request to join, to be answered by admit_checked(), or by nothing when we are not a member. May end the session. */
void admit_request_in(struct talk *t, const struct msg_bytes *request);
/* Answers a request. good: its signatures hold. True when the roster has a new member; otherwise t may be gone. */
bool admit_checked(struct talk *t, const uint8_t *request, size_t n, bool good);

/* roster_out.c: the roster for others */
struct roster_entries {
	struct msg_bytes *e; /* owned; the bytes are the roster's */
	size_t n, max;
};
/* For roster_credential() and roster_entries(); arg: struct roster_entries. */
bool roster_out_collect(void *arg, const uint8_t *entry, size_t n);
/* The whole roster, now or when there is room. */
void roster_out_all(struct talk *t);
/* Entries that came to count since the last call: to everybody except the peer that brought them. */
void roster_out_news(struct peer_group *g);

/* roster_in.c: entries on their way into the roster. in: one of each group */
struct roster_in *roster_in_new(struct peer_group *g);
void roster_in_free(struct roster_in *in);
void roster_in_entries(struct talk *t, const struct msg_bytes *entries, size_t n);
/* Ends in talk_opened(). */
void roster_in_open(struct talk *t, const struct msg_group_open *m);
/* Ends in talk_asked(). */
void roster_in_join(struct talk *t, const struct msg_bytes *request);

/* gossip.c: addresses */
void gossip_up(struct talk *t);
/* This host's addresses are others now. */
void gossip_own_changed(struct peers *p);
/* Passes on what the peer said of its own addresses since the last time. */
void gossip_tick(struct session *s);
void gossip_addresses_in(struct talk *t, const struct msg_addresses *m);

/* numbers.c */
/* Ours, of a number that is told; good until the next call. */
const uint8_t *numbers_signature(struct peer_group *g, uint64_t number);
/* The peer's: kept with the talk, in the index, and shown to it in our hello, whose have_epoch is set. */
void numbers_keep(struct talk *t, const struct msg_news *m);
void numbers_store(struct talk *t);
void numbers_show(struct talk *t, struct msg_index_hello *m);
/* Whether it shows that we told a number which this index has not told yet. m is about our present epoch. */
bool numbers_went_back(const struct talk *t, const struct msg_index_hello *m);

/* news_out.c */
/* all: tell it all our rows, whatever it says that it has. */
void news_out_start(struct talk *t, const struct msg_index_hello *theirs, bool all);
/* The peer has begun a new epoch: our rows up to now are told to it even if they came from it. */
void news_out_tell_all(struct talk *t);
/* The greatest of our numbers that the peer can know. */
uint64_t news_out_told(const struct talk *t);
void news_out_forget_told(struct peer_group *g);
void news_out_kick(struct talk *t);
void news_out_ack(struct talk *t, const struct msg_news_ack *m);
void news_out_stop(struct talk *t);

/* news_in.c */
void news_in_send_hello(struct talk *t);
/* Forgets what the peer offers, and how far we received its rows: it announces all of them again when its next talk comes up. */
void news_in_forget(struct peer_group *g, uint64_t peer);
void news_in_hello(struct talk *t, const struct msg_index_hello *m);
void news_in_message(struct talk *t, const struct msg_news *m);
/* Before the commit: how far we have the peer's rows, and it ours. After it: tells the peer. */
void news_in_store(struct talk *t);
/* How much is settled by now. */
void news_in_settle(struct talk *t);
void news_in_acknowledge(struct talk *t);

/* serve.c */
void serve_get(struct talk *t, const struct msg_get *m);
void serve_list(struct talk *t, const struct msg_list_get *m);
void serve_cancel(struct session *s, const struct msg_cancel *m);
void serve_more(struct talk *t);
void serve_stop(struct talk *t);

/* inflight.c */
void inflight_block_in(struct session *s, const struct msg_block *b);
void inflight_list_in(struct session *s, const struct msg_list *m);
void inflight_stop(struct talk *t);

#endif
