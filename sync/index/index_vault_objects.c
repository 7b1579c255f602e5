/* The objects that a vault stores: which are here, how many cores, pages and patches need each, and which are gone. An
 * object that nothing needs stays for a while: its core may be about to come, or come back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { BLOCK = 1 }; /* the kind in its name */

struct index_vault_totals index_vault_totals(const struct index *index)
{
	return index->now.vault;
}

/* What STMT_OBJECT_ statements select. -1: not an object. */
static int object_read(sqlite3_stmt *s, struct index_vault_object *o)
{
	const void *name = sqlite3_column_blob(s, 0), *sum = sqlite3_column_blob(s, 2);

	if (name == NULL || sqlite3_column_bytes(s, 0) != INDEX_VAULT_OBJECT || sum == NULL ||
	    sqlite3_column_bytes(s, 2) != (int)sizeof(o->sum))
		return -1;
	memcpy(o->name, name, sizeof(o->name));
	memcpy(o->sum, sum, sizeof(o->sum));
	o->size = sqlite3_column_int64(s, 1);
	o->refs = sqlite3_column_int64(s, 3);
	o->dead = sqlite3_column_int64(s, 4);
	o->gone = sqlite3_column_int(s, 5) != 0;
	o->id = sqlite3_column_int64(s, 6);
	o->needs = sqlite3_column_int(s, 7) != 0;
	return 0;
}

int index_vault_object_get(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT], struct index_vault_object *o)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OBJECT_GET);
	int rc;

	*o = (struct index_vault_object){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, name, INDEX_VAULT_OBJECT, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		rc = object_read(s, o) < 0 ? index_found_damage(index, "an object's row is malformed") : 1;
	else
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read an object");
	index_stmt_give(index, STMT_OBJECT_GET, s);
	return rc;
}

uint8_t (*index_vault_object_refs(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT],
                                  size_t *n))[INDEX_VAULT_OBJECT]
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OBJECT_NEEDS);
	uint8_t(*refs)[INDEX_VAULT_OBJECT] = NULL;
	int rc;

	*n = 0;
	if (s == NULL)
		return NULL;
	sqlite3_bind_blob(s, 1, name, INDEX_VAULT_OBJECT, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*n = (size_t)sqlite3_column_bytes(s, 0) / INDEX_VAULT_OBJECT;
		if (*n > 0)
			refs = mem_dup(sqlite3_column_blob(s, 0), *n * INDEX_VAULT_OBJECT);
	} else if (rc != SQLITE_DONE) {
		index_read_failed(index, "read an object");
	}
	index_stmt_give(index, STMT_OBJECT_NEEDS, s);
	return refs;
}

int index_vault_refs_here(struct index *index, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t n)
{
	struct index_vault_object o;

	for (size_t i = 0; i < n; i++) {
		int rc = index_vault_object_get(index, refs[i], &o);

		if (rc <= 0 || o.gone)
			return rc < 0 ? -1 : 0;
	}
	return 1;
}

int index_vault_refs_count(struct index *index, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t n, bool up,
                           int64_t now_s)
{
	enum index_stmt id = up ? STMT_OBJECT_UP : STMT_OBJECT_DOWN;

	for (size_t i = 0; i < n; i++) {
		sqlite3_stmt *s = index_stmt_take(index, id);

		if (s == NULL)
			return -1;
		sqlite3_bind_blob(s, 1, refs[i], INDEX_VAULT_OBJECT, SQLITE_STATIC);
		if (!up)
			sqlite3_bind_int64(s, 2, now_s);
		if (index_stmt_run(index, id, s) < 0)
			return -1;
	}
	return 0;
}

/* The first three parameters of what stores it. */
static void object_bind(sqlite3_stmt *s, const struct index_vault_object *o)
{
	sqlite3_bind_blob(s, 1, o->name, INDEX_VAULT_OBJECT, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, o->size);
	sqlite3_bind_blob(s, 3, o->sum, sizeof(o->sum), SQLITE_STATIC);
}

static int object_insert(struct index *index, const struct index_vault_object *o,
                         const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs, int64_t now_s)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OBJECT_INSERT);

	if (s == NULL)
		return -1;
	object_bind(s, o);
	sqlite3_bind_int64(s, 4, now_s);
	if (nrefs > 0)
		sqlite3_bind_blob64(s, 5, refs, nrefs * INDEX_VAULT_OBJECT, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, 5);
	return index_stmt_run(index, STMT_OBJECT_INSERT, s);
}

/* Brings one back that was gone. What it had as refs until now is still counted. */
static int object_return(struct index *index, const struct index_vault_object *o,
                         const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs, int64_t now_s)
{
	size_t n;
	uint8_t(*had)[INDEX_VAULT_OBJECT] = index_vault_object_refs(index, o->name, &n);
	int rc = index_vault_refs_count(index, refs, nrefs, true, now_s);
	sqlite3_stmt *s;

	if (rc == 0)
		rc = index_vault_refs_count(index, (const uint8_t(*)[INDEX_VAULT_OBJECT])had, n, false, now_s);
	free(had);
	if (rc < 0)
		return -1;
	s = index_stmt_take(index, STMT_OBJECT_RETURN);
	if (s == NULL)
		return -1;
	object_bind(s, o);
	if (nrefs > 0)
		sqlite3_bind_blob64(s, 4, refs, nrefs * INDEX_VAULT_OBJECT, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, 4);
	return index_stmt_run(index, STMT_OBJECT_RETURN, s);
}

/* Whether a block may have this form: it is whole, or its bases are here and whole. 1, 0, -1. */
static int block_fits(struct index *index, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs)
{
	struct index_vault_object base;

	for (size_t i = 0; i < nrefs; i++) {
		int rc = refs[i][0] != BLOCK ? 0 : index_vault_object_get(index, refs[i], &base);

		if (rc <= 0 || base.gone || base.needs)
			return rc < 0 ? -1 : 0;
	}
	return 1;
}

/* The same of a page: its refs are here; those of one that was gone are the same, and may be gone too. */
static int page_fits(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT], bool known,
                     const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs)
{
	uint8_t(*had)[INDEX_VAULT_OBJECT];
	size_t n;
	int fits;

	if (!known)
		return index_vault_refs_here(index, refs, nrefs);
	had = index_vault_object_refs(index, name, &n);
	fits = n == nrefs && (n == 0 || memcmp(had, refs, n * INDEX_VAULT_OBJECT) == 0);
	free(had);
	return fits;
}

int index_vault_object_put(struct index *index, const struct index_vault_object *o,
                           const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs, int64_t now_s)
{
	struct index_vault_object old;
	int found, fits, rc;

	if (index_txn_write(index) < 0)
		return -1;
	found = index_vault_object_get(index, o->name, &old);
	if (found < 0)
		return -1;
	fits = o->name[0] == BLOCK ? block_fits(index, refs, nrefs) : page_fits(index, o->name, found > 0, refs, nrefs);
	if (fits < 0)
		return -1;
	if (fits == 0 || (found > 0 && !old.gone)) {
		errno = EINVAL;
		return -1;
	}
	if (found > 0) {
		rc = object_return(index, o, refs, nrefs, now_s);
	} else {
		rc = object_insert(index, o, refs, nrefs, now_s);
		if (rc == 0)
			rc = index_vault_refs_count(index, refs, nrefs, true, now_s);
	}
	if (rc < 0)
		return index_write_failed(index, "write an object");
	index->now.vault.objects++;
	index->now.vault.bytes += o->size;
	return 0;
}

/* Deletes or loses it: in both cases it is not here any more. */
static int object_away(struct index *index, const struct index_vault_object *o, enum index_stmt id)
{
	sqlite3_stmt *s = index_stmt_take(index, id);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, o->name, INDEX_VAULT_OBJECT, SQLITE_STATIC);
	if (index_stmt_run(index, id, s) < 0)
		return index_write_failed(index, "delete an object");
	if (!o->gone && sqlite3_changes(index->db) > 0) {
		index->now.vault.objects--;
		index->now.vault.bytes -= o->size;
	}
	return 0;
}

int index_vault_object_remove(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT], int64_t now_s)
{
	uint8_t(*refs)[INDEX_VAULT_OBJECT];
	struct index_vault_object o;
	size_t n;
	int rc;

	if (index_txn_write(index) < 0)
		return -1;
	rc = index_vault_object_get(index, name, &o);
	if (rc <= 0)
		return rc;
	if (o.refs != 0) {
		errno = EINVAL;
		return -1;
	}
	refs = index_vault_object_refs(index, name, &n);
	rc = object_away(index, &o, STMT_OBJECT_DELETE);
	if (rc == 0 && index_vault_refs_count(index, refs, n, false, now_s) < 0)
		rc = index_write_failed(index, "delete an object");
	free(refs);
	return rc;
}

int index_vault_object_lose(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct index_vault_object o;
	int rc;

	if (index_txn_write(index) < 0)
		return -1;
	rc = index_vault_object_get(index, name, &o);
	return rc <= 0 ? rc : object_away(index, &o, STMT_OBJECT_LOSE);
}

bool index_vault_lacks(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OBJECT_LACKS);
	int rc;

	if (s == NULL)
		return true;
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_OBJECT_LACKS, s);
	return rc != SQLITE_DONE;
}

static int objects_each(struct index *index, enum index_stmt id, int64_t from, int max,
                        bool (*fn)(void *arg, const struct index_vault_object *o), void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, id);
	struct index_vault_object o;
	int rc, n = 0;
	bool more = true;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, from);
	sqlite3_bind_int(s, 2, max);
	while (more && (rc = sqlite3_step(s)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW || object_read(s, &o) < 0) {
			n = rc == SQLITE_ROW ? index_found_damage(index, "an object's row is malformed")
			                     : index_read_failed(index, "read objects");
			break;
		}
		n++;
		more = fn(arg, &o);
	}
	index_stmt_give(index, id, s);
	return n;
}

int index_vault_dead(struct index *index, int64_t before_s, int max,
                     bool (*fn)(void *arg, const struct index_vault_object *o), void *arg)
{
	return objects_each(index, STMT_OBJECT_DEAD, before_s, max, fn, arg);
}

int index_vault_objects(struct index *index, int64_t after, int max,
                        bool (*fn)(void *arg, const struct index_vault_object *o), void *arg)
{
	return objects_each(index, STMT_OBJECT_AFTER, after, max, fn, arg);
}
