/* See http_watch.h. */
#include "agent/cli/http_watch.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	FIRST_MS = 2000,  /* of silence before the agent is asked for the first time, */
	AGAIN_MS = 10000, /* and after it has answered */
	ANSWER_MS = 4000, /* that it has for the answer, */
	TRIES = 2,        /* this often: the machine itself may have slept for a while */
};

static int64_t watch_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* There is no such route, so nothing but the program itself is needed for the answer. An agent that says that it is
 * busy lives, too. */
static bool watch_answers(const char *path)
{
	static const char ask[] = "GET /v1/ HTTP/1.1\r\nHost: lanyard\r\nConnection: close\r\n\r\n";
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool answered;

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	answered = fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	           send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) == (ssize_t)(sizeof(ask) - 1) &&
	           poll(&p, 1, ANSWER_MS) > 0;
	if (fd >= 0)
		close(fd);
	return answered;
}

/* libcurl calls this about once a second while it waits. Not 0: give the request up. */
static int watch_progress(void *arg, curl_off_t total, curl_off_t got, curl_off_t up_total, curl_off_t up)
{
	struct http_watch *w = arg;

	(void)total;
	(void)up_total;
	if (got + up != w->got) {
		w->got = got + up;
		w->ask_ms = watch_now_ms() + FIRST_MS;
	}
	if (watch_now_ms() < w->ask_ms)
		return 0;
	for (int i = 0; i < TRIES; i++) {
		if (watch_answers(w->socket)) {
			w->ask_ms = watch_now_ms() + AGAIN_MS;
			return 0;
		}
	}
	w->hung = true;
	return 1;
}

void http_watch_begin(struct http_watch *w, CURL *curl, const char *socket)
{
	*w = (struct http_watch){ .socket = socket, .ask_ms = watch_now_ms() + FIRST_MS };
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, w);
}
