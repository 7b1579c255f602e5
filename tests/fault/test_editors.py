"""How programs save: no false conflict, no lost byte, the last content arrives, and what was temporary stays nowhere (P2, P3).

The real programs where Debian has small ones, otherwise their system calls as they are known to make them.  Each works in a
share that two other members hold.  What a program writes through mmap alone (the -shm file of SQLite) raises no event and is seen
when it is closed.
"""
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from stand import ALL, Stand, until
import trees

pytestmark = pytest.mark.together

ROUNDS = 10 if ALL else 2
VIM = shutil.which("vim") or shutil.which("vim.tiny")


@pytest.fixture(scope="module")
def three():
    with Stand(("writer", "second", "third"), faulty=()) as s:
        # So that what a program clears away is never a large part of the share, and held.
        trees.write(s.peer.share, {"others/%d" % i: b"%d" % i for i in range(500)})
        s.settle()
        yield s


@pytest.fixture
def place(three, request):
    """A folder of the test's own in the writer's share."""
    name = request.node.name.replace("[", "-").replace("]", "")
    three.peer.place = three.peer.path(name)
    os.mkdir(three.peer.place)
    three.place = name
    return three.peer.place


def run(*args, cwd=None, **kw):
    got = subprocess.run(args, cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                         env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                              "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}, **kw)
    assert got.returncode == 0, "%s: %s%s" % (args, got.stdout.decode(errors="replace"), got.stderr.decode(errors="replace"))
    return got.stdout


def arrived(s, names=None):
    """All are identical, nobody made a conflict copy, and of what was temporary nothing is left; returns the others' folders."""
    picture = s.settle(40)
    odd = [p for p in picture if b".conflict-" in p]
    assert not odd, "a false conflict: %s" % odd
    mine = sorted(os.fsdecode(p)[len(s.place) + 1:] for p in picture if p.startswith(os.fsencode(s.place) + b"/"))
    if names is not None:
        assert mine == sorted(names), "not what should be there"
    return [a.path(s.place) for a in s.agents[1:]]


def pause(s, number):
    """Between two saves: sometimes none, sometimes until all have heard, sometimes a moment."""
    if number % 3 == 1:
        s.settle(40)
    elif number % 3 == 2:
        time.sleep(0.03)


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read(*parts):
    with open(os.path.join(*parts), "rb") as f:
        return f.read()


# --- editors ---

@pytest.mark.skipif(VIM is None, reason="needs vim or vim.tiny")
@pytest.mark.parametrize("backupcopy", ("yes", "no", "auto"))
@pytest.mark.parametrize("backup", ("backup", "nobackup"))
def test_vim(three, place, backupcopy, backup):
    path = os.path.join(place, "text")
    write(path, b"line 0\n")
    for i in range(1, ROUNDS + 1):
        run(VIM, "-u", "NONE", "-N", "-es", "-c", "set swapfile updatecount=1 %s backupcopy=%s" % (backup, backupcopy),
            "-c", "$put ='line %d'" % i if "tiny" not in os.path.realpath(VIM) else "normal Goline %d" % i,
            "-c", "w", "-c", "wq", path, cwd=place)
        pause(three, i)
    names = ["text"] + (["text~"] if backup == "backup" else [])
    for folder in arrived(three, names):
        assert read(folder, "text") == b"".join(b"line %d\n" % i for i in range(ROUNDS + 1))


def emacs_save(path, data, first):
    """What emacs 28 does: a lock link, an occasional auto-save, the first save renames the old file to a backup."""
    folder, name = os.path.split(path)
    lock, auto = os.path.join(folder, ".#" + name), os.path.join(folder, "#%s#" % name)
    os.symlink("user@host.%d:1700000000" % os.getpid(), lock)
    write(auto, data[: len(data) // 2])
    write(auto, data)
    if first:
        os.rename(path, path + "~")
    write(path, data)
    os.chmod(path, 0o644)
    os.unlink(auto)
    os.unlink(lock)


def test_emacs(three, place):
    path = os.path.join(place, "text")
    write(path, b"old\n")
    three.settle()
    for i in range(ROUNDS * 2):
        emacs_save(path, b"saved %d\n" % i * 50, i == 0)
        pause(three, i)
    for folder in arrived(three, ["text", "text~"]):
        assert read(folder, "text") == b"saved %d\n" % (ROUNDS * 2 - 1) * 50
        assert read(folder, "text~") == b"old\n"


def libreoffice_save(path, data):
    """What LibreOffice 7 does: a temporary file beside it, written in pieces, renamed over."""
    temp = os.path.join(os.path.dirname(path), "lu%dabcd.tmp" % os.getpid())
    with open(temp, "wb") as f:
        for at in range(0, len(data), 1000):
            f.write(data[at:at + 1000])
            f.flush()
    os.chmod(temp, 0o644)
    os.rename(temp, path)


def test_libreoffice(three, place):
    path, lock = os.path.join(place, "letter.odt"), os.path.join(place, ".~lock.letter.odt#")
    data = b""
    for i in range(ROUNDS * 2):
        data = os.urandom(20_000)
        write(lock, b",user,host,21.11.2026 14:00,file:///home/user/.config/libreoffice/4;")
        libreoffice_save(path, data)
        pause(three, i)
        os.unlink(lock)
    for folder in arrived(three, ["letter.odt"]):
        assert read(folder, "letter.odt") == data


# --- tools ---

def test_git(three, place):
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@b", "-c", "gc.auto=0", "-c", "init.defaultBranch=main")
    run(*git, "init", "-q", "work", cwd=place)
    work = os.path.join(place, "work")
    for i in range(ROUNDS * 2):
        for k in range(5):
            write(os.path.join(work, "file%d" % k), b"%d %d\n" % (i, k) * 100)
        run(*git, "add", "-A", cwd=work)
        run(*git, "commit", "-q", "-m", "change %d" % i, cwd=work)
        run(*git, "checkout", "-q", "-b", "side%d" % i, cwd=work)
        write(os.path.join(work, "side"), b"side %d\n" % i)
        run(*git, "add", "-A", cwd=work)
        run(*git, "commit", "-q", "-m", "side %d" % i, cwd=work)
        run(*git, "checkout", "-q", "main", cwd=work)
        if i == ROUNDS:
            run(*git, "gc", "-q", "--prune=now", cwd=work)
            run(*git, "clone", "-q", "work", "clone", cwd=place)
        pause(three, i)
    run(*git, "repack", "-q", "-a", "-d", cwd=work)
    head = run(*git, "rev-parse", "HEAD", cwd=work)
    for folder in arrived(three):
        for name in ("work", "clone"):
            # Copied first: git itself refreshes its index when it is asked.
            copy = os.path.join(three.dir, "copy-of-git")
            shutil.copytree(os.path.join(folder, name), copy, symlinks=True)
            safe = git + ("-c", "safe.directory=*")
            run(*safe, "fsck", "--full", "--strict", cwd=copy)
            run(*safe, "checkout", "-q", "-f", "main", cwd=copy)
            if name == "work":
                assert run(*safe, "rev-parse", "HEAD", cwd=copy) == head
                assert run(*safe, "status", "--porcelain", cwd=copy) == b""
            shutil.rmtree(copy)


@pytest.mark.parametrize("journal", ("delete", "truncate", "persist", "wal")[::1 if ALL else 3])
def test_sqlite(three, place, journal):
    path = os.path.join(place, "base.db")
    base = sqlite3.connect(path, isolation_level=None)
    # What is in -shm while the base is open is written through mmap.
    between = pause if journal != "wal" else lambda s, i: time.sleep(0.03 * (i % 3))
    base.execute("pragma journal_mode=%s" % journal)
    base.execute("create table t(n integer primary key, text)")
    rows = 0
    for i in range(ROUNDS * 3):
        base.execute("begin immediate")
        base.executemany("insert into t(text) values (?)", [("x" * 200,)] * 100)
        base.execute("rollback" if i % 4 == 3 else "commit")
        rows += 0 if i % 4 == 3 else 100
        between(three, i)
    base.close()
    for folder in arrived(three):
        copy = sqlite3.connect(os.path.join(folder, "base.db"))
        assert copy.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert copy.execute("select count(*) from t").fetchone() == (rows,)
        copy.close()
    three.settle()


@pytest.mark.parametrize("options", ((), ("--inplace",), ("--delay-updates",), ("--inplace", "--no-whole-file")), ids="".join)
def test_rsync(three, place, options):
    source = os.path.join(three.dir, "source")
    shutil.rmtree(source, ignore_errors=True)
    os.makedirs(os.path.join(source, "d"))
    for i in range(ROUNDS * 2):
        for k in range(8):
            write(os.path.join(source, "d" if k % 2 else "", "f%d" % k), os.urandom(2000 + 30_000 * (k == 3)))
        if i % 2:
            os.unlink(os.path.join(source, "f0"))
        run("rsync", "-a", "--ignore-times", "--delete", *options, source + "/", place + "/")
        pause(three, i)
    wanted = {name: read(source, name) for name in ["f2", "f4", "f6", "d/f1", "d/f3", "d/f5", "d/f7"]}
    shutil.rmtree(source)
    for folder in arrived(three, ["d", *wanted]):
        for name, data in wanted.items():
            assert read(folder, name) == data


def tree(top):
    """Old times, odd modes, symlinks, hard links, empty folders, an empty file, holes."""
    os.makedirs(os.path.join(top, "a", "b", "empty"))
    write(os.path.join(top, "a", "f"), b"content\n" * 500)
    write(os.path.join(top, "a", "b", "none"), b"")
    os.link(os.path.join(top, "a", "f"), os.path.join(top, "a", "b", "same"))
    os.symlink("../f", os.path.join(top, "a", "b", "link"))
    with open(os.path.join(top, "a", "holes"), "wb") as f:
        f.seek(1 << 20)
        f.write(b"end")
    os.chmod(os.path.join(top, "a", "f"), 0o4751)
    os.chmod(os.path.join(top, "a", "b"), 0o2750)
    for name, year in (("a/f", 1985), ("a/b/none", 2002), ("a/holes", 2019)):
        os.utime(os.path.join(top, name), ns=((year - 1970) * 31556952 * 10**9 + 7,) * 2)


NAMES = ["t", "t/a", "t/a/b", "t/a/b/empty", "t/a/b/link", "t/a/b/none", "t/a/b/same", "t/a/f", "t/a/holes"]


@pytest.mark.parametrize("way", ("tar", "cp", "mv"))
def test_copied_in(three, place, way):
    """tar -x, cp -a, and mv from another file system: times, modes, links and all; then once more over it."""
    elsewhere = "/var/tmp/lanyard-editors-%d" % os.getpid()
    os.mkdir(elsewhere)
    try:
        for i in range(2):
            top = os.path.join(elsewhere, "t")
            shutil.rmtree(top, ignore_errors=True)
            tree(top)
            if way == "tar":
                run("tar", "-C", elsewhere, "--format=posix", "-cf", os.path.join(elsewhere, "tar"), "t")
                run("tar", "-C", place, "-xpf", os.path.join(elsewhere, "tar"))
            elif way == "cp":
                run("cp", "-a", top, place)
            else:
                shutil.rmtree(os.path.join(place, "t"), ignore_errors=True)
                run("mv", top, place)
            pause(three, i + 1)
        for folder in arrived(three, NAMES):
            assert read(folder, "t/a/b/same") == b"content\n" * 500
            # Whose program it is to run is for each machine to say.
            st = os.stat(os.path.join(folder, "t/a/f"))
            assert (st.st_mode & 0o7777, st.st_mtime_ns) == (0o751, 15 * 31556952 * 10**9 + 7)
            assert os.stat(os.path.join(folder, "t/a/b")).st_mode & 0o7777 == 0o750
            assert os.readlink(os.path.join(folder, "t/a/b/link")) == "../f"
    finally:
        shutil.rmtree(elsewhere)


# --- loops ---

def test_truncated_and_written(three, place):
    path = os.path.join(place, "f")
    for i in range(ROUNDS * 10):
        with open(path, "wb") as f:
            f.write(b"first half %d\n" % i * 100)
            f.flush()
            time.sleep(0.001)
            f.write(b"second half %d\n" % i * 100)
    for folder in arrived(three, ["f"]):
        assert read(folder, "f") == b"first half %d\n" % i * 100 + b"second half %d\n" % i * 100


def test_log_that_grows(three, place):
    """Appended to all the time, by one that holds it open and by one that opens it each time, and rotated."""
    path, kept = os.path.join(place, "log"), b""
    with open(path, "ab", buffering=0) as held:
        for i in range(ROUNDS * 30):
            held.write(b"line %d\n" % i)
            with open(path, "ab") as f:
                f.write(b"other %d\n" % i)
            kept += b"line %d\nother %d\n" % (i, i)
            time.sleep(0.004)
    os.rename(path, path + ".1")
    write(path, b"new\n")
    for folder in arrived(three, ["log", "log.1"]):
        assert read(folder, "log.1") == kept
        assert read(folder, "log") == b"new\n"


def test_sed_in_place(three, place):
    path = os.path.join(place, "f")
    write(path, b"value 0\n" * 1000)
    for i in range(ROUNDS * 2):
        run("sed", "-i", "s/value %d/value %d/" % (i, i + 1), path)
        pause(three, i)
    for folder in arrived(three, ["f"]):
        assert read(folder, "f") == b"value %d\n" % (ROUNDS * 2) * 1000


def test_replaced_a_hundred_times_a_second(three, place):
    path = os.path.join(place, "f")
    for i in range(ROUNDS * 60):
        write(path + ".tmp", b"number %d\n" % i * (1 + i % 50))
        os.rename(path + ".tmp", path)
        time.sleep(0.01)
    for folder in arrived(three, ["f"]):
        assert read(folder, "f") == b"number %d\n" % i * (1 + i % 50)


def test_saved_while_the_agent_stands_still(three, place):
    """What was saved, locked and unlocked while nobody looked is seen as what it came to."""
    path = os.path.join(place, "f")
    write(path, b"old\n")
    three.settle()
    three.peer.proc.send_signal(signal.SIGSTOP)
    for i in range(ROUNDS * 10):
        emacs_save(path, b"saved %d\n" % i, i == 0)
        libreoffice_save(os.path.join(place, "g"), b"saved %d\n" % i)
    three.peer.proc.send_signal(signal.SIGCONT)
    for folder in arrived(three, ["f", "f~", "g"]):
        assert read(folder, "f") == read(folder, "g") == b"saved %d\n" % i
    until("nothing is left of downloads", lambda: not any(os.listdir(a.path(".lanyard", "parts")) for a in three.agents))
