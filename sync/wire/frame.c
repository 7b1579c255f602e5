/* Frame headers: see frame.h. */
#include "sync/wire/frame.h"

#include "base/bytes.h"

/* The size of each message at the limits of msg.h, rounded up. */
static const uint32_t max_of[] = {
	[FRAME_HELLO] = 16 << 10,
	[FRAME_BYE] = 1 << 10,
	[FRAME_PING] = 64,
	[FRAME_PONG] = 64,
	[FRAME_GROUP_OPEN] = 512 << 10,
	[FRAME_GROUP_CLOSE] = 1 << 10,
	[FRAME_ROSTER] = FRAME_MAX_CONTROL,
	[FRAME_INDEX_HELLO] = 1 << 10,
	[FRAME_NEWS] = FRAME_MAX_CONTROL,
	[FRAME_NEWS_ACK] = 256,
	[FRAME_LIST_GET] = 256,
	[FRAME_LIST] = FRAME_MAX_CONTROL,
	[FRAME_GET] = 128 << 10,
	[FRAME_BLOCK] = FRAME_MAX_BLOCK,
	[FRAME_CANCEL] = 128 << 10,
	[FRAME_ADDRESSES] = 128 << 10,
	[FRAME_RUN_PROOF] = 256,
	[FRAME_HOLD_ASK] = 32 << 10,
	[FRAME_HOLD_ANSWER] = 64,
	[FRAME_ASK] = 8 << 10,
	[FRAME_ASK_ANSWER] = 2 << 10,
	[FRAME_ASK_REVEAL] = 2 << 10,
	[FRAME_REQUESTS] = 1 << 20,
	[FRAME_MAP] = 160 << 10,
	[FRAME_HAVE] = 64 << 10,
	[FRAME_ANY] = 8 << 10,
	[FRAME_COMING] = 96 << 10,
	[FRAME_RANGES] = 160 << 10,
	[FRAME_SAME] = FRAME_MAX_CONTROL,
	[FRAME_RELAY] = FRAME_MAX_CONTROL,
	[FRAME_KEEP] = 64,
	[FRAME_HERE] = 40 << 10,
	[FRAME_KEYS] = FRAME_MAX_CONTROL,
	[FRAME_SEALED] = FRAME_MAX_SEALED,
	[FRAME_CORES] = FRAME_MAX_CONTROL,
	[FRAME_OBJECT] = FRAME_MAX_OBJECT,
	[FRAME_HEADS] = 1 << 20,
	[FRAME_VAULT] = 1 << 20,
};

bool frame_known(uint8_t type)
{
	return type < sizeof(max_of) / sizeof(*max_of) && max_of[type] != 0;
}

bool frame_packs(uint8_t type)
{
	return type != FRAME_BLOCK && type != FRAME_SEALED && type != FRAME_CORES && type != FRAME_OBJECT;
}

uint32_t frame_max(uint8_t type)
{
	return frame_known(type) ? max_of[type] : FRAME_MAX_CONTROL;
}

enum frame_status frame_read(struct frame *f, const uint8_t *p, size_t n, uint32_t limit)
{
	uint32_t max;

	if (n < FRAME_HEADER)
		return FRAME_INCOMPLETE;
	f->len = get_u32(p);
	f->type = p[4];
	f->flags = p[5];
	max = frame_max(f->type);
	if (limit != 0 && limit < max)
		max = limit;
	if (f->len > max)
		return FRAME_TOO_LONG;
	return n - FRAME_HEADER >= f->len ? FRAME_WHOLE : FRAME_INCOMPLETE;
}

void frame_write_header(uint8_t out[FRAME_HEADER], uint8_t type, uint8_t flags, uint32_t len)
{
	put_u32(out, len);
	out[4] = type;
	out[5] = flags;
}
