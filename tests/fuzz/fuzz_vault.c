/* What a member says to a vault: any rows, objects, wants and mail, and changes to a row that is right. Whatever it is,
 * the vault stores no row except those that were endorsed by who may write, and none without its objects.
 *
 * An input is a list of steps. The first byte says what follows: 0 CORES, 1 OBJECT, 2 VAULT, 3 KEYS, each a length
 * (2 bytes) and a message as the wire has it; 4: changes to a row without objects: their number, and for each the
 * offset (2) and what is added to the byte; 5: a row that needs an object; 6: changes to this object, in the same form;
 * 7: a turn; 8: a row that needs another block; 9: changes to a patch that makes this block of one that the vault has.
 * Any other step is a turn. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_vault.h"
#include "sync/seal/endorse.h"
#include "sync/seal/object.h"
#include "sync/seal/row.h"
#include "sync/vault/vault.h"
#include "tests/fuzz/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1800000000, BLOCK = 300, STEPS = 64, IDLE_TURNS = 8, EPOCH = 100 };
enum { OBJECT_HEAD_SEEN = 1 + 1 + OBJECT_REF + 4 }; /* bytes of a block's head, which a vault checks */
enum { BASE_ROW = 3, PATCHED_ROW = 4 };

struct told {
	struct bytes core, endorsement;
};

static struct identity *owner, *writer;
static struct keys *keys;
static char folder[] = "/tmp/lanyard-fuzz-vault-XXXXXX";
static struct loop *loop;
static struct workers *workers;
static struct index *ix;
static struct share *share;
static struct vault *vault;
static uint64_t member;
static struct told folder_row, file_row, base_row, patched_row;
static uint8_t *object, *base, *patch;
static size_t nobject, nbase, npatch;
static uint8_t base_name[INDEX_VAULT_OBJECT], patched_name[INDEX_VAULT_OBJECT];
static uint32_t asked; /* the number of what the vault asked for last */

static void clean_up(void)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	vault_stop(vault);
	while (!vault_stopped(vault))
		loop_turn(loop, true);
	vault_free(vault);
	index_close(ix);
	share_free(share);
	workers_free(workers);
	(void)fs_remove_tree(fd, strrchr(folder, '/') + 1);
	close(fd);
}

/* --- what the vault calls --- */

static int on_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	(void)arg;
	(void)peer;
	if (m->ncores > 0)
		abort();
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

static int on_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	(void)arg;
	(void)peer;
	(void)request;
	(void)status;
	(void)n;
	free(bytes);
	return 0;
}

static int on_keys(void *arg, uint64_t peer, const struct msg_keys *m)
{
	(void)arg;
	(void)peer;
	(void)m;
	return 0;
}

static size_t on_room(void *arg, uint64_t peer, bool bulk)
{
	(void)arg;
	(void)peer;
	(void)bulk;
	return 1 << 20;
}

static void on_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)arg;
	(void)peer;
	(void)what;
}

static void on_problem(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static void on_state(void *arg)
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

static const struct vault_ops ops = { on_cores,      on_vault, on_object,  on_keys, on_room,
	                              on_misbehaved, no_head,  on_problem, on_state };

/* --- the group --- */

static void seal(struct told *t, const struct record *r, uint64_t seq)
{
	const struct row_keys held = { .keys = &keys, .n = 1 };
	struct endorse_item item = { .seq = seq };
	struct endorse_batch *b;
	struct row_sealed s;

	if (row_seal(&s, &held, keys, keys, r, NULL) < 0)
		abort();
	t->core = s.core;
	s.core = (struct bytes){ 0 };
	row_sealed_clear(&s);
	sha256(item.core, t->core.p, t->core.len);
	b = endorse_batch_new(keys_group(keys), writer, EPOCH, &item, 1);
	t->endorsement = BYTES_INIT(ENDORSE_LEN_MAX);
	if (endorse_batch_one(b, 0, &t->endorsement) < 0)
		abort();
	endorse_batch_free(b);
}

static struct version_entry entry = { 5, 1 };

/* The row of a file of one block, and the block. name: NULL: nobody asks for it. */
static uint8_t *seal_file(struct told *t, const char *path, uint64_t seq, uint8_t fill, size_t *n,
                          uint8_t name[INDEX_VAULT_OBJECT])
{
	uint8_t block[BLOCK];
	const struct object_input in = { .kind = OBJECT_BLOCK, .content = block, .n = BLOCK };
	struct record file = { .kind = RECORD_FILE, .mode = 0644 };
	uint8_t *sealed;

	memset(block, fill, sizeof(block));
	file.path = mem_strdup(path);
	file.version = (struct version){ .n = 1, .e = &entry };
	file.content = (struct content){ .size = BLOCK, .nblocks = 1 };
	sha256(file.content.root, block, BLOCK);
	seal(t, &file, seq);
	sealed = object_seal(keys, &in, n);
	if (name != NULL) {
		name[0] = OBJECT_BLOCK;
		put_u64(name + 1, keys_about(keys)->id);
		object_name(keys, OBJECT_BLOCK, file.content.root, name + 9);
	}
	free(file.path);
	return sealed;
}

static void seal_rows(void)
{
	static const uint8_t runs[32] = { 1 };
	static char dir_path[] = "a folder";
	struct record dir = { .kind = RECORD_DIR, .mode = 0755, .path = dir_path };
	struct object_input in = { .kind = OBJECT_PATCH, .content = runs, .n = sizeof(runs), .nrefs = 1 };
	size_t n;

	dir.version = (struct version){ .n = 1, .e = &entry };
	seal(&folder_row, &dir, 1);
	object = seal_file(&file_row, "a file", 2, 0, &nobject, NULL);
	base = seal_file(&base_row, "a base", BASE_ROW, 1, &nbase, base_name);
	free(seal_file(&patched_row, "changed", PATCHED_ROW, 2, &n, patched_name));
	in.name = patched_name + 9;
	in.refs = base_name + 1;
	patch = object_seal(keys, &in, &npatch);
}

/* A row, as it is or (r) with changes. */
static void tell_row(const struct told *t, uint64_t seq, struct reader *r);

static void calm(void)
{
	for (int n = 0; n < IDLE_TURNS; n = workers_pending(workers) == 0 ? n + 1 : 0)
		loop_turn(loop, workers_pending(workers) > 0);
}

/* All of the vault that stays from one input to the next. */
static bool has_base_alone(void)
{
	struct index_vault_object is;

	return index_vault_totals(ix).rows == 1 && index_vault_totals(ix).objects == 1 &&
	       index_vault_object_get(ix, base_name, &is) == 1 && !is.gone && is.refs == 1;
}

static void store_base(void)
{
	const struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                         .epoch = EPOCH,
		                         .seq = BASE_ROW,
		                         .role_known = ROLE_MEMBER };
	struct msg_object m = { .status = MSG_OBJECT_HERE, .bytes = { base, nbase } };

	vault_up(vault, member, &hello);
	tell_row(&base_row, BASE_ROW, NULL);
	calm();
	m.request = asked;
	vault_object_in(vault, member, &m);
	while (!has_base_alone())
		loop_turn(loop, true);
	vault_down(vault, member);
	loop_turn(loop, false);
	if (index_commit(ix) < 0)
		abort();
}

static bool is_patched(void *arg, const struct index_vault_core *c)
{
	if (c->ncore != patched_row.core.len || memcmp(c->core, patched_row.core.p, c->ncore) != 0)
		return true;
	*(uint64_t *)arg = c->seq;
	return false;
}

/* What came right does not stay for the next input. */
static void forget_patched(void)
{
	struct index_vault_object is;
	uint64_t seq = 0;

	(void)index_vault_since(ix, 0, 2, is_patched, &seq);
	if (seq != 0 && index_vault_remove(ix, seq, &patched_name, 1, NOW) < 0)
		abort();
	if (index_vault_object_get(ix, patched_name, &is) == 1 &&
	    (!is.needs || index_vault_object_remove(ix, patched_name, NOW) < 0))
		abort();
}

static struct vault_config config = { .ops = &ops };

static void setup(void)
{
	static const uint8_t secret[KEYS_SECRET_LEN] = { 1 }, marker[32] = { 7 };
	const struct keys_about about = { .id = 1, .suite = KEYS_SUITE, .policy = KEYS_UNIFORM };
	char *why, *path;

	random_set_seed(1);
	owner = identity_new();
	writer = identity_new();
	config.roster = roster_found(owner, "group", false, true, "owner", NOW);
	if (roster_grant(config.roster, owner, identity_id(writer), ROLE_MEMBER, "writer", NOW + 1) < 0 ||
	    mkdtemp(folder) == NULL || index_open(&ix, folder, &why) != INDEX_NEW)
		abort();
	member = agent_id_short(identity_id(writer));
	keys = keys_new(roster_group(config.roster), &about, secret);
	seal_rows();
	path = mem_printf("%s/share", folder);
	share = config.share = share_open(path, true, false, marker, &why);
	loop = config.loop = loop_new();
	workers = config.workers = workers_new(loop, 2);
	config.index = ix;
	vault = share != NULL ? vault_new(&config, &why) : NULL;
	if (vault == NULL)
		abort();
	free(path);
	log_set_level(LOG_ERROR);
	(void)atexit(clean_up);
	store_base();
}

/* --- steps --- */

static void tell(const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_cores m;

	if (msg_cores_decode(&m, &a, p, n) == 0)
		vault_cores_in(vault, member, &m);
	msg_free(&a);
}

static void give(const uint8_t *p, size_t n)
{
	struct msg_object m;

	if (msg_object_decode(&m, p, n) == 0)
		vault_object_in(vault, member, &m);
}

static void say(const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_vault m;

	if (msg_vault_decode(&m, &a, p, n) == 0)
		vault_in(vault, member, &m);
	msg_free(&a);
}

static void send_mail(const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_keys m;

	if (msg_keys_decode(&m, &a, p, n) == 0)
		vault_keys_in(vault, member, &m);
	msg_free(&a);
}

/* Makes changes from the input. Whether there are any. */
static bool change(struct reader *r, uint8_t *p, size_t n, const uint8_t *was)
{
	piece_change(r, p, n);
	return memcmp(p, was, n) != 0;
}

static void tell_row(const struct told *t, uint64_t seq, struct reader *r)
{
	size_t n = t->core.len + t->endorsement.len;
	uint8_t *p = mem_calloc(n, 1), *was;
	struct msg_core one = { seq, { p, t->core.len }, { p + t->core.len, t->endorsement.len } };
	struct msg_cores m = { .upto = seq, .cores = &one, .ncores = 1 };

	memcpy(p, t->core.p, t->core.len);
	memcpy(p + t->core.len, t->endorsement.p, t->endorsement.len);
	was = mem_dup(p, n);
	if (r == NULL || change(r, p, n, was))
		vault_cores_in(vault, member, &m);
	free(was);
	free(p);
}

/* What is right is not given: a row that is stored would stay for the next input. */
static void give_changed(struct reader *r)
{
	uint8_t *p = mem_dup(object, nobject);
	struct msg_object m = { .request = asked, .status = MSG_OBJECT_HERE, .bytes = { p, nobject } };

	if (change(r, p, OBJECT_HEAD_SEEN, object))
		vault_object_in(vault, member, &m);
	free(p);
}

/* With no changes it is right, and may be stored. Changed, it is none, or of another block. */
static void give_patch(struct reader *r)
{
	uint8_t *p = mem_dup(patch, npatch);
	struct msg_object m = { .request = asked, .status = MSG_OBJECT_HERE, .bytes = { p, npatch } };

	piece_change(r, p, OBJECT_HEAD_SEEN + OBJECT_REF);
	vault_object_in(vault, member, &m);
	free(p);
}

static void step(struct reader *r)
{
	static void (*const raw[])(const uint8_t *p, size_t n) = { tell, give, say, send_mail };
	uint8_t what = reader_u8(r);

	if (what < 4) {
		piece_take(r, raw[what]);
	} else if (what == 4) {
		tell_row(&folder_row, 1, r);
	} else if (what == 5) {
		tell_row(&file_row, 2, NULL);
	} else if (what == 6) {
		give_changed(r);
	} else if (what == 8) {
		tell_row(&patched_row, PATCHED_ROW, NULL);
	} else if (what == 9) {
		give_patch(r);
	} else {
		loop_turn(loop, workers_pending(workers) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = READER_INIT(data, size);
	static uint64_t epoch = EPOCH;
	/* Nothing that it said before counts. */
	const struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                         .epoch = epoch + 1,
		                         .seq = 9,
		                         .role_known = ROLE_MEMBER };

	epoch++;
	if (vault == NULL)
		setup();
	vault_proved(vault, member);
	vault_up(vault, member, &hello);
	for (int i = 0; i < STEPS && !r.bad && reader_left(&r) > 0; i++)
		step(&r);
	calm();
	vault_down(vault, member);
	loop_turn(loop, false);
	forget_patched();
	(void)index_commit(ix);
	if (!has_base_alone())
		abort();
	return 0;
}
