"""Connections: one per pair, the dead dropped, the returning found, everyone reached through anyone (P7)."""
import os
import time

import pytest

import netlab
from netlab import trees

pytestmark = pytest.mark.plain

DEAD = 15.0     # seconds until a silent peer is dropped
RETURN = 3.0    # until a returning one is connected, from its being announced
SLACK = 1.0     # for the test's own steps


def drop_time(host, act):
    """Seconds from act() until host has said that it dropped its peer."""
    with host.events() as events:
        start = time.monotonic()
        act()
        events.wait("peer-disconnected", timeout=DEAD + 10)
        return time.monotonic() - start


def test_the_log_calls_members_by_name_and_says_who_stopped(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    of = {h: "%s (%s)" % (h.name, h.agent_id()[:7]) for h in (a, b)}
    group = a.status()["group"]

    def says(host, *lines):
        for line in lines:
            netlab.until("the log of %s has %r" % (host.name, line), lambda: "group %s: %s\n" % (group, line) in host.log(), 30)
    says(a, "connected to " + of[b])
    b.cli("pause")
    says(a, "disconnected from %s: it said that it pauses the group" % of[b])
    says(b, "disconnected from %s: this agent pauses the group" % of[a])
    b.cli("resume")
    a.wait_peers(1)
    b.daemon.stop()
    says(a, "disconnected from %s: it said that it stops sharing the group" % of[b])
    says(b, "disconnected from %s: this agent stops sharing the group" % of[a])
    whole = [line for h, other in ((a, b), (b, a)) for line in h.log().splitlines() if (of[other].split("(")[1][:7] + "-") in line]
    assert all("refused" in line for line in whole), whole  # before the other was a member


@pytest.mark.parametrize("how", ["pause", "cut", "link_down"])
def test_a_dead_peer_is_dropped_in_time(lab, how):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    took = drop_time(a, b.daemon.pause if how == "pause" else getattr(b, how))
    assert took <= DEAD + SLACK * netlab.FACTOR
    assert a.peers() == {} and a.status()["peers"] == 0
    trees.write(a.share, {"meanwhile": b"alone"})
    a.wait_sync()
    {"pause": b.daemon.resume, "cut": b.mend, "link_down": b.link_up}[how]()
    for host in (a, b):
        host.wait_peers(1, timeout=30)
    netlab.settle([a, b])


def test_a_killed_peer_is_dropped_at_once(lab):
    """Its kernel says so."""
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    assert drop_time(a, b.daemon.kill9) < 2 * netlab.FACTOR


@pytest.mark.parametrize("way", ["embedded", pytest.param("avahi", marks=pytest.mark.avahi)])
def test_a_returning_peer_is_connected_in_time(lab, way):
    a, b = lab.host("a"), lab.host("b")
    if way == "avahi":
        a.start_avahi(), b.start_avahi()
    netlab.form([a, b], discovery=way)
    for end in (b.daemon.stop, b.daemon.kill9):
        end()
        a.wait_peers(0)
        start = time.monotonic()
        b.daemon.start()
        a.wait_peers(1)
        # Probing for its names takes an agent about a second before it is announced.
        assert time.monotonic() - start < RETURN + 1 + SLACK * netlab.FACTOR
        b.wait_peers(1)


@pytest.mark.parametrize("way", ["off", "embedded"])
def test_agents_that_dial_each_other_end_with_one_connection(lab, way):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b], discovery=way)
    for _ in range(4):
        a.daemon.stop()
        b.daemon.stop()
        a.daemon.start(wait=False)
        b.daemon.start(wait=False)
        for host in (a, b):
            netlab.until("the agent answers", lambda: host.lanyard("status").code == 0)
            host.wait_peers(1)
        netlab.settle([a, b])
        # An attempt that crossed the other's may still take its place. Neither dials any more, so once there is
        # one connection, it is the same one from then on.
        netlab.until("one connection is left",
                     lambda: len(a.connections(a.port)) == len(b.connections(b.port)) == 1)
        since, now = a.peers()[b.agent_id()]["since"], time.monotonic()
        netlab.until("2 s passed", lambda: time.monotonic() > now + 2)
        assert len(a.connections(a.port)) == len(b.connections(b.port)) == 1
        assert a.peers()[b.agent_id()]["since"] == since


def test_many_at_once_end_with_one_connection_a_pair(lab):
    hosts = [lab.host() for _ in range(6)]
    netlab.form(hosts)
    for host in hosts:
        host.daemon.stop()
    for host in hosts:
        host.daemon.start(wait=False)
    for host in hosts:
        netlab.until("the agent answers", lambda: host.lanyard("status").code == 0)
        host.wait_peers(5)
    trees.write(hosts[0].share, {"x": b"1"})
    netlab.settle(hosts)
    assert sum(len(h.connections(h.port)) for h in hosts) == 6 * 5


def test_members_that_never_meet_converge_through_a_third(lab):
    left, right = lab.switch(), lab.switch()
    a, b, c = lab.host("a", on=[left]), lab.host("b", on=[left, right]), lab.host("c", on=[right])
    trees.many(a.share, 300, 2000, 50)
    a.daemon.start("--discovery", "embedded")
    a.cli("create", "pics", "--share", a.share)
    token = a.invite("pics")
    b.daemon.start("--discovery", "embedded")
    b.cli("join", "--invite", token, "--share", b.share)
    b.wait_peers(1)
    c.daemon.start("--discovery", "embedded")
    c.cli("join", "--invite", token, "--share", c.share)
    b.wait_peers(2)
    links = (1, 2, 1)
    netlab.settle([a, b, c], peers=links)
    assert a.agent_id() not in c.peers()

    trees.write(c.share, {"from-c": trees.noise(3 << 20), "d000/f000000": b"changed on c"})
    netlab.settle([c, b, a], peers=(1, 2, 1))
    os.unlink(a.file("from-c"))
    os.rename(a.file("d001"), a.file("moved"))
    netlab.settle([a, b, c], peers=links)
    # Changes on both ends at once.
    trees.write(a.share, {"doc": b"by a"})
    trees.write(c.share, {"doc": b"by c"})
    b.wait_sync(peers=2)
    netlab.settle([a, c, b], peers=(1, 1, 2))
    tree = netlab.settle([a, c, b], peers=(1, 1, 2))
    assert sum(p.startswith(b"doc") for p in tree) == 2


def test_a_group_outlives_its_founder(lab):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    netlab.form([a, b, c])
    trees.write(a.share, {"legacy": b"of a"})
    netlab.settle([a, b, c])
    a.daemon.kill9()
    for host in (b, c):
        host.wait_peers(1)
    trees.write(b.share, {"after": b"a is gone"})
    netlab.settle([b, c])
    for host in (b, c):
        host.daemon.stop()
        host.daemon.start()
    for host in (b, c):
        host.wait_peers(1)
    os.unlink(c.file("legacy"))
    assert set(netlab.settle([c, b])) == {b"after"}


def test_traffic_one_way_keeps_a_slow_link_alive(lab):
    """A link that is full of blocks is not dead, however long each takes."""
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    since = a.peers()[b.agent_id()]["since"]
    a.limit("2mbit")
    trees.write(a.share, {"big": trees.noise(5 << 20)})
    netlab.settle([a, b], timeout=60)
    assert a.peers()[b.agent_id()]["since"] == since


def test_a_small_note_overtakes_a_big_file(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit("20mbit")
    trees.write(a.share, {"big": trees.noise(30 << 20)})
    netlab.until("the big one is under way", lambda: [d for d in b.cli("downloads")["downloads"] if d["done"] > 0], 20)
    start = time.monotonic()
    trees.write(a.share, {"note": b"quick"})
    netlab.until("the note came", lambda: os.path.exists(b.file("note")), 10)
    assert time.monotonic() - start < 3 * netlab.FACTOR
    assert not os.path.exists(b.file("big"))
    a.limit(None)
    netlab.settle([a, b])
