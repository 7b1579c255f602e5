/* What the product takes from OpenSSL, by its own plain kernel: the standard's vectors prove it in `make arm-test`. */
#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256_many.h"

void sha256(uint8_t out[SHA256_SIZE], const void *p, size_t n)
{
	struct sha256_input one = { .p = p, .n = n };
	struct sha256_choice plain;

	for (size_t i = 0; i <= SHA256_LANES_MAX; i++)
		plain.kernel[i] = &sha256_plain;
	sha256_many_by(&plain, &one, 1);
	memcpy(out, one.digest, SHA256_SIZE);
}

/* The bytes of a stream wait for its end. */
struct evp_md_ctx_st {
	size_t n;
	uint8_t *p;
};

void sha256_free(struct sha256_stream *s)
{
	if (s->evp != NULL)
		free(s->evp->p);
	free(s->evp);
	s->evp = NULL;
}

void sha256_begin(struct sha256_stream *s)
{
	sha256_free(s);
	s->evp = MEM_NEW(struct evp_md_ctx_st);
}

void sha256_update(struct sha256_stream *s, const void *p, size_t n)
{
	if (n == 0)
		return;
	s->evp->p = mem_realloc(s->evp->p, s->evp->n + n, 1);
	memcpy(s->evp->p + s->evp->n, p, n);
	s->evp->n += n;
}

void sha256_end(struct sha256_stream *s, uint8_t out[SHA256_SIZE])
{
	sha256(out, s->evp->p, s->evp->n);
}
