/* A filter that everybody knows, then AES of the window: see cut.h.
 *
 * From 7/8 of the average on, one end in sixteen is a candidate, by the eight bytes before it. AES-256 of the whole
 * window of 32 bytes, as a CBC-MAC of two blocks, decides each: for inputs of one length that is a PRF, so the cuts are
 * as good as random to whoever lacks the key, whatever he knows of the file, and tell nothing about the key. The
 * filter saves time, and hides as well as none would: padding makes a hundred candidates and more look the same. */
#include "sync/seal/cut.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/hash/chunk_find.h"
#include "sync/seal/pad.h"

enum {
	AES_BLOCK = 16,
	FILTER_BITS = 4, /* a candidate for this many zero bits */
	CLOSE_LOG2 = 3,  /* beyond 7/8 of the average, blocks go on for 1/8 of it on average */
	BATCH = 128,     /* candidates that AES takes at a time: it is far from its best with one */
	TAIL = CUT_WINDOW - 1,
};
#define FILTER_FACTOR UINT64_C(0xf88bb8a8724c81ed) /* an output of splitmix64, made odd */

struct cut {
	EVP_CIPHER_CTX *aes; /* owned; ECB with the key */
	enum keys_policy policy;
	uint8_t avg_log2;
	size_t len;         /* bytes of the current block so far */
	uint8_t tail[TAIL]; /* its last bytes, once there are that many */
	/* Candidates that wait for AES. */
	size_t n;
	size_t ends[BATCH];
	uint8_t first[BATCH * AES_BLOCK], second[BATCH * AES_BLOCK]; /* halves of their windows */
};

static void __attribute__((noreturn)) no_aes(void)
{
	log_error("openssl: AES-256 is not available");
	abort();
}

struct cut *cut_new(const struct keys *k)
{
	struct cut *c = MEM_NEW(struct cut);

	c->policy = (enum keys_policy)keys_about(k)->policy;
	c->aes = EVP_CIPHER_CTX_new();
	if (c->aes == NULL ||
	    EVP_EncryptInit_ex2(c->aes, EVP_aes_256_ecb(), keys_derived(k, KEYS_CUT), NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(c->aes, 0) != 1)
		no_aes();
	return c;
}

void cut_free(struct cut *c)
{
	if (c == NULL)
		return;
	EVP_CIPHER_CTX_free(c->aes);
	OPENSSL_cleanse(c, sizeof(*c)); /* the last MACs, which tell cuts */
	free(c);
}

void cut_begin(struct cut *c, uint8_t avg_log2)
{
	c->avg_log2 = avg_log2;
	c->len = 0;
}

/* --- candidates --- */

/* By the eight bytes before an end, which are not all the same: holes and other runs go on to the maximum. */
static bool is_candidate(uint64_t bytes)
{
	return (bytes * FILTER_FACTOR) >> (64 - FILTER_BITS) == 0 && bytes != (bytes << 8 | bytes >> 56);
}

static void encrypt(struct cut *c, uint8_t *p)
{
	int n = (int)(c->n * AES_BLOCK), done = 0;

	if (EVP_EncryptUpdate(c->aes, p, &done, p, n) != 1 || done != n)
		no_aes();
}

/* The first end among those that wait whose MAC is small enough; 0: none. None waits any more. */
static size_t decide(struct cut *c)
{
	unsigned shift = 64 - (c->avg_log2 - CLOSE_LOG2 - FILTER_BITS);
	size_t end = 0;

	if (c->n == 0)
		return 0;
	encrypt(c, c->first);
	for (size_t i = 0; i < c->n * AES_BLOCK; i++)
		c->second[i] ^= c->first[i];
	encrypt(c, c->second);
	for (size_t i = 0; i < c->n && end == 0; i++)
		if (get_u64(c->second + i * AES_BLOCK) >> shift == 0)
			end = c->ends[i];
	c->n = 0;
	return end;
}

/* The first end e of q with from < e <= to; 0: none. q has TAIL bytes or more before from + 1. */
static size_t find_cut(struct cut *c, const uint8_t *q, size_t from, size_t to)
{
	for (size_t e = from + 1; e <= to; e++) {
		size_t end;

		if (!is_candidate(chunk_load(q + e - 8)))
			continue;
		memcpy(c->first + c->n * AES_BLOCK, q + e - CUT_WINDOW, AES_BLOCK);
		memcpy(c->second + c->n * AES_BLOCK, q + e - AES_BLOCK, AES_BLOCK);
		c->ends[c->n++] = e;
		end = c->n == BATCH ? decide(c) : 0;
		if (end > 0)
			return end;
	}
	return decide(c);
}

/* Windows that began in an earlier piece are found in a copy of its last bytes and of p's first. */
static size_t find_in_piece(struct cut *c, const uint8_t *p, size_t from, size_t to)
{
	size_t head = to < TAIL ? to : TAIL, end;

	if (from < head) {
		uint8_t seam[2 * TAIL];

		memcpy(seam, c->tail, TAIL);
		memcpy(seam + TAIL, p, head);
		end = find_cut(c, seam, TAIL + from, TAIL + head);
		if (end > 0)
			return end - TAIL;
		from = head;
	}
	return from < to ? find_cut(c, p, from, to) : 0;
}

/* --- pieces --- */

static void remember_tail(struct cut *c, const uint8_t *p, size_t n)
{
	size_t keep = n < TAIL ? TAIL - n : 0;

	memmove(c->tail, c->tail + TAIL - keep, keep);
	memcpy(c->tail + keep, p + n - (TAIL - keep), TAIL - keep);
}

size_t cut_feed(struct cut *c, const uint8_t *p, size_t n, bool *cut)
{
	size_t avg = (size_t)1 << c->avg_log2, max = pad_block_max(c->policy, c->avg_log2);
	size_t least = avg - avg / 8 - 1; /* an end is behind more bytes than these */
	size_t from = c->len < least ? least - c->len : 0;
	size_t to = max - c->len < n ? max - c->len : n;
	size_t end = from < to ? find_in_piece(c, p, from, to) : 0;

	if (end == 0 && max - c->len <= n)
		end = max - c->len;
	*cut = end > 0;
	if (*cut) {
		c->len = 0;
		return end;
	}
	remember_tail(c, p, n);
	c->len += n;
	return n;
}
