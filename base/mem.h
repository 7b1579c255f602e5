/* Allocation that never fails: it ends the process, with one clear line, when the system has no memory left.
 * Everything lanyard holds is crash-safe, so ending is a correct answer; a half-done operation is not. Sizes from
 * the network are checked against a maximum before they reach these. Any thread. */
#ifndef LANYARD_BASE_MEM_H
#define LANYARD_BASE_MEM_H

#include <stddef.h>

/* Zeroed memory for n objects of size bytes; never NULL. The caller frees with free(). */
void *mem_calloc(size_t n, size_t size);
/* Like realloc for n objects of size bytes; never NULL unless n * size is 0. */
void *mem_realloc(void *p, size_t n, size_t size);
/* A copy of n bytes; never NULL, also for n = 0. */
void *mem_dup(const void *p, size_t n);
/* A copy of a NUL-terminated string; NULL for NULL. */
char *mem_strdup(const char *s);
/* printf into fresh memory; never NULL. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Sets the heap up for blocks of up to 4 MiB that come and go thousands of times per second: on warm pages, and not in
 * fresh mappings. Once, at the start. mem_trim gives back to the system what is free. Both do nothing where libc has
 * no such calls. */
void mem_tune(void);
void mem_trim(void);

/* For libraries that report a failed allocation: ends the process as the calls above do. */
void mem_exhausted(void) __attribute__((noreturn));

#define MEM_NEW(type) ((type *)mem_calloc(1, sizeof(type)))

#endif
