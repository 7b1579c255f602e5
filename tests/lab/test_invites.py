"""Invites: listed by every owner, taken back by every owner, and never good for more than they say."""
import time

import pytest

import netlab
from roles import agree, members, newcomer, outside, refused, roles


def invites(host):
    """{ID: invite} as this host lists them."""
    return {i["id"]: i for i in host.cli("invites", "pics")["invites"]}


def make(host, *options):
    """An invite, and its ID."""
    answer = host.cli("invite", "pics", *options)
    return answer["token"], answer["id"]


def knows(host, invite, **fields):
    """Wait until the host lists the invite with these fields."""
    def does():
        one = invites(host).get(invite, {})
        return all(one.get(k) == v for k, v in fields.items())
    netlab.until(lambda: "%s lists %s, not %s" % (host.name, invites(host).get(invite), fields), does, 20)


def join(host, token, *options):
    host.cli("join", "--invite", token, "--share", host.share, *options)


def is_refused(host, token, *words):
    """It does not get in, and its own words say why."""
    got = host.lanyard("join", "--invite", token, "--share", host.share, "--timeout", "2")
    assert got.code == 1 and all(w in got.err for w in words), got
    assert host.cli("groups")["groups"][0]["state"] == "joining"
    host.cli("leave", "pics")


def test_an_invite_is_listed_by_every_member_with_what_it_gives_and_who_used_it(lab):
    a, b, c = members(lab, "abc", owners=2)
    token, one = make(a, "--role", "reader", "--uses", "3", "--expires", "1h")
    expires = time.time() + 3600
    for host in (a, b, c):
        knows(host, one, role="reader", uses=3, used=0, by=a.id, state="open", used_by=[])
        assert abs(invites(host)[one]["expires"] - expires) < 60
    d = newcomer(lab, "d", [c])
    join(d, token)
    agree([a, b, c, d], {a: "owner", b: "owner", c: "member", d: "reader"})
    _, other = make(b)
    for host in (a, b, c, d):
        knows(host, one, used=1, used_by=[d.id], state="open")
        knows(host, other, role="member", uses=100, used=0, by=b.id, state="open")
    text = b.lanyard("invites", "pics").out.decode()
    assert all(w in text for w in ("reader", "1 of 3 used", "until ", a.name, d.name)), text
    # The list outlives restarts, and the home of whoever made the invite.
    for host in (a, b):
        host.daemon.stop()
    b.daemon.start()
    knows(b, one, role="reader", uses=3, used=1, by=a.id)
    assert {one, other} <= set(invites(b))


def test_an_invite_that_any_owner_took_back_is_refused_by_all(lab):
    a, b, c, d = members(lab, "abcd", owners=2)
    token, one = make(a)
    knows(b, one, state="open")
    answer = b.cli("invite", "pics", "--revoke", one[:12])
    assert answer["id"] == one
    for host in (a, b, c, d):
        knows(host, one, state="revoked")
    for via in (a, b, c):
        e = newcomer(lab, "e" + via.name, [via])
        is_refused(e, token, "revoked")
    # By the token itself; taking it back twice is allowed; an unknown one is refused.
    token, two = make(b)
    a.cli("invite", "pics", "--revoke", token)
    a.cli("invite", "pics", "--revoke", two)
    knows(c, two, state="revoked")
    refused(a, "invite", "pics", "--revoke", "nosuch", words=["nosuch", "invite"])
    assert a.lanyard("invite", "pics", "--revoke", two, "--uses", "2").code == 2
    agree([a, b, c, d], {a: "owner", b: "owner", c: "member", d: "member"})


def test_one_that_an_owner_has_confirmed_stays_when_its_invite_is_taken_back(lab):
    a, b, c = members(lab, "abc")
    token, one = make(a)
    for name, stays in (("d", True), ("e", False)):
        if not stays:
            a.daemon.stop()
        host = newcomer(lab, name, [b])
        join(host, token)
        if stays:
            d = host
            agree([a, b, c, d], {a: "owner", b: "member", c: "member", d: "member"})
    # e came while the owner was away, and the owner takes the invite back before it has met anybody.
    e = host
    agree([b, c], {a: "owner", b: "member", c: "member", d: "member", e: "member"})
    for other in (b, c, d, e):
        other.daemon.stop()
    a.daemon.start()
    a.cli("invite", "pics", "--revoke", one)
    a.daemon.stop()
    for other in (b, e):
        other.daemon.start()
    b.wait_peers(1)
    a.daemon.start()
    outside(e, "took back its invite", a.name)
    agree([a, b], {a: "owner", b: "member", c: "member", d: "member"})


def test_a_used_up_invite_is_refused_by_every_member(lab):
    a, b, c = members(lab, "abc")
    token, one = make(a, "--uses", "2")
    late = [newcomer(lab, n, [via]) for n, via in (("d", b), ("e", c), ("f", a), ("g", b))]
    for host in late[:2]:
        join(host, token)
    agree([a, b, c], {a: "owner", b: "member", c: "member", late[0]: "member", late[1]: "member"})
    for host in (a, b, c):
        knows(host, one, used=2, uses=2, state="used up")
        assert set(invites(host)[one]["used_by"]) == {late[0].id, late[1].id}
    a.daemon.stop()
    is_refused(late[3], token, "used up")
    a.daemon.start()
    is_refused(late[2], token, "used up")
    # Whoever has used it may come back by it, unless it was removed.
    late[0].cli("leave", "pics")
    join(late[0], token)
    agree([a, b, c], {a: "owner", b: "member", c: "member", late[0]: "member", late[1]: "member"})


def test_the_last_use_honoured_twice_goes_to_one_and_the_other_is_told(lab):
    a, b, c = members(lab, "abc")
    token, one = make(a, "--uses", "1")
    knows(b, one, state="open")
    knows(c, one, state="open")
    a.daemon.stop()
    c.daemon.stop()
    d = newcomer(lab, "d", [b])
    join(d, token)
    for host in (b, d):
        host.daemon.stop()
    c.daemon.start()
    e = newcomer(lab, "e", [c])
    join(e, token)
    agree([c, e], {a: "owner", b: "member", c: "member", e: "member"})
    with c.events() as told:
        for host in (b, d):
            host.daemon.start()
        netlab.until("they have met and agree", lambda: roles(b) == roles(c) and len(roles(b)) == 4, 30)
        out, stays = (d, e) if e.id in roles(b) else (e, d)
        assert stays.id in roles(b)
        outside(out, "used up", stays.name, "Ask an owner")
        if out is e:
            assert "used up" in told.wait("member-removed", peer=e.id)["reason"]
    with b.events(history=True) as told:
        if out is d:
            assert "used up" in told.wait("member-removed", peer=d.id)["reason"]
    agree([b, c, stays], {a: "owner", b: "member", c: "member", stays: "member"})
    # The owner comes back and sees the same; it can let the other one in as well, which needs no new token.
    a.daemon.start()
    agree([a, b, c, stays], {a: "owner", b: "member", c: "member", stays: "member"})
    knows(a, one, used=1, used_by=[stays.id], state="used up")
    a.cli("role", "pics", out.id, "member")
    agree([a, b, c, stays, out], {a: "owner", b: "member", c: "member", stays: "member", out: "member"}, timeout=90)


def test_an_invite_can_be_made_with_nobody_there_and_is_good_when_its_maker_is_away(lab):
    a, b = members(lab, "ab")
    b.daemon.stop()
    for _ in range(3):
        token, one = make(a, "--role", "reader")
    a.daemon.stop()
    b.daemon.start()
    c = newcomer(lab, "c", [b])
    join(c, token)
    agree([b, c], {a: "owner", b: "member", c: "reader"})
    knows(b, one, role="reader", by=a.id, used=1, used_by=[c.id])  # though b has never heard of it


@pytest.mark.parametrize("restart", [False, True])
def test_one_that_left_comes_back_through_a_member_that_has_not_heard_of_it(lab, restart):
    a, b, c, d = members(lab, "abcd")
    token, _ = make(a)
    c.daemon.stop()
    d.cli("leave", "pics")
    agree([a, b], {a: "owner", b: "member", c: "member"})
    for host in (a, b):
        host.daemon.stop()
    if restart:
        d.daemon.stop()
        d.daemon.start()
    c.daemon.start()
    join(d, token)
    agree([c, d], {a: "owner", b: "member", c: "member", d: "member"})
    for host in (a, b):
        host.daemon.start()
    d.wait_peers(3)
    agree([a, b, c, d], {a: "owner", b: "member", c: "member", d: "member"})
    # And it may leave once more.
    d.cli("leave", "pics")
    agree([a, b, c], {a: "owner", b: "member", c: "member"})


@pytest.mark.parametrize("options", [("--role", "owner"), ("--role", "king"), ("--uses", "0"), ("--uses", "1025"), ("--uses", "x")])
def test_what_no_invite_gives_is_a_usage_error(lab, options):
    a = lab.host("a")
    netlab.form([a])
    assert a.lanyard("invite", "pics", *options).code == 2


def test_a_vault_is_refused_in_a_group_that_is_not_sealed(lab):
    a = lab.host("a")
    netlab.form([a])
    refused(a, "invite", "pics", "--role", "vault", words=["not sealed"])
    assert invites(a) == {}
