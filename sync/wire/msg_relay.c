/* RELAY: contents of small files, from the receiver that their maker gave them to, on to the others. See msg.h. */
#include <stdlib.h>

#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

uint8_t *msg_relay_encode(const struct msg_relay *m, size_t *n)
{
	ProtobufCBinaryData *contents = msg_binary_list(m->contents, m->n);
	Lanyard__Relay pb;

	lanyard__relay__init(&pb);
	pb.channel = m->channel;
	pb.roots = msg_binary(m->roots, 32 * m->n);
	pb.n_contents = m->n;
	pb.contents = contents;
	uint8_t *out = msg_pack(&pb.base, n);

	free(contents);
	return out;
}

int msg_relay_decode(struct msg_relay *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Relay *pb = (void *)msg_unpack(&lanyard__relay__descriptor, a, p, n);

	if (!pb || pb->n_contents == 0 || pb->n_contents > MSG_MAX_RECORDS || pb->roots.len != 32 * pb->n_contents)
		return -1;
	for (size_t i = 0; i < pb->n_contents; i++) {
		if (pb->contents[i].len == 0 || pb->contents[i].len > MSG_INLINE_MAX)
			return -1;
	}
	*m = (struct msg_relay){ .channel = pb->channel, .n = pb->n_contents };
	m->roots = (const uint8_t(*)[32])pb->roots.data;
	m->contents = msg_bytes_list(a, pb->contents, pb->n_contents);
	return m->contents ? 0 : -1;
}
