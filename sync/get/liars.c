/* Peers that sent something else: see liars.h. */
#include "sync/get/liars.h"

#include <string.h>

void liars_add(struct liars *l, uint64_t peer)
{
	memmove(l->peer + 1, l->peer, sizeof(l->peer) - sizeof(l->peer[0]));
	l->peer[0] = peer;
}

bool liars_has(const struct liars *l, uint64_t peer)
{
	for (int i = 0; i < LIARS_MAX; i++) {
		if (l->peer[i] == peer)
			return true;
	}
	return false;
}

void liars_forgive(struct liars *l, uint64_t peer)
{
	for (int i = 0; i < LIARS_MAX; i++) {
		if (l->peer[i] == peer)
			l->peer[i] = 0;
	}
}
