/* What a vault costs: build/tests/bench/vault_bench [ROWS [OBJECTS]]. CPU time of all threads, the played member's part
 * included, per row without objects and per object of 64 KiB; and memory when all rows are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/vault_world.h"

enum { WINDOW = 4000, BLOCK = 65536, EACH = 10 };

static double cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long resident_kib(void)
{
	long pages = 0, ignored;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &ignored, &pages) != 2)
		pages = 0;
	if (f != NULL)
		(void)fclose(f);
	return pages * 4;
}

static double tell_all(struct vault_world *w, int who)
{
	double start = cpu_s();

	while (w->m[who].settled < w->m[who].seq) {
		vault_world_tell_on(w, who, WINDOW);
		vault_world_turn(w);
	}
	return cpu_s() - start;
}

int main(int argc, char **argv)
{
	int rows = argc > 1 ? atoi(argv[1]) : 200000, objects = argc > 2 ? atoi(argv[2]) : 5000;
	struct vault_world w;
	long before;
	double took;
	char path[32];

	vault_world_start(&w, 0);
	for (int i = 0; i < rows; i++) {
		(void)snprintf(path, sizeof(path), "folder/%d", i);
		(void)vault_world_write(&w, ANNA, &(struct vault_file){ .path = path, .a = 1 });
	}
	before = resident_kib();
	vault_world_up(&w, ANNA);
	took = tell_all(&w, ANNA);
	printf("%d rows: %.1f us each, %ld KiB of memory more\n", rows, took / rows * 1e6, resident_kib() - before);
	took = cpu_s();
	vault_world_up(&w, RITA);
	while (w.m[RITA].nheard < (size_t)rows)
		vault_world_turn(&w);
	printf("told to another: %.1f us each\n", (cpu_s() - took) / rows * 1e6);
	for (int i = 0; i < objects / EACH; i++) {
		(void)snprintf(path, sizeof(path), "file/%d", i);
		(void)vault_world_write(&w, BERT,
		                        &(struct vault_file){ .path = path,
		                                              .a = 1,
		                                              .nblocks = EACH,
		                                              .size = BLOCK,
		                                              .seed = (uint64_t)i });
	}
	vault_world_up(&w, BERT);
	took = tell_all(&w, BERT);
	printf("%d objects of %d bytes: %.0f us each\n", objects, BLOCK, took / objects * 1e6);
	took = cpu_s();
	(void)vault_world_fetch(&w, RITA, BERT);
	printf("given to another: %.0f us each\n", (cpu_s() - took) / objects * 1e6);
	vault_world_end(&w);
	return 0;
}
