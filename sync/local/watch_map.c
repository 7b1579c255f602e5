/* The tree of watched folders, hashed by watch number and by parent and name. A folder that has left the tree stays
 * as a node of its own until the kernel confirms that its watch is removed, since events of it may still be queued.
 * See watch_map.h. */
#include "sync/local/watch_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"

enum { MISSED_MAX = 10000 };

struct node;

/* The key by which a node is found from its parent, hashed as one run of bytes. */
struct node_key {
	struct node *parent;
	char name[];
};

struct node {
	int wd;               /* -1: not watched, only on the path to some that are */
	bool gone;            /* left the tree; lives until the kernel says that the watch is removed */
	struct node_key *key; /* owned; NULL for the root, and when gone */
	struct node *children;
	struct node *prev, *next; /* among the parent's children */
	UT_hash_handle by_wd;
	UT_hash_handle by_key;
};

/* A watch number of which an event came before its folder was known. */
struct missed {
	int wd;
	bool removed; /* the kernel removed it meanwhile */
	UT_hash_handle hh;
};

struct watch_map {
	struct node *root;
	struct node *by_wd;
	struct node *by_key;
	struct missed *missed;
};

struct watch_map *watch_map_new(void)
{
	struct watch_map *m = MEM_NEW(struct watch_map);

	m->root = MEM_NEW(struct node);
	m->root->wd = -1;
	return m;
}

/* --- nodes --- */

static struct node *node_parent(const struct node *n)
{
	return n->key != NULL ? n->key->parent : NULL;
}

static size_t key_size(size_t name_len)
{
	return offsetof(struct node_key, name) + name_len;
}

static struct node *find_child(const struct watch_map *m, struct node *parent, const char *name, size_t len)
{
	union {
		struct node_key key;
		char bytes[sizeof(struct node_key) + 256];
	} u;
	struct node *n;

	if (len > 255)
		return NULL;
	u.key.parent = parent;
	memcpy(u.bytes + offsetof(struct node_key, name), name, len);
	HASH_FIND(by_key, m->by_key, &u.key, key_size(len), n);
	return n;
}

static void attach(struct watch_map *m, struct node *n, struct node *parent, const char *name, size_t len)
{
	n->key = mem_calloc(1, key_size(len) + 1);
	n->key->parent = parent;
	memcpy(n->key->name, name, len);
	HASH_ADD_KEYPTR(by_key, m->by_key, n->key, key_size(len), n);
	DL_PREPEND(parent->children, n);
}

static void detach(struct watch_map *m, struct node *n)
{
	struct node *parent = n->key->parent;

	HASH_DELETE(by_key, m->by_key, n); /* NOLINT(clang-analyzer-core.NullDereference): n is in it */
	DL_DELETE(parent->children, n);
	free(n->key);
	n->key = NULL;
}

static void set_wd(struct watch_map *m, struct node *n, int wd)
{
	if (n->wd >= 0)
		HASH_DELETE(by_wd, m->by_wd, n);
	n->wd = wd;
	if (wd >= 0)
		HASH_ADD(by_wd, m->by_wd, wd, sizeof(n->wd), n);
}

static struct node *find_wd(const struct watch_map *m, int wd)
{
	struct node *n;

	HASH_FIND(by_wd, m->by_wd, &wd, sizeof(wd), n);
	return n;
}

/* The node of a path; with `make`, missing nodes are made. */
static struct node *find_path(struct watch_map *m, const char *path, bool make)
{
	struct node *n = m->root;

	while (*path != '\0') {
		size_t len = strcspn(path, "/");
		struct node *child = find_child(m, n, path, len);

		if (child == NULL && !make)
			return NULL;
		if (child == NULL) {
			child = MEM_NEW(struct node);
			child->wd = -1;
			attach(m, child, n, path, len);
		}
		n = child;
		path += len;
		if (*path == '/')
			path++;
	}
	return n;
}

/* Frees the node, and those above it, up to one that is still needed. */
static void prune(struct watch_map *m, struct node *n)
{
	while (n != NULL && n != m->root && n->wd < 0 && n->children == NULL) {
		struct node *parent = node_parent(n);

		if (n->key != NULL)
			detach(m, n);
		free(n);
		n = parent;
	}
}

/* --- the map --- */

bool watch_map_has(const struct watch_map *m, const char *path)
{
	struct watch_map copy = *m;
	const struct node *n = find_path(&copy, path, false);

	return n != NULL && n->wd >= 0;
}

size_t watch_map_count(const struct watch_map *m)
{
	return HASH_CNT(by_wd, m->by_wd);
}

/* Built from the end, since the nodes lead upwards: the length first, then the names. */
ssize_t watch_map_path(const struct watch_map *m, int wd, char *path, size_t size)
{
	const struct node *n = find_wd(m, wd);
	size_t len = 0;
	size_t at;

	if (n == NULL)
		return WATCH_MAP_UNKNOWN;
	if (n->gone)
		return WATCH_MAP_GONE;
	for (const struct node *i = n; i->key != NULL; i = i->key->parent)
		len += strlen(i->key->name) + 1;
	if (len >= size)
		return WATCH_MAP_GONE;
	if (len == 0) {
		path[0] = '\0';
		return 0;
	}
	at = len;
	for (const struct node *i = n; i->key != NULL; i = i->key->parent) {
		size_t k = strlen(i->key->name);

		path[--at] = i == n ? '\0' : '/';
		at -= k;
		memcpy(path + at, i->key->name, k);
	}
	return (ssize_t)len - 1;
}

static struct missed *find_missed(const struct watch_map *m, int wd)
{
	struct missed *x;

	HASH_FIND_INT(m->missed, &wd, x);
	return x;
}

static bool remember_missed(struct watch_map *m, int wd, bool removed)
{
	struct missed *x = find_missed(m, wd);

	if (x == NULL) {
		if (HASH_COUNT(m->missed) >= MISSED_MAX)
			return false;
		x = MEM_NEW(struct missed);
		x->wd = wd;
		HASH_ADD_INT(m->missed, wd, x);
	}
	x->removed = x->removed || removed;
	return true;
}

bool watch_map_miss(struct watch_map *m, int wd)
{
	return remember_missed(m, wd, false);
}

/* If the kernel has removed the watch before this call, the folder is not watched, and its events count as missed. */
bool watch_map_put(struct watch_map *m, const char *path, int wd)
{
	struct missed *x = find_missed(m, wd);
	bool removed = x != NULL && x->removed;
	bool missed = x != NULL;
	struct node *before = find_wd(m, wd);
	struct node *n;

	if (x != NULL) {
		HASH_DEL(m->missed, x);
		free(x);
	}
	if (removed)
		return true;
	n = find_path(m, path, true);
	if (before != n) {
		if (before != NULL)
			set_wd(m, before, -1);
		set_wd(m, n, wd);
		prune(m, before);
	}
	return missed;
}

void watch_map_forget(struct watch_map *m, int wd)
{
	struct node *n = find_wd(m, wd);

	if (n == NULL) {
		/* Removed before the walk that added it has reported its path. */
		remember_missed(m, wd, true);
		return;
	}
	set_wd(m, n, -1);
	if (n->gone)
		free(n);
	else
		prune(m, n);
}

/* Removes the watches of n and of everything below. n is detached already, or is a child of such a node. */
static void drop_node(struct watch_map *m, int inotify, struct node *n)
{
	struct node *child;
	struct node *next;

	DL_FOREACH_SAFE(n->children, child, next) {
		detach(m, child);
		drop_node(m, inotify, child);
	}
	/* A failed removal means that the kernel was faster; its confirmation is in the queue all the same. */
	if (n->wd >= 0 && inotify >= 0)
		(void)inotify_rm_watch(inotify, n->wd);
	if (n->wd >= 0 && inotify >= 0)
		n->gone = true;
	else
		free(n);
}

void watch_map_drop(struct watch_map *m, int inotify, const char *path)
{
	struct node *n = find_path(m, path, false);
	struct node *parent;

	if (n == NULL || n == m->root)
		return;
	parent = node_parent(n);
	detach(m, n);
	drop_node(m, inotify, n);
	prune(m, parent);
}

/* Walks report later than events: a name may still mean the folder that had it before. So a folder may seem to move
 * into itself. */
static bool node_is_within(const struct node *n, const struct node *above)
{
	while (n != NULL && n != above)
		n = node_parent(n);
	return n == above;
}

/* The folder that stood at `to` goes first: the kernel has replaced it. */
void watch_map_move(struct watch_map *m, int inotify, const char *from, const char *to)
{
	const char *slash = strrchr(to, '/');
	char *above = slash != NULL ? mem_strdup(to) : mem_strdup("");
	const char *name = slash != NULL ? slash + 1 : to;
	struct node *old_parent;
	struct node *n;

	above[slash != NULL ? slash - to : 0] = '\0';
	watch_map_drop(m, inotify, to);
	n = find_path(m, from, false);
	if (n != NULL && n != m->root) {
		struct node *parent = find_path(m, above, true);

		old_parent = node_parent(n);
		detach(m, n);
		if (node_is_within(parent, n))
			drop_node(m, inotify, n);
		else
			attach(m, n, parent, name, strlen(name));
		prune(m, old_parent);
	}
	free(above);
}

void watch_map_free(struct watch_map *m)
{
	struct node *n;
	struct node *n_next;
	struct missed *x;
	struct missed *x_next;

	if (m == NULL)
		return;
	/* Nodes that have left the tree are found only by their number. */
	HASH_ITER(by_wd, m->by_wd, n, n_next) {
		HASH_DELETE(by_wd, m->by_wd, n);
		n->wd = -1;
		if (n->gone)
			free(n);
	}
	drop_node(m, -1, m->root);
	HASH_ITER(hh, m->missed, x, x_next) {
		HASH_DEL(m->missed, x);
		free(x);
	}
	free(m);
}
