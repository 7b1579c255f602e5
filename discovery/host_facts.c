/* Reads links, addresses, and where the default routes lead: see host_facts.h. (Messages are not const here because
 * the kernel's macros are not.) */
#include "discovery/host_facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	FACTS_MAX = 4096,       /* links or addresses, at most */
	RECV_BYTES = 32 * 1024, /* the kernel never sends more at once to a buffer of this size */
	NROUTES = 2,
};

struct reading {
	int fd;
	uint32_t seq;
	struct host_facts *facts;
	int routes[NROUTES]; /* the interfaces that default routes lead to; 0: none */
};

struct netlink_request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
		struct rtmsg route;
	} body;
	uint8_t attributes[64];
};

typedef void read_fn(struct reading *r, struct nlmsghdr *header);

static void add_attribute(struct netlink_request *q, uint16_t type, const void *data, uint16_t n)
{
	struct rtattr *a = (struct rtattr *)(void *)((uint8_t *)q + NLMSG_ALIGN(q->header.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	q->header.nlmsg_len = NLMSG_ALIGN(q->header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* Takes one message of an answer. 1: the answer is complete; 0: more is to come; -1 and errno. */
static int take_answer(struct reading *r, struct nlmsghdr *m, size_t left, uint16_t wanted, read_fn *fn)
{
	for (; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
		if (m->nlmsg_seq != r->seq)
			continue;
		if (m->nlmsg_type == NLMSG_DONE)
			return 1;
		if (m->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(m);

			errno = m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) ? -e->error : EPROTO;
			return -1;
		}
		if (m->nlmsg_type == wanted)
			fn(r, m);
		if ((m->nlmsg_flags & NLM_F_MULTI) == 0)
			return 1;
	}
	return 0;
}

/* Asks, and passes every message of the wanted type to fn. The kernel has the answer ready when send() returns. */
static int netlink_ask(struct reading *r, struct netlink_request *q, uint16_t wanted, read_fn *fn)
{
	_Alignas(struct nlmsghdr) char buf[RECV_BYTES];
	int status = 0;

	q->header.nlmsg_seq = ++r->seq;
	if (send(r->fd, q, q->header.nlmsg_len, 0) < 0)
		return -1;
	while (status == 0) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t got = recvfrom(r->fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (from_len == sizeof(from) && from.nl_pid == 0)
			status = take_answer(r, (void *)buf, (size_t)got, wanted, fn);
	}
	return status < 0 ? -1 : 0;
}

/* --- routes --- */

static void read_route(struct reading *r, struct nlmsghdr *header)
{
	struct rtmsg *msg = NLMSG_DATA(header);
	int left = (int)RTM_PAYLOAD(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || msg->rtm_type != RTN_UNICAST)
		return;
	for (struct rtattr *a = RTM_RTA(msg); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) == sizeof(int))
			memcpy(r->routes[0] == 0 ? &r->routes[0] : &r->routes[1], RTA_DATA(a), sizeof(int));
	}
}

/* Where a packet to a distant host would go. The addresses are reserved for documentation, and nothing is sent: a
 * list of all routes could have a million entries. */
static void ask_for_routes(struct reading *r)
{
	struct netlink_request q = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
		            .nlmsg_type = RTM_GETROUTE,
		            .nlmsg_flags = NLM_F_REQUEST },
	};
	struct netlink_request q6 = q;
	struct in_addr far;
	struct in6_addr far6;

	q.body.route = (struct rtmsg){ .rtm_family = AF_INET, .rtm_dst_len = 32 };
	inet_pton(AF_INET, "203.0.113.1", &far);
	add_attribute(&q, RTA_DST, &far, sizeof(far));
	(void)netlink_ask(r, &q, RTM_NEWROUTE, read_route); /* an error means that there is none */
	q6.body.route = (struct rtmsg){ .rtm_family = AF_INET6, .rtm_dst_len = 128 };
	inet_pton(AF_INET6, "2001:db8::1", &far6);
	add_attribute(&q6, RTA_DST, &far6, sizeof(far6));
	(void)netlink_ask(r, &q6, RTM_NEWROUTE, read_route);
}

/* --- links --- */

static bool is_text(struct rtattr *a, const char *text)
{
	size_t n = strlen(text);

	return RTA_PAYLOAD(a) >= n && memcmp(RTA_DATA(a), text, n) == 0 &&
	       (RTA_PAYLOAD(a) == n || ((const char *)RTA_DATA(a))[n] == '\0');
}

static enum host_rank rank_of_kind(struct rtattr *info)
{
	enum host_rank rank = HOST_HARDWARE;
	int left = (int)RTA_PAYLOAD(info);

	for (struct rtattr *a = RTA_DATA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_INFO_SLAVE_KIND &&
		    (is_text(a, "bridge") || is_text(a, "bond") || is_text(a, "team")))
			return HOST_BRIDGE_PORT;
		if (a->rta_type == IFLA_INFO_KIND)
			rank = is_text(a, "bridge") ? HOST_BRIDGE : HOST_VIRTUAL;
	}
	return rank;
}

/* A default route outranks whatever kind of link it leads to. */
static void facts_read_link(struct reading *r, struct nlmsghdr *header)
{
	struct ifinfomsg *msg = NLMSG_DATA(header);
	struct host_facts *f = r->facts;
	struct host_link link = { .rank = HOST_HARDWARE };
	int left = (int)IFLA_PAYLOAD(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || (msg->ifi_flags & IFF_LOOPBACK) != 0 ||
	    f->nlinks == FACTS_MAX)
		return;
	link.iface = msg->ifi_index;
	for (struct rtattr *a = IFLA_RTA(msg); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_IFNAME && RTA_PAYLOAD(a) <= sizeof(link.name))
			memcpy(link.name, RTA_DATA(a), RTA_PAYLOAD(a));
		else if (a->rta_type == IFLA_LINKINFO)
			link.rank = rank_of_kind(a);
	}
	link.name[sizeof(link.name) - 1] = '\0';
	if (link.iface == r->routes[0] || link.iface == r->routes[1])
		link.rank = HOST_DEFAULT_ROUTE;
	f->links = mem_realloc(f->links, f->nlinks + 1, sizeof(*f->links));
	f->links[f->nlinks++] = link;
}

static int ask_for_links(struct reading *r)
{
	struct netlink_request q = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		            .nlmsg_type = RTM_GETLINK,
		            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body.link = { .ifi_family = AF_UNSPEC },
	};

	return netlink_ask(r, &q, RTM_NEWLINK, facts_read_link);
}

/* --- addresses --- */

static void read_addr(struct reading *r, struct nlmsghdr *header)
{
	struct ifaddrmsg *msg = NLMSG_DATA(header);
	struct host_facts *f = r->facts;
	struct host_fact addr = { .iface = (int)msg->ifa_index, .family = msg->ifa_family };
	uint32_t unfit = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	uint32_t flags = msg->ifa_flags;
	size_t size = msg->ifa_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	const void *address = NULL;
	const void *local = NULL;
	int left = (int)IFA_PAYLOAD(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || f->naddrs == FACTS_MAX ||
	    msg->ifa_scope >= RT_SCOPE_HOST || (addr.family != AF_INET && addr.family != AF_INET6))
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
	f->addrs = mem_realloc(f->addrs, f->naddrs + 1, sizeof(*f->addrs));
	f->addrs[f->naddrs++] = addr;
}

static int ask_for_addrs(struct reading *r)
{
	struct netlink_request q = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
		            .nlmsg_type = RTM_GETADDR,
		            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body.addr = { .ifa_family = AF_UNSPEC },
	};

	return netlink_ask(r, &q, RTM_NEWADDR, read_addr);
}

/* --- everything --- */

int host_facts_read(struct host_facts *f)
{
	struct reading r = { .facts = f };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc = -1;
	int saved;

	*f = (struct host_facts){ 0 };
	if (fd < 0)
		return -1;
	r.fd = fd;
	ask_for_routes(&r);
	if (ask_for_links(&r) == 0 && ask_for_addrs(&r) == 0)
		rc = 0;
	saved = errno;
	close(fd);
	if (rc < 0)
		host_facts_free(f);
	errno = saved;
	return rc;
}

void host_facts_free(struct host_facts *f)
{
	free(f->links);
	free(f->addrs);
	*f = (struct host_facts){ 0 };
}

const struct host_link *host_facts_link(const struct host_facts *f, int iface)
{
	for (size_t i = 0; i < f->nlinks; i++) {
		if (f->links[i].iface == iface)
			return &f->links[i];
	}
	return NULL;
}
