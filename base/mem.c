/* Allocation that never fails: see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Ends the process without allocating anything more. abort() leaves a core file for whoever wants to know why. */
void mem_exhausted(void)
{
	static const char line[] = "lanyard: out of memory\n";

	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		abort();
	abort();
}

void *mem_calloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

	if (p == NULL)
		mem_exhausted();
	return p;
}

void *mem_realloc(void *p, size_t n, size_t size)
{
	void *q;
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		mem_exhausted();
	if (total == 0) {
		free(p);
		return NULL;
	}
	q = realloc(p, total);
	if (q == NULL)
		mem_exhausted();
	return q;
}

void *mem_dup(const void *p, size_t n)
{
	void *q = malloc(n != 0 ? n : 1);

	if (q == NULL)
		mem_exhausted();
	if (n != 0)
		memcpy(q, p, n);
	return q;
}

char *mem_strdup(const char *s)
{
	return s != NULL ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *mem_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		mem_exhausted();
	return text;
}

void mem_tune(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 8 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_ARENA_MAX, 2);
#endif
}

void mem_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
