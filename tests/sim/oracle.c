/* Keeps every byte string that users wrote, by its hash, and what became of it: see oracle.h. */
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/plan/conflict.h"
#include "tests/sim/fault.h"
#include "tests/sim/secrets.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"

struct text {
	uint8_t hash[32];
	size_t size;
	char *where;        /* "host 1: a/b at 3.200" */
	bool superseded;    /* by a user who had it */
	int writer;         /* the host of the last user who wrote it, except a copy by a reader */
	int secret;         /* a reader's user alone wrote it, at this host; NOBODY: not so */
	unsigned kept_from; /* bit i: its writer knew that host i had been removed */
	unsigned lost;      /* bit i: a reader's user at host i replaced or deleted what another one wrote */
	bool found;
	UT_hash_handle hh;
};

enum { NOBODY = -1 };

static struct text *texts;

static struct text *text_at(const char *root, const char *path, bool *is_empty)
{
	size_t n;
	uint8_t *bytes = tree_bytes(root, path, &n), hash[32];
	struct text *t = NULL;

	*is_empty = bytes == NULL || n == 0;
	if (bytes) {
		sha256(hash, bytes, n);
		HASH_FIND(hh, texts, hash, sizeof(hash), t);
	}
	free(bytes);
	return t;
}

/* Whether what the user of this host does there is nobody else's. */
static bool is_own(const struct host *h, const char *path)
{
	return host_is_reader(h) || host_unshares(h, path);
}

/* The same of what he writes: another name of the file may be shared, and shows it too. */
static bool is_own_by_any_name(const struct host *h, const char *path)
{
	struct tree t;
	uint64_t ino = 0;
	bool own = is_own(h, path);

	if (!own)
		return false;
	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n; i++) {
		if (strcmp(t.leaves[i].path, path) == 0 && t.leaves[i].st.nlink > 1)
			ino = t.leaves[i].st.ino;
	}
	for (size_t i = 0; ino != 0 && i < t.n; i++) {
		if (t.leaves[i].st.ino == ino)
			own &= is_own(h, t.leaves[i].path);
	}
	tree_free(&t);
	return own;
}

void oracle_wrote(const struct host *h, const char *path)
{
	bool is_empty;
	struct text *t = text_at(h->share, path, &is_empty);
	bool own = is_own_by_any_name(h, path);
	size_t n;

	if (is_empty)
		return;
	if (!t) {
		uint8_t *bytes = tree_bytes(h->share, path, &n);

		t = MEM_NEW(struct text);
		sha256(t->hash, bytes, n);
		secrets_add(bytes, n);
		t->size = n;
		t->secret = own ? h->number : NOBODY;
		t->writer = h->number;
		t->kept_from = hosts_known_removed(h);
		tally_count(TALLY_READER_WROTE, t->secret != NOBODY);
		free(bytes);
		HASH_ADD(hh, texts, hash, sizeof(t->hash), t);
	} else if (!own || (t->secret != NOBODY && t->secret != h->number)) {
		t->secret = NOBODY;
		t->writer = h->number;
	}
	t->kept_from &= ~(1U << (h->number & 31));
	free(t->where);
	t->where = mem_printf("host %d: %s at %.3f", h->number, path, (double)sim_now() / 1e9);
	t->superseded = false;
}

void oracle_loses(const struct host *h, const char *path)
{
	bool is_empty;
	struct text *t = text_at(h->share, path, &is_empty);

	/* What a user does to his own takes nothing from the others. */
	if (t && is_own(h, path) && t->writer != h->number)
		t->lost |= 1U << h->number;
	else if (t)
		t->superseded = true;
}

void oracle_shared(const struct host *h)
{
	struct text *x, *next;

	HASH_ITER(hh, texts, x, next) {
		x->superseded |= (x->lost >> h->number & 1) != 0;
		if (x->secret == h->number)
			x->secret = NOBODY;
	}
}

/* Whether what a reader's user wrote came to another host. */
static char *leaked(const struct host *h, const struct text *x, const char *path)
{
	if (h->place == HOST_REMOVED && x->kept_from >> h->number & 1)
		return mem_printf("a removed member is told: host %d has at %s what was written later to %s", h->number,
		                  path, x->where);
	if (x->secret == NOBODY || x->secret == h->number)
		return NULL;
	return mem_printf("what is not shared was told: host %d has at %s what was written to %s", h->number, path,
	                  x->where);
}

char *oracle_torn(const struct host *h)
{
	struct tree t;
	char *why = NULL;

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n && !why; i++) {
		struct text *x;
		bool is_empty;

		if (t.leaves[i].st.kind == S_IFDIR)
			continue;
		if (t.leaves[i].st.kind != S_IFREG && t.leaves[i].st.kind != S_IFLNK)
			why = mem_printf("P1: host %d: %s is of a kind nobody made", h->number, t.leaves[i].path);
		else if (!(x = text_at(h->share, t.leaves[i].path, &is_empty)) && !is_empty)
			why = mem_printf("P1: host %d: %s holds %lld bytes that nobody wrote", h->number,
			                 t.leaves[i].path, (long long)t.leaves[i].st.size);
		else if (x)
			why = leaked(h, x, t.leaves[i].path);
	}
	tree_free(&t);
	return why;
}

/* --- identical --- */

static bool same_bytes(const struct host *a, const struct host *b, const char *path)
{
	size_t na, nb;
	uint8_t *pa = tree_bytes(a->share, path, &na), *pb = tree_bytes(b->share, path, &nb);
	bool same = na == nb && (na == 0 || memcmp(pa, pb, na) == 0);

	free(pa);
	free(pb);
	return same;
}

static const char *difference(const struct host *a, const struct host *b, const struct leaf *la, const struct leaf *lb)
{
	bool exact = a->lacks == 0 && b->lacks == 0;

	if (la->st.kind != lb->st.kind)
		return "kind";
	if (exact && la->st.kind != S_IFLNK && la->st.mode != lb->st.mode)
		return "mode";
	/* A reader's user who only sets a time, or writes the same bytes again, has changed nothing (own_end). */
	if (exact && !host_is_reader(b) && la->st.kind != S_IFDIR && la->st.mtime_ns != lb->st.mtime_ns)
		return "mtime";
	if (la->st.kind != S_IFDIR && !same_bytes(a, b, la->path))
		return "content";
	return NULL;
}

/* Both trees are in order of their paths, so they are gone through side by side. Where a member awaits what nobody has
 * any more, each keeps what it had of the path. */
char *oracle_differ(const struct host *whole, const struct host *h)
{
	struct tree ta, tb;
	char *why = NULL;
	size_t i = 0, j = 0;

	tree_read(&ta, whole->share, "");
	tree_read(&tb, h->share, "");
	while (!why && (i < ta.n || j < tb.n)) {
		int c = i == ta.n ? 1 : j == tb.n ? -1 : strcmp(ta.leaves[i].path, tb.leaves[j].path);
		const char *path = c <= 0 ? ta.leaves[i].path : tb.leaves[j].path, *what = NULL;

		if (c < 0 && !host_may_lack(h, path) && !hosts_await_lost(path))
			why = mem_printf("P3: %s is at host %d only, not at host %d", path, whole->number, h->number);
		else if (c > 0 && !host_may_have(h, path) && !hosts_await_lost(path))
			why = mem_printf("P3: %s is at host %d only, not at host %d", path, h->number, whole->number);
		else if (c == 0)
			what = difference(whole, h, &ta.leaves[i], &tb.leaves[j]);
		if (what && !host_may_differ(h, path) && !hosts_await_lost(path))
			why = mem_printf("P3: %s differs in its %s at hosts %d and %d", path, what, whole->number,
			                 h->number);
		tally_count(TALLY_CHOSEN_AWAY, c < 0);
		i += c <= 0;
		j += c >= 0;
	}
	tree_free(&ta);
	tree_free(&tb);
	return why;
}

char *oracle_disk_told(const struct host *h)
{
	struct tree t;
	char *why = NULL;

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n && !why; i++) {
		const struct leaf *leaf = &t.leaves[i];
		int64_t ns = leaf->st.mtime_ns % SIM_S;

		if (leaf->st.kind != S_IFLNK && leaf->st.mode == FAULT_MARK_MODE)
			why = mem_printf("P3: host %d: %s has the mode that another host's disk made of its own",
			                 h->number, leaf->path);
		else if (leaf->st.kind != S_IFDIR && ns == FAULT_MARK_NS)
			why = mem_printf("P3: host %d: %s has the time that another host's disk made of its own",
			                 h->number, leaf->path);
	}
	tree_free(&t);
	return why;
}

char *oracle_snapshot(const struct host *h)
{
	char *text = mem_strdup("");
	struct tree t;

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n; i++) {
		const struct leaf *leaf = &t.leaves[i];
		bool dir = leaf->st.kind == S_IFDIR;
		uint8_t hash[32] = { 0 };
		size_t n = 0;
		uint8_t *bytes = tree_bytes(h->share, leaf->path, &n);
		char *longer;

		if (bytes)
			sha256(hash, bytes, n);
		longer =
			mem_printf("%s%s %o %o %lld %02x%02x%02x%02x\n", text, leaf->path, leaf->st.kind, leaf->st.mode,
		                   dir ? 0LL : (long long)leaf->st.mtime_ns, hash[0], hash[1], hash[2], hash[3]);
		free(bytes);
		free(text);
		text = longer;
	}
	tree_free(&t);
	return text;
}

size_t oracle_conflicts(const struct host *h)
{
	struct tree t;
	size_t n = 0;

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n; i++)
		n += conflict_is_copy(t.leaves[i].path);
	tree_free(&t);
	return n;
}

/* --- lost --- */

static void find_below(const char *root, bool for_good)
{
	struct tree t;

	tree_read(&t, root, "");
	for (size_t i = 0; i < t.n; i++) {
		bool is_empty;
		struct text *x = text_at(root, t.leaves[i].path, &is_empty);

		if (x && for_good)
			x->superseded = true;
		else if (x)
			x->found = true;
	}
	tree_free(&t);
}

void oracle_gives_up_versions(const struct host *h)
{
	char *versions = mem_printf("%s/.lanyard/versions", h->share);

	find_below(versions, true);
	free(versions);
}

void oracle_keeps_versions(void)
{
	for (int i = 0; i < hosts_n; i++)
		oracle_gives_up_versions(&hosts_all[i]);
}

char *oracle_lost(void)
{
	struct text *x, *next;

	for (int i = 0; i < hosts_n; i++) {
		char *versions = mem_printf("%s/.lanyard/versions", hosts_all[i].share);

		find_below(hosts_all[i].share, false);
		find_below(versions, false);
		free(versions);
	}
	HASH_ITER(hh, texts, x, next)
		if (!x->superseded && !x->found)
			return mem_printf("P2: %zu bytes are lost that were written to %s", x->size, x->where);
	return NULL;
}
