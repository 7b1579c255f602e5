"""Owners, members and readers: who decides, what a removal does to whom, and how an agent comes back."""
import time

import pytest

import netlab
from netlab import trees
from roles import agree, members, newcomer, outside, refused, roles


def names(host):
    return set(trees.picture(host.share))


def stays_without(host, path, others):
    """What the others have settled among themselves has not reached the host."""
    for other in others:
        netlab.until("%s has %s" % (other.name, path), lambda: path.encode() in names(other), 20)
        other.wait_sync()
    assert path.encode() not in names(host)


def test_several_owners_each_invite_give_roles_and_remove(lab):
    a, b, c, d = members(lab, "abcd", owners=2)
    a.daemon.stop()
    e = newcomer(lab, "e", [b])
    e.cli("join", "--invite", b.invite("pics", "--role", "reader"), "--share", e.share)
    b.cli("role", "pics", c.id[:15], "owner")
    agree([b, c, d, e], {a: "owner", b: "owner", c: "owner", d: "member", e: "reader"})
    c.cli("remove", "pics", d.id)
    agree([b, c, e], {a: "owner", b: "owner", c: "owner", e: "reader"})
    outside(d)
    # The founder hears of it all, and is put down by one that it never made an owner.
    a.daemon.start()
    agree([a], {a: "owner", b: "owner", c: "owner", e: "reader"})
    c.cli("role", "pics", a.id, "member")
    agree([a, b, c, e], {a: "member", b: "owner", c: "owner", e: "reader"})
    refused(a, "invite", "pics", words=["only an owner"])


def test_only_owners_decide(lab):
    a, b, c = members(lab, "abc")
    token = a.invite("pics")
    before = roles(a)
    for args in (("role", "pics", c.id, "owner"), ("role", "pics", a.id, "member"), ("remove", "pics", c.id),
                 ("remove", "pics", a.id), ("invite", "pics"), ("invite", "pics", "--revoke", token)):
        refused(b, *args, words=["only an owner"])
    for host in (a, b, c):
        assert roles(host) == before
    # Nobody decides about itself, nor about an agent that nobody knows.
    refused(a, "role", "pics", a.id, "reader", words=["this agent itself", "another owner"])
    refused(a, "remove", "pics", a.id, words=["lanyard leave"])
    refused(a, "remove", "pics", "nobody", words=["nobody"])
    refused(a, "role", "pics", c.id, "vault", words=["not sealed"])
    assert a.lanyard("role", "pics", c.id, "king").code == 2
    assert roles(a) == before


def test_the_only_owner_leaves_when_there_is_another_or_when_it_says_so(lab):
    a, b, c = members(lab, "abc")
    refused(a, "leave", "pics", words=["only owner", "lanyard role GROUP AGENT owner", "--abandon"])
    agree([a, b, c], {a: "owner", b: "member", c: "member"})
    a.cli("role", "pics", b.id, "owner")
    agree([b], {a: "owner", b: "owner", c: "member"})
    a.cli("leave", "pics")
    agree([b, c], {b: "owner", c: "member"})
    # The group outlives its founder.
    d = newcomer(lab, "d", [c])
    d.cli("join", "--invite", b.invite("pics"), "--share", d.share)
    agree([b, c, d], {b: "owner", c: "member", d: "member"})
    refused(b, "leave", "pics")
    b.cli("leave", "pics", "--abandon")
    agree([c, d], {c: "member", d: "member"})
    trees.write(c.share, {"still": b"here"})
    netlab.settle([c, d], peers=[1, 1])


def test_a_removal_is_at_once_everywhere_and_nothing_follows_it(lab):
    a, b, c, d = members(lab, "abcd")
    trees.write(a.share, {"before": b"for all", "large": bytes(range(256)) * 4000})
    netlab.settle([a, b, c, d])
    with b.events() as told, d.events() as own:
        a.cli("remove", "pics", d.id)
        left = told.wait("member-removed", peer=d.id)
        assert a.name in left["reason"] and "removed" in left["reason"]
        assert left["name"] == d.name and left["short_id"] == d.id[:7]  # as it was called
        own.wait("problem", timeout=10)
    agree([a, b, c], {a: "owner", b: "member", c: "member"})
    outside(d, a.name, "removed")
    netlab.until("nobody is connected to it", lambda: d.peers() == {}, at_most=3)
    # What it has stays; what changes afterwards does not come, from whomever, nor after a restart; nor does its own go out.
    for host, path in ((a, "from-a"), (c, "from-c")):
        trees.write(host.share, {path: b"not for d", "large": path.encode() * 100000})
    trees.write(d.share, {"own": b"of d"})
    stays_without(d, "from-a", [a, b, c])
    d.daemon.stop()
    d.daemon.start()
    outside(d, a.name, "removed")
    stays_without(d, "from-c", [a, b, c])
    assert names(d) == {b"before", b"large", b"own"}
    assert d.read("large") == bytes(range(256)) * 4000
    assert b"own" not in names(a) | names(b) | names(c)
    # It can leave such a group like any other.
    d.cli("leave", "pics")
    assert d.cli("groups")["groups"] == [] and d.read("before") == b"for all"


def test_one_that_was_away_hears_that_it_was_removed(lab):
    a, b, c, d = members(lab, "abcd")
    d.daemon.stop()
    a.cli("remove", "pics", d.id)
    agree([a, b, c], {a: "owner", b: "member", c: "member"})
    a.daemon.stop()  # who removed it need not be there
    trees.write(b.share, {"after": b"not for d"})
    d.daemon.start()
    outside(d, "removed")
    stays_without(d, "after", [b, c])


def test_a_member_that_was_away_ends_it_when_it_hears(lab):
    """Until then it knows no better; afterwards nothing goes through it."""
    a, b, c, d = members(lab, "abcd")
    for host in (c, d):
        host.daemon.stop()
    a.cli("remove", "pics", d.id)
    agree([a, b], {a: "owner", b: "member", c: "member"})
    for host in (a, b):
        host.daemon.stop()
    for host in (c, d):
        host.daemon.start()
    c.wait_peers(1)
    b.daemon.start()
    outside(d, "removed")
    agree([b, c], {a: "owner", b: "member", c: "member"})
    trees.write(c.share, {"after": b"not for d"})
    trees.write(b.share, {"after-too": b"not for d"})
    stays_without(d, "after", [b, c])
    stays_without(d, "after-too", [b, c])


def test_a_removal_wins_over_what_was_said_meanwhile_and_yields_to_what_knows_of_it(lab):
    a, b, c, d = members(lab, "abcd", owners=2)
    for host in (b, c, d):
        host.daemon.stop()
    a.cli("remove", "pics", d.id)
    a.daemon.stop()
    b.daemon.start()
    b.cli("role", "pics", d.id, "owner")  # it has not heard
    for host in (a, c, d):
        host.daemon.start()
    agree([a, b, c], {a: "owner", b: "owner", c: "member"})
    outside(d, "removed")
    # No token brings it back.
    refused(d, "join", "--invite", b.invite("pics"), "--share", d.share)
    trees.write(a.share, {"news": b"for d as well"})
    b.cli("role", "pics", d.id, "reader")
    agree([a, b, c, d], {a: "owner", b: "owner", c: "member", d: "reader"}, timeout=90)
    netlab.until("d has what it missed", lambda: b"news" in names(d), 20)
    assert d.status()["error"] is None


def test_one_that_is_added_again_while_it_is_off_comes_back_by_itself(lab):
    a, b, c, d = members(lab, "abcd")
    a.cli("remove", "pics", d.id)
    outside(d, "removed")
    d.daemon.stop()
    trees.write(d.share, {"meanwhile": b"of d"})
    a.cli("role", "pics", d.id, "member")
    trees.write(a.share, {"news": b"for d as well"})
    d.daemon.start()
    agree([a, b, c, d], {a: "owner", b: "member", c: "member", d: "member"}, timeout=90)
    d.wait_peers(3, timeout=90)
    netlab.settle([a, b, c, d])
    assert names(a) == {b"meanwhile", b"news"}


def test_of_owners_that_remove_each_other_the_senior_stays(lab):
    a, b, c, d = members(lab, "abcd", owners=2)
    for host in (b, c, d):
        host.daemon.stop()
    a.cli("remove", "pics", b.id)
    a.daemon.stop()
    for host in (b, c, d):
        host.daemon.start()
    b.cli("remove", "pics", a.id)
    agree([b, c], {b: "owner", c: "member", d: "member"})
    a.daemon.start()
    agree([a, c, d], {a: "owner", c: "member", d: "member"})
    outside(b, a.name)


def test_an_owner_that_was_put_down_decides_nothing_more_and_its_invites_are_void(lab):
    a, b, c, d = members(lab, "abcd", owners=2)
    token = b.invite("pics")
    a.cli("role", "pics", b.id, "member")
    agree([a, b, c, d], {a: "owner", b: "member", c: "member", d: "member"})
    refused(b, "remove", "pics", d.id, words=["only an owner"])
    e = newcomer(lab, "e", [c])
    refused(e, "join", "--invite", token, "--share", e.share, "--timeout", "3", words=["not an owner"])
    # One whose role changed stays connected and in sync.
    trees.write(b.share, {"written": b"by a member"})
    netlab.settle([b, a, c, d])


def test_members_says_who_is_away_since_when_and_how_far_behind(lab):
    a, b, c = members(lab, "abc")

    def of(host):
        return next(m for m in a.cli("members", "pics")["members"] if m["agent"] == host.id)

    b.daemon.stop()
    a.wait_peers(1)
    gone = time.time()
    trees.write(a.share, {"one": b"1", "d/two": b"2"})
    netlab.settle([a, c], peers=[1, 1])
    assert of(c)["connected"] and of(c)["behind_files"] == 0 and abs(of(c)["last_seen"] - time.time()) < 5
    assert not of(b)["connected"] and of(b)["behind_files"] == 2 and abs(of(b)["last_seen"] - gone) < 5
    assert of(a)["self"] and of(a)["behind_files"] == 0 and of(a)["last_seen"] is None
    assert abs(of(b)["behind_since"] - gone) < 5 and of(a)["behind_since"] is of(c)["behind_since"] is None
    seen, since = of(b)["last_seen"], of(b)["behind_since"]
    a.daemon.stop()
    a.daemon.start()
    a.wait_peers(1)
    assert (of(b)["last_seen"], of(b)["behind_files"], of(b)["behind_since"]) == (seen, 2, since)
    lines = a.lanyard("members", "pics").out.decode().splitlines()
    assert [line.split()[0] for line in lines] == [m["name"] for m in a.cli("members", "pics")["members"]]
    assert any("away for" in line and "2 files behind" in line for line in lines), lines


def test_a_reader_does_not_say_that_others_lack_what_it_got_from_them(lab):
    a, b = members(lab, "ab")
    a.cli("role", "pics", b.id, "reader")
    agree([a, b], {a: "owner", b: "reader"})
    trees.write(a.share, {"one": b"1", "d/two": b"2"})
    netlab.settle([a, b])
    said = {m["name"]: (m["behind_files"], m["behind_since"]) for m in b.cli("members", "pics")["members"]}
    assert said == {"a": (None, None), "b": (0, None)}
    assert b" lacks " not in b.lanyard("status").out


@pytest.mark.parametrize("role", ["owner", "member", "reader"])
def test_a_role_outlives_restarts(lab, role):
    a, b = members(lab, "ab")
    a.cli("role", "pics", b.id, role)
    agree([a, b], {a: "owner", b: role})
    for host in (a, b):
        host.daemon.stop()
        host.daemon.start()
    agree([a, b], {a: "owner", b: role})
    assert [g["role"] for g in b.cli("groups")["groups"]] == [role]
