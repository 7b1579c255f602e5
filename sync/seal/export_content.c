/* A key file's content as plain bytes, which never lie outside of the secure heap: see export.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/seal/export_internal.h"
#include "sync/seal/keyring.h"

enum { EXPORT_HEAD_BYTES = PUBLIC_KEY_LEN + 8 + 8 + 8 + 32, EXPORT_ON_DEMAND = 1 };

/* --- writing --- */

/* Writes to p, or only counts if p is NULL: a buffer that grows would leave copies behind. */
struct export_writer {
	uint8_t *p;
	size_t n;
};

static void export_put(struct export_writer *w, const void *p, size_t n)
{
	if (w->p != NULL && n != 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void export_put_u8(struct export_writer *w, uint8_t v)
{
	export_put(w, &v, 1);
}

static void export_put_u32(struct export_writer *w, uint32_t v)
{
	uint8_t b[4];

	put_u32(b, v);
	export_put(w, b, sizeof(b));
}

static void export_put_u64(struct export_writer *w, uint64_t v)
{
	uint8_t b[8];

	put_u64(b, v);
	export_put(w, b, sizeof(b));
}

static void export_put_text(struct export_writer *w, const char *text)
{
	size_t n = strlen(text);

	export_put_u8(w, (uint8_t)n);
	export_put(w, text, n);
}

static void export_put_group(struct export_writer *w, const struct export_group *g, bool paper)
{
	const size_t keyring_n = paper ? 0 : g->keyring_n, nheads = paper ? 0 : g->nheads;

	export_put(w, g->id.b, sizeof(g->id.b));
	export_put_text(w, g->name);
	export_put_u8(w, g->on_demand ? EXPORT_ON_DEMAND : 0);
	export_put_text(w, paper ? "" : g->share);
	export_put_u32(w, (uint32_t)keyring_n);
	export_put(w, g->keyring, keyring_n);
	export_put_u8(w, (uint8_t)g->naddresses);
	for (size_t i = 0; i < g->naddresses; i++)
		export_put_text(w, g->addresses[i]);
	export_put_u8(w, (uint8_t)g->nmarks);
	for (size_t i = 0; i < g->nmarks; i++) {
		export_put_u64(w, g->marks[i].owner);
		export_put_u64(w, g->marks[i].number);
	}
	export_put_u32(w, (uint32_t)nheads);
	for (size_t i = 0; i < nheads; i++) {
		export_put(w, g->heads[i].key, sizeof(g->heads[i].key));
		export_put_u64(w, g->heads[i].epoch);
		export_put_u64(w, g->heads[i].seq);
		export_put_u64(w, g->heads[i].number);
		export_put(w, g->heads[i].hash, sizeof(g->heads[i].hash));
	}
}

static void export_put_content(struct export_writer *w, const struct export_content *c, bool paper)
{
	export_put(w, c->seed, sizeof(c->seed));
	export_put_u32(w, (uint32_t)c->ngroups);
	for (size_t i = 0; i < c->ngroups; i++)
		export_put_group(w, &c->groups[i], paper);
}

static bool export_fits(const struct export_content *c)
{
	if (c->ngroups > EXPORT_GROUPS_MAX)
		return false;
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct export_group *g = &c->groups[i];

		if (g->keyring_n > KEYRING_BYTES_MAX || g->naddresses > EXPORT_ADDRESSES_MAX ||
		    g->nheads > EXPORT_HEADS_MAX || g->nmarks > ROSTER_MAX_OWNERS)
			return false;
	}
	return true;
}

enum export_result export_content_encode(const struct export_content *c, bool paper, uint8_t **p, size_t *n)
{
	struct export_writer w = { 0 };

	*p = NULL;
	*n = 0;
	if (!export_fits(c))
		return EXPORT_FULL;
	export_put_content(&w, c, paper);
	if (w.n > EXPORT_PLAIN_MAX)
		return EXPORT_FULL;
	w.p = keys_memory(w.n);
	if (w.p == NULL)
		return EXPORT_MEMORY;
	w.n = 0;
	export_put_content(&w, c, paper);
	*p = w.p;
	*n = w.n;
	return EXPORT_OK;
}

/* --- reading --- */

struct export_content *export_content_new(size_t ngroups)
{
	struct export_content *c = keys_memory(sizeof(*c));

	if (c != NULL)
		c->groups = mem_calloc(ngroups + 1, sizeof(c->groups[0]));
	return c;
}

static void export_take(struct reader *r, void *out, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL && n != 0)
		memcpy(out, p, n);
}

/* room: with the NUL, which the text must not have in it. */
static void export_take_text(struct reader *r, char *out, size_t room)
{
	size_t n = reader_u8(r);
	const uint8_t *p = n < room ? reader_take(r, n) : NULL;

	if (p == NULL || memchr(p, '\0', n) != NULL) {
		r->bad = true;
		return;
	}
	memcpy(out, p, n);
	out[n] = '\0';
}

/* A flag that is not known here would be lost, so it is refused. */
static bool export_take_flag(struct reader *r)
{
	uint8_t flags = reader_u8(r);

	r->bad = r->bad || (flags & ~EXPORT_ON_DEMAND) != 0;
	return (flags & EXPORT_ON_DEMAND) != 0;
}

static void export_take_marks(struct reader *r, struct export_group *g)
{
	size_t n = reader_u8(r);

	r->bad = r->bad || n > ROSTER_MAX_OWNERS;
	for (; g->nmarks < n && !r->bad; g->nmarks++) {
		g->marks[g->nmarks].owner = reader_u64(r);
		g->marks[g->nmarks].number = reader_u64(r);
	}
}

static void export_take_heads(struct reader *r, struct export_group *g)
{
	size_t n = reader_u32(r);

	if (n > EXPORT_HEADS_MAX || reader_left(r) < n * EXPORT_HEAD_BYTES) {
		r->bad = true;
		return;
	}
	g->heads = mem_calloc(n + 1, sizeof(g->heads[0]));
	g->nheads = n;
	for (size_t i = 0; i < n; i++) {
		export_take(r, g->heads[i].key, sizeof(g->heads[i].key));
		g->heads[i].epoch = reader_u64(r);
		g->heads[i].seq = reader_u64(r);
		g->heads[i].number = reader_u64(r);
		r->bad = r->bad || g->heads[i].number == 0; /* no head has it */
		export_take(r, g->heads[i].hash, sizeof(g->heads[i].hash));
	}
}

/* False: the secure heap is full. */
static bool export_take_group(struct reader *r, struct export_group *g)
{
	size_t n;

	export_take(r, g->id.b, sizeof(g->id.b));
	export_take_text(r, g->name, sizeof(g->name));
	g->on_demand = export_take_flag(r);
	export_take_text(r, g->share, sizeof(g->share));
	n = reader_u32(r);
	if (n > KEYRING_BYTES_MAX || n > reader_left(r)) {
		r->bad = true;
		return true;
	}
	if (n != 0) {
		g->keyring = keys_memory(n);
		if (g->keyring == NULL)
			return false;
		g->keyring_n = n;
		export_take(r, g->keyring, n);
	}
	n = reader_u8(r);
	if (n > EXPORT_ADDRESSES_MAX) {
		r->bad = true;
		return true;
	}
	g->addresses = mem_calloc(n + 1, sizeof(g->addresses[0]));
	g->naddresses = n;
	for (size_t i = 0; i < n; i++)
		export_take_text(r, g->addresses[i], sizeof(g->addresses[i]));
	export_take_marks(r, g);
	export_take_heads(r, g);
	return true;
}

enum export_result export_content_decode(struct export_content **c, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);
	struct export_content *content = export_content_new(EXPORT_GROUPS_MAX);
	enum export_result result = EXPORT_OK;
	size_t ngroups;

	*c = NULL;
	if (content == NULL)
		return EXPORT_MEMORY;
	export_take(&r, content->seed, sizeof(content->seed));
	ngroups = reader_u32(&r);
	r.bad = r.bad || ngroups > EXPORT_GROUPS_MAX;
	while (!r.bad && result == EXPORT_OK && content->ngroups < ngroups) {
		if (!export_take_group(&r, &content->groups[content->ngroups++]))
			result = EXPORT_MEMORY;
	}
	if (result == EXPORT_OK && (r.bad || reader_left(&r) != 0))
		result = EXPORT_INSIDE;
	if (result == EXPORT_OK)
		*c = content;
	else
		export_content_free(content);
	return result;
}

void export_content_free(struct export_content *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->ngroups; i++) {
		keys_wipe(c->groups[i].keyring, c->groups[i].keyring_n);
		free(c->groups[i].addresses);
		free(c->groups[i].heads);
	}
	free(c->groups);
	keys_wipe(c, sizeof(*c));
}
