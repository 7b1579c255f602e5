/* Hints, each in one of three lists: due, waiting for their writer, or taken and remembered only for their
 * patience. See debounce.h. */
#include "sync/local/debounce.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/heap.h"
#include "base/mem.h"

enum { COOL_MAX = 1000 };

enum hint_state {
	HINT_DUE,     /* in s->due */
	HINT_WAITING, /* in s->waiting, by when it is due */
	HINT_COOL,    /* taken; in s->cool, only to remember its patience */
};

struct hint {
	enum hint_state state;
	bool fresh;
	bool content;
	bool writing;               /* DUE: of its content, the last event said that it was written to */
	bool writer;                /* WAITING: it waits for a writer, so ATTRIB does not make it due */
	bool impatient;             /* due because its patience was used up */
	int32_t patience_ms;        /* of the next wait for a quiet file; 0: it never waited */
	int64_t due_ms;             /* WAITING: not before */
	int64_t started_ms;         /* WAITING: when this wait began. COOL: when it was taken */
	int64_t since_ms;           /* when the first of several waits in a row began */
	struct heap_entry waits;    /* WAITING: in s->waiting */
	struct heap_entry patience; /* WAITING, with patience: in s->patient until it counts as changing ... */
	bool changing;              /* ... and then in s->changing */
	struct hint *prev, *next;
	UT_hash_handle hh;
	char path[];
};

struct debounce {
	struct hint *hints; /* all, by path */
	struct hint *due;   /* in the order they became due */
	struct heap waiting;
	struct heap patient; /* those that wait for a writer, by when they count as changing */
	struct hint *changing;
	size_t nchanging;
	struct hint *cool; /* the oldest first */
	size_t ncool;
	bool overflowed;
};

struct debounce *debounce_new(void)
{
	return MEM_NEW(struct debounce);
}

/* A WAITING one is put into its heap by wait_until(). */
static void link_hint(struct debounce *s, struct hint *h, enum hint_state state)
{
	h->state = state;
	if (state == HINT_DUE)
		DL_APPEND(s->due, h);
	if (state == HINT_COOL) {
		DL_APPEND(s->cool, h);
		s->ncool++;
	}
}

static void unlink_hint(struct debounce *s, struct hint *h)
{
	if (h->state == HINT_DUE)
		DL_DELETE(s->due, h);
	if (h->state == HINT_COOL) {
		DL_DELETE(s->cool, h);
		s->ncool--;
	}
	heap_remove(&s->waiting, &h->waits);
	heap_remove(&s->patient, &h->patience);
	if (h->changing) {
		DL_DELETE(s->changing, h);
		s->nchanging--;
	}
	h->changing = false;
}

static void forget_hint(struct debounce *s, struct hint *h)
{
	unlink_hint(s, h);
	HASH_DEL(s->hints, h);
	free(h);
}

static void forget_hints(struct debounce *s)
{
	struct hint *h;
	struct hint *next;

	HASH_ITER(hh, s->hints, h, next) {
		HASH_DEL(s->hints, h);
		free(h);
	}
	s->due = s->cool = s->changing = NULL;
	s->ncool = s->nchanging = 0;
	heap_clear(&s->waiting);
	heap_clear(&s->patient);
}

void debounce_free(struct debounce *s)
{
	if (s == NULL)
		return;
	forget_hints(s);
	free(s);
}

static struct hint *find_hint(const struct debounce *s, const char *path)
{
	struct hint *h;

	HASH_FIND_STR(s->hints, path, h);
	return h;
}

static struct hint *add_hint(struct debounce *s, int64_t now_ms, const char *path)
{
	size_t n = strlen(path);
	struct hint *h = mem_calloc(1, sizeof(*h) + n + 1);

	memcpy(h->path, path, n);
	h->since_ms = now_ms;
	h->fresh = true;
	HASH_ADD_STR(s->hints, path, h);
	return h;
}

static void wait_until(struct debounce *s, struct hint *h, int64_t due_ms)
{
	h->due_ms = due_ms;
	heap_set(&s->waiting, &h->waits, due_ms);
	if (h->patience_ms > 0 && !h->changing)
		heap_set(&s->patient, &h->patience, h->since_ms + DEBOUNCE_QUIET_MS + 1);
}

/* Moves a hint to the list of `state`. A new hint is in none yet. */
static void move_hint(struct debounce *s, struct hint *h, bool is_new, enum hint_state state, int64_t now_ms)
{
	if (!is_new && h->state == state)
		return;
	if (!is_new && h->state == HINT_COOL && now_ms - h->started_ms > DEBOUNCE_COOL_MS) {
		h->patience_ms = 0;
		h->since_ms = now_ms;
	}
	if (!is_new)
		unlink_hint(s, h);
	h->started_ms = now_ms;
	link_hint(s, h, state);
}

static void hint_now(struct debounce *s, struct hint *h, bool is_new, int64_t now_ms, enum debounce_event event)
{
	if (!is_new && event == DEBOUNCE_ATTRIB && h->state == HINT_WAITING && h->writer)
		return;
	/* The writer closed it, or it is another file: its patience begins again. */
	if (event != DEBOUNCE_ATTRIB) {
		h->patience_ms = 0;
		h->since_ms = now_ms;
	}
	if (event == DEBOUNCE_NOW || event == DEBOUNCE_CLOSED)
		h->writing = false;
	h->writer = false;
	h->impatient = false;
	move_hint(s, h, is_new, HINT_DUE, now_ms);
}

static void hint_quiet(struct debounce *s, struct hint *h, bool is_new, int64_t now_ms)
{
	int64_t due_ms;
	int64_t bound_ms;

	h->writing = false;
	move_hint(s, h, is_new, HINT_WAITING, now_ms);
	if (h->patience_ms == 0)
		h->patience_ms = DEBOUNCE_QUIET_MS;
	due_ms = now_ms + h->patience_ms;
	bound_ms = h->started_ms + DEBOUNCE_BOUND_MS;
	h->writer = true;
	wait_until(s, h, due_ms < bound_ms ? due_ms : bound_ms);
}

static void hint_modified(struct debounce *s, struct hint *h, bool is_new, int64_t now_ms)
{
	if (!is_new && (h->state == HINT_COOL || (h->state == HINT_WAITING && h->writer))) {
		hint_quiet(s, h, is_new, now_ms);
		return;
	}
	h->writing = true;
	if (is_new)
		move_hint(s, h, is_new, HINT_DUE, now_ms);
}

/* A wait of fixed length, for a path of which nothing else is known. */
static void hint_later(struct debounce *s, struct hint *h, bool is_new, int64_t now_ms, int64_t delay_ms, bool writer)
{
	if (!is_new && h->state != HINT_COOL)
		return;
	move_hint(s, h, is_new, HINT_WAITING, now_ms);
	h->writer = writer;
	wait_until(s, h, now_ms + delay_ms);
}

void debounce_event(struct debounce *s, int64_t now_ms, const char *path, enum debounce_event event)
{
	struct hint *h = find_hint(s, path);
	bool is_new = h == NULL;

	if (is_new && HASH_COUNT(s->hints) >= DEBOUNCE_MAX + COOL_MAX) {
		forget_hints(s);
		s->overflowed = true;
	}
	if (is_new)
		h = add_hint(s, now_ms, path);
	else if (h->state == HINT_COOL)
		h->fresh = h->content = h->writing = false;
	h->fresh = h->fresh && event == DEBOUNCE_FRESH;
	h->content = h->content || event == DEBOUNCE_CLOSED || event == DEBOUNCE_MODIFIED || event == DEBOUNCE_WRITING;
	switch (event) {
	case DEBOUNCE_NOW:
	case DEBOUNCE_CLOSED:
	case DEBOUNCE_FRESH:
	case DEBOUNCE_ATTRIB:
		hint_now(s, h, is_new, now_ms, event);
		break;
	case DEBOUNCE_CREATED:
		hint_later(s, h, is_new, now_ms, DEBOUNCE_CREATED_MS, true);
		break;
	case DEBOUNCE_BUSY:
		hint_later(s, h, is_new, now_ms, DEBOUNCE_BUSY_MS, false);
		break;
	case DEBOUNCE_MODIFIED:
		hint_modified(s, h, is_new, now_ms);
		break;
	case DEBOUNCE_WRITING:
		/* Unless its writer has closed it since the check. */
		if (is_new || h->state != HINT_DUE || h->writing)
			hint_quiet(s, h, is_new, now_ms);
		break;
	}
}

void debounce_turn(struct debounce *s, int64_t now_ms)
{
	struct heap_entry *first;

	while ((first = heap_first(&s->waiting)) != NULL && first->key <= now_ms) {
		struct hint *h = (struct hint *)(void *)((char *)first - offsetof(struct hint, waits));

		unlink_hint(s, h);
		h->impatient = h->patience_ms > 0;
		link_hint(s, h, HINT_DUE);
	}
}

/* Remembers a hint that was taken although its writer has not closed it, so that its next wait is longer. */
static void cool_hint(struct debounce *s, struct hint *h)
{
	h->patience_ms = h->patience_ms < DEBOUNCE_BOUND_MS / 2 ? h->patience_ms * 2 : DEBOUNCE_BOUND_MS;
	h->started_ms = h->due_ms;
	h->impatient = false;
	link_hint(s, h, HINT_COOL);
	if (s->ncool > COOL_MAX)
		forget_hint(s, s->cool);
}

bool debounce_take(struct debounce *s, struct debounce_hint *hint)
{
	struct hint *h = s->due;

	if (h == NULL)
		return false;
	*hint = (struct debounce_hint){
		.path = mem_strdup(h->path),
		.fresh = h->fresh,
		.content = h->content,
		.writing = h->writing,
	};
	if (!h->impatient) {
		forget_hint(s, h);
		return true;
	}
	unlink_hint(s, h);
	cool_hint(s, h);
	return true;
}

int64_t debounce_next_ms(const struct debounce *s)
{
	const struct heap_entry *first = heap_first(&s->waiting);

	return s->due != NULL ? 0 : first != NULL ? first->key : -1;
}

size_t debounce_pending(const struct debounce *s)
{
	return HASH_COUNT(s->hints) - s->ncool;
}

bool debounce_waits(const struct debounce *s, const char *path)
{
	const struct hint *h = heap_first(&s->waiting) != NULL ? find_hint(s, path) : NULL;

	return h != NULL && h->state == HINT_WAITING;
}

static bool has_content(const struct hint *h)
{
	return h->content && h->state != HINT_COOL;
}

bool debounce_has_content(const struct debounce *s, const char *path)
{
	const struct hint *h = find_hint(s, path);

	return h != NULL && has_content(h);
}

void debounce_each_content(const struct debounce *s, void (*fn)(void *arg, const char *path), void *arg)
{
	for (const struct hint *h = s->hints; h != NULL; h = h->hh.next)
		if (has_content(h))
			fn(arg, h->path);
}

bool debounce_overflowed(struct debounce *s)
{
	bool overflowed = s->overflowed;

	s->overflowed = false;
	return overflowed;
}

size_t debounce_changing(struct debounce *s, int64_t now_ms, bool (*fn)(void *arg, const char *path, int64_t since_ms),
                         void *arg)
{
	struct heap_entry *first;
	struct hint *h;
	bool more = fn != NULL;

	while ((first = heap_first(&s->patient)) != NULL && first->key <= now_ms) {
		h = (struct hint *)(void *)((char *)first - offsetof(struct hint, patience));
		heap_remove(&s->patient, &h->patience);
		h->changing = true;
		DL_APPEND(s->changing, h);
		s->nchanging++;
	}
	for (h = s->changing; more && h != NULL; h = h->next)
		more = fn(arg, h->path, h->since_ms);
	return s->nchanging;
}
