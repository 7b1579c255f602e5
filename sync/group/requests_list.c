/* What the mailbox says of one agent, the list of those that wait, and what owners sign. See requests.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/group/requests_internal.h"

static const struct mail *request_of(const struct requests *r, const struct agent_id *asker)
{
	const struct mail *m, *next;

	HASH_ITER(hh, r->items, m, next)
		if (m->counts && !m->e.is_answer && agent_id_equal(&m->e.asker, asker))
			return m;
	return NULL;
}

enum requests_state requests_state(const struct requests *r, const struct agent_id *asker, uint64_t made,
                                   uint64_t shown)
{
	const struct mail *no = requests_rejection(r, asker);
	const struct mail *waiting = request_of(r, asker);

	if (no != NULL && no->e.verdict == REQUEST_BARRED)
		return REQUESTS_BARRED;
	if (waiting != NULL)
		return waiting->e.number <= shown ? REQUESTS_WAITING : REQUESTS_NONE;
	return no != NULL && made > 0 && made <= no->e.number ? REQUESTS_REJECTED : REQUESTS_NONE;
}

uint64_t requests_number(const struct requests *r, const struct agent_id *asker)
{
	const struct requests_expired *x;
	const struct mail *m, *next;
	uint64_t number = 0;

	HASH_FIND(hh, r->expired, asker, sizeof(*asker), x);
	if (x != NULL)
		number = x->number;
	HASH_ITER(hh, r->items, m, next)
		if (m->counts && m->e.number > number && agent_id_equal(&m->e.asker, asker))
			number = m->e.number;
	return number;
}

static int mail_by_age(const void *a, const void *b)
{
	const struct mail *x = *(const struct mail *const *)a, *y = *(const struct mail *const *)b;

	if (x->heard_s != y->heard_s)
		return x->heard_s < y->heard_s ? -1 : 1;
	return memcmp(x->hash, y->hash, sizeof(x->hash));
}

static void fill_item(struct requests_item *item, const struct mail *m)
{
	*item = (struct requests_item){ .asker = m->e.asker,
		                        .name = m->name,
		                        .message = m->message,
		                        .address = m->address,
		                        .giver = m->e.signer,
		                        .given_s = m->e.date_s,
		                        .heard_s = m->heard_s,
		                        .seen = m->seen };
	request_code(item->code, &m->e.tag, m->e.key, m->e.r, m->e.s);
}

/* The waiting ones, the oldest first; fresh memory. */
static const struct mail **list_waiting(const struct requests *r, size_t *n)
{
	const struct mail **list = mem_calloc(r->waiting + 1, sizeof(*list)), *m, *next;

	*n = 0;
	HASH_ITER(hh, r->items, m, next)
		if (m->counts && !m->e.is_answer)
			list[(*n)++] = m;
	qsort(list, *n, sizeof(*list), mail_by_age);
	return list;
}

void requests_each(const struct requests *r, bool (*fn)(void *arg, const struct requests_item *item), void *arg)
{
	struct requests_item item;
	size_t n;
	const struct mail **list = list_waiting(r, &n);

	for (size_t i = 0; i < n; i++) {
		fill_item(&item, list[i]);
		if (!fn(arg, &item))
			break;
	}
	free(list);
}

size_t requests_waiting(const struct requests *r)
{
	return r->waiting;
}

/* --- owners --- */

static void mail_answer(struct requests *r, const struct identity *self, const struct agent_id *asker, uint64_t number,
                        enum request_verdict verdict, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(REQUEST_ENTRY_MAX);

	request_answer(&entry, &r->tag, asker, number, verdict, now_s > 0 ? now_s : 0, self);
	(void)requests_put(r, 0, entry.p, entry.len, now_s);
	bytes_free(&entry);
}

int requests_reject(struct requests *r, const struct roster *roster, const struct identity *self,
                    const struct agent_id *asker, bool forever, int64_t now_s)
{
	const struct mail *m = request_of(r, asker);

	if (!roster_may(roster, identity_id(self), RIGHT_OWN) || roster_may(roster, asker, RIGHT_TAKE_PART) ||
	    (m == NULL && !forever))
		return -1;
	mail_answer(r, self, asker, m != NULL ? m->e.number : 0, forever ? REQUEST_BARRED : REQUEST_REJECTED, now_s);
	requests_settle(r, roster, now_s);
	return 0;
}

size_t requests_mark_seen(struct requests *r, const struct roster *roster, const struct identity *self, int64_t now_s)
{
	size_t n, fresh = 0;
	const struct mail **list;

	if (!roster_may(roster, identity_id(self), RIGHT_OWN))
		return 0;
	list = list_waiting(r, &n);
	for (size_t i = 0; i < n; i++) {
		if (list[i]->seen)
			continue;
		mail_answer(r, self, &list[i]->e.asker, list[i]->e.number, REQUEST_SEEN, now_s);
		fresh++;
	}
	free(list);
	requests_settle(r, roster, now_s);
	return fresh;
}
