/* The nodes of a peer_nodes.h: hooks stand in for fetch and take every record as it comes. */
#include "tests/unit/peer_nodes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

struct loop *loop;
struct workers *workers;
struct node a, b, c;

static struct loop_timer *tick; /* a loop with nothing to wait for would not turn */

bool has_path(struct node *n, const char *path)
{
	struct record row = { 0 };
	bool found = index_get(n->index, path, &row) == 1;

	record_clear(&row);
	return found;
}

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
	assert_int_equal(node->wants ? index_offer(node->index, peer, &r) : index_put(node->index, &r, blocks), 0);
	record_clear(&r);
}

static void on_has(void *arg, uint64_t peer, const struct record *theirs)
{
	(void)peer;
	(void)theirs;
	((struct node *)arg)->has++;
}

static void on_records_end(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

static uint64_t on_unstored(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return 0;
}

static void on_settled(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

static void on_block(void *arg, uint64_t peer, uint32_t request, uint32_t block, struct slab *bytes)
{
	struct node *node = arg;
	struct slab taken = *bytes;

	(void)peer;
	(void)request;
	node->chosen = block;
	node->blocks += bytes->n > 0;
	free(node->block);
	node->block_n = bytes->n;
	node->block = taken.p ? slab_flatten(&taken) : NULL;
	node->answered = true;
}

static void on_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct slab bytes = blocks ? slab_dup(blocks, n) : (struct slab){ 0 };

	on_block(arg, peer, request, SWARM_AS_ASKED, &bytes);
	assert_int_equal(first, 0);
}

static void on_out(void *arg, uint64_t peer, uint32_t request)
{
	struct node *node = arg;

	(void)peer;
	(void)request;
	if (node->outs++ == 0)
		node->before = node->blocks;
}

static bool on_map(void *arg, uint64_t peer, const struct swarm_map *map)
{
	struct node *node = arg;

	(void)peer;
	node->map = *map;
	node->map.bits = NULL;
	node->maps++;
	return true;
}

static bool on_have(void *arg, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	struct node *node = arg;

	(void)peer;
	(void)map;
	for (size_t i = 0; i < n; i++)
		node->told += runs[i].n;
	return true;
}

static bool on_getting(void *arg, const struct content *content)
{
	(void)content;
	return ((struct node *)arg)->getting;
}

static bool on_accepts(void *arg, const char *path, bool is_dir)
{
	return share_accepts(((struct node *)arg)->share, path, is_dir);
}

static bool on_holds(void *arg, const struct record *asked)
{
	return has_path(arg, asked->path);
}

static void on_hold_answer(void *arg, uint64_t peer, uint32_t request, bool has)
{
	struct node *node = arg;

	(void)peer;
	(void)request;
	node->answered = true;
	node->answers++;
	node->held = has;
}

static void on_list_again(void *arg)
{
	((struct node *)arg)->again++;
}

static void on_doubted(void *arg, uint64_t peer)
{
	(void)peer;
	((struct node *)arg)->doubted++;
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

static void on_requests(void *arg)
{
	((struct node *)arg)->mails++;
}

const struct peer_hooks node_hooks = {
	.record = on_record,
	.records_end = on_records_end,
	.has = on_has,
	.unstored = on_unstored,
	.settled = on_settled,
	.block = on_block,
	.out = on_out,
	.map = on_map,
	.have = on_have,
	.getting = on_getting,
	.list = on_list,
	.accepts = on_accepts,
	.holds = on_holds,
	.hold_answer = on_hold_answer,
	.list_again = on_list_again,
	.doubted = on_doubted,
	.up = on_up,
	.down = on_down,
	.roster_changed = nothing,
	.state = nothing,
	.requests_changed = on_requests,
};

static void on_refused(void *arg, const struct agent_id *peer, const char *address, const char *reason)
{
	struct node *node = arg;

	(void)peer;
	(void)address;
	node->refused++;
	snprintf(node->last_refusal, sizeof(node->last_refusal), "%s", reason);
}

static void on_copied_home(void *arg, const struct agent_id *peer, const char *address, bool yield)
{
	struct node *node = arg;

	(void)peer;
	(void)address;
	node->copies++;
	node->yields = yield;
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

static void node_start(struct node *n, struct identity *self)
{
	char *why = NULL;

	memset(n, 0, sizeof(*n));
	n->join_status = 1;
	n->dir = mem_strdup("/tmp/lanyard-test-peers-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	n->self = self;
	n->peers = peers_new(&(struct peers_config){ .loop = loop,
	                                             .workers = workers,
	                                             .self = n->self,
	                                             .name = "node",
	                                             .refused = on_refused,
	                                             .copied_home = on_copied_home,
	                                             .arg = n },
	                     &why);
	assert_non_null(n->peers);
	n->port = peers_listen(n->peers, "127.0.0.1:0", &why);
	assert_true(n->port > 0);
}

void node_member(struct node *n, struct roster *roster)
{
	static const uint8_t marker[32] = { 1 };
	char *why = NULL, *share = mem_printf("%s/share", n->dir);

	n->roster = roster;
	assert_int_equal(index_open(&n->index, n->dir, &why), INDEX_NEW);
	n->share = share_open(share, true, false, marker, &why);
	assert_non_null(n->share);
	n->files = (struct share_source){ .share = n->share, .index = n->index, .hint = on_hint, .arg = n };
	n->source = share_source(&n->files);
	index_on_commit(n->index, on_commit, n);
	n->requests = requests_new(roster_group(roster));
	n->group = peer_group_new(n->peers, &(struct peer_group_config){ .roster = roster,
	                                                                 .requests = n->requests,
	                                                                 .workers = workers,
	                                                                 .index = n->index,
	                                                                 .keyless = n->keyless,
	                                                                 .sources = { .source = &n->source, .n = 1 },
	                                                                 .hooks = &node_hooks,
	                                                                 .seal = n->seal,
	                                                                 .arg = n });
	free(share);
}

void node_joins(struct roster *joining, const struct invite *invite)
{
	c.roster = joining;
	c.group = peer_group_new(c.peers, &(struct peer_group_config){ .roster = joining,
	                                                               .hooks = &node_hooks,
	                                                               .arg = &c,
	                                                               .invite = invite,
	                                                               .joined = on_joined });
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
	requests_free(n->requests);
	roster_free(n->roster);
	identity_free(n->self);
	root = open("/tmp", O_RDONLY | O_DIRECTORY);
	fs_remove_tree(root, n->dir + strlen("/tmp/"));
	close(root);
	free(n->dir);
	free(n->block);
	free(n->hinted);
}

void node_copy(struct node *n, const struct node *of)
{
	uint8_t seed[32];

	identity_seed(of->self, seed);
	node_stop(n);
	node_start(n, identity_from_seed(seed));
}

static void dial_as(struct node *from, const struct agent_id *claimed, const struct node *to)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)to->port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	peers_found(from->peers, claimed, (struct sockaddr *)&at, sizeof(at));
}

void dial(struct node *from, const struct node *to)
{
	dial_as(from, identity_id(to->self), to);
}

void dial_name(struct node *from, const struct node *to)
{
	dial_as(from, NULL, to);
}

static void wake(void *arg)
{
	(void)arg;
}

/* Ends each turn as an engine would. */
static void turn_end(struct node *n)
{
	if (n->group == NULL || n->index == NULL)
		return;
	if (n->leaves && n->records > 0) {
		n->leaves = false;
		peer_group_pause(n->group, true);
	}
	peer_group_turn_end(n->group);
	if (index_commits(n->index) == n->synced)
		return;
	n->synced = index_commits(n->index);
	peer_group_sync_begin(n->group);
	peer_group_sync_end(n->group);
}

void nodes_turn(void)
{
	loop_turn(loop, true);
	turn_end(&a);
	turn_end(&b);
	turn_end(&c);
}

int nodes_setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	loop = loop_new();
	workers = workers_new(loop, 2);
	tick = loop_timer_new(loop, wake, NULL);
	loop_timer_start(tick, 5, 5);
	node_start(&a, identity_new());
	node_start(&b, identity_new());
	node_start(&c, identity_new());
	return 0;
}

int nodes_teardown(void **state)
{
	(void)state;
	node_stop(&a);
	node_stop(&b);
	node_stop(&c);
	loop_timer_free(tick);
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

struct roster *founded(void)
{
	return roster_found(a.self, "group", false, false, "node", clock_wall_s());
}

struct roster *granted(struct roster *founder, struct node *n, enum role role)
{
	struct roster *r = roster_new(roster_group(founder));

	assert_int_equal(roster_grant(founder, a.self, identity_id(n->self), role, "node", clock_wall_s()), 0);
	roster_entries(founder, copy_entry, r);
	return r;
}

struct roster *admitted(struct roster *founder, struct node *n)
{
	struct roster *r = roster_new(roster_group(founder));
	struct bytes request = BYTES_INIT(JOIN_MAX), entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t binding[TLS_BINDING_LEN] = { 0 };
	struct invite invite;

	assert_int_equal(invite_make(&invite, founder, a.self, ROLE_MEMBER, INVITE_USES, clock_wall_s() + 60), 0);
	assert_int_equal(invite_request(&invite, n->self, "node", binding, &request), 0);
	assert_int_equal(invite_admit(founder, a.self,
	                              &(struct invite_bearer){ .peer = identity_id(n->self),
	                                                       .request = request.p,
	                                                       .n = request.len,
	                                                       .binding = binding },
	                              clock_wall_s(), &entry),
	                 ADMIT_OK);
	roster_entries(founder, copy_entry, r);
	bytes_free(&request);
	bytes_free(&entry);
	return r;
}

void pair(void)
{
	struct roster *r = founded();

	node_member(&a, r);
	node_member(&b, admitted(r, &b));
}

void put_file(struct node *n, const char *name, const char *text, struct content *content)
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
	r.seen = (struct seen){ .size = st.size,
		                .mtime_ns = st.mtime_ns,
		                .ctime_ns = st.ctime_ns,
		                .ino = st.ino,
		                .mode = st.mode };
	assert_int_equal(index_put_change(n->index, &r, NULL, agent_id_short(identity_id(n->self))), 0);
	if (content)
		*content = r.content;
	record_clear(&r);
}

static bool count(void *arg, const struct peer_connection *p)
{
	(void)p;
	++*(size_t *)arg;
	return true;
}

size_t connections(struct node *n)
{
	size_t k = 0;

	peers_each(n->peers, count, &k);
	return k;
}
