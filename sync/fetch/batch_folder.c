/* Folders that move as a whole, as far as tickets tell: the moves into a new folder, from one folder that is to go,
 * under the same names. The installer finds out whether the disk agrees. See batch.h. */
#include "sync/fetch/batch.h"

#include <string.h>

enum { FOLDER_FEW = 20 }; /* so few moves into a folder are not worth a wait for more */

/* The length of the folder's part of a path, without the slash; 0: the root. */
static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t)(slash - path) : 0;
}

static bool is_of_folder(const char *path, const char *folder, size_t len)
{
	return len > 0 && folder_len(path) == len && memcmp(path, folder, len) == 0;
}

struct folder_move batch_folder(const struct fetch *f, const struct ticket *t)
{
	struct folder_move m = { 0 };
	const struct ticket *u = t->next;
	const char *from;
	size_t to_len = strlen(t->want.path), from_len;

	if (t->merged.deleted || t->merged.kind != RECORD_DIR || record_is_live(&t->ours) || t->aside != NULL ||
	    u == NULL || u->pair == NULL)
		return m;
	from = u->pair->want.path;
	from_len = folder_len(from);
	while (u != NULL && u->pair != NULL && is_of_folder(u->want.path, t->want.path, to_len) &&
	       is_of_folder(u->pair->want.path, from, from_len) &&
	       strcmp(u->want.path + to_len, u->pair->want.path + from_len) == 0) {
		m.n++;
		u = u->next;
	}
	m.last = u == NULL;
	if (m.n > 0)
		HASH_FIND(hh, f->tickets, from, from_len, m.gone);
	if (m.gone != NULL && m.gone->state != TICKET_RMDIR)
		m.gone = NULL;
	return m;
}

int64_t batch_folder_due(const struct fetch *f, const struct ticket *t, const struct folder_move *m)
{
	int64_t due = f->last_record_ms + QUIET_MS, most = t->since_ms + QUIET_MAX_MS;

	if (m->gone != NULL || !m->last || m->n < FOLDER_FEW)
		return 0;
	return due < most ? due : most;
}
