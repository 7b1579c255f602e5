/* Two and more agents' connections in one process, over TLS on loopback, with real rosters, indexes and shares; what fetch
 * would do is done by hooks here that take every record as it comes. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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
#include "sync/peer/peers.h"

enum { PATIENCE_MS = 5000 };

static struct loop *loop;
static struct workers *workers;

struct node {
	struct identity *self;
	struct roster *roster;
	struct index *index;
	struct share *share;
	struct peers *peers;
	struct peer_group *group;
	char *dir;
	int port;
	int up, refused;
	int ups; /* all there were */
	size_t records, carried;
	char last_refusal[128];
	uint8_t *block; /* the last answer */
	size_t block_n;
	bool answered;
	char *hinted;
	int join_status; /* 1: none yet */
};

/* --- hooks --- */

static void on_record(void *arg, uint64_t peer, const struct record *theirs, const uint8_t *bytes, size_t n,
                      const struct blocklist *blocks)
{
	struct node *node = arg;
	struct record r;

	(void)n;
	node->records++;
	node->carried += bytes != NULL;
	record_copy(&r, theirs);
	r.via = peer;
	assert_int_equal(index_put(node->index, &r, blocks), 0);
	record_clear(&r);
}

static void on_records_end(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

static uint64_t on_held(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return 0;
}

static void on_block(void *arg, uint64_t peer, uint32_t request, struct slab *bytes)
{
	struct node *node = arg;

	(void)peer;
	(void)request;
	free(node->block);
	node->block_n = bytes->n;
	node->block = bytes->p ? slab_flatten(bytes) : NULL;
	node->answered = true;
}

static void on_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct slab bytes = blocks ? slab_dup(blocks, n) : (struct slab){ 0 };

	on_block(arg, peer, request, &bytes);
	assert_int_equal(first, 0);
}

static int on_partial(void *arg, const struct content *c, int64_t offset, uint32_t len, int *fd)
{
	(void)arg;
	(void)c;
	(void)offset;
	(void)len;
	(void)fd;
	return 0;
}

static void on_up(void *arg, uint64_t peer)
{
	(void)peer;
	((struct node *)arg)->up++;
	((struct node *)arg)->ups++;
}

static void on_down(void *arg, uint64_t peer)
{
	(void)peer;
	((struct node *)arg)->up--;
}

static void on_hint(void *arg, const char *path)
{
	struct node *node = arg;

	free(node->hinted);
	node->hinted = mem_strdup(path);
}

static void nothing(void *arg)
{
	(void)arg;
}

static const struct peer_hooks hooks = {
	.record = on_record,
	.records_end = on_records_end,
	.held = on_held,
	.block = on_block,
	.list = on_list,
	.partial = on_partial,
	.up = on_up,
	.down = on_down,
	.hint = on_hint,
	.roster_changed = nothing,
	.state = nothing,
};

static void on_refused(void *arg, const struct agent_id *peer, const char *address, const char *reason)
{
	struct node *node = arg;

	(void)peer;
	(void)address;
	node->refused++;
	snprintf(node->last_refusal, sizeof(node->last_refusal), "%s", reason);
}

static void on_joined(void *arg, int status, const char *reason)
{
	struct node *node = arg;

	node->join_status = status;
	snprintf(node->last_refusal, sizeof(node->last_refusal), "%s", reason ? reason : "");
}

static void on_commit(void *arg)
{
	peer_group_news(((struct node *)arg)->group);
}

/* --- nodes --- */

static void node_start(struct node *n)
{
	char *why = NULL;

	memset(n, 0, sizeof(*n));
	n->join_status = 1;
	n->dir = mem_strdup("/tmp/lanyard-test-peers-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	n->self = identity_new();
	n->peers = peers_new(&(struct peers_config){ .loop = loop,
	                                             .workers = workers,
	                                             .self = n->self,
	                                             .name = "node",
	                                             .refused = on_refused,
	                                             .arg = n },
	                     &why);
	assert_non_null(n->peers);
	n->port = peers_listen(n->peers, "127.0.0.1:0", &why);
	assert_true(n->port > 0);
}

static void node_member(struct node *n, struct roster *roster)
{
	static const uint8_t marker[32] = { 1 };
	char *why = NULL, *share = mem_printf("%s/share", n->dir);

	n->roster = roster;
	assert_int_equal(index_open(&n->index, n->dir, &why), INDEX_NEW);
	n->share = share_open(share, true, false, marker, &why);
	assert_non_null(n->share);
	index_on_commit(n->index, on_commit, n);
	n->group = peer_group_new(n->peers, &(struct peer_group_config){ .roster = roster,
	                                                                 .index = n->index,
	                                                                 .share = n->share,
	                                                                 .hooks = &hooks,
	                                                                 .arg = n });
	free(share);
}

static void node_stop(struct node *n)
{
	int root;

	peer_group_free(n->group);
	peers_free(n->peers);
	while (workers_pending(workers))
		loop_turn(loop, true);
	if (n->index)
		index_close(n->index);
	share_free(n->share);
	roster_free(n->roster);
	identity_free(n->self);
	root = open("/tmp", O_RDONLY | O_DIRECTORY);
	fs_remove_tree(root, n->dir + strlen("/tmp/"));
	close(root);
	free(n->dir);
	free(n->block);
	free(n->hinted);
}

static void dial_as(struct node *from, const struct agent_id *claimed, const struct node *to)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_port = htons((uint16_t)to->port),
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	peers_found(from->peers, claimed, (struct sockaddr *)&a, sizeof(a));
}

static void dial(struct node *from, const struct node *to)
{
	dial_as(from, identity_id(to->self), to);
}

/* As with --peer: nobody knows yet who is there. */
static void dial_name(struct node *from, const struct node *to)
{
	dial_as(from, NULL, to);
}

static void wake(void *arg)
{
	(void)arg;
}

/* Turns the loop, as engines would end each turn, until the condition holds. */
#define UNTIL(condition)                                                     \
	do {                                                                 \
		int64_t end = clock_mono_ns() + PATIENCE_MS * 1000000LL;     \
		struct loop_timer *timer = loop_timer_new(loop, wake, NULL); \
		loop_timer_start(timer, 5, 5);                               \
		while (!(condition) && clock_mono_ns() < end) {              \
			loop_turn(loop, true);                               \
			turn_end();                                          \
		}                                                            \
		loop_timer_free(timer);                                      \
		assert_true(condition);                                      \
	} while (0)

static struct node a, b, c;

static void turn_end(void)
{
	struct node *all[] = { &a, &b, &c };

	for (size_t i = 0; i < 3; i++)
		if (all[i]->group && all[i]->index) {
			peer_group_turn_end(all[i]->group);
			peer_group_sync_begin(all[i]->group);
			peer_group_sync_end(all[i]->group);
		}
}

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	loop = loop_new();
	workers = workers_new(loop, 2);
	node_start(&a);
	node_start(&b);
	node_start(&c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	node_stop(&a);
	node_stop(&b);
	node_stop(&c);
	workers_free(workers);
	loop_turn(loop, false);
	loop_free(loop);
	return 0;
}

static bool copy_entry(void *arg, const uint8_t *entry, size_t n)
{
	roster_add(arg, entry, n);
	return true;
}

/* A founds the group; the others come by an invite, out of band. */
static struct roster *founded(void)
{
	return roster_found(a.self, "group", false, false, "node", clock_wall_s());
}

static struct roster *admitted(struct roster *founder, struct node *n)
{
	struct roster *r = roster_new(roster_group(founder));
	struct bytes request = BYTES_INIT(JOIN_MAX), entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t binding[TLS_BINDING_LEN] = { 0 };
	struct invite invite;

	assert_int_equal(invite_make(&invite, founder, a.self, ROLE_MEMBER, clock_wall_s() + 60), 0);
	assert_int_equal(invite_request(&invite, n->self, "node", binding, &request), 0);
	assert_int_equal(invite_admit(founder, a.self, identity_id(n->self), request.p, request.len, binding,
	                              clock_wall_s(), &entry),
	                 ADMIT_OK);
	roster_entries(founder, copy_entry, r);
	bytes_free(&request);
	bytes_free(&entry);
	return r;
}

static void put_file(struct node *n, const char *name, const char *text, struct content *content)
{
	struct record r = { .path = mem_strdup(name), .kind = RECORD_FILE, .mode = 0644, .mtime_ns = 1 };
	int fd = fs_open(share_root(n->share), name, O_WRONLY | O_CREAT, 0644);
	struct fs_stat st;

	r.content.size = (int64_t)strlen(text);
	r.content.nblocks = 1;
	sha256(r.content.root, text, strlen(text));
	assert_int_equal(fs_pwrite_all(fd, text, strlen(text), 0), 0);
	fs_stat_fd(fd, &st);
	close(fd);
	r.seen = (struct seen){ .size = st.size, .mtime_ns = st.mtime_ns, .ctime_ns = st.ctime_ns, .ino = st.ino };
	assert_int_equal(index_put_change(n->index, &r, NULL, agent_id_short(identity_id(n->self))), 0);
	if (content)
		*content = r.content;
	record_clear(&r);
}

static uint64_t shorter(const struct node *n)
{
	return agent_id_short(identity_id(n->self));
}

static size_t connections(struct node *n);

static bool count(void *arg, const struct peer_connection *p)
{
	(void)p;
	++*(size_t *)arg;
	return true;
}

static size_t connections(struct node *n)
{
	size_t k = 0;

	peers_each(n->peers, count, &k);
	return k;
}

/* --- tests --- */

static void news_reach_the_other_and_settle(void **state)
{
	struct roster *r = founded();
	struct record row = { 0 };

	(void)state;
	node_member(&a, r);
	node_member(&b, admitted(r, &b));
	put_file(&a, "before", "was here before", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && !peer_group_lacks(a.group) && !peer_group_lacks(b.group));
	assert_int_equal(b.carried, 1);
	put_file(&a, "after", "came later", NULL);
	UNTIL(b.records == 2 && !peer_group_lacks(a.group) && !peer_group_lacks(b.group));
	assert_int_equal(index_get(b.index, "after", &row), 1);
	record_clear(&row);
	/* What came from A is not sent back to A. */
	assert_int_equal(a.records, 0);
}

static void a_reconnect_sends_nothing_again(void **state)
{
	struct roster *r = founded();

	(void)state;
	node_member(&a, r);
	node_member(&b, admitted(r, &b));
	put_file(&a, "file", "once", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && !peer_group_lacks(a.group) && !peer_group_lacks(b.group));
	peer_group_pause(a.group, true);
	UNTIL(a.up == 0 && b.up == 0);
	peer_group_pause(a.group, false);
	UNTIL(a.up == 1 && b.up == 1 && !peer_group_lacks(a.group) && !peer_group_lacks(b.group));
	assert_int_equal(b.records, 1);
	assert_int_equal(peer_group_counters(a.group).records_sent, 1);
}

static void two_that_dial_at_once_keep_one_connection(void **state)
{
	struct roster *r = founded();

	(void)state;
	node_member(&a, r);
	node_member(&b, admitted(r, &b));
	dial(&a, &b);
	dial(&b, &a);
	UNTIL(a.up == 1 && b.up == 1);
	put_file(&a, "file", "proves that it is the same one", NULL);
	UNTIL(b.records == 1 && !peer_group_lacks(a.group));
	assert_int_equal(connections(&a), 1);
	assert_int_equal(connections(&b), 1);
}

/* Were it dialled, the new connection would take the place of the old one, since the smaller ID made it. */
static void a_named_address_of_a_member_that_came_is_not_dialled(void **state)
{
	bool a_is_smaller = memcmp(identity_id(a.self)->b, identity_id(b.self)->b, sizeof(struct agent_id)) < 0;
	struct node *smaller = a_is_smaller ? &a : &b, *greater = a_is_smaller ? &b : &a;
	struct roster *r = founded();

	(void)state;
	node_member(&a, r);
	node_member(&b, admitted(r, &b));
	node_member(&c, roster_found(c.self, "group", false, false, "node", clock_wall_s()));
	dial(greater, smaller);
	UNTIL(a.up == 1 && b.up == 1);
	dial_name(smaller, greater);
	/* Another, dialled after it, has come to its end: so would this one. */
	dial_name(smaller, &c);
	UNTIL(c.refused > 0);
	assert_int_equal(connections(&a), 1);
	assert_int_equal(a.ups, 1);
	assert_int_equal(b.ups, 1);
}

static void a_member_of_another_group_is_refused(void **state)
{
	(void)state;
	node_member(&a, founded());
	node_member(&c, roster_found(c.self, "group", false, false, "node", clock_wall_s()));
	put_file(&a, "secret", "not yours", NULL);
	dial(&c, &a);
	UNTIL(a.refused > 0 || c.refused > 0);
	assert_int_equal(c.records, 0);
	assert_int_equal(c.up, 0);
	assert_int_equal(connections(&c), 0);
}

static void one_who_only_knows_the_group_id_is_refused(void **state)
{
	struct roster *r = founded();

	(void)state;
	node_member(&a, r);
	put_file(&a, "secret", "not yours", NULL);
	node_member(&c, roster_new(roster_group(r)));
	/* Neither shows anything before the other did; C, which would have to, has nothing to show. */
	dial(&c, &a);
	int64_t enough = clock_mono_ns() + 300 * 1000000LL;
	UNTIL(a.refused > 0 || c.refused > 0 || clock_mono_ns() > enough);
	assert_int_equal(c.records, 0);
	assert_int_equal(a.up, 0);
	assert_string_equal(roster_name(c.roster), "");
}

static void an_invite_is_honoured_by_a_member_that_is_no_owner(void **state)
{
	struct roster *r = founded(), *joining;
	struct invite invite;

	(void)state;
	node_member(&b, admitted(r, &b));
	assert_int_equal(invite_make(&invite, r, a.self, ROLE_MEMBER, clock_wall_s() + 60), 0);
	joining = roster_new(&invite.group);
	c.roster = joining;
	c.group = peer_group_new(c.peers, &(struct peer_group_config){ .roster = joining,
	                                                               .hooks = &hooks,
	                                                               .arg = &c,
	                                                               .invite = &invite,
	                                                               .joined = on_joined });
	dial(&c, &b);
	UNTIL(c.join_status != 1);
	assert_int_equal(c.join_status, 0);
	assert_int_equal(roster_role(joining, identity_id(c.self)), ROLE_MEMBER);
	assert_int_equal(roster_role(b.roster, identity_id(c.self)), ROLE_MEMBER);
	/* And on the same connection it becomes a member like any other. */
	peer_group_free(c.group);
	c.group = NULL;
	node_member(&c, joining);
	UNTIL(b.up == 1 && c.up == 1);
	put_file(&b, "welcome", "hello", NULL);
	UNTIL(c.records == 1);
	roster_free(r);
}

static void an_expired_invite_is_refused(void **state)
{
	struct roster *r = founded(), *joining;
	struct invite invite;

	(void)state;
	assert_int_equal(invite_make(&invite, r, a.self, ROLE_MEMBER, clock_wall_s() - 1), 0);
	node_member(&a, r);
	joining = roster_new(&invite.group);
	c.roster = joining;
	c.group = peer_group_new(c.peers, &(struct peer_group_config){ .roster = joining,
	                                                               .hooks = &hooks,
	                                                               .arg = &c,
	                                                               .invite = &invite,
	                                                               .joined = on_joined });
	dial(&c, &a);
	UNTIL(c.join_status != 1);
	assert_int_equal(c.join_status, -1);
	assert_string_equal(roster_name(joining), "");
	assert_int_equal(roster_role(a.roster, identity_id(c.self)), ROLE_NONE);
}

static void a_block_is_served_and_a_changed_file_is_not(void **state)
{
	struct roster *r = founded();
	struct content content;
	struct peer_want want = { .request = 7, .len = 5 };

	(void)state;
	node_member(&a, r);
	node_member(&b, admitted(r, &b));
	put_file(&a, "file", "bytes", &content);
	dial(&a, &b);
	UNTIL(b.records == 1);
	assert_int_equal(peer_group_get(b.group, shorter(&a), &content, &want, 1), 0);
	UNTIL(b.answered);
	assert_int_equal(b.block_n, 5);
	assert_memory_equal(b.block, "bytes", 5);
	b.answered = false;
	int fd = fs_open(share_root(a.share), "file", O_WRONLY | O_TRUNC, 0);
	assert_int_equal(fs_pwrite_all(fd, "other", 5, 0), 0);
	close(fd);
	assert_int_equal(peer_group_get(b.group, shorter(&a), &content, &want, 1), 0);
	UNTIL(b.answered);
	assert_null(b.block);
	assert_string_equal(a.hinted, "file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(news_reach_the_other_and_settle, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reconnect_sends_nothing_again, setup, teardown),
		cmocka_unit_test_setup_teardown(two_that_dial_at_once_keep_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(a_named_address_of_a_member_that_came_is_not_dialled, setup, teardown),
		cmocka_unit_test_setup_teardown(a_member_of_another_group_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(one_who_only_knows_the_group_id_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_invite_is_honoured_by_a_member_that_is_no_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(an_expired_invite_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_block_is_served_and_a_changed_file_is_not, setup, teardown),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
