"""Making trees of files, taking their picture, comparing pictures.

A picture is {path as bytes: Entry}.  Compared are kind, permission bits, modification time to the nanosecond, content by
SHA-256, and link targets; modification times of folders are no part of the promise, nor is the share's own .lanyard/.
"""
import collections
import contextlib
import hashlib
import os
import random
import stat
import subprocess

Entry = collections.namedtuple("Entry", "kind mode mtime size data")
OWN = b".lanyard"


def picture(root):
    root = os.fsencode(root)
    found = {}
    stack = [b""]
    while stack:
        at = stack.pop()
        try:
            names = os.listdir(os.path.join(root, at))
        except (FileNotFoundError, NotADirectoryError):
            if not at:
                raise
            continue
        for path in (os.path.join(at, name) for name in names):
            if path == OWN:
                continue
            # What an agent removes while we look is not there.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found[path] = _entry(root, path, os.lstat(os.path.join(root, path)))
                if found[path].kind == "dir":
                    stack.append(path)
    return found


def _entry(root, path, st):
    mode, full = stat.S_IMODE(st.st_mode) & 0o777, os.path.join(root, path)
    if stat.S_ISLNK(st.st_mode):
        return Entry("symlink", None, st.st_mtime_ns, None, os.readlink(full))
    if stat.S_ISDIR(st.st_mode):
        return Entry("dir", mode, None, None, None)
    if stat.S_ISREG(st.st_mode):
        return Entry("file", mode, st.st_mtime_ns, st.st_size, digest(full))
    return Entry("special", mode, None, None, None)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def differences(one, other, limit=20):
    """The differences of two trees (folders or pictures), in words; [] when they are identical."""
    one, other = (t if isinstance(t, dict) else picture(t) for t in (one, other))
    said = []
    for path in sorted(set(one) | set(other)):
        x, y = one.get(path), other.get(path)
        if x == y:
            continue
        if x is None or y is None:
            said.append("%r only in the %s" % (path, "first" if y is None else "second"))
        else:
            said.append("%r: %s" % (path, ", ".join("%s %s / %s" % (k, u, v) for k, u, v in zip(Entry._fields, x, y)
                                                   if u != v)))
        if len(said) == limit:
            said.append("and so on")
            break
    return said


def write(root, files):
    """Make files from {path: bytes content, None for a folder, or ("link", target)}; parents are made."""
    root = os.fsencode(root)
    for name, content in files.items():
        path = os.path.join(root, os.fsencode(name))
        if content is None:
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, tuple):
            os.symlink(os.fsencode(content[1]), path)
        else:
            with open(path, "wb") as f:
                f.write(content)


def noise(size, seed=1):
    """size incompressible bytes, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def noise_file(path, size, seed=1):
    """Write size incompressible bytes, the same for the same seed, about as fast as the disk takes them."""
    key = hashlib.sha256(b"%d" % seed).hexdigest()
    zeros = os.fsencode(path) + b".zeros"
    with open(zeros, "wb") as f:
        f.truncate(size)
    try:
        subprocess.run(["openssl", "enc", "-aes-128-ctr", "-nosalt", "-K", key[:32], "-iv", key[32:], "-bufsize", "262144",
                        "-in", zeros, "-out", path], check=True, stderr=subprocess.PIPE)
    finally:
        os.unlink(zeros)


def many(root, count, size=1024, per_folder=500, seed=1):
    """count files of size bytes of noise, per_folder to a folder."""
    rng = random.Random(seed)
    root = os.fsencode(root)
    for i in range(count):
        folder = os.path.join(root, b"d%03d" % (i // per_folder))
        if i % per_folder == 0:
            os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, b"f%06d" % i), "wb") as f:
            f.write(rng.randbytes(size))


def age(path, ns):
    """Set a file's modification time, following no link."""
    os.utime(path, ns=(ns, ns), follow_symlinks=False)
