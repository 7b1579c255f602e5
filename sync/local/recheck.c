/* Checks again what could not be read, since no event tells when the cause is gone. Failing paths are checked with
 * growing intervals; paths that something is mounted over are checked once more at first, and whenever the mounts
 * have changed. No event tells of a mount either: root_ask() looks for new ones. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/sha256.h"
#include "sync/local/local_internal.h"

enum {
	PROBLEM_MS = 1000, /* until the first check; doubled each time */
	PROBLEM_MAX_MS = 30000,
	MOUNTS_MAX = 4 << 20, /* bytes of the mount table; a longer one counts as changed each time */
};

/* Whether the mount table differs from the one that `known` is the digest of; `known` becomes the digest of this
 * one. text: the table, which the caller frees; NULL: it cannot be read, and counts as changed. */
static bool mounts_changed(uint8_t known[SHA256_SIZE], char **text)
{
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t digest[SHA256_SIZE] = { 0 };
	bool same = false;

	*text = fd >= 0 ? fs_read_file(fd, "mountinfo", MOUNTS_MAX, NULL) : NULL;
	if (fd >= 0)
		close(fd);
	if (*text != NULL) {
		sha256(digest, *text, strlen(*text));
		same = memcmp(digest, known, sizeof(digest)) == 0;
	}
	memcpy(known, digest, sizeof(digest));
	return !same;
}

/* The fifth word of a line of the table, in place, with \040 and the like undone; NULL: there is none. */
static char *mount_point(char *line)
{
	char *from = line, *to;

	for (int i = 0; i < 4 && from != NULL; i++) {
		from = strchr(from, ' ');
		from = from != NULL ? from + 1 : NULL;
	}
	line = to = from;
	while (from != NULL && *from != '\0' && *from != ' ') {
		if (from[0] == '\\' && from[1] != '\0' && from[2] != '\0' && from[3] != '\0') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	if (to != NULL)
		*to = '\0';
	return line;
}

static void look_again(void *arg, const char *path)
{
	struct local *l = arg;

	debounce_event(l->debounce, loop_now_ms(l->c.loop), path, DEBOUNCE_NOW);
}

void recheck_mounts(struct local *l)
{
	char *text, *rest, root[PATH_MAX], link[40];
	ssize_t n;

	if (!mounts_changed(l->mounts_scanned, &text) || text == NULL) {
		free(text);
		return;
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", share_root(l->c.share));
	/* The kernel has the answer in memory: no disk is asked. */
	n = readlink(link, root, sizeof(root));
	rest = text;
	for (char *line = strsep(&rest, "\n"); n > 1 && line != NULL; line = strsep(&rest, "\n")) {
		const char *at = mount_point(line);

		if (at != NULL && strncmp(at, root, (size_t)n) == 0 && at[n] == '/')
			local_hint(l, at + n + 1);
	}
	problem_each_of(l->problems, PROBLEM_COVERED, look_again, l);
	local_wake(l);
	free(text);
}

/* The interval begins again only when a whole one has passed without a problem, so that a file whose problem comes
 * and goes is not read over and over. */
void recheck_due(void *arg)
{
	struct local *l = arg;
	char *text;

	if (problem_passing(l->problems) == 0) {
		l->problem_wait_ms = 0;
		return;
	}
	problem_each_of(l->problems, PROBLEM_FAILING, look_again, l);
	if (problem_passing(l->problems) > problem_failing(l->problems)) {
		if (mounts_changed(l->mounts, &text))
			problem_each_of(l->problems, PROBLEM_COVERED, look_again, l);
		free(text);
	}
	l->problem_wait_ms = l->problem_wait_ms * 2 < PROBLEM_MAX_MS ? l->problem_wait_ms * 2 : PROBLEM_MAX_MS;
	loop_timer_start(l->problem_timer, l->problem_wait_ms, 0);
}

/* Descriptors run out and are free again, a disk fails once, a file system is unmounted: no event tells of it. */
void recheck_plan(struct local *l)
{
	if (l->problem_wait_ms != 0 || l->error != NULL || problem_passing(l->problems) == 0)
		return;
	memset(l->mounts, 0, sizeof(l->mounts));
	l->problem_wait_ms = PROBLEM_MS;
	loop_timer_start(l->problem_timer, l->problem_wait_ms, 0);
}
