/* Any bytes as a version vector: refused, or well-formed and encoded to the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "sync/plan/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t back[VERSION_STORED_MAX * 16];
	struct version v, joined;

	if (version_decode(&v, data, size) < 0) {
		if (v.n != 0 || v.e != NULL)
			abort();
		return 0;
	}
	if (v.n > VERSION_STORED_MAX || version_encode(back, &v) != size || (size > 0 && memcmp(back, data, size) != 0))
		abort();
	version_fit(&v);
	version_copy(&joined, &v);
	if (v.n > VERSION_MAX || version_join(&joined, &v) || version_compare(&joined, &v) != VERSION_EQUAL)
		abort();
	for (uint32_t i = 0; i < v.n; i++) {
		if (version_counter(&v, v.e[i].writer) != v.e[i].counter)
			abort();
	}
	version_clear(&joined);
	version_clear(&v);
	return 0;
}
