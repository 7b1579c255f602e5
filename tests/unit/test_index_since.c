/* Proves that rows which came from a peer are passed over without being read where they are in one run, and that
 * nothing else is left out: whatever lies between, however many runs there are, and wherever the reading begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/index_rows.h"

enum { PEER = 7, OTHER = 8, ROWS = 3000, ASKED = 400 };

static void put_via(const char *path, uint64_t via)
{
	struct record r = file(path, (uint32_t)rand());

	version_bump(&r.version, 5, 1 + (uint64_t)rand());
	r.via = via;
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
}

struct told {
	uint64_t above, seqs[ROWS * 2];
	int n, read, most;
};

/* As news_out does: what is given although it came from the peer is left out. */
static bool tell_but(void *arg, const struct record *r)
{
	struct told *t = arg;

	t->read++;
	if (!r->absent && r->via == PEER && r->seq > t->above)
		return true;
	t->seqs[t->n++] = r->seq;
	return t->n < t->most;
}

static void ask(uint64_t after, uint64_t above, int most)
{
	static struct told all, but;
	int given;

	all = but = (struct told){ .above = above, .most = most };
	assert_true(index_since(ix, after, 1 << 30, tell_but, &all) >= 0);
	given = index_since_but(ix, after, 1 << 30, PEER, above, tell_but, &but);
	assert_int_equal(given, but.read);
	assert_int_equal(but.n, all.n);
	assert_memory_equal(but.seqs, all.seqs, (size_t)all.n * sizeof(all.seqs[0]));
	assert_true(but.read <= all.read);
}

static void what_did_not_come_from_the_peer_is_all_given(void **state)
{
	char path[16];

	(void)state;
	srand(3);
	for (int i = 0, left = 0, via = 0; i < ROWS; i++) {
		if (left-- == 0) {
			left = rand() % (i < ROWS / 2 ? 5 : 100);
			via = rand() % 3 == 0 ? 0 : rand() % 3 == 0 ? OTHER : PEER;
		}
		snprintf(path, sizeof(path), "f%d", rand() % ROWS);
		put_via(path, (uint64_t)via);
		if (rand() % 50 == 0)
			assert_int_equal(index_drop(ix, path), 0);
	}
	for (int i = 0; i < ASKED; i++)
		ask((uint64_t)rand() % index_seq(ix), rand() % 2 ? 0 : (uint64_t)rand() % index_seq(ix),
		    rand() % 2 ? 1 << 30 : 1 + rand() % 50);
	ask(index_seq(ix), 0, 1 << 30);
	ask(UINT64_MAX, 0, 1 << 30);
	reopen();
	ask(0, 0, 1 << 30);
}

static void what_came_from_the_peer_is_not_read(void **state)
{
	struct told t = { .most = 1 << 30 };
	char path[16];

	(void)state;
	put_via("before", 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "f%d", i);
		put_via(path, PEER);
	}
	put_via("behind", 0);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_since_but(ix, 0, 500, PEER, 0, tell_but, &t), 2);
	assert_int_equal(t.n, 2);
	assert_int_equal(index_since_but(ix, 500, 500, PEER, 0, tell_but, &t), 1);
	assert_int_equal(index_since_but(ix, 500, 500, PEER, 600, tell_but, &t), 101);
	assert_int_equal(index_since_but(ix, 0, 500, OTHER, 0, tell_but, &t), 500);
}

/* A callback that writes does not go on for ever, nor lose its place. */
static bool tell_and_write(void *arg, const struct record *r)
{
	char path[32];

	snprintf(path, sizeof(path), "new-%llu", (unsigned long long)r->seq);
	put_via(path, r->seq % 2 ? PEER : OTHER);
	(*(int *)arg)++;
	return true;
}

static void a_callback_may_write(void **state)
{
	char path[16];
	int n = 0, given;

	(void)state;
	for (int i = 0; i < 400; i++) {
		snprintf(path, sizeof(path), "f%d", i);
		put_via(path, i / 5 % 2 ? PEER : 0);
	}
	given = index_since_but(ix, 0, 1000, PEER, 0, tell_and_write, &n);
	assert_int_equal(given, n);
	assert_in_range(n, 200, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_did_not_come_from_the_peer_is_all_given, setup, teardown),
		cmocka_unit_test_setup_teardown(what_came_from_the_peer_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_callback_may_write, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
