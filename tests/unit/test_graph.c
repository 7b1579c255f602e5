/* Crowds of 2 to 500 members that run sync/peer/graph.c, second by second: they join by one member, lose half of
 * themselves at once, come and go, are cut in two, and have members among them that want to be everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/peer/graph.h"
#include "tests/unit/effort.h"

enum {
	MOST = 500,
	DEAD_S = 13,  /* until a dead member is noticed */
	RETRY_S = 30, /* between two attempts at one that is away */
	FULL_S = 60,
	GRACE_S = 10, /* a connection that nobody needs stays for so long */
	NEVER = -1000000,
};

struct link {
	bool up;
	int32_t since, idle_since; /* s */
	int32_t died;              /* the other end is gone since then; NEVER: it is there */
};

/* What agent a knows of agent b. */
struct view {
	bool address, wanted;
	int32_t failed, full; /* when */
	struct link link;
};

struct node {
	uint64_t secret[2];
	bool alive, writes, liar;
	int side;   /* of the cut */
	bool dirty; /* something that it knows has changed */
};

struct crowd {
	int n, now, half; /* half: the cut is there */
	struct node nodes[MOST];
	struct view v[MOST][MOST];
	uint64_t random;
	int opened, closed; /* connections, in all */
};

static struct crowd *c;

static uint64_t draw(void)
{
	uint64_t x = c->random += 0x9e3779b97f4a7c15U;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

static int below(int n)
{
	return (int)(draw() % (uint64_t)n);
}

static uint64_t short_id(int i)
{
	return (uint64_t)i * 0x9e3779b97f4a7c15U + 1;
}

static bool reachable(int a, int b)
{
	return c->nodes[b].alive && (!c->half || c->nodes[a].side == c->nodes[b].side);
}

static int degree(int a)
{
	int n = 0;

	for (int b = 0; b < c->n; b++)
		n += c->v[a][b].link.up;
	return n;
}

/* Whether b can do without this connection. */
static bool has_spare(int b)
{
	int writers = 0;

	for (int m = 0; m < c->n; m++)
		writers += c->v[b][m].link.up && c->nodes[m].writes;
	return writers > (c->nodes[b].writes ? GRAPH_CHOSEN : GRAPH_WRITERS);
}

static void meet(int a, int b)
{
	struct link fresh = { .up = true, .since = c->now, .idle_since = NEVER, .died = NEVER };

	c->nodes[a].dirty = c->nodes[b].dirty = true;
	c->v[a][b].link = c->v[b][a].link = fresh;
	c->opened++;
	/* Each tells the other all addresses that it has. */
	c->v[a][b].address = c->v[b][a].address = true;
	for (int m = 0; m < c->n; m++) {
		bool known = c->v[a][m].address || c->v[b][m].address;

		c->v[a][m].address = c->v[b][m].address = known;
	}
	/* An address that is news is passed on. */
	for (int m = 0; m < c->n; m++)
		for (int e = 0; e < 2; e++) {
			int at = e ? a : b, about = e ? b : a;

			if (c->v[at][m].link.up && !c->v[m][about].address)
				c->v[m][about].address = c->nodes[m].dirty = true;
		}
}

static void part(int a, int b)
{
	c->v[a][b].link.up = c->v[b][a].link.up = false;
	c->nodes[a].dirty = c->nodes[b].dirty = true;
	c->closed++;
}

static void shed(int a)
{
	struct graph_link l[MOST];
	int of[MOST];
	size_t n = 0, gone;

	for (int b = 0; b < c->n; b++) {
		const struct view *v = &c->v[a][b];

		if (!v->link.up)
			continue;
		of[n] = b;
		l[n++] = (struct graph_link){ .rank = graph_rank(c->nodes[a].secret, short_id(b), 0),
			                      .wanted = v->wanted,
			                      .spare = has_spare(b),
			                      .age_ms = (int64_t)(c->now - v->link.since) * 1000 };
	}
	gone = graph_shed(l, n);
	if (gone == n)
		return;
	part(a, of[gone]);
	c->v[of[gone]][a].full = c->now;
}

static enum graph_state state_of(const struct view *v)
{
	if (v->link.up)
		return GRAPH_UP;
	if (!v->address)
		return GRAPH_NOWHERE;
	if (c->now - v->full < FULL_S)
		return GRAPH_FULL;
	return v->failed > NEVER ? GRAPH_AWAY : GRAPH_HOPED;
}

static void choose(int a)
{
	struct graph_member m[MOST];
	size_t n = 0;

	for (int b = 0; b < c->n; b++)
		if (b != a)
			m[n++] = (struct graph_member){ .rank = graph_rank(c->nodes[a].secret, short_id(b), 0),
				                        .state = state_of(&c->v[a][b]),
				                        .writes = c->nodes[b].writes,
				                        .member = &c->v[a][b] };
	graph_choose(m, n, c->nodes[a].writes);
	for (size_t i = 0; i < n; i++)
		((struct view *)m[i].member)->wanted = m[i].wanted || c->nodes[a].liar;
}

static void dial(int a, int b)
{
	struct view *v = &c->v[a][b];
	enum graph_state s = state_of(v);

	if (!v->wanted || s == GRAPH_UP || s == GRAPH_NOWHERE || s == GRAPH_FULL)
		return;
	if (s == GRAPH_AWAY && c->now - v->failed < RETRY_S)
		return;
	if (reachable(a, b) && !c->v[b][a].link.up) {
		v->failed = NEVER;
		meet(a, b);
	} else {
		v->failed = c->now;
		c->nodes[a].dirty = true;
	}
}

static void watch_link(int a, int b)
{
	struct view *v = &c->v[a][b];
	bool needed = v->wanted || c->v[b][a].wanted;

	if (!v->link.up)
		return;
	if (!reachable(a, b)) {
		if (v->link.died == NEVER)
			v->link.died = c->now;
		if (c->now - v->link.died >= DEAD_S) {
			v->link.up = false;
			v->failed = c->now;
			c->nodes[a].dirty = true;
		}
		return;
	}
	if (!c->v[b][a].link.up) { /* the other end was restarted or gave it up */
		v->link.up = false;
		c->nodes[a].dirty = true;
	} else if (needed || c->nodes[b].liar)
		v->link.idle_since = NEVER;
	else if (v->link.idle_since == NEVER)
		v->link.idle_since = c->now;
	else if (c->now - v->link.idle_since >= GRACE_S)
		part(a, b);
}

static void second(void)
{
	for (int a = 0; a < c->n; a++) {
		if (!c->nodes[a].alive)
			continue;
		/* Who was full may be tried again, which no event tells. */
		if (c->nodes[a].dirty || c->now % 10 == a % 10)
			choose(a);
		c->nodes[a].dirty = false;
		for (int b = 0; b < c->n; b++)
			if (b != a)
				dial(a, b);
		for (int b = 0; b < c->n; b++)
			if (b != a)
				watch_link(a, b);
		shed(a);
	}
	c->now++;
}

static void seconds(int n)
{
	for (int i = 0; i < n; i++)
		second();
}

static void forget(int a)
{
	for (int b = 0; b < c->n; b++)
		c->v[a][b] = (struct view){ .failed = NEVER, .full = NEVER };
}

/* It knows one member, and nothing else. */
static void enter(int a, int by)
{
	c->nodes[a].alive = true;
	c->nodes[a].secret[0] = draw();
	c->nodes[a].secret[1] = draw();
	c->nodes[a].dirty = true;
	forget(a);
	if (by >= 0) {
		c->v[a][by].address = true;
		meet(a, by);
	}
}

static void leave(int a)
{
	c->nodes[a].alive = false;
	for (int b = 0; b < c->n; b++)
		c->v[a][b].link.up = false;
}

static void begin(int n, uint64_t seed)
{
	free(c);
	c = MEM_NEW(struct crowd);
	c->n = n;
	c->random = seed;
	for (int i = 0; i < n; i++)
		c->nodes[i].writes = true;
	for (int i = 0; i < n; i++)
		enter(i, i > 0 ? 0 : -1);
}

static int end(void **state)
{
	(void)state;
	free(c);
	c = NULL;
	return 0;
}

/* How many of those that count are reached from the first of them, by those that count; all: how many there are. */
static int reached(bool (*counts)(int a), int *all)
{
	int queue[MOST], head = 0, tail = 0;
	bool seen[MOST] = { false };

	*all = 0;
	for (int a = 0; a < c->n; a++) {
		if (!counts(a))
			continue;
		if (++*all == 1) {
			queue[tail++] = a;
			seen[a] = true;
		}
	}
	while (head < tail) {
		int a = queue[head++];

		for (int b = 0; b < c->n; b++)
			if (!seen[b] && counts(b) && c->v[a][b].link.up && c->v[b][a].link.up) {
				seen[b] = true;
				queue[tail++] = b;
			}
	}
	return tail;
}

static bool is_alive(int a)
{
	return c->nodes[a].alive;
}

static bool is_honest(int a)
{
	return c->nodes[a].alive && !c->nodes[a].liar;
}

static bool is_writer(int a)
{
	return c->nodes[a].alive && c->nodes[a].writes;
}

static void assert_connected(bool (*counts)(int a))
{
	int all, found = reached(counts, &all);

	assert_int_equal(found, all);
}

static int most_degree(void)
{
	int most = 0;

	for (int a = 0; a < c->n; a++)
		if (c->nodes[a].alive && degree(a) > most)
			most = degree(a);
	return most;
}

static int least_degree(void)
{
	int least = MOST;

	for (int a = 0; a < c->n; a++)
		if (c->nodes[a].alive && degree(a) < least)
			least = degree(a);
	return least;
}

static void a_small_group_is_a_mesh(void **state)
{
	(void)state;
	for (int n = 2; n <= GRAPH_MESH; n++) {
		begin(n, (uint64_t)n);
		seconds(20);
		for (int a = 0; a < n; a++)
			assert_int_equal(degree(a), n - 1);
	}
}

static void all_that_join_by_one_member_find_places_and_then_rest(void **state)
{
	static const int sizes[] = { 25, 26, 32, 48, 64, 100, 200, 500 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int before;

		begin(sizes[i], i + 1);
		seconds(25);
		assert_connected(is_alive);
		assert_true(least_degree() >= GRAPH_CHOSEN);
		assert_true(most_degree() <= 4 * GRAPH_CHOSEN);
		before = c->opened + c->closed;
		seconds(6);
		assert_int_equal(c->opened + c->closed, before);
		print_message("%d members: %d to %d connections each, %.1f on average\n", sizes[i], least_degree(),
		              most_degree(), 2.0 * (c->opened - c->closed) / sizes[i]);
	}
}

static void half_is_lost_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= EFFORT(8, 2); seed++) {
		begin(100, seed);
		seconds(30);
		for (int a = 0; a < c->n; a++)
			if (a % 2 == 0)
				leave(a);
		assert_connected(is_alive); /* before anybody has noticed */
		seconds(DEAD_S + 5);
		assert_connected(is_alive);
		assert_true(least_degree() >= GRAPH_CHOSEN);
	}
}

static void members_come_and_go(void **state)
{
	(void)state;
	for (int n = 10; n <= 80; n *= 2) {
		begin(n, (uint64_t)n);
		seconds(40);
		for (int s = 0; s < 400; s++) {
			int a = below(n), by = below(n);

			/* Who was left without anybody knows addresses of the others, and they his: no assertion for
			 * the time in which half of them is away. */
			if (s % 3 == 0 && c->nodes[a].alive)
				leave(a);
			else if (!c->nodes[a].alive && c->nodes[by].alive)
				enter(a, by);
			second();
		}
		for (int a = 0; a < n; a++)
			for (int by = 0; !c->nodes[a].alive && by < n; by++)
				if (c->nodes[by].alive)
					enter(a, by);
		seconds(80);
		assert_connected(is_alive);
		assert_true(most_degree() < 5 * GRAPH_CHOSEN);
	}
}

static void two_halves_find_each_other_again(void **state)
{
	(void)state;
	begin(100, 7);
	for (int a = 0; a < c->n; a++)
		c->nodes[a].side = a % 2;
	seconds(60);
	c->half = true;
	seconds(120);
	for (int side = 0; side < 2; side++)
		assert_true(least_degree() >= GRAPH_CHOSEN);
	c->half = false;
	seconds(2 * RETRY_S);
	assert_connected(is_alive);
}

/* A third of the members opens connections to everybody, never gives one up, and vanishes at once. */
static void liars_cannot_cut_the_rest_apart(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= EFFORT(5, 1); seed++) {
		begin(150, seed);
		for (int a = 1; a < c->n; a++)
			c->nodes[a].liar = a % 3 == 0;
		seconds(60);
		assert_connected(is_honest);
		for (int a = 0; a < c->n; a++)
			if (c->nodes[a].liar)
				leave(a);
		assert_connected(is_honest);
	}
}

/* 230 of them are more than there are places: honest members have some of those that they chose all the same. */
static void liars_cannot_take_all_places(void **state)
{
	(void)state;
	begin(470, 3);
	for (int a = 1; a <= GRAPH_HARD + 6; a++)
		c->nodes[a].liar = true;
	seconds(30);
	assert_connected(is_honest);
	assert_true(most_degree() > GRAPH_HARD);
}

static void readers_hang_on_writers(void **state)
{
	static const int writers[] = { 1, 3, 30 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(100, i + 1);
		for (int a = writers[i]; a < c->n; a++)
			c->nodes[a].writes = false;
		seconds(90);
		assert_connected(is_writer);
		for (int a = 0; a < c->n; a++) {
			int to_writers = 0;

			for (int b = 0; b < writers[i]; b++)
				to_writers += c->v[a][b].link.up;
			if (!c->nodes[a].writes)
				assert_true(to_writers >= (writers[i] < GRAPH_WRITERS ? 1 : GRAPH_WRITERS));
		}
	}
}

/* The draw of a day reaches everybody in the end. */
static void in_the_long_run_everybody_meets_everybody(void **state)
{
	uint64_t secret[2] = { 11, 12 };
	bool met[100] = { false };
	int left = 100;

	(void)state;
	for (int day = 0; day < 120 && left > 0; day++) {
		struct graph_member m[100];

		for (size_t i = 0; i < 100; i++)
			m[i] = (struct graph_member){ .rank = graph_rank(secret, short_id((int)i), day * 86400L),
				                      .state = GRAPH_UP,
				                      .writes = true,
				                      .member = &met[i] };
		assert_true(graph_choose(m, 100, true));
		for (size_t i = 0; i < 100; i++) {
			bool *seen = m[i].member;

			left -= m[i].wanted && !*seen;
			*seen |= m[i].wanted;
		}
	}
	assert_int_equal(left, 0);
}

static void nothing_is_given_up_below_the_limit(void **state)
{
	struct graph_link l[300];

	(void)state;
	for (size_t i = 0; i < 300; i++)
		l[i] = (struct graph_link){ .rank = i, .spare = i % 2 == 1, .age_ms = GRAPH_NEW_MS };
	assert_int_equal(graph_shed(l, GRAPH_SOFT), GRAPH_SOFT);
	assert_int_equal(graph_shed(l, GRAPH_SOFT + 1), GRAPH_SOFT - 1); /* the last that has others */
	assert_int_equal(graph_shed(l, GRAPH_HARD + 1), GRAPH_HARD);
	l[GRAPH_SOFT - 1].wanted = true;
	l[GRAPH_SOFT - 3].age_ms--;
	assert_int_equal(graph_shed(l, GRAPH_SOFT + 1), GRAPH_SOFT - 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_small_group_is_a_mesh, end),
		cmocka_unit_test_teardown(all_that_join_by_one_member_find_places_and_then_rest, end),
		cmocka_unit_test_teardown(half_is_lost_at_once, end),
		cmocka_unit_test_teardown(members_come_and_go, end),
		cmocka_unit_test_teardown(two_halves_find_each_other_again, end),
		cmocka_unit_test_teardown(liars_cannot_cut_the_rest_apart, end),
		cmocka_unit_test_teardown(liars_cannot_take_all_places, end),
		cmocka_unit_test_teardown(readers_hang_on_writers, end),
		cmocka_unit_test(in_the_long_run_everybody_meets_everybody),
		cmocka_unit_test(nothing_is_given_up_below_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
