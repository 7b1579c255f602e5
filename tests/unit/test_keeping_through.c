/* Two members that meet only through a vault: the rows and blocks of one come to the other, by the code of members and
 * vaults and the messages between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/objects_world.h"

#include "base/mem.h"
#include "sync/hash/chunk.h"
#include "sync/share/share.h"
#include "sync/vault/vault.h"

enum { SMALL = 700, TURNS_MAX = 3000, SYNC_TURNS = 8, STILL_MAX = 20, FILES = 12, REQUESTS = 1 << 14 };

/* A message on its way, as the wire has it. */
struct letter {
	int who; /* the member */
	bool to_vault;
	uint8_t type; /* enum frame_type */
	uint8_t *p;
	size_t n;
	struct letter *prev, *next;
};

static struct objects_world world, *w = &world;
static struct vault *vault;
static struct index *vault_index;
static struct share *share;
static struct letter *letters;
static uint64_t ids[2]; /* of the members */
static bool up[2];
static struct record *taken; /* what came to the getter */
static size_t ntaken, refused;

static void post(int who, bool to_vault, uint8_t type, uint8_t *p, size_t n)
{
	struct letter *l = MEM_NEW(struct letter);

	*l = (struct letter){ .who = who, .to_vault = to_vault, .type = type, .p = p, .n = n };
	DL_APPEND(letters, l);
	w->coming++;
}

static void post_cores(int who, bool to_vault, const struct msg_cores *m)
{
	size_t n;
	uint8_t *p = msg_cores_encode(m, &n);

	post(who, to_vault, FRAME_CORES, p, n);
}

static void post_vault(int who, bool to_vault, const struct msg_vault *m)
{
	size_t n;
	uint8_t *p = msg_vault_encode(m, &n);

	post(who, to_vault, FRAME_VAULT, p, n);
}

static void post_object(int who, bool to_vault, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	const struct msg_object m = { .request = request, .status = status };
	uint8_t *p = mem_calloc(MSG_OBJECT_HEAD + n, 1);

	msg_object_head(p, &m);
	if (n > 0)
		memcpy(p + MSG_OBJECT_HEAD, bytes, n);
	free(bytes);
	post(who, to_vault, FRAME_OBJECT, p, MSG_OBJECT_HEAD + n);
}

/* --- what members call --- */

/* Of the vault's last requests: whether a patch of the block would do. Who has none may say so, and is asked for the
 * block. */
static bool is_for_patch[REQUESTS];

static int member_of(void *arg)
{
	return ((struct objects_end *)arg)->who;
}

static int on_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	(void)peer;
	for (size_t i = 0; i < m->ncores && member_of(arg) == GIVER; i++)
		objects_world_told(w, &m->cores[i]);
	post_cores(member_of(arg), true, m);
	return 0;
}

static int on_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	(void)peer;
	post_vault(member_of(arg), true, m);
	return 0;
}

static int on_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	(void)peer;
	w->given += status == MSG_OBJECT_HERE;
	w->none += status == MSG_OBJECT_NONE && !is_for_patch[request % REQUESTS];
	post_object(member_of(arg), true, request, status, bytes, n);
	return 0;
}

/* As sync/peer takes it: then it is received and settled. */
static void on_news(void *arg, uint64_t peer, const struct msg_news *m)
{
	const struct msg_vault ack = { .what = MSG_VAULT_ACK,
		                       .epoch = index_epoch(vault_index),
		                       .have_epoch = index_epoch(vault_index),
		                       .have_seq = m->upto,
		                       .settled = m->upto };

	(void)peer;
	for (size_t i = 0; i < m->nrecords && member_of(arg) == GETTER; i++) {
		taken = mem_realloc(taken, ntaken + 1, sizeof(*taken));
		record_copy(&taken[ntaken++], &m->records[i].record);
	}
	post_vault(member_of(arg), true, &ack);
}

static void on_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)arg;
	(void)peer;
	fail_msg("%s", what);
}

/* --- what the vault calls --- */

static int who_is(uint64_t peer)
{
	return peer == ids[GIVER] ? GIVER : GETTER;
}

static int vault_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	(void)arg;
	post_cores(who_is(peer), false, m);
	return 0;
}

static int vault_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	(void)arg;
	for (size_t i = 0; i < m->nwants; i++)
		is_for_patch[m->wants[i].request % REQUESTS] = m->wants[i].kind == OBJECT_PATCH;
	post_vault(who_is(peer), false, m);
	return 0;
}

static int vault_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	(void)arg;
	refused += status != MSG_OBJECT_HERE;
	post_object(who_is(peer), false, request, status, bytes, n);
	return 0;
}

static int vault_keys(void *arg, uint64_t peer, const struct msg_keys *m)
{
	(void)arg;
	(void)peer;
	(void)m;
	return 0;
}

static size_t vault_has_room(void *arg, uint64_t peer, bool bulk)
{
	(void)arg;
	(void)peer;
	(void)bulk;
	return 16 << 20;
}

static void vault_problem(void *arg, const char *text)
{
	(void)arg;
	fail_msg("%s", text);
}

static void vault_state(void *arg)
{
	(void)arg;
}

static bool no_head(void *arg, uint64_t peer, uint64_t epoch, uint64_t *seq)
{
	(void)arg;
	(void)peer;
	(void)epoch;
	(void)seq;
	return false;
}

static const struct vault_ops vault_calls = { vault_cores,   vault_vault, vault_object,  vault_keys, vault_has_room,
	                                      on_misbehaved, no_head,     vault_problem, vault_state };

static void vault_has_committed(void *arg)
{
	(void)arg;
	vault_committed(vault);
}

/* --- delivery --- */

/* As sync/peer notes what a vault has settled, by its hello too. */
static void settled(int who, const struct msg_vault *m)
{
	struct index_peer p;

	if (m->have_epoch != index_epoch(w->index[who]))
		return;
	assert_int_equal(index_peer_get(w->index[who], w->vault, &p), 0);
	p.settled = m->settled;
	p.settled_epoch = m->have_epoch;
	assert_int_equal(index_peer_put(w->index[who], w->vault, &p), 0);
	keeping_settled(w->keeping[who], w->vault);
}

static void member_hears(int who, const struct msg_vault *m)
{
	if (m->what == MSG_VAULT_HELLO || m->what == MSG_VAULT_ACK)
		settled(who, m);
	if (m->what == MSG_VAULT_HELLO)
		keeping_up(w->keeping[who], w->vault, m);
	else if (m->what != MSG_VAULT_ACK)
		keeping_vault_in(w->keeping[who], w->vault, m);
}

static void deliver(const struct letter *l)
{
	struct msg_arena a = { 0 };
	struct msg_cores cores;
	struct msg_vault said;
	struct msg_object object;

	if (l->type == FRAME_CORES) {
		assert_int_equal(msg_cores_decode(&cores, &a, l->p, l->n), 0);
		if (l->to_vault)
			vault_cores_in(vault, ids[l->who], &cores);
		else
			keeping_cores_in(w->keeping[l->who], w->vault, &cores);
	} else if (l->type == FRAME_VAULT) {
		assert_int_equal(msg_vault_decode(&said, &a, l->p, l->n), 0);
		if (l->to_vault)
			vault_in(vault, ids[l->who], &said);
		else
			member_hears(l->who, &said);
	} else {
		assert_int_equal(msg_object_decode(&object, l->p, l->n), 0);
		if (l->to_vault)
			vault_object_in(vault, ids[l->who], &object);
		else
			keeping_object_in(w->keeping[l->who], w->vault, &object);
	}
	msg_free(&a);
}

static void letter_free(struct letter *l)
{
	DL_DELETE(letters, l);
	w->coming--;
	free(l->p);
	free(l);
}

/* Whether all that is left to do is to sync what is stored. */
static bool waits_for_sync(void)
{
	return w->coming == 0 && workers_pending(w->workers) == 0 && vault_counts(vault).unsafe;
}

/* Syncs every few turns, so that it may come between any two steps, and at once where the next turn would only wait. */
static void more(struct objects_world *world_of)
{
	static int turns;
	size_t n = world_of->coming;

	for (; n > 0 && letters != NULL; n--) {
		struct letter *l = letters;

		if (up[l->who])
			deliver(l);
		letter_free(l);
	}
	assert_int_equal(index_commit(vault_index), 0);
	if (++turns % SYNC_TURNS != 0 && !waits_for_sync())
		return;
	vault_sync_begin(vault);
	assert_int_equal(index_sync(vault_index), 0);
	vault_sync_end(vault);
}

/* --- the world --- */

static void connect_to_vault(int who)
{
	struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                   .epoch = index_epoch(w->index[who]),
		                   .seq = index_seq(w->index[who]),
		                   .role_known = who == GIVER ? ROLE_OWNER : ROLE_MEMBER };

	up[who] = true;
	vault_proved(vault, ids[who]);
	vault_up(vault, ids[who], &hello);
}

static void disconnect(int who)
{
	struct letter *l, *next;

	up[who] = false;
	keeping_down(w->keeping[who], w->vault);
	vault_down(vault, ids[who]);
	DL_FOREACH_SAFE(letters, l, next) {
		if (l->who == who)
			letter_free(l);
	}
}

static void start(int policy)
{
	static struct keeping_ops ops;
	static const uint8_t marker[32] = { 7 };
	struct vault_config c = { .ops = &vault_calls };
	char *path, *why;

	ops = objects_world_ops;
	ops.cores = on_cores;
	ops.vault = on_vault;
	ops.object = on_object;
	ops.news = on_news;
	ops.misbehaved = on_misbehaved;
	objects_world_start_with(w, policy, &ops);
	for (int i = 0; i < 2; i++)
		ids[i] = agent_id_short(ring_world_id(w->rings, i));
	path = mem_printf("%s/vault", w->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(index_open(&vault_index, path, &why) <= INDEX_NEW);
	free(path);
	path = mem_printf("%s/share", w->dir);
	share = share_open(path, true, false, marker, &why);
	assert_non_null(share);
	free(path);
	c.loop = w->loop;
	c.workers = w->workers;
	c.index = vault_index;
	c.share = share;
	c.roster = w->rings->agents[VAULT].roster;
	vault = vault_new(&c, &why);
	assert_non_null(vault);
	index_on_commit(vault_index, vault_has_committed, NULL);
	w->more = more;
}

static void end(void)
{
	for (int i = 0; i < 2; i++) {
		if (up[i])
			disconnect(i);
	}
	vault_stop(vault);
	while (!vault_stopped(vault))
		loop_turn(w->loop, true);
	vault_free(vault);
	w->more = NULL;
	index_close(vault_index);
	share_free(share);
	while (letters != NULL)
		letter_free(letters);
	for (size_t i = 0; i < ntaken; i++)
		record_clear(&taken[i]);
	free(taken);
	taken = NULL;
	ntaken = refused = 0;
	objects_world_end(w);
}

/* Whether the vault says that it has all rows up to this one, within that many turns. What is on its way wakes no loop,
 * and a turn that waited for it would end with the vault's next second. Turns in which nothing moves are few: what the
 * vault asks for again after a while would hide that it got stuck. */
static bool is_settled(uint64_t seq, int turns)
{
	struct index_peer p = { 0 };
	int still = 0;

	for (int i = 0; p.settled < seq && i < turns; i++) {
		loop_turn(w->loop, w->coming == 0);
		more(w);
		assert_int_equal(index_commit(w->index[GIVER]), 0);
		keeping_committed(w->keeping[GIVER]);
		assert_int_equal(index_peer_get(w->index[GIVER], w->vault, &p), 0);
		still = w->coming == 0 && workers_pending(w->workers) == 0 ? still + 1 : 0;
		assert_true(still < STILL_MAX);
	}
	return p.settled >= seq;
}

static bool was_taken(const struct objects_file *f)
{
	for (size_t i = 0; i < ntaken; i++) {
		if (content_equal(&taken[i].content, &f->content))
			return true;
	}
	return false;
}

static struct objects_file *files[FILES];

static void write_files(void)
{
	static const uint32_t lengths[FILES / 2] = { 0, 1, 2, 64, 65, 200 };

	connect_to_vault(GIVER);
	for (size_t i = 0; i < FILES; i += 2) {
		uint8_t cut = lengths[i / 2] == 64 ? CHUNK_RULE + 16 : 0;

		files[i] = objects_world_file(w, lengths[i / 2], 0, SMALL, cut);
		files[i + 1] = objects_world_file(w, lengths[i / 2], 3, SMALL, 0);
	}
}

/* The giver is gone. */
static void all_comes(void)
{
	disconnect(GIVER);
	connect_to_vault(GETTER);
	for (int i = 0; ntaken < FILES; i++) {
		assert_true(i < TURNS_MAX);
		objects_world_turn(w);
	}
	for (size_t i = 0; i < FILES; i++) {
		assert_true(was_taken(files[i]));
		assert_true(objects_world_comes(w, files[i]));
	}
	assert_int_equal(refused + w->nlists_none, 0);
}

static void all_comes_through(int policy)
{
	start(policy);
	write_files();
	assert_true(is_settled(files[FILES - 1]->seq, TURNS_MAX));
	assert_int_equal(w->none, 0);
	all_comes();
	end();
}

static void the_giver_comes_and_goes(void **state)
{
	int turns = 1;

	(void)state;
	start(KEYS_UNIFORM);
	write_files();
	for (; !is_settled(files[FILES - 1]->seq, turns); turns += turns / 8 + 1) {
		assert_true(turns < TURNS_MAX);
		disconnect(GIVER);
		connect_to_vault(GIVER);
	}
	assert_true(turns > 10);
	assert_int_equal(w->none, 0);
	all_comes();
	end();
}

static void uniform(void **state)
{
	(void)state;
	all_comes_through(KEYS_UNIFORM);
}

static void packed(void **state)
{
	(void)state;
	all_comes_through(KEYS_PACKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(uniform), cmocka_unit_test(packed),
		                            cmocka_unit_test(the_giver_comes_and_goes) };

	return cmocka_run_group_tests_name("keeping through a vault", tests, NULL, NULL);
}
