/* What a told core means beside those that are kept of its path. Only cores whose endorser may write now have a voice:
 * what somebody wrote who is out since then neither hides an older version of a member's nor counts as a sibling. It
 * stays until somebody who counts endorses it, or something newer comes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/vault/vault_internal.h"

/* A core that is kept. */
struct kept {
	uint64_t seq;
	uint8_t name[32];
	bool superseded;
	bool counts;
	bool damaged;             /* what it was is not known any more */
	enum version_order order; /* what the told one is, compared with it */
};

struct judging {
	struct vault *v;
	const struct vault_row *row;
	struct kept *kept; /* owned */
	size_t n, max;
};

static bool judge_one(void *arg, const struct index_vault_core *c)
{
	struct judging *j = arg;
	struct vault_row *stored = vault_row_stored(c);
	struct kept *k;

	if (j->n == j->max) {
		j->max = j->max > 0 ? 2 * j->max : 8;
		j->kept = mem_realloc(j->kept, j->max, sizeof(*j->kept));
	}
	k = &j->kept[j->n++];
	*k = (struct kept){
		.seq = c->seq,
		.superseded = c->superseded != 0,
		.damaged = stored == NULL,
		.counts = stored != NULL && roster_may(j->v->config.roster, &stored->endorser, RIGHT_WRITE),
		.order = stored != NULL ? version_compare(&j->row->version, &stored->version) : VERSION_EQUAL,
	};
	memcpy(k->name, c->name, sizeof(k->name));
	vault_row_free(stored);
	return true;
}

static void change_goes(struct vault_change *change, uint64_t seq)
{
	if (change->ngoes < sizeof(change->goes) / sizeof(change->goes[0]))
		change->goes[change->ngoes++] = seq;
}

static void change_beats(struct vault_change *change, uint64_t seq)
{
	if (change->nbeats < sizeof(change->beats) / sizeof(change->beats[0]))
		change->beats[change->nbeats++] = seq;
}

/* At most VAULT_OLD stay that nobody is told of; the earliest go. */
static void judge_old(const struct judging *j, struct vault_change *change)
{
	size_t old = change->nbeats;

	for (size_t i = 0; i < j->n; i++)
		old += j->kept[i].superseded && j->kept[i].order != VERSION_EQUAL;
	for (size_t i = 0; i < j->n && old > VAULT_OLD; i++) {
		if (j->kept[i].superseded && j->kept[i].order != VERSION_EQUAL) {
			change_goes(change, j->kept[i].seq);
			old--;
		}
	}
}

/* Too many siblings: that of the smallest name goes, so that the order in which they came does not matter. False: it is
 * the told one. */
static bool judge_siblings(const struct judging *j, struct vault_change *change)
{
	const struct kept *least = NULL;
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct kept *k = &j->kept[i];

		if (k->order != VERSION_CONCURRENT || k->superseded || !k->counts)
			continue;
		n++;
		if (least == NULL || memcmp(k->name, least->name, sizeof(k->name)) < 0)
			least = k;
	}
	if (n < VAULT_SIBLINGS || least == NULL)
		return true;
	if (memcmp(j->row->name, least->name, sizeof(least->name)) < 0)
		return false;
	change_goes(change, least->seq);
	return true;
}

static enum vault_judgement judge_kept(const struct judging *j, struct vault_change *change)
{
	bool equal = false;

	for (size_t i = 0; i < j->n; i++) {
		const struct kept *k = &j->kept[i];

		if (k->order == VERSION_OLDER && k->counts && !k->superseded)
			return VAULT_KNOWN;
		equal = equal || (k->order == VERSION_EQUAL && k->counts && !k->superseded);
		if (k->order == VERSION_NEWER && !k->superseded)
			change_beats(change, k->seq);
		if (k->order == VERSION_EQUAL) {
			change_goes(change, k->seq);
			change->same =
				change->same || (!k->damaged && memcmp(k->name, j->row->name, sizeof(k->name)) == 0);
		}
	}
	if (equal)
		return index_vault_lacks(j->v->config.index) ? VAULT_REPAIR : VAULT_KNOWN;
	if (!judge_siblings(j, change))
		return VAULT_KNOWN;
	judge_old(j, change);
	return VAULT_NEW;
}

enum vault_judgement vault_judge(struct vault *v, const struct vault_row *row, int64_t path,
                                 struct vault_change *change)
{
	struct judging j = { .v = v, .row = row };
	enum vault_judgement result = VAULT_FAILED;

	*change = (struct vault_change){ 0 };
	if (path >= 0 && (path == 0 || index_vault_at(v->config.index, path, judge_one, &j) == 0))
		result = judge_kept(&j, change);
	free(j.kept);
	return result;
}

struct judge_find {
	uint64_t seq;
	bool found;
	struct vault_row *row;
};

static bool judge_found(void *arg, const struct index_vault_core *c)
{
	struct judge_find *f = arg;

	if (c->seq == f->seq) {
		f->found = true;
		f->row = vault_row_stored(c);
	}
	return c->seq != f->seq;
}

int vault_judge_remove(struct vault *v, int64_t path, uint64_t seq, int64_t now_s)
{
	struct judge_find f = { .seq = seq };
	int rc = index_vault_at(v->config.index, path, judge_found, &f);

	/* Nobody knows what a damaged one needed: its objects stay. */
	if (rc == 0 && f.found && f.row == NULL)
		rc = index_vault_remove(v->config.index, seq, NULL, 0, now_s);
	else if (rc == 0 && f.row != NULL)
		rc = index_vault_remove(v->config.index, seq, (const uint8_t(*)[INDEX_VAULT_OBJECT])f.row->refs,
		                        f.row->nrefs, now_s);
	vault_row_free(f.row);
	return rc;
}
