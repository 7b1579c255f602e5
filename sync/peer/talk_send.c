/* The one door through which what is said of a group leaves: index, news, blocks. In a sealed group it goes out inside
 * SEALED, or not at all. Whether the peer may still have it is asked of the roster and of the owner each time, since a
 * removal, a new role or a new generation counts from the moment at which it is known here. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/wire/codec.h"

/* Nothing may come here before both sides are known to have the keys, nor for a vault. That is a defect, which must not
 * tell anything. */
static void talk_send_defect(struct talk *t, uint8_t type)
{
	const struct log_about about = talk_about(t);

	log_about(LOG_ERROR, &about, "%s: a frame of type %u was about to leave a sealed group without a key",
	          t->session->link->address, type);
	if (!t->session->condemned)
		t->session->condemned = "a frame of a sealed group had no key";
}

/* The keys to seal with; NULL: nothing may be said now. The talk then ends soon. */
static struct wrap *wrap_to_send(struct talk *t, uint8_t type)
{
	struct peer_group *g = t->group;

	if (g->config.seal == NULL || !t->seal.common || talk_is_vault(t)) {
		talk_send_defect(t, type);
		return NULL;
	}
	if (!roster_may(g->config.roster, &t->session->id, RIGHT_KEYS))
		return NULL;
	return talk_wrap(t);
}

static uint8_t *replace(uint8_t *body, uint8_t *by)
{
	free(body);
	return by;
}

/* Replaces the body by its compressed form, with room for the tag, where that saves an eighth. Returns the flags. */
static uint8_t talk_send_compress(uint8_t **body, size_t *n)
{
	size_t cap = *n - *n / 8, packed_n = 0;
	uint8_t *packed = NULL;

	if (*n >= CODEC_WORTHWHILE) {
		packed = mem_realloc(NULL, cap + MSG_SEALED_TAG, 1);
		packed_n = codec_compress(packed, cap, *body, *n);
	}
	if (packed_n == 0) {
		free(packed);
		*body = mem_realloc(*body, *n + MSG_SEALED_TAG, 1);
		return 0;
	}
	*body = replace(*body, packed);
	*n = packed_n;
	return FRAME_FLAG_ZSTD;
}

/* Sealed here, so in the order in which it is queued: the peer counts. */
static void send_sealed(struct talk *t, struct wrap *w, uint8_t type, uint8_t *body, size_t n)
{
	struct session *s = t->session;
	struct msg_sealed m = { .channel = (uint32_t)t->my_channel,
		                .generation = wrap_generation(w),
		                .type = type,
		                .flags = talk_send_compress(&body, &n) };
	size_t clear = m.flags != 0 ? CODEC_PREFIX : 0;
	uint8_t front[MSG_SEALED_FRONT];

	m.counter = s->sealed_out++;
	msg_sealed_head(front, &m);
	memcpy(front + MSG_SEALED_HEAD, body, clear);
	wrap_seal(w, m.counter, front, MSG_SEALED_HEAD + clear, body + clear, n - clear, body + n);
	session_queue(s, LINK_CONTROL, FRAME_SEALED, front, MSG_SEALED_HEAD, body, n + MSG_SEALED_TAG);
}

void talk_send(struct talk *t, uint8_t type, uint8_t *body, size_t n)
{
	struct wrap *w;

	if (!talk_is_sealed(t)) {
		session_queue(t->session, LINK_CONTROL, type, NULL, 0, body, n);
		return;
	}
	w = t->session->closed ? NULL : wrap_to_send(t, type);
	if (w != NULL)
		send_sealed(t, w, type, body, n);
	else
		free(body);
}

/* --- blocks --- */

bool talk_block_begin(struct talk *t, struct talk_block *b)
{
	struct wrap *w;

	*b = (struct talk_block){ 0 };
	if (!talk_is_sealed(t))
		return true;
	w = wrap_to_send(t, FRAME_BLOCK);
	if (w == NULL)
		return false;
	b->wrap = wrap_ref(w);
	b->channel = (uint32_t)t->my_channel;
	b->counter = MSG_SEALED_BULK | t->session->sealed_out_bulk++;
	return true;
}

void talk_block_seal(struct talk_block *b, const struct msg_block *m, uint8_t *data, size_t n)
{
	const struct msg_sealed sealed = { .channel = b->channel, .counter = b->counter, .type = FRAME_BLOCK };
	struct msg_sealed head = sealed;

	if (b->wrap == NULL) {
		b->front_n = msg_block_head(b->front, m);
		return;
	}
	head.generation = wrap_generation(b->wrap);
	msg_sealed_head(b->front, &head);
	b->front_n = MSG_SEALED_HEAD + msg_block_head(b->front + MSG_SEALED_HEAD, m);
	wrap_seal(b->wrap, b->counter, b->front, b->front_n, data, n, data + n);
}

void talk_block_send(struct talk *t, struct talk_block *b, uint8_t *data, size_t n)
{
	struct wrap *w = b->wrap;

	/* It may have been read for long. */
	if (w == NULL)
		session_queue(t->session, LINK_BULK, FRAME_BLOCK, b->front, b->front_n, data, n);
	else if (wrap_to_send(t, FRAME_BLOCK) != NULL)
		session_queue(t->session, LINK_BULK, FRAME_SEALED, b->front, b->front_n, data, n + MSG_SEALED_TAG);
	else
		free(data);
}

void talk_block_clear(struct talk_block *b)
{
	wrap_free(b->wrap);
	b->wrap = NULL;
}

/* --- to a vault, or as one --- */

void talk_vault_send(struct talk *t, const struct msg_vault *base)
{
	struct msg_vault m = *base;
	size_t n;

	m.channel = (uint32_t)t->my_channel;
	uint8_t *body = msg_vault_encode(&m, &n);

	session_send(t->session, FRAME_VAULT, body, n);
}

void talk_vault_hello(struct talk *t, const struct msg_index_hello *m)
{
	talk_vault_send(t, &(struct msg_vault){ .what = MSG_VAULT_HELLO,
	                                        .epoch = m->epoch,
	                                        .seq = m->seq,
	                                        .have_epoch = m->have_epoch,
	                                        .have_seq = m->have_seq,
	                                        .settled = m->settled < m->have_seq ? m->settled : m->have_seq,
	                                        .role_known = m->role_known });
}

void talk_vault_ack(struct talk *t, const struct msg_news_ack *m)
{
	talk_vault_send(t, &(struct msg_vault){ .what = MSG_VAULT_ACK,
	                                        .epoch = m->epoch,
	                                        .have_epoch = m->epoch,
	                                        .have_seq = m->received,
	                                        .settled = m->settled });
}
