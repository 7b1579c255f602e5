/* See doctor_internal.h: checks of this host, apart from its network: home, settings, inotify, clock, disk, shares. */
#include "agent/doctor/doctor_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "agent/format.h"
#include "agent/config/config.h"
#include "agent/escape.h"
#include "base/mem.h"

enum {
	ENOUGH_PERCENT = 5,
	ENOUGH_INODES = 1000,
	SPARE_WATCHES = 1000,
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

/* Reads the settings as lanyardd would. With an agent they are compared with its groups; without one the port is
 * checked, since a taken port keeps it from starting. */
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
		    (doctor_port_state("/proc/net/tcp", port) > 0 || doctor_port_state("/proc/net/tcp6", port) > 0))
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
		needed += document_number(group, "dirs") + 1;
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

/* Little space is a problem only if it is little both in bytes and in per cent: 5 % of a large disk is plenty. */
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
