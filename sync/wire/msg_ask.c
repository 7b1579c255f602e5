/* The messages about requests to join: see msg.h. */
#include <stdlib.h>

#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

enum { ASK_GROUP_LEN = 32, ASK_DIGEST_LEN = 32 };

static bool is_empty_or(ProtobufCBinaryData b, size_t n)
{
	return b.len == 0 || b.len == n;
}

uint8_t *msg_ask_encode(const struct msg_ask *m, size_t *n)
{
	Lanyard__Ask pb;

	lanyard__ask__init(&pb);
	pb.tag = msg_binary(m->tag, MSG_TAG_LEN);
	pb.commitment = msg_binary(m->commitment, MSG_SALT_LEN);
	pb.n_entries = m->nentries;
	pb.entries = msg_binary_list(m->entries, m->nentries);
	pb.number = m->number;
	uint8_t *out = msg_pack(&pb.base, n);

	free(pb.entries);
	return out;
}

int msg_ask_decode(struct msg_ask *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Ask *pb = (void *)msg_unpack(&lanyard__ask__descriptor, a, p, n);

	if (!pb || pb->tag.len != MSG_TAG_LEN || pb->commitment.len != MSG_SALT_LEN || pb->n_entries > MSG_MAX_ASKED)
		return -1;
	*m = (struct msg_ask){ .tag = pb->tag.data,
		               .commitment = pb->commitment.data,
		               .nentries = pb->n_entries,
		               .number = pb->number };
	m->entries = msg_bytes_list(a, pb->entries, pb->n_entries);
	return m->entries ? 0 : -1;
}

uint8_t *msg_ask_answer_encode(const struct msg_ask_answer *m, size_t *n)
{
	Lanyard__AskAnswer pb;

	lanyard__ask_answer__init(&pb);
	pb.tag = msg_binary(m->tag, MSG_TAG_LEN);
	pb.state = m->state;
	pb.salt = msg_binary(m->salt.p, m->salt.n);
	pb.entry = msg_binary(m->entry.p, m->entry.n);
	pb.group = msg_binary(m->group.p, m->group.n);
	pb.number = m->number;
	return msg_pack(&pb.base, n);
}

int msg_ask_answer_decode(struct msg_ask_answer *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__AskAnswer *pb = (void *)msg_unpack(&lanyard__ask_answer__descriptor, a, p, n);

	if (!pb || pb->tag.len != MSG_TAG_LEN || pb->state >= MSG_ASK_STATES || !is_empty_or(pb->salt, MSG_SALT_LEN) ||
	    !is_empty_or(pb->group, ASK_GROUP_LEN) || (pb->state == MSG_ASK_SALT && pb->salt.len == 0) ||
	    (pb->state == MSG_ASK_ACCEPTED && pb->group.len == 0))
		return -1;
	*m = (struct msg_ask_answer){ .tag = pb->tag.data,
		                      .state = (enum msg_ask_state)pb->state,
		                      .salt = msg_bytes_of(pb->salt),
		                      .entry = msg_bytes_of(pb->entry),
		                      .group = msg_bytes_of(pb->group),
		                      .number = pb->number };
	return 0;
}

uint8_t *msg_ask_reveal_encode(const struct msg_ask_reveal *m, size_t *n)
{
	Lanyard__AskReveal pb;

	lanyard__ask_reveal__init(&pb);
	pb.tag = msg_binary(m->tag, MSG_TAG_LEN);
	pb.request = msg_binary(m->request.p, m->request.n);
	return msg_pack(&pb.base, n);
}

int msg_ask_reveal_decode(struct msg_ask_reveal *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__AskReveal *pb = (void *)msg_unpack(&lanyard__ask_reveal__descriptor, a, p, n);

	if (!pb || pb->tag.len != MSG_TAG_LEN)
		return -1;
	*m = (struct msg_ask_reveal){ .tag = pb->tag.data, .request = msg_bytes_of(pb->request) };
	return 0;
}

uint8_t *msg_requests_encode(const struct msg_requests *m, size_t *n)
{
	Lanyard__Requests pb;

	lanyard__requests__init(&pb);
	pb.channel = m->channel;
	pb.digest = msg_binary(m->digest.p, m->digest.n);
	pb.n_entries = m->nentries;
	pb.entries = msg_binary_list(m->entries, m->nentries);
	uint8_t *out = msg_pack(&pb.base, n);

	free(pb.entries);
	return out;
}

int msg_requests_decode(struct msg_requests *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Requests *pb = (void *)msg_unpack(&lanyard__requests__descriptor, a, p, n);

	if (!pb || !is_empty_or(pb->digest, ASK_DIGEST_LEN) || pb->n_entries > MSG_MAX_REQUESTS)
		return -1;
	*m = (struct msg_requests){ .channel = pb->channel,
		                    .digest = msg_bytes_of(pb->digest),
		                    .nentries = pb->n_entries };
	m->entries = msg_bytes_list(a, pb->entries, pb->n_entries);
	return m->entries ? 0 : -1;
}
