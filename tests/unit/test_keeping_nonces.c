/* Whatever becomes of the files that a vault wants blocks of: no key and nonce ever serve two inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/objects_world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"

enum { FILES = 60, POOL = 40, WANTS = 6000, TOGETHER = 64 };

/* What each key and nonce served. The key follows from the generation, the kind and the name. */
struct served {
	uint8_t pair[INDEX_VAULT_OBJECT + 12];
	uint8_t sha[SHA256_SIZE]; /* of the object */
	UT_hash_handle hh;
};

static struct objects_world world, *w = &world;
static struct served *served;
static size_t again;

static void serves_one_input(const uint8_t *bytes, size_t n)
{
	struct served *s = MEM_NEW(struct served), *had;
	struct object_head h;

	assert_int_equal(object_parse(&h, bytes, n), OBJECT_OK);
	s->pair[0] = h.kind;
	put_u64(s->pair + 1, h.self.generation);
	memcpy(s->pair + 9, h.self.name, 32);
	memcpy(s->pair + INDEX_VAULT_OBJECT, bytes + h.len, 12);
	sha256(s->sha, bytes, n);
	HASH_FIND(hh, served, s->pair, sizeof(s->pair), had);
	if (had == NULL) {
		HASH_ADD(hh, served, pair, sizeof(s->pair), s);
		return;
	}
	again++;
	if (memcmp(had->sha, s->sha, sizeof(s->sha)) != 0)
		fail_msg("a key and nonce served two inputs");
	free(s);
}

/* Equal blocks are in many files, which were cut, and so are padded, in several ways. */
static void write_files(void)
{
	static const uint8_t cuts[] = { 0, CHUNK_RULE + 16, CHUNK_RULE + 17, CHUNK_RULE + 18 };

	w->pool = POOL;
	for (int i = 0; i < FILES; i++)
		(void)objects_world_file(w, 1 + (uint32_t)random_below(200), (uint32_t)random_below(3) * 5,
		                         500 + (uint32_t)random_below(2) * 1000, cuts[random_below(4)]);
}

static void want_any(void)
{
	struct objects_file *f = w->files[random_below(FILES)];
	uint8_t name[INDEX_VAULT_OBJECT];

	if (f->nrefs == 0)
		return;
	f->other = random_below(2) == 0 ? (uint32_t)random_below(1500) : 0;
	if (f->paged && random_below(4) == 0)
		memcpy(name, f->refs[random_below((uint32_t)f->nrefs)], sizeof(name));
	else
		objects_world_name(w, f, (uint32_t)random_below(f->list.n), name);
	objects_world_want(w, f->seq, name);
}

static void give_changed_files(int policy)
{
	struct served *s, *next;

	again = 0;
	objects_world_start(w, policy);
	random_set_seed(77);
	w->watch = serves_one_input;
	objects_world_up(w, GIVER);
	write_files();
	for (int i = 0; i < WANTS; i++) {
		want_any();
		if (i % TOGETHER == 0)
			objects_world_calm(w);
	}
	objects_world_calm(w);
	assert_in_range(w->none, WANTS / 20, WANTS - WANTS / 20);
	assert_in_range(again, WANTS / 20, WANTS - WANTS / 20);
	assert_int_equal(w->misbehaved[GIVER], 0);
	objects_world_end(w);
	HASH_ITER(hh, served, s, next) {
		HASH_DELETE(hh, served, s);
		free(s);
	}
}

static void uniform(void **state)
{
	(void)state;
	give_changed_files(KEYS_UNIFORM);
}

static void packed(void **state)
{
	(void)state;
	give_changed_files(KEYS_PACKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(uniform), cmocka_unit_test(packed) };

	return cmocka_run_group_tests_name("keeping nonces", tests, NULL, NULL);
}
