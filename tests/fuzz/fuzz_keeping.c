/* What a vault says to a member: any rows, objects and wants, and changes to a row and an object that are right.
 * Whatever it is, the member takes no row and no block except those that were sealed by who may write.
 *
 * An input is a list of steps. The first byte says what follows: 0 CORES, 1 OBJECT, 2 VAULT, each a length (2 bytes)
 * and a message as the wire has it; 3: changes to the row, 4: to the object that was asked for: their number, and for
 * each the offset (2) and what is added to the byte; 5: the member asks for a list; 6: a turn. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_sealed.h"
#include "sync/keeping/keeping.h"
#include "sync/seal/endorse.h"
#include "sync/seal/row.h"
#include "tests/fuzz/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1800000000, BLOCK = 300, REQUEST = 7, STEPS = 64, IDLE_TURNS = 3 };

static const char path[] = "a file";
static struct identity *self, *writer, *its;
static char folder[] = "/tmp/lanyard-fuzz-keeping-XXXXXX";
static struct loop *loop;
static struct workers *workers;
static struct index *ix;
static struct keeping *keeping;
static uint64_t vault;
static uint8_t block[BLOCK];
static struct record row;
static struct bytes core, endorsement;
static uint8_t *object;
static size_t nobject;
static uint32_t asked; /* the number of what was asked last */

static void clean_up(void)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	keeping_stop(keeping);
	while (!keeping_is_idle(keeping))
		loop_turn(loop, true);
	keeping_free(keeping);
	workers_free(workers);
	index_close(ix);
	(void)fs_remove_tree(fd, strrchr(folder, '/') + 1);
	close(fd);
}

/* --- what the member calls --- */

static int on_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	(void)arg;
	(void)peer;
	(void)m;
	return 0;
}

static int on_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	(void)arg;
	(void)peer;
	if (m->what == MSG_VAULT_WANT && m->nwants > 0)
		asked = m->wants[m->nwants - 1].request;
	return 0;
}

/* It has told nothing, so nothing may be given. */
static int on_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	(void)arg;
	(void)peer;
	(void)request;
	(void)n;
	if (status == MSG_OBJECT_HERE)
		abort();
	free(bytes);
	return 0;
}

static size_t on_room(void *arg, uint64_t peer, bool bulk)
{
	(void)arg;
	(void)peer;
	(void)bulk;
	return 1 << 20;
}

static bool on_accepts(void *arg, const char *name, bool is_dir)
{
	(void)arg;
	(void)name;
	(void)is_dir;
	return true;
}

static bool on_rosters_equal(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return true;
}

static void on_news(void *arg, uint64_t peer, const struct msg_news *m)
{
	(void)arg;
	(void)peer;
	for (size_t i = 0; i < m->nrecords; i++) {
		if (!record_same(&m->records[i].record, &row) || strcmp(m->records[i].record.path, path) != 0)
			abort();
	}
}

static bool on_fetching(void *arg)
{
	(void)arg;
	return true; /* nothing is stored of what is told */
}

static void on_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)arg;
	(void)peer;
	(void)what;
}

static void on_rolled_back(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	abort();
}

static void on_block(void *arg, uint64_t peer, uint32_t request, struct slab *bytes)
{
	(void)arg;
	(void)peer;
	if (request != REQUEST || (bytes->p != NULL && (bytes->n != BLOCK || memcmp(bytes->p, block, BLOCK) != 0)))
		abort();
	slab_free(bytes);
}

static void on_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	(void)arg;
	(void)peer;
	(void)first;
	(void)n;
	if (request != REQUEST || blocks != NULL)
		abort();
}

static void on_state(void *arg)
{
	(void)arg;
}

static const struct keeping_ops ops = { .cores = on_cores,
	                                .vault = on_vault,
	                                .object = on_object,
	                                .room = on_room,
	                                .accepts = on_accepts,
	                                .rosters_equal = on_rosters_equal,
	                                .news = on_news,
	                                .fetching = on_fetching,
	                                .misbehaved = on_misbehaved,
	                                .rolled_back = on_rolled_back,
	                                .block = on_block,
	                                .list = on_list,
	                                .state = on_state };

/* --- the group --- */

static int store(void *arg, const struct keyring *keyring)
{
	(void)arg;
	(void)keyring;
	return 0;
}

/* A row and its block, as a member seals them. */
static void seal(struct keys *k)
{
	static struct version_entry entry = { 5, 1 };
	const struct row_keys held = { .keys = &k, .n = 1 };
	const struct object_input in = { .kind = OBJECT_BLOCK, .content = block, .n = BLOCK };
	struct endorse_item item = { .seq = 1 };
	struct row_sealed s;
	struct endorse_batch *b;

	memset(block, 'x', BLOCK);
	row = (struct record){ .path = mem_strdup(path), .kind = RECORD_FILE, .mode = 0644 };
	row.version = (struct version){ .n = 1, .e = &entry };
	row.content = (struct content){ .size = BLOCK, .nblocks = 1 };
	sha256(row.content.root, block, BLOCK);
	if (row_seal(&s, &held, k, k, &row, NULL) < 0)
		abort();
	core = s.core;
	s.core = (struct bytes){ 0 };
	row_sealed_clear(&s);
	sha256(item.core, core.p, core.len);
	b = endorse_batch_new(keys_group(k), writer, 100, &item, 1);
	endorsement = BYTES_INIT(ENDORSE_LEN_MAX);
	if (endorse_batch_one(b, 0, &endorsement) < 0)
		abort();
	endorse_batch_free(b);
	object = object_seal(k, &in, &nobject);
}

static struct keeping_config config = { .ops = &ops, .patience_ms = INT32_MAX };

static void setup(void)
{
	struct index_sealed sealed = { 0 };
	struct keyring *keyring;
	char *why;

	random_set_seed(1);
	self = identity_new();
	writer = identity_new();
	its = identity_new();
	config.self = self;
	config.roster = roster_found(self, "group", false, true, "self", NOW);
	keyring = keyring_new(roster_group(config.roster));
	config.ring = ring_new(
		&(struct ring_config){ .roster = config.roster, .keyring = keyring, .self = self, .store = store });
	if (roster_grant(config.roster, self, identity_id(writer), ROLE_MEMBER, "writer", NOW + 1) < 0 ||
	    roster_grant(config.roster, self, identity_id(its), ROLE_VAULT, "vault", NOW + 2) < 0 ||
	    ring_sign(config.ring, KEYS_UNIFORM, NOW + 3) < 0 || ring_current(config.ring) == NULL ||
	    mkdtemp(folder) == NULL || index_open(&ix, folder, &why) != INDEX_NEW)
		abort();
	vault = agent_id_short(identity_id(its));
	seal(ring_current(config.ring));
	sealed.generation = keys_about(ring_current(config.ring))->id;
	(void)index_sealed_put(ix, &row.content, &sealed);
	loop = config.loop = loop_new();
	workers = config.workers = workers_new(loop, 2);
	config.index = ix;
	keeping = keeping_new(&config);
	log_set_level(LOG_ERROR);
	(void)atexit(clean_up);
}

/* --- steps --- */

static void tell(const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_cores m;

	if (msg_cores_decode(&m, &a, p, n) == 0)
		keeping_cores_in(keeping, vault, &m);
	msg_free(&a);
}

static void give(const uint8_t *p, size_t n)
{
	struct msg_object m;

	if (msg_object_decode(&m, p, n) == 0)
		keeping_object_in(keeping, vault, &m);
}

static void say(const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_vault m;

	if (msg_vault_decode(&m, &a, p, n) == 0)
		keeping_vault_in(keeping, vault, &m);
	msg_free(&a);
}

/* A copy of what is right, with changes from the input. */
static uint8_t *changed(struct reader *r, const struct bytes *first, const uint8_t *second, size_t n)
{
	uint8_t *p = mem_calloc(first->len + n, 1);

	if (first->len > 0)
		memcpy(p, first->p, first->len);
	memcpy(p + first->len, second, n);
	piece_change(r, p, first->len + n);
	return p;
}

static void tell_changed(struct reader *r)
{
	uint8_t *p = changed(r, &core, endorsement.p, endorsement.len);
	struct msg_core one = { 1, { p, core.len }, { p + core.len, endorsement.len } };
	struct msg_cores m = { .after = 0, .upto = 1, .cores = &one, .ncores = 1 };

	keeping_cores_in(keeping, vault, &m);
	free(p);
}

static void give_changed(struct reader *r)
{
	const struct bytes none = { 0 };
	struct block_want want = { .request = REQUEST, .len = BLOCK };
	uint8_t *p = changed(r, &none, object, nobject);
	struct msg_object m = { .status = MSG_OBJECT_HERE, .bytes = { p, nobject } };

	memcpy(want.hash, row.content.root, sizeof(want.hash));
	if (keeping_get(keeping, vault, &row.content, &want, 1) == 0) {
		m.request = asked;
		keeping_object_in(keeping, vault, &m);
	}
	free(p);
}

static void step(struct reader *r)
{
	static void (*const raw[])(const uint8_t *p, size_t n) = { tell, give, say };
	uint8_t what = reader_u8(r);

	if (what < 3) {
		piece_take(r, raw[what]);
	} else if (what == 3) {
		tell_changed(r);
	} else if (what == 4) {
		give_changed(r);
	} else if (what == 5) {
		(void)keeping_get_list(keeping, vault, REQUEST, &row.content, 0);
	} else {
		loop_turn(loop, workers_pending(workers) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = READER_INIT(data, size);
	const struct msg_vault hello = { .what = MSG_VAULT_HELLO, .epoch = 9, .seq = 1000 };

	if (keeping == NULL)
		setup();
	keeping_up(keeping, vault, &hello);
	for (int i = 0; i < STEPS && !r.bad && reader_left(&r) > 0; i++)
		step(&r);
	for (int calm = 0; calm < IDLE_TURNS; calm = keeping_is_idle(keeping) ? calm + 1 : 0)
		loop_turn(loop, !keeping_is_idle(keeping));
	keeping_down(keeping, vault);
	(void)index_forget_rejected(ix);
	(void)index_commit(ix);
	return 0;
}
