/* See cut_rule.h. */
#include "sync/seal/cut_rule.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sync/seal/cut.h"
#include "sync/seal/pad.h"

struct cut_rule {
	struct chunk_rule rule;
	struct keys *keys; /* a reference */
};

struct cut_state {
	struct cut *cut;
	uint8_t avg_log2;
};

static const struct cut_rule *secret(const struct chunk_rule *rule)
{
	return (const struct cut_rule *)rule;
}

static size_t secret_max(const struct chunk_rule *rule, uint8_t avg_log2)
{
	return pad_block_max((enum keys_policy)keys_about(secret(rule)->keys)->policy, avg_log2);
}

static void *secret_start(const struct chunk_rule *rule, uint8_t avg_log2)
{
	struct cut_state *s = MEM_NEW(struct cut_state);

	s->cut = cut_new(secret(rule)->keys);
	s->avg_log2 = avg_log2;
	cut_begin(s->cut, avg_log2);
	return s;
}

static void secret_stop(void *state)
{
	struct cut_state *s = state;

	cut_free(s->cut);
	free(s);
}

static size_t secret_feed(void *state, const uint8_t *p, size_t n, bool *cut)
{
	struct cut_state *s = state;

	return cut_feed(s->cut, p, n, cut);
}

static void secret_restart(void *state)
{
	struct cut_state *s = state;

	cut_begin(s->cut, s->avg_log2);
}

/* Blocks are of nearly one size, so two runs that began apart meet late: after about twelve blocks. */
struct chunk_rule *cut_rule_new(struct keys *k)
{
	struct cut_rule *r = MEM_NEW(struct cut_rule);
	bool uniform = keys_about(k)->policy == KEYS_UNIFORM;

	r->keys = keys_ref(k);
	r->rule = (struct chunk_rule){
		.guess = uniform ? 10 : 6,
		.segment = uniform ? 80 : 48,
		.max = secret_max,
		.start = secret_start,
		.stop = secret_stop,
		.feed = secret_feed,
		.restart = secret_restart,
	};
	return &r->rule;
}

void cut_rule_free(struct chunk_rule *rule)
{
	if (rule == NULL)
		return;
	keys_free(secret(rule)->keys);
	free(rule);
}
