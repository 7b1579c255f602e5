"""A reader that looks at the files of all members while everything goes on: each sample must be a complete known content.

A file is read again when its inode, size, time or change time is another.  What is open is one inode to its end, and a lock
keeps users of the same host from writing into it meanwhile; so what is read and not known was shown by what is driven.
"""
import hashlib
import os
import stat
import threading
import time

PAUSE = 0.02  # seconds between two looks at one share each


def at(host, path):
    """Where a path of the share is."""
    return os.path.join(host.share, path)


class Reader:
    def __init__(self, hosts, ledger, locks, own):
        """own(path): it belongs to the driven program, and not to the share."""
        self.hosts, self.ledger, self.locks, self.own = hosts, ledger, locks, own
        self.samples, self.torn, self.failed = 0, [], None
        self.seen = [{} for _ in hosts]
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.ending.set()
        self.thread.join()
        if self.failed and not exc[0]:
            raise self.failed

    def _run(self):
        try:
            while not self.ending.is_set():
                for i, host in enumerate(self.hosts):
                    self._look(i, host)
                    self.ending.wait(PAUSE)
        except Exception as e:
            self.failed = e

    def _look(self, i, host):
        for top, folders, names in os.walk(host.share):
            inner = os.path.relpath(top, host.share)
            folders[:] = [n for n in folders if not self.own(os.path.normpath(os.path.join(inner, n)))]
            for name in names:
                path = os.path.normpath(os.path.join(inner, name))
                if not self.own(path):
                    with self.locks[i]:
                        self._sample(i, host, path)

    def _sample(self, i, host, path):
        try:
            fd = os.open(at(host, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        try:
            st = os.fstat(fd)
            mark = st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns
            if not stat.S_ISREG(st.st_mode) or self.seen[i].get(path) == mark:
                return
            self.seen[i][path] = mark
            data = b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
        finally:
            os.close(fd)
        self.samples += 1
        content = hashlib.sha256(data).hexdigest()
        if content not in self.ledger.known:
            self.torn.append((host.name, path, len(data), content, time.monotonic()))
