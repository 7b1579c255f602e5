/* Buffers that are kept: see pool.h. */
#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct pool_buffer kept[POOL_KEPT]; /* the first nkept; the one given back last is the last, and the warmest */
static size_t nkept, kept_bytes;

static struct pool_buffer remove_kept(size_t at)
{
	struct pool_buffer b = kept[at];

	nkept--;
	for (; at < nkept; at++)
		kept[at] = kept[at + 1];
	kept_bytes -= b.cap;
	return b;
}

/* One that is not much too large, since that might be wanted for more. */
struct pool_buffer pool_take(size_t n)
{
	struct pool_buffer b = { 0 };

	pthread_mutex_lock(&mutex);
	for (size_t i = nkept; i-- > 0 && b.p == NULL;) {
		if (kept[i].cap >= n && kept[i].cap / 4 <= n)
			b = remove_kept(i);
	}
	pthread_mutex_unlock(&mutex);
	if (b.p == NULL)
		b = (struct pool_buffer){ .p = mem_realloc(NULL, n > 0 ? n : 1, 1), .cap = n };
	return b;
}

/* When there are too many, the one that was used the longest ago goes. */
void pool_give(struct pool_buffer *b)
{
	struct pool_buffer gone[POOL_KEPT + 1] = { 0 };
	size_t ngone = 0;

	if (b->p != NULL && (b->cap < POOL_KEPT_MIN || b->cap > POOL_KEPT_BYTES)) {
		gone[ngone++] = *b;
	} else if (b->p != NULL) {
		pthread_mutex_lock(&mutex);
		while (nkept == POOL_KEPT || (nkept > 0 && kept_bytes + b->cap > POOL_KEPT_BYTES))
			gone[ngone++] = remove_kept(0);
		kept[nkept++] = *b;
		kept_bytes += b->cap;
		pthread_mutex_unlock(&mutex);
	}
	while (ngone > 0)
		free(gone[--ngone].p);
	*b = (struct pool_buffer){ 0 };
}

void pool_trim(void)
{
	struct pool_buffer gone[POOL_KEPT] = { 0 };
	size_t ngone = 0;

	pthread_mutex_lock(&mutex);
	while (nkept > 0)
		gone[ngone++] = remove_kept(0);
	pthread_mutex_unlock(&mutex);
	while (ngone > 0)
		free(gone[--ngone].p);
}

size_t pool_kept(void)
{
	size_t bytes;

	pthread_mutex_lock(&mutex);
	bytes = kept_bytes;
	pthread_mutex_unlock(&mutex);
	return bytes;
}
