/* HELLO: what an agent says of itself on a connection, with a tag for each group that it offers there. */
#include "base/clock.h"
#include "sync/group/tag.h"
#include "sync/peer/ask_internal.h"

enum { PAD_TAGS = 8 };

/* Our identity, without groups and without a port to reach us at. */
static struct msg_hello plain_hello(const struct peers *p)
{
	return (struct msg_hello){ .version = SESSION_PROTOCOL,
		                   .software = "lanyard " LANYARD_VERSION,
		                   .name = p->config.name,
		                   .run_id = p->run_id,
		                   .moved = p->config.moved,
		                   .asks = asker_book_active(p),
		                   .sealed = true };
}

/* Adds tags that stand for nothing: how many groups we are in is nobody's business. */
static void pad(struct session *s, uint8_t tags[MSG_MAX_TAGS][MSG_TAG_LEN], size_t *n)
{
	while ((*n == 0 || *n % PAD_TAGS != 0) && *n < MSG_MAX_TAGS) {
		random_bytes(tags[(*n)++], MSG_TAG_LEN);
		s->nchannels++;
	}
}

/* An agent that may be a stranger is not told our name; session_trust() sends it in one more hello. Only the first
 * hello is padded: later ones show a single group anyway. */
void session_hello_send(struct session *s, struct peer_group *const *groups, size_t n)
{
	uint8_t tags[MSG_MAX_TAGS][MSG_TAG_LEN];
	struct peers *p = s->peers;
	struct msg_hello hello = plain_hello(p);
	size_t size;

	hello.listen_port = p->port > 0 ? (uint32_t)p->port : 0;
	for (size_t i = 0; i < n && s->nchannels < SESSION_MAX_CHANNELS && i < MSG_MAX_TAGS; i++) {
		s->channels[s->nchannels++] = groups[i];
		tag_hello(tags[hello.ntags++], roster_group(groups[i]->config.roster), identity_id(p->config.self),
		          s->link->binding);
	}
	if (!s->hello_sent)
		pad(s, tags, &hello.ntags);
	s->hello_sent = true;
	if (!s->name_sent && !s->link->trusted && !slots_is_member(p, &s->id))
		hello.name = "";
	s->name_sent |= *hello.name != '\0';
	hello.tags = (const uint8_t(*)[MSG_TAG_LEN])tags;
	uint8_t *body = msg_hello_encode(&hello, &size);

	session_send(s, FRAME_HELLO, body, size);
}

void session_trust(struct session *s)
{
	s->link->trusted = true;
	if (!s->name_sent)
		session_hello_send(s, NULL, 0);
}

uint8_t *session_hello_run(struct peers *p, size_t *n)
{
	struct msg_hello hello = plain_hello(p);

	return msg_hello_encode(&hello, n);
}
