/* The content of a patch, by somebody who has the keys. What is taken makes a block of any bases of these lengths, and
 * every byte of it comes from one of them or from the patch. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/seal/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct patch p;
	uint8_t *one, *other;

	if (!patch_read(&p, data, size))
		return 0;
	one = mem_calloc(p.len, 1);
	other = mem_calloc(p.len, 1);
	memset(other, 0xff, p.len);
	for (uint32_t i = 0; i < p.nbases; i++) {
		uint8_t *base = mem_calloc(p.bases[i].len, 1);

		patch_put_base(&p, i, base, one);
		patch_put_base(&p, i, base, other);
		free(base);
	}
	patch_put_runs(&p, one);
	patch_put_runs(&p, other);
	/* Nothing is left of what was there. */
	if (memcmp(one, other, p.len) != 0)
		abort();
	free(one);
	free(other);
	return 0;
}
