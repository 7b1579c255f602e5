/* How long a unit test waits for an event that has to come. A passing test never waits so long: it only ends one that
 * hangs, also in a slow build on a busy machine. */
#ifndef LANYARD_TESTS_UNIT_PATIENCE_H
#define LANYARD_TESTS_UNIT_PATIENCE_H

#include "tests/unit/effort.h"

enum { PATIENCE_S = EFFORT(60, 300), PATIENCE_MS = PATIENCE_S * 1000 };

#endif
