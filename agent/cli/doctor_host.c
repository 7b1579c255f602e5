/* See doctor.h: checks of this host, whether an agent runs or not: home, settings, inotify, clock, disk, shares. */
#include "agent/cli/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/format.h"
#include "agent/config/config.h"
#include "agent/escape.h"
#include "base/mem.h"

enum {
	ENOUGH_PERCENT = 5,
	ENOUGH_INODES = 1000,
	SPARE_WATCHES = 1000,
	CONNECT_MS = 1000,
	MAX_TRIES = 3, /* addresses of ours */
};

static const int64_t enough_bytes = 256 << 20;
/* 2024-01-01: before this program existed. The clock must not read an earlier time, nor one before the program was
 * installed. */
static const int64_t earliest = 1704067200;
static const int64_t ten_years = INT64_C(3653) * 86400;

void doctor_check_home(struct doctor *d)
{
	struct stat st;

	if (stat(d->home, &st) < 0) {
		bool absent = errno == ENOENT && d->status == NULL;

		doctor_found(d, "home", absent ? DOCTOR_NOTE : DOCTOR_BAD,
		             mem_printf("%s: %s", d->home, strerror(errno)),
		             absent ? mem_strdup("lanyardd creates it when it starts; is this the right --home?")
		                    : mem_strdup("run this as the agent's user"));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		doctor_found(d, "home", DOCTOR_BAD, mem_printf("%s is not a folder", d->home),
		             mem_strdup("choose another --home"));
		return;
	}
	if ((st.st_mode & 077) != 0)
		doctor_found(d, "home", DOCTOR_BAD,
		             mem_printf("%s has mode %04o: others could read the agent's key", d->home,
		                        st.st_mode & 07777),
		             mem_printf("chmod 700 %s", d->home));
	else
		doctor_found(d, "home", DOCTOR_OK, mem_printf("%s is accessible to its owner only", d->home), NULL);
}

/* --- network --- */

/* Whether "a, b, c" has name. */
static bool listed(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; *at != '\0'; at += strspn(at, ", ")) {
		size_t n = strcspn(at, ",");

		if (n == len && memcmp(at, name, n) == 0)
			return true;
		at += n;
	}
	return false;
}

void doctor_check_network(struct doctor *d)
{
	struct ifaddrs *all = NULL;
	char *names = mem_strdup("");

	if (getifaddrs(&all) < 0) {
		doctor_found(d, "network", DOCTOR_BAD, mem_printf("interfaces cannot be listed: %s", strerror(errno)),
		             NULL);
		free(names);
		return;
	}
	for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		const unsigned int needed = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
		char *longer;

		if ((i->ifa_flags & needed) != needed || (i->ifa_flags & IFF_LOOPBACK) != 0 || i->ifa_addr == NULL ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		if (listed(names, i->ifa_name))
			continue;
		longer = mem_printf("%s%s%s", names, names[0] != '\0' ? ", " : "", i->ifa_name);
		free(names);
		names = longer;
	}
	if (names[0] != '\0')
		doctor_found(d, "network", DOCTOR_OK, mem_printf("up, with multicast: %s", names), NULL);
	else
		doctor_found(d, "network", DOCTOR_BAD,
		             mem_strdup("no interface is up, has an address and supports multicast"),
		             mem_strdup("bring one up (ip link, ip addr), or name members with --peer HOST:PORT"));
	free(names);
	freeifaddrs(all);
}

/* Whether /proc/net/tcp or tcp6 has a listener on this port. -1: cannot be read. */
static int listens(const char *file, int64_t port)
{
	FILE *f = fopen(file, "re");
	char line[512];
	int found = 0;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned int local;
		unsigned int state;

		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 &&
		    local == (unsigned int)port && state == 10)
			found = 1;
	}
	(void)fclose(f);
	return found;
}

/* 0 when a connection to this address of our own comes about, else what the attempt says. */
static int try_connect(const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, addr, len) < 0 && errno != EINPROGRESS)
		error = errno;
	else if (poll(&p, 1, CONNECT_MS) == 0)
		error = ETIMEDOUT;
	else
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
	close(fd);
	return error;
}

/* A firewall that lets nobody in most often stops ourselves as well. Tries the host's IPv4 addresses; returns the first
 * that does not answer, as text, or NULL. Fresh. */
static char *blocked_at(int64_t port)
{
	struct ifaddrs *all = NULL;
	char *blocked = NULL;
	int tries = 0;

	if (getifaddrs(&all) < 0)
		return NULL;
	for (struct ifaddrs *i = all; i != NULL && blocked == NULL && tries < MAX_TRIES; i = i->ifa_next) {
		struct sockaddr_in to;
		char text[INET_ADDRSTRLEN];
		int error;

		if ((i->ifa_flags & IFF_LOOPBACK) != 0 || (i->ifa_flags & IFF_UP) == 0 || i->ifa_addr == NULL ||
		    i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&to, i->ifa_addr, sizeof(to));
		to.sin_port = htons((uint16_t)port);
		error = try_connect((const struct sockaddr *)&to, sizeof(to));
		tries++;
		/* Refused: it listens on another address, as it was told. */
		if (error != 0 && error != ECONNREFUSED)
			blocked = mem_printf("%s: %s", inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text)),
			                     strerror(error));
	}
	freeifaddrs(all);
	return blocked;
}

static void check_firewall(struct doctor *d, int64_t port)
{
	char *blocked = blocked_at(port);

	if (blocked != NULL)
		doctor_found(d, "port", DOCTOR_BAD,
		             mem_printf("the agent listens on TCP port %" PRId64 ", but cannot be reached at %s", port,
		                        blocked),
		             mem_printf("ufw allow lanyard, or firewall-cmd --add-service=lanyard, or let TCP port "
		                        "%" PRId64 " and UDP port 5353 through in another way (nft list ruleset)",
		                        port));
	else
		doctor_found(d, "port", DOCTOR_OK,
		             mem_printf("the agent listens on TCP port %" PRId64
		                        "; a firewall must let this port and UDP "
		                        "port 5353 through",
		                        port),
		             NULL);
	free(blocked);
}

void doctor_check_port(struct doctor *d)
{
	int64_t port = d->status != NULL ? cli_number(d->status, "port") : 0;
	int v4;
	int v6;

	if (port == 0)
		return;
	v4 = listens("/proc/net/tcp", port);
	v6 = listens("/proc/net/tcp6", port);
	if (v4 > 0 || v6 > 0)
		check_firewall(d, port);
	else if (v4 == 0 || v6 == 0)
		doctor_found(d, "port", DOCTOR_NOTE, mem_printf("nothing listens on TCP port %" PRId64 " here", port),
		             mem_strdup("if the agent runs in another network namespace, run this there; otherwise "
		                        "restart it"));
	else
		doctor_found(d, "port", DOCTOR_NOTE, mem_strdup("/proc/net/tcp cannot be read"), NULL);
}

static bool is_in(const struct doctor *d, const char *name)
{
	char *text = escape_name(name);
	bool found = false;
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(d->status, "groups"), i, group) {
		const char *one = json_string_value(json_object_get(group, "group"));

		found = found || (one != NULL && strcmp(one, text) == 0);
	}
	free(text);
	return found;
}

/* Groups that the settings name and the agent could not join. Except for this, only its log mentions them. */
static void check_declared(struct doctor *d, const struct config *c)
{
	for (size_t i = 0; i < c->ngroups; i++) {
		char *check;

		if (is_in(d, c->groups[i].name))
			continue;
		check = mem_printf("group %s", c->groups[i].name);
		doctor_found(d, check, DOCTOR_BAD, mem_strdup("the settings name it, but the agent is not in it"),
		             mem_strdup("lanyardd --check-config says whether its invite is valid, the agent's "
		                        "log why it was not accepted; reloading lanyardd tries again"));
		free(check);
	}
}

void doctor_check_settings(struct doctor *d)
{
	const struct options none = { 0 };
	struct config c;
	char *why = NULL;
	int64_t port = 0;

	if (config_load(&c, d->home, &none, &why) < 0) {
		doctor_found(d, "settings", DOCTOR_BAD, mem_strdup(why),
		             mem_strdup("fix that (lanyard.conf(5)), then restart or reload lanyardd; if you merely "
		                        "may not read it, run this as root"));
	} else if (d->status != NULL) {
		check_declared(d, &c);
	} else {
		const char *colon = strrchr(c.settings.listen, ':');

		if (c.settings.listen_set &&
		    args_number(colon != NULL ? colon + 1 : c.settings.listen, 1, 65535, &port) == 0 &&
		    (listens("/proc/net/tcp", port) > 0 || listens("/proc/net/tcp6", port) > 0))
			doctor_found(
				d, "port", DOCTOR_BAD,
				mem_printf("another program listens on TCP port %" PRId64 ": lanyardd cannot start",
			                   port),
				mem_printf("set another `listen` in lanyard.conf, or none, for any free port (ss -ltnp "
			                   "sport = :%" PRId64 " names the program)",
			                   port));
	}
	free(why);
	config_free(&c);
}

/* --- kernel limits, clock --- */

static int64_t sysctl_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[64] = "";
	int64_t n;

	if (f == NULL)
		return -1;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return args_number(line, 0, INT64_MAX, &n) == 0 ? n : -1;
}

void doctor_check_inotify(struct doctor *d)
{
	int64_t watches = sysctl_read("/proc/sys/fs/inotify/max_user_watches");
	int64_t here = sysctl_read("/proc/sys/user/max_inotify_watches"); /* usually a container's */
	const char *sysctl = "fs.inotify.max_user_watches";
	char folders[FORMAT_MAX];
	int64_t needed = 0;
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(d->status, "groups"), i, group)
		needed += cli_number(group, "dirs") + 1;
	if (here >= 0 && here < watches) {
		watches = here;
		sysctl = "user.max_inotify_watches";
	}
	if (watches < 0)
		doctor_found(d, "inotify", DOCTOR_NOTE,
		             mem_strdup("/proc/sys/fs/inotify/max_user_watches cannot be read"), NULL);
	else if (watches < needed + SPARE_WATCHES)
		doctor_found(d, "inotify", DOCTOR_BAD,
		             mem_printf("%s to be watched, but all programs of this user together may watch only "
		                        "%" PRId64,
		                        format_count(folders, needed, "folder needs", "folders need"), watches),
		             mem_printf("sysctl %s=%" PRId64 ", and put it into /etc/sysctl.d/lanyard.conf", sysctl,
		                        (needed + SPARE_WATCHES) * 2));
	else
		doctor_found(d, "inotify", DOCTOR_OK,
		             mem_printf("%" PRId64 " of at most %" PRId64 " folders are watched", needed, watches),
		             NULL);
}

void doctor_check_clock(struct doctor *d)
{
	struct timex t = { .modes = 0 };
	int64_t now = (int64_t)time(NULL), made = earliest;
	char text[FORMAT_MAX];
	struct stat st;

	if (stat("/proc/self/exe", &st) == 0 && st.st_mtime > made)
		made = st.st_mtime;
	format_time(text, now);
	if (now < made || now > made + ten_years)
		doctor_found(d, "clock", DOCTOR_BAD,
		             mem_printf("it reads %s, which %s: invites do not work, and conflicts have the "
		                        "wrong winner",
		                        text, now < made ? "is in the past" : "is implausible"),
		             mem_strdup("set it (timedatectl set-ntp true, or date -s)"));
	else if (adjtimex(&t) == TIME_ERROR)
		doctor_found(d, "clock", DOCTOR_NOTE, mem_printf("it reads %s; nothing synchronizes it", text),
		             mem_strdup("timedatectl set-ntp true, unless another service sets it"));
	else
		doctor_found(d, "clock", DOCTOR_OK, mem_printf("it reads %s", text), NULL);
}

/* --- disk --- */

void doctor_check_disk(struct doctor *d, const char *what, const char *path)
{
	struct statvfs s;
	char *check = mem_printf("disk of %s", what);
	char free_text[FORMAT_MAX];
	int64_t avail;
	bool low;

	if (statvfs(path, &s) < 0) {
		if (errno != ENOENT || d->status != NULL)
			doctor_found(d, check, DOCTOR_BAD, mem_printf("%s: %s", path, strerror(errno)),
			             mem_strdup("mount or restore it"));
		free(check);
		return;
	}
	avail = (int64_t)s.f_bavail * (int64_t)s.f_frsize;
	low = avail < enough_bytes && s.f_bavail < s.f_blocks / 100 * ENOUGH_PERCENT;
	format_bytes(free_text, avail);
	if ((s.f_flag & ST_RDONLY) != 0)
		doctor_found(d, check, DOCTOR_BAD, mem_printf("%s is on a read-only file system", path),
		             mem_strdup("mount it read-write; the kernel's log may say why it is not"));
	else if (low)
		doctor_found(d, check, DOCTOR_BAD, mem_printf("%s has %s left", path, free_text),
		             mem_strdup("free some space"));
	else if (s.f_files > 0 && s.f_favail < ENOUGH_INODES)
		doctor_found(d, check, DOCTOR_BAD,
		             mem_printf("%s has %lu inodes left", path, (unsigned long)s.f_favail),
		             mem_strdup("remove files, or move it to a file system with more inodes"));
	else
		doctor_found(d, check, DOCTOR_OK, mem_printf("%s has %s left", path, free_text), NULL);
	free(check);
}

/* The agent may run as another user, and the service manager may restrict what it can see and write. */
static void agents_share(struct doctor *d, const char *check, const char *path, const char *problem)
{
	static const char manual[] =
		"if it runs as a service, its sandbox keeps it out: systemctl edit %s, and add the lines "
		"[Service] and %s%s, then systemctl restart %s";
	bool hidden = strncmp(path, "/home/", 6) == 0 || strncmp(path, "/root/", 6) == 0;
	bool ours = access(path, R_OK | W_OK | X_OK) == 0;
	const char *unit = strcmp(d->home, "/var/lib/lanyard") == 0 ? "lanyardd" : "lanyardd@USER";
	char *text = mem_printf("the agent cannot read and write %s: %s", path, problem);
	char *cure = NULL;

	if (ours && strcmp(problem, strerror(EROFS)) == 0)
		cure = mem_printf(manual, unit, "ReadWritePaths=", path, unit);
	else if (ours && hidden)
		cure = mem_printf(manual, unit, "ProtectHome=no and ReadWritePaths=", path, unit);
	else if (strcmp(problem, strerror(EROFS)) == 0)
		cure = mem_strdup("mount it read-write; the kernel's log may say why it is not");
	else if (strcmp(problem, strerror(ENOENT)) == 0)
		cure = mem_strdup("mount or restore it; nothing is treated as deleted meanwhile");
	else
		cure = mem_strdup("give the agent's user read, write and search permission");
	doctor_found(d, check, DOCTOR_BAD, text, cure);
}

void doctor_check_share(struct doctor *d, const json_t *group, const char *name, const char *path)
{
	const char *problem = json_string_value(json_object_get(group, "share_problem"));
	char *check = mem_printf("share of %s", name);
	const json_t *lack;
	struct stat st;
	size_t i;

	if (problem != NULL)
		agents_share(d, check, path, problem);
	else if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		doctor_found(d, check, DOCTOR_BAD, mem_printf("%s is not a folder", path),
		             mem_strdup("move the file that is there away"));
	else
		doctor_found(d, check, DOCTOR_OK, mem_printf("the agent can read and write %s", path), NULL);
	json_array_foreach(json_object_get(group, "disk_lacks"), i, lack)
		doctor_found(d, check, DOCTOR_NOTE, mem_printf("the disk of %s %s", path, json_string_value(lack)),
		             NULL);
	free(check);
}
