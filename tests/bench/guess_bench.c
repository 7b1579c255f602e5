/* How well somebody who knows files, and not the key, tells them by the padded sizes of their sealed blocks:
 * build/tests/bench/guess_bench FILE... (make guess-bench). The attack is a simple one. He seals each known file with a
 * few keys of his own, notes how many bytes lie in each sixteenth of its blocks, and takes that for the group's file
 * which comes closest. Each file is then sealed once with a key that he does not have. docs/sealed.md, "Sizes", has
 * what this prints. */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/hash/chunk.h"
#include "sync/seal/cut.h"
#include "sync/seal/pad.h"
#include "sync/wire/codec.h"

enum { PARTS = 16, FEATURES = 1 + PARTS, LEARNS = 4, FILES_MAX = 4096, BLOCKS_MAX = 1 << 12 };

struct known {
	double learned[LEARNS][FEATURES], mean[FEATURES], seen[FEATURES];
};

static struct known files[FILES_MAX];
static size_t nfiles;
static double spread[FEATURES]; /* of the logarithm of a feature, from key to key */
static double plain_bytes, sealed_bytes;

static struct keys *random_keys(enum keys_policy policy)
{
	static const struct group_id group = { "a group" };
	const struct keys_about about = { .id = 1, .suite = KEYS_SUITE, .policy = (uint8_t)policy };

	return keys_random(&group, &about);
}

/* What a vault sees of a block; zeros have no object. */
static size_t seen_size(enum keys_policy policy, const uint8_t *p, size_t n, uint8_t avg_log2)
{
	uint8_t *packed = NULL;
	size_t size = n;

	if (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0)
		return 0;
	if (policy == KEYS_PACKED && codec_block(&packed, &size, p, n) == 0)
		size = n;
	free(packed);
	return pad_content(policy, size, avg_log2);
}

/* The number of blocks, and the bytes up to each sixteenth of them, as logarithms. */
static void observe(const struct keys *k, const uint8_t *p, size_t n, double out[FEATURES])
{
	static double upto[BLOCKS_MAX + 1];
	enum keys_policy policy = (enum keys_policy)keys_about(k)->policy;
	uint8_t avg_log2 = chunk_log2((int64_t)n, 0);
	struct cut *c = cut_new(k);
	size_t count = 0;

	cut_begin(c, avg_log2);
	for (size_t at = 0, len; at < n && count < BLOCKS_MAX; at += len) {
		bool end;
		size_t size;

		len = cut_feed(c, p + at, n - at, &end);
		size = seen_size(policy, p + at, len, avg_log2);
		upto[count + 1] = upto[count] + (double)size;
		count += size != 0;
	}
	cut_free(c);
	sealed_bytes += upto[count];
	plain_bytes += (double)n;
	out[0] = log((double)count + 1);
	for (size_t part = 1; part <= PARTS; part++)
		out[part] = log(upto[count * part / PARTS] + 1);
}

static void learn(struct known *f, enum keys_policy policy, const uint8_t *p, size_t n)
{
	struct keys *k;

	for (size_t i = 0; i < LEARNS; i++) {
		k = random_keys(policy);
		observe(k, p, n, f->learned[i]);
		keys_free(k);
		for (size_t part = 0; part < FEATURES; part++)
			f->mean[part] += f->learned[i][part] / LEARNS;
	}
	for (size_t i = 0; i < LEARNS; i++) {
		for (size_t part = 0; part < FEATURES; part++)
			spread[part] += pow(f->learned[i][part] - f->mean[part], 2);
	}
	k = random_keys(policy);
	observe(k, p, n, f->seen);
	keys_free(k);
}

static void take(const char *path, enum keys_policy policy)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
		fprintf(stderr, "%s: is not read\n", path);
		exit(1);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		abort();
	learn(&files[nfiles++], policy, p, (size_t)st.st_size);
	munmap(p, (size_t)st.st_size);
	close(fd);
}

static double distance(const double *seen, const struct known *f)
{
	double sum = 0;

	for (size_t part = 0; part < FEATURES; part++)
		sum += pow(seen[part] - f->mean[part], 2) / spread[part];
	return sum;
}

/* How many files are no further from what was seen of file i than itself is. */
static size_t place_of_right(size_t i)
{
	double right = distance(files[i].seen, &files[i]);
	size_t place = 0;

	for (size_t j = 0; j < nfiles; j++)
		place += distance(files[i].seen, &files[j]) <= right;
	return place;
}

static void attack(enum keys_policy policy, const char *name, char **paths, size_t n)
{
	size_t first = 0, ten = 0;

	memset(files, 0, sizeof(files));
	memset(spread, 0, sizeof(spread));
	nfiles = 0;
	plain_bytes = sealed_bytes = 0;
	for (size_t i = 0; i < n; i++)
		take(paths[i], policy);
	for (size_t part = 0; part < FEATURES; part++)
		spread[part] = spread[part] / (double)(nfiles * (LEARNS - 1)) + 1e-9;
	for (size_t i = 0; i < nfiles; i++) {
		size_t place = place_of_right(i);

		first += place == 1;
		ten += place <= 10;
	}
	printf("%-8s %zu files: the first guess is right for %.1f %%, one of ten for %.1f %% (chance: %.1f, %.1f); "
	       "stored: %.0f %% of plain\n",
	       name, nfiles, 100.0 * (double)first / (double)nfiles, 100.0 * (double)ten / (double)nfiles,
	       100.0 / (double)nfiles, 1000.0 / (double)nfiles, 100 * sealed_bytes / plain_bytes);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? (size_t)argc - 1 : 0;

	if (n == 0 || n > FILES_MAX) {
		fprintf(stderr, "usage: guess_bench FILE... (at most %d)\n", FILES_MAX);
		return 2;
	}
	attack(KEYS_PACKED, "packed", argv + 1, n);
	attack(KEYS_UNIFORM, "uniform", argv + 1, n);
	return 0;
}
