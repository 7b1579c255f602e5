/* What no vault may ever see: words of all contents that users write, the names of their files, the keys of the group.
 * Whatever goes to a vault or comes from one is searched for them, and so is all that it keeps. */
#ifndef LANYARD_TESTS_SIM_SECRETS_H
#define LANYARD_TESTS_SIM_SECRETS_H

#include <stddef.h>
#include <stdint.h>

/* Files and folders whose names are secret begin with this. */
#define SECRET_NAME "plainname-"

/* From now on parts of these bytes are secret. */
void secrets_add(const uint8_t *p, size_t n);
/* What is secret in these bytes, for people; NULL: nothing. */
const char *secrets_in(const uint8_t *p, size_t n);
/* The first file below a folder that has something secret in it; NULL: none has. The caller frees it. */
char *secrets_below(const char *folder);

#endif
