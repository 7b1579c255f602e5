/* Blocks that the giver chooses: each goes to one receiver first, what a receiver announces goes to none, and the
 * requests of a map that is gone are answered too. */
#include "tests/unit/peer_nodes.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { BLOCKS = 8, BLOCK_LEN = 3 };

/* A file of A's, of small blocks that all differ. */
static struct content put_blocks(void)
{
	struct record r = { .path = mem_strdup("file"), .kind = RECORD_FILE, .mode = 0644, .mtime_ns = 1 };
	struct block blocks[BLOCKS];
	struct blocklist list = { .n = BLOCKS, .b = blocks };
	struct content content;
	char text[BLOCKS * BLOCK_LEN];
	struct fs_stat st;
	int fd = fs_open(share_root(a.share), r.path, O_WRONLY | O_CREAT, 0644);

	for (int i = 0; i < BLOCKS; i++) {
		memset(text + i * BLOCK_LEN, 'a' + i, BLOCK_LEN);
		blocks[i].len = BLOCK_LEN;
		sha256(blocks[i].hash, text + i * BLOCK_LEN, BLOCK_LEN);
	}
	assert_int_equal(fs_pwrite_all(fd, text, sizeof(text), 0), 0);
	fs_stat_fd(fd, &st);
	close(fd);
	r.content = content = blocklist_content(&list);
	r.seen = (struct seen){ .size = st.size,
		                .mtime_ns = st.mtime_ns,
		                .ctime_ns = st.ctime_ns,
		                .ino = st.ino,
		                .mode = st.mode };
	assert_int_equal(index_put_change(a.index, &r, &list, agent_id_short(identity_id(a.self))), 0);
	record_clear(&r);
	return content;
}

static uint64_t giver(void)
{
	return agent_id_short(identity_id(a.self));
}

/* A has the file; B and C get it. */
static struct content three(void)
{
	struct roster *r = founded();
	struct content content;

	node_member(&a, r);
	node_member(&b, admitted(r, &b));
	node_member(&c, admitted(r, &c));
	content = put_blocks();
	dial(&b, &a);
	dial(&c, &a);
	UNTIL(b.records == 1 && c.records == 1);
	return content;
}

static void tell(struct node *n, const struct content *content, const uint8_t *bits, bool gone)
{
	struct swarm_map map = { .number = 5, .content = *content, .tell = true, .bits = bits, .gone = gone };

	peer_group_map(n->group, giver(), &map);
}

/* Asks for any block, and returns the number of the one that came, which is checked; -1: all are out. */
static int any(struct node *n, const struct content *content)
{
	static uint32_t request = 1000;
	int outs = n->outs;

	n->answered = false;
	request++;
	assert_int_equal(peer_group_any(n->group, giver(), content, &request, 1), 0);
	UNTIL(n->answered || n->outs > outs);
	if (!n->answered)
		return -1;
	assert_int_equal(n->block_n, BLOCK_LEN);
	for (int i = 0; i < BLOCK_LEN; i++)
		assert_int_equal(n->block[i], 'a' + (int)n->chosen);
	return (int)n->chosen;
}

static void each_block_goes_out_once(void **state)
{
	struct content content = three();

	(void)state;
	tell(&b, &content, NULL, false);
	tell(&c, &content, NULL, false);
	UNTIL(b.maps == 1 && c.maps == 1);
	assert_true(b.map.all && content_equal(&b.map.content, &content));
	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(any(i % 2 ? &b : &c, &content), i);
	assert_int_equal(any(&b, &content), -1);
	assert_int_equal(any(&c, &content), -1);
	assert_int_equal(peer_group_room(b.group, giver()), INT32_C(24) << 20);
}

/* Found by a source that was killed: its last block had come after the word that all are out, and was thrown away. */
static void all_are_out_only_after_the_last_block(void **state)
{
	struct content content = three();
	uint32_t requests[BLOCKS + 2];

	(void)state;
	for (uint32_t i = 0; i < BLOCKS + 2; i++)
		requests[i] = 1 + i;
	tell(&b, &content, NULL, false);
	UNTIL(b.maps == 1);
	assert_int_equal(peer_group_any(b.group, giver(), &content, requests, BLOCKS + 2), 0);
	UNTIL(b.outs == 2);
	assert_int_equal(b.before, BLOCKS);
}

static void what_is_announced_is_not_given(void **state)
{
	struct content content = three();
	uint8_t bits[1] = { 0x03 };
	struct swarm_run run = { 3, 2 };

	(void)state;
	tell(&b, &content, bits, false);
	tell(&c, &content, NULL, false);
	peer_group_have(b.group, giver(), 5, &run, 1);
	UNTIL(b.maps == 1 && c.maps == 1);
	assert_int_equal(any(&b, &content), 2);
	assert_int_equal(any(&c, &content), 5);
	/* A second map of the same content: what went out stays out. */
	tell(&c, &content, NULL, false);
	UNTIL(c.maps == 2);
	assert_int_equal(any(&c, &content), 6);
	assert_int_equal(any(&b, &content), 7);
	assert_int_equal(any(&b, &content), -1);
}

static void without_a_map_nothing_is_chosen(void **state)
{
	struct content content = three(), other = content;

	(void)state;
	assert_int_equal(any(&b, &content), -1);
	tell(&b, &content, NULL, false);
	other.root[0] ^= 1; /* that nobody has */
	tell(&c, &other, NULL, false);
	UNTIL(b.maps == 1);
	assert_int_equal(any(&c, &other), -1);
	assert_int_equal(c.maps, 0);
	assert_int_equal(any(&b, &content), 0);
	tell(&b, &content, NULL, true);
	assert_int_equal(any(&b, &content), -1);
}

/* A member that gets the content itself answers maps of it through its owner. */
static void one_that_still_gets_it_does_not_say_that_it_has_all(void **state)
{
	struct content content = three();

	(void)state;
	a.getting = true;
	tell(&b, &content, NULL, false);
	assert_int_equal(any(&b, &content), -1);
	assert_int_equal(a.maps, 1);
	assert_int_equal(b.maps, 0);
}

static void a_run_beyond_the_content_is_a_fault(void **state)
{
	struct content content = three();
	struct swarm_run run = { BLOCKS - 1, 2 };

	(void)state;
	tell(&b, &content, NULL, false);
	for (int i = 0; i < 3; i++)
		peer_group_have(b.group, giver(), 5, &run, 1);
	UNTIL(b.up == 0); /* the third time ends the connection */
	assert_int_equal(a.told, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, nodes_setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		T(each_block_goes_out_once),
		T(all_are_out_only_after_the_last_block),
		T(what_is_announced_is_not_given),
		T(without_a_map_nothing_is_chosen),
		T(one_that_still_gets_it_does_not_say_that_it_has_all),
		T(a_run_beyond_the_content_is_a_fault),
	};

	return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
