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
#include "tests/sim/host.h"
#include "tests/sim/sim.h"

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

/* A folder that is deleted stays for its user's own files. */
static bool is_folder_of_own(const struct host *h, const char *line)
{
	char *path = mem_printf("%.*s", (int)strcspn(line, " "), line);
	bool is = line[strlen(path) + 1] == '0' + RECORD_DIR && host_may_have(h, path);

	free(path);
	return is;
}

char *hosts_lists_differ(const struct host *a, const struct host *b)
{
	struct lines la, lb;
	char *why = NULL;

	list_of(&la, a);
	list_of(&lb, b);
	for (size_t i = 0, j = 0; !why && (i < la.n || j < lb.n); j++) {
		if (i < la.n && j < lb.n && strcmp(la.line[i], lb.line[j]) == 0)
			i++;
		else if (j == lb.n || !is_folder_of_own(b, lb.line[j]))
			why = mem_printf("P3: the lists of hosts %d and %d differ: %s, %s", a->number, b->number,
			                 i < la.n ? la.line[i] : "nothing more",
			                 j < lb.n ? lb.line[j] : "nothing more");
	}
	lines_free(&la);
	lines_free(&lb);
	return why;
}
