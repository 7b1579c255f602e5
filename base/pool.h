/* Large buffers for workers, which take and give back many of them per second. The ones given back are kept, a few and
 * up to a bound, so that the next job finds pages that are there: fresh ones cost the kernel a fault and a clearing
 * each. An idle process keeps none: see pool_trim(). One pool in a process. Any thread. */
#ifndef LANYARD_BASE_POOL_H
#define LANYARD_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	POOL_KEPT = 4,              /* buffers, and */
	POOL_KEPT_BYTES = 48 << 20, /* bytes, at most, that are kept while nobody uses them */
	POOL_KEPT_MIN = 256 << 10,  /* smaller ones are left to malloc */
};

struct pool_buffer {
	uint8_t *p; /* NULL: none */
	size_t cap;
};

/* A buffer of n bytes or more, with whatever is in it; never fails. */
struct pool_buffer pool_take(size_t n);
/* Gives it back; *b is empty then. It may be empty before. */
void pool_give(struct pool_buffer *b);
/* Frees what is kept. Called when there is nothing more to do. */
void pool_trim(void);
/* Bytes kept at this moment. */
size_t pool_kept(void);

#endif
