/* The keys of a sealed group at this agent: see engine_keys.h. */
#include "agent/engine/engine_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_keys_internal.h"
#include "agent/engine/engine_vaults.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/group/generation.h"
#include "sync/peer/peer_seal.h"
#include "sync/seal/cut_rule.h"

enum {
	WORK_MS = 50,         /* between two looks at what is to be signed: each costs a judgement */
	ANSWERS_AT_ONCE = 64, /* generations; one covers 32 exits */
};

/* --- the file --- */

static char *keys_path(const struct engine *e)
{
	return mem_printf("%s/keys.bin", e->dir);
}

/* For ring_config.store. */
static int keys_store(void *arg, const struct keyring *keyring)
{
	struct engine *e = arg;
	char *path = keys_path(e);
	enum keyring_result result = keyring_save(keyring, e->context->home_dirfd, path);
	bool failed = result != KEYRING_OK;

	if (failed && !e->keys->unstored)
		engine_log(e, LOG_ERROR, "group %s: %s/%s: keys could not be stored; trying again: %s", engine_name(e),
		           e->context->home, path,
		           result == KEYRING_SYSTEM ? strerror(errno) : keyring_result_text(result));
	e->keys->unstored = failed;
	free(path);
	return failed ? -1 : 0;
}

/* A file that is not there is an empty ring. NULL with *why, and *later if that may go away by itself. */
static struct keyring *keys_load(const struct engine *e, char **why, bool *later)
{
	char *path = keys_path(e);
	struct keyring *keyring = NULL;
	enum keyring_result result = keyring_load(&keyring, &e->group, e->context->home_dirfd, path);

	*later = false;
	if (result == KEYRING_SYSTEM && errno == ENOENT) {
		keyring = keyring_new(&e->group);
	} else if (result == KEYRING_SYSTEM) {
		*why = mem_printf("%s/%s: %s", e->context->home, path, strerror(errno));
		*later = true;
	} else if (result == KEYRING_READABLE) {
		*why = mem_printf("%s/%s can be read by others: whoever has read it can read the group; chmod 600 it",
		                  e->context->home, path);
	} else if (result != KEYRING_OK) {
		*why = mem_printf("%s/%s %s: move it away, and the keys come from another member", e->context->home,
		                  path, keyring_result_text(result));
	}
	free(path);
	return keyring;
}

/* --- opened and closed --- */

static uint64_t keys_current_id(const struct engine *e)
{
	const struct keys *k = engine_keys_current(e);

	return k != NULL ? keys_about(k)->id : 0;
}

static void keys_begin(struct engine *e, struct keyring *keyring)
{
	struct engine_keys *k = MEM_NEW(struct engine_keys);

	e->keys = k;
	k->keyring = keyring;
	k->ring = ring_new(&(struct ring_config){ .roster = e->roster,
	                                          .keyring = keyring,
	                                          .self = e->context->self,
	                                          .store = keys_store,
	                                          .arg = e });
	k->current = keys_current_id(e);
	if (!keys_memory_locked())
		engine_log(e, LOG_WARN,
		           "group %s: the memory that keys lie in cannot be locked, and may be swapped: raise the "
		           "limit of locked memory (ulimit -l)",
		           engine_name(e));
}

bool engine_keys_locked(const struct engine *e)
{
	return e->keys == NULL || keys_memory_locked();
}

const struct agent_id *engine_keys_maker(const struct engine *e)
{
	const struct generation_judgement *j = e->keys != NULL ? roster_generations(e->roster) : NULL;
	const struct generation *current = j != NULL ? generation_current(j) : NULL;

	if (current == NULL || ring_current(e->keys->ring) != NULL || ring_is_later(e->keys->ring))
		return NULL;
	return &current->signer;
}

int engine_keys_open(struct engine *e)
{
	const struct agent_id *self = identity_id(e->context->self);
	struct keyring *keyring;
	char *why = NULL;
	bool later;

	if (e->keys != NULL || !roster_sealed(e->roster) || roster_may(e->roster, self, RIGHT_STORE))
		return 0;
	keyring = keys_load(e, &why, &later);
	if (keyring != NULL) {
		keys_begin(e, keyring);
		return 0;
	}
	if (later)
		engine_fail_for_now(e, why);
	else
		engine_fail(e, why);
	return -1;
}

void engine_keys_stop(struct engine *e)
{
	struct engine_keys *k = e->keys;

	if (k == NULL)
		return;
	loop_timer_free(k->work);
	loop_timer_free(k->wait);
	k->work = k->wait = NULL;
	engine_keys_mail_stop(e);
}

void engine_keys_close(struct engine *e)
{
	struct engine_keys *k = e->keys;

	if (k == NULL)
		return;
	engine_keys_stop(e);
	cut_rule_free(k->cuts);
	ring_free(k->ring);
	keyring_free(k->keyring);
	free(k->owed);
	free(k);
	e->keys = NULL;
}

int engine_keys_found(struct engine *e, char **why)
{
	int64_t now = clock_wall_s();

	if (!roster_sealed(e->roster))
		return 0;
	keys_begin(e, keyring_new(&e->group));
	if (ring_sign(e->keys->ring, KEYS_UNIFORM, now) == 0 && ring_sign_box(e->keys->ring, now)) {
		e->keys->current = keys_current_id(e);
		return 0;
	}
	*why = mem_printf("%s/%s: the group's keys could not be made and stored; the agent's log says why",
	                  e->context->home, e->dir);
	return -1;
}

/* --- what is here --- */

struct ring *engine_keys_ring(const struct engine *e)
{
	return e->keys != NULL ? e->keys->ring : NULL;
}

bool engine_keys_ready(const struct engine *e)
{
	return e->keys == NULL ? !roster_sealed(e->roster) : ring_first(e->keys->ring) != NULL;
}

/* Made once: the first generation stays what it is. */
const struct chunk_rule *engine_keys_cuts(const struct engine *e)
{
	struct keys *first = e->keys != NULL ? ring_first(e->keys->ring) : NULL;

	if (first != NULL && e->keys->cuts == NULL)
		e->keys->cuts = cut_rule_new(first);
	return e->keys != NULL ? e->keys->cuts : NULL;
}

struct keys *engine_keys_current(const struct engine *e)
{
	return e->keys != NULL ? ring_current(e->keys->ring) : NULL;
}

const char *engine_keys_lack(const struct engine *e)
{
	if (e->keys == NULL || ring_current(e->keys->ring) != NULL)
		return NULL;
	if (engine_keys_ready(e) || ring_is_later(e->keys->ring))
		return ring_why(e->keys->ring);
	return e->keys->asks ? "the group's keys: members know of changes that this agent has not heard of yet"
	                     : "the group's keys: nobody who has them is connected";
}

/* --- judged --- */

static void work_soon(struct engine *e)
{
	struct engine_keys *k = e->keys;
	int64_t since = loop_now_ms(e->context->loop) - k->worked_ms;

	if (k->work != NULL && !loop_timer_running(k->work))
		loop_timer_start(k->work, k->worked_ms == 0 || since >= WORK_MS ? 0 : WORK_MS - since, 0);
}

void engine_keys_told(struct engine *e)
{
	struct engine_keys *k = e->keys;
	uint64_t current;

	if (k == NULL)
		return;
	current = keys_current_id(e);
	if (current != k->current && e->peers != NULL)
		peer_group_rekeyed(e->peers);
	e->dirty = e->dirty || current != k->current;
	k->current = current;
	engine_vaults_told(e);
	work_soon(e);
}

/* One entry covers 32 exits. If storing fails, nothing is sealed meanwhile, and it is tried again (engine_keys_sign.c).
 * Without the group's first keys our roster may lack the generations that there are. */
bool engine_keys_answer_exit(struct engine *e)
{
	bool answered = false;
	int64_t wait_s;

	if (e->keys == NULL || !engine_keys_ready(e))
		return false;
	for (int i = 0; i < ANSWERS_AT_ONCE && ring_is_due(e->keys->ring, &wait_s); i++) {
		if (ring_sign(e->keys->ring, -1, clock_wall_s()) < 0)
			break;
		answered = true;
	}
	return answered;
}

void engine_keys_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	const struct engine_keys *k = e->keys;
	const struct generation_judgement *j = k != NULL ? roster_generations(e->roster) : NULL;

	if (j == NULL)
		return;
	fn(arg, "keys", "held", (int64_t)keyring_count(k->keyring));
	fn(arg, "keys", "generation", generation_current(j) != NULL ? generation_current(j)->number : 0);
	fn(arg, "keys", "seals", k->current != 0);
	fn(arg, "keys", "unstored", k->unstored);
	fn(arg, "keys", "asks", k->asks);
	fn(arg, "keys", "owed", (int64_t)k->nowed);
	fn(arg, "keys", "mailed", k->mailed);
	fn(arg, "keys", "next_generation_ms", k->wait != NULL ? loop_timer_left_ms(k->wait) : -1);
}
