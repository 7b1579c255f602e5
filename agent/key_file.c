/* See key_file.h. */
#include "agent/key_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/group_settings.h"
#include "agent/home_machine.h"
#include "agent/key_check.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/group/identity.h"
#include "sync/seal/keyring.h"

enum { TAG_SHOWN = 7, LINE_DIGITS = 44, NUMBER_DIGITS = 5 };

/* --- reading and writing --- */

/* Whether the line has as many digits as one of paper, with or without its number, and nothing else. */
static bool is_paper_line(const char *line, size_t n)
{
	size_t digits = 0;

	for (size_t i = 0; i < n; i++) {
		if (isalnum((unsigned char)line[i]))
			digits++;
		else if (strchr(" \t\r-:", line[i]) == NULL || line[i] == '\0')
			return false;
	}
	return digits >= LINE_DIGITS && digits <= LINE_DIGITS + NUMBER_DIGITS;
}

static bool is_paper(const char *text, size_t n)
{
	for (size_t at = 0, end; at < n; at = end + 1) {
		const char *newline = memchr(text + at, '\n', n - at);

		end = newline != NULL ? (size_t)(newline - text) : n;
		if (is_paper_line(text + at, end - at))
			return memchr(text, '\0', n) == NULL;
	}
	return false;
}

static int key_file_fails(enum export_result result, char **why)
{
	*why = mem_strdup(export_result_text(result));
	return -1;
}

static int read_paper(const char *text, struct bytes *out, char **why)
{
	size_t line = 0;
	enum export_result result = export_unpaper(text, out, &line);

	if (result == EXPORT_OK)
		return 0;
	if (result != EXPORT_DAMAGED)
		return key_file_fails(result, why);
	*why = line == 0 ? mem_strdup("has more lines than its first ones say, or others than were printed")
	                 : mem_printf("line %zu is wrong or missing: compare it with the paper", line);
	return -1;
}

int key_file_read(const void *p, size_t n, struct bytes *out, char **why)
{
	enum export_result result;
	size_t before = out->len;
	char *text;
	int rc;

	if (n >= 7 && memcmp(p, "LANYKEY", 7) == 0) {
		result = export_sound(p, n);
		if (result == EXPORT_OK && bytes_append(out, p, n) < 0)
			result = EXPORT_DAMAGED;
		return result == EXPORT_OK ? 0 : key_file_fails(result, why);
	}
	if (!is_paper(p, n))
		return key_file_fails(EXPORT_OTHER, why);
	text = mem_calloc(n + 1, 1);
	memcpy(text, p, n);
	rc = read_paper(text, out, why);
	free(text);
	if (rc < 0)
		return rc;
	result = export_sound(out->p + before, out->len - before);
	return result == EXPORT_OK ? 0 : key_file_fails(result, why);
}

int key_file_seal(const struct export_content *c, bool paper, const char *passphrase, struct bytes *out, char **why)
{
	const struct export_cost cost = { .log2_n = EXPORT_LOG2_N, .r = EXPORT_R, .p = EXPORT_P };
	enum export_result result = export_seal(c, paper, passphrase, &cost, out);

	return result == EXPORT_OK ? 0 : key_file_fails(result, why);
}

struct export_content *key_file_open(const char *passphrase, const void *p, size_t n, char **why)
{
	struct export_content *c;
	enum export_result result = export_open(&c, passphrase, p, n);

	if (result != EXPORT_OK) {
		(void)key_file_fails(result, why);
		return NULL;
	}
	*why = key_check_content(c);
	if (*why == NULL)
		return c;
	export_content_free(c);
	return NULL;
}

char *key_file_page(const void *p, size_t n, const char *agent, const char *host)
{
	char *lines = export_paper(p, n);
	char *page = mem_printf("# The key of the lanyard agent %s\n"
	                        "# on %s, under a passphrase that is not on this page.\n"
	                        "# To restore it, type the numbered lines into a file, and: lanyard key import FILE\n"
	                        "%s",
	                        agent, host, lines);

	free(lines);
	return page;
}

/* --- what is in it --- */

void key_file_agent(const struct export_content *c, struct agent_id *id)
{
	struct identity *self = identity_from_seed(c->seed);

	*id = *identity_id(self);
	identity_free(self);
}

static bool is_folder_name(const struct export_content *c, size_t i)
{
	const char *name = c->groups[i].name;

	for (size_t k = 0; k < c->ngroups; k++)
		if (k != i && strcmp(c->groups[k].name, name) == 0)
			return false;
	return roster_name_valid(name) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static char *folder_in(const struct export_content *c, size_t i, const char *dir)
{
	const char *name = c->groups[i].name;
	char tag[TAG_TEXT_MAX];

	if (c->ngroups == 1)
		return mem_strdup(dir);
	if (is_folder_name(c, i))
		return mem_printf("%s/%s", dir, name);
	group_id_tag(tag, &c->groups[i].id);
	return mem_printf("%s/group-%.*s", dir, TAG_SHOWN, tag);
}

char *key_file_share(const struct export_content *c, size_t i, const char *share, const char *otherwise)
{
	if (share == NULL && c->groups[i].share[0] == '/')
		return mem_strdup(c->groups[i].share);
	return folder_in(c, i, share != NULL ? share : otherwise);
}

/* --- the home --- */

/* How many entries a folder of the home has; 0: it is not there. -1 and errno. */
static int count_entries(int home_dirfd, const char *name)
{
	int fd = fs_open(home_dirfd, name, O_RDONLY | O_DIRECTORY, 0), n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (d == NULL) {
		fs_close_keep_errno(fd);
		return errno == ENOENT ? 0 : -1;
	}
	while ((entry = readdir(d)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

char *key_file_obstacle(int home_dirfd)
{
	int groups = count_entries(home_dirfd, "groups"), asks = count_entries(home_dirfd, "asks");

	if (groups < 0 || asks < 0)
		return mem_printf("the agent's home cannot be read: %s", strerror(errno));
	if (groups > 0)
		return mem_printf("this agent is in %d group%s already, and its key would be replaced: use an empty "
		                  "--home, or leave %s first (lanyard leave)",
		                  groups, groups == 1 ? "" : "s", groups == 1 ? "it" : "them");
	if (asks > 0)
		return mem_strdup("this agent asks to join a group, and its key would be replaced: use an empty "
		                  "--home, or give that up first (lanyard leave)");
	return NULL;
}

bool key_file_replaces(int home_dirfd)
{
	return identity_is_there(home_dirfd);
}

/* Groups are written beside their place, and put there by one rename, which comes last. */
static const char made[] = "groups.new";

static int install_settings(int home_dirfd, const char *dir, const struct export_group *g, const char *share)
{
	struct group_settings s = { .share = mem_strdup(share), .on_demand = g->on_demand, .restored = true };
	char *path = mem_printf("%s/settings", dir), *text;
	int rc;

	memcpy(s.name, g->name, sizeof(s.name));
	for (; s.naddresses < g->naddresses && s.naddresses < INVITE_MAX_ADDRESSES; s.naddresses++)
		memcpy(s.addresses[s.naddresses], g->addresses[s.naddresses], sizeof(s.addresses[0]));
	memcpy(s.marks, g->marks, sizeof(s.marks));
	s.nmarks = g->nmarks;
	for (; s.nheads < g->nheads && s.nheads < EXPORT_VAULTS_MAX; s.nheads++)
		s.heads[s.nheads] = g->heads[s.nheads];
	text = group_settings_text(&s);
	rc = fs_write_file(home_dirfd, path, text, strlen(text), 0600);
	free(text);
	free(path);
	group_settings_clear(&s);
	return rc;
}

static int install_keyring(int home_dirfd, const char *dir, const struct export_group *g, char **why)
{
	char *path = mem_printf("%s/keys.bin", dir);
	struct keyring *ring = NULL;
	enum keyring_result result = keyring_decode(&ring, &g->id, g->keyring, g->keyring_n);

	if (result == KEYRING_OK)
		result = keyring_save(ring, home_dirfd, path);
	if (result != KEYRING_OK)
		*why = mem_printf("the keys of group %s: %s", g->name,
		                  result == KEYRING_SYSTEM ? strerror(errno) : keyring_result_text(result));
	keyring_free(ring);
	free(path);
	return result == KEYRING_OK ? 0 : -1;
}

static int install_group(int home_dirfd, const struct export_group *g, const char *share, char **why)
{
	char hex[65], *dir;
	int rc = 0;

	if (strpbrk(g->name, "\n") != NULL || strchr(share, '\n') != NULL) {
		*why = mem_strdup("the name of a group, or the path of its share, has a newline in it");
		return -1;
	}
	hex_encode(hex, g->id.b, sizeof(g->id.b));
	dir = mem_printf("%s/%s", made, hex);
	if (fs_mkdirs(home_dirfd, dir, 0700) < 0 || install_settings(home_dirfd, dir, g, share) < 0) {
		*why = mem_printf("the home cannot be written: %s", strerror(errno));
		rc = -1;
	} else if (g->keyring_n > 0) {
		rc = install_keyring(home_dirfd, dir, g, why);
	}
	free(dir);
	return rc;
}

bool key_file_forget_unfinished(int home_dirfd)
{
	return faccessat(home_dirfd, made, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && fs_remove_tree(home_dirfd, made) == 0;
}

/* A home of groups.new and no groups is one of before. */
static int put_in_place(int home_dirfd, char **why)
{
	if ((unlinkat(home_dirfd, "groups", AT_REMOVEDIR) == 0 || errno == ENOENT) &&
	    renameat(home_dirfd, made, home_dirfd, "groups") == 0 && fs_sync_dir(home_dirfd) == 0)
		return 0;
	*why = mem_printf("the home cannot be written: %s", strerror(errno));
	return -1;
}

static void say_half_done(char **why)
{
	char *cause = *why;

	*why = mem_printf("%s. This home may have the key of the file now, and has no groups: import it again", cause);
	free(cause);
}

/* The key before the groups: groups with another agent's key would be shown to their members by a stranger. The mark
 * of a home that may be a copy before both: the agent that the file is of may still run. */
int key_file_install(int home_dirfd, const struct export_content *c, char *const *shares, bool *became, char **why)
{
	struct identity *self;
	int rc = 0;

	*became = false;
	if (c->ngroups > KEY_CHECK_GROUPS_MAX) {
		*why = mem_printf("an agent can be in at most %d groups", KEY_CHECK_GROUPS_MAX);
		return -1;
	}
	if (fs_remove_tree(home_dirfd, made) < 0 || fs_mkdirs(home_dirfd, made, 0700) < 0) {
		*why = mem_printf("the home cannot be written: %s", strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < c->ngroups && rc == 0; i++)
		rc = install_group(home_dirfd, &c->groups[i], shares[i], why);
	if (rc == 0 && home_machine_copied(home_dirfd) < 0) {
		*why = mem_printf("the home cannot be written: %s", strerror(errno));
		rc = -1;
	}
	if (rc == 0) {
		self = identity_from_seed(c->seed);
		/* One that fails may have replaced the key. */
		*became = true;
		rc = identity_save(self, home_dirfd, why);
		identity_free(self);
	}
	if (rc == 0)
		rc = put_in_place(home_dirfd, why);
	if (rc < 0)
		(void)fs_remove_tree(home_dirfd, made);
	if (rc < 0 && *became)
		say_half_done(why);
	return rc;
}
