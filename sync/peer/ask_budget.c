/* How much strangers may ask, and members may bring. Each budget has a number that may come at once, and a time
 * after which one more may; its whole state is the time at which what was used will have come back. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/peer/ask_internal.h"

enum { HOUR_MS = 3600 * 1000, BRINGERS_MOST = 2 * ROSTER_MAX_MEMBERS };

struct ask_network {
	char name[REQUEST_ADDRESS_MAX + 1];
	int64_t used_ms;
};

struct ask_bringer {
	uint64_t peer;
	int64_t used_ms;
	UT_hash_handle hh;
};

struct ask_budget {
	int64_t salts_ms;
	struct ask_network networks[ASK_NETWORKS_MAX];
	struct ask_bringer *bringers;
};

void ask_budget_host(char out[REQUEST_ADDRESS_MAX + 1], const char *address)
{
	const char *port = strrchr(address, ':');
	size_t n = port ? (size_t)(port - address) : strlen(address), zone;

	if (*address == '[' && n >= 2) {
		address++;
		n -= 2;
	}
	zone = strcspn(address, "%");
	if (zone < n)
		n = zone;
	memset(out, 0, REQUEST_ADDRESS_MAX + 1);
	memcpy(out, address, n < REQUEST_ADDRESS_MAX ? n : REQUEST_ADDRESS_MAX);
}

struct ask_budget *ask_budget_new(void)
{
	return MEM_NEW(struct ask_budget);
}

void ask_budget_free(struct ask_budget *b)
{
	struct ask_bringer *m, *next;

	if (b == NULL)
		return;
	HASH_ITER(hh, b->bringers, m, next) {
		HASH_DEL(b->bringers, m);
		free(m);
	}
	free(b);
}

bool ask_budget_take(int64_t *used_ms, int64_t at_once, int64_t every_ms, int64_t now_ms)
{
	int64_t used = *used_ms > now_ms ? *used_ms : now_ms;

	if (used + every_ms - now_ms > at_once * every_ms)
		return false;
	*used_ms = used + every_ms;
	return true;
}

/* The network's, or the one that has been quiet for longest. */
static struct ask_network *network_of(struct ask_budget *b, const char *address)
{
	struct ask_network *oldest = &b->networks[0];
	size_t n = request_network(address);

	for (size_t i = 0; i < ASK_NETWORKS_MAX; i++) {
		struct ask_network *w = &b->networks[i];

		if (strlen(w->name) == n && memcmp(w->name, address, n) == 0)
			return w;
		if (w->used_ms < oldest->used_ms)
			oldest = w;
	}
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->name, address, n < sizeof(oldest->name) ? n : sizeof(oldest->name) - 1);
	return oldest;
}

bool ask_budget_salt(struct ask_budget *b, const char *address, int64_t now_ms)
{
	struct ask_network *w = network_of(b, address);
	int64_t used_ms = w->used_ms;

	if (!ask_budget_take(&used_ms, ASK_SALTS_OF_ADDRESS, HOUR_MS / ASK_SALTS_OF_ADDRESS, now_ms) ||
	    !ask_budget_take(&b->salts_ms, ASK_SALTS_PER_HOUR, HOUR_MS / ASK_SALTS_PER_HOUR, now_ms))
		return false;
	w->used_ms = used_ms;
	return true;
}

static void forget_idle(struct ask_budget *b, int64_t now_ms)
{
	struct ask_bringer *m, *next;

	HASH_ITER(hh, b->bringers, m, next) {
		if (m->used_ms > now_ms && HASH_COUNT(b->bringers) < BRINGERS_MOST)
			continue;
		HASH_DEL(b->bringers, m);
		free(m);
	}
}

bool ask_budget_entry(struct ask_budget *b, uint64_t peer, int64_t now_ms)
{
	struct ask_bringer *m;

	HASH_FIND(hh, b->bringers, &peer, sizeof(peer), m);
	if (m == NULL) {
		forget_idle(b, now_ms);
		m = MEM_NEW(struct ask_bringer);
		m->peer = peer;
		HASH_ADD(hh, b->bringers, peer, sizeof(m->peer), m);
	}
	return ask_budget_take(&m->used_ms, ASK_BROUGHT_AT_ONCE, ASK_BROUGHT_MS, now_ms);
}
