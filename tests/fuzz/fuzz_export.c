/* Key files. The first byte: 0 mod 4, the rest is one, with whatever checksum; 1, its checksum is made to fit, if it
 * asks for little work; 2, it is lines of paper; 3, it is the plain content. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/export_internal.h"
#include "sync/seal/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_one(const uint8_t *data, size_t size)
{
	struct export_content *c;

	/* log2 N above 8 would take long, and shows nothing more. */
	if (size > 17 && (data[8] > 8 || data[12] > 2 || data[16] > 2))
		return;
	if ((export_open(&c, "passphrase", data, size) == EXPORT_OK) != (c != NULL))
		abort();
	export_content_free(c);
}

static void open_summed(const uint8_t *data, size_t size)
{
	uint8_t *whole = mem_calloc(size + 32, 1);

	memcpy(whole, data, size);
	sha256(whole + size, data, size);
	open_one(whole, size + 32);
	free(whole);
}

static void type_in(const uint8_t *data, size_t size)
{
	struct bytes b = BYTES_INIT(EXPORT_MAX), again = BYTES_INIT(EXPORT_MAX);
	char *text = mem_calloc(size + 1, 1), *paper;
	size_t line = 0;

	memcpy(text, data, size);
	if (export_unpaper(text, &b, &line) == EXPORT_OK) {
		paper = export_paper(b.p, b.len);
		if (export_unpaper(paper, &again, &line) != EXPORT_OK || again.len != b.len ||
		    memcmp(again.p, b.p, b.len) != 0)
			abort();
		free(paper);
	}
	free(text);
	bytes_free(&b);
	bytes_free(&again);
}

/* What is read is written as the same bytes. */
static void read_content(const uint8_t *data, size_t size)
{
	struct export_content *c;
	uint8_t *again;
	size_t n;

	if (export_content_decode(&c, data, size) != EXPORT_OK)
		return;
	if (export_content_encode(c, false, &again, &n) == EXPORT_OK && (n != size || memcmp(again, data, n) != 0))
		abort();
	keys_wipe(again, n);
	export_content_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const cases[])(const uint8_t *data, size_t size) = { open_one, open_summed, type_in,
		                                                           read_content };

	if (size != 0)
		cases[data[0] % 4](data + 1, size - 1);
	return 0;
}
