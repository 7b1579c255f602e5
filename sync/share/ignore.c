/* gitignore patterns, compiled to tokens: see ignore.h.
 *
 * A pattern is a list of components; a component is a list of tokens, or "**", which stands for any number of
 * components. A path and all folders above it are matched in one pass. In that pass no token meets a byte twice, except
 * for a star within one component, and then matching goes back to the last star only. So no pattern or path can be made
 * slow: the time is bounded by the tokens of all rules, which IGNORE_MAX_COST bounds, times the bytes of the path. */
#include "sync/share/ignore_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* --- parsing --- */

/* What is left of a line to parse. */
struct pattern_text {
	const unsigned char *p, *end;
};

static const struct {
	const char *name;
	int (*is)(int c);
} classes[] = {
	{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
	{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
	{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
};

static void set_add(struct byte_set *set, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set->bits[c / 64] |= UINT64_C(1) << (c % 64);
}

/* s->p is after the "[:" of "[:alpha:]". 1: added; 0: not a class after all, a plain "["; -1: unknown or unfinished. */
static int parse_class(struct pattern_text *s, struct byte_set *set)
{
	const unsigned char *close = memchr(s->p, ']', (size_t)(s->end - s->p));

	if (close == NULL)
		return -1;
	if (close == s->p || close[-1] != ':')
		return 0;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		size_t n = strlen(classes[i].name);

		if ((size_t)(close - 1 - s->p) != n || memcmp(s->p, classes[i].name, n) != 0)
			continue;
		for (unsigned c = 0; c < 128; c++)
			if (classes[i].is((int)c))
				set_add(set, c, c);
		s->p = close + 1;
		return 1;
	}
	return -1;
}

/* The next byte of a set, escaped or not; -1 at the end. */
static int set_byte(struct pattern_text *s)
{
	if (s->p < s->end && *s->p == '\\')
		s->p++;
	return s->p < s->end ? *s->p++ : -1;
}

/* s->p is after the "[" of a set. A "]" that comes first is a plain byte; "!" or "^" before that negates the set; "a-z"
 * is a range, and "[:alpha:]" a class. -1 when the set is not closed. */
static int parse_set(struct pattern_text *s, struct byte_set *set)
{
	bool negated = s->p < s->end && (*s->p == '!' || *s->p == '^');
	const unsigned char *first = s->p += negated;
	int last = -1; /* the previous byte, which a range may start with; -1: none */

	while (s->p < s->end && (*s->p != ']' || s->p == first)) {
		if (*s->p == '-' && last > 0 && s->p + 1 < s->end && s->p[1] != ']') {
			int to;

			s->p++;
			to = set_byte(s);
			if (to < 0)
				return -1;
			if (to >= last)
				set_add(set, (unsigned)last, (unsigned)to);
			last = -1;
			continue;
		}
		if (*s->p == '[' && s->p + 1 < s->end && s->p[1] == ':') {
			int rc;

			s->p += 2;
			rc = parse_class(s, set);
			if (rc < 0)
				return -1;
			last = rc > 0 ? -1 : '[';
			if (rc > 0)
				continue;
			set_add(set, '[', '[');
			s->p--;
			continue;
		}
		last = set_byte(s);
		if (last < 0)
			return -1;
		set_add(set, (unsigned)last, (unsigned)last);
	}
	if (s->p >= s->end)
		return -1;
	s->p++;
	for (int i = 0; negated && i < 4; i++)
		set->bits[i] = ~set->bits[i];
	return 0;
}

/* The token at s->p, which is not a slash. -1 for one that can never match. */
static int64_t parse_token(struct ignore *ig, struct pattern_text *s)
{
	unsigned char c = *s->p++;
	struct byte_set set = { { 0 } };

	switch (c) {
	case '?':
		return TOKEN_ONE;
	case '*':
		while (s->p < s->end && *s->p == '*')
			s->p++;
		return TOKEN_STAR;
	case '\\':
		return s->p < s->end ? *s->p++ : -1;
	case '[':
		if (parse_set(s, &set) < 0)
			return -1;
		if (ig->nsets == ig->cap_sets) {
			ig->cap_sets = ig->cap_sets * 2 + 8;
			ig->sets = mem_realloc(ig->sets, ig->cap_sets, sizeof(set));
		}
		ig->sets[ig->nsets] = set;
		return TOKEN_SET + ig->nsets++;
	default:
		return c;
	}
}

/* An escaped slash separates like any other. */
static bool at_slash(const struct pattern_text *s)
{
	return *s->p == '/' || (*s->p == '\\' && s->p + 1 < s->end && s->p[1] == '/');
}

static int parse_component(struct ignore *ig, struct pattern_text *s)
{
	const unsigned char *start = s->p;
	struct component *c = &ig->components[ig->ncomponents++];
	bool stars = true;

	*c = (struct component){ .start = ig->ntokens };
	while (s->p < s->end && !at_slash(s)) {
		int64_t token;

		stars = stars && *s->p == '*';
		token = parse_token(ig, s);
		if (token < 0)
			return -1;
		ig->tokens[ig->ntokens++] = (uint32_t)token;
	}
	if (s->p == start)
		return -1;
	/* Only stars between slashes, and at least two: "**". A single star is a token like any other. */
	if (stars && s->p - start > 1) {
		ig->ntokens = c->start;
		return 0;
	}
	c->n = ig->ntokens - c->start;
	return 0;
}

/* A slash anywhere but at the end anchors the pattern at the root. On failure the caller takes back what was added to
 * ig. */
static int parse_pattern(struct ignore *ig, struct pattern_text *s, struct rule *r)
{
	if (s->p < s->end && s->end[-1] == '/') {
		r->dir_only = true;
		s->end--;
	}
	if (s->p == s->end)
		return -1;
	r->anchored = memchr(s->p, '/', (size_t)(s->end - s->p)) != NULL;
	if (*s->p == '/')
		s->p++;
	r->first = ig->ncomponents;
	for (;;) {
		if (s->p >= s->end || parse_component(ig, s) < 0)
			return -1;
		if (s->p == s->end)
			break;
		s->p += *s->p == '/' ? 1 : 2;
	}
	r->n = ig->ncomponents - r->first;
	if (r->n > COMPONENTS_MAX || ig->ntokens + ig->ncomponents > IGNORE_MAX_COST)
		return -1;
	return 0;
}

/* Trailing spaces do not count, unless a backslash escapes them. */
static const unsigned char *trim_spaces(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *keep = p;

	while (p < end) {
		bool space = *p == ' ';

		p += *p == '\\' && p + 1 < end ? 2 : 1;
		if (!space)
			keep = p;
	}
	return keep;
}

/* -1 for a line that means nothing or exceeds a limit; ig is then as it was. An empty line or a comment adds
 * nothing. */
static int parse_line(struct ignore *ig, struct pattern_text s)
{
	uint32_t sets = ig->nsets;
	uint32_t tokens = ig->ntokens;
	uint32_t components = ig->ncomponents;
	struct rule r = { 0 };

	if (s.p < s.end && s.end[-1] == '\r')
		s.end--;
	if (s.p == s.end || *s.p == '#')
		return 0;
	s.end = trim_spaces(s.p, s.end);
	if (s.p == s.end)
		return 0;
	if (ig->nrules == IGNORE_MAX_RULES || memchr(s.p, '\0', (size_t)(s.end - s.p)) != NULL)
		return -1;
	if (*s.p == '!') {
		r.negated = true;
		s.p++;
	}
	if (parse_pattern(ig, &s, &r) < 0) {
		ig->nsets = sets;
		ig->ntokens = tokens;
		ig->ncomponents = components;
		return -1;
	}
	ig->rules[ig->nrules++] = r;
	return 0;
}

struct ignore *ignore_parse(const char *text, size_t n, int *bad_line)
{
	struct ignore *ig = MEM_NEW(struct ignore);
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + n;
	int line = 1;
	int bad = 0;

	/* n of each is enough: a token takes at least one byte of text, and so does a component. */
	ig->refs = 1;
	ig->rules = mem_calloc(IGNORE_MAX_RULES, sizeof(ig->rules[0]));
	ig->tokens = mem_calloc(n + 1, sizeof(ig->tokens[0]));
	ig->components = mem_calloc(n + 1, sizeof(ig->components[0]));
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (; p < end; line++) {
		const unsigned char *newline = memchr(p, '\n', (size_t)(end - p));
		struct pattern_text s = { p, newline != NULL ? newline : end };

		if (parse_line(ig, s) < 0 && bad == 0)
			bad = line;
		p = newline != NULL ? newline + 1 : end;
	}
	ig->rules = mem_realloc(ig->rules, ig->nrules + 1, sizeof(ig->rules[0]));
	ig->tokens = mem_realloc(ig->tokens, ig->ntokens + 1, sizeof(ig->tokens[0]));
	ig->components = mem_realloc(ig->components, ig->ncomponents + 1, sizeof(ig->components[0]));
	if (bad_line != NULL)
		*bad_line = bad;
	return ig;
}

struct ignore *ignore_ref(struct ignore *ig)
{
	if (ig != NULL)
		__atomic_add_fetch(&ig->refs, 1, __ATOMIC_RELAXED);
	return ig;
}

void ignore_free(struct ignore *ig)
{
	if (ig == NULL || __atomic_sub_fetch(&ig->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(ig->rules);
	free(ig->components);
	free(ig->tokens);
	free(ig->sets);
	free(ig);
}
