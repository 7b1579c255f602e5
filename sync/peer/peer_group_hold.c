/* What is asked before a file is dropped: whether a peer has this version of it or a later one, and keeps it. Only a
 * connected peer that may write is asked, and only the answer of one that still may counts: a reader might claim to
 * hold the last copy. A row alone is not an answer, since the file may be gone or changed before the scan comes to it:
 * a worker reads its beginning. Each question is answered once; an answer to no question is dropped. */
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
	talk_send(t, FRAME_HOLD_ASK, body, n);
	return 0;
}

/* --- the peer that is asked --- */

enum {
	HOLD_CHECKS_MAX = 512, /* of one talk, under way */
	HOLD_READ = 4096,      /* bytes of a file: a question costs its asker little, so it may cost us little */
};

/* One question about a file that our row says is here. */
struct hold_check {
	struct session *session;
	uint64_t talk; /* its serial */
	uint32_t request;
	struct record asked; /* owned */
	struct content_reading *reading;
	uint32_t len;
	bool read;
};

static void hold_answer(struct talk *t, uint32_t request, bool has)
{
	struct msg_hold_answer answer = { .channel = (uint32_t)t->my_channel, .request = request, .has = has };
	size_t n;
	uint8_t *body = msg_hold_answer_encode(&answer, &n);

	talk_send(t, FRAME_HOLD_ANSWER, body, n);
}

static bool is_held(const struct peer_group *g, const struct record *asked)
{
	return path_check(asked->path, strlen(asked->path)) == PATH_OK && g->config.hooks->holds(g->config.arg, asked);
}

static void hold_check_read(void *arg)
{
	struct hold_check *k = arg;
	uint8_t *bytes = malloc(k->len);

	k->read = bytes != NULL && content_read(k->reading, bytes) == 0;
	free(bytes);
}

/* It may be dropped here meanwhile. */
static void hold_check_done(void *arg)
{
	struct hold_check *k = arg;
	struct session *s = k->session;
	struct talk *t = talk_of_serial(s, k->talk);

	content_close(k->reading);
	if (t != NULL) {
		t->hold_checks--;
		hold_answer(t, k->request, k->read && is_held(t->group, &k->asked));
	}
	record_clear(&k->asked);
	free(k);
	session_job_done(s);
}

/* Has the file of our row read. That it is what the row says its metadata tell; where these leave a doubt the answer is
 * no, until the scan has been there. False: it cannot be read. */
static bool hold_check(struct talk *t, const struct msg_hold_ask *m)
{
	const struct peer_group_config *c = &t->group->config;
	struct content_reading *reading = NULL;
	struct record row = { 0 };
	struct block_want want = { 0 };
	struct hold_check *k;

	if (t->hold_checks < HOLD_CHECKS_MAX && index_get(c->index, m->record.path, &row) > 0 && row.content.size > 0) {
		want.len = row.content.size < HOLD_READ ? (uint32_t)row.content.size : HOLD_READ;
		memcpy(want.hash, row.content.root, sizeof(want.hash));
		reading = content_open(&c->sources, &row.content, &row, &want);
	}
	record_clear(&row);
	if (reading == NULL)
		return false;
	k = MEM_NEW(struct hold_check);
	k->session = t->session;
	k->talk = t->serial;
	k->request = m->request;
	k->reading = reading;
	k->len = want.len;
	record_copy(&k->asked, &m->record);
	t->hold_checks++;
	t->session->jobs++;
	workers_submit(c->workers, WORKERS_QUICK, hold_check_read, hold_check_done, k);
	return true;
}

/* A peer that asks and does not read is not answered: without an answer nobody drops. */
void peer_group_hold_asked(struct talk *t, const struct msg_hold_ask *m)
{
	const struct record *r = &m->record;
	bool has;

	if (t->session->link->queued_control >= LINK_CONTROL_LOW)
		return;
	has = is_held(t->group, r);
	if (has && r->kind == RECORD_FILE && r->content.nblocks > 0 && hold_check(t, m))
		return;
	hold_answer(t, m->request, has && (r->kind != RECORD_FILE || r->content.nblocks == 0));
}

/* --- the peer that asks --- */

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
