/* Follows RTM_NEWADDR, RTM_DELADDR and RTM_NEWLINK: see host_addrs.h. A message only says that something changed;
 * then the whole list is read again, so nothing depends on having received every message. (Messages are not const
 * here because the kernel's macros are not.) */
#include "discovery/host_addrs.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	QUIET_MS = 100,         /* from a message to reading the list */
	RETRY_MS = 1000,        /* after the kernel had no memory for a list */
	LINKS_MAX = 1024,       /* interfaces whose carrier is followed */
	RECV_BYTES = 32 * 1024, /* the kernel never sends more at once to a buffer of this size */
	IPV4_OF_ONE = 4,        /* addresses of an interface that are listed */
	IPV6_OF_ONE = 2,        /* and the link-local one */
};

struct link_state {
	int iface; /* 0: slot is free */
	bool up;   /* administratively, and with a carrier */
};

struct host_addrs {
	struct loop *loop;
	loop_fn *changed;
	void *arg;
	char wanted[HOST_INTERFACES_MAX][IF_NAMESIZE];
	size_t nwanted;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer; /* runs from a message until the list is read */
	bool reported;            /* changed() has been called */
	bool link_came_up;        /* not reported yet */
	bool crowded;
	struct host_addr now[HOST_ADDRS_MAX];
	size_t n;
	struct link_state links[LINKS_MAX];
};

/* --- the list --- */

static bool is_wanted_interface(const struct host_addrs *h, const char *name)
{
	for (size_t i = 0; i < h->nwanted; i++) {
		if (strcmp(h->wanted[i], name) == 0)
			return true;
	}
	return h->nwanted == 0;
}

bool host_addr_link_local(const struct host_addr *addr)
{
	return addr->family == AF_INET6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

/* The likeliest interface first, and of each interface IPv4, then link-local. */
static int compare_addrs(const void *a, const void *b)
{
	const struct host_addr *x = a;
	const struct host_addr *y = b;
	bool x_local = host_addr_link_local(x);
	bool y_local = host_addr_link_local(y);

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->iface != y->iface)
		return x->iface < y->iface ? -1 : 1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x_local != y_local)
		return x_local ? -1 : 1;
	return memcmp(x->ip, y->ip, sizeof(x->ip));
}

/* A virtual interface with only a link-local address is more likely one end of a container's link than a way to
 * other agents. */
static bool has_only_link_local(const struct host_addr *list, size_t n, int iface)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].iface == iface && !host_addr_link_local(&list[i]))
			return false;
	}
	return true;
}

/* All addresses of the wanted interfaces, sorted. The caller frees them. */
static struct host_addr *candidates(const struct host_addrs *h, const struct host_facts *facts, size_t *n)
{
	struct host_addr *list = mem_calloc(facts->naddrs + 1, sizeof(*list));

	*n = 0;
	for (size_t i = 0; i < facts->naddrs; i++) {
		const struct host_fact *fact = &facts->addrs[i];
		const struct host_link *link = host_facts_link(facts, fact->iface);
		struct host_addr *addr;

		if (link == NULL || !is_wanted_interface(h, link->name))
			continue;
		addr = &list[(*n)++];
		addr->iface = fact->iface;
		addr->rank = link->rank;
		addr->family = fact->family;
		memcpy(addr->ip, fact->ip, sizeof(addr->ip));
	}
	for (size_t i = 0; i < *n; i++) {
		if (list[i].rank == HOST_VIRTUAL && has_only_link_local(list, *n, list[i].iface))
			list[i].rank = HOST_BRIDGE;
	}
	qsort(list, *n, sizeof(*list), compare_addrs);
	return list;
}

/* Takes the first HOST_INTERFACES_MAX interfaces, and the first addresses of each. */
static size_t choose_addrs(struct host_addr out[HOST_ADDRS_MAX], const struct host_addr *list, size_t n, bool *crowded)
{
	int interfaces = 0, ipv4 = 0, ipv6 = 0;
	size_t chosen = 0;

	*crowded = false;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || list[i].iface != list[i - 1].iface) {
			interfaces++;
			ipv4 = ipv6 = 0;
		}
		if (interfaces > HOST_INTERFACES_MAX) {
			*crowded = true;
			break;
		}
		if (list[i].family == AF_INET ? ipv4++ < IPV4_OF_ONE
		                              : host_addr_link_local(&list[i]) || ipv6++ < IPV6_OF_ONE)
			out[chosen++] = list[i];
		if (chosen == HOST_ADDRS_MAX)
			break;
	}
	return chosen;
}

/* Reads the list. 1: it has changed; 0: it has not; -1 and errno. */
static int read_addrs(struct host_addrs *h)
{
	struct host_addr next[HOST_ADDRS_MAX];
	struct host_facts facts;
	struct host_addr *list;
	size_t n;
	bool differs;

	if (host_facts_read(&facts) < 0)
		return -1;
	list = candidates(h, &facts, &n);
	n = choose_addrs(next, list, n, &h->crowded);
	free(list);
	host_facts_free(&facts);
	differs = n != h->n;
	for (size_t i = 0; i < n && !differs; i++)
		differs = compare_addrs(&next[i], &h->now[i]) != 0;
	memcpy(h->now, next, n * sizeof(*next));
	h->n = n;
	return differs ? 1 : 0;
}

static void addrs_quiet(void *arg)
{
	struct host_addrs *h = arg;
	int rc = read_addrs(h);

	if (rc < 0) {
		loop_timer_start(h->timer, RETRY_MS, 0);
		return;
	}
	if (rc == 0 && h->reported && !h->link_came_up)
		return;
	h->reported = true;
	h->link_came_up = false;
	h->changed(h->arg);
}

/* --- events --- */

static void schedule_read(struct host_addrs *h)
{
	if (!loop_timer_running(h->timer))
		loop_timer_start(h->timer, QUIET_MS, 0);
}

/* A carrier that comes back is a reason to announce again even if no address changed: others may have lost us while
 * it was gone. */
static void note_link(struct host_addrs *h, struct nlmsghdr *header)
{
	struct ifinfomsg *msg = NLMSG_DATA(header);
	bool up = (msg->ifi_flags & IFF_UP) != 0 && (msg->ifi_flags & IFF_RUNNING) != 0;
	struct link_state *slot = NULL;

	if ((msg->ifi_flags & IFF_LOOPBACK) != 0)
		return;
	for (size_t i = 0; i < LINKS_MAX; i++) {
		if (h->links[i].iface == msg->ifi_index) {
			slot = &h->links[i];
			break;
		}
		if (slot == NULL && h->links[i].iface == 0)
			slot = &h->links[i];
	}
	if (slot == NULL)
		return;
	if (header->nlmsg_type == RTM_DELLINK) {
		slot->iface = 0;
		return;
	}
	if (slot->iface != 0 && up && !slot->up) {
		h->link_came_up = true;
		schedule_read(h);
	}
	slot->iface = msg->ifi_index;
	slot->up = up;
}

static void read_message(struct host_addrs *h, struct nlmsghdr *header)
{
	switch (header->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		schedule_read(h);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
			note_link(h, header);
		break;
	default:
		break;
	}
}

static void netlink_readable(void *arg, int events)
{
	_Alignas(struct nlmsghdr) char buf[RECV_BYTES];
	struct host_addrs *h = arg;
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t got = recvfrom(h->fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len);
	size_t left;

	(void)events;
	loop_io_want(h->io, LOOP_READ); /* an error stops the watch */
	if (got < 0) {
		/* ENOBUFS: messages were lost. */
		if (errno != EAGAIN && errno != EINTR)
			schedule_read(h);
		return;
	}
	if (from_len != sizeof(from) || from.nl_pid != 0)
		return; /* not from the kernel */
	left = (size_t)got;
	for (struct nlmsghdr *m = (void *)buf; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
		read_message(h, m);
}

/* Subscribes before it reads the list for the first time, so that no change falls between the two. */
struct host_addrs *host_addrs_new(struct loop *loop, const char *const *wanted, size_t nwanted, loop_fn *changed,
                                  void *arg)
{
	struct sockaddr_nl self = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	struct host_addrs *h = MEM_NEW(struct host_addrs);

	h->loop = loop;
	h->changed = changed;
	h->arg = arg;
	for (size_t i = 0; i < nwanted && i < HOST_INTERFACES_MAX; i++)
		(void)snprintf(h->wanted[h->nwanted++], IF_NAMESIZE, "%s", wanted[i]);
	h->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (h->fd < 0)
		goto free_addrs;
	if (bind(h->fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		goto close_fd;
	h->io = loop_io_new(loop, h->fd, netlink_readable, h);
	if (h->io == NULL)
		goto close_fd;
	h->timer = loop_timer_new(loop, addrs_quiet, h);
	loop_io_want(h->io, LOOP_READ);
	(void)read_addrs(h);
	loop_timer_start(h->timer, 0, 0);
	return h;

close_fd:
	close(h->fd);
free_addrs:
	free(h);
	return NULL;
}

void host_addrs_free(struct host_addrs *h)
{
	if (h == NULL)
		return;
	loop_io_free(h->io);
	loop_timer_free(h->timer);
	close(h->fd);
	free(h);
}

const struct host_addr *host_addrs_get(const struct host_addrs *h, size_t *n)
{
	*n = h->n;
	return h->now;
}

bool host_addrs_crowded(const struct host_addrs *h)
{
	return h->crowded;
}
