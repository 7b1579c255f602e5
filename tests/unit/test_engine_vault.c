/* An engine whose agent is a vault: what it begins with, what it says where a member would show files, and what follows
 * when the role is another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/engine/engine_dump.h"
#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/wire/msg_seal.h"
#include "tests/unit/seal_world.h"

enum { OWNER, SELF, OTHER, AGENTS, TURNS_MAX = 2000, BEAT_MS = 5 };

static struct loop *loop;
static struct loop_timer *beat; /* no turn waits for ever */
static char dir[64], *home, *share;
static struct identity *agents[AGENTS];
static struct settings settings = { .scrub_s = 3600, .rescan_s = 3600, .vault_disk = 5 << 20 };
static struct engine_context context;
static struct engine *engine;

static void no_change(void *arg)
{
	(void)arg;
}

static int vault_setup(void **state)
{
	char *why = NULL;

	(void)state;
	loop = loop_new();
	beat = loop_timer_new(loop, no_change, NULL);
	loop_timer_start(beat, BEAT_MS, BEAT_MS);
	(void)snprintf(dir, sizeof(dir), "/tmp/test-engine-vault-XXXXXX");
	assert_non_null(mkdtemp(dir));
	home = mem_printf("%s/home", dir);
	share = mem_printf("%s/share", dir);
	assert_int_equal(mkdir(home, 0700), 0);
	for (uint64_t i = 0; i < AGENTS; i++)
		agents[i] = seal_world_agent(i);
	context = (struct engine_context){ .loop = loop,
		                           .workers = workers_new(loop, 2),
		                           .worker_threads = 2,
		                           .events = events_new(),
		                           .self = agents[SELF],
		                           .name = "host",
		                           .home = home,
		                           .home_dirfd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		                           .strict = true,
		                           .settings = &settings,
		                           .changed = no_change };
	context.peers = peers_new(&(struct peers_config){ .loop = loop,
	                                                  .workers = context.workers,
	                                                  .self = agents[SELF],
	                                                  .name = "host" },
	                          &why);
	assert_non_null(context.peers);
	return 0;
}

static int vault_teardown(void **state)
{
	int tmp;

	(void)state;
	assert_true(engine_free(engine));
	engine = NULL;
	peers_free(context.peers);
	events_free(context.events);
	workers_free(context.workers);
	close(context.home_dirfd);
	loop_timer_free(beat);
	loop_free(loop);
	for (int i = 0; i < AGENTS; i++)
		identity_free(agents[i]);
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_remove_tree(tmp, strrchr(dir, '/') + 1), 0);
	close(tmp);
	free(home);
	free(share);
	return 0;
}

/* As founded and filled by OWNER: SELF in this role, and OTHER as a member. */
static struct roster *group_with(enum role role, bool sealed)
{
	struct roster *r = roster_found(agents[OWNER], "vaulted", false, sealed, "owner", clock_wall_s());

	assert_int_equal(roster_grant(r, agents[OWNER], identity_id(agents[SELF]), role, "host", clock_wall_s()), 0);
	assert_int_equal(roster_grant(r, agents[OWNER], identity_id(agents[OTHER]), ROLE_MEMBER, "other",
	                              clock_wall_s()),
	                 0);
	return r;
}

static void begin(struct roster *r)
{
	char *why = NULL;

	engine = engine_accepted(&context, r, share, &why);
	assert_non_null(engine);
}

static void until_phase(enum engine_phase phase)
{
	for (int i = 0; i < TURNS_MAX && engine->phase != phase; i++)
		loop_turn(loop, true);
	assert_string_equal(engine_phase_name(engine->phase), engine_phase_name(phase));
}

static void turns(int n)
{
	for (int i = 0; i < n; i++)
		loop_turn(loop, false);
}

static void owner_says(const struct identity *who, enum role role)
{
	assert_int_equal(roster_grant(engine->roster, agents[OWNER], identity_id(who), role, "host",
	                              clock_wall_s() + 10 + (int64_t)role),
	                 0);
	engine_roster_changed(engine);
}

static bool in_home(const char *name)
{
	char *path = mem_printf("%s/%s", engine->dir, name);
	bool there = faccessat(context.home_dirfd, path, F_OK, 0) == 0;

	free(path);
	return there;
}

static bool in_share(const char *name)
{
	char *path = mem_printf("%s/%s", share, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static void write_share(const char *name, const char *text)
{
	int fd;

	(void)mkdir(share, 0700);
	fd = open(share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_write_file(fd, name, text, strlen(text), 0600), 0);
	close(fd);
}

static void starts_again(void)
{
	char hex[65], *why = NULL;

	hex_encode(hex, engine->group.b, sizeof(engine->group.b));
	assert_true(engine_free(engine));
	engine = engine_load(&context, hex, &why);
	assert_non_null(engine);
}

/* --- */

static void a_vault_has_a_vault_and_neither_scan_nor_fetch(void **state)
{
	static char other[] = "other", vaulted[] = "vaulted";
	struct settings_group of_groups[] = { { other, 6 << 20 }, { vaulted, 7 << 20 } };
	struct engine_status s;

	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	assert_true(engine_is_vault(engine));
	assert_non_null(engine->vault);
	assert_false(engine_has_mirror(engine));
	assert_null(engine->fetch);
	for (int i = 0; i < TURNS_MAX && !in_share(".lanyard/vault"); i++)
		loop_turn(loop, true);
	assert_true(in_share(".lanyard/vault"));
	engine_status(engine, &s);
	assert_true(s.vault);
	assert_int_equal(s.store.quota, 5 << 20);
	assert_null(s.waits_for);
	assert_int_equal(s.state, ENGINE_IN_SYNC);
	assert_int_equal(engine_role(engine), ROLE_VAULT);
	settings.groups = of_groups;
	settings.ngroups = 2;
	engine_vault_quota_changed(engine);
	engine_status(engine, &s);
	assert_int_equal(s.store.quota, 7 << 20);
	/* It is one after a restart, too. */
	starts_again();
	until_phase(PHASE_RUNNING);
	assert_non_null(engine->vault);
	assert_null(engine->error);
	engine_status(engine, &s);
	assert_int_equal(s.store.quota, 7 << 20);
	settings.groups = NULL;
	settings.ngroups = 0;
	engine_vault_quota_changed(engine);
	engine_status(engine, &s);
	assert_int_equal(s.store.quota, 5 << 20);
}

struct answer {
	int n;
	char *why; /* owned */
};

static void answer_is(struct answer *a, const char *why)
{
	a->n++;
	free(a->why);
	a->why = why != NULL ? mem_strdup(why) : NULL;
}

static void choice_done(void *arg, const char *why)
{
	answer_is(arg, why);
}

static void dropped(void *arg, int64_t n, const char *why)
{
	assert_int_equal(n, 0);
	answer_is(arg, why);
}

static void verified(void *arg, int64_t files, int64_t bytes, int64_t rotten)
{
	((struct answer *)arg)->n++;
	assert_int_equal(files, 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(rotten, 0);
}

static bool no_file(void *arg, const struct engine_file *f)
{
	(void)arg;
	(void)f;
	fail();
	return false;
}

static void a_vault_says_that_it_cannot_read(void **state)
{
	static const char *const paths[] = { "some" };
	const struct engine_drop_ops ops = { .done = dropped };
	struct answer a = { 0 };
	struct engine_member_state m;
	json_t *dump;

	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	assert_string_equal(engine_why_no_files(engine), "this agent is a vault here: it keeps what it cannot read");
	assert_null(engine_share(engine));
	engine_choices_mode(engine, CHOOSE_ON_DEMAND, choice_done, &a);
	engine_choices_unshare(engine, paths, 1, choice_done, &a);
	engine_choices_rules(engine, paths, 1, true, choice_done, &a);
	engine_drop(engine, paths, 1, false, &ops, &a);
	engine_revert(engine, "", dropped, &a);
	assert_int_equal(a.n, 5);
	assert_string_equal(a.why, engine_why_no_files(engine));
	free(a.why);
	assert_null(engine_files(engine, "", NULL, 10, no_file, NULL));
	assert_int_equal(engine_held(engine), 0);
	assert_int_equal(engine_release(engine), 0);
	assert_int_equal(engine_listed(engine), 0);
	assert_int_equal(engine_problem_count(engine), 0);
	engine_rescan(engine);
	engine_hint(engine, "some");
	engine_member_state(engine, agent_id_short(identity_id(agents[OTHER])), &m);
	assert_int_equal(m.behind, -1);
	dump = engine_dump(engine, true);
	assert_non_null(dump);
	json_decref(dump);
	/* What it has to verify is what it stores: nothing yet. */
	a = (struct answer){ 0 };
	assert_int_equal(engine_verify(engine, true, NULL, verified, &a), 0);
	assert_int_equal(engine_verify(engine, true, NULL, verified, &a), -1);
	for (int i = 0; i < TURNS_MAX && a.n == 0; i++)
		loop_turn(loop, true);
	assert_int_equal(a.n, 1);
	engine_check_share(engine);
	for (int i = 0; i < TURNS_MAX && !engine_share_checked(engine); i++)
		loop_turn(loop, true);
	assert_true(engine_share_checked(engine));
}

static void a_vault_pauses_and_goes_on(void **state)
{
	struct engine_status s;

	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	engine_pause(engine, true);
	engine_status(engine, &s);
	assert_int_equal(s.state, ENGINE_PAUSED);
	starts_again();
	until_phase(PHASE_RUNNING);
	engine_status(engine, &s);
	assert_int_equal(s.state, ENGINE_PAUSED);
	engine_pause(engine, false);
	engine_status(engine, &s);
	assert_int_equal(s.state, ENGINE_IN_SYNC);
}

static void what_is_made_a_vault_forgets_keys_and_index_and_keeps_its_users_files(void **state)
{
	uint64_t before;
	char *keys;

	(void)state;
	write_share("users own", "plain");
	begin(group_with(ROLE_MEMBER, true));
	until_phase(PHASE_JOINING);
	keys = mem_printf("%s/keys.bin", engine->dir);
	assert_int_equal(fs_write_file(context.home_dirfd, keys, "secret", 6, 0600), 0);
	free(keys);
	before = index_epoch(engine->index);
	owner_says(agents[SELF], ROLE_VAULT);
	for (int i = 0; i < TURNS_MAX && engine->vault == NULL; i++)
		loop_turn(loop, true);
	assert_non_null(engine->vault);
	until_phase(PHASE_RUNNING);
	assert_false(engine_has_mirror(engine));
	assert_false(in_home("keys.bin"));
	assert_true(index_epoch(engine->index) != before);
	assert_int_equal(index_totals(engine->index).files, 0);
	assert_true(in_share("users own"));
}

/* --- heads --- */

static void other_shows(uint64_t epoch, uint64_t number)
{
	struct head h = { .group = engine->group,
		          .epoch = epoch,
		          .seq = 10,
		          .number = number,
		          .time_s = clock_wall_s() };
	struct bytes b = BYTES_INIT(HEAD_LEN_MAX);
	struct msg_bytes one;

	assert_int_equal(head_sign(&h, agents[OTHER], &b), 0);
	one = (struct msg_bytes){ .p = b.p, .n = b.len };
	engine_heads_in(engine, agent_id_short(identity_id(agents[OTHER])),
	                &(struct msg_heads){ .heads = &one, .nheads = 1 });
	bytes_free(&b);
}

static bool note_blamed(void *arg, const struct engine_head *h)
{
	*(int *)arg += 1 + (h->blame != NULL);
	return true;
}

/* How many heads of others are known, and one more for each that puts the blame on its agent. */
static int heads_here(void)
{
	int n = 0;

	engine_heads_each(engine, note_blamed, &n);
	return n;
}

/* The agent ends before anybody has been told. */
static void blame_is_stored_with_the_head_that_it_rests_on(void **state)
{
	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	owner_says(agents[OTHER], ROLE_VAULT);
	other_shows(5, 4);
	assert_int_equal(heads_here(), 1);
	other_shows(6, 1);
	assert_int_equal(heads_here(), 2);
	starts_again();
	until_phase(PHASE_RUNNING);
	assert_int_equal(heads_here(), 2);
}

/* As a key file says. */
static void other_was_seen(uint64_t number)
{
	char *why = NULL;

	free(engine->seen);
	engine->seen = MEM_NEW(struct export_head);
	engine->nseen = 1;
	engine->seen[0] = (struct export_head){ .epoch = 5, .seq = 10, .number = number };
	memcpy(engine->seen[0].key, identity_public_key(agents[OTHER]), sizeof(engine->seen[0].key));
	assert_int_equal(engine_store_save(engine, &why), 0);
	starts_again();
	until_phase(PHASE_RUNNING);
}

static int heads_expected(void)
{
	struct export_head seen[4];

	return (int)engine_heads_seen(engine, seen, 4);
}

static void what_a_key_file_says_of_a_vault_goes_with_it(void **state)
{
	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	owner_says(agents[OTHER], ROLE_VAULT);
	other_was_seen(3);
	assert_int_equal(heads_expected(), 1);
	assert_int_equal(engine->nseen, 1);
	owner_says(agents[OTHER], ROLE_MEMBER);
	turns(10);
	assert_int_equal(engine->nseen, 0);
	assert_int_equal(heads_expected(), 0);
	starts_again();
	until_phase(PHASE_RUNNING);
	assert_int_equal(engine->nseen, 0);
	assert_int_equal(heads_expected(), 0);
}

static void a_head_without_a_number_is_none(void **state)
{
	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	owner_says(agents[OTHER], ROLE_VAULT);
	other_was_seen(0);
	assert_int_equal(engine->nseen, 0);
}

/* It stops, in words, and what is on its disk is not taken for the group's tree. */
static void what_was_a_vault_is_not_made_a_member(void **state)
{
	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	owner_says(agents[SELF], ROLE_MEMBER);
	until_phase(PHASE_STOPPED);
	assert_non_null(strstr(engine->error, "was a vault here"));
	assert_false(engine_has_mirror(engine));
	assert_null(engine->vault);
	starts_again();
	turns(100);
	until_phase(PHASE_STOPPED);
	assert_non_null(strstr(engine->error, "was a vault here"));
	/* Made a vault again, it goes on with what it has. */
	assert_int_equal(roster_grant(engine->roster, agents[OWNER], identity_id(agents[SELF]), ROLE_VAULT, "host",
	                              clock_wall_s() + 100),
	                 0);
	engine_roster_save(engine);
	starts_again();
	until_phase(PHASE_RUNNING);
	assert_non_null(engine->vault);
}

/* Its index alone does not say what it was: that may be lost. */
static void what_was_a_vault_stays_one_without_its_index(void **state)
{
	char hex[65], *why = NULL, *path;

	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	assert_int_equal(roster_grant(engine->roster, agents[OWNER], identity_id(agents[SELF]), ROLE_MEMBER, "host",
	                              clock_wall_s() + 100),
	                 0);
	engine_roster_save(engine);
	path = mem_printf("%s/index.db", engine->dir);
	hex_encode(hex, engine->group.b, sizeof(engine->group.b));
	assert_true(engine_free(engine));
	assert_int_equal(unlinkat(context.home_dirfd, path, 0), 0);
	free(path);
	engine = engine_load(&context, hex, &why);
	assert_non_null(engine);
	until_phase(PHASE_STOPPED);
	assert_non_null(strstr(engine->error, "was a vault here"));
}

static void a_vault_whose_folder_is_gone_waits_for_it(void **state)
{
	char *away = mem_printf("%s/away", dir);
	struct engine_status s;

	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	assert_int_equal(rename(share, away), 0);
	engine_check_share(engine);
	until_phase(PHASE_STOPPED);
	engine_status(engine, &s);
	assert_int_equal(s.state, ENGINE_ERROR);
	assert_false(in_share(""));
	assert_int_equal(rename(away, share), 0);
	starts_again();
	until_phase(PHASE_RUNNING);
	assert_null(engine->error);
	free(away);
}

static void who_is_removed_waits_outside_as_a_vault(void **state)
{
	(void)state;
	begin(group_with(ROLE_VAULT, true));
	until_phase(PHASE_RUNNING);
	assert_int_equal(roster_remove(engine->roster, agents[OWNER], identity_id(agents[SELF]), clock_wall_s() + 10),
	                 0);
	engine_roster_told(engine);
	until_phase(PHASE_EXCLUDED);
	assert_non_null(engine->vault);
	starts_again();
	until_phase(PHASE_EXCLUDED);
	assert_non_null(engine->vault);
	assert_int_equal(roster_grant(engine->roster, agents[OWNER], identity_id(agents[SELF]), ROLE_VAULT, "host",
	                              clock_wall_s() + 20),
	                 0);
	engine_roster_told(engine);
	for (int i = 0; i < TURNS_MAX && engine->phase == PHASE_EXCLUDED; i++)
		loop_turn(loop, true);
	until_phase(PHASE_RUNNING);
	assert_non_null(engine->vault);
}

/* What a vault said, others gave it; what a member said before it became one is its own. */
static void what_a_vault_said_is_not_forgotten_when_the_roster_changes(void **state)
{
	uint64_t other = agent_id_short(identity_id(agents[OTHER]));
	struct index_peer p = { .epoch = 7, .received = 9 };

	(void)state;
	begin(group_with(ROLE_MEMBER, true));
	until_phase(PHASE_JOINING);
	assert_int_equal(index_peer_put(engine->index, other, &p), 0);
	owner_says(agents[OTHER], ROLE_VAULT);
	assert_int_equal(index_peer_get(engine->index, other, &p), 0);
	assert_int_equal(p.received, 0);
	p.received = 9;
	assert_int_equal(index_peer_put(engine->index, other, &p), 0);
	engine_roster_changed(engine);
	assert_int_equal(index_peer_get(engine->index, other, &p), 0);
	assert_int_equal(p.received, 9);
}

/* In a group that is not sealed nobody is a vault, whatever an owner of another version says. */
static void nobody_is_a_vault_of_a_group_that_is_not_sealed(void **state)
{
	(void)state;
	begin(group_with(ROLE_VAULT, false));
	until_phase(PHASE_RUNNING);
	assert_false(engine_is_vault(engine));
	assert_null(engine->vault);
}

#define VAULT(f) cmocka_unit_test_setup_teardown(f, vault_setup, vault_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VAULT(a_vault_has_a_vault_and_neither_scan_nor_fetch),
		VAULT(a_vault_says_that_it_cannot_read),
		VAULT(a_vault_pauses_and_goes_on),
		VAULT(what_is_made_a_vault_forgets_keys_and_index_and_keeps_its_users_files),
		VAULT(blame_is_stored_with_the_head_that_it_rests_on),
		VAULT(what_a_key_file_says_of_a_vault_goes_with_it),
		VAULT(a_head_without_a_number_is_none),
		VAULT(what_was_a_vault_is_not_made_a_member),
		VAULT(what_was_a_vault_stays_one_without_its_index),
		VAULT(a_vault_whose_folder_is_gone_waits_for_it),
		VAULT(who_is_removed_waits_outside_as_a_vault),
		VAULT(what_a_vault_said_is_not_forgotten_when_the_roster_changes),
		VAULT(nobody_is_a_vault_of_a_group_that_is_not_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
