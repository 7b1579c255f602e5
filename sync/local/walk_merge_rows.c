/* The rows that a walk is merged with, one after another in the order of path_compare(). A shallow walk gets only
 * the folder's row and those of its entries. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"

struct walk_merge *walk_merge_new(const char *under, const char *from, bool shallow)
{
	struct walk_merge *m = MEM_NEW(struct walk_merge);

	m->under = mem_strdup(under);
	m->from = mem_strdup(from);
	m->shallow = shallow;
	return m;
}

void walk_merge_free(struct walk_merge *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->nfolders; i++)
		record_clear(&m->folders[i]);
	free(m->folders);
	for (size_t i = 0; i < m->nleft; i++)
		free(m->left[i]);
	free(m->left);
	if (m->have_row)
		record_clear(&m->row);
	index_cursor_free(m->cursor);
	walk_free(m->walk);
	ignore_free(m->ignore);
	free(m->skip);
	free(m->from);
	free(m->under);
	free(m);
}

void walk_merge_drop_row(struct walk_merge *m)
{
	record_clear(&m->row);
	m->have_row = false;
}

/* Passes over the rows below an entry by a new cursor, since there may be many of them. "\x01" is the first byte
 * that sorts above '/'. */
static void pass_below(struct local *l, struct walk_merge *m, size_t child_len)
{
	char *behind = mem_printf("%.*s\x01", (int)child_len, m->row.path);

	walk_merge_drop_row(m);
	index_cursor_free(m->cursor);
	m->cursor = index_walk_from(l->c.index, m->under, behind);
	free(behind);
}

struct record *walk_merge_next_row(struct local *l, struct walk_merge *m)
{
	size_t n = strlen(m->under);

	while (!m->have_row && !m->rows_ended) {
		const char *slash;
		int rc = index_next(m->cursor, &m->row);

		if (rc < 0)
			local_unwritten(l);
		m->have_row = rc > 0;
		m->rows_ended = !m->have_row;
		if (!m->have_row || !m->shallow || m->row.path[n] == '\0')
			continue;
		slash = strchr(m->row.path + (n > 0 ? n + 1 : 0), '/');
		if (slash != NULL)
			pass_below(l, m, (size_t)(slash - m->row.path));
	}
	return m->have_row ? &m->row : NULL;
}
