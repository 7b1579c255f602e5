/* The tables of keys, and the check of each value. */
#include <ctype.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/args.h"
#include "agent/config/config_internal.h"
#include "agent/config/door_address.h"
#include "agent/config/settings_list.h"
#include "base/mem.h"
#include "sync/group/roster.h"

enum {
	MAX_HOST = 255,
	MAX_CREDENTIAL = 255,
	RESCAN_MIN = 60, /* s */
	RESCAN_MAX = 30 * 86400,
	SCRUB_MAX = 3650 * 86400,
	VERSIONS_AGE_MAX = 3650 * 86400,
	VERSIONS_PERCENT_MAX = 90,
	RATE_MIN = 64000, /* bytes per second */
	VAULT_DISK_MIN = 1 << 20,
	TOMBSTONES_AGE_MAX = 3650 * 86400,
	WEB_NAMES_MAX = 16,
};

static const int64_t rate_max = INT64_C(100000000000);
static const int64_t memory_max = INT64_C(16) << 30;

/* --- each setting: 0, or -1 when the value is not accepted --- */

static void replace_text(char **text, const char *value)
{
	free(*text);
	*text = mem_strdup(value);
}

/* "HOST:PORT" or "[IPv6]:PORT"; without need_host also "PORT" and ":PORT". */
static int check_address(const char *value, bool need_host, int min_port)
{
	const char *colon = strrchr(value, ':');
	const char *port = colon != NULL ? colon + 1 : value;
	size_t host = colon != NULL ? (size_t)(colon - value) : 0;
	bool brackets = host >= 2 && value[0] == '[' && colon[-1] == ']';
	int64_t n;

	if (args_number(port, min_port, 65535, &n) < 0 || host > MAX_HOST || strlen(port) > 5)
		return -1;
	if (host == 0 || (brackets && host == 2))
		return need_host || host != 0 ? -1 : 0;
	if (strcspn(value, " \t/\\@\"'") < host)
		return -1;
	/* An IPv6 address without brackets would end in something that looks like a port. */
	return !brackets && memchr(value, ':', host) != NULL ? -1 : 0;
}

static int set_listen(void *target, const char *value)
{
	struct settings *s = target;

	if (check_address(value, false, 0) < 0)
		return -1;
	replace_text(&s->listen, value);
	s->listen_set = true;
	return 0;
}

static int set_metrics(void *target, const char *value)
{
	struct settings *s = target;
	struct door_address address;

	if (door_address_parse(value, &address) < 0 || (address.kind != DOOR_PATH && address.port == 0))
		return -1;
	replace_text(&s->metrics, value);
	return 0;
}

static int set_discovery(void *target, const char *value)
{
	struct settings *s = target;
	static const char *const modes[] = { [DISCOVERY_AUTO] = "auto",
		                             [DISCOVERY_AVAHI] = "avahi",
		                             [DISCOVERY_EMBEDDED] = "embedded",
		                             [DISCOVERY_OFF] = "off" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(value, modes[i]) == 0) {
			s->discovery = (enum discovery_mode)i;
			return 0;
		}
	}
	return -1;
}

static int set_peer(void *target, const char *value)
{
	struct settings *s = target;

	if (s->peers.n >= CONFIG_MAX_PEERS || check_address(value, true, 1) < 0)
		return -1;
	settings_list_add(&s->peers, value);
	return 0;
}

static int set_interface(void *target, const char *value)
{
	struct settings *s = target;
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		if (value[i] <= ' ' || value[i] >= 127 || value[i] == '/' || value[i] == ':')
			return -1;
	}
	if (len == 0 || len >= IF_NAMESIZE || s->interfaces.n == DISCOVERY_MAX_INTERFACES)
		return -1;
	settings_list_add(&s->interfaces, value);
	return 0;
}

/* Where others get in has to be allowed by another setting, which may come later: config_check() sees to it. */
static int set_web(void *target, const char *value)
{
	struct settings *s = target;
	struct door_address address;

	if (strcmp(value, "off") == 0) {
		replace_text(&s->web, "");
		return 0;
	}
	if (door_address_parse(value, &address) < 0)
		return -1;
	replace_text(&s->web, value);
	return 0;
}

static int set_web_remote(void *target, const char *value)
{
	struct settings *s = target;

	s->web_remote = strcmp(value, "yes") == 0;
	return s->web_remote || strcmp(value, "no") == 0 ? 0 : -1;
}

static int set_web_name(void *target, const char *value)
{
	struct settings *s = target;
	size_t len = strlen(value);

	for (const char *p = value; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
			return -1;
	}
	if (len == 0 || len > MAX_HOST || s->web_names.n == WEB_NAMES_MAX)
		return -1;
	settings_list_add(&s->web_names, value);
	return 0;
}

static int set_log_level(void *target, const char *value)
{
	struct settings *s = target;

	return log_level_parse(value, &s->log_level);
}

static int set_rescan(void *target, const char *value)
{
	struct settings *s = target;
	int64_t seconds;

	if (args_duration(value, &seconds) < 0 || seconds < RESCAN_MIN || seconds > RESCAN_MAX)
		return -1;
	s->rescan_s = seconds;
	return 0;
}

static int set_scrub(void *target, const char *value)
{
	struct settings *s = target;
	int64_t seconds = 0;

	if (strcmp(value, "off") != 0 && (args_duration(value, &seconds) < 0 || seconds < 1 || seconds > SCRUB_MAX))
		return -1;
	s->scrub_s = seconds;
	return 0;
}

static int set_versions_age(void *target, const char *value)
{
	struct settings *s = target;
	int64_t seconds = 0;

	if (strcmp(value, "off") != 0 && (args_duration(value, &seconds) < 0 || seconds > VERSIONS_AGE_MAX))
		return -1;
	s->versions_age_s = seconds;
	return 0;
}

static int set_tombstones_age(void *target, const char *value)
{
	struct settings *s = target;
	int64_t seconds = 0;

	if (strcmp(value, "off") != 0 &&
	    (args_duration(value, &seconds) < 0 || seconds < 1 || seconds > TOMBSTONES_AGE_MAX))
		return -1;
	s->tombstones_age_s = seconds;
	return 0;
}

static int set_versions_disk(void *target, const char *value)
{
	struct settings *s = target;
	size_t len = strlen(value);
	char number[4] = "";
	int64_t percent;

	if (len < 2 || len > sizeof(number) || value[len - 1] != '%')
		return -1;
	memcpy(number, value, len - 1);
	if (args_number(number, 0, VERSIONS_PERCENT_MAX, &percent) < 0)
		return -1;
	s->versions_percent = (int)percent;
	return 0;
}

static int set_rate(int64_t *rate, const char *value)
{
	int64_t n = 0;

	if (strcmp(value, "off") != 0 && (args_size(value, 1000, &n) < 0 || n < RATE_MIN || n > rate_max))
		return -1;
	*rate = n;
	return 0;
}

static int set_upload(void *target, const char *value)
{
	return set_rate(&((struct settings *)target)->upload, value);
}

static int set_download(void *target, const char *value)
{
	return set_rate(&((struct settings *)target)->download, value);
}

static int set_memory(void *target, const char *value)
{
	struct settings *s = target;
	int64_t n;

	if (args_size(value, 1024, &n) < 0 || n < SETTINGS_MEMORY_MIN || n > memory_max)
		return -1;
	s->memory = n;
	return 0;
}

static int set_room(int64_t *to, const char *value)
{
	int64_t n = 0;

	if (strcmp(value, "off") != 0 && (args_size(value, 1024, &n) < 0 || n < VAULT_DISK_MIN))
		return -1;
	*to = n;
	return 0;
}

static int set_vault_disk(void *target, const char *value)
{
	return set_room(&((struct settings *)target)->vault_disk, value);
}

static int set_group_vault_disk(void *target, const char *value)
{
	struct config_group *g = target;

	g->vault_disk_set = true;
	return set_room(&g->vault_disk, value);
}

static int set_host_name(char **to, const char *value)
{
	size_t len = strlen(value);
	char *shown = log_escape(value, len);
	bool plain = strcmp(shown, value) == 0;

	free(shown);
	if (len == 0 || len > MEMBER_NAME_MAX || !plain)
		return -1;
	replace_text(to, value);
	return 0;
}

static int set_name(void *target, const char *value)
{
	struct settings *s = target;

	return set_host_name(&s->name, value);
}

/* An absolute path in its shortest form; NULL when it is none, or has ".." in it. Fresh. */
static char *shortest(const char *path)
{
	char *out = mem_calloc(strlen(path) + 1, 1);
	size_t len = 0;

	if (path[0] != '/')
		goto free_out;
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0)
			goto free_out;
		if (n > 0 && !(n == 1 && path[0] == '.')) {
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	if (len > 0)
		return out;
free_out:
	free(out);
	return NULL;
}

static int set_path(char **to, const char *value)
{
	char *path = shortest(value);

	if (path == NULL)
		return -1;
	free(*to);
	*to = path;
	return 0;
}

static int set_web_certificate(void *target, const char *value)
{
	struct settings *s = target;

	return set_path(&s->web_certificate, value);
}

static int set_web_key(void *target, const char *value)
{
	struct settings *s = target;

	return set_path(&s->web_key, value);
}

static int set_share(void *target, const char *value)
{
	struct config_group *g = target;

	return set_path(&g->share, value);
}

static int set_invite_file(void *target, const char *value)
{
	struct config_group *g = target;

	return set_path(&g->invite_file, value);
}

static int set_secret_file(void *target, const char *value)
{
	struct config_group *g = target;

	return set_path(&g->secret_file, value);
}

static int set_credential(char **to, const char *value)
{
	size_t len = strlen(value);

	/* A name of a credential as systemd accepts it: one path component in plain ASCII. */
	for (const char *p = value; *p != '\0'; p++) {
		if (*p <= ' ' || *p >= 127 || *p == '/' || *p == ':')
			return -1;
	}
	if (len == 0 || len > MAX_CREDENTIAL || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return -1;
	replace_text(to, value);
	return 0;
}

static int set_invite_credential(void *target, const char *value)
{
	struct config_group *g = target;

	return set_credential(&g->invite_credential, value);
}

static int set_secret_credential(void *target, const char *value)
{
	struct config_group *g = target;

	return set_credential(&g->secret_credential, value);
}

static int set_founder(void *target, const char *value)
{
	struct config_group *g = target;

	return set_host_name(&g->founder, value);
}

/* --- the tables --- */

static const char rate_accepted[] = "off, or bytes per second: 64K to 100G, as a number with K, M or G (of 1000)";

/* The last three columns of the table: the kind, and where it is in struct settings. */
#define AT(kind, field) CONFIG_##kind, offsetof(struct settings, field), sizeof(((struct settings *)0)->field)

static const char room_accepted[] = "off, or 1M or more, in bytes or with K, M or G (of 1024)";
static const char file_accepted[] = "the absolute path of a file in PEM form, without ..";
static const char name_accepted[] = "1 to 64 bytes of printable text without backslashes";
static const char credential_accepted[] =
	"the name of a credential (LoadCredential=NAME:...): ASCII without spaces, '/' or ':'";

const struct config_key config_agent_keys[] = {
	{ "name", set_name, name_accepted, CONFIG_AFTER_RESTART, AT(TEXT, name) },
	{ "listen", set_listen, "PORT or ADDR:PORT, an IPv6 address in brackets, port 0 to 65535", CONFIG_AFTER_RESTART,
	  AT(TEXT, listen) },
	{ "metrics", set_metrics, "ADDR:PORT, an IPv6 address in brackets, or the absolute path of a socket",
	  CONFIG_AFTER_RESTART, AT(TEXT, metrics) },
	{ "discovery", set_discovery, "auto, avahi, embedded or off", CONFIG_AFTER_RESTART, AT(NUMBER, discovery) },
	{ "peer", set_peer, "HOST:PORT, an IPv6 address in brackets, at most 64 of them", CONFIG_ADDED_AT_ONCE,
	  AT(LIST, peers) },
	{ "interface", set_interface, "the name of a network interface (ip link), at most 16 of them",
	  CONFIG_AFTER_RESTART, AT(LIST, interfaces) },
	{ "log-level", set_log_level, "error, warn, info or debug", CONFIG_AT_ONCE, AT(NUMBER, log_level) },
	{ "web", set_web,
	  "off, 127.0.0.1:PORT, [::1]:PORT, the absolute path of a socket, or with web-remote = yes another ADDR:PORT",
	  CONFIG_AFTER_RESTART, AT(TEXT, web) },
	{ "web-remote", set_web_remote, "yes or no", CONFIG_AFTER_RESTART, AT(NUMBER, web_remote) },
	{ "web-name", set_web_name, "a host name without a port, at most 16 of them", CONFIG_AFTER_RESTART,
	  AT(LIST, web_names) },
	{ "web-certificate", set_web_certificate, file_accepted, CONFIG_AFTER_RESTART, AT(TEXT, web_certificate) },
	{ "web-key", set_web_key, file_accepted, CONFIG_AFTER_RESTART, AT(TEXT, web_key) },
	{ "rescan-interval", set_rescan, "60s to 30d, as a number with s, m, h or d", CONFIG_AFTER_RESTART,
	  AT(NUMBER, rescan_s) },
	{ "scrub-interval", set_scrub, "off, or 1s to 3650d, as a number with s, m, h or d", CONFIG_AFTER_RESTART,
	  AT(NUMBER, scrub_s) },
	{ "versions-age", set_versions_age, "off, or 1s to 3650d, as a number with s, m, h or d", CONFIG_AFTER_RESTART,
	  AT(NUMBER, versions_age_s) },
	{ "versions-disk", set_versions_disk, "0% to 90%", CONFIG_AFTER_RESTART, AT(NUMBER, versions_percent) },
	{ "upload-limit", set_upload, rate_accepted, CONFIG_AT_ONCE, AT(NUMBER, upload) },
	{ "download-limit", set_download, rate_accepted, CONFIG_AT_ONCE, AT(NUMBER, download) },
	{ "memory", set_memory, "8M to 16G, in bytes or with K, M or G (of 1024)", CONFIG_AFTER_RESTART,
	  AT(NUMBER, memory) },
	{ "vault-disk", set_vault_disk, room_accepted, CONFIG_AT_ONCE, AT(NUMBER, vault_disk) },
	{ "tombstones-age", set_tombstones_age, "off, or 1s to 3650d, as a number with s, m, h or d",
	  CONFIG_AFTER_RESTART, AT(NUMBER, tombstones_age_s) },
	{ 0 },
};

const char config_path_accepted[] = "an absolute path other than /, without ..";

/* A group that is here already stays as it is, except for vault-disk; one that is not is joined at the next reload. */
const struct config_key config_group_keys[] = {
	{ .name = "share", .set = set_share, .accepted = config_path_accepted },
	{ .name = "invite-file", .set = set_invite_file, .accepted = config_path_accepted },
	{ .name = "invite-credential", .set = set_invite_credential, .accepted = credential_accepted },
	{ .name = "secret-file", .set = set_secret_file, .accepted = config_path_accepted },
	{ .name = "secret-credential", .set = set_secret_credential, .accepted = credential_accepted },
	{ .name = "founder", .set = set_founder, .accepted = name_accepted },
	{ .name = "vault-disk", .set = set_group_vault_disk, .accepted = room_accepted },
	{ 0 },
};
