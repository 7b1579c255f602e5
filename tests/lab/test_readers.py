"""Readers: what their users change stays their own, what members change comes to them, and a change of role counts at once."""
import os

import netlab
from netlab import trees
from roles import agree, members, newcomer


def write(host, path, data):
    os.makedirs(os.path.dirname(host.file(path)), exist_ok=True)
    with open(host.file(path), "wb") as f:
        f.write(data)


def has(host, path, data):
    return os.path.exists(host.file(path)) and host.read(path) == data


def comes(host, path, data, timeout=20):
    netlab.until("%s at %s is %r" % (path, host.name, data), lambda: has(host, path, data), timeout)


def goes(host, path, timeout=20):
    netlab.until("%s is gone at %s" % (path, host.name), lambda: not os.path.exists(host.file(path)), timeout)


def local_changes(host, number, timeout=20):
    netlab.until(lambda: "%s has %d local changes: %s" % (host.name, number, host.status()),
                 lambda: host.status()["local_changes"] == number, timeout)


def with_reader(lab):
    """An owner, two members and a reader, who is invited as one."""
    a, b, c = members(lab, "abc")
    trees.write(a.share, {"kept": b"group", "deleted": b"group", "folder/edited": b"group"})
    netlab.settle([a, b, c])
    r = newcomer(lab, "r", [a, b, c])
    r.cli("join", "--invite", a.invite("pics", "--role", "reader"), "--share", r.share)
    agree([a, b, c, r], {a: "owner", b: "member", c: "member", r: "reader"})
    comes(r, "folder/edited", b"group")
    netlab.settle([a, b, c, r])
    return a, b, c, r


def test_what_a_reader_changes_stays_its_own(lab):
    a, b, c, r = with_reader(lab)
    before = trees.picture(a.share)
    write(r, "folder/edited", b"the reader's")
    write(r, "new", b"the reader's")
    os.unlink(r.file("deleted"))
    local_changes(r, 3)
    write(a, "after", b"1")
    comes(r, "after", b"1")
    write(b, "kept", b"2")
    comes(r, "kept", b"2")
    netlab.settle([a, b, c])
    for host in (a, b, c):
        assert host.read("folder", "edited") == b"group"
        assert not os.path.exists(host.file("new"))
        assert host.read("deleted") == b"group"
    assert set(trees.picture(c.share)) == set(before) | {b"after"}
    # Its own changes survive what members do to the same paths, and a restart.
    write(c, "folder/edited", b"newer")
    comes(a, "folder/edited", b"newer")
    r.daemon.stop()
    write(r, "folder/edited", b"the reader's again")
    r.daemon.start()
    write(a, "last", b"x")
    comes(r, "last", b"x")
    local_changes(r, 3)
    assert r.read("folder", "edited") == b"the reader's again"
    assert a.read("folder", "edited") == b"newer"


def test_a_member_that_becomes_a_reader_and_a_reader_that_becomes_a_member(lab):
    a, b, c = members(lab, "abc")
    trees.write(a.share, {"one": b"1", "two": b"2"})
    netlab.settle([a, b, c])
    a.cli("role", "pics", c.id, "reader")
    agree([a, b, c], {a: "owner", b: "member", c: "reader"})
    write(c, "one", b"the reader's")
    local_changes(c, 1)
    write(b, "two", b"22")
    comes(c, "two", b"22")
    netlab.settle([a, b])
    assert a.read("one") == b"1"
    # Members may change it meanwhile; what it made as a reader stays its own.
    a.cli("role", "pics", c.id, "member")
    agree([a, b, c], {a: "owner", b: "member", c: "member"})
    write(c, "three", b"3")
    comes(a, "three", b"3")
    comes(b, "three", b"3")
    write(c, "two", b"222")
    comes(a, "two", b"222")
    assert a.read("one") == b"1"
    assert c.read("one") == b"the reader's"


def test_what_nobody_took_before_a_demotion_stays_the_reader_s(lab):
    a, b, c = members(lab, "abc")
    trees.write(a.share, {"one": b"1", "two": b"2"})
    netlab.settle([a, b, c])
    c.cut()
    write(c, "one", b"unseen")
    write(c, "new", b"unseen")
    netlab.until("c has noticed", lambda: b"new" in c.files("pics"), 20)
    a.cli("role", "pics", c.id, "reader")
    write(a, "two", b"22")
    c.mend()
    agree([a, b, c], {a: "owner", b: "member", c: "reader"})
    comes(c, "two", b"22")
    local_changes(c, 2)
    netlab.settle([a, b])
    assert a.read("one") == b"1"
    assert c.read("one") == b"unseen"
    assert not os.path.exists(a.file("new"))


def test_a_reader_follows_when_a_member_it_heard_is_none_any_more(lab):
    """What b told the reader alone comes to nothing when b is removed."""
    a, b, c, r = with_reader(lab)
    for host in (a, c):
        host.daemon.stop()
    write(b, "kept", b"b's alone")
    comes(r, "kept", b"b's alone")
    b.daemon.stop()
    a.daemon.start()
    c.daemon.start()
    a.cli("remove", "pics", b.id)
    comes(r, "kept", b"group", 40)
    write(a, "kept", b"later")
    comes(r, "kept", b"later")


def test_a_reader_serves_what_it_has(lab):
    a, b, c, r = with_reader(lab)
    write(b, "large", os.urandom(3 << 20))
    data = b.read("large")
    for host in (a, c, r):
        comes(host, "large", data)
    netlab.settle([a, b, c, r])
    sent = r.counters()["blocks_sent"]
    for host in (b, c):
        host.daemon.stop()
    d = newcomer(lab, "d", [a, r])
    d.cli("join", "--invite", a.invite("pics"), "--share", d.share)
    comes(d, "large", data, 40)
    assert r.counters()["blocks_sent"] >= sent


def test_a_reader_keeps_the_files_when_an_owner_s_index_is_lost(lab):
    """The new epoch makes the reader ask for all again; it neither loses a file nor takes one for its own."""
    a, b, c, r = with_reader(lab)
    before = trees.picture(a.share)
    for host in (b, c):
        host.daemon.stop()
    a.daemon.stop()
    home = a.path("home", "groups")
    folder = os.path.join(home, os.listdir(home)[0])
    for name in os.listdir(folder):
        if name.startswith("index.db"):
            os.unlink(os.path.join(folder, name))
    a.daemon.start()
    write(a, "after", b"1")
    comes(r, "after", b"1", 40)
    for host in (b, c):
        host.daemon.start()
    netlab.settle([a, b, c, r], timeout=60)
    local_changes(r, 0)
    for host in (a, b, c, r):
        assert {p: e.data for p, e in trees.picture(host.share).items() if p != b"after"} == {p: e.data for p, e in before.items()}


def test_what_only_a_former_member_had_stays_as_the_reader_s_own(lab):
    """It came from b, who told nobody else before it was removed: nobody has it any more, and nothing is lost."""
    a, b, c, r = with_reader(lab)
    for host in (a, c):
        host.daemon.stop()
    write(b, "b-only", b"b's")
    comes(r, "b-only", b"b's")
    b.daemon.stop()
    a.daemon.start()
    c.daemon.start()
    a.cli("remove", "pics", b.id)
    local_changes(r, 1, 40)
    assert r.read("b-only") == b"b's"
    assert not os.path.exists(a.file("b-only"))
    # A member that has it after all makes it the group's again.
    write(c, "b-only", b"c's")
    comes(r, "b-only", b"c's")
    local_changes(r, 0)


def test_a_change_that_the_group_comes_to_is_the_reader_s_own_no_more(lab):
    a, b, c, r = with_reader(lab)
    write(r, "kept", b"the same")
    write(r, "deleted", b"else")
    local_changes(r, 2)
    # Edited back by its user, or made equal by a member.
    write(r, "deleted", b"group")
    write(b, "kept", b"the same")
    local_changes(r, 0)
    write(a, "kept", b"later")
    comes(r, "kept", b"later")
    write(a, "deleted", b"later")
    comes(r, "deleted", b"later")


def test_a_reader_s_files_keep_folders_at_the_reader_alone(lab):
    """Nobody waits for a reader that has files of its own in a folder that is deleted, or a file where the group has a folder."""
    a, b, c, r = with_reader(lab)
    write(r, "folder/own", b"the reader's")
    write(r, "later", b"the reader's")
    local_changes(r, 2)
    os.unlink(b.file("folder/edited"))
    os.rmdir(b.file("folder"))
    write(b, "later/in", b"group")
    for host in (a, c):
        goes(host, "folder")
        comes(host, "later/in", b"group")
    for host in (a, b, c, r):
        host.wait_sync(40, peers=3)
    assert r.read("folder", "own") == b"the reader's"
    assert r.read("later") == b"the reader's"
    r.cli("revert", "pics")
    comes(r, "later/in", b"group")
    goes(r, "folder")
    local_changes(r, 0)
    netlab.settle([a, b, c, r], timeout=40)


def test_revert_puts_the_group_s_files_back(lab):
    a, b, c, r = with_reader(lab)
    before = trees.picture(r.share)
    write(r, "folder/edited", b"the reader's")
    write(r, "folder/new", b"the reader's")
    write(r, "own/deep", b"the reader's")
    os.unlink(r.file("deleted"))
    local_changes(r, 5)
    r.cli("revert", "pics", "folder")
    comes(r, "folder/edited", b"group")
    goes(r, "folder/new")
    local_changes(r, 3)
    r.cli("revert", "pics")
    comes(r, "deleted", b"group")
    goes(r, "own")
    local_changes(r, 0)
    assert {p: e.data for p, e in trees.picture(r.share).items()} == {p: e.data for p, e in before.items()}
    kept = r.cli("versions", "pics", "folder/edited")["versions"]
    assert len(kept) == 1
    netlab.settle([a, b, c, r])


def test_a_member_that_comes_back_lists_all_again(lab):
    """What it changed outside is still its change; all else follows the group."""
    a, b, c, d = members(lab, "abcd")
    trees.write(a.share, {"one": b"1", "two": b"2", "gone": b"3"})
    netlab.settle([a, b, c, d])
    a.cli("remove", "pics", d.id)
    agree([a, b, c], {a: "owner", b: "member", c: "member"})
    netlab.until("d is out", lambda: d.status()["error"], 20)
    write(d, "mine", b"made outside")
    write(d, "two", b"edited outside")
    netlab.until("d has noticed", lambda: b"mine" in d.files("pics"), 20)
    write(b, "one", b"11")
    os.unlink(c.file("gone"))
    goes(a, "gone")
    assert not os.path.exists(a.file("mine"))
    a.cli("role", "pics", d.id, "member")
    agree([a, b, c, d], {a: "owner", b: "member", c: "member", d: "member"})
    for host in (a, b, c, d):
        comes(host, "mine", b"made outside")
        comes(host, "one", b"11")
        comes(host, "two", b"edited outside")
        goes(host, "gone")
    netlab.settle([a, b, c, d])


def listed(host, path):
    return host.files("pics").get(path)


def test_a_reader_on_demand_gets_and_drops(lab):
    a, b, c, r = with_reader(lab)
    r.cli("mode", "pics", "on-demand")
    assert r.cli("drop", "pics", "folder/edited")["dropped"] == 1
    goes(r, "folder/edited")
    write(b, "folder/edited", b"newer")
    write(b, "later", b"x")
    netlab.until("it is listed", lambda: listed(r, b"later"), 20)
    for host in (a, c):
        comes(host, "later", b"x")
    for host in (a, b, c, r):
        host.wait_sync(20, peers=3)
    assert not os.path.exists(r.file("later")) and not os.path.exists(r.file("folder/edited"))
    local_changes(r, 0)
    r.cli("get", "pics", "later")
    comes(r, "later", b"x")
    write(c, "later", b"xy")
    comes(r, "later", b"xy")
    write(r, "later", b"the reader's")
    local_changes(r, 1)
    r.cli("revert", "pics")
    comes(r, "later", b"xy")
    # What it lets go of is nobody's deletion.
    r.cli("drop", "pics", "later")
    goes(r, "later")
    netlab.settle([a, b, c])
    assert a.read("later") == b"xy"


def test_a_reader_s_copy_does_not_let_a_member_drop(lab):
    a, b, c, r = with_reader(lab)
    b.cli("mode", "pics", "on-demand")
    for host in (a, c):
        host.daemon.stop()
    b.wait_peers(1)
    assert r.read("kept") == b"group"
    got = b.lanyard("drop", "pics", "kept")
    assert got.code == 1 and b.read("kept") == b"group", got
    a.daemon.start()
    b.wait_peers(2)
    b.cli("drop", "pics", "kept")
    goes(b, "kept")
    assert a.read("kept") == r.read("kept") == b"group"
