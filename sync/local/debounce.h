/* When to check a path for which a hint came: at once, or when its writer seems to be done. A hint never says what
 * happened, only which path to check. Pure: time comes in with each call. */
#ifndef LANYARD_SYNC_LOCAL_DEBOUNCE_H
#define LANYARD_SYNC_LOCAL_DEBOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct debounce;

enum debounce_event {
	DEBOUNCE_NOW,      /* moved, deleted, asked for: check at once */
	DEBOUNCE_CLOSED,   /* a writer closed it: at once */
	DEBOUNCE_FRESH,    /* a name appeared: at once, to see what it is */
	DEBOUNCE_ATTRIB,   /* mode or times: at once, unless it waits for a writer */
	DEBOUNCE_CREATED,  /* a fresh name is a file that its writer may still have open; in DEBOUNCE_CREATED_MS */
	DEBOUNCE_MODIFIED, /* written to, or its mtime was set: at once, to see which; if it waits, it waits longer */
	DEBOUNCE_WRITING,  /* a check or a read found a writer at work: when it has been quiet for its patience */
	DEBOUNCE_BUSY,     /* an installer works on it: in DEBOUNCE_BUSY_MS */
};

enum {
	DEBOUNCE_MAX = 100000, /* hints; above that all are dropped, and only a full scan helps */
	DEBOUNCE_BUSY_MS = 20,
	DEBOUNCE_CREATED_MS = 100,
	DEBOUNCE_QUIET_MS = 500,   /* the first patience; doubled each time it was used up in vain */
	DEBOUNCE_BOUND_MS = 60000, /* a wait is at most this long, then the file is taken as it is */
	DEBOUNCE_COOL_MS = 120000, /* how long a grown patience is remembered */
};

/* One path to check now. */
struct debounce_hint {
	char *path;   /* the taker's to free */
	bool fresh;   /* the only event was that it appeared */
	bool content; /* an event said that its content changed */
	bool writing; /* and none since that its writer closed it */
};

struct debounce *debounce_new(void);
void debounce_free(struct debounce *s);
void debounce_event(struct debounce *s, int64_t now_ms, const char *path, enum debounce_event event);
/* Once per turn: what has become due is what debounce_take() gives. */
void debounce_turn(struct debounce *s, int64_t now_ms);
/* The next due hint, in the order they became due; false: none. */
bool debounce_take(struct debounce *s, struct debounce_hint *hint);
/* When debounce_turn has to be called: 0 when something is due already, -1 when nothing waits. */
int64_t debounce_next_ms(const struct debounce *s);
/* Hints waiting or due. */
size_t debounce_pending(const struct debounce *s);
/* Whether the path waits, and is not due. */
bool debounce_waits(const struct debounce *s, const char *path);
/* Whether the path waits or is due, and an event said that its content changed. Each: all such paths. */
bool debounce_has_content(const struct debounce *s, const char *path);
void debounce_each_content(const struct debounce *s, void (*fn)(void *arg, const char *path), void *arg);
/* True once after more than DEBOUNCE_MAX hints were dropped. */
bool debounce_overflowed(struct debounce *s);
/* Files that are still being written to after their first patience: fn gets each until it returns false. Returns
 * how many there are. */
size_t debounce_changing(struct debounce *s, int64_t now_ms, bool (*fn)(void *arg, const char *path, int64_t since_ms),
                         void *arg);

#endif
