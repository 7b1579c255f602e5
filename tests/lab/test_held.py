"""Deletions that look like an accident are held where they happen: nobody is told, status says so, release lets them go."""
import os
import shutil

import netlab
from netlab import trees


def pair(lab, count=60, size=500):
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, count, size, 20)
    trees.write(a.share, {"also": b"1"})
    netlab.form([a, b])
    return a, b, netlab.settle([a, b])


def empty(host):
    """Delete everything, as `rm -rf *` would."""
    for name in os.listdir(host.share):
        if name != ".lanyard":
            path = os.path.join(host.share, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def until_held(host, count):
    netlab.until(lambda: "%s holds %d, not %d" % (host.name, host.status()["held"], count),
                 lambda: host.status()["held"] == count, 20)


def assert_unharmed(b, tree):
    picture = trees.picture(b.share)
    assert {p: picture.get(p) for p in tree} == tree


def assert_told_and_unharmed(a, b, tree):
    """What comes after the deletions has come to b, and what was to be deleted is there."""
    trees.write(a.share, {"later": b"later"})
    netlab.until("b has what came later", lambda: os.path.exists(b.file("later")), 20)
    b.wait_sync(peers=1)
    assert_unharmed(b, tree)


def test_a_burst_is_held_shown_and_released(lab):
    a, b, tree = pair(lab)
    empty(a)
    until_held(a, len(tree))
    status = a.status()
    assert not status["in_sync"] and status["state"] == "waiting" and "release" in status["waits_for"]
    assert set(a.problems()) == set(tree)
    assert all("held" in p["reason"] and "release" in p["next"] and p["since"] > 0 for p in status["problems"])
    assert "are held: lanyard release" in a.lanyard("status").out.decode()
    assert a.lanyard("wait", "--timeout", "2").code == 1
    assert trees.picture(b.share) == tree
    # Not over a restart of either, and not by a connection made anew.
    for host in (a, b):
        host.daemon.stop()
        host.daemon.start()
        a.wait_peers(1)
        until_held(a, len(tree))
    trees.write(b.share, {"new": b"2"})
    netlab.until("what is new goes on arriving", lambda: os.path.exists(a.file("new")), 20)
    assert set(trees.picture(b.share)) == set(tree) | {b"new"}
    assert a.cli("release", "pics") == {"released": len(tree)}
    a.wait_sync(peers=1)
    assert set(netlab.settle([a, b])) == {b"new"}
    assert a.cli("release", "pics") == {"released": 0}
    assert a.status()["held"] == 0 and a.problems() == {}


def test_put_back_the_files_are_in_sync_again(lab):
    a, b, tree = pair(lab)
    away = a.path("away")
    os.mkdir(away)
    names = [n for n in os.listdir(a.share) if n != ".lanyard"]
    for name in names:
        os.rename(os.path.join(a.share, name), os.path.join(away, name))
    until_held(a, len(tree))
    for name in names:
        os.rename(os.path.join(away, name), os.path.join(a.share, name))
    before = a.counters()["records_sent"]
    assert netlab.settle([a, b]) == tree
    assert a.status()["held"] == 0 and a.counters()["records_sent"] == before


def test_emptied_while_the_agent_was_killed(lab):
    a, b, tree = pair(lab)
    a.daemon.kill9()
    empty(a)
    a.daemon.start()
    until_held(a, len(tree))
    assert_told_and_unharmed(a, b, tree)
    a.daemon.kill9()
    a.daemon.start()
    until_held(a, len(tree))
    assert_unharmed(b, tree)


def test_a_moved_share_and_small_deletions_are_not_held(lab):
    a, b, tree = pair(lab)
    os.mkdir(a.file("deeper"))
    for name in os.listdir(a.share):
        if name not in (".lanyard", "deeper"):
            os.rename(os.path.join(a.share, name), os.path.join(a.share, "deeper", name))
    moved = netlab.settle([a, b])
    assert len(moved) == len(tree) + 1 and a.status()["held"] == 0
    # While nobody looks, too.
    a.daemon.stop()
    os.rename(a.file("deeper"), a.file("away"))
    a.daemon.start()
    a.wait_peers(1)
    assert set(netlab.settle([a, b])) == {p.replace(b"deeper", b"away", 1) for p in moved}
    shutil.rmtree(a.file("away/d000"))
    assert b"away/d000" not in netlab.settle([a, b])
    assert a.status()["held"] == b.status()["held"] == 0


def test_a_disk_whose_content_is_gone_deletes_nothing_anywhere(lab):
    """The mount is there and has its marker, but not its files: as after a repair that lost them."""
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(a.share, "16m")
    trees.many(a.share, 60, 500, 20)
    netlab.form([a, b])
    tree = netlab.settle([a, b])
    a.daemon.stop()
    marker = open(a.file(".lanyard/share"), "rb").read()
    lab.umount(a.share)
    lab.tmpfs(a.share, "16m")
    trees.write(a.share, {".lanyard/share": marker})
    a.daemon.start()
    until_held(a, len(tree))
    assert_told_and_unharmed(a, b, tree)
