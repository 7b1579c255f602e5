/* Asks several sources in turn: see content_source.h. */
#include "sync/plan/content_source.h"

#include <stddef.h>

enum content_state content_stat(const struct content_sources *s, const struct content *c)
{
	enum content_state state = CONTENT_ABSENT;

	for (size_t i = 0; i < s->n && state == CONTENT_ABSENT; i++)
		state = s->source[i].ops->stat(s->source[i].arg, c);
	return state;
}

struct content_reading *content_open(const struct content_sources *s, const struct content *c, const struct record *row,
                                     const struct block_want *want)
{
	struct content_reading *r = NULL;

	for (size_t i = 0; i < s->n && r == NULL; i++) {
		r = s->source[i].ops->open(s->source[i].arg, c, row, want);
		if (r != NULL)
			r->ops = s->source[i].ops;
	}
	return r;
}

int content_list(const struct content_sources *s, const struct content *c, uint32_t first, uint32_t most,
                 struct blocklist *list)
{
	int got = 0;

	*list = (struct blocklist){ 0 };
	for (size_t i = 0; i < s->n && got == 0; i++)
		if (s->source[i].ops->list != NULL)
			got = s->source[i].ops->list(s->source[i].arg, c, first, most, list);
	return got;
}

int content_read(struct content_reading *r, uint8_t *out)
{
	return r->ops->read(r, out);
}

void content_close(struct content_reading *r)
{
	if (r != NULL)
		r->ops->close(r);
}
