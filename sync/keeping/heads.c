/* See heads.h: heads that come are taken, and our own is made. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/keeping/heads_internal.h"

struct heads *heads_new(const struct group_id *group, const struct agent_id *self)
{
	struct heads *h = MEM_NEW(struct heads);

	h->group = *group;
	h->self = *self;
	return h;
}

struct heads_agent *heads_find(const struct heads *h, const struct agent_id *id)
{
	struct heads_agent *a;

	HASH_FIND(hh, h->agents, id->b, sizeof(id->b), a);
	return a;
}

static void heads_agent_free(struct heads *h, struct heads_agent *a)
{
	if (h->to_judge == a)
		h->to_judge = a->hh.next;
	HASH_DEL(h->agents, a);
	head_clear(&a->head);
	free(a);
}

void heads_free(struct heads *h)
{
	struct heads_agent *a, *next;

	if (h == NULL)
		return;
	HASH_ITER(hh, h->agents, a, next)
		heads_agent_free(h, a);
	head_clear(&h->own);
	free(h->taken);
	free(h);
}

void heads_set_hider(struct heads_agent *a, struct heads_agent *hider)
{
	if (a->hider != NULL)
		a->hider->hides--;
	if (hider != NULL)
		hider->hides++;
	a->hider = hider;
}

void heads_drop(struct heads *h, const struct agent_id *id)
{
	struct heads_agent *a = heads_find(h, id), *other, *next;

	if (a == NULL)
		return;
	heads_set_hider(a, NULL);
	HASH_ITER(hh, h->agents, other, next) {
		if (other->hider == a)
			heads_set_hider(other, NULL);
	}
	heads_agent_free(h, a);
}

/* --- heads of others --- */

/* The worst stays. True: it is news. */
static bool heads_blame(struct heads_agent *a, enum heads_blame blame, int64_t now_s)
{
	if (a->blame >= blame)
		return false;
	a->blame = blame;
	a->blame_s = now_s;
	return true;
}

/* What a vault has may show who hides the rows of others. */
static void heads_replace(struct heads *h, struct heads_agent *a, struct head *head)
{
	struct heads_agent *other, *next;

	head_clear(&a->head);
	a->head = *head;
	*head = (struct head){ 0 };
	a->judged = a->expected = false;
	HASH_ITER(hh, h->agents, other, next) {
		if (a->vault && other->meeting == HEAD_DIFFERS)
			other->judged = false;
	}
	h->to_judge = h->agents;
}

static struct heads_agent *heads_add(struct heads *h, const struct agent_id *id)
{
	struct heads_agent *a = MEM_NEW(struct heads_agent);

	a->id = *id;
	HASH_ADD(hh, h->agents, id.b, sizeof(a->id.b), a);
	return a;
}

/* Of our own, others may know more than our index: then numbers of this epoch may have been given twice. */
static enum heads_news heads_take_own(struct heads *h, struct head *head, const struct heads_from *from)
{
	enum head_order order = h->has_own ? head_compare(&h->own, head) : HEAD_NEWER;
	bool present = head->epoch == from->epoch, same_epoch = h->has_own && h->own.epoch == head->epoch;

	if (order == HEAD_SAME)
		return HEADS_NOTHING;
	if (head->time_s > h->floor_s)
		h->floor_s = head->time_s;
	if (order == HEAD_NEWER && !present && h->has_own && h->own.epoch == from->epoch)
		h->overtaken = true; /* of an earlier epoch, by a clock that was ahead */
	else if (order == HEAD_NEWER)
		heads_signed(h, head); /* so that the next one follows it */
	if (!present || from->by == NULL)
		return HEADS_NOTHING;
	if (head->seq <= from->seq && same_epoch && order == HEAD_OLDER)
		return HEADS_NOTHING;
	h->lost_epoch = from->epoch;
	return HEADS_OWN;
}

static enum heads_news heads_take_fork(struct heads *h, struct heads_agent *a, struct head *head, int64_t now_s)
{
	bool news = heads_blame(a, HEADS_FORKED, now_s);

	if (head->number > a->head.number) {
		heads_replace(h, a, head);
		return HEADS_KEPT;
	}
	return news ? HEADS_SHOWN : HEADS_NOTHING;
}

/* Nothing says which of two epochs is the later one, except that an agent shows its newest head. */
static enum heads_news heads_take_expected(struct heads *h, struct heads_agent *a, struct head *head, bool itself,
                                           int64_t now_s)
{
	const struct head *seen = &a->head;

	if (memcmp(seen->hash, head->hash, sizeof(seen->hash)) == 0) {
		/* Now all of it is known. */
	} else if (head->epoch != seen->epoch) {
		if (!itself)
			return HEADS_NOTHING;
		heads_blame(a, HEADS_BEGAN_AGAIN, now_s);
	} else if (head->number < seen->number) {
		if (!itself)
			return HEADS_NOTHING;
		heads_blame(a, HEADS_ROLLED_BACK, now_s);
	} else if (head->number == seen->number || head->seq < seen->seq) {
		heads_blame(a, HEADS_FORKED, now_s);
	}
	heads_replace(h, a, head);
	return HEADS_KEPT;
}

static enum heads_news heads_take_other(struct heads *h, const struct agent_id *id, struct head *head,
                                        const struct heads_from *from)
{
	struct heads_agent *a = heads_find(h, id);
	bool itself = from->by != NULL && agent_id_equal(from->by, id);
	enum head_order order;

	if (a == NULL)
		a = heads_add(h, id);
	a->vault = from->vault;
	if (a->expected)
		return heads_take_expected(h, a, head, itself, from->now_s);
	order = a->head.number == 0 ? HEAD_NEWER : head_compare(&a->head, head);
	if (order == HEAD_NEWER) {
		/* A member may have lost its disk, and its rows are with others. A vault is there to keep them. */
		if (a->vault && a->head.number != 0 && a->head.epoch != head->epoch)
			heads_blame(a, HEADS_BEGAN_AGAIN, from->now_s);
		heads_replace(h, a, head);
		return HEADS_KEPT;
	}
	/* A head is durable before it is told, so its agent knows its newest. Others may bring older ones: they have
	 * not heard of it yet. */
	if (order == HEAD_OLDER && itself && head->epoch == a->head.epoch)
		heads_blame(a, HEADS_ROLLED_BACK, from->now_s);
	return order == HEAD_FORKED ? heads_take_fork(h, a, head, from->now_s) : HEADS_NOTHING;
}

bool heads_know(const struct heads *h, const uint8_t *p, size_t n)
{
	const struct heads_agent *a;
	const struct head *known;
	uint8_t hash[32];
	struct agent_id id;

	if (n < HEAD_FIXED_LEN)
		return false;
	identity_id_of_key(&id, p + 1 + sizeof(h->group.b));
	a = heads_find(h, &id);
	known = agent_id_equal(&id, &h->self) ? heads_own(h) : a != NULL ? &a->head : NULL;
	if (known == NULL)
		return false;
	sha256(hash, p, n);
	if (a != NULL && a->expected)
		return false;
	return memcmp(hash, known->hash, sizeof(hash)) == 0;
}

enum heads_news heads_take(struct heads *h, struct head *head, const struct heads_from *from)
{
	enum heads_news news;
	struct agent_id id;

	identity_id_of_key(&id, head->key);
	if (agent_id_equal(&id, &h->self))
		news = heads_take_own(h, head, from);
	else
		news = heads_take_other(h, &id, head, from);
	head_clear(head);
	return news;
}

bool heads_served(struct heads *h, const struct agent_id *id, uint64_t epoch, uint64_t seq, int64_t now_s)
{
	struct heads_agent *a = heads_find(h, id);

	if (a == NULL || (epoch == a->head.epoch && seq >= a->head.seq))
		return false;
	return heads_blame(a, epoch == a->head.epoch ? HEADS_ROLLED_BACK : HEADS_BEGAN_AGAIN, now_s);
}

/* --- what was known before --- */

void heads_blame_again(struct heads *h, const struct agent_id *id, enum heads_blame blame, int64_t since_s)
{
	struct heads_agent *a = heads_find(h, id);

	if (a != NULL)
		(void)heads_blame(a, blame, since_s);
}

void heads_expect(struct heads *h, const struct export_head *seen)
{
	struct heads_agent *a;
	struct agent_id id;

	identity_id_of_key(&id, seen->key);
	if (agent_id_equal(&id, &h->self) || heads_find(h, &id) != NULL)
		return;
	a = heads_add(h, &id);
	a->vault = a->expected = true;
	a->head = (struct head){ .group = h->group, .epoch = seen->epoch, .seq = seen->seq, .number = seen->number };
	memcpy(a->head.key, seen->key, sizeof(a->head.key));
	memcpy(a->head.hash, seen->hash, sizeof(a->head.hash));
}

size_t heads_seen(const struct heads *h, struct export_head *out, size_t max)
{
	const struct heads_agent *a, *next;
	size_t n = 0;

	HASH_ITER(hh, h->agents, a, next) {
		if (!a->vault || n == max)
			continue;
		out[n] = (struct export_head){ .epoch = a->head.epoch, .seq = a->head.seq, .number = a->head.number };
		memcpy(out[n].key, a->head.key, sizeof(out[n].key));
		memcpy(out[n++].hash, a->head.hash, sizeof(out[0].hash));
	}
	return n;
}

/* --- our own --- */

static int heads_by_epoch(const void *a, const void *b)
{
	const struct head_have *x = a, *y = b;

	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Raises out->have by more, which is sorted. What is there stays; of what is new, as much as a head can say. */
static void heads_merge(struct head *out, const struct head_have *more, size_t n)
{
	struct head_have *all = mem_calloc(out->nhave + n + 1, sizeof(all[0]));
	size_t room = HEAD_HAVE_MAX - out->nhave, i = 0, j = 0, k = 0;

	while (i < out->nhave || j < n) {
		bool old = i < out->nhave && (j == n || out->have[i].epoch <= more[j].epoch);
		const struct head_have *next = old ? &out->have[i++] : &more[j++];

		if (k > 0 && all[k - 1].epoch == next->epoch) {
			if (next->seq > all[k - 1].seq)
				all[k - 1].seq = next->seq;
		} else if (old || (room > 0 && next->seq > 0 && next->epoch != out->epoch)) {
			room -= old ? 0 : 1;
			all[k++] = *next;
		}
	}
	free(out->have);
	out->have = all;
	out->nhave = k;
}

bool heads_have_all(const struct heads *h, const struct head *ours, const struct heads_agent *of)
{
	const struct head taken = { .have = h->taken, .nhave = h->ntaken };

	return head_has(of->vault ? &taken : ours, of->head.epoch, of->head.seq);
}

/* Whoever has all of another agent's rows up to its head has all that this head says the agent has: first what vaults
 * tell of members, then what these tell of others. */
static void heads_raise(const struct heads *h, struct head *out)
{
	const struct heads_agent *a, *next;

	for (int members = 0; members <= 1; members++) {
		HASH_ITER(hh, h->agents, a, next) {
			if (a->vault == (members == 0) && heads_have_all(h, out, a))
				heads_merge(out, a->head.have, a->head.nhave);
		}
	}
}

/* Sorts what we have of vaults into h->taken. Returns what we have of the others, fresh and sorted. */
static struct head_have *heads_take_peers(struct heads *h, const struct heads_state *now, size_t *n)
{
	struct head_have *peers = mem_calloc(now->npeers + 1, sizeof(peers[0]));

	free(h->taken);
	h->taken = mem_calloc(now->npeers + 1, sizeof(h->taken[0]));
	h->ntaken = *n = 0;
	for (size_t i = 0; i < now->npeers; i++) {
		struct head_have have = { .epoch = now->peers[i].epoch, .seq = now->peers[i].seq };

		if (now->peers[i].vault)
			h->taken[h->ntaken++] = have;
		else
			peers[(*n)++] = have;
	}
	qsort(h->taken, h->ntaken, sizeof(peers[0]), heads_by_epoch);
	qsort(peers, *n, sizeof(peers[0]), heads_by_epoch);
	return peers;
}

static bool heads_say_the_same(const struct head *a, const struct head *b)
{
	return a->epoch == b->epoch && a->seq == b->seq && a->settled == b->settled && a->generation == b->generation &&
	       memcmp(a->roster, b->roster, sizeof(a->roster)) == 0 && a->rows == b->rows &&
	       memcmp(a->root, b->root, sizeof(a->root)) == 0 && a->nhave == b->nhave &&
	       (a->nhave == 0 || memcmp(a->have, b->have, a->nhave * sizeof(a->have[0])) == 0);
}

bool heads_next(struct heads *h, const struct heads_state *now, struct head *out)
{
	bool goes_on = h->has_own && h->own.epoch == now->epoch;
	size_t npeers;
	struct head_have *peers = heads_take_peers(h, now, &npeers);

	*out = (struct head){ .group = h->group,
		              .epoch = now->epoch,
		              .seq = now->seq,
		              .number = goes_on ? h->own.number + 1 : 1,
		              .time_s = now->now_s > h->floor_s ? now->now_s : h->floor_s + 1,
		              .settled = now->settled,
		              .generation = now->generation,
		              .rows = now->rows };
	memcpy(out->roster, now->roster, sizeof(out->roster));
	memcpy(out->root, now->root, sizeof(out->root));
	if (h->has_own)
		memcpy(out->previous, h->own.hash, sizeof(out->previous));
	if (goes_on)
		heads_merge(out, h->own.have, h->own.nhave);
	heads_merge(out, peers, npeers);
	free(peers);
	heads_raise(h, out);
	if (h->lost_epoch == now->epoch)
		return false;
	return !h->has_own || h->overtaken || !heads_say_the_same(&h->own, out);
}

void heads_signed(struct heads *h, struct head *head)
{
	struct heads_agent *a, *next;

	head_clear(&h->own);
	h->own = *head;
	*head = (struct head){ 0 };
	h->has_own = true;
	h->overtaken = false;
	if (h->own.time_s > h->floor_s)
		h->floor_s = h->own.time_s;
	HASH_ITER(hh, h->agents, a, next)
		a->judged = false;
	h->to_judge = h->agents;
}

const struct head *heads_own(const struct heads *h)
{
	return h->has_own ? &h->own : NULL;
}
