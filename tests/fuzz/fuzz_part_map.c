/* Any bytes as a part map: refused, or a map that encodes to the same bytes except for the blocks it claims to have. */
#include <stdlib.h>
#include <string.h>

#include "sync/get/part_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part_map m;
	uint8_t *back;

	if (part_map_decode(&m, data, size) < 0) {
		if (m.path != NULL || m.list.b != NULL || m.have != NULL)
			abort();
		return 0;
	}
	if (strlen(m.path) == 0 || strlen(m.path) > RECORD_PATH_MAX || m.list.n != m.content.nblocks)
		abort();
	if (part_map_size(m.path, &m.content) != size)
		abort();
	back = malloc(size);
	if (back == NULL)
		abort();
	part_map_encode(back, m.path, &m.content, &m.list);
	memcpy(back + part_map_have_at(m.path, &m.content), m.have, m.list.n);
	if (memcmp(back, data, size) != 0)
		abort();
	free(back);
	part_map_clear(&m);
	return 0;
}
