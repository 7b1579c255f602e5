/* See script.h. */
#include "tests/sim/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/sim.h"

enum { DEEDS_MIN = 10, DEEDS_MAX = 70, BURST_PERCENT = 60 };

static const struct {
	const char *name;
	unsigned weight;
} kinds[DEED_KINDS] = {
	[DEED_WRITE] = { "writes", 22 },
	[DEED_APPEND] = { "appends", 6 },
	[DEED_TRUNCATE] = { "truncates", 3 },
	[DEED_REPLACE] = { "replaces", 8 },
	[DEED_DELETE] = { "deletes", 10 },
	[DEED_MKDIR] = { "makes folder", 6 },
	[DEED_RMDIR] = { "removes folder", 2 },
	[DEED_RMTREE] = { "removes tree", 2 },
	[DEED_MOVE] = { "moves", 9 },
	[DEED_COPY] = { "copies", 3 },
	[DEED_CHMOD] = { "chmods", 4 },
	[DEED_TOUCH] = { "touches", 3 },
	[DEED_SYMLINK] = { "links", 3 },
	[DEED_EDITOR] = { "edits", 5 },
	[DEED_SWAP_KIND] = { "swaps kind", 2 },
	[DEED_PARTITION] = { "is cut off from", 4 },
	[DEED_HEAL] = { "reaches everybody again", 6 },
	[DEED_CUT] = { "loses the connection to", 4 },
	[DEED_CRASH] = { "crashes", 4 },
	[DEED_CRASH_AT_STEP] = { "is to crash in an install", 4 },
	[DEED_RACE_AT_STEP] = { "is to be raced in an install", 4 },
	[DEED_STOP] = { "stops", 3 },
	[DEED_START] = { "starts", 10 },
	[DEED_OVERFLOW] = { "loses events", 1 },
	[DEED_PAUSE] = { "pauses or resumes", 2 },
};

const char *deed_name(enum deed_kind kind)
{
	return kinds[kind].name;
}

static enum deed_kind any_kind(uint64_t *stream)
{
	unsigned sum = 0, at;

	for (int i = 0; i < DEED_KINDS; i++)
		sum += kinds[i].weight;
	at = (unsigned)sim_below(stream, sum);
	for (int i = 0; i < DEED_KINDS; i++) {
		if (at < kinds[i].weight)
			return (enum deed_kind)i;
		at -= kinds[i].weight;
	}
	return DEED_WRITE;
}

void script_make(struct script *s, uint64_t seed)
{
	uint64_t stream = seed ^ 0x736372697074;
	int64_t at = 0;

	*s = (struct script){ .nhosts = 2 + (int)sim_below(&stream, 3), .line = sim_chance(&stream, 30) };
	s->loss = sim_chance(&stream, 30) ? 10 : 0;
	s->n = DEEDS_MIN + sim_below(&stream, DEEDS_MAX - DEEDS_MIN);
	s->deeds = mem_calloc(s->n, sizeof(s->deeds[0]));
	for (size_t i = 0; i < s->n; i++) {
		struct deed *d = &s->deeds[i];

		at += (int64_t)sim_below(&stream, sim_chance(&stream, BURST_PERCENT) ? 60 : 4000) * SIM_MS;
		d->at_ns = at;
		d->kind = any_kind(&stream);
		d->host = (int)sim_below(&stream, (uint64_t)s->nhosts);
		d->other = (d->host + 1 + (int)sim_below(&stream, (uint64_t)s->nhosts - 1)) % s->nhosts;
		d->luck = sim_next(&stream);
	}
	s->length_ns = at + SIM_S;
}

void script_print(const struct script *s)
{
	fprintf(stderr, "  %d hosts%s, %u %% of the hints get lost\n", s->nhosts, s->line ? " in a line" : "", s->loss);
	for (size_t i = 0; i < s->n; i++) {
		const struct deed *d = &s->deeds[i];

		if (d->dropped)
			continue;
		fprintf(stderr, "  %8.3f host %d %s", (double)d->at_ns / 1e9, d->host, deed_name(d->kind));
		if (d->kind == DEED_PARTITION || d->kind == DEED_CUT)
			fprintf(stderr, " %d", d->other);
		fprintf(stderr, "\n");
	}
}

/* --- fate --- */

static const struct script *playing;

static bool may_reach(int a, int b)
{
	return !playing->line || a - b == 1 || b - a == 1;
}

static void heal(int a)
{
	for (int b = 0; b < playing->nhosts; b++)
		if (a != b)
			sim_wire_reach(a, b, may_reach(a, b));
}

static void restart(void *arg)
{
	host_start(arg);
}

static void on_death(int host)
{
	uint64_t *luck = sim_luck();

	host_crash(&hosts_all[host], sim_chance(luck, 30));
	sim_at(NULL, (int64_t)sim_below(luck, 8000) * SIM_MS, restart, &hosts_all[host]);
}

static void race(struct host *h, const char *path)
{
	static const enum deed_kind dirty[] = { DEED_WRITE,  DEED_APPEND,  DEED_REPLACE, DEED_DELETE,
		                                DEED_EDITOR, DEED_SYMLINK, DEED_CHMOD,   DEED_SWAP_KIND };
	uint64_t luck = h->deed_luck;
	enum deed_kind kind = dirty[sim_below(&luck, sizeof(dirty) / sizeof(dirty[0]))];

	deed_do(h, kind, luck, path);
}

static void befall(const struct deed *d)
{
	struct host *h = &hosts_all[d->host];
	uint64_t luck = d->luck;

	switch (d->kind) {
	case DEED_PARTITION:
		sim_wire_reach(d->host, d->other, false);
		break;
	case DEED_HEAL:
		heal(d->host);
		break;
	case DEED_CUT:
		sim_wire_cut(d->host, d->other);
		break;
	case DEED_CRASH:
		if (host_runs(h))
			on_death(d->host);
		break;
	case DEED_CRASH_AT_STEP:
		h->die_steps = 1 + (int)sim_below(&luck, 6);
		break;
	case DEED_RACE_AT_STEP:
		h->deed_steps = 1 + (int)sim_below(&luck, 6);
		h->deed_luck = sim_next(&luck);
		break;
	case DEED_STOP:
		host_stop(h);
		break;
	case DEED_START:
		host_start(h);
		break;
	case DEED_OVERFLOW:
		sim_watch_overflow(d->host);
		break;
	case DEED_PAUSE:
		host_pause(h, sim_chance(&luck, 50));
		break;
	default:
		deed_do(h, d->kind, d->luck, NULL);
		break;
	}
}

static void come_true(void *arg)
{
	const struct deed *d = arg;

	if (d->dropped)
		return;
	if (d->kind >= DEED_PARTITION)
		sim_trace("host %d %s (%d)", d->host, deed_name(d->kind), d->other);
	befall(d);
}

static void discover(void *arg)
{
	for (int i = 0; i < hosts_n; i++)
		host_discover(&hosts_all[i]);
	sim_at(NULL, 3 * SIM_S, discover, arg);
}

void script_schedule(struct script *s)
{
	playing = s;
	sim_on_death(on_death);
	hosts_on_step(race);
	sim_watch_set_loss(s->loss);
	for (int i = 0; i < s->nhosts; i++) {
		heal(i);
		sim_at(NULL, 0, restart, &hosts_all[i]);
	}
	sim_at(NULL, SIM_S, discover, NULL);
	for (size_t i = 0; i < s->n; i++)
		sim_at(NULL, s->deeds[i].at_ns, come_true, &s->deeds[i]);
}

static void come_to_rest(void *arg)
{
	struct host *h = arg;

	heal(h->number);
	h->die_steps = h->deed_steps = 0;
	host_start(h);
	host_pause(h, false);
}

void script_end_trouble(const struct script *s)
{
	for (int i = 0; i < s->nhosts; i++)
		sim_at(NULL, 0, come_to_rest, &hosts_all[i]);
}
