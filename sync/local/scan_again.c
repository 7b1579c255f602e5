/* Looking again at what could not be read: no event tells when its cause is gone. What fails is looked at with growing patience;
 * what something is mounted over, once more at first, and whenever the mounts have changed. */
#include <fcntl.h>
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

/* Whether the table of mounts is not the one of the last call. */
static bool mounts_changed(struct local *l)
{
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *text = fd >= 0 ? fs_read_file(fd, "mountinfo", MOUNTS_MAX, NULL) : NULL;
	uint8_t digest[SHA256_SIZE] = { 0 };
	bool same = false;

	if (fd >= 0)
		close(fd);
	if (text != NULL) {
		sha256(digest, text, strlen(text));
		same = memcmp(digest, l->mounts, sizeof(digest)) == 0;
	}
	free(text);
	memcpy(l->mounts, digest, sizeof(digest));
	return !same;
}

static void look_again(void *arg, const char *path)
{
	struct local *l = arg;

	settle_event(l->settle, loop_now_ms(l->c.loop), path, SETTLE_NOW);
}

/* The wait begins anew only when a whole one has passed without a problem, so that one that comes and goes is not read over and
 * over. */
void scan_problems_due(void *arg)
{
	struct local *l = arg;

	if (problem_passing(l->problems) == 0) {
		l->problem_wait_ms = 0;
		return;
	}
	problem_each_of(l->problems, PROBLEM_FAILING, look_again, l);
	if (problem_passing(l->problems) > problem_failing(l->problems) && mounts_changed(l))
		problem_each_of(l->problems, PROBLEM_COVERED, look_again, l);
	l->problem_wait_ms = l->problem_wait_ms * 2 < PROBLEM_MAX_MS ? l->problem_wait_ms * 2 : PROBLEM_MAX_MS;
	loop_timer_start(l->problem_timer, l->problem_wait_ms, 0);
}

/* Descriptors run out and are free again, a disk errs once, another is unmounted: no event tells of it. */
void scan_plan_problems(struct local *l)
{
	if (l->problem_wait_ms != 0 || l->error != NULL || problem_passing(l->problems) == 0)
		return;
	memset(l->mounts, 0, sizeof(l->mounts));
	l->problem_wait_ms = PROBLEM_MS;
	loop_timer_start(l->problem_timer, l->problem_wait_ms, 0);
}
