/* Reasons as a table: see reason.h. */
#include "sync/fetch/reason.h"

#include <errno.h>
#include <stddef.h>

#include "sync/share/reserve.h"

enum { PATIENCE_MAX_MS = 60000 };

static const struct {
	const char *text;
	int64_t first_ms; /* until it is first tried again */
	bool problem, disk;
} table[REASON_COUNT] = {
	[REASON_NONE] = { NULL, 50, false, false },
	[REASON_CHANGED] = { "it is being changed here", 50, false, false },
	[REASON_PARENT] = { "its folder is not here yet", 250, false, false },
	[REASON_IN_THE_WAY] = { "something else is where its folder should be", 250, true, false },
	[REASON_NOT_EMPTY] = { "the folder was deleted, but contains files here that are not shared", 250, true,
	                       false },
	[REASON_CHILDREN] = { "the folder waits for the files in it to be deleted", 250, false, false },
	[REASON_IN_USE] = { "it is being copied to another place", 1000, false, false },
	[REASON_SAME] = { "its content is being downloaded for another path", 10000, false, false },
	[REASON_NO_SOURCE] = { "no connected member has it", 30000, false, false },
	[REASON_NOT_NOW] = { "the members that have it are changing it right now", 250, false, false },
	[REASON_SILENT] = { "the members that have it do not answer", 1000, true, false },
	[REASON_BAD_SOURCE] = { "the members that offer it sent something else", 10000, true, false },
	[REASON_HELD] = { "it is one of many files that a member deleted, replaced or emptied at once: "
	                  "held until lanyard release, or until that member undoes it",
	                  60000, false, false },
	[REASON_UNKEPT] = { "another member deleted or replaced it, and the space for old versions "
	                    "(versions-disk) is full of last versions by other authors: lanyard release "
	                    "lets it happen all the same",
	                    1000, true, false },
	[REASON_FULL] = { "the disk is full", 1000, true, true },
	[REASON_RESERVED] = { "the disk is nearly full: the rest is reserved for the agent's index", 1000, true, true },
	[REASON_QUOTA] = { "the disk quota is used up", 1000, true, true },
	[REASON_READ_ONLY] = { "the disk is read-only", 1000, true, true },
	[REASON_DENIED] = { "the agent's user may not write there: whoever owns the folder can allow it "
	                    "(chmod g+rwx FOLDER, or setfacl -m u:USER:rwx FOLDER)",
	                    1000, true, true },
	[REASON_NAME] = { "this disk cannot hold a file of that name", 1000, true, false },
	[REASON_CASE] = { "this disk does not distinguish upper and lower case, and another file or "
	                  "folder has that name: rename one of them",
	                  1000, true, false },
	[REASON_SYMLINK] = { "this disk cannot hold symlinks", 1000, true, false },
	[REASON_TOO_BIG] = { "this disk cannot hold a file of that size", 1000, true, false },
	[REASON_OTHER_DISK] = { "another disk is mounted there, where files cannot be replaced in one step", 1000, true,
	                        false },
	[REASON_FILES] = { "too many files are open", 1000, true, true },
	[REASON_DISK] = { "the disk reports an error", 1000, true, true },
};

const char *reason_text(enum reason r)
{
	return table[r].text;
}

enum reason reason_of_errno(int error)
{
	switch (error) {
	case ENOENT: /* somebody removed the folder meanwhile */
		return REASON_PARENT;
	case ENOSPC:
		return REASON_FULL;
	case RESERVE_REACHED:
		return REASON_RESERVED;
	case EDQUOT:
		return REASON_QUOTA;
	case EROFS:
		return REASON_READ_ONLY;
	case EACCES:
	case EPERM:
		return REASON_DENIED;
	case ENAMETOOLONG:
	case EINVAL:
	case EILSEQ:
		return REASON_NAME;
	case ENOTUNIQ:
		return REASON_CASE;
	case EOPNOTSUPP: /* a disk that lacks what an install needs lacks symlinks */
		return REASON_SYMLINK;
	case EFBIG:
		return REASON_TOO_BIG;
	case EXDEV:
		return REASON_OTHER_DISK;
	case EBADF: /* a descriptor could not be copied */
	case EMFILE:
	case ENFILE:
		return REASON_FILES;
	default:
		return REASON_DISK;
	}
}

int64_t reason_patience_ms(enum reason r, unsigned tries)
{
	int64_t ms = table[r].first_ms;

	for (unsigned i = 1; i < tries && ms < PATIENCE_MAX_MS; i++)
		ms *= 2;
	return ms < PATIENCE_MAX_MS ? ms : PATIENCE_MAX_MS;
}

bool reason_is_problem(enum reason r)
{
	return table[r].problem;
}

bool reason_is_disk(enum reason r)
{
	return table[r].disk;
}

bool reason_is_source(enum reason r)
{
	return r == REASON_NO_SOURCE || r == REASON_NOT_NOW || r == REASON_BAD_SOURCE;
}

bool reason_lists(enum reason r)
{
	return reason_is_source(r) || r == REASON_IN_THE_WAY || r == REASON_NAME || r == REASON_CASE ||
	       r == REASON_SYMLINK || r == REASON_TOO_BIG;
}
