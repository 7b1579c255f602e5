/* Between batch.c, batch_folder.c and batch_result.c; see fetch_internal.h. */
#ifndef LANYARD_SYNC_FETCH_BATCH_H
#define LANYARD_SYNC_FETCH_BATCH_H

#include "sync/fetch/fetch_internal.h"
#include "sync/install/install_job.h"

/* --- batch_folder.c --- */
/* The tickets that are READY behind t, which makes a folder, and that move all into it from one other. */
struct folder_move {
	size_t n;            /* of them; 0: none */
	bool last;           /* no other ticket is READY behind them: more may come */
	struct ticket *gone; /* of the folder that they come from, which goes as well; NULL: not yet, or it stays */
};
struct folder_move batch_folder(const struct fetch *f, const struct ticket *t);
/* Until when t waits for the rest of its folder's moves, which is told last; 0: it does not. */
int64_t batch_folder_due(const struct fetch *f, const struct ticket *t, const struct folder_move *m);

/* --- batch_result.c --- */
/* A batch is back: writes the row of an INSTALLING ticket, or sends it another way. t may be gone afterwards. */
void batch_result(struct fetch *f, struct ticket *t, struct install_item *item);

#endif
