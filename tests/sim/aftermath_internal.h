/* Between aftermath.c and aftermath_choices.c. */
#ifndef LANYARD_TESTS_SIM_AFTERMATH_INTERNAL_H
#define LANYARD_TESTS_SIM_AFTERMATH_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/host.h"
#include "tests/sim/script.h"

/* Any member that may write, but this one. */
struct host *aftermath_writer(uint64_t *luck, const struct host *but);
/* A user writes n bytes of chance to a path, or deletes it. */
void aftermath_write(const struct host *h, const char *path, size_t n, uint64_t *luck);
void aftermath_delete(const struct host *h, const char *path);

/* --- aftermath_choices.c --- */
/* Afterwards all are mirrors, and have no path of their own. */
char *aftermath_choices(const struct script *s, uint64_t *luck);

#endif
