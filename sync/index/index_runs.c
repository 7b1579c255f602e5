/* Which of the latest numbers went to rows that came from one peer, so that news for that peer pass over them unread. A
 * number that went to a listed record, or was given by a transaction that was undone, ends a run. */
#include <string.h>

#include "sync/index/index_internal.h"

void index_runs_note(struct index *index, uint64_t seq, uint64_t via)
{
	struct index_run *last = index->nruns > 0 ? &index->runs[index->nruns - 1] : NULL;

	if (last != NULL && last->via == via && last->last + 1 == seq) {
		last->last = seq;
		return;
	}
	if (index->nruns == INDEX_RUNS)
		memmove(index->runs, index->runs + 1, --index->nruns * sizeof(index->runs[0]));
	index->runs[index->nruns++] = (struct index_run){ .first = seq, .last = seq, .via = via };
}

const struct index_run *index_runs_behind(const struct index *index, uint64_t after, uint64_t via, uint64_t above)
{
	for (size_t i = 0; i < index->nruns; i++) {
		const struct index_run *run = &index->runs[i];

		if (run->via == via && run->last > after && run->last > above)
			return run;
	}
	return NULL;
}
