"""Who gets in: by invite, also with the founder away, and what a member can see of the others."""
import os
import time

import pytest

import netlab
from netlab import trees


def two_and_a_third(lab):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    trees.write(a.share, {"report": b"from a"})
    netlab.form([a, b])
    netlab.settle([a, b])
    return a, b, c


def test_a_member_admits_by_invite_while_the_founder_is_off(lab):
    a, b, c = two_and_a_third(lab)
    token = a.invite("pics")
    a.daemon.stop()
    c.daemon.start("--discovery", "off", "--peer", b.address)
    c.cli("join", "--invite", token, "--share", c.share)
    c.wait_sync(peers=1)
    assert c.read("report") == b"from a"
    trees.write(c.share, {"answer": b"from c"})
    netlab.settle([c, b])
    # The founder comes back and finds a member it has never spoken to.
    a.daemon.start()
    a.wait_peers(2)
    netlab.settle([a, b, c])
    roles = {m["agent"]: m["role"] for m in a.cli("members", "pics")["members"]}
    assert roles == {a.agent_id(): "owner", b.agent_id(): "member", c.agent_id(): "member"}


def test_the_token_alone_is_enough_to_find_a_member(lab):
    """No discovery and no --peer: the token carries addresses."""
    a, b, c = two_and_a_third(lab)
    c.daemon.start("--discovery", "off")
    c.cli("join", "--invite", a.invite("pics"), "--share", c.share)
    c.wait_peers(2)
    netlab.settle([a, b, c])


def test_one_invite_lets_several_in_and_membership_outlives_a_restart(lab):
    a, b, c = two_and_a_third(lab)
    for host in (a, b):
        host.daemon.stop()
        host.daemon.start()
    a.wait_peers(1)
    assert [m["self"] for m in b.cli("members", "pics")["members"] if m["agent"] == b.agent_id()] == [True]
    groups = b.cli("groups")["groups"]
    assert [(g["group"], g["role"], g["share"]) for g in groups] == [("pics", "member", b.share)]


def test_an_expired_invite_is_refused_and_nothing_is_learned(lab):
    a, b, c = two_and_a_third(lab)
    token = a.invite("pics", "--expires", "1s")
    made = time.time()
    netlab.until("the invite is old", lambda: time.time() > made + 2)
    c.daemon.start("--discovery", "off", "--peer", a.address, "--peer", b.address)
    got = c.lanyard("join", "--invite", token, "--share", c.share)
    assert got.code == 1 and "expired" in got.err
    assert trees.picture(c.share) == {}
    assert len(a.cli("members", "pics")["members"]) == 2
    assert c.peers() == {}


@pytest.mark.parametrize("damage", ["one digit", "cut", "longer", "empty", "not one", "binary"])
def test_an_altered_invite_is_refused(lab, damage):
    a, b, c = two_and_a_third(lab)
    token = a.invite("pics")
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    bad = {"one digit": token[:middle] + other + token[middle + 1:], "cut": token[:middle], "longer": token + "AAAA",
           "empty": "", "not one": "hello", "binary": "\x1b[31m\xff" * 20}[damage]
    c.daemon.start("--discovery", "off", "--peer", a.address)
    got = c.lanyard("join", "--invite", bad, "--share", c.share)
    assert got.code in (1, 2) and got.err.strip() and "\x1b" not in got.err
    assert trees.picture(c.share) == {}
    assert len(a.cli("members", "pics")["members"]) == 2
    # The right one still works afterwards.
    c.cli("join", "--invite", token, "--share", c.share)
    c.wait_peers(2)
    netlab.settle([a, b, c])


def test_joining_with_a_filled_share_merges(lab):
    a, b = lab.host("a"), lab.host("b")
    for host in (a, b):
        trees.write(host.share, {"same": b"equal on both", "only-" + host.name: host.name.encode(),
                                 "differs.txt": b"as on " + host.name.encode(), "d/x": b"x"})
        trees.age(host.file("same"), 1_700_000_000_000_000_001)
        trees.age(host.file("d/x"), 1_700_000_000_000_000_002)
    netlab.form([a, b])
    tree = netlab.settle([a, b])
    names = {p for p, e in tree.items() if e.kind == "file"}
    copies = [p for p in names if p.startswith(b"differs.conflict-") and p.endswith(b".txt")]
    assert len(copies) == 1 and names == {b"same", b"only-a", b"only-b", b"d/x", b"differs.txt", copies[0]}
    assert {a.read("differs.txt"), a.read(copies[0])} == {b"as on a", b"as on b"}


def test_who_leaves_keeps_its_files_and_gets_no_more(lab):
    a, b, c = two_and_a_third(lab)
    b.cli("leave", "pics")
    netlab.until("a knows that b left", lambda: len(a.cli("members", "pics")["members"]) == 1)
    a.wait_peers(0)
    trees.write(a.share, {"later": b"not for b"})
    a.wait_sync()
    assert b.read("report") == b"from a"
    assert b.cli("groups")["groups"] == []
    assert set(trees.picture(b.share)) == {b"report"}


def test_two_groups_on_one_agent_stay_apart(lab):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    netlab.form([a, b], "one")
    second = {}
    for host in (a, c):
        second[host] = host.path("second")
        os.makedirs(second[host])
    a.cli("create", "two", "--share", second[a])
    c.daemon.start("--discovery", "off", "--peer", a.address, "--peer", b.address)
    c.cli("join", "--invite", a.invite("two"), "--share", second[c])
    trees.write(a.share, {"for-b": b"1"})
    trees.write(second[a], {"for-c": b"2"})
    a.wait_sync(peers=1, group="one")
    a.wait_sync(peers=1, group="two")
    assert set(trees.picture(b.share)) == {b"for-b"}
    assert set(trees.picture(second[c])) == {b"for-c"}
    assert list(b.peers()) == [a.agent_id()]


def test_who_leaves_can_join_again_at_once(lab):
    """Messages that others still send to the ended membership are not answers to the new request."""
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    netlab.form([a, b, c])
    for _ in range(5):
        token = a.invite("pics")
        b.cli("leave", "pics")
        b.cli("join", "--invite", token, "--share", b.share)
    trees.write(a.share, {"for-all": b"1"})
    b.wait_peers(2)
    netlab.settle([a, b, c])


def test_a_damaged_roster_is_called_so_and_mended_by_joining_again(lab):
    a, b = netlab.in_sync(lab, {"doc": b"1"})
    path = os.path.join(b.home, "groups", b.status()["id"], "roster.bin")
    b.daemon.stop()
    checksum = 32
    with open(path, "r+b") as f:
        f.seek(-3 - checksum, os.SEEK_END)
        last = f.read(1)[0]
        f.seek(-3 - checksum, os.SEEK_END)
        f.write(bytes([last ^ 4]))
    b.daemon.start()
    assert "roster.bin is damaged" in b.status()["error"] and "join the group again" in b.status()["error"]
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    b.wait_peers(1)
    trees.write(a.share, {"doc": b"2"})
    netlab.settle([a, b])


def test_a_group_name_or_share_that_cannot_be_is_refused(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    trees.write(a.home, {"../plain-file": b"", "../link": ("link", ".")})
    for name, share in (("", a.share), ("a/b", a.share), ("esc\x1b[31m", a.share), ("x" * 65, a.share),
                        ("ok", a.path("plain-file")), ("ok", a.home), ("ok", a.dir), ("ok", "/"),
                        ("ok", a.path("link", "home", "new")), ("ok", a.path("new", "..", "home"))):
        got = a.lanyard("create", name, "--share", share)
        assert got.code in (1, 2) and got.err.strip() and "\x1b" not in got.err, (name, share, got)
    a.cli("create", "pics", "--share", a.share)
    for name, share in (("pics", a.path("else")), ("more", a.share), ("inside", a.file("inside")),
                        ("new inside", a.path("link", "share", "new"))):
        got = a.lanyard("create", name, "--share", share)
        assert got.code == 1 and got.err.strip(), (name, share, got)
    assert len(a.cli("groups")["groups"]) == 1
