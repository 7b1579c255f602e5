/* Sealed records. What is parsed has one form; what is opened, and sealed again, is the same bytes. The first byte,
 * if odd, has the rest sealed as a record of a head that depends on it: opened again, it is the same. */
#include <stdlib.h>
#include <string.h>

#include "sync/seal/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keys *core_keys(void)
{
	static struct keys *k;
	static const struct group_id group = { { 1 } };
	static const uint8_t secret[KEYS_SECRET_LEN] = { 2 };

	if (k == NULL)
		k = keys_new(&group, &(struct keys_about){ .id = 3, .suite = KEYS_SUITE }, secret);
	return k;
}

static void parse(const uint8_t *data, size_t size)
{
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX), again = BYTES_INIT(CORE_MAX);
	struct core c;

	if (core_parse(&c, data, size) != CORE_OK)
		return;
	if (c.n != size || c.head.version.n == 0)
		abort();
	if (core_open(core_keys(), &c, &record) == CORE_OK &&
	    (core_seal(core_keys(), &c.head, record.p, record.len, &again) < 0 || again.len != size ||
	     memcmp(again.p, data, size) != 0))
		abort();
	core_clear(&c);
	bytes_free(&record);
	bytes_free(&again);
}

static void seal(const uint8_t *data, size_t size)
{
	struct version_entry e = { .writer = 1, .counter = 1 + (uint64_t)size };
	struct core_head head = { .generation = 3, .deleted = size % 2 != 0, .version = { .n = 1, .e = &e } };
	struct bytes out = BYTES_INIT(CORE_MAX), record = BYTES_INIT(CORE_RECORD_MAX);
	struct core c;

	if (size != 0)
		memcpy(head.path_id, data, size < 32 ? size : 32);
	if (core_seal(core_keys(), &head, data, size, &out) < 0) {
		if (size > 0 && size <= CORE_RECORD_MAX)
			abort();
		return;
	}
	if (core_parse(&c, out.p, out.len) != CORE_OK || core_open(core_keys(), &c, &record) != CORE_OK ||
	    record.len != size || memcmp(record.p, data, size) != 0)
		abort();
	core_clear(&c);
	bytes_free(&out);
	bytes_free(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if ((data[0] & 1) != 0)
		seal(data + 1, size - 1);
	else
		parse(data + 1, size - 1);
	return 0;
}
