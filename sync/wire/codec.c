/* zstd for control payloads and blocks: see codec.h. */
#include "sync/wire/codec.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { LEVEL = 1, SAMPLE = 16 << 10, SAMPLE_ABOVE = 64 << 10 };

/* A thread's contexts: made on first use, freed by the key's destructor. */
struct contexts {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
	uint8_t sample[SAMPLE]; /* for the output of sample_pays() */
};

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void contexts_free(void *p)
{
	struct contexts *c = p;

	ZSTD_freeCCtx(c->compress);
	ZSTD_freeDCtx(c->decompress);
	free(c);
}

static void key_new(void)
{
	if (pthread_key_create(&key, contexts_free) != 0)
		abort();
}

static struct contexts *contexts_mine(void)
{
	struct contexts *c;

	pthread_once(&key_once, key_new);
	c = pthread_getspecific(key);
	if (c != NULL)
		return c;
	c = MEM_NEW(struct contexts);
	c->compress = ZSTD_createCCtx();
	c->decompress = ZSTD_createDCtx();
	if (c->compress == NULL || c->decompress == NULL || pthread_setspecific(key, c) != 0)
		abort(); /* out of memory */
	return c;
}

/* Packs n bytes into one zstd frame; returns its size, 0 if that is more than cap. */
static size_t pack(uint8_t *out, size_t cap, const void *plain, size_t n)
{
	size_t size = ZSTD_compressCCtx(contexts_mine()->compress, out, cap, plain, n, LEVEL);

	return ZSTD_isError(size) ? 0 : size;
}

/* Exactly one frame is accepted. zstd itself would accept several in a row, and skippable ones with anything inside. */
static int unpack(uint8_t *plain, size_t n, const uint8_t *packed, size_t packed_n)
{
	static const uint8_t magic[] = { 0x28, 0xb5, 0x2f, 0xfd };
	unsigned long long promised;

	if (packed_n < sizeof(magic) || memcmp(packed, magic, sizeof(magic)) != 0)
		return -1;
	promised = ZSTD_getFrameContentSize(packed, packed_n);
	if (promised != ZSTD_CONTENTSIZE_UNKNOWN && promised != n)
		return -1;
	if (ZSTD_findFrameCompressedSize(packed, packed_n) != packed_n)
		return -1;
	return ZSTD_decompressDCtx(contexts_mine()->decompress, plain, n, packed, packed_n) == n ? 0 : -1;
}

size_t codec_compress(uint8_t *out, size_t cap, const void *plain, size_t n)
{
	size_t size;

	if (n > UINT32_MAX || cap < CODEC_PREFIX)
		return 0;
	size = pack(out + CODEC_PREFIX, cap - CODEC_PREFIX, plain, n);
	if (size == 0)
		return 0;
	put_u32(out, (uint32_t)n);
	return CODEC_PREFIX + size;
}

uint8_t *codec_decompress(const uint8_t *p, size_t n, size_t max, size_t *out_n)
{
	size_t plain_n;
	uint8_t *plain;

	if (n < CODEC_PREFIX || get_u32(p) > max)
		return NULL;
	plain_n = get_u32(p);
	plain = mem_realloc(NULL, plain_n + 1, 1);
	if (unpack(plain, plain_n, p + CODEC_PREFIX, n - CODEC_PREFIX) < 0) {
		free(plain);
		return NULL;
	}
	*out_n = plain_n;
	return plain;
}

/* Whether the bytes of a sample are as evenly spread as random ones are: not less evenly, and not more. Such bytes do
 * not pack, and to find that out here takes a fraction of what zstd takes for it. Pearson's chi-squared over a 16th of
 * the sample, for 255 degrees of freedom: its mean is 255, its deviation 22.6; five of these are allowed. More of the
 * sample is hardly wrong less often: of 34,030 blocks of a system's files that pack, it missed 13, and 8 by a quarter
 * of the sample. */
static bool looks_random(const uint8_t *p)
{
	enum { PARTS = 4, PART = 256, MEAN = PARTS * PART / 256, LEAST = 255 - 113, MOST = 255 + 113 };
	uint16_t counts[PARTS][256] = { 0 };
	int32_t chi = 0;

	for (size_t i = 0; i < PART; i++) {
		for (size_t part = 0; part < PARTS; part++)
			counts[part][p[part * (SAMPLE / PARTS) + i]]++;
	}
	for (size_t i = 0; i < 256; i++) {
		int32_t off = counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i] - MEAN;

		chi += off * off;
	}
	return chi > LEAST * MEAN && chi < MOST * MEAN;
}

static int sample_pays(const uint8_t *p)
{
	return !looks_random(p) && pack(contexts_mine()->sample, SAMPLE - SAMPLE / 8, p, SAMPLE) != 0;
}

int codec_block(uint8_t **out, size_t *out_n, const uint8_t *plain, size_t n)
{
	size_t cap = n - n / 8;
	size_t size;
	uint8_t *packed;

	/* Two samples, since a media file or archive may have a header that packs well before a body that does not, or
	 * the reverse. */
	if (n > SAMPLE_ABOVE && !sample_pays(plain + (n - SAMPLE) / 2) && !sample_pays(plain))
		return 0;
	packed = mem_realloc(NULL, cap + 1, 1);
	size = pack(packed, cap, plain, n);
	if (size == 0) {
		free(packed);
		return 0;
	}
	*out = mem_realloc(packed, size, 1);
	*out_n = size;
	return 1;
}

int codec_unblock(uint8_t *plain, size_t n, const uint8_t *packed, size_t packed_n)
{
	return unpack(plain, n, packed, packed_n);
}
