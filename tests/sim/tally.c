/* Counts what happened in all runs: see tally.h. */
#include "tests/sim/tally.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "sync/wire/frame.h"
#include "sync/wire/msg.h"
#include "tests/sim/script.h"

static const char *const texts[TALLY_KINDS] = {
#define X(name, text) [TALLY_##name] = (text),
	TALLY_LIST(X)
#undef X
};

static uint64_t *into;

void tally_into(uint64_t counts[TALLY_KINDS])
{
	into = counts;
}

void tally_add(enum tally what)
{
	tally_count(what, 1);
}

void tally_count(enum tally what, uint64_t n)
{
	if (into != NULL)
		into[what] += n;
}

static void tally_swarm(uint8_t type, const uint8_t *head, size_t head_n)
{
	if (type == FRAME_MAP)
		tally_add(TALLY_MAPS);
	else if (type == FRAME_HAVE)
		tally_add(TALLY_HAVES);
	else if (type == FRAME_ANY)
		tally_add(TALLY_ANYS);
	else if (type == FRAME_BLOCK && head_n == MSG_BLOCK_HEAD_ANY)
		tally_add(TALLY_CHOSEN);
	else if (type == FRAME_BLOCK && head[4] == MSG_BLOCK_OUT)
		tally_add(TALLY_OUTS);
	else if (type == FRAME_RELAY)
		tally_add(TALLY_RELAYS);
	else if (type == FRAME_RANGES)
		tally_add(TALLY_RANGES);
}

static void tally_same(const uint8_t *body, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_same m;

	if (msg_same_decode(&m, &a, body, n) == 0)
		tally_count(TALLY_SAME, m.n);
	msg_free(&a);
}

static void tally_get(const uint8_t *body, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_get m;

	if (msg_get_decode(&m, &a, body, n) == 0)
		for (size_t i = 0; i < m.nwants; i++)
			if (m.wants[i].what != 0)
				tally_add(TALLY_LEAVES);
	msg_free(&a);
}

static bool tally_coming(const uint8_t *body, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_coming m = { 0 };

	tally_add(TALLY_COMINGS);
	if (msg_coming_decode(&m, &a, body, n) == 0) {
		tally_count(TALLY_COMING_ENDS, m.ended);
		tally_count(TALLY_SLOW_COMINGS, !m.ended && action_slow_writes(m.path));
	}
	msg_free(&a);
	return m.ended;
}

bool tally_frame(uint8_t type, const uint8_t *head, size_t head_n, const uint8_t *body, size_t body_n)
{
	tally_swarm(type, head, head_n);
	if (type == FRAME_GET && head_n == 0)
		tally_get(body, body_n);
	if (type == FRAME_SAME)
		tally_same(body, body_n);
	return type == FRAME_COMING && tally_coming(body, body_n);
}

void tally_print(const uint64_t counts[TALLY_KINDS])
{
	for (int i = 0; i < TALLY_KINDS; i++)
		printf("  %10" PRIu64 " %s\n", counts[i], texts[i]);
}

bool tally_lacks(const uint64_t counts[TALLY_KINDS])
{
	bool lacks = false;

	for (int i = 0; i < TALLY_KINDS; i++) {
		if (counts[i] > 0)
			continue;
		fprintf(stderr, "sim: never happened: %s\n", texts[i]);
		lacks = true;
	}
	return lacks;
}
