/* Getting contents without tickets, index or a group: peers and an owner that are made of memory. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/get/get_internal.h"
#include "sync/plan/leaf.h"
#include "tests/unit/noise.h"
#include "tests/unit/run_until.h"

enum { PEERS = 3, BLOCK = 64 << 10, BLOCKS = 48, ANSWERS_MAX = 4096 };

static const size_t SIZE = (size_t)BLOCK * BLOCKS;

struct peer_answer {
	uint64_t peer;
	uint32_t request;
	bool is_list, is_any;
	uint32_t first;
	int64_t offset;
	uint32_t len;
	struct block_want want;
};

static struct {
	char dir[64];
	struct loop *loop;
	struct workers *workers;
	struct loop_timer *tick;
	struct share *share;
	struct get *get;
	bool woken;

	uint8_t *bytes; /* of the content, which all peers have */
	struct content content;
	struct blocklist list;
	bool list_known;
	uint64_t offers[PEERS]; /* peers that the owner names as sources; 0: none */
	uint64_t liar;
	bool leaf_liar;
	bool choosers;                        /* peers are asked for any block, and always choose the first one */
	unsigned any;                         /* requests of any block */
	unsigned asked_what[WANT_LEAVES + 1]; /* requests by what they ask for */
	size_t asked_bytes;                   /* of their answers */

	struct peer_answer answers[ANSWERS_MAX];
	size_t nanswers;
	unsigned blocks_of[PEERS + 1], lists_of[PEERS + 1]; /* requested from each peer, by ID */
	uint32_t lowest_of[PEERS + 1], highest_of[PEERS + 1];
	uint64_t undigested; /* no digests are wanted of what this one sends */
	unsigned digested, before_record;
	int64_t run_at; /* where what is asked for begins in `bytes` */

	struct liars liars;
	struct download *download;
	struct download *other; /* of the same content */
	bool complete, ready;
	struct get_stop stop;
	uint8_t *got;
} w;

/* --- peers --- */

static size_t op_window(void *arg, uint64_t peer)
{
	size_t out = 0;

	(void)arg;
	for (size_t i = 0; i < w.nanswers; i++)
		out += w.answers[i].peer == peer ? w.answers[i].len : 0;
	return out < 4 * BLOCK ? 4 * BLOCK - out : 0;
}

static int op_blocks(void *arg, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n)
{
	(void)arg;
	assert_true(content_equal(c, &w.content));
	for (size_t i = 0; i < n; i++) {
		uint32_t block = (uint32_t)(wants[i].offset / BLOCK);

		w.answers[w.nanswers++] = (struct peer_answer){ .peer = peer,
			                                        .request = wants[i].request,
			                                        .offset = wants[i].offset,
			                                        .len = leaf_answer_len(&wants[i]),
			                                        .want = wants[i] };
		w.asked_what[wants[i].what]++;
		w.asked_bytes += leaf_answer_len(&wants[i]);
		if (w.blocks_of[peer]++ == 0 || block < w.lowest_of[peer])
			w.lowest_of[peer] = block;
		if (block > w.highest_of[peer])
			w.highest_of[peer] = block;
	}
	return 0;
}

static int op_any(void *arg, uint64_t peer, const struct content *c, const uint32_t *requests, size_t n)
{
	(void)arg;
	assert_true(content_equal(c, &w.content) && w.choosers);
	w.any += (unsigned)n;
	for (size_t i = 0; i < n; i++)
		w.answers[w.nanswers++] = (struct peer_answer){ .peer = peer,
			                                        .request = requests[i],
			                                        .is_any = true,
			                                        .len = BLOCK,
			                                        .want = { .len = BLOCK } };
	return 0;
}

static int op_list(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	(void)arg;
	(void)c;
	w.lists_of[peer]++;
	w.answers[w.nanswers++] =
		(struct peer_answer){ .peer = peer, .request = request, .is_list = true, .first = first };
	return 0;
}

static void op_cancel(void *arg, uint64_t peer, const uint32_t *requests, size_t n)
{
	(void)arg;
	(void)peer;
	(void)requests;
	(void)n;
}

static void op_misbehaved(void *arg, uint64_t peer, const char *path, const char *what)
{
	(void)arg;
	(void)what;
	assert_string_equal(path, "file");
	assert_int_equal(peer, w.liar);
}

static uint64_t op_arrived(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return 0;
}

/* The first byte of each leaf, and the key. */
static size_t test_digests(const uint8_t key[LEAF_KEY], int64_t offset, const uint8_t *block, uint32_t len,
                           uint8_t *out)
{
	uint32_t n = leaf_count_at(offset, len);

	for (uint32_t i = 0; i < n; i++) {
		memcpy(out + (size_t)i * LEAF_DIGEST, key, LEAF_DIGEST);
		out[(size_t)i * LEAF_DIGEST] = block[leaf_begin_at(offset, len, i)];
	}
	return (size_t)n * LEAF_DIGEST;
}

static bool op_digester(void *arg, uint64_t peer, struct leaf_digester *out)
{
	(void)arg;
	memset(out->key, 7, sizeof(out->key));
	out->make = test_digests;
	return peer != w.undigested;
}

static void op_digested(void *arg, const struct leaf_digested *d)
{
	uint8_t digests[LEAF_MAX * LEAF_DIGEST], key[LEAF_KEY];
	uint32_t block = (uint32_t)(d->block.offset / BLOCK);

	(void)arg;
	memset(key, 7, sizeof(key));
	assert_string_equal(d->path, "file");
	assert_true(d->content == NULL || content_equal(d->content, &w.content));
	assert_in_range(block, 0, w.list.n - 1);
	assert_int_equal(d->block.len, w.list.b[block].len);
	assert_memory_equal(d->block.hash, w.list.b[block].hash, sizeof(d->block.hash));
	assert_int_equal(d->n, test_digests(key, d->block.offset, w.bytes + d->block.offset, d->block.len, digests));
	assert_memory_equal(d->digests, digests, d->n);
	w.digested++;
	w.before_record += d->content == NULL;
}

static void give_answers(void)
{
	struct peer_answer now[ANSWERS_MAX];
	size_t n = w.nanswers;

	memcpy(now, w.answers, n * sizeof(now[0]));
	w.nanswers = 0;
	for (size_t i = 0; i < n; i++) {
		const struct peer_answer *a = &now[i];
		struct slab s;

		if (a->is_list) {
			uint8_t *encoded = mem_calloc(w.list.n, 36);

			blocklist_encode(encoded, &w.list);
			get_take_list(w.get, a->peer, a->request, a->first, encoded, (size_t)w.list.n * 36);
			free(encoded);
			continue;
		}
		s = slab_dup(w.bytes + w.run_at + a->offset, a->want.len + LEAF_SLACK);
		s.n = leaf_answer(&a->want, s.p);
		if (a->peer == w.liar || (w.leaf_liar && a->want.what == WANT_LEAVES))
			s.p[0] ^= 1;
		get_take_block(w.get, a->peer, a->request, a->is_any ? 0 : SWARM_AS_ASKED, &s);
	}
}

/* --- the owner --- */

static void on_wake(void *arg)
{
	(void)arg;
	w.woken = true;
}

static void on_sources(void *arg, void *owner, const char *waiter, void (*add)(void *to, uint64_t peer), void *to)
{
	(void)arg;
	(void)waiter;
	assert_ptr_equal(owner, &w);
	for (size_t i = 0; i < PEERS; i++) {
		if (w.offers[i] != 0)
			add(to, w.offers[i]);
	}
}

static bool on_find_block(void *arg, const struct block *b, char **path, int64_t *offset)
{
	(void)arg;
	(void)b;
	(void)path;
	(void)offset;
	return false;
}

static char *on_find_copy(void *arg, void *owner)
{
	(void)arg;
	(void)owner;
	return NULL;
}

static void on_find_list(void *arg, void *owner, struct blocklist *list)
{
	(void)arg;
	(void)owner;
	if (!w.list_known)
		return;
	list->n = w.list.n;
	list->b = mem_dup(w.list.b, w.list.n * sizeof(w.list.b[0]));
}

static void on_bytes(void *arg, void *owner, uint8_t *bytes, uint64_t peer)
{
	(void)arg;
	(void)owner;
	assert_int_not_equal(peer, 0);
	w.got = bytes;
}

static void on_complete(void *arg, void *owner)
{
	(void)arg;
	(void)owner;
	w.complete = true;
	download_finish(w.download, 0640, 1234567890);
}

static void on_ready(void *arg, void *owner)
{
	(void)arg;
	(void)owner;
	w.ready = true;
}

static void on_stopped(void *arg, void *owner, struct get_stop stop)
{
	(void)arg;
	(void)owner;
	w.stop = stop;
	download_park(w.download);
}

static void on_again(void *arg, enum get_why why)
{
	(void)arg;
	(void)why;
}

/* --- the world --- */

static void nothing(void *arg)
{
	(void)arg;
}

static void content_of(size_t size, size_t block)
{
	free(w.bytes);
	blocklist_clear(&w.list);
	w.bytes = noise(size + LEAF_SLACK, 5);
	w.list.n = (uint32_t)((size + block - 1) / block);
	w.list.b = mem_calloc(w.list.n, sizeof(w.list.b[0]));
	for (uint32_t i = 0; i < w.list.n; i++) {
		size_t at = (size_t)i * block;

		w.list.b[i].len = (uint32_t)(size - at < block ? size - at : block);
		sha256(w.list.b[i].hash, w.bytes + at, w.list.b[i].len);
	}
	w.content = blocklist_content(&w.list);
}

static int setup_world(bool choosers)
{
	static const struct get_hooks hooks = {
		.wake = on_wake,
		.sources = on_sources,
		.find_block = on_find_block,
		.find_copy = on_find_copy,
		.find_list = on_find_list,
		.bytes = on_bytes,
		.complete = on_complete,
		.ready = on_ready,
		.stopped = on_stopped,
		.again = on_again,
	};
	uint8_t marker[32] = { 1, 2, 3 };
	char *why = NULL;

	memset(&w, 0, sizeof(w));
	snprintf(w.dir, sizeof(w.dir), "/tmp/test-get-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	w.loop = loop_new();
	w.workers = workers_new(w.loop, 2);
	w.tick = loop_timer_new(w.loop, nothing, NULL);
	loop_timer_start(w.tick, 1, 1);
	w.share = share_open(w.dir, true, false, marker, &why);
	assert_non_null(w.share);
	w.get = get_new(&(struct get_config){ .loop = w.loop,
	                                      .workers = w.workers,
	                                      .share = w.share,
	                                      .memory = 64 << 20,
	                                      .spare_ms = 60000,
	                                      .ops = { .window = op_window,
	                                               .blocks = op_blocks,
	                                               .any = choosers ? op_any : NULL,
	                                               .list = op_list,
	                                               .cancel = op_cancel,
	                                               .misbehaved = op_misbehaved,
	                                               .arrived = op_arrived,
	                                               .digester = op_digester,
	                                               .digested = op_digested },
	                                      .hooks = &hooks });
	w.choosers = choosers;
	w.list_known = true;
	content_of(SIZE, BLOCK);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_world(false);
}

static int choosers_setup(void **state)
{
	(void)state;
	return setup_world(true);
}

static int teardown(void **state)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	if (w.download != NULL)
		download_drop(w.download, true);
	if (w.other != NULL)
		download_drop(w.other, true);
	get_free(w.get);
	while (workers_pending(w.workers) > 0)
		loop_turn(w.loop, true);
	share_free(w.share);
	loop_timer_free(w.tick);
	workers_free(w.workers);
	loop_free(w.loop);
	free(w.bytes);
	free(w.got);
	blocklist_clear(&w.list);
	(void)fs_remove_tree(fd, w.dir + 5);
	close(fd);
	return 0;
}

static void turn(void)
{
	loop_turn(w.loop, true);
	give_answers();
	get_tick(w.get);
	if (w.woken) {
		w.woken = false;
		get_pump(w.get);
	}
}

static struct get_stop begin(void)
{
	const struct download_owner owner = { .owner = &w, .path = "file", .liars = &w.liars, .slot = &w.download };
	struct queue_entry queued, *e;

	queue_add(get_queue(w.get), &queued, w.content.size, w.content.nblocks, 0, false);
	e = queue_take(get_queue(w.get));
	assert_ptr_equal(e, &queued);
	if (w.download == NULL)
		download_new(w.get, &owner, &w.content);
	w.woken = true;
	return download_start(w.download, e, false);
}

static void offer(uint64_t peer)
{
	w.offers[peer - 1] = peer;
	get_peer_up(w.get, peer);
}

static void assert_part(void)
{
	uint8_t *read = mem_calloc(SIZE, 1);
	int fd = openat(share_parts(w.share), download_part(w.download), O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(st.st_ino, download_part_ino(w.download));
	assert_int_equal(fs_pread_full(fd, read, SIZE, 0), (ssize_t)SIZE);
	assert_memory_equal(read, w.bytes, SIZE);
	close(fd);
	free(read);
}

/* --- tests --- */

static void a_content_comes_from_several_sources(void **state)
{
	(void)state;
	offer(1);
	offer(2);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_true(w.complete);
	assert_true(w.blocks_of[1] > 0 && w.blocks_of[2] > 0);
	assert_int_equal(w.blocks_of[1] + w.blocks_of[2], BLOCKS);
	assert_int_equal(get_counters(w.get).blocks_received, BLOCKS);
	assert_true(download_is_finished(w.download, 0640, 1234567890));
	assert_part();
}

/* --- leaves --- */

/* An older version stands at the path: the content, with a page written over at each multiple of `step`. */
static void put_older(size_t size, size_t step)
{
	uint8_t *p = mem_dup(w.bytes, SIZE);
	int fd = openat(share_root(w.share), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (size_t at = 0; step > 0 && at + LEAF_SIZE <= SIZE; at += step)
		memset(p + at, (int)(at / step), LEAF_SIZE);
	assert_int_equal(fs_pwrite_all(fd, p, size, 0), 0);
	close(fd);
	free(p);
}

static void what_was_changed_in_place_comes_by_its_leaves(void **state)
{
	(void)state;
	put_older(SIZE, 20 * LEAF_SIZE);
	offer(1);
	offer(2);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_int_equal(w.asked_what[WANT_BLOCK], 0);
	assert_int_equal(w.asked_what[WANT_DIGESTS], BLOCKS);
	assert_int_equal(get_counters(w.get).blocks_patched, BLOCKS);
	assert_int_equal(w.asked_bytes, SIZE / LEAF_SIZE * LEAF_DIGEST + (SIZE / (20 * LEAF_SIZE) + 1) * LEAF_SIZE);
	assert_true(w.blocks_of[1] > 0 && w.blocks_of[2] > 0);
	assert_part();
}

/* As a log grows: what the older version has comes from there, and the rest as ever. */
static void the_end_of_a_file_that_grew_comes_whole(void **state)
{
	(void)state;
	put_older(SIZE / 2 + 5000, 0);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_int_equal(w.asked_what[WANT_DIGESTS], BLOCKS / 2 + 1);
	assert_in_range(w.asked_what[WANT_BLOCK], BLOCKS / 2 - 1, BLOCKS / 2);
	assert_part();
}

/* A few blocks are tried, and the others are not delayed by more. */
static void an_older_version_with_nothing_in_common_costs_a_few_digests(void **state)
{
	(void)state;
	put_older(SIZE, LEAF_SIZE);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_int_equal(w.asked_what[WANT_BLOCK], BLOCKS);
	assert_int_equal(w.asked_what[WANT_LEAVES], 0);
	assert_in_range(w.asked_what[WANT_DIGESTS], 1, 8);
	assert_part();
}

static void without_an_older_version_nothing_is_tried(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(share_root(w.share), "file", 0700), 0);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_int_equal(w.asked_what[WANT_DIGESTS], 0);
	assert_part();
}

/* Leaves that are not those of the block cost that block once more, and after a few no more are asked for. The older
 * version may have changed meanwhile, so nobody is blamed. */
static void wrong_leaves_cost_a_few_blocks_once(void **state)
{
	(void)state;
	put_older(SIZE, 20 * LEAF_SIZE);
	w.leaf_liar = true;
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_true(w.asked_what[WANT_BLOCK] >= 3);
	assert_true(w.asked_what[WANT_BLOCK] <= BLOCKS);
	assert_part();
}

static void leaves_come_from_another_peer_when_one_goes(void **state)
{
	(void)state;
	put_older(SIZE, 20 * LEAF_SIZE);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.asked_what[WANT_LEAVES] > 0);
	w.offers[0] = 0;
	w.nanswers = 0;
	get_peer_down(w.get, 1);
	offer(2);
	RUN_UNTIL(w.ready);
	assert_true(w.blocks_of[2] > 0);
	assert_part();
}

/* A peer that lies about digests makes us ask for nothing, or for too much: the block's hash finds it. */
static void wrong_digests_do_no_harm(void **state)
{
	(void)state;
	put_older(SIZE, 20 * LEAF_SIZE);
	w.liar = 1;
	offer(1);
	offer(2);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_part();
}

static void a_list_that_is_not_known_is_requested(void **state)
{
	(void)state;
	w.list_known = false;
	offer(3);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_int_equal(w.lists_of[3], 1);
	assert_part();
}

static void a_small_content_stays_in_memory(void **state)
{
	(void)state;
	content_of(1000, BLOCK);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.got != NULL);
	assert_memory_equal(w.got, w.bytes, 1000);
	assert_null(w.download);
}

static void without_a_source_nothing_begins(void **state)
{
	(void)state;
	assert_int_equal(begin().why, GET_NO_SOURCE);
	download_park(w.download);
	/* It has nothing, so nothing is kept of it. */
	assert_null(w.download);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
}

static void a_source_that_lies_is_remembered(void **state)
{
	(void)state;
	w.liar = 2;
	offer(2);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.stop.why == GET_BAD_SOURCE);
	assert_true(liars_has(&w.liars, 2));
	/* Another one gives it. */
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_part();
}

/* Two sources have a part of the blocks each, as their maps say. */
static void a_source_is_asked_only_for_blocks_that_it_has(void **state)
{
	(void)state;
	offer(1);
	offer(2);
	assert_int_equal(begin().why, GET_GOES_ON);
	for (uint64_t peer = 1; peer <= 2; peer++) {
		uint8_t have[BLOCKS / 8] = { 0 };
		struct swarm_map map = { .number = 7, .content = w.content, .bits = have };

		memset(have + (peer == 1 ? 0 : BLOCKS / 16), 0xff, BLOCKS / 16);
		assert_true(get_take_map(w.get, peer, &map));
	}
	RUN_UNTIL(w.ready);
	assert_int_equal(w.blocks_of[1], BLOCKS / 2);
	assert_int_equal(w.highest_of[1], BLOCKS / 2 - 1);
	assert_int_equal(w.blocks_of[2], BLOCKS / 2);
	assert_int_equal(w.lowest_of[2], BLOCKS / 2);
	assert_part();
}

static void what_is_here_is_not_requested_again(void **state)
{
	int64_t done, rate;
	unsigned before;

	(void)state;
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL((download_progress(w.download, &done, &rate), done >= 8 * BLOCK));
	download_drop(w.download, true);
	RUN_UNTIL(!get_is_ending(w.get));
	before = w.blocks_of[1];
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_true(get_counters(w.get).blocks_resumed >= 8);
	assert_true(w.blocks_of[1] - before <= BLOCKS - 8);
	assert_part();
}

/* Two paths have one content, and the first one's part is complete while it waits. The other takes the part over,
 * unless the first one goes on. */
static void a_part_that_is_to_be_installed_is_not_taken_over(void **state)
{
	const struct download_owner other = { .owner = &w, .path = "other", .liars = &w.liars, .slot = &w.other };
	struct queue_entry queued;

	(void)state;
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	download_park(w.download);
	download_unpark(w.download);
	queue_add(get_queue(w.get), &queued, w.content.size, w.content.nblocks, 0, false);
	assert_ptr_equal(queue_take(get_queue(w.get)), &queued);
	download_new(w.get, &other, &w.content);
	assert_int_equal(download_start(w.other, &queued, false).why, GET_SAME);
	assert_non_null(w.download);
	assert_part();
}

/* Of one that ends, the owner and its path may be gone, while a worker still has a job of it and it keeps its name. */
static void a_download_that_ends_is_for_no_path(void **state)
{
	(void)state;
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.download != NULL && w.download->jobs > 0 && w.download->name[0] != '\0');
	assert_string_equal(get_path(w.get, &w.content), "file");
	download_drop(w.download, true);
	assert_null(w.download);
	assert_true(get_is_ending(w.get));
	assert_null(get_path(w.get, &w.content));
	RUN_UNTIL(!get_is_ending(w.get));
}

/* The first blocks of the file were announced before its record, and the record is there before their part is open. */
static void what_comes_with_the_record_is_not_requested_twice(void **state)
{
	const struct coming said = { .id = 7,
		                     .path = "file",
		                     .state = COMING_RUN,
		                     .blocks = { .n = BLOCKS / 2, .b = w.list.b } };

	(void)state;
	offer(1);
	assert_true(get_take_coming(w.get, 1, &said));
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready && !get_has_coming(w.get));
	assert_int_equal(w.blocks_of[1], BLOCKS);
	assert_int_equal(get_counters(w.get).coming_dropped, 0);
	assert_part();
}

/* --- digests of what came --- */

static void what_peers_send_is_digested(void **state)
{
	(void)state;
	offer(1);
	offer(2);
	w.undigested = 2;
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_true(w.blocks_of[1] > 0 && w.blocks_of[2] > 0);
	assert_int_equal(w.digested, w.blocks_of[1]);
	assert_int_equal(w.before_record, 0);
}

static void what_is_wrong_is_not_digested(void **state)
{
	(void)state;
	w.liar = 2;
	offer(2);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.stop.why == GET_BAD_SOURCE);
	assert_int_equal(w.digested, 0);
}

static void what_comes_by_its_leaves_is_digested(void **state)
{
	(void)state;
	put_older(SIZE, 20 * LEAF_SIZE);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_int_equal(w.digested, BLOCKS);
}

/* Which begins somewhere in the file. */
static void what_comes_before_its_record_is_digested(void **state)
{
	const struct coming said = { .id = 7,
		                     .path = "file",
		                     .base = (int64_t)8 * BLOCK,
		                     .state = COMING_RUN,
		                     .blocks = { .n = BLOCKS / 2, .b = w.list.b + 8 } };

	(void)state;
	offer(1);
	w.content = blocklist_content(&said.blocks);
	assert_true(get_take_coming(w.get, 1, &said));
	w.run_at = said.base;
	RUN_UNTIL(w.digested == BLOCKS / 2);
	assert_int_equal(w.before_record, BLOCKS / 2);
}

static void one_small_block_is_not_digested(void **state)
{
	(void)state;
	content_of(BLOCK * 2, BLOCK * 2);
	offer(1);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.got != NULL || w.ready);
	assert_int_equal(w.digested, 0);
}

/* The disk is full, or the peer has gone, and a worker is still writing. Its job is the last that knows of the part. */
static void a_coming_part_that_is_dropped_while_it_is_written_is_gone(void **state)
{
	const struct coming said = { .id = 7,
		                     .path = "file",
		                     .state = COMING_RUN,
		                     .blocks = { .n = BLOCKS, .b = w.list.b } };
	const struct coming_run *run;

	(void)state;
	offer(1);
	assert_true(get_take_coming(w.get, 1, &said));
	run = w.get->comings->runs;
	RUN_UNTIL(run->download != NULL && run->download->jobs > 0);
	get_drop_coming(w.get);
	assert_true(get_has_coming(w.get));
	RUN_UNTIL(!get_has_coming(w.get));
	assert_false(get_is_ending(w.get));
}

/* A giver that may choose, and chooses the same block again and again: soon blocks are named to it. */
static void a_giver_that_repeats_itself_may_not_choose(void **state)
{
	(void)state;
	offer(1);
	get_peer_up(w.get, 2);
	assert_int_equal(begin().why, GET_GOES_ON);
	RUN_UNTIL(w.ready);
	assert_in_range(w.any, 65, 65 + 8);
	assert_int_equal(w.blocks_of[1], BLOCKS - 1);
	assert_part();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_content_comes_from_several_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_changed_in_place_comes_by_its_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_a_file_that_grew_comes_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_version_with_nothing_in_common_costs_a_few_digests, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(without_an_older_version_nothing_is_tried, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_leaves_cost_a_few_blocks_once, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_come_from_another_peer_when_one_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_digests_do_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_that_is_not_known_is_requested, setup, teardown),
		cmocka_unit_test_setup_teardown(a_small_content_stays_in_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_source_nothing_begins, setup, teardown),
		cmocka_unit_test_setup_teardown(a_source_that_lies_is_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_source_is_asked_only_for_blocks_that_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_here_is_not_requested_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_part_that_is_to_be_installed_is_not_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(a_download_that_ends_is_for_no_path, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_with_the_record_is_not_requested_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(what_peers_send_is_digested, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_not_digested, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_by_its_leaves_is_digested, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_before_its_record_is_digested, setup, teardown),
		cmocka_unit_test_setup_teardown(one_small_block_is_not_digested, setup, teardown),
		cmocka_unit_test_setup_teardown(a_coming_part_that_is_dropped_while_it_is_written_is_gone, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_giver_that_repeats_itself_may_not_choose, choosers_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
