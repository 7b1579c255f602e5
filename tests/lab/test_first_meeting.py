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


def database(host):
    """The index of a host, to be read, whether its agent runs or not."""
    at = os.path.join(host.home, "groups")
    return sqlite3.connect("file:%s?mode=ro" % os.path.join(at, os.listdir(at)[0], "index.db"), uri=True)


def unwritten(host):
    """How many rows hold what a meeting has joined and rows do not say yet."""
    db = database(host)
    found = db.execute("SELECT count(*) FROM joins").fetchone()[0]
    db.close()
    return found


def written(host):
    """Its agent has written into each row what the meeting made of it."""
    netlab.until("%s has written what it has joined" % host.name, lambda: unwritten(host) == 0, 30)


def rows(host):
    """{path: what the index says of it, version included} of a host whose agent does not run."""
    db = database(host)
    found = db.execute("SELECT key, kind, deleted, mode, mtime_ns, size, root, target, version, base, mode_base, modified_by"
                       " FROM files WHERE deleted = 0").fetchall()
    db.close()
    return {row[0]: row[1:] for row in found}


def renumbered(host):
    """How many numbers of the index, of a host whose agent does not run, are no row's any more."""
    db = database(host)
    least, most, count = db.execute("SELECT min(seq), max(seq), count(*) FROM files").fetchone()
    db.close()
    return most - least + 1 - count


def seeded(lab, count=COUNT, differ=lambda share: None):
    """Two hosts with the same tree, made before either has a group; then `differ` changes the second's."""
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, count, 40)
    os.symlink("d000/f000000", os.path.join(os.fsdecode(a.share), "link"))
    shutil.rmtree(b.share, ignore_errors=True)
    subprocess.run(["cp", "-a", a.share, b.share], check=True)
    differ(b.share)
    return a, b


def begin(a, b, timeout=90):
    """They meet for the first time; what each had sent before."""
    for host in (a, b):
        host.daemon.start(*netlab.start_flags(host, [a, b], "off"))
    a.cli("create", "pics", "--share", a.share)
    a.wait_sync(timeout)
    token = a.invite("pics")
    before = [h.tx() for h in (a, b)]
    b.cli("join", "--invite", token, "--share", b.share)
    for host in (a, b):
        host.wait_peers(1)
    return before


def meet(a, b, timeout=90):
    """The same until both are in sync; what each sent from then on."""
    before = begin(a, b, timeout)
    netlab.settle([a, b], timeout=timeout)
    return [h.tx() - n for h, n in zip((a, b), before)]


def same_rows(a, b):
    for host in (a, b):
        if host.daemon.running():
            written(host)
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
    for host in (a, b):  # nobody else had to hear of that
        assert renumbered(host) < COUNT // 10


def test_an_agent_that_is_killed_while_rows_are_joined_goes_on(lab):
    a, b = seeded(lab)
    begin(a, b)
    netlab.until("b has joined some", lambda: unwritten(b) > 0, 60)
    b.daemon.kill9()
    b.daemon.start()
    for host in (a, b):
        host.wait_peers(1)
    netlab.settle([a, b], timeout=90)
    # A change is made on what was joined: there is no conflict.
    for host, i in ((a, 1), (b, 2)):
        with open(os.path.join(os.fsdecode(host.share), "d000", "f%06d" % i), "ab") as f:
            f.write(b"more")
    netlab.settle([a, b], timeout=90)
    found = same_rows(a, b)
    assert not [key for key in found if b"conflict" in key]


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


def test_who_was_told_before_hears_what_the_first_two_come_to(lab):
    a, b = seeded(lab)
    c = lab.host("c")
    for host in (a, c):
        host.daemon.start(*netlab.start_flags(host, [a, b, c], "off"))
    a.cli("create", "pics", "--share", a.share)
    c.cli("join", "--invite", a.invite("pics"), "--share", c.share)
    netlab.settle([a, c], timeout=90, peers=[1, 1])
    token = a.invite("pics")
    c.daemon.stop()
    b.daemon.start(*netlab.start_flags(b, [a], "off"))
    b.cli("join", "--invite", token, "--share", b.share)
    for host in (a, b):
        host.wait_peers(1)
    netlab.settle([a, b], timeout=90)
    # c never sees b, and has what came of their meeting from a.
    b.daemon.stop()
    c.daemon.start()
    netlab.settle([a, c], timeout=90, peers=[1, 1])
    assert all(len(row[7]) == 2 * 16 for row in same_rows(a, c).values())


def test_few_files_are_told_as_ever(lab):
    a, b = seeded(lab, count=300)
    meet(a, b)
    assert a.counters()["records_sent"] >= 300
    same_rows(a, b)
