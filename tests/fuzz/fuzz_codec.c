/* Unpacks what peers send as compressed, and checks that what we compress unpacks again. First byte: which of these.
 * For blocks, two more bytes are the length that the receiver expects. */
#include <stdlib.h>
#include <string.h>

#include "sync/wire/codec.h"

enum { MAX_PLAIN = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void control(const uint8_t *data, size_t size)
{
	size_t n = 0;
	uint8_t *plain = codec_decompress(data, size, MAX_PLAIN, &n);

	if (plain != NULL && n > MAX_PLAIN)
		abort();
	free(plain);
}

static void block(const uint8_t *data, size_t size)
{
	size_t n;
	uint8_t *plain;

	if (size < 2)
		return;
	n = (size_t)data[0] << 8 | data[1];
	plain = malloc(n + 1);
	if (plain == NULL)
		abort();
	(void)codec_unblock(plain, n, data + 2, size - 2);
	free(plain);
}

static void round_trip(const uint8_t *data, size_t size)
{
	uint8_t *packed = NULL, *back = malloc(size + 1), *control_back;
	size_t n = 0;

	if (back == NULL)
		abort();
	if (codec_block(&packed, &n, data, size) == 1 &&
	    (n > size - size / 8 || codec_unblock(back, size, packed, n) < 0 || memcmp(back, data, size) != 0))
		abort();
	n = codec_compress(back, size - size / 8, data, size);
	if (n != 0) {
		control_back = codec_decompress(back, n, size, &n);
		if (control_back == NULL || n != size || memcmp(control_back, data, size) != 0)
			abort();
		free(control_back);
	}
	free(packed);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		control(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		block(data + 1, size - 1);
	else
		round_trip(data + 1, size - 1);
	return 0;
}
