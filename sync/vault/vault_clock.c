/* The time that ages and waits are counted by. It goes on while the vault runs, whatever the wall clock does, and makes
 * up for the time in which it did not run at twice that pace. So a wall clock that jumps ahead shortens a wait to its
 * half at most, and one that is put back lengthens none. */
#include "base/clock.h"
#include "sync/vault/vault_internal.h"

enum { CLOCK_KEEP_S = 3600 };

/* A value of the index. */
static const char clock_key[] = "vault clock";

static int64_t clock_up_ms(const struct vault *v)
{
	return v->config.up_ms != NULL ? v->config.up_ms(v->config.arg) : loop_now_ms(v->config.loop);
}

void vault_clock_keep(struct vault *v)
{
	(void)index_meta_put(v->config.index, clock_key, v->now_s);
}

void vault_clock_new(struct vault *v)
{
	if (index_meta_get(v->config.index, clock_key, &v->now_s) <= 0)
		v->now_s = clock_wall_s();
	v->clock_ms = clock_up_ms(v);
}

void vault_clock_tick(struct vault *v)
{
	int64_t up_s = (clock_up_ms(v) - v->clock_ms) / 1000, behind_s = clock_wall_s() - v->now_s - up_s;
	int64_t before_s = v->now_s;

	v->clock_ms += up_s * 1000;
	v->now_s += up_s + (behind_s < 0 ? 0 : behind_s < up_s ? behind_s : up_s);
	if (v->now_s / CLOCK_KEEP_S != before_s / CLOCK_KEEP_S)
		vault_clock_keep(v);
}
