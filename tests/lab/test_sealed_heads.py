"""Heads of a sealed group: agents sign their state, see by the others' heads who is in sync, and name a vault that was put
back to an older state."""
import os
import shutil
import sqlite3

import pytest

from netlab import settle, trees, until
from test_sealed_members import TREE, found, group, join, start
from test_versions import settings


def heads(host):
    """{agent: what its head says} of the others, as the status tells."""
    return {h["agent"]: h for h in host.status().get("heads", [])}


def meets(host, other, meeting):
    until(lambda: "%s has %s as %s: %s" % (host.name, other.name, meeting, heads(host)),
          lambda: heads(host).get(other.id, {}).get("meeting") == meeting, 60)


def own_head(host):
    dump, = host.cli("debug", "dump")["groups"]
    return {n["name"]: n["value"] for n in dump["numbers"] if n["part"] == "heads"}


def test_members_see_by_their_heads_that_they_are_in_sync(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, TREE)
    group([a, b])
    settle([a, b])
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    first = own_head(a)
    trees.write(b.share, {"more": b"from b", "dir/large": b"changed"})
    settle([b, a])
    until(lambda: "a has signed again: %s" % own_head(a), lambda: own_head(a)["number"] > first["number"], 60)
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    # After a restart the chain goes on, and nobody is blamed.
    number = own_head(b)["number"]
    b.daemon.stop()
    b.daemon.start()
    b.wait_peers(1)
    trees.write(b.share, {"again": b"b"})
    settle([b, a])
    until(lambda: "b has signed again: %s" % own_head(b), lambda: own_head(b)["number"] > number, 60)
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    assert all(h["blame"] is None for host in (a, b) for h in heads(host).values())


def test_a_member_whose_files_change_all_the_time_signs_too(lab):
    a, b = lab.host("a"), lab.host("b")
    group([a, b])
    settle([a, b])
    meets(a, b, "in-sync")
    number, written = own_head(a)["number"], iter(range(10000))

    def signs():
        trees.write(a.share, {"log": b"line\n" * next(written)})
        return own_head(a)["number"] > number
    until(lambda: "a has signed: %s" % own_head(a), signs, 90, every=0.3)


def comes(host, name):
    until(lambda: "%s has %s: %s" % (host.name, name, host.status()), lambda: os.path.exists(host.file(name)), 60)


def apart(lab):
    """Two members and a vault: once all have met, the members have no network in common any more."""
    both, left, right = (lab.switch() for _ in range(3))
    a, b, v = lab.host("a", on=[both, left]), lab.host("b", on=[both, right]), lab.host("v", on=[left, right])
    for host in (a, b):
        settings(host, "tombstones-age = 1s")
    trees.write(a.share, TREE)
    for host, others in ((a, [b.nics[0], v.nics[0]]), (b, [a.nics[0], v.nics[1]]), (v, [a.nics[1], b.nics[1]])):
        peers = [word for nic in others for word in ("--peer", "%s:4170" % nic.ip)]
        host.daemon.start("--discovery", "off", *peers, "--log-level", "debug")
        host.id = host.agent_id()
    found(a)
    join(b, a)
    v.cli("join", "--invite", a.invite("pics", "--role", "vault"), "--share", v.share)
    for host in (a, b, v):
        host.wait_peers(2)
    settle([a, b], peers=[2, 2])
    for host in (a, b):
        host.nics[0].plug(False)
    for host in (a, b):
        host.wait_peers(1, 40)
    return a, b, v


def copy(paths):
    """{path: a copy of it}, of a host that is not running."""
    copies = {path: path + ".copy" for path in paths}
    for path, to in copies.items():
        shutil.copytree(path, to, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    return copies


def put_back(copies):
    for path, to in copies.items():
        shutil.rmtree(path)
        shutil.copytree(to, path, symlinks=True)


def same_trees(a, b):
    until(lambda: "%s and %s have one tree" % (a.name, b.name), lambda: trees.picture(a.share) == trees.picture(b.share), 90)


def test_a_vault_that_was_put_back_is_named_and_nobody_loses_anything(lab):
    a, b, v = apart(lab)
    until(lambda: "v has signed, and a has it: %s" % heads(a), lambda: v.id in heads(a), 60)
    v.daemon.stop()
    copies = copy([v.home, v.share])
    before = heads(a)[v.id]["as_of"]
    v.daemon.start()
    trees.write(a.share, {"after the copy": b"a" * 10000, "dir/large": b"changed after the copy"})
    os.unlink(a.file("notes.txt"))
    comes(b, "after the copy")
    until(lambda: "v has signed again: %s" % heads(a), lambda: heads(a)[v.id]["as_of"] > before, 60)
    v.daemon.stop()
    put_back(copies)
    v.daemon.start()
    v.wait_peers(2)
    for host in (a, b):
        until(lambda: "%s names v: %s" % (host.name, heads(host)),
              lambda: heads(host)[v.id]["blame"] in ("shows an older state than it signed",
                                                     "has lost what it kept, or was put back, and began again"), 60)
        until(lambda: "%s says so: %s" % (host.name, host.log()), lambda: "an older state than it signed" in host.log()
              or "was put back, and began again" in host.log(), 20)
    # A restart does not make them forget it, and it is not news again.
    blamed = heads(a)[v.id]
    a.daemon.stop()
    lines = len(a.log())
    a.daemon.start()
    a.wait_peers(1)
    assert (heads(a)[v.id]["blame"], heads(a)[v.id]["blame_since"]) == (blamed["blame"], blamed["blame_since"])
    assert "an older state than it signed" not in a.log()[lines:] and "began again" not in a.log()[lines:]
    # Members tell it what it has lost, and it goes on being of use.
    trees.write(b.share, {"and then": b"b" * 10000})
    comes(a, "and then")
    same_trees(a, b)
    assert os.path.exists(a.file("after the copy")) and not os.path.exists(a.file("notes.txt"))
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
        assert heads(host)[other.id]["blame"] is None


def test_a_member_that_was_put_back_goes_on_through_the_vault(lab):
    a, b, v = apart(lab)
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    a.daemon.stop()
    copies = copy([a.home])
    a.daemon.start()
    a.wait_peers(1)
    trees.write(a.share, {"after the copy": b"a" * 10000, "dir/large": b"changed after the copy"})
    os.unlink(a.file("notes.txt"))
    comes(b, "after the copy")
    same_trees(a, b)
    a.daemon.stop()
    put_back(copies)  # its index and keys, while the share stays
    a.daemon.start()
    a.wait_peers(1)
    until(lambda: "a sees it: %s" % a.log(), lambda: "starting a new epoch" in a.log(), 30)
    trees.write(a.share, {"in another epoch": b"a"})
    trees.write(b.share, {"from b": b"b"})
    comes(b, "in another epoch")
    comes(a, "from b")
    same_trees(a, b)
    assert b.read("after the copy") == b"a" * 10000 and b.read("dir/large") == b"changed after the copy"
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")


def hide_newest(v):
    """The vault does not have the row that it stored last any more, and still says how far it has come."""
    groups = os.path.join(v.home, "groups")
    name, = os.listdir(groups)
    with sqlite3.connect(os.path.join(groups, name, "index.db")) as db:
        db.execute("DELETE FROM vault_cores WHERE seq = (SELECT max(seq) FROM vault_cores)")
    db.close()


def test_a_vault_that_hides_a_file_is_named_and_nothing_is_taken_for_deleted(lab):
    a, b, v = apart(lab)
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    b.daemon.stop()
    trees.write(a.share, {"hidden": b"a" * 5000})
    a.wait_sync(peers=1)
    a.daemon.stop()
    v.daemon.stop()
    hide_newest(v)
    v.daemon.start()
    b.daemon.start()
    b.wait_peers(1)
    trees.write(b.share, {"from b": b"b"})
    b.wait_sync(peers=1)
    a.daemon.start()
    comes(a, "from b")
    for host in (a, b):
        until(lambda: "%s names v: %s" % (host.name, heads(host)),
              lambda: heads(host)[v.id]["blame"] == "has not shown all files that it says it has", 90)
    assert heads(a)[b.id]["meeting"] == "differs"
    # Deletions are not forgotten on the strength of it, and the file comes where it is shown after all.
    os.unlink(b.file("notes.txt"))
    until(lambda: "deleted at a", lambda: not os.path.exists(a.file("notes.txt")), 60)
    assert a.status()["tombstones"] > 0
    for host in (a, b):
        host.nics[0].plug(True)
    for host in (a, b):
        host.wait_peers(2, 60)
    same_trees(a, b)
    assert b.read("hidden") == b"a" * 5000
    meets(a, b, "in-sync")
    assert heads(a)[v.id]["blame"] is None


def doubled(lab, v, switch):
    """A further host that is v's machine from here on: the same home and folder, as they are now, and changes of either do not reach the other."""
    w = lab.host("w", on=[switch])
    for path in (v.home, v.share):
        copied = path.replace(v.dir, w.dir, 1) + ".copy"
        shutil.copytree(path, copied, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
        w.run("mount", "--bind", copied, path)
    w.home, w.share, w.id = v.home, v.share, v.id
    return w


@pytest.mark.slow
@pytest.mark.seconds(240)
@pytest.mark.parametrize("through", ["members", "vault"])
def test_a_vault_that_shows_each_member_another_state_is_named_and_nobody_loses_anything(lab, through):
    a, b, v = apart(lab)
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    v.daemon.stop()
    w = doubled(lab, v, v.nics[1].switch)
    v.nics[1].plug(False)
    v.daemon.start()
    w.daemon.start("--discovery", "off", "--peer", "%s:4170" % b.nics[1].ip, "--log-level", "debug")
    for host in (a, b):
        host.wait_peers(1, 40)
    before = {host: heads(host)[v.id]["as_of"] for host in (a, b)}
    trees.write(a.share, {"of a": b"a" * 50000, "both": b"by a", "dir/large": b"changed by a"})
    os.unlink(a.file("notes.txt"))
    trees.write(b.share, {"of b": b"b" * 50000, "both": b"by b, longer"})
    for host, shown in ((a, v), (b, w)):
        host.wait_sync(60, peers=1)
        until(lambda: "%s has a later head of v: %s" % (host.name, heads(host)), lambda: heads(host)[v.id]["as_of"] > before[host], 60)
    assert not os.path.exists(a.file("of b")) and not os.path.exists(b.file("of a"))
    assert all(heads(host)[v.id]["blame"] is None for host in (a, b)), (heads(a), heads(b))
    # Members that meet hear what the vault told the other; who then gets the other's vault hears it from that.
    if through == "members":
        for host in (a, b):
            host.nics[0].plug(True)
    else:
        w.daemon.stop()
        v.nics[1].plug(True)
    for host in (a, b) if through == "members" else (b,):
        until(lambda: "%s names v: %s" % (host.name, heads(host)),
              lambda: heads(host)[v.id]["blame"] == "has signed two states that cannot both be true", 90)
        until(lambda: "%s says so" % host.name, lambda: "two states that cannot both be true" in host.log(), 20)
    for host in (a, b):
        host.wait_peers(2 if through == "members" else 1, 60)
    same_trees(a, b)
    assert a.read("of b") == b"b" * 50000 and b.read("of a") == b"a" * 50000 and b.read("dir/large") == b"changed by a"
    assert {a.read(e) for e in os.listdir(a.share) if e.startswith("both")} == {b"by a", b"by b, longer"}
    assert not os.path.exists(b.file("notes.txt"))


def test_two_that_meet_only_through_a_vault_are_in_sync_and_forget_deletions(lab):
    a, b, v = apart(lab)
    trees.write(a.share, {"through v": b"a" * 100000})
    comes(b, "through v")
    trees.write(b.share, {"and back": b"b" * 1000})
    comes(a, "and back")
    for host, other in ((a, b), (b, a)):
        meets(host, other, "in-sync")
    os.unlink(a.file("notes.txt"))
    os.unlink(b.file("and back"))
    for host in (a, b):
        until(lambda: "deleted at %s" % host.name, lambda: not os.path.exists(host.file("notes.txt"))
              and not os.path.exists(host.file("and back")), 60)
        until(lambda: "%s keeps %d deletions: %s" % (host.name, host.status()["tombstones"], heads(host)),
              lambda: host.status()["tombstones"] == 0, 120)
    # A deletion that everybody has forgotten stays one.
    a.daemon.stop()
    a.daemon.start()
    a.wait_peers(1)
    trees.write(a.share, {"later": b"later"})
    comes(b, "later")
    for host in (a, b):
        assert not os.path.exists(host.file("notes.txt")) and not os.path.exists(host.file("and back"))
        assert all(h["blame"] is None for h in heads(host).values()), heads(host)
