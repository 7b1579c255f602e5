"""A tree beside the share that nobody may touch or read: canaries.

Each file holds a secret that must turn up nowhere else; each file's and folder's every attribute must stay as it was, the time
of the last reading included, where the file system keeps it (relatime does, for what is older than its content).
"""
import os

from stand import contents

SECRET = b"SECRET-OUTSIDE-"
FILES = ("f", "f0", "f1", "f2", "f3", "f00", "f05", "f10", "f23", "g", "g2", "g5", "h", "inside", "f.txt", "x", "link", "share", "new")
FOLDERS = ("d", "e", "own", "moved", "parts", "versions")


class Outside:
    def __init__(self, path):
        self.path, self.file = path, path + "-file"
        self._make(path, 3)
        self._put(self.file)
        self.before = self._look(path)

    def _make(self, path, depth):
        os.makedirs(path)
        for name in FILES:
            self._put(os.path.join(path, name))
        for name in FOLDERS if depth > 1 else ():
            self._make(os.path.join(path, name), depth - 1)
        os.utime(path, ns=(10**9, 2 * 10**9))

    @staticmethod
    def _put(path):
        with open(path, "wb") as f:
            f.write(SECRET + os.fsencode(path) + b"\n" + bytes(2000))
        os.utime(path, ns=(10**9, 2 * 10**9))

    def _look(self, path):
        found = {p: self._attributes(os.lstat(p)) for p in (path, self.file)}
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOATIME)
        try:
            with os.scandir(fd) as entries:
                inside = [(os.path.join(path, e.name), e.is_dir(follow_symlinks=False)) for e in entries]
        finally:
            os.close(fd)
        for full, folder in inside:
            if folder:
                found.update(self._look(full))
            else:
                found[full] = self._attributes(os.lstat(full))
        return found

    @staticmethod
    def _attributes(st):
        return {"ino": st.st_ino, "mode": st.st_mode, "links": st.st_nlink, "owner": (st.st_uid, st.st_gid), "size": st.st_size,
                "read": st.st_atime_ns, "written": st.st_mtime_ns, "changed": st.st_ctime_ns}

    def check(self):
        """Everything is as it was made, to the last attribute, and nothing is there beside it."""
        now = self._look(self.path)
        said = ["%s is new" % p for p in now if p not in self.before] + ["%s is gone" % p for p in self.before if p not in now]
        said += ["%s: %s" % (p, {k: (v, now[p][k]) for k, v in a.items() if now[p][k] != v})
                 for p, a in self.before.items() if p in now and now[p] != a]
        assert not said, "outside of the share: " + "; ".join(said[:5])


def leaked(folder):
    """The files below folder, whatever they are for, that hold a secret."""
    return [name for name, f in contents(folder) if SECRET in f.read(1 << 20)]
