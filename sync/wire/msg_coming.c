/* The message of files that are still being hashed or written: see msg.h and sync/plan/coming_run.h. */
#include <string.h>

#include "sync/plan/coming_run.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

enum { ENTRY = 36 };

uint8_t *msg_coming_encode(const struct msg_coming *m, size_t *n)
{
	Lanyard__Coming pb;

	lanyard__coming__init(&pb);
	pb.channel = m->channel;
	pb.id = m->id;
	pb.path = msg_binary(m->path, strlen(m->path));
	pb.ended = m->ended;
	pb.at = (uint64_t)m->at;
	pb.blocks = msg_binary(m->blocks.p, m->blocks.n);
	return msg_pack(&pb.base, n);
}

/* A run has blocks and begins within the largest file; an end has none. */
static bool is_possible(const Lanyard__Coming *pb)
{
	if (pb->path.len == 0 || pb->path.len > RECORD_PATH_MAX || memchr(pb->path.data, '\0', pb->path.len) != NULL)
		return false;
	if (pb->blocks.len % ENTRY != 0 || pb->blocks.len > (size_t)COMING_BLOCKS_MAX * ENTRY)
		return false;
	return pb->at <= (uint64_t)COMING_SIZE_MAX && pb->ended == (pb->blocks.len == 0);
}

int msg_coming_decode(struct msg_coming *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Coming *pb = (void *)msg_unpack(&lanyard__coming__descriptor, a, p, n);
	char *path;

	if (pb == NULL || !is_possible(pb))
		return -1;
	path = msg_arena_alloc(a, pb->path.len + 1);
	if (path == NULL)
		return -1;
	memcpy(path, pb->path.data, pb->path.len);
	path[pb->path.len] = '\0';
	*m = (struct msg_coming){ .channel = pb->channel,
		                  .id = pb->id,
		                  .path = path,
		                  .ended = pb->ended,
		                  .at = (int64_t)pb->at,
		                  .blocks = { .p = pb->blocks.data, .n = pb->blocks.len } };
	return 0;
}
