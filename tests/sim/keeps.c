/* What each host keeps: the modes, what was chosen and let go, what is unshared, and what a reader's user changed. The
 * judge asks here what a tree may lack, and what it may have that nobody else has. See host.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/index/index.h"
#include "sync/share/share_choices.h"
#include "tests/sim/forger.h"
#include "tests/sim/host.h"
#include "tests/sim/sim.h"

enum { PROBLEMS_MAX = 50 };

/* What the file in its share says; NULL: it is damaged. */
static struct share_choices *chosen(const struct host *h)
{
	int fd = open(h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *why = NULL;
	struct share_choices *c = share_choices_read(fd, h->share, &why);

	close(fd);
	free(why);
	return c;
}

bool host_unshares(const struct host *h, const char *path)
{
	struct share_choices *c = chosen(h);
	bool unshared = c && !choose_shares(share_choices_view(c), path);

	share_choices_free(c);
	return unshared;
}

char *host_any_unshared(const struct host *h, uint64_t *luck)
{
	struct share_choices *c = chosen(h);
	size_t n = c ? share_choices_view(c)->nunshared : 0;
	char *path = n > 0 ? mem_strdup(share_choices_view(c)->unshared[sim_below(luck, n)]) : NULL;

	share_choices_free(c);
	return path;
}

/* Whether the path, or a folder above it, is set aside. */
static bool is_aside(const struct host *h, const char *path)
{
	struct index *index = h->engine ? h->engine->index : NULL;
	char *at = mem_strdup(path), *slash;
	bool aside = false;

	for (; index && !aside; *slash = '\0') {
		aside = index_aside_get(index, at, NULL, NULL) > 0;
		slash = strrchr(at, '/');
		if (!slash)
			break;
	}
	free(at);
	return aside;
}

bool host_may_differ(const struct host *h, const char *path)
{
	return is_aside(h, path) || host_unshares(h, path);
}

bool host_may_lack(const struct host *h, const char *path)
{
	struct share_choices *c = chosen(h);
	struct record offer = { .path = mem_strdup(path) };
	bool lacks = c && choose(share_choices_view(c), &offer, NULL) == CHOICE_LEAVE;

	share_choices_free(c);
	record_clear(&offer);
	return lacks || host_may_differ(h, path);
}

struct below {
	const char *path;
	bool any;
};

static bool found_aside(void *arg, const char *path, enum aside_reason why)
{
	struct below *b = arg;

	(void)path;
	(void)why;
	b->any = true;
	return false;
}

bool host_may_have(const struct host *h, const char *path)
{
	struct below b = { .path = path };

	if (host_may_differ(h, path))
		return true;
	/* A folder stays for what is in it. */
	if (h->engine && h->engine->index)
		index_asides(h->engine->index, path, "", 1, found_aside, &b);
	return b.any;
}

/* --- the list --- */

struct lines {
	char **line;
	size_t n, max;
};

static bool add_line(void *arg, const struct record *r)
{
	struct lines *l = arg;
	const uint8_t *c = r->content.root;

	if (r->deleted)
		return true;
	if (l->n == l->max) {
		l->max = l->max ? 2 * l->max : 64;
		l->line = mem_realloc(l->line, l->max, sizeof(l->line[0]));
	}
	l->line[l->n++] = mem_printf("%s %d %o %lld %lld %02x%02x%02x%02x", r->path, (int)r->kind, r->mode,
	                             r->kind == RECORD_DIR ? 0LL : (long long)r->mtime_ns, (long long)r->content.size,
	                             c[0], c[1], c[2], c[3]);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All live records that a host knows of: its rows, and what is listed beside them. */
static void list_of(struct lines *l, const struct host *h)
{
	*l = (struct lines){ 0 };
	if (h->engine && h->engine->index)
		index_since(h->engine->index, 0, INT32_MAX, add_line, l);
	if (l->n > 0)
		qsort(l->line, l->n, sizeof(l->line[0]), by_text);
}

static void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i]);
	free(l->line);
}

/* --- what nobody has --- */

static const char NO_SOURCE[] = "no connected member has it";

struct awaited {
	const struct host *h;
	const char *path; /* NULL: any */
	bool found, had;
};

static bool is_had(void *arg, uint64_t peer, const struct record *r)
{
	struct awaited *a = arg;

	(void)peer;
	for (int i = 0; i < hosts_n && !a->had; i++) {
		const struct host *other = &hosts_all[i];
		struct record row = { 0 };

		/* That a reader has it is not known where it lies about what it has. */
		if (forger_is(i) && host_is_reader(other))
			continue;
		if (other->place == HOST_MEMBER && other != a->h && other->engine && other->engine->index &&
		    index_get(other->engine->index, r->path, &row) > 0)
			a->had = record_is_live(&row) && record_same_content(&row, r);
		record_clear(&row);
	}
	return true;
}

static bool find_awaited(void *arg, const struct engine_problem *p)
{
	struct awaited *a = arg;

	if (strncmp(p->reason, NO_SOURCE, strlen(NO_SOURCE)) == 0 && (!a->path || strcmp(a->path, p->path) == 0)) {
		a->found = true;
		index_offers(a->h->engine->index, p->path, is_had, a);
	}
	return true;
}

/* The content of an edit may be nowhere when its author was removed, became a reader, or deleted it in a version that
 * was folded: the list says for good that it is awaited. */
bool hosts_await_lost(const char *path)
{
	struct awaited a = { .path = path };

	for (int i = 0; i < hosts_n; i++) {
		a.h = &hosts_all[i];
		if (a.h->place == HOST_MEMBER && a.h->engine && a.h->engine->index)
			engine_problems(a.h->engine, PROBLEMS_MAX, find_awaited, &a);
	}
	return a.found && !a.had;
}

static bool is_awaited(const char *line)
{
	char *path = mem_printf("%.*s", (int)strcspn(line, " "), line);
	bool is = hosts_await_lost(path);

	free(path);
	return is;
}

/* A folder that is deleted stays for its user's own files. */
static bool is_folder_of_own(const struct host *h, const char *line)
{
	char *path = mem_printf("%.*s", (int)strcspn(line, " "), line);
	bool is = line[strlen(path) + 1] == '0' + RECORD_DIR && host_may_have(h, path);

	free(path);
	return is;
}

void hosts_print_lists(void)
{
	for (int i = 0; i < hosts_n; i++) {
		struct lines l;

		list_of(&l, &hosts_all[i]);
		for (size_t n = 0; n < l.n; n++)
			fprintf(stderr, "host %d lists %s\n", i, l.line[n]);
		lines_free(&l);
	}
}

/* The loser of a conflict that nobody settles, since no member that may write has its content, may stay beside the
 * winner. */
static bool is_sibling(const struct lines *l, const char *line)
{
	size_t n = strcspn(line, " ") + 1;

	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->line[i], line, n) == 0)
			return true;
	return false;
}

char *hosts_lists_differ(const struct host *a, const struct host *b)
{
	struct lines la, lb;
	char *why = NULL;

	list_of(&la, a);
	list_of(&lb, b);
	for (size_t i = 0, j = 0; !why && (i < la.n || j < lb.n);) {
		int c = i == la.n ? 1 : j == lb.n ? -1 : strcmp(la.line[i], lb.line[j]);

		if ((c < 0 && !is_awaited(la.line[i])) || (c > 0 && !is_sibling(&la, lb.line[j]) &&
		                                           !is_folder_of_own(b, lb.line[j]) && !is_awaited(lb.line[j])))
			why = mem_printf("P3: the lists of hosts %d and %d differ: %s, %s", a->number, b->number,
			                 i < la.n ? la.line[i] : "nothing more",
			                 j < lb.n ? lb.line[j] : "nothing more");
		i += c <= 0;
		j += c >= 0;
	}
	lines_free(&la);
	lines_free(&lb);
	return why;
}
