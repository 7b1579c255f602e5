"""The users of all members, played by one hand: each deed of a script, done on a share and written into the ledger.

What a deed takes away is known exactly, although the thing that is driven writes to the same paths at the same time: a file
is taken by exchanging it, by moving it out of the share, or while it is held open, so that afterwards its link count tells
whether it was this one that went.  A deed that finds nothing to do does nothing.
"""
import contextlib
import errno
import hashlib
import os
import stat
import time

import script as scripts
from rename2 import EXCHANGE, NOREPLACE, rename2

NOT_HERE = (FileNotFoundError, NotADirectoryError, FileExistsError, IsADirectoryError)


def at(host, path):
    """Where a path of the share is."""
    return os.path.join(host.share, path)


class NotHere(Exception):
    """The deed does not apply to what is there."""


def digest(data):
    return hashlib.sha256(data).hexdigest()


def target_of(text):
    return "link:" + os.fsdecode(text)


class Held:
    """A file or symlink held open, with its content: whatever becomes of its name, this one is known."""

    def __init__(self, path, flags=os.O_RDONLY):
        try:
            self.fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as e:
            if e.errno != errno.ELOOP:
                raise NotHere from e
            self.fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        st, self.data = os.fstat(self.fd), None
        if stat.S_ISLNK(st.st_mode):
            self.content = target_of(os.readlink("", dir_fd=self.fd))
        elif stat.S_ISREG(st.st_mode):
            self.data = b"".join(iter(lambda: os.read(self.fd, 1 << 20), b""))
            self.content = digest(self.data)
        else:
            os.close(self.fd)
            raise NotHere

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.close(self.fd)

    def gone(self):
        return os.fstat(self.fd).st_nlink == 0

    def state(self):
        st = os.fstat(self.fd)
        return stat.S_IMODE(st.st_mode), st.st_mtime_ns

    def here(self):
        """Where its name is now."""
        return os.readlink("/proc/self/fd/%d" % self.fd)


class Users:
    def __init__(self, seed, hosts, ledger, locks, own):
        """locks[i] is held while a file of host i is changed in place, so that a reader sees no half of a write.
        own(path): it belongs to what is driven; no user cares for it."""
        self.own = own
        self.seed, self.hosts, self.ledger, self.locks = seed, hosts, ledger, locks
        self.trash, self.counted, self.done = [], set(), 0
        for host in hosts:
            os.makedirs(host.path("trash"))

    def play(self, step):
        host = self.hosts[step.host]
        self.serial, self.parts = step.number * 10, 0
        try:
            getattr(self, step.verb)(host, **step.a)
            self.done += 1
        except (NotHere, *NOT_HERE):
            pass
        except OSError as e:
            if e.errno not in (errno.ELOOP, errno.ENOTEMPTY, errno.EINVAL, errno.EBUSY):
                raise

    # --- small things ---

    def tell(self, host, text, *paths, content=None):
        self.ledger.tell("%s %s%s" % (host.name, text, " [%s]" % content[:12] if content else ""), *paths, content=content)

    def fresh(self, host, file, size):
        """New bytes, known to the ledger before they are written anywhere."""
        data = scripts.data(self.seed, self.serial, size)
        self.serial += 1
        content = digest(data)
        self.ledger.intend(content, "written by %s to %s" % (host.name, file))
        return data, content

    def parents(self, host, file):
        folder = os.path.dirname(file)
        inner = ""
        for part in folder.split("/") if folder else []:
            inner = os.path.join(inner, part)
            self.ledger.folders.add(inner)
            with contextlib.suppress(FileExistsError):
                os.mkdir(at(host, inner))
            if os.path.islink(at(host, inner)) or not os.path.isdir(at(host, inner)):
                raise NotHere

    def throw(self, host, path):
        """A place in the trash for what is taken from path; what is found there at the end was taken."""
        place = host.path("trash", "%d" % len(self.trash))
        self.trash.append((place, path))
        return place

    def outside(self, host, data, mode=0o644):
        place = host.path("trash", "fresh%d" % self.serial)
        self.serial += 1
        with open(place, "wb") as f:
            f.write(data)
        os.chmod(place, mode)
        return place

    def place(self, host, fresh, file, content):
        """Put a file from outside to its path; what was there goes to the trash."""
        st = os.lstat(fresh)
        for _ in range(100):
            self.parents(host, file)
            if rename2(fresh, at(host, file), EXCHANGE):
                os.rename(fresh, self.throw(host, file))
                self.count(*self.trash[-1])
                break
            if rename2(fresh, at(host, file), NOREPLACE):
                break
        else:
            raise NotHere
        self.ledger.put(content, file, stat.S_IMODE(st.st_mode), st.st_mtime_ns)

    def take(self, host, held, path, act):
        """act() takes the name away; it was this file, or one that came there at this very moment."""
        state = held.state()
        act()
        if held.gone():
            self.ledger.took(held.content, path, *state)
        else:
            self.ledger.overwrote_unseen(path)

    def write(self, host, fd, old, data, parts):
        """Write data behind old in some steps, each of which leaves a content that is known."""
        cuts = [len(data) * (i + 1) // parts for i in range(parts)]
        whole, start = old, 0
        for cut in cuts:
            whole += data[start:cut]
            with self.locks[self.hosts.index(host)]:
                self.ledger.intend(digest(whole), "written in part by %s" % host.name)
                os.write(fd, data[start:cut])
            start = cut
            if cut < len(data):
                time.sleep(0.003)
        st = os.fstat(fd)
        return digest(whole), stat.S_IMODE(st.st_mode), st.st_mtime_ns

    # --- files ---

    def put(self, host, file, size, mode):
        data, content = self.fresh(host, file, size)
        self.place(host, self.outside(host, data, mode), file, content)
        self.tell(host, "puts %s, %d bytes" % (file, size), file, content=content)

    def create(self, host, file, size, parts, say=True):
        data, content = self.fresh(host, file, size)
        self.parents(host, file)
        fd = os.open(at(host, file), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            self.ledger.put(*self._put_order(file, self.write(host, fd, b"", data, parts)))
        finally:
            os.close(fd)
        if say:
            self.tell(host, "creates %s, %d bytes in %d" % (file, size, parts), file, content=content)

    @staticmethod
    def _put_order(file, wrote):
        content, mode, mtime = wrote
        return content, file, mode, mtime

    def _in_place(self, host, file, change, text):
        with Held(at(host, file), os.O_RDWR) as held:
            if held.data is None:
                raise NotHere
            before = held.state()
            content, mode, mtime = change(held)
            if content != held.content:
                self.ledger.took(held.content, file, *before)
                self.ledger.put(content, file, mode, mtime)
            else:
                self.ledger.touch(content, file, before, (mode, mtime))
            self.tell(host, "%s %s, before [%s]" % (text, file, held.content[:12]), file, content=content)

    def _cut(self, host, held, length):
        with self.locks[self.hosts.index(host)]:
            self.ledger.intend(digest(held.data[:length]), "cut by %s" % host.name)
            os.ftruncate(held.fd, length)
        os.lseek(held.fd, 0, os.SEEK_END)

    def rewrite(self, host, file, size, parts):
        data, _ = self.fresh(host, file, size)

        def change(held):
            self._cut(host, held, 0)
            return self.write(host, held.fd, b"", data, parts)
        self._in_place(host, file, change, "rewrites")

    def append(self, host, file, size):
        data, _ = self.fresh(host, file, size)
        self._in_place(host, file, lambda held: self.write(host, held.fd, held.data, data, 1), "appends to")

    def truncate(self, host, file, part):
        def change(held):
            length = max(min(32, len(held.data)), int(len(held.data) * part))
            self._cut(host, held, length)
            return (digest(held.data[:length]), *held.state())
        self._in_place(host, file, change, "truncates")

    def patch(self, host, file, part):
        data, _ = self.fresh(host, file, 32)

        def change(held):
            start = int(len(held.data) * part)
            whole = held.data[:start] + data + held.data[start + len(data):]
            with self.locks[self.hosts.index(host)]:
                self.ledger.intend(digest(whole), "patched by %s" % host.name)
                os.pwrite(held.fd, data, start)
            return (digest(whole), *held.state())
        self._in_place(host, file, change, "patches")

    def vim(self, host, file, size):
        """The old file is renamed to a backup, the new one written under its name, the backup removed."""
        backup = file + "~"
        with Held(at(host, file)) as held:
            if not rename2(at(host, file), at(host, backup), NOREPLACE):
                raise NotHere
            self._moved(host, held, file, backup)
            self.tell(host, "moves %s to %s" % (file, backup), file, backup, content=held.content)
            try:
                self.create(host, file, size, 1)
            finally:
                self.delete(host, backup)

    def save(self, host, file, size):
        """A new file beside the old one, renamed over it."""
        data, content = self.fresh(host, file, size)
        beside = os.path.join(os.path.dirname(file), ".%s.%d.tmp" % (os.path.basename(file), self.serial))
        with Held(at(host, file)) as held:
            fd = os.open(at(host, beside), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            _, mode, mtime = self.write(host, fd, b"", data, 1)
            os.close(fd)
            try:
                self.take(host, held, file, lambda: os.rename(at(host, beside), at(host, file)))
            except OSError:
                os.unlink(at(host, beside))
                raise
            self.ledger.put(content, file, mode, mtime)
        self.tell(host, "saves %s over [%s], %d bytes" % (file, held.content[:12], size), file, content=content)

    def office(self, host, file, size):
        """A lock file stands beside it while the document is saved."""
        lock = os.path.join(os.path.dirname(file), ".~lock.%s#" % os.path.basename(file))
        self.create(host, lock, 40, 1)
        try:
            self.save(host, file, size)
        finally:
            self.delete(host, lock)

    def delete(self, host, file, say=True):
        with Held(at(host, file)) as held:
            self.take(host, held, file, lambda: os.unlink(at(host, file)))
            if say:
                self.tell(host, "deletes %s" % file, file, content=held.content)

    def out(self, host, file):
        place = self.throw(host, file)
        os.rename(at(host, file), place)
        self.count(place, file)
        self.tell(host, "moves %s out of the share" % file, file)

    def _moved(self, host, held, old, new):
        self.ledger.took(held.content, old, *held.state())
        self.ledger.put(held.content, new, *held.state())
        if held.here() != at(host, new):
            # Something else was there at that moment, and is what was moved.
            self.ledger.overwrote_unseen(old)
            with contextlib.suppress(NotHere), Held(at(host, new)) as other:
                self.ledger.took(other.content, old, *other.state())
                self.ledger.put(other.content, new, *other.state())

    def move(self, host, file, other):
        if file == other:
            raise NotHere
        self.parents(host, other)
        with Held(at(host, file)) as held:
            over = ""
            if not rename2(at(host, file), at(host, other), NOREPLACE):
                with Held(at(host, other)) as target:
                    self.take(host, target, other, lambda: os.rename(at(host, file), at(host, other)))
                    over = ", over [%s]" % target.content[:12]
            self._moved(host, held, file, other)
            self.tell(host, "moves %s to %s%s" % (file, other, over), file, other, content=held.content)

    def copy(self, host, file, other):
        with Held(at(host, file)) as held:
            if held.data is None or file == other:
                raise NotHere
            self.place(host, self.outside(host, held.data), other, held.content)
            self.tell(host, "copies %s to %s" % (file, other), file, other, content=held.content)

    def chmod(self, host, file, mode):
        with Held(at(host, file)) as held:
            if held.data is None:
                raise NotHere
            before = held.state()
            os.fchmod(held.fd, mode)
            self.ledger.touch(held.content, file, before, held.state())
            self.tell(host, "gives %s mode %o" % (file, mode), file, content=held.content)

    def touch(self, host, file, time):
        with Held(at(host, file)) as held:
            if held.data is None:
                raise NotHere
            before = held.state()
            os.utime(held.fd, ns=(time, time))
            self.ledger.touch(held.content, file, before, held.state())
            self.tell(host, "gives %s the time %d" % (file, time), file, content=held.content)

    def link(self, host, file):
        text = "nowhere/%d.%d" % (self.seed, self.serial)
        fresh = host.path("trash", "fresh%d" % self.serial)
        os.symlink(text, fresh)
        content = target_of(text)
        self.ledger.intend(content, "symlink by %s at %s" % (host.name, file))
        self.place(host, fresh, file, content)
        self.tell(host, "makes %s a symlink" % file, file, content=content)

    # --- folders ---

    def mkdir(self, host, folder):
        self.parents(host, folder + "/x")
        self.tell(host, "makes the folder %s" % folder, folder)

    def rmdir(self, host, folder):
        os.rmdir(at(host, folder))
        self.tell(host, "removes the empty folder %s" % folder, folder)

    def mvdir(self, host, folder, folder2):
        if (folder2 + "/").startswith(folder + "/") or os.path.islink(at(host, folder)):
            raise NotHere
        self.parents(host, folder2)
        if not rename2(at(host, folder), at(host, folder2), NOREPLACE):
            raise NotHere
        moved = []
        if os.path.isdir(at(host, folder2)):
            self.ledger.moved_folder(folder2)
            self.ledger.folders.add(folder2)
        else:
            with contextlib.suppress(NotHere), Held(at(host, folder2)) as held:
                self._moved(host, held, folder, folder2)
        for top, folders, names in os.walk(at(host, folder2)):
            inner = os.path.relpath(top, at(host, folder2))
            links = [n for n in folders if os.path.islink(os.path.join(top, n))]
            for name in folders:
                if name not in links:
                    self.ledger.folders.add(os.path.normpath(os.path.join(folder2, inner, name)))
            for name in names + links:
                old, new = (os.path.normpath(os.path.join(f, inner, name)) for f in (folder, folder2))
                if self.own(new):
                    continue
                with contextlib.suppress(NotHere), Held(os.path.join(top, name)) as held:
                    self.ledger.took(held.content, old, *held.state())
                    self.ledger.put(held.content, new, *held.state())
                    moved += [old, new]
        self.tell(host, "moves the folder %s to %s" % (folder, folder2), folder, folder2, *moved)

    def rmtree(self, host, folder):
        for top, folders, names in os.walk(at(host, folder), topdown=False):
            inner = os.path.normpath(os.path.join(folder, os.path.relpath(top, at(host, folder))))
            for name in names + [n for n in folders if os.path.islink(os.path.join(top, n))]:
                with contextlib.suppress(NotHere, *NOT_HERE):
                    if self.own(os.path.join(inner, name)):
                        os.unlink(os.path.join(top, name))
                    else:
                        self.delete(host, os.path.join(inner, name))
            with contextlib.suppress(OSError):
                os.rmdir(top)
        self.tell(host, "removes the folder %s" % folder, folder)

    def tofolder(self, host, file, size):
        """A file gives way to a folder of its name."""
        if not os.path.isdir(at(host, file)):
            self.out(host, file)
        self.create(host, file + "/in", size, 1)
        self.tell(host, "makes %s a folder" % file, file)

    def tofile(self, host, folder, size):
        """A folder gives way to a file of its name."""
        data, content = self.fresh(host, folder, size)
        self.place(host, self.outside(host, data), folder, content)
        self.tell(host, "makes %s a file" % folder, folder, content=content)

    def bulk(self, host, folder, count):
        for i in range(count):
            with contextlib.suppress(*NOT_HERE):
                self.create(host, "%s/n%02d" % (folder, i), 200 + 100 * i, 1, say=False)
                self.done += 1
        self.tell(host, "creates %d files in %s" % (count, folder), folder, *("%s/n%02d" % (folder, i) for i in range(count)))

    # --- at the end ---

    def account(self):
        """Everything in the trash was taken, also what came into a folder after it had been moved there."""
        for place, path in self.trash:
            if os.path.lexists(place):
                self.count(place, path)

    def count(self, place, path):
        if self.own(path):
            return
        if os.path.islink(place) or not os.path.isdir(place):
            with Held(place) as held:
                if (place, path) not in self.counted:
                    self.ledger.took(held.content, path, *held.state())
                self.counted.add((place, path))
            return
        for name in os.listdir(place):
            self.count(os.path.join(place, name), os.path.join(path, name))
