/* See engine_dump.h. Whatever is not there in the engine's present phase is left out. */
#include "agent/engine/engine_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/escape.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { DOWNLOADS_MAX = 200, PROBLEMS_MAX = 200, WANTS_MAX = 1000, HASH_SHOWN = 4 };

struct engine_dumping {
	struct engine *engine;
	bool names;
	json_t *array;
};

static json_t *dump_u64(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Random 64-bit numbers do not fit into a JSON integer of every reader. */
static json_t *dump_epoch(uint64_t epoch)
{
	char text[17];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, epoch);
	return json_string(text);
}

static json_t *dump_text(char *text)
{
	json_t *json = text != NULL ? json_string(text) : json_null();

	free(text);
	return json;
}

static void dump_name(const struct engine_dumping *d, json_t *to, const char *key, const char *bytes)
{
	if (d->names)
		json_object_set_new(to, key, dump_text(bytes != NULL ? escape_name(bytes) : NULL));
}

/* Equal paths have equal hashes for as long as this process runs, and nobody can find the path by trying. */
static void dump_path(const struct engine_dumping *d, json_t *to, const char *path)
{
	static uint8_t key[16];
	static bool has_key;
	struct sha256_stream s = { 0 };
	uint8_t hash[SHA256_SIZE];
	char hex[HASH_SHOWN * 2 + 1];

	if (!has_key)
		random_bytes(key, sizeof(key));
	has_key = true;
	sha256_begin(&s);
	sha256_update(&s, key, sizeof(key));
	sha256_update(&s, path, strlen(path));
	sha256_end(&s, hash);
	sha256_free(&s);
	hex_encode(hex, hash, HASH_SHOWN);
	json_object_set_new(to, "path_hash", json_string(hex));
	dump_name(d, to, "path", path);
}

static void dump_number(void *arg, const char *part, const char *name, int64_t value)
{
	json_array_append_new(arg,
	                      json_pack("{s:s, s:s, s:I}", "part", part, "name", name, "value", (json_int_t)value));
}

/* What each part says of itself. */
static json_t *dump_numbers(struct engine *e)
{
	json_t *numbers = json_array();

	dump_number(numbers, "engine", "retry_ms", loop_timer_left_ms(e->retry));
	dump_number(numbers, "engine", "unstored", e->unstored);
	dump_number(numbers, "engine", "agent_jobs", workers_pending(e->context->workers));
	engine_disk_debug(e, dump_number, numbers);
	engine_vault_debug(e, dump_number, numbers);
	engine_choices_debug(e, dump_number, numbers);
	engine_roster_debug(e, dump_number, numbers);
	engine_requests_debug(e, dump_number, numbers);
	engine_sync_debug(e, dump_number, numbers);
	engine_verify_debug(e, dump_number, numbers);
	engine_versions_debug(e, dump_number, numbers);
	engine_tombstones_debug(e, dump_number, numbers);
	engine_keys_debug(e, dump_number, numbers);
	engine_heads_debug(e, dump_number, numbers);
	engine_stop_debug(e, dump_number, numbers);
	if (e->comings != NULL)
		comings_debug(e->comings, dump_number, numbers);
	if (e->fetch != NULL)
		fetch_debug(e->fetch, dump_number, numbers);
	if (e->index != NULL) {
		dump_number(numbers, "index", "commits", (int64_t)index_commits(e->index));
		dump_number(numbers, "index", "wal_bytes", index_wal_bytes(e->index));
		dump_number(numbers, "index", "damaged", index_damaged(e->index));
	}
	return numbers;
}

static void dump_message(const struct engine_dumping *d, json_t *to, const char *key, const char *bytes)
{
	if (d->names)
		json_object_set_new(to, key, dump_text(bytes != NULL ? escape_message(bytes) : NULL));
}

static json_t *dump_index(struct index *index)
{
	struct index_totals t = index_totals(index);

	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "epoch", dump_epoch(index_epoch(index)),
	                 "seq", dump_u64(index_seq(index)), "files", (json_int_t)t.files, "dirs", (json_int_t)t.dirs,
	                 "symlinks", (json_int_t)t.symlinks, "bytes", (json_int_t)t.bytes, "tombstones",
	                 (json_int_t)t.tombstones, "wanted", (json_int_t)index_wants_missing(index), "wanted_bytes",
	                 (json_int_t)index_wants_missing_bytes(index));
}

static json_t *dump_local(const struct local *l)
{
	static const char *const
		states[] = { [LOCAL_SCANNING] = "scanning", [LOCAL_WATCHING] = "watching", [LOCAL_ERROR] = "error" };

	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I}", "state", states[local_state(l)], "idle", (int)local_idle(l),
	                 "pending", (json_int_t)local_pending(l), "ignored", (json_int_t)local_ignored(l), "failing",
	                 (json_int_t)local_failing(l), "held", (json_int_t)local_held(l, NULL));
}

/* Reasons are fixed texts, except one that names the share. */
static const char *dump_reason(const struct engine_dumping *d, const char *reason)
{
	return reason != NULL && !d->names && strchr(reason, '/') != NULL ? NULL : reason;
}

static bool dump_download(void *arg, const struct fetch_download *f)
{
	const struct engine_dumping *d = arg;
	json_t *download = json_pack("{s:b, s:I, s:I, s:I, s:s?, s:I, s:I}", "complete", (int)f->complete, "done",
	                             (json_int_t)f->done, "size", (json_int_t)f->size, "rate", (json_int_t)f->rate,
	                             "reason", dump_reason(d, f->reason), "since", (json_int_t)f->since_s, "retry_s",
	                             (json_int_t)f->retry_s);

	dump_path(d, download, f->path);
	json_array_append_new(d->array, download);
	return json_array_size(d->array) < DOWNLOADS_MAX;
}

static json_t *dump_fetch(struct engine *e, bool names)
{
	struct engine_dumping d = { .engine = e, .names = names, .array = json_array() };
	struct fetch_counters c = fetch_counters(e->fetch);

	fetch_downloads(e->fetch, dump_download, &d);
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "idle",
	                 (int)fetch_idle(e->fetch), "unstored_bytes", (json_int_t)fetch_unstored_bytes(e->fetch),
	                 "blocks_received", (json_int_t)c.blocks_received, "blocks_copied", (json_int_t)c.blocks_copied,
	                 "blocks_patched", (json_int_t)c.blocks_patched, "blocks_resumed", (json_int_t)c.blocks_resumed,
	                 "blocks_zeros", (json_int_t)c.blocks_zeros, "bytes_received", (json_int_t)c.bytes_received,
	                 "files_installed", (json_int_t)c.files_installed, "files_renamed", (json_int_t)c.files_renamed,
	                 "parts_taken_over", (json_int_t)c.parts_taken_over, "downloads", d.array);
}

/* How far each other member's rows are known here, and ours there. */
static bool dump_member(void *arg, const struct roster_member *m)
{
	const struct engine_dumping *d = arg;
	struct engine *e = d->engine;
	uint64_t short_id = agent_id_short(&m->id);
	char id[ID_TEXT_MAX];
	struct index_peer p;
	json_t *member;

	agent_id_text(id, &m->id);
	member = json_pack("{s:s, s:s, s:b}", "agent", id, "role", role_name(m->role), "self",
	                   (int)(short_id == engine_self(e)));
	dump_name(d, member, "name", m->name);
	if (e->peers != NULL && e->index != NULL) {
		json_t *numbers = json_array();

		peer_group_debug(e->peers, short_id, dump_number, numbers);
		dump_number(numbers, "in", "window_bytes", (int64_t)peer_group_room(e->peers, short_id));
		dump_number(numbers, "in", "wants", index_wants_of(e->index, short_id, WANTS_MAX));
		json_object_set_new(member, "numbers", numbers);
	}
	if (e->peers != NULL)
		json_object_set_new(member, "connected", json_boolean(peer_group_connected(e->peers, short_id)));
	if (e->index != NULL && index_peer_get(e->index, short_id, &p) == 0) {
		json_object_set_new(member, "epoch", dump_epoch(p.epoch));
		json_object_set_new(member, "received", dump_u64(p.received));
		json_object_set_new(member, "settled", dump_u64(p.settled));
		json_object_set_new(member, "settled_epoch", dump_epoch(p.settled_epoch));
	}
	json_array_append_new(d->array, member);
	return true;
}

static void dump_burst(void *arg, const struct engine_burst *b)
{
	const struct engine_dumping *d = arg;
	char id[ID_TEXT_MAX] = "";

	if (b->known)
		agent_id_text(id, &b->by);
	json_array_append_new(d->array, json_pack("{s:s?, s:b, s:b, s:I, s:I}", "by", b->known ? id : NULL, "here",
	                                          (int)b->here, "brings", (int)b->brings, "files", (json_int_t)b->files,
	                                          "since", (json_int_t)b->since_s));
}

static bool dump_problem(void *arg, const struct engine_problem *p)
{
	const struct engine_dumping *d = arg;
	json_t *problem = json_pack("{s:I, s:s}", "since", (json_int_t)p->since_s, "next", p->next);

	dump_path(d, problem, p->path);
	dump_message(d, problem, "reason", p->reason);
	json_array_append_new(d->array, problem);
	return true;
}

/* What the mirror alone has. */
static void dump_mirror(struct engine *e, json_t *to, bool names)
{
	struct engine_dumping problems = { .engine = e, .names = names, .array = json_array() };
	struct engine_dumping holds = { .engine = e, .names = names, .array = json_array() };
	struct peer_counters c = peer_group_counters(e->peers);

	engine_problems(e, PROBLEMS_MAX, dump_problem, &problems);
	engine_bursts(e, dump_burst, &holds);
	json_object_set_new(to, "local", dump_local(e->local));
	json_object_set_new(to, "fetch", dump_fetch(e, names));
	json_object_set_new(to, "peers",
	                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "records_sent", (json_int_t)c.records_sent,
	                              "records_received", (json_int_t)c.records_received, "records_ignored",
	                              (json_int_t)c.records_ignored, "blocks_sent", (json_int_t)c.blocks_sent,
	                              "bytes_sent", (json_int_t)c.bytes_sent, "bytes_received",
	                              (json_int_t)c.bytes_received));
	json_object_set_new(to, "problem_count", json_integer((json_int_t)engine_problem_count(e)));
	json_object_set_new(to, "problems", problems.array);
	json_object_set_new(to, "holds", holds.array);
}

json_t *engine_dump(struct engine *e, bool names)
{
	struct engine_dumping d = { .engine = e, .names = names, .array = json_array() };
	struct engine_status s = { 0 };
	json_t *dump;

	engine_status(e, &s);
	dump = json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:I, s:I}", "state", engine_state_name(s.state), "phase",
	                 engine_phase_name(e->phase), "paused", (int)e->paused, "scanned", (int)e->scanned, "in_sync",
	                 (int)s.in_sync, "dirty", (int)e->dirty, "has_error", (int)(s.error != NULL), "jobs",
	                 (json_int_t)(e->workers != NULL ? workers_pending(e->workers) : 0), "jobs_stuck_ms",
	                 (json_int_t)(e->workers != NULL ? workers_stuck_ms(e->workers) : 0));
	json_object_set_new(dump, "goal",
	                    e->phase == PHASE_DRAINING ? json_string(engine_goal_name(e->goal)) : json_null());
	json_object_set_new(dump, "numbers", dump_numbers(e));
	dump_message(&d, dump, "error", s.error);
	dump_message(&d, dump, "waits_for", s.waits_for);
	if (e->roster != NULL)
		roster_members(e->roster, dump_member, &d);
	json_object_set_new(dump, "members", d.array);
	if (e->index != NULL)
		json_object_set_new(dump, "index", dump_index(e->index));
	if (engine_has_mirror(e) && e->fetch != NULL && e->peers != NULL)
		dump_mirror(e, dump, names);
	return dump;
}
