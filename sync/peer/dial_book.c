/* Entries, their kinds and their bounds: see dial_internal.h. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/dial_internal.h"

enum { KNOWN_MAX = 8 }; /* addresses of one agent that others are told */

/* How many addresses are remembered: of all agents, and of one. */
static const size_t most[DIAL_KINDS] = { [DIAL_PROVEN] = 1024, [DIAL_TOLD] = 4096, [DIAL_HEARD] = 512 };
static const size_t most_of_one[DIAL_KINDS] = { [DIAL_PROVEN] = 16, [DIAL_TOLD] = 16, [DIAL_HEARD] = 8 };

/* False when addr is neither IPv4 nor IPv6. */
static bool dial_key_of(struct dial_key *key, const struct sockaddr *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;

	memset(key, 0, sizeof(*key)); /* it is compared as memory */
	key->family = addr->sa_family;
	if (addr->sa_family == AF_INET) {
		key->port = in->sin_port;
		memcpy(key->ip, &in->sin_addr, sizeof(in->sin_addr));
		return true;
	}
	if (addr->sa_family != AF_INET6)
		return false;
	key->port = in6->sin6_port;
	key->scope = in6->sin6_scope_id;
	memcpy(key->ip, &in6->sin6_addr, sizeof(in6->sin6_addr));
	return true;
}

struct dial *dial_book_find(struct dial_book *b, const struct sockaddr *addr)
{
	struct dial_key key;
	struct dial *d = NULL;

	if (dial_key_of(&key, addr))
		HASH_FIND(hh, b->all, &key, sizeof(key), d);
	return d;
}

struct dial_agent *dial_book_agent(struct dial_book *b, const struct agent_id *id)
{
	struct dial_agent *a;

	HASH_FIND(hh, b->agents, id, sizeof(*id), a);
	return a;
}

static void leave_agent(struct dial_book *b, struct dial *d)
{
	struct dial_agent *a = d->agent;

	if (!a)
		return;
	DL_DELETE2(a->dials, d, agent_prev, agent_next);
	a->n[d->kind]--;
	d->agent = NULL;
	d->reached = false;
	if (a->dials)
		return;
	HASH_DEL(b->agents, a);
	free(a);
}

void dial_book_set_untold(struct dial_book *b, struct dial *d, bool untold)
{
	b->untold += untold;
	b->untold -= d->untold;
	d->untold = untold;
}

void dial_book_forget(struct dial_book *b, struct dial *d)
{
	dial_book_set_untold(b, d, false);
	leave_agent(b, d);
	DL_DELETE(b->lists[d->kind], d);
	b->n[d->kind]--;
	HASH_DEL(b->all, d);
	free(d);
}

/* Makes room for one more of a kind, in the whole book and for one agent. */
static bool dial_book_make_room(struct dial_book *b, enum dial_kind kind)
{
	struct dial *d, *next;

	if (b->n[kind] < most[kind])
		return true;
	DL_FOREACH_SAFE(b->lists[kind], d, next) {
		if (!d->pending) {
			dial_book_forget(b, d);
			return true;
		}
	}
	return false;
}

/* How many addresses of a kind the teller of d has told of its agent. */
static size_t told_by(const struct dial_agent *a, const struct dial *d)
{
	const struct dial *o;
	size_t n = 0;

	DL_FOREACH2(a->dials, o, agent_next)
		n += o->kind == d->kind && o->teller == d->teller;
	return n;
}

/* The oldest of the one who has told most goes: nobody pushes out what others say. */
static bool make_room_of(struct dial_book *b, struct dial_agent *a, enum dial_kind kind)
{
	struct dial *d, *gone = NULL;
	size_t n, most_told = 0;

	if (!a || a->n[kind] < most_of_one[kind])
		return true;
	DL_FOREACH2(a->dials, d, agent_next) {
		if (d->kind != kind || d->pending || d->named)
			continue;
		n = told_by(a, d);
		if (n > most_told) {
			most_told = n;
			gone = d;
		}
	}
	if (gone)
		dial_book_forget(b, gone);
	return gone != NULL;
}

static void join_agent(struct dial_book *b, struct dial *d, const struct agent_id *id)
{
	struct dial_agent *a = dial_book_agent(b, id);

	if (!a) {
		a = MEM_NEW(struct dial_agent);
		a->id = *id;
		HASH_ADD(hh, b->agents, id, sizeof(a->id), a);
	}
	DL_APPEND2(a->dials, d, agent_prev, agent_next);
	a->n[d->kind]++;
	d->agent = a;
}

/* Room is made first: where all entries are pending, nothing is added. */
struct dial *dial_book_add(struct dial_book *b, enum dial_kind kind, const struct agent_id *id,
                           const struct sockaddr *addr, uint64_t teller)
{
	struct dial_key key;
	struct dial *d;

	if (!dial_key_of(&key, addr) || !dial_book_make_room(b, kind))
		return NULL;
	if (id && !make_room_of(b, dial_book_agent(b, id), kind))
		return NULL;
	d = MEM_NEW(struct dial);
	d->key = key;
	d->addr_len = addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	memcpy(&d->addr, addr, d->addr_len);
	d->kind = kind;
	d->teller = teller;
	HASH_ADD(hh, b->all, key, sizeof(d->key), d);
	DL_APPEND(b->lists[kind], d);
	b->n[kind]++;
	if (id)
		join_agent(b, d, id);
	return d;
}

static void set_kind(struct dial_book *b, struct dial *d, enum dial_kind kind)
{
	DL_DELETE(b->lists[d->kind], d);
	b->n[d->kind]--;
	if (d->agent) {
		d->agent->n[d->kind]--;
		d->agent->n[kind]++;
	}
	d->kind = kind;
	DL_APPEND(b->lists[kind], d);
	b->n[kind]++;
}

void dial_book_renew(struct dial_book *b, struct dial *d, enum dial_kind kind, const struct agent_id *id)
{
	bool moves = id && (!d->agent || !agent_id_equal(&d->agent->id, id));

	if (moves)
		leave_agent(b, d);
	/* While d is in neither list, so that it is not itself pushed out. */
	if (kind != d->kind)
		(void)dial_book_make_room(b, kind);
	if (moves || kind != d->kind)
		(void)make_room_of(b, id ? dial_book_agent(b, id) : d->agent, kind);
	set_kind(b, d, kind);
	if (moves)
		join_agent(b, d, id);
}

void dial_book_known(struct dial_book *b, const struct agent_id *id, dial_known_fn *fn, void *arg)
{
	const struct dial_agent *a = dial_book_agent(b, id);
	const struct dial *d;
	size_t n = 0;

	if (!a)
		return;
	DL_FOREACH2(a->dials, d, agent_next)
		if (d->kind != DIAL_HEARD && n++ < KNOWN_MAX)
			fn(arg, id, &d->addr, d->teller);
}

void dial_book_spread(struct dial_book *b, dial_known_fn *fn, void *arg)
{
	struct dial *d;

	for (int kind = 0; kind < DIAL_KINDS && b->untold > 0; kind++) {
		DL_FOREACH(b->lists[kind], d) {
			if (!d->untold)
				continue;
			dial_book_set_untold(b, d, false);
			if (d->agent)
				fn(arg, &d->agent->id, &d->addr, d->teller);
		}
	}
}

void dial_book_clear(struct dial_book *b)
{
	struct dial *d, *next;

	HASH_ITER(hh, b->all, d, next)
		dial_book_forget(b, d);
}
