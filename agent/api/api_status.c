/* status, peers, downloads: each answers with one small document. */
#include "agent/api/api_answer.h"
#include "agent/api/api_ask.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_status.h"
#include "agent/api/web.h"
#include "agent/api/api_waiter.h"
#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_status.h"
#include "base/clock.h"
#include "base/fs_kernel.h"
#include "base/mem.h"
#include "sync/fetch/fetch.h"
#include "sync/peer/peers.h"

#include <string.h>

enum {
	MAX_PROBLEMS = 1000, /* listed per group */
	MAX_LOCAL = 100,     /* local changes of a reader, too */
	PROBE_S = 1,         /* to wait for disks */
	API_SCHEMA = 1,      /* additions do not change it */
};

static bool status_problem(void *arg, const struct engine_problem *p)
{
	json_array_append_new(arg, json_pack("{s:o, s:o, s:I, s:s}", "path", api_name(p->path), "reason",
	                                     api_message(p->reason), "since", (json_int_t)p->since_s, "next", p->next));
	return true;
}

static json_t *counters(const struct engine_status *s)
{
	const struct fetch_counters *f = &s->fetch;
	const struct peer_counters *p = &s->peer;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "records_ignored",
	                 (json_int_t)p->records_ignored, "records_sent", (json_int_t)p->records_sent,
	                 "records_received", (json_int_t)p->records_received, "blocks_sent", (json_int_t)p->blocks_sent,
	                 "blocks_received", (json_int_t)f->blocks_received, "bytes_sent", (json_int_t)p->bytes_sent,
	                 "bytes_received", (json_int_t)p->bytes_received, "blocks_copied", (json_int_t)f->blocks_copied,
	                 "blocks_patched", (json_int_t)f->blocks_patched, "blocks_resumed",
	                 (json_int_t)f->blocks_resumed, "files_installed", (json_int_t)f->files_installed,
	                 "files_renamed", (json_int_t)f->files_renamed, "conflicts", (json_int_t)s->counts.conflicts,
	                 "problems", (json_int_t)s->counts.problems);
}

static void status_hold(void *arg, const struct engine_burst *b)
{
	json_array_append_new(arg, json_pack("{s:o, s:o, s:b, s:b, s:I, s:I}", "by",
	                                     b->known ? api_agent_id(&b->by) : json_null(), "name",
	                                     b->name != NULL ? api_name(b->name) : json_null(), "here", (int)b->here,
	                                     "brings", (int)b->brings, "files", (json_int_t)b->files, "since",
	                                     (json_int_t)b->since_s));
}

static bool status_local_path(void *arg, const char *path)
{
	json_array_append_new(arg, api_name(path));
	return true;
}

/* What it keeps of the group, and by which right. */
static void add_choices(json_t *group, struct engine *e)
{
	const struct choices *choices = engine_choices(e);
	enum role role = engine_role(e);
	json_t *paths = json_array();

	engine_local_paths(e, MAX_LOCAL, status_local_path, paths);
	json_object_set_new(group, "local_paths", paths);
	json_object_set_new(group, "mode", api_mode_of(e));
	json_object_set_new(group, "role", role != ROLE_NONE ? json_string(role_name(role)) : json_null());
	json_object_set_new(group, "listed", json_integer((json_int_t)engine_listed(e)));
	json_object_set_new(group, "unshared", json_integer((json_int_t)choices->nunshared));
	json_object_set_new(group, "local_changes", json_integer((json_int_t)engine_local_changes(e)));
}

/* What a vault stores. Absent for others. */
static void add_vault(json_t *group, const struct engine_status *s)
{
	const struct vault_counts *v = &s->store;

	if (!s->vault)
		return;
	json_object_set_new(group, "vault",
	                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "rows", (json_int_t)v->rows, "objects",
	                              (json_int_t)v->objects, "stored_bytes", (json_int_t)v->bytes, "quota",
	                              (json_int_t)v->quota, "pending_rows", (json_int_t)v->pending, "full",
	                              (int)v->full, "why", api_message(v->why)));
}

struct status_heads {
	json_t *array;
	const struct roster *roster;
};

static bool status_head(void *arg, const struct engine_head *h)
{
	struct status_heads *list = arg;
	struct roster_member m = { 0 };

	(void)roster_member_by_short(list->roster, agent_id_short(h->id), &m);
	json_array_append_new(list->array,
	                      json_pack("{s:o, s:o, s:b, s:I, s:o, s:o, s:I}", "agent", api_agent_id(h->id), "name",
	                                api_name(m.name), "vault", (int)h->vault, "as_of", (json_int_t)h->as_of_s,
	                                "meeting", api_message(h->meeting), "blame", api_message(h->blame),
	                                "blame_since", (json_int_t)h->blame_s));
	return true;
}

/* Of a sealed group only. */
static void add_heads(json_t *group, struct engine *e)
{
	struct status_heads heads = { .array = json_array(), .roster = engine_roster(e) };

	if (heads.roster != NULL)
		engine_heads_each(e, status_head, &heads);
	if (json_array_size(heads.array) > 0)
		json_object_set_new(group, "heads", heads.array);
	else
		json_decref(heads.array);
}

static bool status_vault(void *arg, const struct engine_vault_seen *v)
{
	json_array_append_new(arg, json_pack("{s:o, s:o, s:I, s:I, s:b, s:I, s:o}", "agent", api_agent_id(&v->id),
	                                     "name", api_name(v->name), "stored_bytes", (json_int_t)v->used, "quota",
	                                     (json_int_t)v->quota, "full", (int)v->full, "altered", (json_int_t)v->bad,
	                                     "waits_for", api_message(v->waits)));
	return true;
}

/* Whether keys are safe here, and the vaults that are connected. Of a member of a sealed group only. */
static void add_keys_and_vaults(json_t *group, struct engine *e)
{
	const struct agent_id *maker;
	struct roster_member m;
	json_t *vaults;

	if (engine_roster(e) == NULL || !roster_sealed(engine_roster(e)) || engine_is_vault(e))
		return;
	vaults = json_array();
	engine_vaults_seen(e, status_vault, vaults);
	json_object_set_new(group, "vaults", vaults);
	json_object_set_new(group, "keys_locked", json_boolean(engine_keys_locked(e)));
	maker = engine_keys_maker(e);
	if (maker != NULL && roster_member_by_short(engine_roster(e), agent_id_short(maker), &m))
		json_object_set_new(group, "keys_awaited", api_name(m.name));
}

/* What the index has tells about how much there is to check, unless it is the scan that fills it. */
static json_t *scan_progress(const struct engine_status *s)
{
	const struct local_scanning *scan = &s->scan;
	int64_t of = s->totals.files + s->totals.dirs;
	json_t *eta = json_null();

	if (of > scan->seen && scan->seen > 0)
		eta = json_integer((scan->took_ms * (of - scan->seen) / scan->seen + 999) / 1000);
	return json_pack("{s:I, s:o, s:I, s:o}", "seen", (json_int_t)scan->seen, "of",
	                 of > scan->seen ? json_integer((json_int_t)of) : json_null(), "hashing",
	                 (json_int_t)scan->hashing, "eta", eta);
}

static bool status_group(void *arg, struct engine *e)
{
	struct engine_status s = { 0 };
	json_t *problems = json_array(), *holds = json_array(), *group;
	char tag[TAG_TEXT_MAX];

	engine_status(e, &s);
	engine_bursts(e, status_hold, holds);
	engine_problems(e, MAX_PROBLEMS, status_problem, problems);
	group = json_pack("{s:o, s:o, s:o, s:s, s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
	                  "s:o, s:o, s:o, s:o}",
	                  "group", api_name(engine_name(e)), "id", api_group_id(e), "share",
	                  api_name(engine_share_path(e)), "state", engine_state_name(s.state), "error",
	                  api_message(s.error), "in_sync", (int)s.in_sync, "waits_for", api_message(s.waits_for),
	                  "files", (json_int_t)s.totals.files, "dirs", (json_int_t)s.totals.dirs, "bytes",
	                  (json_int_t)s.totals.bytes, "peers", (json_int_t)s.peers, "wanted", (json_int_t)s.wanted,
	                  "wanted_bytes", (json_int_t)s.wanted_bytes, "pending", (json_int_t)s.pending, "held",
	                  (json_int_t)s.held, "tombstones", (json_int_t)s.totals.tombstones, "problem_count",
	                  (json_int_t)engine_problem_count(e), "problems", problems, "counters", counters(&s),
	                  "share_problem",
	                  api_message(engine_share_access(e) != 0 ? strerror(engine_share_access(e)) : NULL),
	                  "disk_lacks", api_disk_lacks(e));
	json_object_set_new(group, "holds", holds);
	json_object_set_new(group, "sealed", json_boolean(engine_roster(e) != NULL && roster_sealed(engine_roster(e))));
	add_choices(group, e);
	add_heads(group, e);
	add_vault(group, &s);
	add_keys_and_vaults(group, e);
	group_id_tag(tag, engine_group(e));
	json_object_set_new(group, "public_id", json_string(tag));
	json_object_set_new(group, "last_in_sync",
	                    s.last_in_sync_s >= 0 ? json_integer((json_int_t)s.last_in_sync_s) : json_null());
	json_object_set_new(group, "stuck", json_boolean(engine_stuck(e) != NULL));
	json_object_set_new(group, "here", json_integer((json_int_t)s.here));
	json_object_set_new(group, "rate_in", json_integer((json_int_t)s.rates.in));
	json_object_set_new(group, "rate_out", json_integer((json_int_t)s.rates.out));
	if (s.scans)
		json_object_set_new(group, "scan", scan_progress(&s));
	json_object_set_new(group, "ignored", json_integer((json_int_t)s.ignored));
	json_object_set_new(group, "requests",
	                    json_integer(engine_mailbox(e) != NULL ? (json_int_t)requests_waiting(engine_mailbox(e))
	                                                           : 0));
	json_array_append_new(arg, group);
	return true;
}

static void status_loss(void *arg, const struct link_loss *loss, const char *name)
{
	json_array_append_new(arg, json_pack("{s:o, s:o, s:I, s:i, s:o}", "agent", api_agent_id(&loss->id), "name",
	                                     api_name(name), "times", (json_int_t)loss->times, "within_s",
	                                     LINK_LOSSES_WITHIN_MS / 1000, "reason", api_message(loss->reason)));
}

static json_t *losses(struct api *api)
{
	json_t *list = json_array();

	agent_losses(api->agent, status_loss, list);
	return list;
}

static json_t *kernel_lacks(void)
{
	json_t *lacks = json_array();
	const char *text;

	for (size_t i = 0; (text = fs_kernel_lack(i)) != NULL; i++)
		json_array_append_new(lacks, json_string(text));
	return lacks;
}

static json_t *status_document(struct api *api)
{
	const char *problem = NULL;
	const char *discovery = agent_discovery(api->agent, &problem);
	json_t *groups = json_array();

	agent_engines(api->agent, status_group, groups);
	return json_pack("{s:i, s:I, s:I, s:I, s:o, s:o, s:s, s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	                 "schema", API_SCHEMA, "now", (json_int_t)clock_wall_s(), "started", (json_int_t)api->started_s,
	                 "uptime", (json_int_t)((loop_now_ms(api->loop) - api->started_ms) / 1000), "agent",
	                 api_agent_id(agent_self(api->agent)), "name", api_message(api->name), "version",
	                 LANYARD_VERSION, "port", agent_port(api->agent), "listen", api_message(api->listen),
	                 "discovery", discovery, "discovery_problem", api_message(problem), "groups", groups, "copied",
	                 api_message(agent_copy(api->agent)), "kernel_lacks", kernel_lacks(), "lost", losses(api),
	                 "asked", api_ask_list(api), "web", web_describe(api->web));
}

/* What waits for the shares to be checked. */
struct status_wait {
	api_status_fn *fn;
};

static bool begin_probe(void *arg, struct engine *e)
{
	(void)arg;
	engine_check_share(e);
	return true;
}

static bool has_probed(void *arg, struct engine *e)
{
	bool *all = arg;

	*all = engine_share_checked(e);
	return *all;
}

/* No event tells that a share has vanished, so status first has each engine check its share. */
static bool check_status(struct api *api, struct control_call *call, void *state, bool *again)
{
	bool all = true;

	(void)again;
	agent_engines(api->agent, has_probed, &all);
	if (all)
		((struct status_wait *)state)->fn(api, call, status_document(api));
	return all;
}

/* A disk is slow or does not answer: report what is known. */
static void status_expired(struct api *api, struct control_call *call, void *state)
{
	((struct status_wait *)state)->fn(api, call, status_document(api));
}

void api_status_probed(struct api *api, struct control_call *call, api_status_fn *fn)
{
	struct status_wait *w = MEM_NEW(struct status_wait);

	w->fn = fn;
	agent_engines(api->agent, begin_probe, NULL);
	api_wait_until(api, call, PROBE_S, check_status, status_expired, w);
}

static void reply_status(struct api *api, struct control_call *call, json_t *status)
{
	(void)api;
	control_reply(call, 200, status);
}

void api_status(struct api *api, struct control_call *call)
{
	api_status_probed(api, call, reply_status);
}

/* --- peers --- */

struct peer_names {
	const struct peer_connection *c;
	json_t *groups;
	json_t *vault_in; /* of these, those in which it is a vault */
};

/* Adds the group's name if the connection has it: a connection knows only the struct peer_group. */
static bool peers_add_group(void *arg, struct engine *e)
{
	struct peer_names *p = arg;

	for (size_t i = 0; i < p->c->ngroups; i++) {
		if (p->c->groups[i] != engine_peers(e))
			continue;
		json_array_append_new(p->groups, api_name(engine_name(e)));
		if (roster_may(engine_roster(e), &p->c->id, RIGHT_STORE))
			json_array_append_new(p->vault_in, api_name(engine_name(e)));
	}
	return true;
}

struct peer_list {
	struct api *api;
	json_t *array;
};

static bool peers_add(void *arg, const struct peer_connection *c)
{
	struct peer_list *list = arg;
	struct peer_names names = { .c = c, .groups = json_array(), .vault_in = json_array() };
	json_t *peer;

	agent_engines(list->api->agent, peers_add_group, &names);
	peer = json_pack("{s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "agent", api_agent_id(&c->id), "name",
	                 api_name(c->name), "address", api_message(c->address), "since", (json_int_t)c->since_s,
	                 "groups", names.groups, "rx", (json_int_t)c->bytes_in, "tx", (json_int_t)c->bytes_out,
	                 "rate_in", (json_int_t)c->rate_in, "rate_out", (json_int_t)c->rate_out, "rtt_ms",
	                 c->rtt_ms >= 0 ? json_integer(c->rtt_ms) : json_null());
	if (json_array_size(names.vault_in) > 0)
		json_object_set_new(peer, "vault_in", names.vault_in);
	else
		json_decref(names.vault_in);
	json_array_append_new(list->array, peer);
	return true;
}

void api_peers(struct api *api, struct control_call *call)
{
	struct peer_list list = { .api = api, .array = json_array() };

	peers_each(agent_peers(api->agent), peers_add, &list);
	control_reply(call, 200, json_pack("{s:o}", "peers", list.array));
}

/* --- downloads --- */

struct download_list {
	struct engine *engine;
	json_t *array;
	json_t *complete; /* those that are; after all that are active, whatever their group */
};

static bool downloads_add(void *arg, const struct fetch_download *d)
{
	struct download_list *list = arg;
	json_t *eta = json_null();
	int64_t percent = d->complete ? 100 : d->size > 0 ? (int64_t)((double)d->done * 100 / (double)d->size) : 0;

	if (!d->complete && d->rate > 0)
		eta = json_integer((d->size - d->done + d->rate - 1) / d->rate);
	json_array_append_new(d->complete ? list->complete : list->array,
	                      json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "state",
	                                d->complete ? "C" : "D", "group", api_name(engine_name(list->engine)),
	                                "group_id", api_group_id(list->engine), "path", api_name(d->path), "done",
	                                (json_int_t)d->done, "percent", (json_int_t)percent, "size",
	                                (json_int_t)d->size, "rate", (json_int_t)d->rate, "eta", eta, "reason",
	                                api_message(d->reason)));
	return true;
}

static bool downloads_of_engine(void *arg, struct engine *e)
{
	struct download_list *list = arg;

	list->engine = e;
	if (engine_fetch(e) != NULL)
		fetch_downloads(engine_fetch(e), downloads_add, list);
	return true;
}

static bool history_add(void *arg, const struct engine_past *p)
{
	struct download_list *list = arg;

	json_array_append_new(list->array, json_pack("{s:s, s:o, s:o, s:o, s:I, s:I}", "state", "C", "group",
	                                             api_name(engine_name(list->engine)), "group_id",
	                                             api_group_id(list->engine), "path", api_name(p->path), "size",
	                                             (json_int_t)p->size, "finished", (json_int_t)p->finished_s));
	return true;
}

static bool history_of_engine(void *arg, struct engine *e)
{
	struct download_list *list = arg;

	list->engine = e;
	engine_history(e, history_add, list);
	return true;
}

void api_downloads(struct api *api, struct control_call *call)
{
	struct download_list list = { 0 };
	int64_t history = 0;

	if (api_query_number(call, "history", 0, 1, &history) < 0)
		return;
	list.array = json_array();
	list.complete = json_array();
	agent_engines(api->agent, history != 0 ? history_of_engine : downloads_of_engine, &list);
	json_array_extend(list.array, list.complete);
	json_decref(list.complete);
	control_reply(call, 200, json_pack("{s:o}", "downloads", list.array));
}
