/* What agents of a sealed group are to blame for, by heads that prove it: said once, and kept over a restart. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	BLAME_KEPT_S = 90 * 24 * 3600, /* a restart forgets what is older */
	BLAMES = 8,                    /* for a stored blame: more than there are in enum heads_blame */
};

/* Somebody who was reported. */
struct heads_reported {
	struct agent_id id;
	enum heads_blame blame;
};

struct engine_blame {
	struct engine *e;
	struct heads *heads;
	struct heads_reported *reported; /* owned */
	size_t nreported;
};

struct engine_blame *engine_blame_new(struct engine *e, struct heads *heads)
{
	struct engine_blame *b = MEM_NEW(struct engine_blame);

	b->e = e;
	b->heads = heads;
	return b;
}

void engine_blame_free(struct engine_blame *b)
{
	if (b == NULL)
		return;
	free(b->reported);
	free(b);
}

/* Notes that an agent is said to be to blame for this. False: that is known. */
static bool note_reported(struct engine_blame *b, const struct agent_id *id, enum heads_blame blame)
{
	struct heads_reported *r = NULL;

	for (size_t i = 0; i < b->nreported && r == NULL; i++) {
		if (agent_id_equal(&b->reported[i].id, id))
			r = &b->reported[i];
	}
	if (r == NULL && blame == HEADS_BLAMELESS)
		return false;
	if (r == NULL) {
		b->reported = mem_realloc(b->reported, b->nreported + 1, sizeof(b->reported[0]));
		r = &b->reported[b->nreported++];
		*r = (struct heads_reported){ .id = *id };
	}
	if (r->blame == blame)
		return false;
	r->blame = blame;
	return true;
}

/* A value of the index: what an agent is to blame for, and since when. */
static void blame_key(char key[32], const struct agent_id *id)
{
	(void)snprintf(key, 32, "blame %016" PRIx64, agent_id_short(id));
}

/* Before the head that proves it is: once that is known, nothing shows it again. What is withheld is found out again.
 */
void engine_blame_store(struct engine_blame *b, const struct agent_id *id)
{
	struct heads_about a;
	int64_t value, known;
	char key[32];

	if (!heads_about(b->heads, id, &a) || a.blame_s == 0)
		return;
	blame_key(key, id);
	value = a.blame_s * BLAMES + (int64_t)a.blame;
	if (index_meta_get(b->e->index, key, &known) <= 0 || known != value)
		(void)index_meta_put(b->e->index, key, value);
}

void engine_blame_load(struct engine_blame *b, const struct agent_id *id)
{
	enum heads_blame blame;
	int64_t value;
	char key[32];

	blame_key(key, id);
	if (index_meta_get(b->e->index, key, &value) <= 0 || value / BLAMES < clock_wall_s() - BLAME_KEPT_S)
		return;
	blame = (enum heads_blame)(value % BLAMES);
	if (blame <= HEADS_WITHHOLDS || blame > HEADS_FORKED)
		return;
	heads_blame_again(b->heads, id, blame, value / BLAMES);
	(void)note_reported(b, id, blame);
}

void engine_blame_forget(struct engine_blame *b, const struct agent_id *id)
{
	int64_t value;
	char key[32];

	blame_key(key, id);
	if (index_meta_get(b->e->index, key, &value) > 0 && value != 0)
		(void)index_meta_put(b->e->index, key, 0);
}

/* Says once what an agent is to blame for. */
void engine_blame_report(struct engine_blame *b, const struct heads_about *a)
{
	struct engine *e = b->e;
	char *who, *text;

	if (!note_reported(b, a->id, a->blame) || a->blame == HEADS_BLAMELESS)
		return;
	who = engine_members_called(e, a->id);
	text = mem_printf("%s %s", who, heads_blame_text(a->blame));
	engine_log(e, LOG_WARN, "group %s: %s", engine_name(e), text);
	engine_members_emit(e, a->id, "problem", text);
	free(text);
	free(who);
}
