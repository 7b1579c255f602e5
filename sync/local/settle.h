/* When to look at a path that something was heard of: at once, or when its writer seems to be done. Pure: time comes in
 * with each call. A hint never says what happened, only where to look. */
#ifndef LANYARD_SYNC_LOCAL_SETTLE_H
#define LANYARD_SYNC_LOCAL_SETTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settle;

enum settle_event {
	SETTLE_NOW,     /* moved, deleted, asked for: look at once */
	SETTLE_CLOSED,  /* a writer closed it: at once */
	SETTLE_FRESH,   /* a name appeared: at once, to see what it is */
	SETTLE_ATTRIB,  /* mode or times: at once, unless a writer is being waited for */
	SETTLE_CREATED, /* a fresh name was looked at: a file that its writer may still hold; in SETTLE_CREATED_MS */
	SETTLE_MODIFIED, /* written to, or only its mtime set: at once, to see which; what is waited for is waited longer */
	SETTLE_WRITING, /* a look or a read found a writer at work: when it has been quiet for its patience */
	SETTLE_BUSY,    /* an installer works on it: in SETTLE_BUSY_MS */
};

enum {
	SETTLE_MAX = 100000, /* hints; above that all are dropped, and only a full scan helps */
	SETTLE_BUSY_MS = 20,
	SETTLE_CREATED_MS = 100,
	SETTLE_QUIET_MS = 500,   /* the first patience; it doubles each time it was used up in vain */
	SETTLE_BOUND_MS = 60000, /* waited for at most so long, then taken as it is */
	SETTLE_COOL_MS = 120000, /* how long a grown patience is remembered */
};

/* One path to look at now. */
struct settle_hint {
	char *path;   /* the taker's to free */
	bool fresh;   /* nothing but its appearing was heard */
	bool content; /* its content was heard to change */
	bool writing; /* and its writer not to have closed it since */
};

struct settle *settle_new(void);
void settle_free(struct settle *s);
void settle_event(struct settle *s, int64_t now_ms, const char *path, enum settle_event event);
/* Moves what has become due to what settle_take gives; once a turn. */
void settle_turn(struct settle *s, int64_t now_ms);
/* The next due hint, in the order they became due; false: none. */
bool settle_take(struct settle *s, struct settle_hint *hint);
/* When settle_turn has to be called: 0 when something is due already, -1 when nothing waits. It may be too early, never
 * too late. */
int64_t settle_next_ms(const struct settle *s);
/* Hints waiting or due. */
size_t settle_pending(const struct settle *s);
/* Whether the path is being waited for, and not due. */
bool settle_waits(const struct settle *s, const char *path);
/* Whether the path is waiting or due and its content was heard to change; all such paths. */
bool settle_content(const struct settle *s, const char *path);
void settle_each_content(const struct settle *s, void (*fn)(void *arg, const char *path), void *arg);
/* True once after more than SETTLE_MAX hints were dropped. */
bool settle_overflowed(struct settle *s);
/* Files whose first patience was not enough: fn gets each until it returns false. Returns how many there are. */
size_t settle_changing(const struct settle *s, int64_t now_ms,
                       bool (*fn)(void *arg, const char *path, int64_t since_ms), void *arg);

#endif
