"""Seeing a receiver's tree become complete without disturbing it: looking at names, and inotify."""
import ctypes
import os
import select
import struct
import time

IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_CLOEXEC = 0x8, 0x80, 0x100, 0o2000000
EVENT = struct.Struct("iIII")
EVERY = 0.002


class Complete:
    """Waits until everything in expected is there.

    expected: {folder below the root: names that must be in it}, and under None a list of paths that must be gone, and
    under "sizes" {path: size a file must have}, and under "replaced" {path: inode that must not be there any more}.
    Every tool here makes files visible by a rename, so a name that is there is a whole file.  It checks folders one
    after the other, each only until it is complete, so waiting costs little however large the tree is.
    """

    def __init__(self, root, expected):
        self.root = root
        self.gone = list(expected.get(None, ()))
        self.sizes = dict(expected.get("sizes", {}))
        self.replaced = dict(expected.get("replaced", {}))
        self.folders = [(f, names) for f, names in expected.items() if f not in (None, "sizes", "replaced")]

    def wait(self, timeout, check=lambda: None):
        """check is called periodically; it may raise when the tool has died."""
        end, turn = time.monotonic() + timeout, 0
        while not self._complete():
            if time.monotonic() > end:
                raise TimeoutError("not complete within %d s; missing: %s" % (timeout, self._missing()))
            turn += 1
            if turn % 256 == 0:
                check()
            time.sleep(EVERY)

    def _complete(self):
        while self.folders:
            folder, names = self.folders[-1]
            if not self._has(folder, names):
                return False
            self.folders.pop()
        while self.sizes:
            path, size = next(iter(self.sizes.items()))
            try:
                if os.lstat(os.path.join(self.root, path)).st_size != size:
                    return False
            except FileNotFoundError:
                return False
            del self.sizes[path]
        while self.replaced:
            path, inode = next(iter(self.replaced.items()))
            try:
                if os.lstat(os.path.join(self.root, path)).st_ino == inode:
                    return False
            except FileNotFoundError:
                return False
            del self.replaced[path]
        while self.gone:
            if os.path.lexists(os.path.join(self.root, self.gone[-1])):
                return False
            self.gone.pop()
        return True

    def _has(self, folder, names):
        path = os.path.join(self.root, folder)
        try:
            # As many links or entries as names are needed: reading a folder that is not nearly full is a waste.
            return names <= set(os.listdir(path))
        except FileNotFoundError:
            return False

    def _missing(self):
        if self.folders:
            folder, names = self.folders[-1]
            try:
                there = set(os.listdir(os.path.join(self.root, folder)))
            except FileNotFoundError:
                return "the folder %s and %d more" % (folder, len(self.folders) - 1)
            return "%d of %d names in %s, and %d more folders" % (len(names - there), len(names), folder, len(self.folders) - 1)
        return "sizes %s, still there %s" % (list(self.sizes)[:3], (self.gone + list(self.replaced))[:3])


class Inotify:
    """Names that appear in one folder, as they appear."""

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(IN_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(folder), IN_CLOSE_WRITE | IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify on " + folder)

    def names(self, timeout):
        """Names for which something happened; blocks at most timeout seconds for the first."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return []
        data, at, found = os.read(self.fd, 1 << 16), 0, []
        while at < len(data):
            _, _, _, length = EVENT.unpack_from(data, at)
            found.append(data[at + EVENT.size:at + EVENT.size + length].rstrip(b"\0").decode())
            at += EVENT.size + length
        return found

    def close(self):
        os.close(self.fd)
