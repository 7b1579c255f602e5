/* One group on this agent: its share, index, local scanner, fetch, and its side of the connections, wired together. The
 * loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_H
#define LANYARD_AGENT_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/workers.h"
#include "sync/group/roster.h"

struct engine;
struct event;
struct fetch;
struct index;
struct peer_group;
struct record;
struct requests;
struct share;

const char *engine_name(const struct engine *e); /* the group's */
const struct group_id *engine_group(const struct engine *e);
const char *engine_share_path(const struct engine *e);
struct roster *engine_roster(struct engine *e);
/* How a member is called where people read it: its name, and the beginning of its ID. Fresh, safe for logs. */
char *engine_members_called(const struct engine *e, const struct agent_id *id);
/* The same for an event about this agent: its name if it is or was a member, and how much of its ID is shown. What they
 * point to is the roster's, or in `former`, which the caller lends. */
void engine_members_describe(const struct engine *e, const struct agent_id *id, char former[MEMBER_NAME_MAX + 1],
                             struct event *event);
struct index *engine_index(struct engine *e); /* NULL while joining or in error */
struct fetch *engine_fetch(struct engine *e); /* NULL without a share */
struct peer_group *engine_peers(struct engine *e);
struct requests *engine_mailbox(struct engine *e); /* the requests to join; NULL without a share */
/* A file of the group, or one that is set aside here. What it points to is lent. */
struct engine_file {
	const struct record *r; /* our row; else the newest that members have; else what was set aside */
	bool here;              /* there is a file on this disk */
	bool behind;            /* it is here, and members have something else or newer */
	bool wanted;            /* this agent has it, or gets it as soon as it can */
	bool shared;            /* false: it is this agent's own; see `unshare` */
	bool own;               /* what is on this disk is its user's own, whatever the group has */
	const uint64_t *has;    /* short IDs of the members that have this version, ours among them if it is here */
	size_t nhas;
};
/* Calls fn for each file at and below `under`, in walk order, until fn returns false, or for `max` of them. after:
 * begins with the first path after this one, so that a long list can be read in pieces over many turns; NULL: from the
 * start. Returns the last path, fresh, when there may be more behind it; NULL: that was all. */
typedef bool engine_file_fn(void *arg, const struct engine_file *f);
char *engine_files(struct engine *e, const char *under, const char *after, int max, engine_file_fn *fn, void *arg);

/* Files that came from others in this run, the last ones first, 1,000 at most. */
struct engine_past {
	const char *path;
	int64_t size;
	int64_t finished_s; /* wall clock */
};
void engine_history(struct engine *e, bool (*fn)(void *arg, const struct engine_past *p), void *arg);

void engine_pause(struct engine *e, bool paused); /* also after a restart */
bool engine_paused(const struct engine *e);
void engine_rescan(struct engine *e);
/* Has a worker check whether the share is there and what is mounted in it, so that the next status also holds for a
 * disk that came or went a moment ago. engine_share_checked(): the answer is there, or the disk is stuck and it will
 * not come soon. */
void engine_check_share(struct engine *e);
bool engine_share_checked(struct engine *e);
/* It holds an invite that no member has honoured yet, or was restored and has no roster yet. */
bool engine_is_joiner(const struct engine *e);
/* It came from a key file: this agent is a member, and waits for the roster that says so. */
bool engine_is_restored(const struct engine *e);
/* It keeps what it cannot read, so it has no files to show. */
bool engine_is_vault(const struct engine *e);
/* For requests about files where engine_share() is NULL: why there are none, for people. */
const char *engine_why_no_files(const struct engine *e);
/* It was a member, and is none any more, as the roster shows. */
bool engine_is_excluded(const struct engine *e);
/* A worker is still opening the share; only then it shows whether engine_found() succeeded. */
bool engine_opening(const struct engine *e);
/* The message for a disk that does not answer; NULL: it answers. */
const char *engine_stuck(struct engine *e);
/* vault_disk may be another one in the settings: of a vault that runs, at once. */
void engine_vault_quota_changed(struct engine *e);
/* The errno of what the agent's user may not do in the share; 0: none is known. */
int engine_share_access(const struct engine *e);
/* A burst that is held: deletions here that are not announced, or a member's changes that would delete, replace or
 * empty a large part of the share here (sync/fetch/guard.h). */
struct engine_burst {
	bool here;
	bool known;         /* `by` is set; false: several members, or a former one */
	struct agent_id by; /* here: ourselves */
	const char *name;   /* as it calls itself, untrusted; NULL: here, or not known; good until the roster changes */
	bool brings;        /* `by` passed on changes that several other members are said to have made */
	int64_t files;
	int64_t since_s; /* wall clock */
};
void engine_bursts(struct engine *e, void (*fn)(void *arg, const struct engine_burst *b), void *arg);
/* How many files they concern. */
int64_t engine_held(struct engine *e);
/* Lets all of them happen, and the changes that wait for space among the kept versions; returns how many files that
 * concerns. */
int64_t engine_release(struct engine *e);
/* Reads every file again; calls fn for each rotten one, then done. repair: downloads rotten files again from peers.
 * A vault reads all that it
 * stores: objects in place of files, and of what is bad only how many. -1: a verify is running already, or there is
 * no share now. */
int engine_verify(struct engine *e, bool repair, void (*fn)(void *arg, const struct record *r),
                  void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten), void *arg);

/* For requests that need the share's disk: the share (NULL while joining or in error, and of a vault); a job for a
 * worker, which must hold its own handles of the share; and a hint for each path that the job changed. */
struct share *engine_share(struct engine *e);
void engine_work(struct engine *e, workers_fn *work, workers_done_fn *done, void *job);
void engine_hint(struct engine *e, const char *path);
uint64_t engine_self(const struct engine *e); /* our short ID */

#endif
