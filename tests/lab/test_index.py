"""The index lost, old, damaged or from a newer lanyard, on one of three members that has another group too: what is
promised is that it merges without loss and deletes nothing, that the other group is not affected, and that it is said.

What is not promised: a deletion by others while the index was lost.  An agent without its index cannot tell a file that
others deleted from one that its user made, and keeps it, so that it comes back everywhere.
"""
import glob
import os
import shutil
import sqlite3

import netlab
import pytest
from netlab import trees, until


def index_of(host, group):
    gid = host.status(group)["id"]
    return os.path.join(host.home, "groups", gid, "index.db")


def settle(hosts):
    for _ in range(2):
        for host in hosts:
            host.wait_sync(40, peers=2, group="pics")
    pictures = [trees.picture(host.share) for host in hosts]
    for picture in pictures[1:]:
        assert trees.differences(pictures[0], picture) == []
    return pictures[0]


def three(lab):
    """Three members of `pics`, of which the second has a group `other` with the third as well."""
    a, b, c = (lab.host(n) for n in "abc")
    trees.many(a.share, 40, 1000, 10)
    trees.write(a.share, {"doc": b"doc", "gone": b"gone", "edited": b"old"})
    netlab.form([a, b, c])
    os.makedirs(b.path("other"))
    os.makedirs(c.path("other"))
    b.cli("create", "other", "--share", b.path("other"))
    c.cli("join", "--invite", b.invite("other"), "--share", c.path("other"))
    trees.write(b.path("other"), {"mine": b"1"})
    settle([a, b, c])
    until(lambda: "the other group has its file", lambda: os.path.exists(os.path.join(c.path("other"), "mine")), 20)
    return a, b, c


def other_group_works(b, c):
    trees.write(b.path("other"), {"later": b"2"})
    until(lambda: "the other group goes on", lambda: os.path.exists(os.path.join(c.path("other"), "later")), 20)


def changes_meanwhile(a, b):
    """What others do while b is away, and what b's user does."""
    trees.write(a.share, {"new": b"new", "edited": b"by a"})
    trees.write(b.share, {"mine": b"mine"})


def all_is_there(hosts):
    tree = settle(hosts)
    for path in (b"doc", b"new", b"mine", b"edited"):
        assert path in tree, sorted(tree)
    contents = {hosts[0].read(p) for p in tree if b"edited" in p}
    assert b"by a" in contents
    return tree


def lose(path):
    for name in glob.glob(path + "*"):
        os.unlink(name)


def test_a_lost_index_merges(lab):
    a, b, c = three(lab)
    path = index_of(b, "pics")
    b.daemon.stop()
    lose(path)
    changes_meanwhile(a, b)
    os.unlink(a.file("gone"))
    b.daemon.start()
    all_is_there([a, b, c])
    other_group_works(b, c)


def test_an_index_restored_from_a_backup_merges_and_brings_nothing_back(lab):
    """What it says is older than what it has said before: others notice, and it starts a new epoch.
    What the others deleted since the backup stays deleted, since the old rows are known to be old."""
    a, b, c = three(lab)
    path = index_of(b, "pics")
    b.daemon.stop()
    shutil.copy(path, b.path("backup"))
    b.daemon.start()
    settle([a, b, c])
    os.unlink(a.file("gone"))
    trees.write(b.share, {"after": b"after the backup"})
    settle([a, b, c])
    b.daemon.stop()
    lose(path)
    shutil.copy(b.path("backup"), path)
    changes_meanwhile(a, b)
    b.daemon.start()
    tree = all_is_there([a, b, c])
    assert b"after" in tree and b"gone" not in tree
    # The others show b's own signature of numbers that it knows nothing of.
    assert "the index was restored from an older copy; starting a new epoch" in b.log()
    trees.write(b.share, {"after": b"and again"})
    settle([a, b, c])
    assert a.read("after") == b"and again" == c.read("after")
    os.unlink(b.file("doc"))
    assert b"doc" not in settle([a, b, c])
    other_group_works(b, c)


@pytest.mark.parametrize("where", (0, 100, 0.3, 0.6, 0.9))
def test_a_damaged_index_is_said_and_merges(lab, where):
    """In its head, in its schema, and in three places of what follows."""
    a, b, c = three(lab)
    path = index_of(b, "pics")
    b.daemon.stop()
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        f.seek(where if isinstance(where, int) else int(size * where) // 4096 * 4096)
        f.write(bytes(x ^ 0x55 for x in trees.noise(64)))
    changes_meanwhile(a, b)
    b.daemon.start()
    assert b"gone" in all_is_there([a, b, c])
    if isinstance(where, int):
        assert "was damaged; it is kept as" in b.log()
    other_group_works(b, c)


def test_an_index_of_a_newer_lanyard_is_left_alone_and_said(lab):
    a, b, c = three(lab)
    path = index_of(b, "pics")
    b.daemon.stop()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 1000")
    db.close()
    with open(path, "rb") as f:
        before = f.read()
    changes_meanwhile(a, b)
    b.daemon.start()
    until(lambda: "pics: %s" % b.status("pics"), lambda: b.status("pics")["state"] == "error", 20)
    assert "newer version of lanyard" in b.status("pics")["error"]
    other_group_works(b, c)
    with open(path, "rb") as f:
        assert f.read() == before
    assert not os.path.exists(b.file("new")) and a.read("doc") == b"doc"
