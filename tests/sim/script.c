/* Draws a script from a seed, and prints it: see script.h. */
#include "tests/sim/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/sim/host.h"
#include "tests/sim/sim.h"

enum { ACTIONS_MIN = 10, ACTIONS_MAX = 70, BURST_PERCENT = 60 };

static const struct {
	const char *name;
	unsigned first; /* weight in the first era */
	unsigned second;
	unsigned third;
	unsigned fourth;
	unsigned fifth;   /* in addition to the fourth */
	unsigned sixth;   /* in addition to the fifth */
	unsigned seventh; /* in addition to the sixth */
	unsigned ninth;   /* in addition to the seventh; the eighth has none */
} kinds[ACTION_KINDS] = {
	[ACTION_WRITE] = { "writes", 22, 22, 22, 22 },
	[ACTION_APPEND] = { "appends", 6, 6, 6, 6 },
	[ACTION_TRUNCATE] = { "truncates", 3, 3, 3, 3 },
	[ACTION_REPLACE] = { "replaces", 8, 8, 8, 8 },
	[ACTION_DELETE] = { "deletes", 10, 10, 10, 10 },
	[ACTION_MKDIR] = { "makes folder", 6, 6, 6, 6 },
	[ACTION_RMDIR] = { "removes folder", 2, 2, 2, 2 },
	[ACTION_RMTREE] = { "removes tree", 2, 2, 2, 2 },
	[ACTION_MOVE] = { "moves", 9, 9, 9, 9 },
	[ACTION_COPY] = { "copies", 3, 3, 3, 3 },
	[ACTION_CHMOD] = { "chmods", 4, 4, 4, 4 },
	[ACTION_TOUCH] = { "touches", 3, 3, 3, 3 },
	[ACTION_SYMLINK] = { "links", 3, 3, 3, 3 },
	[ACTION_EDITOR] = { "edits", 5, 5, 5, 5 },
	[ACTION_SWAP_KIND] = { "swaps kind", 2, 2, 2, 2 },
	[ACTION_PARTITION] = { "is cut off from", 4, 4, 4, 4 },
	[ACTION_HEAL] = { "reaches everybody again", 6, 6, 6, 6 },
	[ACTION_CUT] = { "loses the connection to", 4, 4, 4, 4 },
	[ACTION_CRASH] = { "crashes", 4, 4, 4, 4 },
	[ACTION_CRASH_AT_STEP] = { "is to crash in an install", 4, 4, 4, 4 },
	[ACTION_RACE_AT_STEP] = { "is to be raced in an install", 4, 4, 4, 4 },
	[ACTION_STOP] = { "stops", 3, 3, 3, 3 },
	[ACTION_START] = { "starts", 10, 10, 10, 10 },
	[ACTION_OVERFLOW] = { "loses events", 1, 1, 1, 1 },
	[ACTION_PAUSE] = { "pauses or resumes", 2, 2, 2, 2 },
	[ACTION_PATCH] = { "patches", 0, 4, 4, 4 },
	[ACTION_SPARSE] = { "writes with holes", 0, 1, 1, 1 },
	[ACTION_LARGE] = { "writes much", 0, 1, 1, 1 },
	[ACTION_VAST] = { "writes very much", 0, 0, 0, 0, 3 },
	[ACTION_FLOCK] = { "unpacks", 0, 0, 0, 0, 3 },
	[ACTION_SLOW] = { "begins to write slowly", 0, 0, 0, 0, 0, 8 },
	[ACTION_SAVE] = { "saves", 0, 5, 5, 5 },
	[ACTION_RESTORE] = { "restores", 0, 3, 3, 3 },
	[ACTION_RESOLVE] = { "resolves", 0, 3, 3, 3 },
	[ACTION_HIDE] = { "writes in secret", 0, 0, 3, 3 },
	[ACTION_ODD_TIME] = { "sets an odd time of", 0, 0, 2, 2 },
	[ACTION_LINK] = { "makes another name of", 0, 0, 4, 4 },
	[ACTION_GATHER] = { "moves all of a folder to a new one", 0, 0, 0, 0, 0, 0, 12 },
	[ACTION_RESCAN] = { "is told to scan", 0, 1, 1, 1 },
	[ACTION_VERIFY] = { "is told to verify", 0, 1, 1, 1 },
	[ACTION_RELEASE] = { "is told to release", 0, 1, 1, 1 },
	[ACTION_FAULT] = { "has a call that fails", 0, 7, 7, 7 },
	[ACTION_FAULT_LASTS] = { "has calls that fail for a while", 0, 3, 3, 3 },
	[ACTION_HARM] = { "comes back with harm to its home", 0, 3, 3, 3 },
	[ACTION_SAVE_HOME] = { "is backed up", 0, 3, 3, 3 },
	[ACTION_ABSENCE] = { "is away for days", 0, 2, 2, 2 },
	[ACTION_CLOCK] = { "has its clock moved", 0, 2, 2, 2 },
	[ACTION_JOIN] = { "joins", 0, 4, 4, 4 },
	[ACTION_LEAVE] = { "leaves", 0, 1, 1, 1, 0, 0, 0, 3 },
	[ACTION_REMOVE] = { "is removed", 0, 1, 1, 1, 0, 0, 0, 4 },
	[ACTION_SILENT] = { "answers nothing that it is asked for", 0, 0, 3, 3 },
	[ACTION_ROLE] = { "is given a role", 0, 0, 0, 4, 0, 0, 0, 4 },
	[ACTION_MODE] = { "changes its mode", 0, 0, 0, 3 },
	[ACTION_GET] = { "gets", 0, 0, 0, 6 },
	[ACTION_DROP] = { "drops", 0, 0, 0, 8 },
	[ACTION_UNSHARE] = { "unshares", 0, 0, 0, 3 },
	[ACTION_SHARE] = { "shares", 0, 0, 0, 2 },
	[ACTION_REVERT] = { "reverts", 0, 0, 0, 1 },
	[ACTION_ROT] = { "rots, or another vault", 0, 0, 0, 0, 0, 0, 0, 5 },
	[ACTION_BOUND] = { "has little room, or another vault", 0, 0, 0, 0, 0, 0, 0, 4 },
	[ACTION_POWER] = { "has its power cut, or another vault", 0, 0, 0, 0, 0, 0, 0, 6 },
};

const char *action_name(enum action_kind kind)
{
	return kinds[kind].name;
}

static unsigned weight(int kind, int era)
{
	switch (era) {
	case 1:
		return kinds[kind].first;
	case 2:
		return kinds[kind].second;
	case 3:
		return kinds[kind].third;
	case 4:
		return kinds[kind].fourth;
	case 5:
		return kinds[kind].fourth + kinds[kind].fifth;
	case 6:
		return kinds[kind].fourth + kinds[kind].fifth + kinds[kind].sixth;
	default:
		return kinds[kind].fourth + kinds[kind].fifth + kinds[kind].sixth + kinds[kind].seventh +
		       (era >= SCRIPT_ERA_VAULTS ? kinds[kind].ninth : 0);
	}
}

static enum action_kind any_kind(uint64_t *stream, int era)
{
	unsigned sum = 0, at;

	for (int i = 0; i < ACTION_KINDS; i++)
		sum += weight(i, era);
	at = (unsigned)sim_below(stream, sum);
	for (int i = 0; i < ACTION_KINDS; i++) {
		if (at < weight(i, era))
			return (enum action_kind)i;
		at -= weight(i, era);
	}
	return ACTION_WRITE;
}

bool script_chooses(const struct script *s, int host)
{
	return s->chooses && host != 0 && (!s->line || host == s->nhosts - 1);
}

/* In half of the runs there are readers, and in more than half members on demand; host 0 has everything. Two members
 * that meet only through a reader do not converge, so those have no line. */
static void draw_groups(struct script *s, uint64_t seed)
{
	uint64_t stream = seed ^ 0x726f6c6573;

	s->roles = sim_chance(&stream, 50);
	for (int i = 1; i < s->nhosts && s->roles; i++)
		s->readers |= (unsigned)sim_chance(&stream, 25) << i;
	s->line = s->line && !s->roles;
	s->chooses = sim_chance(&stream, 60);
	for (int i = 1; i < s->nhosts; i++)
		if (script_chooses(s, i))
			s->demand |= (unsigned)sim_chance(&stream, 50) << i;
}

static void draw_copies(struct script *s, uint64_t seed)
{
	uint64_t stream = seed ^ 0x636f70696573;

	if (!sim_chance(&stream, 75))
		return;
	s->copies = 3 + (unsigned)sim_below(&stream, sim_chance(&stream, 30) ? 120 : 20);
	s->rows = 1 + (unsigned)sim_below(&stream, 4);
	s->meeting = sim_next(&stream);
}

/* One vault more than the hosts of the same seed without, and another one by chance. Where members reach nothing but
 * vaults no others can join, since a vault lets no agent in. Two members that meet only at vaults drop nothing, since a
 * vault is no other copy. */
static void draw_vaults(struct script *s, uint64_t seed)
{
	uint64_t stream = seed ^ 0x7661756c74;
	bool outsider = s->nhosts > s->members;

	s->apart = sim_chance(&stream, 60);
	s->line = false;
	s->vaults = 1U << s->members;
	s->members++;
	s->nhosts++;
	if (s->nhosts < SIM_HOSTS && sim_chance(&stream, 25)) {
		s->vaults |= 1U << s->members;
		s->members++;
		s->nhosts++;
	}
	if (outsider && (s->apart || sim_chance(&stream, 50)))
		s->vaults |= 1U << (s->nhosts - 1);
	s->chooses = s->chooses && !s->apart;
	s->readers &= ~s->vaults;
	s->demand = s->chooses ? s->demand & ~s->vaults : 0;
}

enum role script_role(const struct script *s, int host)
{
	return s->vaults >> host & 1 ? ROLE_VAULT : s->readers >> host & 1 ? ROLE_READER : ROLE_MEMBER;
}

void script_make(struct script *s, uint64_t seed, int era)
{
	uint64_t stream = seed ^ 0x736372697074;
	int64_t at = 0;

	*s = (struct script){ .era = era, .nhosts = 2 + (int)sim_below(&stream, 3), .line = sim_chance(&stream, 30) };
	s->loss = sim_chance(&stream, 30) ? 10 : 0;
	s->members = s->nhosts;
	if (era > 1 && sim_chance(&stream, 30))
		s->nhosts++;
	if (era > 3)
		draw_groups(s, seed);
	if (era >= SCRIPT_ERA_COPIES)
		draw_copies(s, seed);
	s->sealed = era >= SCRIPT_ERA_SEALED;
	if (era >= SCRIPT_ERA_VAULTS)
		draw_vaults(s, seed);
	s->n = ACTIONS_MIN + sim_below(&stream, ACTIONS_MAX - ACTIONS_MIN);
	s->actions = mem_calloc(s->n, sizeof(s->actions[0]));
	for (size_t i = 0; i < s->n; i++) {
		struct action *d = &s->actions[i];

		at += (int64_t)sim_below(&stream, sim_chance(&stream, BURST_PERCENT) ? 60 : 4000) * SIM_MS;
		d->at_ns = at;
		d->kind = any_kind(&stream, era);
		d->host = (int)sim_below(&stream, (uint64_t)s->nhosts);
		d->other = (d->host + 1 + (int)sim_below(&stream, (uint64_t)s->nhosts - 1)) % s->nhosts;
		d->luck = sim_next(&stream);
	}
	s->length_ns = at + SIM_S;
	s->aftermath = sim_next(&stream);
}

void script_print(const struct script *s)
{
	fprintf(stderr, "  %d hosts%s, %d of them members, %u %% of the hints get lost\n", s->nhosts,
	        s->line ? " in a line" : "", s->members, s->loss);
	if (s->copies > 0)
		fprintf(stderr, "  each has %u files before they meet, and compares %u at a time\n", s->copies,
		        s->rows);
	for (int i = 0; i < s->nhosts; i++)
		if ((s->readers | s->demand | s->vaults) >> i & 1)
			fprintf(stderr, "  host %d is%s%s%s\n", i, s->readers >> i & 1 ? " a reader" : "",
			        s->vaults >> i & 1 ? " a vault" : "", s->demand >> i & 1 ? " on demand" : "");
	if (s->apart)
		fprintf(stderr, "  members reach vaults only\n");
	for (size_t i = 0; i < s->n; i++) {
		const struct action *d = &s->actions[i];

		if (d->dropped)
			continue;
		fprintf(stderr, "  %8.3f host %d %s", (double)d->at_ns / 1e9, d->host, action_name(d->kind));
		if (d->kind == ACTION_PARTITION || d->kind == ACTION_CUT)
			fprintf(stderr, " %d", d->other);
		fprintf(stderr, "\n");
	}
}
