/* The content of pages. What is read is written as the same bytes, and a list that is split gives pages that can be
 * written, each but the last one of at least PAGE_LEAST entries. */
#include <stdlib.h>
#include <string.h>

#include "sync/seal/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes content = BYTES_INIT(1 << 20), refs = BYTES_INIT(1 << 20);
	struct page_entry *list;
	size_t n, at = 0, take;

	list = page_decode(data, size, &n);
	if (list == NULL)
		return 0;
	if (page_encode(list, n, &content, &refs) < 0 || content.len != size || memcmp(content.p, data, size) != 0)
		abort();
	/* Any names will do. */
	for (size_t i = 0; i < n; i++)
		memcpy(list[i].name, list[i].sha, sizeof(list[i].name));
	for (; at < n; at += take) {
		take = page_split(list + at, n - at);
		if (take == 0 || take > PAGE_ENTRIES_MAX || (take < PAGE_LEAST && at + take != n))
			abort();
	}
	free(list);
	bytes_free(&content);
	bytes_free(&refs);
	return 0;
}
