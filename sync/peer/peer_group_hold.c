/* What is asked before a file is dropped: whether a peer has this version of it or a later one, and keeps it. Only a
 * connected peer that may write is asked, and only the answer of one that still may counts: a reader might claim to
 * hold the last copy. Each question is answered once; an answer to no question is dropped. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/path.h"

int peer_group_hold_ask(struct peer_group *g, uint64_t peer, uint32_t request, const struct record *r)
{
	struct talk *t = talk_of_peer(g, peer);
	struct msg_hold_ask m = { .request = request, .record = *r };
	struct hold_question *q;
	uint8_t *body;
	size_t n;

	if (t == NULL || !t->up || !talk_vouches(t))
		return -1;
	HASH_FIND(hh, t->questions, &request, sizeof(request), q);
	if (q == NULL) {
		q = MEM_NEW(struct hold_question);
		q->request = request;
		HASH_ADD(hh, t->questions, request, sizeof(q->request), q);
	}
	m.channel = (uint32_t)t->my_channel;
	body = msg_hold_ask_encode(&m, &n);
	session_send(t->session, FRAME_HOLD_ASK, body, n);
	return 0;
}

/* A peer that asks and does not read is not answered: without an answer nobody drops. */
void peer_group_hold_asked(struct talk *t, const struct msg_hold_ask *m)
{
	const struct peer_group_config *c = &t->group->config;
	const char *path = m->record.path;
	struct msg_hold_answer answer = { .channel = (uint32_t)t->my_channel, .request = m->request };
	uint8_t *body;
	size_t n;

	if (t->session->link->queued_control >= LINK_CONTROL_LOW)
		return;
	answer.has = path_check(path, strlen(path)) == PATH_OK && c->hooks->holds(c->arg, &m->record);
	body = msg_hold_answer_encode(&answer, &n);
	session_send(t->session, FRAME_HOLD_ANSWER, body, n);
}

void peer_group_hold_answered(struct talk *t, const struct msg_hold_answer *m)
{
	const struct peer_group_config *c = &t->group->config;
	struct hold_question *q;

	HASH_FIND(hh, t->questions, &m->request, sizeof(m->request), q);
	if (q == NULL)
		return;
	HASH_DEL(t->questions, q);
	free(q);
	c->hooks->hold_answer(c->arg, t->session->peer, m->request, m->has && talk_vouches(t));
}

void peer_group_hold_stop(struct talk *t)
{
	struct hold_question *q, *next;

	HASH_ITER(hh, t->questions, q, next) {
		HASH_DEL(t->questions, q);
		free(q);
	}
}
