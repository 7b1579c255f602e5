"""Many agents on one network, or on several: everybody is found by name, a few connections each hold them together, and
nobody dies of what the others say.

LANYARD_CROWD=100 sets the size of the large one (48)."""
import os
import time

import pytest

import netlab
from netlab import trees

pytestmark = pytest.mark.plain

CROWD = int(os.environ.get("LANYARD_CROWD", "48"))
CHOSEN, MESH = 8, 24  # sync/peer/graph.h
MOST = 4 * CHOSEN  # connections that a member of a crowd has at rest: twice the average


def crowd(lab, number, on=None, flags=("--discovery", "embedded")):
    """That many hosts, their agents started all at once; on: the switches of each, by its number."""
    hosts = [lab.host("h%d" % i, on=on(i) if on else None) for i in range(number)]
    lab.introduce()
    for host in hosts:
        host.daemon.start(*flags, wait=False)
    for host in hosts:
        netlab.until("the agent of %s answers" % host.name, host.daemon._answers, 60)
    return hosts


def gather(hosts):
    """All in one group: the first founds it, the others come by one invite."""
    first, *others = hosts
    first.cli("create", "pics", "--share", first.share)
    token = first.invite("pics", "--uses", "1000")
    for host in others:
        host.cli("join", "--invite", token, "--share", host.share, timeout=120)


def alive(hosts):
    for host in hosts:
        if not host.daemon.running():
            raise netlab.LabError("an agent died\n" + host.daemon.tail())
    return True


class Graph:
    """Who is connected with whom, as the agents say."""

    def __init__(self, hosts):
        self.ids = {host: host.agent_id() for host in hosts}

    def links(self, hosts):
        said = {self.ids[host]: set(host.peers()) for host in hosts}
        return {a: {b for b in peers if a in said.get(b, ())} for a, peers in said.items()}

    def is_one(self, hosts):
        links = self.links(hosts)
        todo = [next(iter(links))]
        seen = set(todo)
        while todo:
            new = links[todo.pop()] - seen
            seen |= new
            todo += new
        return len(seen) == len(hosts)

    def has_rested(self, hosts):
        degrees = [len(peers) for peers in self.links(hosts).values()]
        return CHOSEN <= min(degrees) and max(degrees) <= MOST


def all_have(hosts, name, timeout=60):
    for host in hosts:
        netlab.until("%s is with %s" % (name, host.name), lambda: alive(hosts) and name in os.listdir(host.share), timeout)


def all_know(hosts, number, timeout=120):
    """Each has everybody in its list, by name, and knows that they are here, connected or not."""
    for host in hosts:
        host.wait_sync(timeout, peers=number - 1)
        members = host.cli("members", "pics")["members"]
        assert len({m["name"] for m in members}) == number and all(m["here"] for m in members)


def test_a_small_crowd_that_comes_all_at_once_meets_as_a_whole(lab):
    """Each is connected with each, the last to join as well; none has died of what the others announced."""
    hosts = crowd(lab, 12)
    gather(hosts)
    for host in reversed(hosts):
        netlab.until(lambda: "%s has met %d of %d others" % (host.name, len(host.peers()), len(hosts) - 1),
                     lambda: alive(hosts) and len(host.peers()) == len(hosts) - 1, 240, every=0.2)
    trees.write(hosts[0].share, {"drop": b"to everybody"})
    all_have(hosts, "drop")


@pytest.mark.slow
@pytest.mark.seconds(600)
def test_a_crowd_is_held_together_by_few_connections(lab):
    """Everybody is there for everybody at about 16 connections each. A third is lost at once: the rest is one all the
    same, at once and afterwards. They return. A removal reaches all, and so does what the last to come drops."""
    hosts = crowd(lab, CROWD)
    gather(hosts)
    graph = Graph(hosts)
    netlab.until("each has between %d and %d connections" % (CHOSEN, MOST), lambda: alive(hosts) and graph.has_rested(hosts),
                 120, every=1)
    assert graph.is_one(hosts)
    all_know(hosts, CROWD)
    trees.write(hosts[-1].share, {"drop": b"to everybody"})
    all_have(hosts, "drop")
    if netlab.FACTOR == 1:
        assert max(host.daemon.rss()[0] for host in hosts) < 25 << 20

    gone, rest = hosts[1::3], [h for i, h in enumerate(hosts) if i % 3 != 1]
    for host in gone:
        host.daemon.pause()
    lost = {graph.ids[host] for host in gone}
    assert graph.is_one(rest)
    netlab.until("the dead are dropped and replaced",
                 lambda: not any(lost & set(h.peers()) for h in rest) and graph.has_rested(rest), 60, every=0.5)
    assert graph.is_one(rest)
    trees.write(rest[1].share, {"meanwhile": b"to those that are left"})
    all_have(rest, "meanwhile")
    for host in gone:
        host.daemon.resume()
    all_have(gone, "meanwhile")

    out = hosts[-1]
    hosts[0].cli("remove", "pics", graph.ids[out])
    for host in hosts[:-1]:
        netlab.until("%s has heard of the removal" % host.name,
                     lambda: graph.ids[out] not in [m["agent"] for m in host.cli("members", "pics")["members"]], 60)
    netlab.until("nobody is connected with it", lambda: not out.peers(), 60)


def start_again(hosts):
    for host in hosts:
        host.daemon.stop()
    for host in hosts:
        host.daemon.start(wait=False)
    for host in hosts:
        netlab.until("the agent of %s answers" % host.name, host.daemon._answers, 60)


@pytest.mark.seconds(300)
def test_one_host_in_both_of_two_networks_is_enough(lab):
    """All are there for all, and a drop on one side reaches the other, also after everybody has started again."""
    left, right = lab.switch(), lab.switch()
    middle = MESH // 2 + 1
    hosts = crowd(lab, 2 * middle + 1, on=lambda i: [left, right] if i == middle else [left] if i < middle else [right])
    first = [hosts[middle]] + hosts[:middle] + hosts[middle + 1:]
    gather(first)
    all_know(hosts, len(hosts))
    trees.write(hosts[0].share, {"drop": b"from the left"})
    all_have(hosts, "drop")
    assert not set(Graph(hosts[:1]).ids.values()) & set(hosts[-1].peers())
    start_again(hosts)
    all_know(hosts, len(hosts))
    trees.write(hosts[-1].share, {"back": b"from the right"})
    all_have(hosts, "back")


@pytest.mark.slow
@pytest.mark.seconds(300)
def test_one_named_peer_is_enough_where_networks_are_routed(lab):
    """mDNS does not pass the router. One agent names one of the other side; the rest hears of each other from members."""
    left, right = lab.switch(), lab.switch()
    side = MESH // 2 + 1
    router = lab.host("router", on=[left, right])
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    hosts = [lab.host("h%d" % i, on=[left if i < side else right]) for i in range(2 * side)]
    for i, host in enumerate(hosts):
        other, way = (right, left) if i < side else (left, right)
        near = next(nic.ip for nic in router.nics if nic.switch is way)
        host.run("ip", "route", "add", "10.77.%d.0/24" % other.index, "via", near)
    lab.introduce()
    for host in hosts:
        named = ["--peer", hosts[-1].address] if host is hosts[0] else []
        host.daemon.start("--discovery", "embedded", *named, wait=False)
    for host in hosts:
        netlab.until("the agent of %s answers" % host.name, host.daemon._answers, 60)
    gather([hosts[-1]] + hosts[:-1])
    start_again(hosts)
    all_know(hosts, len(hosts))
    across = {Graph([h]).ids[h] for h in hosts[side:]}
    netlab.until("some others are connected across the router as well",
                 lambda: sum(bool(across & set(h.peers())) for h in hosts[:side]) > 1, 60, every=0.5)
    assert hosts[-1].agent_id() in hosts[0].peers()
    trees.write(hosts[1].share, {"drop": b"from the left"})
    all_have(hosts, "drop")


def test_one_that_was_stopped_for_a_while_lives_on(lab):
    """What it hears when it goes on is older than its time to live: resolved from packets, and gone from the cache by then."""
    a, b = crowd(lab, 2)
    a.cli("create", "mine", "--share", a.share)
    b.cli("create", "before", "--share", b.path("other"))
    netlab.until("a sees b's group", lambda: "before" in str(a.cli("groups")["seen"]), 20, every=0.2)
    a.daemon.pause()
    begin = time.monotonic()
    b.cli("create", "meanwhile", "--share", b.share)
    netlab.until("nine seconds", lambda: time.monotonic() - begin > 9, 30, every=0.1)
    a.daemon.resume()
    netlab.until("a sees the new group", lambda: alive([a, b]) and "meanwhile" in str(a.cli("groups")["seen"]), 20, every=0.2)
