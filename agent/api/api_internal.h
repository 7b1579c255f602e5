/* What the api_*.c share. Nobody else includes this. */
#ifndef LANYARD_AGENT_API_INTERNAL_H
#define LANYARD_AGENT_API_INTERNAL_H

#include "agent/api/api.h"

struct api {
	struct loop *loop;
	struct agent *agent;
	struct events *events;
	char *name;                    /* of this host; owned */
	char *listen;                  /* as the settings have it; owned */
	struct api_waiter *waiters;    /* api_wait.c */
	struct loop_hook *turn_hook;   /* while there are waiters */
	struct loop_timer *turn_timer; /* likewise */
	uint64_t turn;                 /* counts ends of turns while there are waiters */
	int64_t looked_ms;             /* loop time at which the waiters were looked at last */
	struct api_verify *verifies;   /* api_verify.c: under way */
};

typedef void api_fn(struct api *api, struct control_call *call);

/* api_groups.c */
api_fn api_groups, api_create, api_invite, api_join, api_leave, api_members, api_pause, api_resume;
/* api_status.c */
api_fn api_status, api_peers, api_downloads;
/* api_files.c */
api_fn api_files;
/* api_versions.c */
api_fn api_versions, api_restore;
/* api_conflicts.c */
api_fn api_conflicts;
/* The path that was in conflict, looked for where the copy's name was shortened; NULL when it is no copy. Fresh memory. */
char *api_conflict_of(struct index *index, const char *copy);
/* api_resolve.c */
api_fn api_resolve;
/* api_events.c */
api_fn api_events;
/* api_wait.c */
api_fn api_wait;
/* api_verify.c */
api_fn api_verify;
void api_verify_forget(struct api *api);
/* The group is gone, and with it what was under way. */
void api_verify_left(struct api *api, const struct group_id *group);

/* api_held.c */
api_fn api_release;

/* --- waiting: an answer that becomes possible in some later turn --- */

/* Looks whether the call can be answered: true when it has been. Sets *again when the next turn must not wait. */
typedef bool api_wait_look(struct api *api, struct control_call *call, void *state, bool *again);
/* Time is up: answers the call. */
typedef void api_wait_expire(struct api *api, struct control_call *call, void *state);
/* Looks now, at the end of turns, and at least each 10 ms while the loop is busy. timeout_s < 0: for ever. state is
 * given to free() at the end. */
void api_wait_until(struct api *api, struct control_call *call, int64_t timeout_s, api_wait_look *look,
                    api_wait_expire *expire, void *state);

/* --- work on a share's disk --- */

/* A call that a worker does its part of. Embedded in what it is of, which it is the first member of. */
struct api_disk {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	struct group_id group;
	struct ground *ground; /* the share's, the job's own */
	char *why;             /* the share is not there; owned */
	/* On the worker. */
	void (*work)(struct api_disk *d);
	/* Back on the loop's thread: answers d->call when it is not NULL. e: NULL when the group is gone. */
	void (*done)(struct api_disk *d, struct engine *e);
	void (*free)(struct api_disk *d);
};
/* Sends it to a worker; when the share is not there now, answers the call and frees it. work, done, free are set. */
void api_disk_run(struct api *api, struct control_call *call, struct engine *e, struct api_disk *d);

/* --- helpers --- */

/* The group that the call's path names; NULL when there is none: the call is answered then. */
struct engine *api_engine(struct api *api, struct control_call *call);
/* By ID; NULL when we are not in it (any more). */
struct engine *api_engine_by_id(struct api *api, const struct group_id *id);
/* Fields of the body, each NULL or the default when not there. -1 when of the wrong kind or out of range: the call is
 * answered then. */
int api_body_text(struct control_call *call, const char *key, const char **text);
int api_body_path(struct control_call *call, const char *key, char **path); /* fresh bytes of a path in a share */
int api_body_flag(struct control_call *call, const char *key, bool *flag);
int api_body_number(struct control_call *call, const char *key, int64_t min, int64_t max, int64_t *n);
/* A number in the query; stays as it is when not there. -1: answered. */
int api_query_number(struct control_call *call, const char *key, int64_t min, int64_t max, int64_t *n);
/* Answers 409 with *why and frees it. */
void api_refuse(struct control_call *call, char **why);

json_t *api_name(const char *bytes);    /* a name as text; null for NULL */
json_t *api_message(const char *bytes); /* a message; null for NULL */
json_t *api_disk(struct engine *e);     /* what the disk of its share cannot do, in words: an array */
json_t *api_agent_id(const struct agent_id *id);
json_t *api_group_id(const struct engine *e);

#endif
