/* A ring of times per agent: see link_losses.h. */
#include "agent/link_losses.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

struct lost_agent {
	struct agent_id id;
	int64_t at_ms[LINK_LOSSES_COUNT_MAX];
	size_t n; /* noted in all; the latest LINK_LOSSES_COUNT_MAX are kept */
	char *reason;
	UT_hash_handle hh;
};

struct link_losses {
	struct lost_agent *agents; /* hash, in the order of their last loss */
};

struct link_losses *link_losses_new(void)
{
	return MEM_NEW(struct link_losses);
}

static void forget_agent(struct link_losses *l, struct lost_agent *a)
{
	HASH_DEL(l->agents, a);
	free(a->reason);
	free(a);
}

void link_losses_free(struct link_losses *l)
{
	struct lost_agent *a, *next;

	if (l == NULL)
		return;
	HASH_ITER(hh, l->agents, a, next)
		forget_agent(l, a);
	free(l);
}

void link_losses_note(struct link_losses *l, const struct agent_id *id, const char *reason, int64_t now_ms)
{
	struct lost_agent *a;

	/* The peer closed the connection and said why: not a loss. */
	if (strncmp(reason, "it said", 7) == 0)
		return;
	HASH_FIND(hh, l->agents, id, sizeof(*id), a);
	if (a != NULL) {
		HASH_DEL(l->agents, a);
	} else {
		if (HASH_COUNT(l->agents) >= LINK_LOSSES_AGENTS_MAX)
			forget_agent(l, l->agents);
		a = MEM_NEW(struct lost_agent);
		a->id = *id;
	}
	HASH_ADD(hh, l->agents, id, sizeof(a->id), a);
	a->at_ms[a->n++ % LINK_LOSSES_COUNT_MAX] = now_ms;
	free(a->reason);
	a->reason = mem_strdup(reason);
}

void link_losses_each(const struct link_losses *l, int64_t now_ms, void (*fn)(void *arg, const struct link_loss *loss),
                      void *arg)
{
	const struct lost_agent *a;

	for (a = l->agents; a != NULL; a = a->hh.next) {
		struct link_loss loss = { .id = a->id, .reason = a->reason };

		for (size_t i = 0; i < a->n && i < LINK_LOSSES_COUNT_MAX; i++)
			loss.times += now_ms - a->at_ms[i] < LINK_LOSSES_WITHIN_MS;
		if (loss.times > 0)
			fn(arg, &loss);
	}
}
