/* Messages by which a large group keeps its connections few: KEEP and HERE. See msg.h. */
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

uint8_t *msg_keep_encode(const struct msg_keep *m, size_t *n)
{
	Lanyard__Keep pb;

	lanyard__keep__init(&pb);
	pb.needed = m->needed;
	pb.spare = m->spare;
	return msg_pack(&pb.base, n);
}

int msg_keep_decode(struct msg_keep *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Keep *pb = (void *)msg_unpack(&lanyard__keep__descriptor, a, p, n);

	if (!pb)
		return -1;
	*m = (struct msg_keep){ .needed = pb->needed, .spare = pb->spare };
	return 0;
}

uint8_t *msg_here_encode(const struct msg_here *m, size_t *n)
{
	Lanyard__Here pb;

	lanyard__here__init(&pb);
	pb.channel = m->channel;
	pb.members = msg_binary(m->members.p, m->members.n);
	return msg_pack(&pb.base, n);
}

int msg_here_decode(struct msg_here *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Here *pb = (void *)msg_unpack(&lanyard__here__descriptor, a, p, n);

	if (!pb || pb->members.len % MSG_HERE_LEN != 0 || pb->members.len > (size_t)MSG_MAX_HERE * MSG_HERE_LEN)
		return -1;
	*m = (struct msg_here){ .channel = pb->channel, .members = { .p = pb->members.data, .n = pb->members.len } };
	return 0;
}
