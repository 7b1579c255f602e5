"""renameat2(2), which Python does not offer: a file exchanged with another, or renamed to where nothing is, in one step."""
import ctypes
import errno
import os

AT_FDCWD, NOREPLACE, EXCHANGE = -100, 1, 2
NOT_SO = (errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EINVAL, errno.ENOTEMPTY, errno.ELOOP)
libc = ctypes.CDLL(None, use_errno=True)


def rename2(old, new, flags):
    """True when done, False when something is there, or is not, against what the flags ask for."""
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags) == 0:
        return True
    error = ctypes.get_errno()
    if error in NOT_SO:
        return False
    raise OSError(error, os.strerror(error), new)
