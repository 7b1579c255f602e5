"""Deletions are forgotten when all members have them; who was away for longer merges: it neither deletes nor brings back (P2, P3)."""
import os
import shutil

import netlab
from netlab import trees, until
from test_versions import kept, settings

AGE = "tombstones-age = 1s"


def trio(lab, files):
    """Three members; c keeps its deletions for good."""
    hosts = [lab.host(n) for n in "abc"]
    for host in hosts[:2]:
        settings(host, AGE)
    settings(hosts[2], "tombstones-age = off")
    trees.write(hosts[0].share, files)
    netlab.form(hosts)
    netlab.settle(hosts)
    return hosts


def tombstones(host):
    return host.status()["tombstones"]


def wait_forgotten(*hosts):
    for host in hosts:
        until(lambda: "%s keeps %d deletions" % (host.name, tombstones(host)), lambda: tombstones(host) == 0, 20)


def start(host, hosts):
    host.daemon.start(*netlab.start_flags(host, hosts, "off"))


def back_up(host):
    """Home and share as they are on disk now; the agent is stopped."""
    for part in ("home", "share"):
        shutil.copytree(host.path(part), host.path("backup", part), symlinks=True,
                        ignore=shutil.ignore_patterns("control*", "*.sock"))


def bring_back(host):
    for part in ("home", "share"):
        shutil.rmtree(host.path(part))
        os.rename(host.path("backup", part), host.path(part))


def test_a_deletion_is_forgotten_when_all_members_have_it(lab):
    a, b, c = hosts = trio(lab, {"x": b"one", "d/y": b"two", "stays": b"three"})
    c.daemon.stop()
    os.unlink(a.file("x"))
    shutil.rmtree(a.file("d"))
    netlab.settle([a, b])
    for _ in range(3):  # long enough for a and b to forget, if they would
        assert tombstones(a) == 3 and tombstones(b) == 3
        until("a second", lambda clock=os.times().elapsed: os.times().elapsed > clock + 1.2, 5)
    assert tombstones(a) == 3 and tombstones(b) == 3
    start(c, hosts)
    assert set(netlab.settle([a, b, c])) == {b"stays"}
    wait_forgotten(a, b)
    assert tombstones(c) == 3
    # What was forgotten can be there again, and go again.
    trees.write(b.share, {"x": b"four"})
    netlab.settle([b, a, c])
    assert [h.read("x") for h in hosts] == [b"four"] * 3
    os.unlink(c.file("x"))
    assert set(netlab.settle([c, a, b])) == {b"stays"}
    wait_forgotten(a, b)


def test_who_was_away_for_longer_neither_deletes_nor_brings_back(lab):
    a, b, c = hosts = trio(lab, {"gone": b"1", "d/gone": b"2", "edited": b"3", "again": b"4", "stays": b"5"})
    os.unlink(c.file("again"))  # c remembers this for good
    netlab.settle([c, a, b])
    c.daemon.stop()
    back_up(c)
    start(c, hosts)
    netlab.settle(hosts)
    for name in ("gone", "edited"):
        os.unlink(a.file(name))
    shutil.rmtree(b.file("d"))
    netlab.settle(hosts)
    wait_forgotten(a, b)
    trees.write(a.share, {"again": b"made again", "new": b"6"})
    netlab.settle(hosts)
    # c's disk goes back to what it was; while nobody sees it, its user writes.
    c.daemon.stop()
    bring_back(c)
    trees.write(c.share, {"edited": b"while away", "mine": b"7"})
    start(c, hosts)
    until(lambda: "c has not come back: %s" % os.listdir(c.share), lambda: os.path.exists(a.file("mine")), 20)
    tree = netlab.settle([c, a, b])
    assert set(tree) == {b"edited", b"again", b"new", b"mine", b"stays"}
    assert [h.read("edited") for h in hosts] == [b"while away"] * 3
    assert a.read("again") == b"made again" and a.read("mine") == b"7"
    assert {b"1", b"2"} <= set(kept(c))  # set aside where they were
    c.daemon.stop()
    start(c, hosts)
    assert netlab.settle([c, a, b]) == tree
