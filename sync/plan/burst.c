/* See burst.h. */
#include "sync/plan/burst.h"

bool burst_is_large(int64_t lost, int64_t of)
{
	return lost >= BURST_MIN && lost >= (of + BURST_PART - 1) / BURST_PART;
}

/* The slot of now_ms. Empties those that are older than the window. */
static struct burst_slot *slot_of(struct burst *b, int64_t now_ms)
{
	int64_t number = now_ms / BURST_SLOT_MS + 1;
	struct burst_slot *s = &b->slots[number % BURST_SLOTS];

	for (int i = 0; i < BURST_SLOTS; i++) {
		if (b->slots[i].number <= number - BURST_SLOTS)
			b->slots[i] = (struct burst_slot){ 0 };
	}
	s->number = number;
	return s;
}

int64_t burst_most(struct burst *b, int64_t there, int64_t now_ms)
{
	struct burst_slot *s = slot_of(b, now_ms);
	int64_t most = 0;

	if (there > s->most)
		s->most = there;
	for (int i = 0; i < BURST_SLOTS; i++) {
		if (b->slots[i].most > most)
			most = b->slots[i].most;
	}
	return most;
}

void burst_moved(struct burst *b, int64_t there)
{
	for (int i = 0; i < BURST_SLOTS; i++)
		b->slots[i].most -= b->slots[i].most > there;
}

static int64_t let_go(const struct burst *b)
{
	int64_t gone = 0;

	for (int i = 0; i < BURST_SLOTS; i++)
		gone += b->slots[i].gone;
	return gone;
}

bool burst_holds(struct burst *b, int64_t calm, int64_t there, int64_t going, int64_t now_ms)
{
	int64_t most = burst_most(b, calm, now_ms);
	int64_t lost = most - (there - going);
	int64_t gone = let_go(b);

	if (lost > gone + going)
		lost = gone + going;
	if (burst_is_large(lost, most))
		return true;
	slot_of(b, now_ms)->gone += going;
	return false;
}
