/* Tells how much the scan has under way or still to do, for those that wait until it is through. */
#include "sync/local/local_internal.h"

bool scan_is_busy(const struct local *l)
{
	const struct scan *s = &l->scan;

	return l->root.rules_hinted || s->queue != NULL || s->subtree != NULL || s->full != NULL || s->full_wanted ||
	       s->full_ended || s->out != NULL || s->ready != NULL || s->moves != NULL || s->files != NULL;
}

bool scan_idle(const struct local *l)
{
	return !scan_is_busy(l) && debounce_pending(l->debounce) == 0;
}

int64_t scan_pending(const struct local *l)
{
	const struct scan *s = &l->scan;
	size_t n = HASH_COUNT(s->queue) + HASH_COUNT(s->files) + debounce_pending(l->debounce);

	if (s->out != NULL)
		n += s->nout;
	return (int64_t)n + (s->subtree != NULL) + (s->full != NULL || s->full_wanted);
}
