/* Looking again at what could not be read: no event tells when its cause is gone. What fails is looked at with
 * growing patience; what something is mounted over, once more at first, and whenever the mounts have changed. Nor
 * does an event tell that something is mounted: that is seen when it is asked how the share is. */
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
	PROBLEM_MS = 1000, /* until the first look; twice as long each time */
	PROBLEM_MAX_MS = 30000,
	MOUNTS_MAX = 4 << 20, /* of the table of mounts; a longer one counts as changed each time */
};

/* Whether the table of mounts is not the one that `known` is the digest of, which becomes this one's. text: the
 * table, fresh; NULL: it cannot be read, and counts as changed. */
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

/* The fifth word of a line of the table, in place, its \040 and the like undone; NULL: there is none. */
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
	/* The kernel knows by heart where that is; no disk is asked. */
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

/* The wait begins anew only when a whole one has passed without a problem, so that one that comes and goes is not
 * read over and over. */
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

/* Descriptors run out and are free again, a disk errs once, another is unmounted: no event tells of it. */
void recheck_plan(struct local *l)
{
	if (l->problem_wait_ms != 0 || l->error != NULL || problem_passing(l->problems) == 0)
		return;
	memset(l->mounts, 0, sizeof(l->mounts));
	l->problem_wait_ms = PROBLEM_MS;
	loop_timer_start(l->problem_timer, l->problem_wait_ms, 0);
}
