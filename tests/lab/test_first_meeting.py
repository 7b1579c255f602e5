"""Members that hold the same files when they first meet: they find that out by digests of ranges, and tell no paths."""
import os
import shutil
import sqlite3
import subprocess

import netlab
from netlab import trees

COUNT = 6000
PER_FILE = 4  # bytes in each direction, where all is equal
FIXED = 64 << 10


def rows(host):
    """{path: what the index says of it, version included} of a host whose agent does not run."""
    at = os.path.join(host.home, "groups")
    path = os.path.join(at, os.listdir(at)[0], "index.db")
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    found = db.execute("SELECT key, kind, deleted, mode, mtime_ns, size, root, target, version, base, mode_base, modified_by"
                       " FROM files WHERE deleted = 0").fetchall()
    db.close()
    return {row[0]: row[1:] for row in found}


def seeded(lab, count=COUNT, differ=lambda share: None):
    """Two hosts with the same tree, made before either has a group; then `differ` changes the second's."""
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, count, 40)
    os.symlink("d000/f000000", os.path.join(os.fsdecode(a.share), "link"))
    shutil.rmtree(b.share, ignore_errors=True)
    subprocess.run(["cp", "-a", a.share, b.share], check=True)
    differ(b.share)
    return a, b


def meet(a, b, timeout=90):
    """They meet for the first time; what each sent from then until both are in sync."""
    for host in (a, b):
        host.daemon.start(*netlab.start_flags(host, [a, b], "off"))
    a.cli("create", "pics", "--share", a.share)
    a.wait_sync(timeout)
    token = a.invite("pics")
    before = [h.tx() for h in (a, b)]
    b.cli("join", "--invite", token, "--share", b.share)
    for host in (a, b):
        host.wait_peers(1)
    netlab.settle([a, b], timeout=timeout)
    return [h.tx() - n for h, n in zip((a, b), before)]


def same_rows(a, b):
    for host in (a, b):
        host.daemon.stop()
    at_a, at_b = rows(a), rows(b)
    assert at_a == at_b
    return at_a


def test_equal_trees_cost_little_and_end_with_the_same_versions(lab):
    a, b = seeded(lab)
    sent = meet(a, b)
    for host, n in zip((a, b), sent):
        assert n < COUNT * PER_FILE + FIXED, "%.1f bytes per file" % (n / COUNT)
        assert host.counters()["records_sent"] < 10
    found = same_rows(a, b)
    assert len(found) > COUNT
    assert all(len(row[7]) == 2 * 16 for row in found.values())  # two writers each


def test_what_differs_travels_as_records(lab):
    def differ(share):
        for i in range(0, COUNT, COUNT // 100):
            path = os.path.join(os.fsdecode(share), "d%03d" % (i // 500), "f%06d" % i)
            if i % 3 == 0:
                with open(path, "ab") as f:
                    f.write(b"more")
            elif i % 3 == 1:
                os.utime(path, (1000000000, 1000000000))
            else:
                os.chmod(path, 0o600)
        os.symlink("elsewhere", os.path.join(os.fsdecode(share), "other link"))
        os.mkdir(os.path.join(os.fsdecode(share), "empty"))

    a, b = seeded(lab, differ=differ)
    meet(a, b)
    for host in (a, b):
        assert host.counters()["records_sent"] < 900
    same_rows(a, b)


def test_an_index_that_was_lost_is_found_again(lab):
    a, b = seeded(lab)
    meet(a, b)
    for host in (a, b):
        host.daemon.stop()
    at = os.path.join(b.home, "groups")
    group = os.path.join(at, os.listdir(at)[0])
    for name in os.listdir(group):
        if name.startswith("index.db"):
            os.unlink(os.path.join(group, name))
    a.daemon.start()
    b.daemon.start()
    for host in (a, b):
        host.wait_peers(1)
    netlab.settle([a, b], timeout=90)
    for host in (a, b):
        assert host.counters()["records_sent"] < 10
    same_rows(a, b)


def test_files_that_change_meanwhile(lab):
    a, b = seeded(lab)
    for host in (a, b):
        host.daemon.start(*netlab.start_flags(host, [a, b], "off"))
    a.cli("create", "pics", "--share", a.share)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    for k in range(200):
        for host, i in ((a, 20 * k), (b, 20 * k + 7)):
            path = os.path.join(os.fsdecode(host.share), "d%03d" % (i // 500), "f%06d" % i)
            if k % 4 == 3:
                os.unlink(path)
            else:
                with open(path, "ab") as f:
                    f.write(b"%d" % k)
    for host in (a, b):
        host.wait_peers(1)
    netlab.settle([a, b], timeout=90)
    same_rows(a, b)


def test_a_third_member_comes_to_the_same(lab):
    a, b = seeded(lab)
    c = lab.host("c")
    shutil.rmtree(c.share, ignore_errors=True)
    subprocess.run(["cp", "-a", a.share, c.share], check=True)
    netlab.form([a, b, c], timeout=120)
    netlab.settle([a, b, c], timeout=120)
    c.daemon.stop()
    at_c = rows(c)
    assert same_rows(a, b) == at_c


def test_few_files_are_told_as_ever(lab):
    a, b = seeded(lab, count=300)
    meet(a, b)
    assert a.counters()["records_sent"] >= 300
    same_rows(a, b)
