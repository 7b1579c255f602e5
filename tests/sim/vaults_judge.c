/* What a vault promises: it has all of the group, in whole rows whose objects are sound; it can read nothing of it; and
 * it is never told anything that it could read. See vaults.h. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/generation.h"
#include "sync/seal/keyring.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"
#include "sync/wire/frame.h"
#include "sync/wire/msg_seal.h"
#include "tests/sim/judge.h"
#include "tests/sim/secrets.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"
#include "tests/sim/vaults.h"

enum {
	LOOK_S = 10, /* virtual: between two looks at all that vaults keep */
	VERIFY_S = 60,
	REPAIR_S = 75, /* writers are asked for all once a minute */
	KEYRING_SECRET_AT = 8 + 1 + 1,
	GENERATION_AT = 4, /* in SEALED */
	COUNTER_AT = GENERATION_AT + 8,
	CORE_GENERATION_AT = 2,
};

static char *told;

/* --- what it hears --- */

static bool knows_vault(int host, const struct agent_id *id)
{
	const struct engine *e = hosts_all[host].engine;

	return e != NULL && e->roster != NULL && roster_role(e->roster, id) == ROLE_VAULT;
}

/* An envelope has its recipient in clear. */
static void hear_keys(int from, const uint8_t *body, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_keys m;

	if (msg_keys_decode(&m, &a, body, n) == 0) {
		for (size_t i = 0; i < m.nenvelopes && told == NULL; i++) {
			struct agent_id to;

			if (m.envelopes[i].n < 4 + sizeof(to))
				continue;
			memcpy(&to, m.envelopes[i].p + 4, sizeof(to));
			if (knows_vault(from, &to))
				told = mem_printf("a vault is sent the key by host %d", from);
		}
	}
	msg_free(&a);
}

/* The generation that this host must seal with by what it knows; 0: it must not seal. */
static uint64_t present_generation(int host)
{
	const struct engine *e = hosts_all[host].engine;
	const struct generation_judgement *j = e != NULL && e->roster != NULL ? roster_generations(e->roster) : NULL;

	return j != NULL && generation_state(j) == GENERATION_FIT ? generation_id(generation_current(j)) : 0;
}

/* Whoever has gone has the keys of before. */
static void hear_generation(int from, uint64_t generation)
{
	if (told == NULL && generation != present_generation(from))
		told = mem_printf("removal: host %d seals with the keys of generation %016" PRIx64
		                  ", which are not the present ones",
		                  from, generation);
}

static void hear_cores(int from, const uint8_t *body, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_cores m;

	if (msg_cores_decode(&m, &a, body, n) == 0)
		for (size_t i = 0; i < m.ncores; i++)
			if (m.cores[i].core.n >= CORE_GENERATION_AT + sizeof(uint64_t))
				hear_generation(from, get_u64(m.cores[i].core.p + CORE_GENERATION_AT));
	msg_free(&a);
}

static void hear_sealed(int from, const uint8_t *p, size_t n, uint64_t *next)
{
	uint64_t counter;

	if (n < COUNTER_AT + sizeof(counter))
		return;
	counter = get_u64(p + COUNTER_AT);
	if ((counter & MSG_SEALED_BULK) != 0) /* workers seal these, and end in any order */
		return;
	if (counter < *next && told == NULL)
		told = mem_printf("sealed: host %d counts a frame as %" PRIu64 " a second time", from, counter);
	*next = counter + 1;
	hear_generation(from, get_u64(p + GENERATION_AT));
}

void vaults_hear(int from, int to, uint8_t type, const uint8_t *head, size_t head_n, const uint8_t *body, size_t body_n,
                 uint64_t *counter)
{
	const char *what;

	if (type == FRAME_SEALED)
		hear_sealed(from, head_n > 0 ? head : body, head_n > 0 ? head_n : body_n, counter);
	if (hosts_vaults() == 0 || told != NULL)
		return;
	if (type == FRAME_KEYS && head_n == 0)
		hear_keys(from, body, body_n);
	if (!hosts_all[from].vault && !hosts_all[to].vault)
		return;
	if (type == FRAME_CORES && head_n == 0 && !hosts_all[from].vault)
		hear_cores(from, body, body_n);
	tally_count(TALLY_VAULT_GAVE, type == FRAME_OBJECT && hosts_all[from].vault);
	tally_count(TALLY_VAULT_SEARCHED, head_n + body_n);
	what = secrets_in(head, head_n);
	if (what == NULL)
		what = secrets_in(body, body_n);
	if (what != NULL)
		told = mem_printf("vault: %s is in a frame %u from host %d to host %d", what, type, from, to);
}

/* --- what it keeps --- */

/* The secrets that members have got by now. */
static void add_keys(void)
{
	for (int i = 0; i < hosts_n; i++) {
		char *dir = home_group_dir(), *path = mem_printf("%s/%s/keys.bin", hosts_all[i].home, dir);
		size_t n = 0;
		uint8_t *p = hosts_all[i].vault ? NULL : (uint8_t *)fs_read_file(AT_FDCWD, path, KEYRING_BYTES_MAX, &n);

		for (size_t at = KEYRING_HEAD; p != NULL && at + KEYRING_ENTRY <= n; at += KEYRING_ENTRY)
			secrets_add(p + at + KEYRING_SECRET_AT, KEYS_SECRET_LEN);
		free(p);
		free(path);
		free(dir);
	}
}

/* What an agent that was a member has before it hears that it is a vault is what it had. */
static bool has_begun(const struct host *h)
{
	return h->place == HOST_MEMBER && h->vault && host_runs(h) && h->engine != NULL && h->engine->vault != NULL;
}

static char *can_read(const struct host *h)
{
	char *objects = mem_printf("%s/.lanyard/vault", h->share), *dir = home_group_dir(),
	     *keys = mem_printf("%s/%s/keys.bin", h->home, dir), *found, *why = NULL;
	struct tree t;

	found = secrets_below(objects);
	if (found == NULL)
		found = secrets_below(h->home);
	if (access(keys, F_OK) == 0)
		why = mem_printf("vault: host %d has %s", h->number, keys);
	else if (found != NULL)
		why = mem_printf("vault: host %d can read what it keeps: %s", h->number, found);
	tree_read(&t, h->share, "");
	if (why == NULL && t.n > 0 && !h->was_plain)
		why = mem_printf("vault: host %d has %s in its folder", h->number, t.leaves[0].path);
	tree_free(&t);
	free(found);
	free(objects);
	free(keys);
	free(dir);
	return why;
}

/* --- whole rows, sound objects --- */

struct whole {
	const struct host *h;
	struct index *index;
	int64_t live, rows;
	char *why;
};

static void look_at_object(struct whole *w, const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct index_vault_object o;
	const char *text;
	uint8_t *p, sum[SHA256_SIZE];
	size_t n = 0;
	int root;

	if (index_vault_object_get(w->index, name, &o) <= 0 || o.gone) {
		w->why = mem_printf("vault: host %d has a row of which an object is not there", w->h->number);
		return;
	}
	root = open(w->h->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p = vault_store_read(root, name, &n, NULL);
	close(root);
	if (p != NULL)
		sha256(sum, p, n);
	text = p == NULL ? "is not on its disk" : memcmp(sum, o.sum, sizeof(sum)) != 0 ? "is damaged" : NULL;
	if (text != NULL)
		w->why = mem_printf("vault: host %d has a row of which an object %s", w->h->number, text);
	free(p);
}

static void look_at_refs(struct whole *w, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t n)
{
	for (size_t i = 0; i < n && w->why == NULL; i++) {
		size_t nblocks = 0;
		uint8_t(*blocks)[INDEX_VAULT_OBJECT];

		look_at_object(w, refs[i]);
		if (w->why != NULL || refs[i][0] != OBJECT_PAGE)
			continue;
		blocks = index_vault_object_refs(w->index, refs[i], &nblocks);
		for (size_t k = 0; k < nblocks && w->why == NULL; k++)
			look_at_object(w, blocks[k]);
		free(blocks);
	}
}

static bool look_at_core(void *arg, const struct index_vault_core *c)
{
	struct whole *w = arg;
	struct vault_row *row = vault_row_stored(c);

	w->rows++;
	w->live += !c->deleted && c->superseded == 0;
	if (row == NULL)
		w->why = mem_printf("vault: host %d has a row that is damaged", w->h->number);
	else if (c->superseded == 0 || !w->h->harmed)
		look_at_refs(w, (const uint8_t(*)[INDEX_VAULT_OBJECT])row->refs, row->nrefs);
	vault_row_free(row);
	return w->why == NULL;
}

static char *is_whole(const struct host *h, struct whole *w)
{
	*w = (struct whole){ .h = h, .index = h->engine->index };
	if (index_vault_since(w->index, 0, INT32_MAX, look_at_core, w) < 0)
		return mem_printf("vault: the index of host %d cannot be read", h->number);
	tally_count(TALLY_VAULT_WHOLE, (uint64_t)w->rows);
	return w->why;
}

static char *look(bool ended)
{
	char *why = told;

	told = NULL;
	if (why != NULL || hosts_vaults() == 0 || (sim_now() % (LOOK_S * SIM_S) != 0 && !ended))
		return why;
	add_keys();
	for (int i = 0; i < hosts_n && why == NULL; i++) {
		const struct host *h = &hosts_all[i];
		struct engine_status s;
		struct whole w;

		if (!has_begun(h))
			continue;
		host_status(&hosts_all[i], &s);
		tally_count(TALLY_VAULT_FULL, h->room > 0 && s.store.full);
		if (!h->harmed)
			why = is_whole(h, &w);
	}
	return why;
}

char *vaults_meanwhile(void)
{
	return look(false);
}

/* --- at the end --- */

static int64_t rotten;
static bool verified;

static void note_verified(void *arg, int64_t files, int64_t bytes, int64_t bad)
{
	(void)arg;
	(void)files;
	(void)bytes;
	rotten = bad;
	verified = true;
}

static void verify_in_turn(void *arg)
{
	struct host *h = arg;

	(void)engine_verify(h->engine, true, NULL, note_verified, h);
}

static char *verify(struct host *h)
{
	verified = false;
	rotten = 0;
	host_turn(h, verify_in_turn);
	for (int s = 0; s < VERIFY_S && !verified; s++)
		sim_run(SIM_S);
	return verified ? NULL : mem_printf("vault: host %d does not verify what it keeps", h->number);
}

static int64_t rows_of(const struct host *h)
{
	struct index_totals t = index_totals(h->engine->index);

	return t.files + t.dirs + t.symlinks;
}

/* What rots is found by a verification, and told again; nobody has what is of an older version any more. */
void vaults_repair(void)
{
	bool any = false;

	for (int i = 0; i < hosts_n; i++) {
		struct host *h = &hosts_all[i];

		if (!h->harmed || !has_begun(h))
			continue;
		free(verify(h));
		tally_count(TALLY_VAULT_REPAIRED, (uint64_t)rotten);
		any = true;
	}
	if (any)
		sim_run(REPAIR_S * SIM_S);
}

static char *is_sound(struct host *h)
{
	char *why = verify(h);

	if (why == NULL && rotten > 0 && !h->harmed)
		why = mem_printf("vault: %" PRId64 " objects of host %d are damaged", rotten, h->number);
	return why;
}

static bool count_mail(void *arg, const uint8_t to[32], const uint8_t from[32], const uint8_t *p, size_t n)
{
	(void)arg;
	(void)to;
	(void)from;
	(void)p;
	(void)n;
	tally_add(TALLY_VAULT_MAIL);
	return true;
}

static char *keeps_all(struct host *h)
{
	struct whole w = { 0 };
	char *why = can_read(h);

	if (why == NULL)
		why = is_sound(h);
	if (why == NULL)
		why = is_whole(h, &w);
	if (why == NULL && w.live != rows_of(&hosts_all[0]) && !hosts_await_lost(NULL))
		why = mem_printf("vault: host %d has %" PRId64 " rows, host 0 has %" PRId64, h->number, w.live,
		                 rows_of(&hosts_all[0]));
	(void)index_vault_mail(h->engine->index, NULL, count_mail, NULL);
	return why;
}

char *vaults_end(void)
{
	char *why = look(true);

	for (int i = 0; i < hosts_n && why == NULL; i++) {
		struct host *h = &hosts_all[i];

		if (h->place != HOST_MEMBER || !h->vault)
			continue;
		if (!has_begun(h))
			return mem_printf("vault: host %d is a vault, and has not begun as one", i);
		why = keeps_all(h);
	}
	return why;
}
