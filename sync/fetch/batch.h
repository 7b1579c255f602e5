/* Between batch.c and batch_result.c; see fetch_internal.h. */
#ifndef LANYARD_SYNC_FETCH_BATCH_H
#define LANYARD_SYNC_FETCH_BATCH_H

#include "sync/fetch/fetch_internal.h"
#include "sync/install/install_job.h"

/* A batch is back: writes the row of an INSTALLING ticket, or sends it another way. t may be gone afterwards. */
void batch_result(struct fetch *f, struct ticket *t, struct install_item *item);

#endif
