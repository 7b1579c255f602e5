/* Rows of a sealed group. The first byte chooses. Odd: the rest is a record that a holder of the keys sealed, with refs
 * as the second byte says; opening it must end well. Even: the rest is the block list of a file, whose row is sealed,
 * and opened again is the same. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/seal/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct version_entry row_entry = { .writer = 1, .counter = 2 };

static const struct row_keys *row_held(void)
{
	static struct keys *k[2];
	static const struct row_keys held = { .keys = k, .n = 2 };
	static const struct group_id group = { { 1 } };
	static const uint8_t secret[KEYS_SECRET_LEN] = { 2 };

	for (uint64_t i = 0; i < 2 && k[i] == NULL; i++)
		k[i] = keys_new(&group, &(struct keys_about){ .id = 3 - i, .suite = KEYS_SUITE }, secret);
	return &held;
}

static void open_row(const struct core_head *head, const uint8_t *record, size_t n)
{
	struct bytes core = BYTES_INIT(CORE_MAX);
	struct row_opened o;
	struct core c;
	const char *why;

	if (core_seal(row_held()->keys[0], head, record, n, &core) == 0) {
		if (core_parse(&c, core.p, core.len) != CORE_OK)
			abort();
		if (row_open(&o, row_held(), &c, &why) == ROW_OK)
			row_opened_clear(&o);
		core_clear(&c);
	}
	bytes_free(&core);
}

static void open_any(const uint8_t *data, size_t size)
{
	struct core_head *head = MEM_NEW(struct core_head);
	struct msg_arena arena = { 0 };
	struct msg_record m;
	uint8_t names[15][32] = { 0 };
	size_t n = data[0] % 16;

	for (size_t i = 0; i < n; i++)
		names[i][0] = (uint8_t)i;
	*head = (struct core_head){ .generation = 3, .version = { .n = 1, .e = &row_entry } };
	head->deleted = (data[0] & 0x40) != 0;
	head->paged = (data[0] & 0x80) != 0;
	head->groups[0] =
		(struct core_group){ .generation = 2 + (data[0] >> 4 & 1), .n = (uint32_t)n, .names = names[0] };
	head->ngroups = n > 0;
	if (msg_record_alone_decode(&m, &arena, data + 1, size - 1) == 0)
		core_path_id(row_held()->keys[0], m.record.path, head->path_id);
	open_row(head, data + 1, size - 1);
	msg_free(&arena);
	free(head);
}

static void there_and_back(const struct record *r, const struct blocklist *blocks)
{
	struct row_sealed s;
	struct row_opened o;
	struct core c;
	const char *why;

	if (row_seal(&s, row_held(), row_held()->keys[0], row_held()->keys[1], r, blocks) < 0)
		return;
	if (core_parse(&c, s.core.p, s.core.len) != CORE_OK || row_open(&o, row_held(), &c, &why) != ROW_OK ||
	    !record_same(&o.record.record, r) || o.npages != s.npages)
		abort();
	if (o.npages == 0 && r->content.nblocks > 1 && r->content.nblocks <= MSG_BLOCKS_INLINE_MAX &&
	    (o.blocks.n != blocks->n || memcmp(o.blocks.b, blocks->b, blocks->n * sizeof(blocks->b[0])) != 0))
		abort();
	row_opened_clear(&o);
	core_clear(&c);
	row_sealed_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "a file";
	struct record r = { .path = path, .kind = RECORD_FILE, .version = { .n = 1, .e = &row_entry } };
	struct blocklist blocks;

	if (size < 2)
		return 0;
	if (data[0] % 2 != 0) {
		open_any(data + 1, size - 1);
	} else if (blocklist_decode(&blocks, data + 1, size - 1) == 0) {
		if (blocks.n > 0)
			r.content = blocklist_content(&blocks);
		there_and_back(&r, &blocks);
		blocklist_clear(&blocks);
	}
	return 0;
}
