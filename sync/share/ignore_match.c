/* Matches a path against all rules; ignore.c says how long that may take. */
#include <string.h>

#include "sync/share/ignore_internal.h"

enum { PATH_PARTS_MAX = 4096 }; /* components of a path; more than any has */

static bool token_matches(const struct ignore *ig, uint32_t token, unsigned char c)
{
	if (token < TOKEN_ONE)
		return token == c;
	if (token == TOKEN_ONE)
		return true;
	return (ig->sets[token - TOKEN_SET].bits[c / 64] >> (c % 64) & 1) != 0;
}

/* On a mismatch, the last star takes one byte more: earlier ones never need to. *steps counts the comparisons. */
static bool component_matches(const struct ignore *ig, const struct component *c, const char *name, size_t n,
                              uint64_t *steps)
{
	const uint32_t *t = ig->tokens + c->start;
	const uint32_t *t_end = t + c->n;
	const unsigned char *p = (const unsigned char *)name;
	const unsigned char *end = p + n;
	const uint32_t *star = NULL; /* after the last star */
	const unsigned char *from = NULL;

	++*steps;
	if (c->n == 0)
		return true;
	while (p < end) {
		++*steps;
		if (t < t_end && *t == TOKEN_STAR) {
			star = ++t;
			from = p;
		} else if (t < t_end && token_matches(ig, *t, *p)) {
			t++;
			p++;
		} else if (star != NULL) {
			t = star;
			p = ++from;
		} else {
			return false;
		}
	}
	while (t < t_end && *t == TOKEN_STAR)
		t++;
	return t == t_end;
}

/* A path, cut into its components. */
struct path_parts {
	uint32_t n;
	uint16_t start[PATH_PARTS_MAX], len[PATH_PARTS_MAX];
	uint64_t open[PATH_PARTS_MAX /
	              64]; /* bit i: no rule has decided yet about the path that ends with component i */
	uint32_t nopen;
	uint64_t steps; /* comparisons that were made: see ignore_match_steps() */
};

static void parts_cut(struct path_parts *parts, const char *path)
{
	size_t at = 0;

	parts->n = 0;
	parts->steps = 0;
	while (parts->n < PATH_PARTS_MAX) {
		size_t len = strcspn(path + at, "/");

		parts->start[parts->n] = (uint16_t)at;
		parts->len[parts->n++] = (uint16_t)len;
		at += len;
		if (path[at] == '\0')
			return;
		at++;
	}
}

static bool is_open(const struct path_parts *parts, uint32_t i)
{
	return (parts->open[i / 64] >> (i % 64) & 1) != 0;
}

/* r matches the path that ends with component i. True: that path is ignored, and so is everything in it. */
static bool rule_decides(struct path_parts *parts, const struct rule *r, uint32_t i, bool is_dir)
{
	if (!is_open(parts, i) || (r->dir_only && i + 1 == parts->n && !is_dir))
		return false;
	if (!r->negated)
		return true;
	parts->open[i / 64] &= ~(UINT64_C(1) << (i % 64));
	parts->nopen--;
	return false;
}

/* An unanchored rule: against the name of each folder above, and of the path itself. */
static bool name_decides(const struct ignore *ig, const struct rule *r, struct path_parts *parts, const char *path,
                         bool is_dir)
{
	for (uint32_t i = 0; i < parts->n; i++)
		if (is_open(parts, i) &&
		    component_matches(ig, ig->components + r->first, path + parts->start[i], parts->len[i],
		                      &parts->steps) &&
		    rule_decides(parts, r, i, is_dir))
			return true;
	return false;
}

/* States of a pattern: bit j is set when the path so far may be followed by something that component j matches. */
struct states {
	uint64_t bits[COMPONENTS_MAX / 64 + 1];
};

static bool has_state(const struct states *s, uint32_t j)
{
	return (s->bits[j / 64] >> (j % 64) & 1) != 0;
}

/* "**" may also stand for nothing, except at the end. */
static void add_state(const struct ignore *ig, const struct rule *r, struct states *s, uint32_t j)
{
	s->bits[j / 64] |= UINT64_C(1) << (j % 64);
	while (j + 1 < r->n && ig->components[r->first + j].n == 0) {
		j++;
		s->bits[j / 64] |= UINT64_C(1) << (j % 64);
	}
}

/* Advances by one component of the path. False: nothing that follows can match. */
static bool next_states(const struct ignore *ig, const struct rule *r, const struct states *now, struct states *next,
                        const char *name, size_t n, uint64_t *steps)
{
	bool any = false;

	memset(next, 0, sizeof(next->bits[0]) * (r->n / 64 + 1));
	for (uint32_t word = 0; word <= r->n / 64; word++) {
		for (uint64_t bits = now->bits[word]; bits != 0; bits &= bits - 1) {
			uint32_t j = word * 64 + (uint32_t)__builtin_ctzll(bits);
			const struct component *c = &ig->components[r->first + j];

			if (j == r->n || !component_matches(ig, c, name, n, steps))
				continue;
			any = true;
			if (c->n == 0)
				add_state(ig, r, next, j);
			if (c->n != 0 || j + 1 == r->n)
				add_state(ig, r, next, j + 1);
		}
	}
	return any;
}

/* An anchored rule: against the whole path of each folder above, and the path itself, all in one pass. */
static bool path_decides(const struct ignore *ig, const struct rule *r, struct path_parts *parts, const char *path,
                         bool is_dir)
{
	struct states a, b, *now = &a, *next = &b, *swap;

	memset(now, 0, sizeof(now->bits[0]) * (r->n / 64 + 1));
	add_state(ig, r, now, 0);
	for (uint32_t i = 0; i < parts->n; i++) {
		if (!next_states(ig, r, now, next, path + parts->start[i], parts->len[i], &parts->steps))
			return false;
		if (has_state(next, r->n) && rule_decides(parts, r, i, is_dir))
			return true;
		swap = now;
		now = next;
		next = swap;
	}
	return false;
}

/* For each folder above and for the path itself, the last rule that matches decides; without one it is not ignored. A
 * later "!" does not bring back a path below an ignored folder. */
static bool is_ignored(const struct ignore *ig, struct path_parts *parts, const char *path, bool is_dir)
{
	for (uint32_t i = ig->nrules; i-- > 0 && parts->nopen > 0;) {
		const struct rule *r = &ig->rules[i];

		if (r->anchored ? path_decides(ig, r, parts, path, is_dir) : name_decides(ig, r, parts, path, is_dir))
			return true;
	}
	return false;
}

bool ignore_match_entry(const struct ignore *ig, const char *path, bool is_dir)
{
	struct path_parts parts;

	if (ig == NULL || ig->nrules == 0)
		return false;
	parts_cut(&parts, path);
	memset(parts.open, 0, sizeof(parts.open));
	parts.open[(parts.n - 1) / 64] = UINT64_C(1) << ((parts.n - 1) % 64);
	parts.nopen = 1;
	return is_ignored(ig, &parts, path, is_dir);
}

/* The path and each folder above it. */
static bool whole_is_ignored(const struct ignore *ig, struct path_parts *parts, const char *path, bool is_dir)
{
	memset(parts->open, 0xff, sizeof(parts->open));
	parts->nopen = parts->n;
	return is_ignored(ig, parts, path, is_dir);
}

bool ignore_match(const struct ignore *ig, const char *path, bool is_dir)
{
	struct path_parts parts;

	if (ig == NULL || ig->nrules == 0)
		return false;
	parts_cut(&parts, path);
	return whole_is_ignored(ig, &parts, path, is_dir);
}

uint64_t ignore_match_steps(const struct ignore *ig, const char *path)
{
	struct path_parts parts;

	parts_cut(&parts, path);
	(void)whole_is_ignored(ig, &parts, path, false);
	return parts.steps;
}
