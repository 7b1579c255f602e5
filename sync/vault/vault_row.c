/* A core that was told, and what its head says. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/seal/core.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"

void vault_row_object(uint8_t name[INDEX_VAULT_OBJECT], uint8_t kind, uint64_t generation, const uint8_t bare[32])
{
	name[0] = kind;
	put_u64(name + 1, generation);
	memcpy(name + 9, bare, 32);
}

static bool row_object_kind(uint8_t wanted, bool whole, uint8_t kind)
{
	if (wanted == OBJECT_BLOCK && kind == OBJECT_PATCH)
		return !whole;
	return kind == wanted && (kind == OBJECT_BLOCK || kind == OBJECT_PAGE);
}

bool vault_row_object_of(const uint8_t name[INDEX_VAULT_OBJECT], bool whole, const uint8_t *p, size_t n,
                         uint8_t (**refs)[INDEX_VAULT_OBJECT], size_t *nrefs)
{
	struct object_head h;

	*refs = NULL;
	*nrefs = 0;
	if (object_parse(&h, p, n) != OBJECT_OK || !row_object_kind(name[0], whole, h.kind) ||
	    h.self.generation != get_u64(name + 1) || memcmp(h.self.name, name + 9, 32) != 0)
		return false;
	*nrefs = h.nrefs;
	if (h.nrefs == 0)
		return true;
	*refs = mem_calloc(h.nrefs, sizeof(**refs));
	for (size_t i = 0; i < h.nrefs; i++) {
		struct object_ref ref = object_head_ref(&h, i);

		vault_row_object((*refs)[i], OBJECT_BLOCK, ref.generation, ref.name);
	}
	return true;
}

static void row_ids(struct vault_row *row, const struct core_head *h)
{
	row->nids = 1 + h->nolder;
	row->ids = mem_calloc(row->nids, sizeof(*row->ids));
	put_u64(row->ids[0], h->generation);
	memcpy(row->ids[0] + 8, h->path_id, sizeof(h->path_id));
	for (size_t i = 0; i < h->nolder; i++) {
		put_u64(row->ids[i + 1], h->older[i].generation);
		memcpy(row->ids[i + 1] + 8, h->older[i].path_id, sizeof(h->older[i].path_id));
	}
}

static void row_refs(struct vault_row *row, const struct core_head *h)
{
	uint8_t kind = h->paged ? OBJECT_PAGE : OBJECT_BLOCK;
	size_t n = 0;

	for (size_t i = 0; i < h->ngroups; i++)
		row->nrefs += h->groups[i].n;
	if (row->nrefs == 0)
		return;
	row->refs = mem_calloc(row->nrefs, sizeof(*row->refs));
	for (size_t i = 0; i < h->ngroups; i++) {
		for (uint32_t k = 0; k < h->groups[i].n; k++)
			vault_row_object(row->refs[n++], kind, h->groups[i].generation,
			                 h->groups[i].names + (size_t)k * 32);
	}
}

/* Takes the version out of the head. */
static struct vault_row *row_new(struct core *c, const uint8_t *endorsement, size_t nendorsement)
{
	struct vault_row *row = MEM_NEW(struct vault_row);

	memcpy(row->name, c->name, sizeof(row->name));
	row->bytes = mem_calloc(c->n + nendorsement, 1);
	memcpy(row->bytes, c->bytes, c->n);
	if (nendorsement > 0)
		memcpy(row->bytes + c->n, endorsement, nendorsement);
	row->ncore = c->n;
	row->nendorsement = nendorsement;
	row->generation = c->head.generation;
	row->deleted = c->head.deleted;
	row->paged = c->head.paged;
	row->version = c->head.version;
	c->head.version = (struct version){ 0 };
	row->need.row = row;
	row_ids(row, &c->head);
	row_refs(row, &c->head);
	return row;
}

enum vault_row_result vault_row_read(struct vault_row **row, const struct group_id *group, const uint8_t *core,
                                     size_t ncore, const uint8_t *endorsement, size_t nendorsement,
                                     struct endorse_root *known)
{
	struct core *c = MEM_NEW(struct core); /* 5 KiB: too much for a worker's stack */
	enum core_result form = core_parse(c, core, ncore);
	enum endorse_result endorsed = ENDORSE_FORM;
	struct endorse_signer signer;
	uint64_t seq;

	*row = NULL;
	if (form == CORE_OK)
		endorsed = endorse_check(group, c->name, endorsement, nendorsement, known, &signer, &seq);
	if (endorsed == ENDORSE_OK) {
		*row = row_new(c, endorsement, nendorsement);
		identity_id_of_key(&(*row)->endorser, signer.key);
	}
	core_clear(c);
	free(c);
	if (form == CORE_VERSION || endorsed == ENDORSE_VERSION)
		return VAULT_ROW_LATER;
	return *row != NULL ? VAULT_ROW_OK : VAULT_ROW_BAD;
}

struct vault_row *vault_row_stored(const struct index_vault_core *stored)
{
	struct core *c = MEM_NEW(struct core);
	struct vault_row *row = NULL;

	if (core_parse(c, stored->core, stored->ncore) == CORE_OK &&
	    memcmp(c->name, stored->name, sizeof(c->name)) == 0) {
		row = row_new(c, stored->endorsement, stored->nendorsement);
		memcpy(row->endorser.b, stored->endorser, sizeof(row->endorser.b));
	}
	core_clear(c);
	free(c);
	return row;
}

void vault_row_free(struct vault_row *row)
{
	if (row == NULL)
		return;
	version_clear(&row->version);
	free(row->bytes);
	free(row->ids);
	free(row->refs);
	free(row->holders);
	free(row);
}
