/* What sealed records cost: build/tests/bench/core_bench. CPU time of one core, the best of five runs, per record:
 * sealed, read by a vault, opened, endorsed in batches, checked alone and as a batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "sync/seal/core.h"
#include "sync/seal/endorse.h"

enum { N = ENDORSE_BATCH_MAX, RUNS = 5, RECORD = 120 };

static const struct group_id group = { "a group" };
static struct keys *keys;
static struct identity *self;
static struct bytes cores[N], ones[N], whole;
static struct endorse_item items[N];
static struct endorse_batch *batch;
static uint8_t names[N][32];

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool good)
{
	if (!good)
		abort();
}

/* A file of one block. */
static void seal_all(void)
{
	for (uint32_t i = 0; i < N; i++) {
		struct version_entry e = { .writer = 1, .counter = 1 + i };
		struct core_head head = { .generation = 1, .version = { .n = 1, .e = &e }, .ngroups = 1 };
		uint8_t record[RECORD] = { 0 }, name[32] = { 0 };

		put_u32(record, i);
		put_u32(name, i);
		head.groups[0] = (struct core_group){ .generation = 1, .n = 1, .names = name };
		core_path_id(keys, "folder/name", head.path_id);
		bytes_clear(&cores[i]);
		must(core_seal(keys, &head, record, sizeof(record), &cores[i]) == 0);
	}
}

static void parse_all(void)
{
	for (size_t i = 0; i < N; i++) {
		struct core c;

		must(core_parse(&c, cores[i].p, cores[i].len) == CORE_OK);
		memcpy(names[i], c.name, 32);
		memcpy(items[i].core, c.name, 32);
		items[i].seq = 1 + i;
		core_clear(&c);
	}
}

static void open_all(void)
{
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);

	for (size_t i = 0; i < N; i++) {
		struct core c;

		must(core_parse(&c, cores[i].p, cores[i].len) == CORE_OK);
		bytes_clear(&record);
		must(core_open(keys, &c, &record) == CORE_OK);
		core_clear(&c);
	}
	bytes_free(&record);
}

static void endorse_all(void)
{
	endorse_batch_free(batch);
	batch = endorse_batch_new(&group, self, 1, items, N);
	bytes_clear(&whole);
	must(endorse_batch_whole(batch, &whole) == 0);
}

static void take_ones(void)
{
	for (size_t i = 0; i < N; i++) {
		bytes_clear(&ones[i]);
		must(endorse_batch_one(batch, i, &ones[i]) == 0);
	}
}

static void check_whole(void)
{
	static uint64_t seqs[N];
	struct endorse_signer signer;

	must(endorse_check_whole(&group, (const uint8_t(*)[32])names, N, whole.p, whole.len, &signer, seqs) ==
	     ENDORSE_OK);
}

static void check_ones(void)
{
	struct endorse_root known = { 0 };
	struct endorse_signer signer;
	uint64_t seq;

	for (size_t i = 0; i < N; i++)
		must(endorse_check(&group, names[i], ones[i].p, ones[i].len, &known, &signer, &seq) == ENDORSE_OK);
}

static void check_strange_ones(void)
{
	struct endorse_signer signer;
	uint64_t seq;

	for (size_t i = 0; i < N; i++)
		must(endorse_check(&group, names[i], ones[i].p, ones[i].len, NULL, &signer, &seq) == ENDORSE_OK);
}

static void measure(const char *what, void (*run)(void))
{
	double best = 1e9;

	for (int i = 0; i < RUNS; i++) {
		double begin = now_s();

		run();
		begin = now_s() - begin;
		best = begin < best ? begin : best;
	}
	printf("%-44s %7.2f us per record\n", what, best / N * 1e6);
}

int main(void)
{
	const struct keys_about about = { .id = 1, .suite = KEYS_SUITE, .policy = KEYS_PACKED };

	keys = keys_random(&group, &about);
	self = identity_new();
	whole = BYTES_INIT(1 << 20);
	for (size_t i = 0; i < N; i++) {
		cores[i] = BYTES_INIT(CORE_MAX);
		ones[i] = BYTES_INIT(ENDORSE_LEN_MAX);
	}
	measure("seal, path ID included", seal_all);
	measure("read without keys", parse_all);
	measure("open", open_all);
	measure("endorse, in a batch of 4,096", endorse_all);
	measure("take one out of a batch", take_ones);
	measure("check a whole batch", check_whole);
	measure("check one by one, of a batch that is known", check_ones);
	measure("check one by one, each of its own batch", check_strange_ones);
	printf("%zu bytes per core, %zu per endorsement, %zu in a batch\n", cores[0].len, ones[0].len, whole.len / N);
	for (size_t i = 0; i < N; i++) {
		bytes_free(&cores[i]);
		bytes_free(&ones[i]);
	}
	bytes_free(&whole);
	endorse_batch_free(batch);
	identity_free(self);
	keys_free(keys);
	return 0;
}
