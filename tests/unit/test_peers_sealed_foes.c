/* What a member of a sealed group can send to harm: plain frames, altered, repeated and strange ones, and too much. */
#include "tests/unit/sealed_nodes.h"

#include <string.h>

#include "base/mem.h"

/* One of a group's frames for a channel. */
typedef uint8_t *frame_maker(uint32_t channel, size_t *n);

static uint8_t *a_news(uint32_t channel, size_t *n)
{
	return msg_news_encode(&(struct msg_news){ .channel = channel, .after = 0, .upto = 1 }, n);
}

static uint8_t *an_ack(uint32_t channel, size_t *n)
{
	return msg_news_ack_encode(&(struct msg_news_ack){ .channel = channel }, n);
}

static uint8_t *a_hello(uint32_t channel, size_t *n)
{
	return msg_index_hello_encode(&(struct msg_index_hello){ .channel = channel, .epoch = 1 }, n);
}

static uint8_t *a_get(uint32_t channel, size_t *n)
{
	struct content content = { .size = 1, .nblocks = 1 };
	struct block_want want = { .request = 4, .len = 1 };

	return msg_get_encode(&(struct msg_get){ .channel = channel, .content = content, .wants = &want, .nwants = 1 },
	                      n);
}

static uint8_t *a_list_get(uint32_t channel, size_t *n)
{
	return msg_list_get_encode(&(struct msg_list_get){ .channel = channel, .content = { .size = 2, .nblocks = 2 } },
	                           n);
}

static uint8_t *a_map(uint32_t channel, size_t *n)
{
	return msg_map_encode(&(struct msg_map){ .channel = channel,
	                                         .map = { .content = { .size = 9, .nblocks = 5 }, .all = true } },
	                      n);
}

static uint8_t *an_answer(uint32_t channel, size_t *n)
{
	return msg_hold_answer_encode(&(struct msg_hold_answer){ .channel = channel }, n);
}

static uint8_t *some_ranges(uint32_t channel, size_t *n)
{
	return msg_ranges_encode(&(struct msg_ranges){ .channel = channel }, n);
}

static const struct {
	uint8_t type;
	frame_maker *make;
} plain_frames[] = { { FRAME_NEWS, a_news },           { FRAME_NEWS_ACK, an_ack },
	             { FRAME_INDEX_HELLO, a_hello },   { FRAME_GET, a_get },
	             { FRAME_LIST_GET, a_list_get },   { FRAME_MAP, a_map },
	             { FRAME_HOLD_ANSWER, an_answer }, { FRAME_RANGES, some_ranges } };

static void refused_for(const char *why)
{
	UNTIL(b.refused > 0);
	assert_string_equal(b.last_refusal, why);
	assert_int_equal(connections(&b), 0);
}

static void a_plain_frame_ends_the_connection(void **state)
{
	size_t which = *(size_t *)*state, n;
	uint8_t *body;

	sealed_pair(5, 5);
	put_file(&b, "secret", "not for those without the keys", NULL);
	UNTIL(in_sync() && a.records == 1);
	body = plain_frames[which].make((uint32_t)talk_to(&a, &b)->my_channel, &n);
	link_send(session_to(&a, &b)->link, LINK_CONTROL, plain_frames[which].type, NULL, 0, body, n);
	refused_for("sent plain text in a sealed group");
	assert_int_equal(b.records, 0);
}

/* Even while the group has not come up. */
static void a_plain_hello_does_not_open_a_sealed_group(void **state)
{
	size_t n;
	uint8_t *body;

	(void)state;
	sealed_pair(0, 5);
	UNTIL(of_a.keys_in > 0 && of_b.keys_in > 0);
	body = a_hello((uint32_t)talk_to(&a, &b)->my_channel, &n);
	link_send(session_to(&a, &b)->link, LINK_CONTROL, FRAME_INDEX_HELLO, NULL, 0, body, n);
	refused_for("sent plain text in a sealed group");
	assert_int_equal(b.ups, 0);
}

static void plain_answers_end_the_connection(void **state)
{
	struct content content;
	uint8_t head[MSG_BLOCK_HEAD_ANY];
	struct msg_block m = { .request = 9, .flags = MSG_BLOCK_NONE, .number = SWARM_AS_ASKED };

	(void)state;
	sealed_pair(5, 5);
	put_file(&a, "file", "x", &content);
	UNTIL(in_sync());
	/* As if it had been asked for: the answer is on its way. */
	talk_to(&b, &a)->session->inflight = NULL;
	struct inflight *f = MEM_NEW(struct inflight);

	*f = (struct inflight){ .request = 9, .len = 1, .talk = talk_to(&b, &a) };
	HASH_ADD(hh, session_to(&b, &a)->inflight, request, sizeof(f->request), f);
	f->talk->inflight_bytes += 1;
	link_send(session_to(&a, &b)->link, LINK_BULK, FRAME_BLOCK, head, msg_block_head(head, &m), NULL, 0);
	refused_for("sent plain text in a sealed group");
	assert_false(b.answered);
}

/* The session refuses to be the way out, whoever asks it. */
static void there_is_one_way_out(void **state)
{
	struct session *s;
	size_t n;

	(void)state;
	pair();
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	s = session_to(&a, &b);
	session_send(s, FRAME_NEWS, a_news(0, &n), 1);
	assert_string_equal(s->condemned, "a frame took the wrong way out");
}

/* As talk_send() seals, but with what the test chooses. */
static uint8_t *sealed_by(struct talk *t, const struct keys *k, uint64_t counter, uint8_t type, uint8_t *body, size_t n,
                          size_t *total)
{
	struct session *s = t->session;
	struct wrap *w = wrap_new(k, s->link->binding, identity_id(s->peers->config.self), &s->id);
	struct msg_sealed m = { .channel = (uint32_t)t->my_channel,
		                .generation = keys_about(k)->id,
		                .counter = counter,
		                .type = type };
	uint8_t *p = mem_calloc(MSG_SEALED_HEAD + n + MSG_SEALED_TAG, 1);

	msg_sealed_head(p, &m);
	memcpy(p + MSG_SEALED_HEAD, body, n);
	wrap_seal(w, counter, p, MSG_SEALED_HEAD, p + MSG_SEALED_HEAD, n, p + MSG_SEALED_HEAD + n);
	wrap_free(w);
	free(body);
	*total = MSG_SEALED_HEAD + n + MSG_SEALED_TAG;
	return p;
}

static void send_raw(struct talk *t, uint8_t *p, size_t n)
{
	link_send(t->session->link, LINK_CONTROL, FRAME_SEALED, NULL, 0, p, n);
}

static void a_sealed_frame_counts_once_and_in_order(void **state)
{
	long step = *(long *)*state;
	struct talk *t;
	uint8_t *body, *p;
	size_t n, total;

	sealed_pair(5, 5);
	UNTIL(in_sync());
	t = talk_to(&a, &b);
	body = an_ack((uint32_t)t->my_channel, &n);
	p = sealed_by(t, of_a.keys, t->session->sealed_out + (uint64_t)step, FRAME_NEWS_ACK, body, n, &total);
	if (step == 0)
		send_raw(t, mem_dup(p, total), total);
	send_raw(t, p, total);
	refused_for("sent a sealed frame out of order");
}

static void an_altered_frame_ends_the_connection(void **state)
{
	size_t n, total, at = *(size_t *)*state;
	struct talk *t;
	uint8_t *p, *body;

	sealed_pair(5, 5);
	UNTIL(in_sync());
	t = talk_to(&a, &b);
	body = an_ack((uint32_t)t->my_channel, &n);
	p = sealed_by(t, of_a.keys, t->session->sealed_out, FRAME_NEWS_ACK, body, n, &total);
	p[at < total ? at : total - 1] ^= at == 20 ? FRAME_NEWS_ACK ^ FRAME_NEWS : 1;
	send_raw(t, p, total);
	refused_for("sent a sealed frame that was altered");
}

static void an_altered_block_ends_the_connection(void **state)
{
	struct content content;
	struct block_want want = { .request = 9 };
	struct talk *t;
	struct session *s;

	(void)state;
	sealed_pair(5, 5);
	put_file(&a, "file", "some bytes that are fetched", &content);
	UNTIL(in_sync());
	want.len = (uint32_t)content.size;
	memcpy(want.hash, content.root, sizeof(want.hash));
	inflight_get(talk_to(&b, &a), &content, &want, 1);
	t = talk_to(&a, &b);
	s = t->session;
	struct talk_block block;
	uint8_t *data = mem_calloc(want.len + MSG_SEALED_TAG, 1);

	assert_true(talk_block_begin(t, &block));
	talk_block_seal(&block, &(struct msg_block){ .request = 9, .plain_len = want.len, .number = SWARM_AS_ASKED },
	                data, want.len);
	data[0] ^= 1;
	talk_block_send(t, &block, data, want.len);
	talk_block_clear(&block);
	(void)s;
	refused_for("sent a sealed frame that was altered");
}

/* The right keys, but not those of the current generation: honest peers are not in step. */
static void another_generation_is_left_out(void **state)
{
	struct keys *old;
	struct talk *t;
	size_t n, total, records = b.records;
	uint8_t *body, *p;

	(void)state;
	sealed_pair(5, 5);
	UNTIL(in_sync());
	old = generation(4);
	t = talk_to(&a, &b);
	body = an_ack((uint32_t)t->my_channel, &n);
	p = sealed_by(t, old, t->session->sealed_out++, FRAME_NEWS_ACK, body, n, &total);
	send_raw(t, p, total);
	put_file(&a, "file", "goes on", NULL);
	UNTIL(in_sync() && b.records == records + 1);
	assert_int_equal(b.refused, 0);
	keys_free(old);
}

/* A group that is not sealed shares the connection: neither speaks for the other. */
static void a_sealed_frame_speaks_of_its_own_group_only(void **state)
{
	struct roster *r = founded(), *rb = admitted(r, &b);
	struct peer_group_config other = { .roster = r, .hooks = &node_hooks, .arg = &a };
	struct peer_group *ga, *gb;
	struct talk *t, *o;
	size_t n, total;
	uint8_t *body, *p;

	(void)state;
	sealed_pair(5, 5);
	ga = peer_group_new(a.peers, &other);
	other.roster = rb;
	other.arg = &b;
	gb = peer_group_new(b.peers, &other);
	UNTIL(in_sync() && talk_of_peer(ga, agent_id_short(identity_id(b.self))) != NULL);
	t = talk_to(&a, &b);
	o = talk_of_peer(ga, agent_id_short(identity_id(b.self)));
	body = an_ack((uint32_t)o->my_channel, &n);
	p = sealed_by(t, of_a.keys, t->session->sealed_out, FRAME_NEWS_ACK, body, n, &total);
	send_raw(t, p, total);
	refused_for("sent plain text in a sealed group");
	peer_group_free(ga);
	peer_group_free(gb);
	roster_free(r);
	roster_free(rb);
}

static void keys_and_heads_come_at_a_bounded_rate(void **state)
{
	struct msg_bytes envelopes[MSG_MAX_ENVELOPES];
	const struct msg_keys m = { .envelopes = envelopes, .nenvelopes = MSG_MAX_ENVELOPES };

	(void)state;
	sealed_pair(5, 5);
	UNTIL(in_sync());
	for (size_t i = 0; i < MSG_MAX_ENVELOPES; i++)
		envelopes[i] = (struct msg_bytes){ .p = (const uint8_t *)"envelope", .n = 8 };
	for (int i = 0; i < 30; i++)
		assert_int_equal(peer_group_keys(a.group, agent_id_short(identity_id(b.self)), &m), 0);
	UNTIL(of_b.envelopes_in >= 960);
	assert_true(of_b.envelopes_in <= 1088);
	UNTIL(talk_to(&b, &a) == NULL || session_to(&b, &a)->condemned != NULL);
}

int main(void)
{
	static size_t frames[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, places[] = { 20, 22, 1000 };
	static long steps[] = { 0, 1, -1 };
	const struct CMUnitTest tests[] = {
		SEALED_OF(a_plain_frame_ends_the_connection, frames[0]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[1]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[2]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[3]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[4]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[5]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[6]),
		SEALED_OF(a_plain_frame_ends_the_connection, frames[7]),
		SEALED(a_plain_hello_does_not_open_a_sealed_group),
		SEALED(plain_answers_end_the_connection),
		SEALED(there_is_one_way_out),
		SEALED_OF(a_sealed_frame_counts_once_and_in_order, steps[0]),
		SEALED_OF(a_sealed_frame_counts_once_and_in_order, steps[1]),
		SEALED_OF(a_sealed_frame_counts_once_and_in_order, steps[2]),
		SEALED_OF(an_altered_frame_ends_the_connection, places[0]),
		SEALED_OF(an_altered_frame_ends_the_connection, places[1]),
		SEALED_OF(an_altered_frame_ends_the_connection, places[2]),
		SEALED(an_altered_block_ends_the_connection),
		SEALED(another_generation_is_left_out),
		SEALED(a_sealed_frame_speaks_of_its_own_group_only),
		SEALED(keys_and_heads_come_at_a_bounded_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
