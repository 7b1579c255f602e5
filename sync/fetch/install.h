/* Between install.c and outcome.c; see fetch_internal.h. */
#ifndef LANYARD_SYNC_FETCH_INSTALL_H
#define LANYARD_SYNC_FETCH_INSTALL_H

#include "sync/fetch/fetch_internal.h"
#include "sync/fetch/install_job.h"

/* What became of an INSTALLING ticket: rows, or another way. t may be gone afterwards. */
void install_outcome(struct fetch *f, struct ticket *t, struct install_item *item);

#endif
