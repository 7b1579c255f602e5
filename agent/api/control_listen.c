/* See control_listen.h. */
#include "agent/api/control_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/config/door_address.h"
#include "base/mem.h"

enum { BACKLOG = 64 };

static int failed(struct control_listen *l, char **why)
{
	*why = mem_printf("%s: %s", l->where, strerror(errno));
	control_listen_end(l);
	return -1;
}

/* --- sockets --- */

/* By the folder's descriptor, because a socket's path may have at most 107 bytes. */
static int socket_address(const struct control_listen *l, struct sockaddr_un *sun)
{
	int n;

	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d/%s", l->dirfd, l->name);
	if (n > 0 && (size_t)n < sizeof(sun->sun_path))
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

static int listen_socket(struct control_listen *l, mode_t mode)
{
	struct sockaddr_un sun;
	mode_t old_mask;
	int rc;

	if (socket_address(l, &sun) < 0)
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -1;
	if (unlinkat(l->dirfd, l->name, 0) < 0 && errno != ENOENT)
		return -1;
	old_mask = umask(0777 & ~mode);
	rc = bind(l->fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old_mask);
	return rc == 0 ? listen(l->fd, BACKLOG) : -1;
}

int control_listen_in(struct control_listen *l, int dirfd, const char *folder, const char *name, mode_t mode,
                      char **why)
{
	*l = (struct control_listen)CONTROL_LISTEN_NONE;
	l->where = mem_printf("%s/%s", folder, name);
	l->name = mem_strdup(name);
	l->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	return l->dirfd >= 0 && listen_socket(l, mode) == 0 ? 0 : failed(l, why);
}

/* Whether what is at the path may be replaced: nothing, or a socket that nobody listens on. */
static int is_free(const struct control_listen *l)
{
	struct sockaddr_un sun;
	struct stat st;
	int fd, rc;

	if (fstatat(l->dirfd, l->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	errno = EADDRINUSE;
	if (!S_ISSOCK(st.st_mode) || socket_address(l, &sun) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 && errno == ECONNREFUSED ? 0 : -1;
	close(fd);
	errno = EADDRINUSE;
	return rc;
}

static int listen_at_path(struct control_listen *l, const char *path, char **why)
{
	const char *slash = strrchr(path, '/');
	char *folder = mem_printf("%.*s/", (int)(slash - path), path);

	l->name = mem_strdup(slash + 1);
	l->dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	/* As open as an address: its folder's rights say who gets there. */
	if (l->dirfd >= 0 && is_free(l) == 0 && listen_socket(l, 0666) == 0)
		return 0;
	if (l->fd < 0) {
		/* What is there is not ours. */
		free(l->name);
		l->name = NULL;
	}
	return failed(l, why);
}

/* --- addresses --- */

static socklen_t system_address(const struct door_address *a, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (a->kind == DOOR_IPV4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(a->port);
		memcpy(&v4->sin_addr, a->ip, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(a->port);
	memcpy(&v6->sin6_addr, a->ip, 16);
	return sizeof(*v6);
}

static uint16_t port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .v6 = { .sin6_port = 0 } };
	socklen_t len = sizeof(address);

	if (getsockname(fd, &address.any, &len) < 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static int listen_at_address(struct control_listen *l, const struct door_address *a, bool others)
{
	struct sockaddr_storage address;
	socklen_t len = system_address(a, &address);
	int on = 1, alone = !others;

	l->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -1;
	if (a->kind == DOOR_IPV6 && setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone)) < 0)
		return -1;
	/* An address may come after us, when the machine starts. */
	if (others && setsockopt(l->fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0)
		return -1;
	if (bind(l->fd, (struct sockaddr *)&address, len) < 0 || listen(l->fd, BACKLOG) < 0)
		return -1;
	l->port = port_of(l->fd);
	return 0;
}

int control_listen_at(struct control_listen *l, const char *at, bool others, char **why)
{
	struct door_address address;

	*l = (struct control_listen)CONTROL_LISTEN_NONE;
	l->where = mem_strdup(at);
	errno = EINVAL;
	if (door_address_parse(at, &address) < 0)
		return failed(l, why);
	if (address.kind == DOOR_PATH)
		return listen_at_path(l, at, why);
	if (listen_at_address(l, &address, others) < 0)
		return failed(l, why);
	/* Port 0 is another one now. */
	free(l->where);
	l->where = mem_printf("%.*s:%u", (int)(strrchr(at, ':') - at), at, l->port);
	return 0;
}

void control_listen_end(struct control_listen *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->name != NULL)
		(void)unlinkat(l->dirfd, l->name, 0);
	if (l->dirfd >= 0)
		close(l->dirfd);
	free(l->name);
	free(l->where);
	*l = (struct control_listen)CONTROL_LISTEN_NONE;
}
