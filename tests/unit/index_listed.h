/* Listed records of other members, and checks of what is told. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_INDEX_LISTED_H
#define LANYARD_TESTS_UNIT_INDEX_LISTED_H

#include "tests/unit/index_rows.h"

enum { ANNA = 5, BERT = 6, OTHER_WRITER = 900 };

static const struct choose_rule only_a[] = { { "a", true } };
static const struct choices some = { .mode = CHOOSE_ON_DEMAND, .rules = only_a, .nrules = 1 };
static const struct choices none = { .mode = CHOOSE_ON_DEMAND };
static const struct choices all = { .mode = CHOOSE_MIRROR };

/* A record as another member makes it. */
static inline struct record theirs(const char *path, uint32_t content, uint64_t writer, uint64_t counter)
{
	struct record r = file(path, content);

	version_bump(&r.version, writer, counter);
	r.modified_by = writer;
	return r;
}

static inline int list(const char *path, uint32_t content, uint64_t writer, uint64_t counter)
{
	struct record r = theirs(path, content, writer, counter);
	int rc = index_list_add(ix, &r, ANNA);

	record_clear(&r);
	return rc;
}

static inline int list_gone(const char *path, uint64_t writer, uint64_t counter)
{
	struct record r = theirs(path, 1, writer, counter);
	int rc;

	r.deleted = true;
	rc = index_list_add(ix, &r, ANNA);
	record_clear(&r);
	return rc;
}

/* The content of what is listed and wins; 0: nothing is. */
static inline int64_t listed(const char *path)
{
	struct record r;
	int64_t content = 0;

	if (index_list_get(ix, path, &r) > 0)
		content = r.content.size - 100;
	record_clear(&r);
	return content;
}

struct told {
	char text[600];
	uint64_t last;
};

static inline bool tell(void *arg, const struct record *r)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	assert_true(r->seq > t->last);
	t->last = r->seq;
	snprintf(t->text + at, sizeof(t->text) - at, "%s%s%s ", r->path, r->deleted ? "-" : "", r->absent ? "?" : "");
	return true;
}

static inline void check_told(uint64_t after, const char *want)
{
	struct told t = { .last = after };

	assert_true(index_since(ix, after, 100, tell, &t) >= 0);
	assert_string_equal(t.text, want);
}

#endif
