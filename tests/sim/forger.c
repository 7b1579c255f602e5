/* Rewrites messages of one host on their way: see forger.h. */
#include "tests/sim/forger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/group/rights.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"

enum {
	FORGER_PERCENT = 12,
	FORGER_ROLES_PERCENT = 40,
	NEVER_PERCENT = 20,
	NEVER_PATHS = 5,
	CROWD = VERSION_MAX - 3,
	NONE = -1
};

static int forger = NONE;
static uint64_t luck;

void forger_begin(uint64_t seed, int nhosts, bool roles)
{
	luck = seed ^ 0x6c696172;
	forger = nhosts > 0 && sim_chance(&luck, roles ? FORGER_ROLES_PERCENT : FORGER_PERCENT)
	                 ? (int)sim_below(&luck, (uint64_t)nhosts)
	                 : NONE;
}

bool forger_is_at_work(void)
{
	return forger != NONE;
}

bool forger_is(int host)
{
	return forger != NONE && forger == host;
}

/* The same crowd for a path each time, as if it had been there before anybody here. */
static bool add_crowd(struct record *r)
{
	uint64_t stream = 0x63726f7764;
	struct version v;

	if (r->version.n + CROWD > VERSION_MAX)
		return false;
	for (const char *p = r->path; *p != '\0'; p++)
		stream = stream * 31 + (unsigned char)*p;
	version_copy(&v, &r->version);
	for (int i = 0; i < CROWD; i++) {
		uint64_t writer = sim_next(&stream);

		(void)version_bump(&v, writer, 1 + sim_below(&stream, 1000));
	}
	r->version = v; /* the old version belongs to the arena */
	return true;
}

/* A change, or a deletion, of what the record is about. */
static bool usurp(struct record *r)
{
	struct version v;

	version_copy(&v, &r->version);
	if (version_bump(&v, FORGER_WRITER, 1 + sim_below(&luck, 1000)) < 0) {
		version_clear(&v);
		return false;
	}
	r->version = v; /* the old version belongs to the arena */
	r->mtime_ns++;
	if (sim_chance(&luck, 30)) {
		r->deleted = true;
		r->content = (struct content){ 0 };
	}
	return true;
}

/* Adds a deletion of a path that never existed, or, as a reader, of one that may exist, after all records, if there is
 * a number left for it. */
static bool add_never(const struct msg_news *m, struct msg_record *all, char *path, size_t max, bool as_reader)
{
	static const char *const names[] = { "a", "b", "c.txt", "d", "x", "y" };
	uint64_t last = m->nrecords > 0 ? all[m->nrecords - 1].record.seq : m->after;
	struct record *r = &all[m->nrecords].record;

	if (last >= m->upto || !sim_chance(&luck, NEVER_PERCENT))
		return false;
	if (as_reader)
		(void)snprintf(path, max, "%s", names[sim_below(&luck, sizeof(names) / sizeof(names[0]))]);
	else
		(void)snprintf(path, max, "never-was-%d", (int)sim_below(&luck, NEVER_PATHS));
	memset(&all[m->nrecords], 0, sizeof(all[0]));
	*r = (struct record){ .path = path, .kind = RECORD_FILE, .deleted = true, .modified_by = 1, .seq = m->upto };
	(void)version_bump(&r->version, as_reader ? FORGER_WRITER : sim_next(&luck) | 1, 1 + sim_below(&luck, 1000));
	return true;
}

static void count_full(const struct msg_news *m)
{
	for (size_t i = 0; i < m->nrecords; i++)
		tally_count(TALLY_FULL, m->records[i].record.version.n == VERSION_MAX);
}

/* The records belong to the arena; only the versions that were replaced are freed here. */
static uint8_t *lie(struct msg_news *m, bool as_reader, size_t *n)
{
	struct msg_record *all = mem_calloc(m->nrecords + 1, sizeof(*all));
	bool *own = mem_calloc(m->nrecords + 1, sizeof(*own));
	char path[32];
	uint8_t *out;

	if (m->nrecords > 0)
		memcpy(all, m->records, m->nrecords * sizeof(*all));
	for (size_t i = 0; i < m->nrecords; i++) {
		own[i] = as_reader ? usurp(&all[i].record) : add_crowd(&all[i].record);
		tally_count(as_reader ? TALLY_USURPED : TALLY_CROWD, own[i]);
	}
	own[m->nrecords] = add_never(m, all, path, sizeof(path), as_reader);
	tally_count(as_reader ? TALLY_USURPED : TALLY_NEVER_WAS, own[m->nrecords]);
	m->nrecords += own[m->nrecords];
	m->records = all;
	out = msg_news_encode(m, n);
	for (size_t i = 0; i < m->nrecords; i++) {
		if (own[i])
			version_clear(&all[i].record.version);
	}
	free(own);
	free(all);
	return out;
}

static uint8_t *news(int host, bool as_reader, uint8_t *body, size_t *n)
{
	struct msg_arena arena = { 0 };
	struct msg_news m;
	uint8_t *out = body;

	if (msg_news_decode(&m, &arena, body, *n) == 0) {
		count_full(&m);
		if (host == forger) {
			out = lie(&m, as_reader, n);
			free(body);
		}
	}
	msg_free(&arena);
	return out;
}

static uint8_t *hello(uint8_t *body, size_t *n)
{
	struct msg_arena arena = { 0 };
	struct msg_index_hello m;
	uint8_t *out = body;

	if (msg_index_hello_decode(&m, &arena, body, *n) == 0) {
		m.role_known = sim_chance(&luck, 50) ? ROLE_MEMBER : ROLE_OWNER;
		if (sim_chance(&luck, 50))
			m.forgotten = m.seq;
		out = msg_index_hello_encode(&m, n);
		free(body);
	}
	msg_free(&arena);
	return out;
}

uint8_t *forger_frame(int host, uint8_t type, bool as_reader, uint8_t *body, size_t *n)
{
	if (forger == NONE)
		return body;
	if (type == FRAME_NEWS)
		return news(host, as_reader, body, n);
	return type == FRAME_INDEX_HELLO && as_reader && host == forger ? hello(body, n) : body;
}
