/* What agents sign of their state: see head.h. */
#include "sync/seal/head.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

enum { HEAD_SETTLED = 1 };

static const int64_t head_time_max = (int64_t)1 << 40;

/* The NUL is part of it. */
static const char head_label[] = "lanyard head 1";

const char *head_result_text(enum head_result result)
{
	static const char *const texts[] = {
		[HEAD_OK] = "is good",
		[HEAD_VERSION] = "is of a form that this lanyard does not know",
		[HEAD_FORM] = "is malformed",
		[HEAD_OTHER] = "is of another group",
		[HEAD_FORGED] = "was altered, or is not signed by its agent",
	};

	return texts[result];
}

/* --- bytes --- */

static bool head_valid(const struct head *h)
{
	if (h->nhave > HEAD_HAVE_MAX || h->number == 0 || h->time_s < 0 || h->time_s > head_time_max)
		return false;
	for (size_t i = 0; i < h->nhave; i++) {
		/* Of its own epoch, its number says it; two words for it could contradict each other. */
		if (h->have[i].seq == 0 || h->have[i].epoch == h->epoch ||
		    (i > 0 && h->have[i - 1].epoch >= h->have[i].epoch))
			return false;
	}
	return true;
}

static void head_signature_input(struct bytes *b, const uint8_t *p, size_t n)
{
	bytes_append(b, head_label, sizeof(head_label));
	bytes_append(b, p, n);
}

int head_sign(const struct head *h, const struct identity *self, struct bytes *out)
{
	struct bytes b = BYTES_INIT(HEAD_LEN_MAX), in = BYTES_INIT(HEAD_LEN_MAX + sizeof(head_label));
	uint8_t signature[SIGNATURE_LEN];
	int rc;

	if (!head_valid(h))
		return -1;
	bytes_append_u8(&b, HEAD_FORMAT);
	bytes_append(&b, h->group.b, sizeof(h->group.b));
	bytes_append(&b, identity_public_key(self), PUBLIC_KEY_LEN);
	bytes_append_u64(&b, h->epoch);
	bytes_append_u64(&b, h->seq);
	bytes_append_u64(&b, h->number);
	bytes_append_u64(&b, (uint64_t)h->time_s);
	bytes_append_u8(&b, h->settled ? HEAD_SETTLED : 0);
	bytes_append_u64(&b, h->generation);
	bytes_append(&b, h->roster, sizeof(h->roster));
	bytes_append_u64(&b, h->rows);
	bytes_append(&b, h->root, sizeof(h->root));
	bytes_append_u8(&b, (uint8_t)(h->nhave >> 8));
	bytes_append_u8(&b, (uint8_t)h->nhave);
	for (size_t i = 0; i < h->nhave; i++) {
		bytes_append_u64(&b, h->have[i].epoch);
		bytes_append_u64(&b, h->have[i].seq);
	}
	bytes_append(&b, h->previous, sizeof(h->previous));
	head_signature_input(&in, b.p, b.len);
	identity_sign(self, in.p, in.len, signature);
	bytes_append(&b, signature, sizeof(signature));
	rc = bytes_append(out, b.p, b.len);
	bytes_free(&in);
	bytes_free(&b);
	return rc;
}

static void head_take(struct reader *r, void *out, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		memcpy(out, p, n);
}

static void head_read_have(struct reader *r, struct head *h)
{
	size_t n = (size_t)reader_u8(r) << 8;

	n |= reader_u8(r);
	if (n > HEAD_HAVE_MAX || reader_left(r) < n * 16) {
		r->bad = true;
		return;
	}
	h->have = mem_calloc(n + 1, sizeof(h->have[0]));
	h->nhave = n;
	for (size_t i = 0; i < n; i++) {
		h->have[i].epoch = reader_u64(r);
		h->have[i].seq = reader_u64(r);
	}
}

/* Everything between the format and the signature. */
static void head_read(struct reader *r, struct head *h)
{
	uint64_t time_s;
	uint8_t flags;

	head_take(r, h->group.b, sizeof(h->group.b));
	head_take(r, h->key, sizeof(h->key));
	h->epoch = reader_u64(r);
	h->seq = reader_u64(r);
	h->number = reader_u64(r);
	time_s = reader_u64(r);
	h->time_s = time_s <= (uint64_t)head_time_max ? (int64_t)time_s : -1;
	flags = reader_u8(r);
	h->settled = (flags & HEAD_SETTLED) != 0;
	h->generation = reader_u64(r);
	head_take(r, h->roster, sizeof(h->roster));
	h->rows = reader_u64(r);
	head_take(r, h->root, sizeof(h->root));
	head_read_have(r, h);
	head_take(r, h->previous, sizeof(h->previous));
	if ((flags & ~HEAD_SETTLED) != 0 || !head_valid(h))
		r->bad = true;
}

static bool head_is_signed(const struct head *h, const uint8_t *p, size_t n)
{
	struct bytes in = BYTES_INIT(HEAD_LEN_MAX + sizeof(head_label));
	bool good;

	head_signature_input(&in, p, n - SIGNATURE_LEN);
	good = identity_verify(h->key, in.p, in.len, p + n - SIGNATURE_LEN) == 0;
	bytes_free(&in);
	return good;
}

enum head_result head_parse(struct head *h, const struct group_id *group, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);
	enum head_result result = HEAD_FORM;
	uint8_t format = reader_u8(&r);

	memset(h, 0, sizeof(*h));
	if (n > HEAD_LEN_MAX || r.bad)
		return HEAD_FORM;
	if (format > HEAD_FORMAT)
		return HEAD_VERSION;
	head_read(&r, h);
	reader_take(&r, SIGNATURE_LEN);
	if (!r.bad && reader_left(&r) == 0 && format == HEAD_FORMAT) {
		if (!group_id_equal(&h->group, group))
			result = HEAD_OTHER;
		else
			result = head_is_signed(h, p, n) ? HEAD_OK : HEAD_FORGED;
	}
	if (result == HEAD_OK)
		sha256(h->hash, p, n);
	else
		head_clear(h);
	return result;
}

void head_clear(struct head *h)
{
	free(h->have);
	memset(h, 0, sizeof(*h));
}

static int head_rows_by_path(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct head_row));
}

void head_rows_sort(struct head_row *rows, size_t n)
{
	if (n != 0)
		qsort(rows, n, sizeof(rows[0]), head_rows_by_path);
}

void head_root(uint8_t root[32], struct head_row *rows, size_t n)
{
	head_rows_sort(rows, n);
	sha256(root, rows, n * sizeof(rows[0]));
}

/* --- comparing --- */

bool head_has(const struct head *h, uint64_t epoch, uint64_t seq)
{
	size_t low = 0, high = h->nhave;

	if (seq == 0 || (h->epoch == epoch && h->seq >= seq))
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (h->have[middle].epoch == epoch)
			return h->have[middle].seq >= seq;
		if (h->have[middle].epoch < epoch)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool head_covers(const struct head *a, const struct head *b)
{
	for (size_t i = 0; i < b->nhave; i++) {
		if (!head_has(a, b->have[i].epoch, b->have[i].seq))
			return false;
	}
	return head_has(a, b->epoch, b->seq);
}

static bool head_same_agent(const struct head *a, const struct head *b)
{
	return group_id_equal(&a->group, &b->group) && memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

/* Within one epoch an agent numbers its heads, each names the one before, and it forgets nothing. */
static bool head_follows(const struct head *later, const struct head *earlier)
{
	bool links = memcmp(later->previous, earlier->hash, sizeof(earlier->hash)) == 0;

	return later->number > earlier->number && (later->number > earlier->number + 1 || links) &&
	       later->seq >= earlier->seq && head_covers(later, earlier);
}

enum head_order head_compare(const struct head *first, const struct head *second)
{
	if (!head_same_agent(first, second))
		return HEAD_STRANGE;
	if (memcmp(first->hash, second->hash, sizeof(first->hash)) == 0)
		return HEAD_SAME;
	if (first->epoch == second->epoch)
		return head_follows(second, first)   ? HEAD_NEWER
		       : head_follows(first, second) ? HEAD_OLDER
		                                     : HEAD_FORKED;
	if (memcmp(second->previous, first->hash, sizeof(first->hash)) == 0)
		return HEAD_NEWER;
	if (memcmp(first->previous, second->hash, sizeof(first->hash)) == 0)
		return HEAD_OLDER;
	if (first->time_s != second->time_s)
		return second->time_s > first->time_s ? HEAD_NEWER : HEAD_OLDER;
	return second->epoch > first->epoch ? HEAD_NEWER : HEAD_OLDER;
}

enum head_meeting head_meet(const struct head *ours, const struct head *theirs)
{
	static const uint8_t untold[32];
	bool we = head_covers(ours, theirs), they = head_covers(theirs, ours);
	bool same = ours->rows == theirs->rows && memcmp(ours->root, theirs->root, sizeof(ours->root)) == 0;

	if (!group_id_equal(&ours->group, &theirs->group) ||
	    memcmp(ours->roster, theirs->roster, sizeof(ours->roster)) != 0)
		return HEAD_ROSTERS;
	if (!we || !they)
		return we ? HEAD_AHEAD : they ? HEAD_BEHIND : HEAD_APART;
	if (!theirs->settled)
		return HEAD_BUSY;
	if (memcmp(ours->root, untold, sizeof(untold)) == 0 || memcmp(theirs->root, untold, sizeof(untold)) == 0)
		return HEAD_UNTOLD;
	return same ? HEAD_IN_SYNC : HEAD_DIFFERS;
}

bool head_is_served(const struct head *signed_before, uint64_t served_epoch, uint64_t served_seq, uint64_t rows,
                    const uint8_t root[32])
{
	if (served_epoch != signed_before->epoch)
		return false;
	if (served_seq != signed_before->seq)
		return served_seq > signed_before->seq;
	return rows == signed_before->rows && memcmp(root, signed_before->root, 32) == 0;
}
