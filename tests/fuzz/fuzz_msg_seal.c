/* The decoders of sealed groups' messages on any bytes; the first byte picks the message. A message that decodes must
 * decode again after it was encoded. */
#include <stdlib.h>
#include <string.h>

#include "sync/wire/msg_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define AGAIN(name, type)                                                     \
	static void again_##name(const uint8_t *p, size_t n)                  \
	{                                                                     \
		struct type m;                                                \
		struct msg_arena in = { 0 }, out = { 0 };                     \
		if (msg_##name##_decode(&m, &in, p, n) == 0) {                \
			size_t size;                                          \
			uint8_t *again = msg_##name##_encode(&m, &size);      \
			struct type m2;                                       \
			if (msg_##name##_decode(&m2, &out, again, size) != 0) \
				abort();                                      \
			free(again);                                          \
		}                                                             \
		msg_free(&in);                                                \
		msg_free(&out);                                               \
	}

AGAIN(keys, msg_keys)
AGAIN(cores, msg_cores)
AGAIN(heads, msg_heads)
AGAIN(vault, msg_vault)
AGAIN(record_alone, msg_record)

static void again_object(const uint8_t *p, size_t n)
{
	struct msg_object m;
	uint8_t head[MSG_OBJECT_HEAD];

	if (msg_object_decode(&m, p, n) != 0)
		return;
	msg_object_head(head, &m);
	if (memcmp(head, p, sizeof(head)) != 0 || m.bytes.n != n - sizeof(head))
		abort();
}

static void again_sealed(const uint8_t *p, size_t n)
{
	struct msg_sealed m;
	uint8_t head[MSG_SEALED_HEAD];

	if (msg_sealed_decode(&m, p, n) != 0)
		return;
	msg_sealed_head(head, &m);
	if (memcmp(head, p, sizeof(head)) != 0 || m.front > MSG_SEALED_FRONT || m.sealed.p != p + m.front ||
	    m.front + m.sealed.n + MSG_SEALED_TAG != n)
		abort();
}

/* By the first byte: the corpus counts on these numbers. */
static void (*const tries[])(const uint8_t *p, size_t n) = { again_keys,         again_cores,  again_heads, again_vault,
	                                                     again_record_alone, again_object, again_sealed };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > 0)
		tries[*p % (sizeof(tries) / sizeof(*tries))](p + 1, n - 1);
	return 0;
}
