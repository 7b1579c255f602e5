/* Every message decoder on any bytes; the first byte picks the message. A message that decodes must decode again after
 * it was encoded. */
#include <stdlib.h>
#include <string.h>

#include "sync/wire/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define TRY(name)                                                             \
	do {                                                                  \
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
	} while (0)

/* A block's head is written as it was read. */
static void block_again(const uint8_t *p, size_t n)
{
	struct msg_block block;
	uint8_t head[MSG_BLOCK_HEAD_ANY];

	if (msg_block_decode(&block, p, n) == 0 &&
	    (msg_block_head(head, &block) != n - block.data.n || memcmp(head, p, n - block.data.n) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	int which = *p++ % 32;
	struct msg_arena a = { 0 };
	uint64_t cookie;

	n--;
	switch (which) {
	case 0:
		TRY(hello);
		break;
	case 1:
		TRY(group_open);
		break;
	case 2:
		TRY(group_close);
		break;
	case 3:
		TRY(roster);
		break;
	case 4:
		TRY(index_hello);
		break;
	case 5:
		TRY(news);
		break;
	case 6:
		TRY(news_ack);
		break;
	case 7:
		TRY(list_get);
		break;
	case 8:
		TRY(list);
		break;
	case 9:
		TRY(get);
		break;
	case 10:
		TRY(cancel);
		break;
	case 11:
		TRY(addresses);
		break;
	case 14:
		TRY(hold_ask);
		break;
	case 15:
		TRY(hold_answer);
		break;
	case 16:
		TRY(ask);
		break;
	case 17:
		TRY(ask_answer);
		break;
	case 18:
		TRY(ask_reveal);
		break;
	case 19:
		TRY(requests);
		break;
	case 12:
		block_again(p, n);
		break;
	case 20:
		TRY(map);
		break;
	case 21:
		TRY(have);
		break;
	case 22:
		TRY(any);
		break;
	case 23:
		TRY(coming);
		break;
	case 24:
		TRY(relay);
		break;
	case 30:
		TRY(keep);
		break;
	case 31:
		TRY(here);
		break;
	default:
		TRY(bye);
		TRY(run_proof);
		msg_ping_decode(&cookie, &a, p, n);
		msg_free(&a);
	}
	return 0;
}
