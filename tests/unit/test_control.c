/* The control socket, with a client in the same loop: answers at once and later, streams, bounds, clients that go away,
 * and that nothing is awake while a call waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/api/control.h"
#include "base/mem.h"

static char dir[] = "/tmp/lanyard-control-XXXXXX";

/* What the handler keeps for the test. */
struct fixture {
	struct loop *loop;
	struct control *control;
	int dirfd;
	struct control_call *waiting; /* deferred or streaming */
	int gone, ended;
	int pieces; /* that more() still gives before it waits or ends */
	bool follow;
	int turns;
};

static void gone(void *state)
{
	struct fixture *f = state;

	f->gone++;
	f->waiting = NULL;
}

static enum control_more more(void *state, struct bytes *out)
{
	struct fixture *f = state;

	if (f->pieces == 0)
		return f->follow ? CONTROL_WAIT : CONTROL_END;
	f->pieces--;
	memset(bytes_extend(out, 50000), 'x', 50000);
	return CONTROL_MORE;
}

static void ended(void *state)
{
	struct fixture *f = state;

	f->ended++;
	f->waiting = NULL;
}

static void handle(void *arg, struct control_call *call)
{
	static const struct control_stream stream = { "text/plain", more, ended };
	struct fixture *f = arg;
	const char *q = control_query(call, "q");

	if (strcmp(call->path, "/echo") == 0) {
		control_reply(call, 200,
		              json_pack("{s:s, s:s*, s:O}", "method", call->method, "q", q, "body", call->body));
	} else if (strcmp(call->path, "/fail") == 0) {
		control_fail(call, 409, "bad \xff name");
	} else if (strcmp(call->path, "/stream") == 0) {
		f->waiting = call;
		control_stream(call, &stream, f);
	} else {
		f->waiting = call;
		control_defer(call, gone, f);
	}
}

static struct control *open_door(struct fixture *f)
{
	struct control_listen listen;
	char *why = NULL;

	assert_int_equal(control_listen_in(&listen, f->dirfd, dir, "control.sock", 0600, &why), 0);
	return control_new(f->loop, &(struct control_door){ .listen = &listen }, handle, f, &why);
}

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->loop = loop_new();
	f->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->control = open_door(f);
	*state = f;
	return f->control == NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	loop_free(f->loop);
	close(f->dirfd);
	free(f);
	return 0;
}

static void turns(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++)
		loop_turn(f->loop, false);
}

static int dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/control.sock", dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void ask(int fd, const char *method, const char *path, const char *body)
{
	char *text = mem_printf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, path,
	                        strlen(body), body);

	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	free(text);
}

/* Reads until `until` has been read, or the other side closed, and gives what was read. Fresh. */
static char *hear(struct fixture *f, int fd, const char *until)
{
	struct bytes got = BYTES_INIT(16 << 20);

	for (int i = 0; i < 5000; i++) {
		char buf[65536];
		ssize_t n;

		loop_turn(f->loop, false);
		n = recv(fd, buf, sizeof(buf), 0);
		if (n == 0)
			break;
		if (n < 0 && errno != EAGAIN)
			break;
		if (n > 0)
			assert_int_equal(bytes_append(&got, buf, (size_t)n), 0);
		if (got.len > 0 && memmem(got.p, got.len, until, strlen(until)) != NULL)
			break;
	}
	bytes_append_u8(&got, 0);
	return (char *)got.p;
}

static void expect(struct fixture *f, int fd, const char *status, const char *body)
{
	char *got = hear(f, fd, body);
	char *line = mem_printf("HTTP/1.1 %s", status);

	if (strncmp(got, line, strlen(line)) != 0 || strstr(got, body) == NULL)
		fail_msg("wanted %s and %s, got:\n%s", line, body, got);
	free(line);
	free(got);
}

static void a_request_is_answered(void **state)
{
	int fd = dial();

	ask(fd, "GET", "/echo?q=a%20b", "");
	expect(*state, fd, "200", "{\"method\":\"GET\",\"q\":\"a b\",\"body\":{}}\n");
	ask(fd, "POST", "/echo", "{\"n\":1}");
	expect(*state, fd, "200", "{\"method\":\"POST\",\"body\":{\"n\":1}}\n");
	close(fd);
}

static void the_socket_is_for_its_owner_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(fstatat(f->dirfd, "control.sock", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct control *second = open_door(f);
	int fd;

	assert_non_null(second);
	fd = dial();
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	close(fd);
	control_free(second);
}

/* A client of an address. */
static int dial_port(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void a_door_may_be_at_an_address(void **state)
{
	struct fixture *f = *state;
	struct control_listen listen, again;
	struct control *door;
	char *why = NULL;
	char *at;
	uint16_t port;
	int fd;

	assert_int_equal(control_listen_at(&listen, "127.0.0.1:0", false, &why), 0);
	port = listen.port;
	at = mem_printf("127.0.0.1:%u", port);
	assert_string_equal(listen.where, at);
	door = control_new(f->loop, &(struct control_door){ .listen = &listen }, handle, f, &why);
	assert_int_equal(listen.fd, -1);
	fd = dial_port(port);
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	close(fd);
	assert_int_equal(control_listen_at(&again, at, false, &why), -1);
	assert_non_null(strstr(why, at));
	free(why);
	control_free(door);
	free(at);
}

static void a_door_may_be_at_a_path_that_is_free(void **state)
{
	struct fixture *f = *state;
	char *path = mem_printf("%s/control.sock", dir), *file = mem_printf("%s/file", dir);
	struct control_listen listen;
	struct stat st;
	char *why = NULL;
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	/* Somebody listens there; it is not a socket: both stay. */
	assert_int_equal(control_listen_at(&listen, path, false, &why), -1);
	free(why);
	assert_int_equal(control_listen_at(&listen, file, false, &why), -1);
	free(why);
	assert_int_equal(unlink(file), 0);
	fd = dial();
	close(fd);
	control_free(f->control);
	f->control = NULL;
	/* Stale. */
	assert_int_equal(control_listen_at(&listen, path, false, &why), 0);
	close(listen.fd);
	listen.fd = -1;
	free(listen.name);
	listen.name = NULL;
	control_listen_end(&listen);
	assert_int_equal(control_listen_at(&listen, path, false, &why), 0);
	/* For programs of other users. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0666);
	control_listen_end(&listen);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	free(file);
}

static void mistakes_are_told_as_json(void **state)
{
	int fd = dial();

	ask(fd, "GET", "/fail", "");
	expect(*state, fd, "409", "{\"error\":\"bad \\\\xff name\"}\n");
	ask(fd, "POST", "/echo", "{\"n\":");
	expect(*state, fd, "400", "{\"error\":\"the body is not JSON: line 1:");
	ask(fd, "POST", "/echo", "[1]");
	expect(*state, fd, "400", "{\"error\":\"the body is not a JSON object\"}\n");
	close(fd);
}

static void a_long_body_is_refused(void **state)
{
	char *body = mem_calloc(70001, 1);
	int fd = dial();

	memset(body, ' ', 70000);
	ask(fd, "POST", "/echo", body);
	expect(*state, fd, "413", "{\"error\":\"the body is larger than 65536 bytes\"}\n");
	free(body);
	close(fd);
}

static void an_endless_body_is_cut(void **state)
{
	static const char head[] = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct fixture *f = *state;
	int fd = dial();
	char chunk[10008];
	size_t sent = 0;

	(void)snprintf(chunk, sizeof(chunk), "2710\r\n%10000s\r", "");
	chunk[10007] = '\n';
	assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
	while (sent < (64 << 20)) {
		ssize_t n = send(fd, chunk + sent % sizeof(chunk), sizeof(chunk) - sent % sizeof(chunk), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		if (n > 0)
			sent += (size_t)n;
		turns(f, 1);
	}
	assert_true(sent < (4 << 20));
	close(fd);
}

static void a_deferred_answer_comes_later(void **state)
{
	struct fixture *f = *state;
	int fd = dial();

	ask(fd, "GET", "/later", "");
	turns(f, 20);
	assert_non_null(f->waiting);
	control_reply(f->waiting, 200, json_pack("{s:i}", "late", 1));
	expect(f, fd, "200", "{\"late\":1}\n");
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	close(fd);
	turns(f, 20);
	assert_int_equal(f->gone, 0);
}

static void a_client_that_leaves_while_it_waits_is_noticed(void **state)
{
	struct fixture *f = *state;
	int fd = dial();

	ask(fd, "GET", "/later", "");
	turns(f, 20);
	assert_non_null(f->waiting);
	close(fd);
	turns(f, 20);
	assert_int_equal(f->gone, 1);
	/* A hundred more than there are places. */
	for (int i = 0; i < 164; i++) {
		fd = dial();
		ask(fd, "GET", "/later", "");
		turns(f, 10);
		close(fd);
		turns(f, 10);
	}
	assert_int_equal(f->gone, 165);
}

static void clients_that_ask_for_nothing_make_room(void **state)
{
	enum { IDLE = 200 };
	struct fixture *f = *state;
	int idle[IDLE], fd;
	char byte;

	for (int i = 0; i < IDLE; i++) {
		idle[i] = dial();
		assert_int_equal(send(idle[i], "GET /ec", 7, MSG_NOSIGNAL), 7);
		turns(f, 3);
	}
	fd = dial();
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	/* The oldest went, the last are still there. */
	assert_int_equal(recv(idle[0], &byte, 1, 0), 0);
	assert_int_equal(recv(idle[IDLE - 1], &byte, 1, 0), -1);
	for (int i = 0; i < IDLE; i++)
		close(idle[i]);
	close(fd);
}

static void more_calls_than_places_are_told_so(void **state)
{
	enum { CALLS = 64 };
	struct fixture *f = *state;
	int fds[CALLS], fd = dial();

	for (int i = 0; i < CALLS; i++) {
		fds[i] = dial();
		ask(fds[i], "GET", "/later", "");
		turns(f, 5);
	}
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "503", "calls are under way already");
	for (int i = 0; i < CALLS; i++)
		close(fds[i]);
	turns(f, 20);
	assert_int_equal(f->gone, CALLS);
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	close(fd);
}

static void a_long_stream_comes_whole(void **state)
{
	struct fixture *f = *state;
	int fd = dial();
	char *got;
	size_t n = 0;

	f->pieces = 40;
	ask(fd, "GET", "/stream", "");
	got = hear(f, fd, "\r\n0\r\n\r\n");
	for (const char *p = strstr(got, "\r\n\r\n"); *p != '\0'; p++)
		n += *p == 'x';
	assert_int_equal(n, 40 * 50000);
	assert_int_equal(f->ended, 1);
	free(got);
	close(fd);
}

static void a_stream_waits_and_is_woken(void **state)
{
	struct fixture *f = *state;
	int fd = dial();

	f->follow = true;
	ask(fd, "GET", "/stream", "");
	expect(f, fd, "200", "\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		f->pieces = 1;
		control_wake(f->waiting);
		free(hear(f, fd, "xxxx"));
		assert_int_equal(f->pieces, 0);
		free(hear(f, fd, "never"));
	}
	assert_int_equal(f->ended, 0);
	close(fd);
	turns(f, 20);
	assert_int_equal(f->ended, 1);
}

static void count_turn(void *arg)
{
	struct fixture *f = arg;

	f->turns++;
}

static void end_loop(void *arg)
{
	loop_stop(arg);
}

static void nothing_is_awake_while_calls_wait(void **state)
{
	struct fixture *f = *state;
	struct loop_hook *hook = loop_hook_new(f->loop, count_turn, f);
	struct loop_timer *timer = loop_timer_new(f->loop, end_loop, f->loop);
	int deferred = dial();
	int stream = dial();

	f->follow = true;
	ask(deferred, "GET", "/later", "");
	ask(stream, "GET", "/stream", "");
	/* A second request sent ahead must not keep the loop awake either. */
	ask(deferred, "GET", "/echo", "");
	turns(f, 50);
	f->turns = 0;
	loop_timer_start(timer, 300, 0);
	loop_run(f->loop);
	assert_in_range(f->turns, 0, 5);
	loop_timer_free(timer);
	loop_hook_free(hook);
	close(deferred);
	close(stream);
	turns(f, 50);
}

static void stopping_ends_what_waits(void **state)
{
	struct fixture *f = *state;
	int deferred = dial();
	int stream = dial();
	char byte;

	f->follow = true;
	ask(deferred, "GET", "/later", "");
	ask(stream, "GET", "/stream", "");
	turns(f, 20);
	control_free(f->control);
	f->control = NULL;
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->ended, 1);
	assert_int_equal(recv(deferred, &byte, 1, 0), 0);
	assert_int_equal(faccessat(f->dirfd, "control.sock", F_OK, 0), -1);
	close(deferred);
	close(stream);
}

/* --- uploads --- */

/* One upload at a time. */
static struct {
	struct control_call *call;
	size_t room; /* bytes that are taken before it has to wait */
	size_t got;
	int whole, gone;
	bool answers; /* at the head, without taking anything */
} upload;

static size_t upload_take(void *state, const uint8_t *p, size_t n)
{
	(void)state;
	n = n < upload.room ? n : upload.room;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], 'x');
	upload.room -= n;
	upload.got += n;
	return n;
}

static void upload_whole(void *state)
{
	(void)state;
	upload.whole++;
	control_reply(upload.call, 200, json_pack("{s:I}", "got", (json_int_t)upload.got));
}

static void upload_gone(void *state)
{
	(void)state;
	upload.gone++;
	upload.call = NULL;
}

static void handle_upload(void *arg, struct control_call *call)
{
	static const struct control_receiver receiver = { upload_take, upload_whole, upload_gone };

	if (strcmp(call->path, "/up") != 0) {
		handle(arg, call);
		return;
	}
	upload.call = call;
	if (upload.answers)
		control_fail(call, 409, "not now");
	else
		control_receive(call, &receiver, NULL);
}

static bool is_upload(const char *method, const char *path)
{
	return strcmp(method, "POST") == 0 && strcmp(path, "/up") == 0;
}

/* In place of the fixture's door. */
static void open_upload_door(struct fixture *f)
{
	struct control_listen listen;
	char *why = NULL;

	control_free(f->control);
	memset(&upload, 0, sizeof(upload));
	assert_int_equal(control_listen_in(&listen, f->dirfd, dir, "control.sock", 0600, &why), 0);
	f->control = control_new(f->loop, &(struct control_door){ .listen = &listen, .is_upload = is_upload },
	                         handle_upload, f, &why);
	assert_non_null(f->control);
}

/* Sends the head of an upload. */
static int begin_upload(size_t size)
{
	char *text = mem_printf("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", size);
	int fd = dial();

	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	free(text);
	return fd;
}

static void send_body(struct fixture *f, int fd, size_t n)
{
	char piece[4096];

	memset(piece, 'x', sizeof(piece));
	for (int i = 0; n > 0 && i < 100000; i++) {
		ssize_t sent = send(fd, piece, n < sizeof(piece) ? n : sizeof(piece), MSG_NOSIGNAL);

		if (sent > 0)
			n -= (size_t)sent;
		turns(f, 1);
	}
	assert_int_equal(n, 0);
}

static void an_upload_comes_in_pieces_when_it_may(void **state)
{
	enum { SIZE = 3 << 20 };
	struct fixture *f = *state;
	int fd;

	open_upload_door(f);
	fd = begin_upload(SIZE);
	send_body(f, fd, 10000);
	turns(f, 20);
	/* The head is there, and the body waits. */
	assert_non_null(upload.call);
	assert_int_equal(upload.got, 0);
	upload.room = 5000;
	control_wake(upload.call);
	turns(f, 20);
	assert_int_equal(upload.got, 5000);
	upload.room = SIZE;
	control_wake(upload.call);
	send_body(f, fd, SIZE - 10000);
	expect(f, fd, "200", "{\"got\":3145728}\n");
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	assert_int_equal(upload.gone, 0);
	close(fd);
}

static void an_upload_of_nothing_is_whole(void **state)
{
	struct fixture *f = *state;
	int fd;

	open_upload_door(f);
	fd = begin_upload(0);
	turns(f, 20);
	control_wake(upload.call);
	expect(f, fd, "200", "{\"got\":0}\n");
	close(fd);
}

static void a_refused_upload_is_told_why(void **state)
{
	struct fixture *f = *state;
	char byte;
	int fd;

	open_upload_door(f);
	upload.answers = true;
	/* A small body is read first, and the connection goes on. */
	fd = begin_upload(500000);
	send_body(f, fd, 500000);
	expect(f, fd, "409", "{\"error\":\"not now\"}\n");
	ask(fd, "GET", "/echo", "");
	expect(f, fd, "200", "GET");
	close(fd);
	/* With a large one the answer comes before the body. */
	fd = begin_upload(5 << 20);
	expect(f, fd, "409", "{\"error\":\"not now\"}\n");
	turns(f, 20);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	/* Later, but before the body. */
	upload.answers = false;
	fd = begin_upload(5 << 20);
	turns(f, 20);
	control_fail(upload.call, 507, "full");
	expect(f, fd, "507", "{\"error\":\"full\"}\n");
	close(fd);
	assert_int_equal(upload.got + (size_t)upload.gone + (size_t)upload.whole, 0);
}

static void an_upload_that_ends_early_is_noticed(void **state)
{
	struct fixture *f = *state;
	char byte;
	int fd;

	open_upload_door(f);
	/* Before the body may come, in the middle of it, and while it waits. */
	for (int i = 0; i < 3; i++) {
		fd = begin_upload(10000);
		turns(f, 20);
		upload.room = i == 1 ? 10000 : 0;
		if (i > 0)
			control_wake(upload.call);
		send_body(f, fd, i == 0 ? 0 : 5000);
		turns(f, 20);
		close(fd);
		if (i == 2) {
			upload.room = 10000;
			control_wake(upload.call);
		}
		turns(f, 20);
		assert_int_equal(upload.gone, i + 1);
	}
	/* By us, although nothing comes. */
	fd = begin_upload(10000);
	turns(f, 20);
	control_wake(upload.call);
	turns(f, 20);
	control_break(upload.call);
	turns(f, 20);
	assert_int_equal(upload.gone, 4);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	/* The door closes. */
	fd = begin_upload(10000);
	turns(f, 20);
	control_free(f->control);
	f->control = NULL;
	assert_int_equal(upload.gone, 5);
	close(fd);
}

static void rubbish_is_survived(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		static const char *const rubbish[] = { "\x16\x03\x01\x02\x00", "GET\r\n\r\n",
			                               "GET / HTTP/9.9\r\n\r\n" };
		int fd = dial();

		assert_int_equal(send(fd, rubbish[i], strlen(rubbish[i]), MSG_NOSIGNAL), strlen(rubbish[i]));
		turns(f, 20);
		close(fd);
		turns(f, 20);
	}
	a_request_is_answered(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),
		TEST(the_socket_is_for_its_owner_alone),
		TEST(a_stale_socket_is_replaced),
		TEST(a_door_may_be_at_an_address),
		TEST(a_door_may_be_at_a_path_that_is_free),
		TEST(mistakes_are_told_as_json),
		TEST(a_long_body_is_refused),
		TEST(an_endless_body_is_cut),
		TEST(a_deferred_answer_comes_later),
		TEST(a_client_that_leaves_while_it_waits_is_noticed),
		TEST(clients_that_ask_for_nothing_make_room),
		TEST(more_calls_than_places_are_told_so),
		TEST(a_long_stream_comes_whole),
		TEST(a_stream_waits_and_is_woken),
		TEST(nothing_is_awake_while_calls_wait),
		TEST(stopping_ends_what_waits),
		TEST(an_upload_comes_in_pieces_when_it_may),
		TEST(an_upload_of_nothing_is_whole),
		TEST(a_refused_upload_is_told_why),
		TEST(an_upload_that_ends_early_is_noticed),
		TEST(rubbish_is_survived),
	};
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
