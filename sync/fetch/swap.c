/* Names of things on their way out of the share: see swap.h. Pure. */
#include "sync/fetch/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char suffix[] = ".swap";

void swap_name(char out[SWAP_NAME_MAX], const struct swap *s)
{
	(void)snprintf(out, SWAP_NAME_MAX,
	               "%016" PRIx64 "-%" PRIx32 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%s-%s%s",
	               s->id, s->number, s->old_ino, (uint64_t)s->old_size, (uint64_t)s->old_mtime_ns,
	               (uint64_t)s->new_size, (uint64_t)s->new_mtime_ns, s->tag.hex, s->part[0] != '\0' ? s->part : "0",
	               suffix);
}

/* Lower-case hex digits up to a '-'; NULL when it is none. */
static const char *read_hex(const char *p, uint64_t *v)
{
	const char *start = p;

	*v = 0;
	for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++) {
		if (p - start == 16)
			return NULL;
		*v = *v << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	}
	return p > start && *p == '-' ? p + 1 : NULL;
}

int swap_parse(struct swap *s, const char *name)
{
	uint64_t v[7];
	const char *p = name, *end;

	*s = (struct swap){ 0 };
	for (size_t i = 0; i < 7; i++) {
		p = read_hex(p, &v[i]);
		if (p == NULL)
			return -1;
	}
	if (strspn(p, "0123456789abcdef") != KEPT_TAG || p[KEPT_TAG] != '-')
		return -1;
	memcpy(s->tag.hex, p, KEPT_TAG);
	p += KEPT_TAG + 1;
	end = strstr(p, suffix);
	if (end == NULL || end[sizeof(suffix) - 1] != '\0' || v[1] > UINT32_MAX)
		return -1;
	if (end - p == 32)
		memcpy(s->part, p, 32);
	else if (end - p != 1 || *p != '0')
		return -1;
	s->id = v[0];
	s->number = (uint32_t)v[1];
	s->old_ino = v[2];
	s->old_size = (int64_t)v[3];
	s->old_mtime_ns = (int64_t)v[4];
	s->new_size = (int64_t)v[5];
	s->new_mtime_ns = (int64_t)v[6];
	return 0;
}

enum swap_verdict swap_judge(const struct swap *s, const struct fs_stat *st)
{
	if (st->ino == s->old_ino && st->size == s->old_size && st->mtime_ns == s->old_mtime_ns)
		return SWAP_OLD;
	if (st->size == s->new_size && st->mtime_ns == s->new_mtime_ns)
		return SWAP_NEW;
	return SWAP_STRANGER;
}
