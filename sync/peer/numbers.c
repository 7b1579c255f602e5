/* Our sequence numbers, as peers know them. If a peer knows numbers of ours that this index has not given to any
 * row, the index was rolled back: it may have given them twice, and must begin a new epoch, which means work for
 * every member. A mere claim is not enough for that. So each NEWS carries our signature of the number that it ends
 * with. The receiver keeps the last one, and shows it when it says how far it has our rows. A peer that shows none
 * is sent all our rows again, and nobody else is. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum { PREFIX = 17, STATEMENT_LEN = PREFIX + 32 + 8 + 8 };

static void statement(uint8_t out[STATEMENT_LEN], const struct peer_group *g, uint64_t epoch, uint64_t number)
{
	memcpy(out, "lanyard number 1", PREFIX);
	memcpy(out + PREFIX, roster_group(g->config.roster)->b, 32);
	put_u64(out + PREFIX + 32, epoch);
	put_u64(out + PREFIX + 40, number);
}

const uint8_t *numbers_signature(struct peer_group *g, uint64_t number)
{
	struct index_proof *last = &g->signed_last;
	uint64_t epoch = index_epoch(g->config.index);
	uint8_t bytes[STATEMENT_LEN];

	/* Most peers that are up are sent the same numbers. */
	if (last->epoch != epoch || last->number != number) {
		statement(bytes, g, epoch, number);
		identity_sign(g->peers->config.self, bytes, sizeof(bytes), last->signature);
		last->epoch = epoch;
		last->number = number;
	}
	return last->signature;
}

void numbers_keep(struct talk *t, const struct msg_news *m)
{
	if (m->signature.n != sizeof(t->shown.signature) || m->upto < t->cursor)
		return;
	t->shown = (struct index_proof){ .epoch = t->their_epoch, .number = m->upto };
	memcpy(t->shown.signature, m->signature.p, sizeof(t->shown.signature));
	t->shown_due = true;
}

void numbers_store(struct talk *t)
{
	if (t->shown_due && index_peer_proof_put(t->group->config.index, t->session->peer, &t->shown) == 0)
		t->shown_due = false;
}

void numbers_show(struct talk *t, struct msg_index_hello *m)
{
	if (index_peer_proof_get(t->group->config.index, t->session->peer, &t->shown) < 0 || t->shown.number == 0 ||
	    t->shown.epoch != m->have_epoch)
		return;
	m->shown = t->shown.number;
	m->signature = (struct msg_bytes){ .p = t->shown.signature, .n = sizeof(t->shown.signature) };
}

bool numbers_went_back(const struct talk *t, const struct msg_index_hello *m)
{
	const struct peer_group *g = t->group;

	uint64_t known = talk_vouches(t) ? numbers_sent(t) : index_seq(g->config.index);
	uint8_t bytes[STATEMENT_LEN];

	if (m->signature.n != SIGNATURE_LEN || m->shown <= known)
		return false;
	statement(bytes, g, m->have_epoch, m->shown);
	return identity_verify(identity_public_key(g->peers->config.self), bytes, sizeof(bytes), m->signature.p) == 0;
}

/* --- how far our rows are settled --- */

struct settled {
	struct index *index;
	uint64_t upto;
};

static bool greatest_settled(void *arg, const struct roster_member *m)
{
	struct settled *s = arg;
	struct index_peer p;

	if (rights_has(m->role, RIGHT_WRITE) && index_peer_get(s->index, agent_id_short(&m->id), &p) == 0 &&
	    p.settled_epoch == index_epoch(s->index) && p.settled > s->upto)
		s->upto = p.settled;
	return true;
}

uint64_t peers_settled(const struct roster *r, struct index *index)
{
	struct settled s = { .index = index };

	roster_members(r, greatest_settled, &s);
	return s.upto;
}

/* --- how far our rows were sent to each peer --- */

void numbers_note_sent(struct talk *t, uint64_t upto)
{
	struct peer_group *g = t->group;
	uint64_t peer = t->session->peer;
	struct numbers_peer *sent;

	HASH_FIND(hh, g->sent, &peer, sizeof(peer), sent);
	if (!sent) {
		sent = MEM_NEW(struct numbers_peer);
		sent->peer = peer;
		HASH_ADD(hh, g->sent, peer, sizeof(sent->peer), sent);
	}
	if (upto > sent->upto)
		sent->upto = upto;
}

uint64_t numbers_sent(const struct talk *t)
{
	const struct peer_group *g = t->group;
	struct numbers_peer *sent;

	HASH_FIND(hh, g->sent, &t->session->peer, sizeof(t->session->peer), sent);
	return sent && sent->upto > g->seq_at_open ? sent->upto : g->seq_at_open;
}

void numbers_forget_sent(struct peer_group *g)
{
	struct numbers_peer *sent, *next;

	HASH_ITER(hh, g->sent, sent, next) {
		HASH_DEL(g->sent, sent);
		free(sent);
	}
}
