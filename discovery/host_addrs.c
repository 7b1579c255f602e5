/* Follows RTM_NEWADDR, RTM_DELADDR and RTM_NEWLINK: see host_addrs.h. A message only says that something changed; the
 * list is then read anew as a whole, so nothing depends on having seen every message. (Messages are not const here
 * because the kernel's macros are not.) */
#include "discovery/host_addrs.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	SETTLE_MS = 100,        /* from a message to reading the list */
	RETRY_MS = 1000,        /* after the kernel had no memory for a list */
	LINKS_MAX = 64,         /* whose carrier is followed */
	RECV_BYTES = 32 * 1024, /* the kernel never sends more at once to a buffer of this size */
};

struct link_state {
	int iface; /* 0: slot is free */
	bool up;   /* administratively, and with a carrier */
};

struct host_addrs {
	struct loop *loop;
	loop_fn *changed;
	void *arg;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer; /* runs from a message until the list is read */
	uint32_t seq;             /* of the latest request for a list */
	bool reading;             /* a list is coming */
	bool again;               /* something changed while it came */
	bool known;               /* a list was read */
	bool link_came_up;        /* not told yet */
	struct host_addr now[HOST_ADDRS_MAX];
	size_t n;
	struct host_addr next[HOST_ADDRS_MAX]; /* the list that is coming */
	size_t nnext;
	struct link_state links[LINKS_MAX];
};

static int compare(const void *a, const void *b)
{
	const struct host_addr *x = a;
	const struct host_addr *y = b;

	if (x->iface != y->iface)
		return x->iface < y->iface ? -1 : 1;
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return memcmp(x->ip, y->ip, sizeof(x->ip));
}

static void ask_for_list(struct host_addrs *h)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg body;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++h->seq,
		},
		.body = { .ifa_family = AF_UNSPEC },
	};

	h->nnext = 0;
	h->again = false;
	h->reading = send(h->fd, &request, sizeof(request), 0) == sizeof(request);
	if (!h->reading)
		loop_timer_start(h->timer, RETRY_MS, 0);
}

static void settled(void *arg)
{
	struct host_addrs *h = arg;

	if (h->reading)
		h->again = true;
	else
		ask_for_list(h);
}

static void something_changed(struct host_addrs *h)
{
	if (!loop_timer_running(h->timer))
		loop_timer_start(h->timer, SETTLE_MS, 0);
}

static bool is_link_local(const struct host_addr *addr)
{
	return addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

/* Keeps one IPv6 address an interface: link-local before anything else. */
static void keep(struct host_addrs *h, const struct host_addr *addr)
{
	for (size_t i = 0; i < h->nnext && addr->family == AF_INET6; i++) {
		struct host_addr *old = &h->next[i];

		if (old->iface != addr->iface || old->family != AF_INET6)
			continue;
		if (!is_link_local(old) && is_link_local(addr))
			*old = *addr;
		return;
	}
	if (h->nnext < HOST_ADDRS_MAX)
		h->next[h->nnext++] = *addr;
}

static void read_addr(struct host_addrs *h, struct nlmsghdr *header)
{
	struct ifaddrmsg *msg = NLMSG_DATA(header);
	struct host_addr addr = { .iface = (int)msg->ifa_index, .family = msg->ifa_family };
	uint32_t unfit = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	uint32_t flags = msg->ifa_flags;
	size_t size = msg->ifa_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	const void *address = NULL;
	const void *local = NULL;
	int left = (int)IFA_PAYLOAD(header);

	if (msg->ifa_scope >= RT_SCOPE_HOST || (addr.family != AF_INET && addr.family != AF_INET6))
		return;
	for (struct rtattr *a = IFA_RTA(msg); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFA_ADDRESS && RTA_PAYLOAD(a) == size)
			address = RTA_DATA(a);
		else if (a->rta_type == IFA_LOCAL && RTA_PAYLOAD(a) == size)
			local = RTA_DATA(a);
		else if (a->rta_type == IFA_FLAGS && RTA_PAYLOAD(a) == sizeof(flags))
			memcpy(&flags, RTA_DATA(a), sizeof(flags));
	}
	if (local != NULL)
		address = local; /* on a point-to-point link IFA_ADDRESS is the other end */
	if (addr.family == AF_INET6)
		unfit |= IFA_F_TEMPORARY;
	if (address == NULL || (flags & unfit) != 0)
		return;
	memcpy(addr.ip, address, size);
	keep(h, &addr);
}

static void read_link(struct host_addrs *h, struct nlmsghdr *header)
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
		something_changed(h);
	}
	slot->iface = msg->ifi_index;
	slot->up = up;
}

static void list_complete(struct host_addrs *h)
{
	bool differs;

	h->reading = false;
	if (h->again) {
		ask_for_list(h);
		return;
	}
	qsort(h->next, h->nnext, sizeof(h->next[0]), compare);
	differs = h->nnext != h->n;
	for (size_t i = 0; i < h->nnext && !differs; i++)
		differs = compare(&h->next[i], &h->now[i]) != 0;
	if (!differs && h->known && !h->link_came_up)
		return;
	memcpy(h->now, h->next, sizeof(h->now));
	h->n = h->nnext;
	h->known = true;
	h->link_came_up = false;
	h->changed(h->arg);
}

/* One message; those that answer our request carry its number, news of changes carry none. */
static void read_message(struct host_addrs *h, struct nlmsghdr *header)
{
	bool ours = h->reading && header->nlmsg_seq == h->seq;

	switch (header->nlmsg_type) {
	case RTM_NEWADDR:
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)) && ours)
			read_addr(h, header);
		else
			something_changed(h);
		break;
	case RTM_DELADDR:
		something_changed(h);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
			read_link(h, header);
		break;
	case NLMSG_DONE:
		if (ours)
			list_complete(h);
		break;
	case NLMSG_ERROR:
		if (ours) {
			h->reading = false;
			loop_timer_start(h->timer, RETRY_MS, 0);
		}
		break;
	default:
		break;
	}
}

static void readable(void *arg, int events)
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
		/* ENOBUFS: messages were lost, perhaps the end of the list among them. */
		if (errno != EAGAIN && errno != EINTR) {
			h->reading = false;
			something_changed(h);
		}
		return;
	}
	if (from_len != sizeof(from) || from.nl_pid != 0)
		return; /* not from the kernel */
	left = (size_t)got;
	for (struct nlmsghdr *m = (void *)buf; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
		read_message(h, m);
}

struct host_addrs *host_addrs_new(struct loop *loop, loop_fn *changed, void *arg)
{
	struct sockaddr_nl self = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	struct host_addrs *h = MEM_NEW(struct host_addrs);

	h->loop = loop;
	h->changed = changed;
	h->arg = arg;
	h->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (h->fd < 0)
		goto free_addrs;
	if (bind(h->fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		goto close_fd;
	h->io = loop_io_new(loop, h->fd, readable, h);
	if (h->io == NULL)
		goto close_fd;
	h->timer = loop_timer_new(loop, settled, h);
	loop_io_want(h->io, LOOP_READ);
	ask_for_list(h);
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
