/* See key_check.h. */
#include "agent/key_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "sync/share/marker.h"
#include "sync/share/real_path.h"
#include "sync/share/share.h"

/* --- the content --- */

static bool has_control_byte(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

bool key_check_names_share(const char *share)
{
	return strlen(share) < EXPORT_SHARE_MAX && !has_control_byte(share);
}

static bool is_address(const char *text)
{
	return *text != '\0' && strchr(text, ' ') == NULL && !has_control_byte(text);
}

static bool is_sound_group(const struct export_content *c, size_t i)
{
	const struct export_group *g = &c->groups[i];

	for (size_t k = 0; k < i; k++)
		if (group_id_equal(&c->groups[k].id, &g->id))
			return false;
	for (size_t k = 0; k < g->naddresses; k++)
		if (!is_address(g->addresses[k]))
			return false;
	return roster_name_valid(g->name) && (g->share[0] == '\0' || g->share[0] == '/') && !has_control_byte(g->share);
}

char *key_check_content(const struct export_content *c)
{
	if (c->ngroups > KEY_CHECK_GROUPS_MAX)
		return mem_printf("has %zu groups, and an agent can be in at most %d", c->ngroups,
		                  KEY_CHECK_GROUPS_MAX);
	for (size_t i = 0; i < c->ngroups; i++)
		if (!is_sound_group(c, i))
			return mem_strdup("is damaged or was made by somebody else: no agent writes such groups");
	return NULL;
}

/* --- the folders --- */

static bool has_entries(int dirfd)
{
	int fd = fs_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool found = false;

	if (d == NULL) {
		fs_close_keep_errno(fd);
		return true;
	}
	while (!found && (entry = readdir(d)) != NULL)
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(d);
	return found;
}

/* A folder that the file names, and the user did not, gets a group's files, and gives its own, only if it was the
 * group's before or is empty. */
static char *folder_obstacle(const struct export_group *g, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *why = NULL;

	if (fd < 0)
		return errno == ENOENT ? NULL : mem_printf("%s: %s: choose a folder by --share", path, strerror(errno));
	if (marker_check(fd, path, g->id.b, &why) != 1 && has_entries(fd)) {
		free(why);
		why = mem_printf(
			"%s: the key file says that the files of group %s were here, and there are others now: "
			"mount the disk first, or choose a folder by --share",
			path, g->name);
	}
	close(fd);
	return why;
}

static char *share_obstacle(const char *path, const struct real_path *real_path, const struct real_path *home)
{
	if (real_path == NULL)
		return mem_printf("%s: the path must not contain '..': choose a folder by --share", path);
	if (real_path_overlaps(real_path, home))
		return mem_printf("%s: a share must neither contain the agent's home nor be inside it: choose another "
		                  "folder by --share",
		                  path);
	if (share_is_virtual(path))
		return mem_printf("%s: is on a virtual file system (such as /proc), which cannot hold a share: choose "
		                  "another folder by --share",
		                  path);
	return NULL;
}

static char *shares_overlap(char *const *shares, struct real_path *const *real_paths, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (real_path_overlaps(real_paths[k], real_paths[i]))
			return mem_printf(
				"%s: overlaps with %s, the share of another group: choose a folder by --share",
				shares[i], shares[k]);
	return NULL;
}

char *key_check_shares(const struct export_content *c, char *const *shares, bool asked, const char *home)
{
	struct real_path *real_home = real_path_of(home),
			 **real_paths = mem_calloc(c->ngroups + 1, sizeof(struct real_path *));
	char *why = NULL;

	for (size_t i = 0; i < c->ngroups && why == NULL; i++) {
		real_paths[i] = real_path_of(shares[i]);
		why = share_obstacle(shares[i], real_paths[i], real_home);
		if (why == NULL)
			why = shares_overlap(shares, real_paths, i);
		if (why == NULL && !asked && c->groups[i].share[0] != '\0')
			why = folder_obstacle(&c->groups[i], shares[i]);
	}
	for (size_t i = 0; i < c->ngroups; i++)
		real_path_free(real_paths[i]);
	free(real_paths);
	real_path_free(real_home);
	return why;
}
