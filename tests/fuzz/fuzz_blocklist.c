/* Any bytes as a block list: refused, or within all limits and encoded to the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blocklist l;
	struct content c;
	uint8_t *back;
	int64_t sum = 0;

	if (blocklist_decode(&l, data, size) < 0) {
		if (l.n != 0 || l.b != NULL)
			abort();
		return 0;
	}
	for (uint32_t i = 0; i < l.n; i++) {
		if (l.b[i].len == 0 || l.b[i].len > BLOCK_MAX)
			abort();
		sum += l.b[i].len;
	}
	c = blocklist_content(&l);
	if (c.size != sum || c.nblocks != l.n || l.n > CONTENT_MAX_BLOCKS)
		abort();
	back = malloc(size + 1);
	if (back == NULL)
		abort();
	blocklist_encode(back, &l);
	if (memcmp(back, data, size) != 0)
		abort();
	free(back);
	blocklist_clear(&l);
	return 0;
}
