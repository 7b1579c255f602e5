/* What sealing costs a core: build/tests/bench/seal_bench [MEBIBYTES]. CPU time, the best of five runs, over blocks as
 * files have them: cut, named by SHA-256, packed, sealed, opened. "text" packs to a fraction; "random" does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/seal/cut.h"
#include "sync/seal/object.h"
#include "sync/wire/codec.h"

enum { LOG2 = 16, RUNS = 5, BLOCKS_MAX = 1 << 16 };

static const struct group_id group = { "a group" };
static struct keys *keys;
static uint8_t *data;
static size_t data_n, ends[BLOCKS_MAX], nends;
static uint8_t (*digests)[32];

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw(void)
{
	static uint64_t state = 1;
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill(bool text)
{
	for (size_t i = 0; i + 8 <= data_n; i += 8) {
		uint64_t v = draw();

		memcpy(data + i, &v, 8);
		for (size_t k = 0; text && k < 8; k++)
			data[i + k] = (uint8_t) "etaoin shrdlu\n.,"[data[i + k] & data[i + k] >> 4 & 15];
	}
}

static const uint8_t *block(size_t i, size_t *n)
{
	size_t begin = i > 0 ? ends[i - 1] : 0;

	*n = ends[i] - begin;
	return data + begin;
}

static void cut_secret(void)
{
	struct cut *c = cut_new(keys);
	bool end;

	cut_begin(c, LOG2);
	nends = 0;
	for (size_t at = 0; at < data_n && nends < BLOCKS_MAX;) {
		at += cut_feed(c, data + at, data_n - at, &end);
		ends[nends++] = at;
	}
	cut_free(c);
}

static void cut_plain(void)
{
	struct chunk_stream s = CHUNK_STREAM_INIT(LOG2);
	bool end;

	for (size_t at = 0; at < data_n;)
		at += chunk_feed(&s, data + at, data_n - at, &end);
}

static void hash_all(void)
{
	for (size_t i = 0, n; i < nends; i++) {
		const uint8_t *p = block(i, &n);

		sha256(digests[i], p, n);
	}
}

static void pack_all(void)
{
	for (size_t i = 0, n, packed_n; i < nends; i++) {
		const uint8_t *p = block(i, &n);
		uint8_t *packed;

		if (codec_block(&packed, &packed_n, p, n) == 1)
			free(packed);
	}
}

static size_t sealed_bytes;
static double opening_s;

static void seal_each(bool open_too)
{
	sealed_bytes = 0;
	for (size_t i = 0, n, sealed_n; i < nends; i++) {
		const uint8_t *p = block(i, &n);
		const struct object_input in = { .kind = OBJECT_BLOCK,
			                         .content = p,
			                         .n = n,
			                         .sha = digests[i],
			                         .avg_log2 = LOG2 };
		uint8_t *sealed = object_seal(keys, &in, &sealed_n);
		struct object_head h;
		struct object_ref self;
		struct object_plain plain;
		double begin = now_s();

		sealed_bytes += sealed_n;
		if (open_too) {
			(void)object_parse(&h, sealed, sealed_n);
			self = h.self;
			if (object_open(keys, OBJECT_BLOCK, &self, sealed, sealed_n, &plain) != OBJECT_OK)
				abort();
			object_plain_free(&plain);
			opening_s += now_s() - begin;
		}
		free(sealed);
	}
}

static void seal_all(void)
{
	seal_each(false);
}

static void say(const char *what, double best)
{
	printf("    %-34s %7.0f MB/s  %6.1f us per block\n", what, (double)data_n / best / 1e6,
	       best / (double)nends * 1e6);
}

static double best_of(void (*run)(void))
{
	double best = 1e9;

	for (int i = 0; i < RUNS; i++) {
		double begin = now_s();

		run();
		begin = now_s() - begin;
		best = begin < best ? begin : best;
	}
	return best;
}

static void measure(const char *kind, uint8_t policy)
{
	const struct keys_about about = { .id = 1, .suite = KEYS_SUITE, .policy = policy };
	double best = 1e9;

	keys = keys_random(&group, &about);
	printf("%s, %s\n", kind, policy == KEYS_UNIFORM ? "uniform" : "packed");
	cut_secret();
	say("cut by the plain rule", best_of(cut_plain));
	say("cut by the secret rule", best_of(cut_secret));
	say("SHA-256, one by one", best_of(hash_all));
	if (policy == KEYS_PACKED)
		say("pack", best_of(pack_all));
	say(policy == KEYS_PACKED ? "pack and seal" : "seal", best_of(seal_all));
	for (int i = 0; i < RUNS; i++) {
		opening_s = 0;
		seal_each(true);
		best = opening_s < best ? opening_s : best;
	}
	say("open, with SHA-256 and unpacking", best);
	printf("    %zu blocks; sealed, they have %.1f %% of their bytes\n", nends,
	       100.0 * (double)sealed_bytes / (double)data_n);
	keys_free(keys);
}

int main(int argc, char **argv)
{
	data_n = (size_t)(argc > 1 ? atoi(argv[1]) : 64) << 20;
	data = mem_calloc(data_n + 1, 1);
	digests = mem_calloc(BLOCKS_MAX, sizeof(*digests));
	for (int text = 0; text < 2; text++) {
		fill(text);
		for (enum keys_policy policy = 0; policy < KEYS_POLICIES; policy++)
			measure(text ? "text" : "random", policy);
	}
	free(digests);
	free(data);
	return 0;
}
