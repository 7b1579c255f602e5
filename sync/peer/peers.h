/* Connections to other agents, and on each of them the groups that both belong to: hello, news out, news in, blocks
 * served and requested. One `peers` per process, one `peer_group` per group. Arrivals are handed on through hooks,
 * so this unit knows nothing of downloads. The loop's thread.
 *
 * An address that we hear of (found) is dialled unless its agent is connected. Whoever dials first, one connection
 * per pair stays: the one dialled by the smaller agent ID, when two are made at once. A peer is pinged when idle
 * for 4 s; one that is silent for 10 s is dropped, after 12.5 s at the latest. Lost members are dialled again at
 * their last addresses, 0.5 s to 60 s apart. */
#ifndef LANYARD_SYNC_PEER_PEERS_H
#define LANYARD_SYNC_PEER_PEERS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/debug.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "base/workers.h"
#include "sync/group/invite.h"
#include "sync/group/requests.h"
#include "sync/group/roster.h"
#include "sync/index/index.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/block.h"
#include "sync/plan/coming_run.h"
#include "sync/plan/content_source.h"
#include "sync/plan/record.h"
#include "sync/swarm/map.h"

struct peers;
struct peer_group;

enum { PEERS_FEW_MEMBERS = 24 }; /* of a group, up to which all connect with all */

struct peers_config {
	struct loop *loop;
	struct workers *workers;
	const struct identity *self;
	const char *name; /* our host name, for people */
	size_t memory;    /* bytes of blocks that may wait to be sent, on all connections together; 0: some for each */
	/* For `events`. group is NULL when the whole connection is meant. address: of the other end, for people. */
	void (*connected)(void *arg, const struct agent_id *peer, struct peer_group *group);
	void (*disconnected)(void *arg, const struct agent_id *peer, struct peer_group *group, const char *reason);
	/* We turned an agent away; reason is for a log. peer is NULL when TLS did not get that far. */
	void (*refused)(void *arg, const struct agent_id *peer, const char *address, const char *reason);
	/* Another agent has our identity: this home was copied. peer: the member that showed the proof; NULL: we
	 * met the other one ourselves. yield: we are the copy, or nobody can tell which one is: stop sharing, but
	 * not during this call. */
	void (*copied_home)(void *arg, const struct agent_id *peer, const char *address, bool yield);
	/* What peers_are_few() says has changed. NULL: nobody asks. */
	void (*few)(void *arg);
	bool moved; /* this home was on another machine before */
	/* From how many rows on members that meet for the first time compare ranges; 0: the default. */
	uint32_t ranges_min;
	/* How many of these each reads or tells at a time at most; 0: the default. */
	uint32_t ranges_rows;
	/* Bytes of small files that are owed to all receivers together, from which on one of them carries the rest; 0:
	 * the default. */
	size_t carry_min;
	/* The addresses where this agent may be reached, the likeliest first, with ports, and with scopes where
	 * they are link-local: at most max. Members are told them. NULL: there are none to tell. */
	size_t (*addresses)(void *arg, struct sockaddr_storage *out, size_t max);
	void *arg;
};

struct peers *peers_new(const struct peers_config *config, char **why);
/* Closes all connections. Groups must have been removed. */
void peers_free(struct peers *p);
/* Returns the port, -1 with *why. */
int peers_listen(struct peers *p, const char *listen, char **why);
/* Bytes per second that all connections together may send and receive, from now on; 0: no limit, as at the start.
 * Control frames go before blocks, and wait as well once the limit is used up. */
void peers_limit(struct peers *p, int64_t upload, int64_t download);
/* An address to try. claimed_id: the agent that discovery expects there; NULL: unknown. Addresses of ourselves and
 * of connected agents are ignored. */
void peers_found(struct peers *p, const struct agent_id *claimed_id, const struct sockaddr *addr, socklen_t addr_len);
/* The same for an address from an invite: it is tried like one that the admin named, but a connection that is made
 * there need not stay. */
void peers_hinted(struct peers *p, const struct sockaddr *addr);
/* Dial lost members now. */
void peers_retry_now(struct peers *p);
/* This host's addresses have changed: tell members, and dial lost ones now. */
void peers_moved(struct peers *p);

struct peer_connection {
	struct agent_id id;
	const char *name; /* as it calls itself; untrusted */
	const char *address;
	int64_t since_s; /* wall clock */
	uint64_t bytes_in, bytes_out;
	int64_t rate_in, rate_out; /* bytes per second, over the last seconds */
	int64_t rtt_ms;            /* -1: not measured yet */
	size_t ngroups;
	struct peer_group *const *groups; /* that both are members of */
};
/* Whether there is a connection to this agent that has shown that it is a member. */
bool peers_connected(struct peers *p, const struct agent_id *id);
/* Calls fn with each address, HOST:PORT, where we found this agent or a member says that it is. Those that are valid on
 * one link only are left out. */
void peers_known(struct peers *p, const struct agent_id *id, void (*fn)(void *arg, const char *address), void *arg);
/* Whether it is worth while to find out an address of this agent. */
bool peers_look_for(struct peers *p, const struct agent_id *id);
/* Whether we could do with more connections, and have for some seconds. */
bool peers_are_few(struct peers *p);
void peers_each(struct peers *p, bool (*fn)(void *arg, const struct peer_connection *c), void *arg);

/* Joining by invite: members are looked for at the token's addresses and at those that peers_found() brings. The
 * group is passed in with an empty roster. joined(arg, 0, NULL): we are admitted, and the roster that says so is
 * here and not older than the invite. joined(arg, -1, reason): the invite has expired by our own clock too. No
 * other refusal is believed: we try other members, and peer_group_join_note() says why. peer_group_free() cancels. */
typedef void peers_join_fn(void *arg, int status, const char *reason);

struct peer_hooks {
	/* A record from a peer (short ID), in order; bytes and blocks as in fetch_record(). */
	void (*record)(void *arg, uint64_t peer, const struct record *theirs, const uint8_t *bytes, size_t n,
	               const struct blocklist *blocks);
	/* The same for a small file whose bytes another member (short ID) brings, as its maker says: nothing is asked
	 * of the maker for a while. NULL: as record. */
	void (*carried)(void *arg, uint64_t peer, const struct record *theirs, uint64_t carrier);
	/* A record that says the same as ours, our row, which was just read: returns the number of the row that both
	 * sides come to; 0: it was taken as record() does. NULL: no ranges are compared. */
	uint64_t (*same)(void *arg, uint64_t peer, const struct record *ours, const struct record *theirs);
	/* The same for many at once, without reading any: by their numbers, as index_join_later() takes them. False:
	 * nothing was done, and they are to be taken one by one. May be NULL. */
	bool (*same_plain)(void *arg, uint64_t peer, uint64_t writer, const struct index_pair *pairs, size_t n);
	/* Gives our row, which was just read, another number, so that all hear of it. Not NULL unless same is. */
	void (*tell_again)(void *arg, const struct record *ours);
	/* The bytes of such a file, as the peer says; anybody in the group may bring them, and nobody has verified
	 * them. May be NULL. */
	void (*relayed)(void *arg, uint64_t peer, const uint8_t root[32], const uint8_t *bytes, size_t n);
	void (*records_end)(void *arg, uint64_t peer);
	/* A record from a peer that may not write: whether it has this content, and nothing else. */
	void (*has)(void *arg, uint64_t peer, const struct record *theirs);
	/* The least of the peer's sequence numbers that was handed over and is in memory only, so it must not be
	 * acknowledged; 0: none. */
	uint64_t (*unstored)(void *arg, uint64_t peer);
	/* The index has that the peer has settled more of our numbers: a mirror has what these tell. */
	void (*settled)(void *arg, uint64_t peer);
	/* block: SWARM_AS_ASKED, or the number of the one that the peer chose for a request of any. */
	void (*block)(void *arg, uint64_t peer, uint32_t request, uint32_t block, struct slab *bytes);
	/* The answer to a request of any block: each is under way to somebody, or the peer cannot choose. */
	void (*out)(void *arg, uint64_t peer, uint32_t request);
	/* Which blocks the peer has of a content (MAP), and which more (HAVE). Borrowed. False: it misbehaved. */
	bool (*map)(void *arg, uint64_t peer, const struct swarm_map *map);
	bool (*have)(void *arg, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n);
	/* Whether this agent fetches the content now, and answers maps of it itself. */
	bool (*getting)(void *arg, const struct content *c);
	void (*list)(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n);
	/* A peer that drops this record's file asks: whether our row is this version or a later one, the file is here,
	 * and is not being dropped. */
	bool (*holds)(void *arg, const struct record *asked);
	/* The answer to peer_group_hold_ask(). has: from a peer that may write. */
	void (*hold_answer)(void *arg, uint64_t peer, uint32_t request, bool has);
	/* We are a reader, and a member that we heard has begun a new epoch: what it said may have come to nothing. */
	void (*list_again)(void *arg);
	/* The peer's role is another one: what it said in the earlier one, and is not in our rows, is forgotten. */
	void (*doubted)(void *arg, uint64_t peer);
	/* A peer that may write announces blocks of a file that has no record yet, at a legal path that is shared here.
	 * False: no honest member says this. May be NULL. */
	bool (*coming)(void *arg, uint64_t peer, const struct coming *said);
	/* The peer's index hello is here / the peer is gone. */
	void (*up)(void *arg, uint64_t peer);
	void (*down)(void *arg, uint64_t peer);
	/* Whether a legal path is shared here: ignore rules leave some out. */
	bool (*accepts)(void *arg, const char *path, bool is_dir);
	/* Valid entries were added: save it, and act on who is a member now. */
	void (*roster_changed)(void *arg);
	/* Something that in_sync or progress depend on has changed. */
	void (*state)(void *arg);
	/* What counts of the requests has changed: save it, and show it. May be NULL where requests is. */
	void (*requests_changed)(void *arg);
};

struct peer_seal;

struct peer_group_config {
	struct roster *roster;
	struct requests *requests;      /* NULL while joining, and where nobody may ask */
	struct index *index;            /* NULL while joining */
	bool scans;                     /* what is in the share is not known yet: see peer_group_scanned() */
	bool keyless;                   /* of a sealed group, without its first keys: no index hello is said or taken */
	struct workers *workers;        /* for reading contents, from a disk that may not answer; NULL while joining */
	struct content_sources sources; /* of the contents that peers ask for; none while joining */
	const struct peer_hooks *hooks;
	const struct peer_seal *seal; /* of a sealed group; NULL: it is not sealed. Called with arg */
	void *arg;
	/* Joining: */
	const struct invite *invite; /* NULL: we are a member */
	bool asked;                  /* an owner has added us: the invite only names the group, and is not shown */
	peers_join_fn *joined;
};

/* Offers the group on all connections, present and to come. Roster, requests, index and sources must outlive it. */
struct peer_group *peer_group_new(struct peers *p, const struct peer_group_config *config);
void peer_group_free(struct peer_group *g);
/* The share has been looked through, in a group that `scans`. Members are not told before that, or before the index has
 * a file, or 2.5 s have passed, how far we are: a member with files of its own needs no bytes inside news. */
void peer_group_scanned(struct peer_group *g);
/* The first scan is through, and all that it found is hashed. Only in a group that `scans`. */
void peer_group_hashed(struct peer_group *g);
/* index has new rows (call it from its on_commit): tells all peers that are up. */
void peer_group_news(struct peer_group *g);
/* fetch has installed, stored or dropped something: acknowledges at the end of this turn. */
void peer_group_progress(struct peer_group *g);
/* For the owner's end-of-turn hook: stores how far we are with each peer, commits the index, and acknowledges what
 * was received. What was settled is acknowledged only once it is safe (next). -1 when the commit failed. */
int peer_group_turn_end(struct peer_group *g);
/* A sync of the index begins that will cover everything committed so far / has ended well: what was settled when it
 * began is acknowledged, since no power cut can take it back now. One at a time. */
void peer_group_sync_begin(struct peer_group *g);
void peer_group_sync_end(struct peer_group *g);
/* The roster has entries of our own making (an invite honoured, a leave): passes them on. */
void peer_group_roster_changed(struct peer_group *g);
/* The requests have an answer of our own making: passes it on, and tells the agent that asks if it is connected. */
void peer_group_requests_changed(struct peer_group *g);
/* Joining: what keeps us outside, for people, with what members said; NULL: nobody has answered yet. Valid until
 * the next call. */
const char *peer_group_join_note(const struct peer_group *g);
/* Stops and restarts sharing: closes the group on all connections, and opens it again. */
void peer_group_pause(struct peer_group *g, bool paused);
/* The same as pausing it, for another reason, which begins with "this agent". */
void peer_group_close(struct peer_group *g, const char *reason);
void *peer_group_arg(const struct peer_group *g);

/* Requests of fetch; see struct fetch_ops. */
size_t peer_group_room(struct peer_group *g, uint64_t peer);
int peer_group_get(struct peer_group *g, uint64_t peer, const struct content *c, const struct block_want *wants,
                   size_t n);
int peer_group_get_list(struct peer_group *g, uint64_t peer, uint32_t request, const struct content *c, uint32_t first);
/* n blocks of the content, whichever the peer chooses; each counts in peer_group_room() as an average one. */
int peer_group_any(struct peer_group *g, uint64_t peer, const struct content *c, const uint32_t *requests, size_t n);
void peer_group_cancel(struct peer_group *g, uint64_t peer, const uint32_t *requests, size_t n);
/* Tells the peer which blocks are here; see struct get_ops. */
void peer_group_map(struct peer_group *g, uint64_t peer, const struct swarm_map *map);
void peer_group_have(struct peer_group *g, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n);
/* Tells a peer, or all (0) that may read, of blocks of a file of ours that has no record yet. Peers that are behind
 * with what was sent before are not told. */
void peer_group_coming(struct peer_group *g, uint64_t peer, const struct coming *said);
/* How many peers that would tell. */
size_t peer_group_listeners(const struct peer_group *g);
/* Asks whether the peer has this record's file and keeps it; request: the caller's number. -1 unless the peer is
 * connected and may write. */
int peer_group_hold_ask(struct peer_group *g, uint64_t peer, uint32_t request, const struct record *r);
/* Our index was found to be rolled back, or a part of it lost: it continues under another epoch, and all peers announce
 * their rows again. Ends all talks of the group. */
void peer_group_begin_epoch(struct peer_group *g);
/* Our mode or role has changed: tells all peers, by opening the group again with them. */
void peer_group_hello_again(struct peer_group *g);
/* Opens the group again with this one peer, which then sends again what was not acknowledged. */
void peer_group_again(struct peer_group *g, uint64_t peer);
/* Logged; the third time ends the connection. */
void peer_group_misbehaved(struct peer_group *g, uint64_t peer, const char *path, const char *what);
bool peer_group_connected(struct peer_group *g, uint64_t peer);
/* Bytes that have come from this peer, whatever they are; 0 when it is not connected. */
uint64_t peer_group_arrived(struct peer_group *g, uint64_t peer);

/* Whether this host's side of the connection with the member is wireless; false when it is not connected. */
bool peer_group_wireless(struct peer_group *g, uint64_t peer);
/* How many seconds ago this member was connected with us or, as other members say, with somebody. -1: it is not
 * there. */
int64_t peer_group_here_s(struct peer_group *g, uint64_t peer);
/* How many other members are there, connected with us or only with others. */
size_t peer_group_here(struct peer_group *g);

struct peer_group_peer {
	uint64_t peer;
	uint64_t settled; /* of our numbers */
	bool writes;      /* it is an owner or member, and knows so */
	bool on_demand;   /* it keeps only chosen content */
};
/* Peers that are up in this group. */
void peer_group_each(struct peer_group *g, bool (*fn)(void *arg, const struct peer_group_peer *p), void *arg);
/* Whether some peer that may write, and has anything, has told all that it has, and all of that is in the index. */
bool peer_group_heard(struct peer_group *g);
/* What is missing until every connected peer has all our rows and we have received all of theirs; NULL: nothing.
 * Text for people, with the name that a peer gives itself; valid until the next call. */
const char *peer_group_missing(struct peer_group *g);

/* Our number up to which some member that may write has settled our rows in the present epoch; a reader's word does not
 * count. 0: none has. */
uint64_t peers_settled(const struct roster *r, struct index *index);

struct peer_counters {
	uint64_t records_ignored; /* received, and left out by the rules here */
	uint64_t records_same;    /* of those received: what both had, told without path and content */
	uint64_t records_sent, records_received, blocks_sent, bytes_sent, bytes_received;
};
struct peer_counters peer_group_counters(const struct peer_group *g);
/* Bytes of content per second, over the last seconds. */
struct peer_rates {
	int64_t in, out;
};
struct peer_rates peer_group_rates(const struct peer_group *g);
/* Numbers and queues of one connected peer, for a bug report. */
void peer_group_debug(const struct peer_group *g, uint64_t peer, debug_fn *fn, void *arg);

#endif
