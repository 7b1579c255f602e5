/* See record.h. */
#include "sync/plan/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"

void record_clear(struct record *r)
{
	free(r->path);
	free(r->target);
	version_clear(&r->version);
	record_clear_base(r);
	*r = (struct record){ 0 };
}

void record_copy(struct record *to, const struct record *from)
{
	*to = *from;
	to->path = mem_strdup(from->path);
	to->target = mem_strdup(from->target);
	version_copy(&to->version, &from->version);
	version_copy(&to->base, &from->base);
	version_copy(&to->mode_base, &from->mode_base);
}

bool record_seen_is_none(const struct seen *s)
{
	return s->size == 0 && s->mtime_ns == 0 && s->ctime_ns == 0 && s->ino == 0 && s->mode == 0;
}

uint32_t record_disk_mode(const struct record *r)
{
	return record_seen_is_none(&r->seen) ? r->mode : r->seen.mode;
}

int64_t record_disk_mtime(const struct record *r)
{
	return record_seen_is_none(&r->seen) ? r->mtime_ns : r->seen.mtime_ns;
}

bool record_is_live(const struct record *r)
{
	return r != NULL && r->path != NULL && !r->deleted;
}

bool record_is_as_made(const struct record *r, uint64_t writer)
{
	return !r->deleted && r->version.n == 1 && r->version.e[0].writer == writer &&
	       r->version.e[0].counter == r->seq && r->base.n == 0 && r->mode_base.n == 0;
}

bool record_is(const struct record *r, enum record_kind kind)
{
	return record_is_live(r) && r->kind == kind;
}

bool record_same_content(const struct record *a, const struct record *b)
{
	if (a->deleted || b->deleted)
		return a->deleted && b->deleted;
	if (a->kind != b->kind)
		return false;
	if (a->kind == RECORD_FILE)
		return content_equal(&a->content, &b->content);
	if (a->kind == RECORD_SYMLINK)
		return strcmp(a->target != NULL ? a->target : "", b->target != NULL ? b->target : "") == 0;
	return true;
}

bool record_same(const struct record *a, const struct record *b)
{
	if (!record_same_content(a, b))
		return false;
	if (a->deleted)
		return true;
	return (a->kind == RECORD_SYMLINK || a->mode == b->mode) &&
	       (a->kind == RECORD_DIR || a->mtime_ns == b->mtime_ns);
}

void record_clear_base(struct record *r)
{
	version_clear(&r->base);
	version_clear(&r->mode_base);
}

void record_keep_base(struct record *r, uint32_t mode)
{
	if (r->deleted || r->kind == RECORD_DIR) {
		record_clear_base(r);
		return;
	}
	if (r->base.n == 0)
		version_copy(&r->base, &r->version);
	if (r->kind != RECORD_FILE || r->mode != mode)
		version_clear(&r->mode_base);
	else if (r->mode_base.n == 0)
		version_copy(&r->mode_base, &r->version);
}

static bool is_older_base(const struct version *v, const struct version *than)
{
	return v->n == 0 || version_compare(v, than) == VERSION_OLDER;
}

/* Folding may have removed the entries that show that a base is older. */
static void check_bases(struct record *r)
{
	if (!is_older_base(&r->base, &r->version))
		record_clear_base(r);
	else if (!is_older_base(&r->mode_base, &r->version))
		version_clear(&r->mode_base);
}

/* A number that stands for all that record_same_content() compares. */
static uint64_t content_number(const struct record *r)
{
	struct sha256_stream s = { 0 };
	uint8_t head[16], hash[SHA256_SIZE];

	put_u32(head, r->deleted ? 0 : (uint32_t)r->kind);
	put_u32(head + 4, r->content.nblocks);
	put_u64(head + 8, (uint64_t)r->content.size);
	sha256_begin(&s);
	sha256_update(&s, head, r->deleted || r->kind != RECORD_FILE ? 4 : sizeof(head));
	if (!r->deleted && r->kind == RECORD_FILE)
		sha256_update(&s, r->content.root, sizeof(r->content.root));
	if (!r->deleted && r->kind == RECORD_SYMLINK && r->target != NULL)
		sha256_update(&s, r->target, strlen(r->target));
	sha256_end(&s, hash);
	sha256_free(&s);
	return get_u64(hash);
}

void record_join(struct record *r, const struct version *other)
{
	if (!version_join(&r->version, other))
		return;
	version_stamp(&r->version, content_number(r));
	check_bases(r);
}

void record_fit(struct record *r)
{
	if (r->version.n <= VERSION_MAX && r->base.n <= VERSION_MAX && r->mode_base.n <= VERSION_MAX)
		return;
	version_fit(&r->version);
	version_fit(&r->base);
	version_fit(&r->mode_base);
	check_bases(r);
}

int record_bump(struct record *r, uint64_t writer, uint64_t counter, uint64_t fresh)
{
	if (version_bump(&r->version, writer, counter) == 0)
		return 0;
	if (version_fold(&r->version, fresh) < 0)
		return -1;
	check_bases(r);
	return 0;
}
