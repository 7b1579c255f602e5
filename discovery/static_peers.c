/* Addresses from the settings, reported every 30 s: see static_peers.h. */
#include "discovery/static_peers.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	MAX_HOST = 253,
	MAX_ADDRS = 8,   /* addresses of one name that are reported */
	MAX_RUNNING = 8, /* names resolved at a time */
	STACK_BYTES = 512 * 1024,
};

/* One look-up, shared by the loop and its thread; the second to let go of it frees it. */
struct lookup {
	atomic_int refs;
	int done_fd; /* eventfd: written once the rest is filled in; -1 when numeric */
	char host[MAX_HOST + 1];
	char port[6];
	bool numeric;
	int error; /* of getaddrinfo() */
	struct sockaddr_storage addrs[MAX_ADDRS];
	socklen_t lens[MAX_ADDRS];
	size_t n;
};

struct peer {
	struct static_peers *owner;
	char host[MAX_HOST + 1];
	char port[6];
	bool numeric;          /* an address: resolved without asking anybody */
	bool failed;           /* the last look-up failed; so that it is logged once */
	int64_t due_ms;        /* next report */
	struct lookup *lookup; /* in progress; NULL for none */
	struct loop_io *io;    /* on its done_fd */
};

struct static_peers {
	struct loop *loop;
	static_peers_fn *found;
	void *arg;
	struct peer peers[STATIC_PEERS_MAX];
	size_t n;
	int running; /* threads */
	struct loop_timer *timer;
};

static void report_due(void *arg);

struct static_peers *static_peers_new(struct loop *loop, static_peers_fn *found, void *arg)
{
	struct static_peers *s = MEM_NEW(struct static_peers);

	s->loop = loop;
	s->found = found;
	s->arg = arg;
	s->timer = loop_timer_new(loop, report_due, s);
	return s;
}

static void lookup_release(struct lookup *l)
{
	if (atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	if (l->done_fd >= 0)
		close(l->done_fd);
	free(l);
}

static void lookup_end(struct peer *p)
{
	if (p->lookup == NULL)
		return;
	loop_io_free(p->io);
	p->io = NULL;
	lookup_release(p->lookup);
	p->lookup = NULL;
	p->owner->running--;
}

void static_peers_free(struct static_peers *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		lookup_end(&s->peers[i]);
	loop_timer_free(s->timer);
	free(s);
}

static void lookup_resolve(struct lookup *l)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;

	if (l->numeric)
		hints.ai_flags |= AI_NUMERICHOST;
	l->error = getaddrinfo(l->host, l->port, &hints, &list);
	if (l->error != 0)
		return;
	for (struct addrinfo *a = list; a != NULL && l->n < MAX_ADDRS; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(l->addrs[0]) || (a->ai_family != AF_INET && a->ai_family != AF_INET6))
			continue;
		memcpy(&l->addrs[l->n], a->ai_addr, a->ai_addrlen);
		l->lens[l->n++] = a->ai_addrlen;
	}
	freeaddrinfo(list);
}

static void *lookup_thread(void *arg)
{
	struct lookup *l = arg;
	uint64_t one = 1;

	lookup_resolve(l);
	if (write(l->done_fd, &one, sizeof(one)) != sizeof(one))
		abort(); /* the write cannot block: an eventfd has space for one */
	lookup_release(l);
	return NULL;
}

static void report_lookup(struct peer *p, const struct lookup *l)
{
	struct static_peers *s = p->owner;

	if (l->error != 0 && !p->failed)
		log_warn("discovery: cannot resolve %s: %s; trying again every %d s", p->host, gai_strerror(l->error),
		         STATIC_PEERS_EVERY_MS / 1000);
	p->failed = l->error != 0;
	for (size_t i = 0; i < l->n; i++)
		s->found(s->arg, &l->addrs[i], l->lens[i]);
}

static void lookup_done(void *arg, int events)
{
	struct peer *p = arg;
	struct lookup *l = p->lookup;
	uint64_t one;

	(void)events;
	if (read(l->done_fd, &one, sizeof(one)) != sizeof(one)) {
		loop_io_want(p->io, LOOP_READ);
		return;
	}
	atomic_fetch_add(&l->refs, 1);
	lookup_end(p);
	loop_timer_start(p->owner->timer, 0, 0); /* other look-ups may have waited for a thread */
	report_lookup(p, l);
	lookup_release(l);
}

static struct lookup *lookup_new(const struct peer *p)
{
	struct lookup *l = MEM_NEW(struct lookup);

	atomic_init(&l->refs, 1);
	l->done_fd = p->numeric ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->numeric = p->numeric;
	memcpy(l->host, p->host, sizeof(l->host));
	memcpy(l->port, p->port, sizeof(l->port));
	if (p->numeric || l->done_fd >= 0)
		return l;
	free(l);
	return NULL;
}

/* -1 when the system has no thread or descriptor left; the next round tries again. */
static int lookup_start(struct peer *p)
{
	struct lookup *l = lookup_new(p);
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (l == NULL)
		return -1;
	p->io = loop_io_new(p->owner->loop, l->done_fd, lookup_done, p);
	if (p->io == NULL)
		goto release_lookup;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	atomic_fetch_add(&l->refs, 1);
	rc = pthread_create(&thread, &attr, lookup_thread, l);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		goto free_io;
	loop_io_want(p->io, LOOP_READ);
	p->lookup = l;
	p->owner->running++;
	return 0;

free_io:
	lookup_release(l);
	loop_io_free(p->io);
	p->io = NULL;
release_lookup:
	lookup_release(l);
	return -1;
}

static void report_numeric(struct peer *p)
{
	struct lookup *l = lookup_new(p);

	if (l == NULL)
		return;
	lookup_resolve(l);
	report_lookup(p, l);
	lookup_release(l);
}

static void report_due(void *arg)
{
	struct static_peers *s = arg;
	int64_t now = loop_now_ms(s->loop);
	int64_t next_ms = now + STATIC_PEERS_EVERY_MS;

	for (size_t i = 0; i < s->n; i++) {
		struct peer *p = &s->peers[i];

		if (p->due_ms <= now && p->lookup == NULL) {
			if (!p->numeric && s->running == MAX_RUNNING)
				continue; /* a thread that ends starts the timer */
			p->due_ms = now + STATIC_PEERS_EVERY_MS;
			if (p->numeric)
				report_numeric(p);
			else
				(void)lookup_start(p);
		}
		if (p->due_ms > now && p->due_ms < next_ms)
			next_ms = p->due_ms;
	}
	loop_timer_start(s->timer, next_ms - now, 0);
}

/* Splits HOST:PORT. -1: the text is not one. */
static int parse_peer(struct peer *p, const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t len;
	long port;

	if (colon == NULL || strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -1;
	port = strtol(colon + 1, NULL, 10);
	if (port < 1 || port > 65535)
		return -1;
	memcpy(p->port, colon + 1, strlen(colon + 1) + 1);
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		struct in6_addr ignored;
		char ip[INET6_ADDRSTRLEN];
		size_t ip_len;

		host++;
		len -= 2;
		ip_len = strcspn(host, "%]");
		if (len > MAX_HOST || ip_len >= sizeof(ip))
			return -1;
		memcpy(ip, host, ip_len);
		ip[ip_len] = '\0';
		if (inet_pton(AF_INET6, ip, &ignored) != 1)
			return -1;
		p->numeric = true;
	} else {
		if (len == 0 || len > MAX_HOST ||
		    strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") < len)
			return -1;
		p->numeric = strspn(host, "0123456789.") >= len;
	}
	memcpy(p->host, host, len);
	p->host[len] = '\0';
	return 0;
}

int static_peers_add(struct static_peers *s, const char *host_port)
{
	struct peer p = { .owner = s };
	struct in_addr ignored;

	if (parse_peer(&p, host_port) < 0)
		return -1;
	/* "10.0.0.256" is not a name either. */
	if (p.numeric && strchr(p.host, ':') == NULL && inet_pton(AF_INET, p.host, &ignored) != 1)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->peers[i].host, p.host) == 0 && strcmp(s->peers[i].port, p.port) == 0)
			return 0;
	}
	if (s->n == STATIC_PEERS_MAX)
		return -1;
	s->peers[s->n++] = p;
	loop_timer_start(s->timer, 0, 0);
	return 0;
}

void static_peers_refresh(struct static_peers *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->peers[i].due_ms = 0;
	if (s->n > 0)
		loop_timer_start(s->timer, 0, 0);
}
