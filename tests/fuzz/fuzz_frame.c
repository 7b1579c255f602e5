/* A stream of frames, read as a link reads it. First byte: whether the peer is still a stranger. */
#include <stdlib.h>
#include <string.h>

#include "sync/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t limit;
	struct frame f;

	if (size == 0)
		return 0;
	limit = (data[0] & 1) != 0 ? FRAME_MAX_BEFORE_HELLO : 0;
	data++;
	size--;
	for (;;) {
		enum frame_status status = frame_read(&f, data, size, limit);
		uint8_t header[FRAME_HEADER];

		if (status != FRAME_WHOLE) {
			if (status == FRAME_TOO_LONG && f.len <= FRAME_MAX_BEFORE_HELLO)
				abort();
			return 0;
		}
		if (f.len > frame_max(f.type) || (limit != 0 && f.len > limit) || f.len > size - FRAME_HEADER)
			abort();
		frame_write_header(header, f.type, f.flags, f.len);
		if (memcmp(header, data, FRAME_HEADER) != 0)
			abort();
		data += FRAME_HEADER + f.len;
		size -= FRAME_HEADER + f.len;
	}
}
