/* The other names of a file with hard links: a change of the file is a change of all its names, and no event tells of
 * those in other folders than the one it was changed in. So when a check finds one name changed, the others are
 * checked, too: once for each state of the file, since to be told of it by each of them would cost the square of the
 * names. */
#include <string.h>

#include "sync/local/local_internal.h"

enum { NAMES_MAX = 1000 };

struct other_names {
	struct local *l;
	const char *path; /* the one that was checked */
	int n;
};

static bool check_other_name(void *arg, const struct record *r)
{
	struct other_names *o = arg;

	if (strcmp(r->path, o->path) != 0)
		local_check_again(o->l, r->path);
	return ++o->n < NAMES_MAX;
}

void other_names_check(struct local *l, const struct check *k, bool content)
{
	struct other_names o = { .l = l, .path = k->path };
	struct seen *told = &l->scan.names_told[k->st.ino % NAMES_TOLD];

	/* A second write in the same tick of the clock leaves the same state. */
	if (k->st.nlink < 2 || (!content && seen_match(told, &k->st) == SEEN_SAME))
		return;
	if (index_by_inode(l->c.index, k->st.ino, check_other_name, &o) < 0)
		local_unwritten(l);
	else if (o.n == NAMES_MAX)
		local_rescan(l);
	*told = seen_of(&k->st);
}
