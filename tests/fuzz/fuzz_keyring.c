/* Any bytes as keys.bin. First byte even: with the checksum that they need. Refused, or a ring that encodes to the same
 * bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "sync/seal/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct group_id group = { "a group" };
	struct keyring *r;
	uint8_t *form, *back;
	size_t n, back_n;

	if (size < 1 || size > KEYRING_BYTES_MAX)
		return 0;
	n = size - 1 + (data[0] & 1 ? 0 : SHA256_SIZE);
	form = malloc(n + 1);
	memcpy(form, data + 1, size - 1);
	if ((data[0] & 1) == 0)
		sha256(form + size - 1, form, size - 1);
	if (keyring_decode(&r, &group, form, n) == KEYRING_OK) {
		back = keyring_encode(r, &back_n);
		if (back == NULL || back_n != n || memcmp(back, form, n) != 0)
			abort();
		keys_wipe(back, back_n);
		keyring_free(r);
	} else if (r != NULL) {
		abort();
	}
	free(form);
	return 0;
}
