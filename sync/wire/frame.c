/* Frame headers: see frame.h. */
#include "sync/wire/frame.h"

#include "base/bytes.h"

uint32_t frame_max(uint8_t type)
{
	return type == FRAME_BLOCK ? FRAME_MAX_BLOCK : FRAME_MAX_CONTROL;
}

enum frame_status frame_read(struct frame *f, const uint8_t *p, size_t n, uint32_t limit)
{
	uint32_t max;

	if (n < FRAME_HEADER)
		return FRAME_PART;
	f->len = get_u32(p);
	f->type = p[4];
	f->flags = p[5];
	max = frame_max(f->type);
	if (limit != 0 && limit < max)
		max = limit;
	if (f->len > max)
		return FRAME_TOO_LONG;
	return n - FRAME_HEADER >= f->len ? FRAME_WHOLE : FRAME_PART;
}

void frame_write_header(uint8_t out[FRAME_HEADER], uint8_t type, uint8_t flags, uint32_t len)
{
	put_u32(out, len);
	out[4] = type;
	out[5] = flags;
}
