"""Deletions that look like an accident are held where they happen: nobody is told, status says so, release lets them go. So are
a member's changes that would delete, replace or empty much of the share, by each that hears of them."""
import os
import shutil
import time

import pytest

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


def files(picture):
    return {path: what for path, what in picture.items() if what[0] != "dir"}


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
    assert "files disappeared here at once" in a.lanyard("status").out.decode()
    hold, = status["holds"]
    assert hold["here"] and hold["by"] == a.agent_id() and hold["files"] == len(tree) and hold["since"] > 0
    assert a.lanyard("wait", "--timeout", "2").code == 1
    assert trees.picture(b.share) == tree
    # Neither a restart of either nor a new connection changes that.
    for host in (a, b):
        host.daemon.stop()
        host.daemon.start()
        a.wait_peers(1)
        until_held(a, len(tree))
    trees.write(b.share, {"new": b"2"})
    netlab.until("what is new goes on arriving", lambda: os.path.exists(a.file("new")), 20)
    assert set(trees.picture(b.share)) == set(tree) | {b"new"}
    assert a.cli("release", "pics") == {"released": len(tree)}
    # That it is meant nobody but b can say for b.
    until_held(b, len(files(tree)))
    assert set(trees.picture(b.share)) == set(tree) | {b"new"}
    assert b.cli("release", "pics") == {"released": len(files(tree))}
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


# --- what a member does to what is here ---

COUNT = 60


def three(lab):
    """a, b and c; the files are b's."""
    hosts = [lab.host(name) for name in "abc"]
    trees.many(hosts[1].share, COUNT, 500, 20)
    netlab.form(hosts)
    netlab.settle(hosts)
    return hosts


def overwrite(host, what, pause=0.0):
    for path in sorted(files(trees.picture(host.share))):
        with open(host.file(path), "wb") as f:
            f.write(what and what + path)
        time.sleep(pause)


def until_holds(host, author, least):
    """The first few changes are no burst yet."""
    def look():
        holds = host.status()["holds"]
        return holds and holds[0]["files"] >= least and holds
    hold, = netlab.until(lambda: "%s holds %s" % (host.name, host.status()["holds"]), look, 20)
    assert hold["by"] == author.agent_id() and not hold["here"] and not hold["brings"] and hold["since"] > 0
    return hold["files"]


@pytest.mark.parametrize("what", (b"mine now: ", b""), ids=("replaced", "emptied"))
def test_what_a_member_overwrites_at_once_is_held_by_all(lab, what):
    a, b, c = three(lab)
    tree = trees.picture(b.share)
    overwrite(a, what)
    for host in (b, c):
        least = COUNT // 2
        held = until_holds(host, a, least)
        now = trees.picture(host.share)
        assert len([p for p in files(tree) if now[p] == tree[p]]) >= least
        status = host.status()
        assert not status["in_sync"] and "release" in status["waits_for"]
        assert sum("deleted, replaced or emptied" in p["reason"] for p in status["problems"]) == status["holds"][0]["files"] >= held
        shown = host.lanyard("status").out.decode()
        assert a.agent_id() in shown and "lanyard release pics" in shown
        assert host.lanyard("wait", "--timeout", "0").code == 1
    # Not over a restart, and not because another member took it.
    b.daemon.stop()
    b.daemon.start()
    b.wait_peers(2)
    until_holds(b, a, least)
    assert b.cli("release", "pics")["released"] >= least
    netlab.until("b has what a wrote", lambda: trees.picture(b.share) == trees.picture(a.share), 20)
    until_holds(c, a, least)
    trees.write(b.share, {"new": b"2"})
    netlab.until("what is new goes on arriving", lambda: os.path.exists(c.file("new")), 20)
    c.cli("release", "pics")
    netlab.settle([a, b, c])
    assert [h.status()["holds"] for h in (a, b, c)] == [[], [], []]
    # What was replaced is among the versions of those who had it.
    path = sorted(files(tree))[0].decode()
    assert len(b.cli("versions", "pics", path)["versions"]) == 1


def test_a_member_that_takes_it_back_is_held_no_more(lab):
    a, b, c = three(lab)
    tree = trees.picture(b.share)
    before = {p: a.read(p) for p in files(tree)}
    empty(a)
    until_held(a, len(tree))
    a.cli("release", "pics")
    for host in (b, c):
        assert until_holds(host, a, COUNT) == COUNT
        assert trees.picture(host.share) == tree
    trees.write(a.share, {p.decode(): before[p] for p in before})
    now = netlab.settle([a, b, c])
    assert [h.status()["holds"] for h in (a, b, c)] == [[], [], []]
    assert {p: b.read(p) for p in files(now)} == before


def test_a_burst_may_be_slow(lab):
    """Each change is told, and would be done, by itself; before, that let all of them through."""
    a, b = lab.host("a"), lab.host("b")
    trees.many(b.share, 40, 500, 20)
    netlab.form([a, b])
    tree = netlab.settle([a, b])
    before = {p.decode(): b.read(p) for p in files(tree)}
    overwrite(a, b"mine now: ", 0.15)
    held = until_holds(b, a, 40 // 2 - 1)
    now = trees.picture(b.share)
    assert len([p for p in files(tree) if now[p] == tree[p]]) >= held
    # Put back, nothing is held any more, nor what was done before.
    trees.write(a.share, before)
    netlab.settle([a, b])
    assert b.status()["holds"] == [] and {p: b.read(p) for p in before} == before


def test_ordinary_work_is_not_held(lab):
    """One file again and again, files that come and go, a tree that is moved, and less than half of all."""
    a, b, c = three(lab)
    for i in range(40):
        trees.write(a.share, {"log": b"line\n" * i, "temp-%d" % i: b"%d" % i})
        if i > 2:
            os.unlink(a.file("temp-%d" % (i - 2)))
        if i % 8 == 0:
            netlab.settle([a, b, c])
    os.mkdir(a.file("deeper"))
    for name in os.listdir(a.share):
        if name.startswith("d0"):
            os.rename(a.file(name), a.file("deeper/" + name))
    for path in sorted(files(trees.picture(a.share)))[:COUNT // 2 - 5]:
        trees.write(a.share, {path.decode(): b"edited"})
    tree = netlab.settle([a, b, c])
    assert len(tree) > COUNT and [h.status()["held"] for h in (a, b, c)] == [0, 0, 0]


def test_where_versions_find_no_room_deletions_wait(lab):
    """Before, what was deleted went to the versions, and from there, for want of room, nowhere."""
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.share, "64m")
    content = {"film-%d" % i: trees.noise(4 << 20, i) for i in range(8)}
    trees.write(b.share, content)
    netlab.form([a, b])
    netlab.settle([a, b])
    for name in content:
        os.unlink(a.file(name))
    netlab.until("%s" % b.problems(), lambda: len(b.problems()) == 7, 30)
    assert all("old versions" in p["reason"] and "release" in p["reason"] for p in b.status()["problems"])
    kept = b.cli("versions", "pics", [n for n in content if not os.path.exists(b.file(n))][0])["versions"]
    assert len(kept) == 1 and not b.status()["in_sync"]
    assert b.cli("release", "pics") == {"released": 7}
    assert netlab.settle([a, b]) == {}
