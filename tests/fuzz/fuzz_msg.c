/* Every message decoder on any bytes; the first byte picks the message. A message that decodes must decode again after
 * it was encoded. */
#include <stdlib.h>
#include <string.h>

#include "sync/wire/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define TRY(name)                                                             \
	static void try_##name(const uint8_t *p, size_t n)                    \
	{                                                                     \
		struct msg_##name m;                                          \
		struct msg_arena in = { 0 }, out = { 0 };                     \
		if (msg_##name##_decode(&m, &in, p, n) == 0) {                \
			size_t size;                                          \
			uint8_t *again = msg_##name##_encode(&m, &size);      \
			struct msg_##name m2;                                 \
			if (msg_##name##_decode(&m2, &out, again, size) != 0) \
				abort();                                      \
			free(again);                                          \
		}                                                             \
		msg_free(&in);                                                \
		msg_free(&out);                                               \
	}

TRY(hello)
TRY(group_open)
TRY(group_close)
TRY(roster)
TRY(index_hello)
TRY(news)
TRY(news_ack)
TRY(list_get)
TRY(list)
TRY(get)
TRY(cancel)
TRY(addresses)
TRY(hold_ask)
TRY(hold_answer)
TRY(ask)
TRY(ask_answer)
TRY(ask_reveal)
TRY(requests)
TRY(map)
TRY(have)
TRY(any)
TRY(coming)
TRY(relay)
TRY(ranges)
TRY(same)
TRY(keep)
TRY(here)
TRY(bye)
TRY(run_proof)

/* A block's head is written as it was read. */
static void block_again(const uint8_t *p, size_t n)
{
	struct msg_block block;
	uint8_t head[MSG_BLOCK_HEAD_ANY];

	if (msg_block_decode(&block, p, n) == 0 &&
	    (msg_block_head(head, &block) != n - block.data.n || memcmp(head, p, n - block.data.n) != 0))
		abort();
}

/* What has no number of its own. */
static void try_others(const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	uint64_t cookie;

	try_bye(p, n);
	try_run_proof(p, n);
	msg_ping_decode(&cookie, &a, p, n);
	msg_free(&a);
}

/* By the first byte: the corpus counts on these numbers. */
static void (*const tries[32])(const uint8_t *p, size_t n) = {
	[0] = try_hello,   [1] = try_group_open,  [2] = try_group_close, [3] = try_roster,    [4] = try_index_hello,
	[5] = try_news,    [6] = try_news_ack,    [7] = try_list_get,    [8] = try_list,      [9] = try_get,
	[10] = try_cancel, [11] = try_addresses,  [12] = block_again,    [14] = try_hold_ask, [15] = try_hold_answer,
	[16] = try_ask,    [17] = try_ask_answer, [18] = try_ask_reveal, [19] = try_requests, [20] = try_map,
	[21] = try_have,   [22] = try_any,        [23] = try_coming,     [24] = try_relay,    [25] = try_ranges,
	[26] = try_same,   [30] = try_keep,       [31] = try_here,
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	void (*const try)(const uint8_t *, size_t) = tries[*p % 32];

	(try != NULL ? try : try_others)(p + 1, n - 1);
	return 0;
}
