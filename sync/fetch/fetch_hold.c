/* The two sides of the question that precedes a drop: what we answer, and what peers answer. See fetch.h. */
#include "sync/fetch/fetch_internal.h"

bool fetch_holds(struct fetch *f, const struct record *asked)
{
	struct record row = { 0 };
	enum version_order order = VERSION_OLDER;
	bool has = index_get(f->c.index, asked->path, &row) > 0 && record_is_live(&row) && row.version.n > 0;

	if (has)
		order = version_compare(&row.version, &asked->version);
	has = has && (order == VERSION_NEWER || (order == VERSION_EQUAL && record_same_content(&row, asked)));
	record_clear(&row);
	return has;
}

/* An answer to no question of ours changes nothing. */
void fetch_hold_answer(struct fetch *f, uint64_t peer, uint32_t request, bool has)
{
	(void)f;
	(void)peer;
	(void)request;
	(void)has;
}
