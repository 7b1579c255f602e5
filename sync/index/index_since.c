/* Rows and listed records by their numbers, as they are told: what is here, and what is known of the rest. */
#include "sync/index/index_internal.h"

/* Our numbers come from three ranges that are read side by side: rows, listed records that are wanted, and others. */
enum { SOURCE_ROWS, SOURCE_WANTED, SOURCE_UNWANTED, SOURCES };

struct numbers {
	sqlite3_stmt *s;
	enum index_stmt id;
	bool ended;
	bool ready;   /* r is the next record */
	uint64_t seq; /* of r */
	struct record r;
};

static int numbers_open(struct index *index, struct numbers *src, int which, uint64_t after, uint64_t upto)
{
	int64_t above = after > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)after, base = 0;

	*src = (struct numbers){ .id = which == SOURCE_ROWS ? STMT_ROW_SINCE : STMT_OFFER_RANGE };
	if (which != SOURCE_ROWS) {
		base = index_offer_first_id(0, which == SOURCE_WANTED);
		if (after >= upto)
			above = (int64_t)upto;
	}
	src->s = index_stmt_take(index, src->id);
	if (src->s == NULL)
		return -1;
	sqlite3_bind_int64(src->s, 1, base + above);
	sqlite3_bind_int64(src->s, 2, base + (int64_t)upto);
	return 0;
}

/* Reads the next record of a source. 0, also at its end; -1. */
static int numbers_read(struct index *index, struct numbers *src)
{
	uint64_t peer;
	int rc;

	if (src->ready || src->ended)
		return 0;
	rc = sqlite3_step(src->s);
	if (rc != SQLITE_ROW) {
		src->ended = true;
		return rc == SQLITE_DONE ? 0 : index_read_failed(index, "read rows");
	}
	rc = src->id == STMT_ROW_SINCE ? index_row_read(index, src->s, &src->r)
	                               : index_offer_read(src->s, &peer, &src->r);
	if (rc < 0) {
		record_clear(&src->r);
		return index_found_damage(index, "a row is malformed");
	}
	src->ready = true;
	src->seq = src->r.seq;
	return 0;
}

/* The source whose next record has the smallest number; NULL: all have ended. *rc is -1 after a failure. */
static struct numbers *numbers_next(struct index *index, struct numbers *sources, int n, int *rc)
{
	struct numbers *next = NULL;

	for (int i = 0; i < n; i++) {
		if (numbers_read(index, &sources[i]) < 0) {
			*rc = -1;
			return NULL;
		}
		if (sources[i].ready && (next == NULL || sources[i].seq < next->seq))
			next = &sources[i];
	}
	return next;
}

/* Those with after < number <= upto, until there are no more or fn returns false (*more). While nothing is listed, only
 * rows are read. */
static int since_upto(struct index *index, uint64_t after, uint64_t upto, int max,
                      bool (*fn)(void *arg, const struct record *r), void *arg, bool *more)
{
	struct numbers sources[SOURCES] = { 0 }, *src;
	int nsources = index->now.listed > 0 ? SOURCES : 1, n = 0, rc = 0;

	for (int i = 0; i < nsources; i++) {
		if (numbers_open(index, &sources[i], i, after, upto) < 0) {
			rc = -1;
			nsources = i;
		}
	}
	while (rc == 0 && *more && n < max && (src = numbers_next(index, sources, nsources, &rc)) != NULL) {
		n++;
		src->ready = false;
		*more = fn(arg, &src->r);
		record_clear(&src->r);
	}
	for (int i = 0; i < nsources; i++) {
		if (sources[i].ready)
			record_clear(&sources[i].r);
		index_stmt_give(index, sources[i].id, sources[i].s);
	}
	return rc < 0 ? -1 : n;
}

/* Reads no further than the last number that was given before the call, or a callback that writes would go on for
 * ever. */
int index_since(struct index *index, uint64_t after, int max, bool (*fn)(void *arg, const struct record *r), void *arg)
{
	bool more = true;

	return since_upto(index, after, index->seq, max, fn, arg, &more);
}

int index_since_but(struct index *index, uint64_t after, int max, uint64_t via, uint64_t above,
                    bool (*fn)(void *arg, const struct record *r), void *arg)
{
	uint64_t end = index->seq, at = after;
	bool more = true;
	int n = 0;

	while (more && n < max && at < end) {
		const struct index_run *run = index_runs_behind(index, at, via, above);
		/* Not to be read from run any more, since fn may write. */
		uint64_t next = run != NULL ? run->last : end, upto = end;
		int rc = 0;

		if (run != NULL)
			upto = run->first > above ? run->first - 1 : above;
		if (upto > at)
			rc = since_upto(index, at, upto < end ? upto : end, max - n, fn, arg, &more);
		if (rc < 0)
			return -1;
		n += rc;
		at = next;
	}
	return n;
}
