"""How agents find each other: embedded, through avahi-daemon, by name, over IPv6, while addresses and daemons come and go."""
import signal

import pytest

import netlab
from netlab import trees
from test_config import write

AVAHI = pytest.mark.avahi


def found(host):
    host.cli("create", "pics", "--share", host.share)
    return host


def join(host, token):
    host.cli("join", "--invite", token, "--share", host.share)


def meet(*hosts):
    """All are connected with all, and what one drops the others have."""
    for host in hosts:
        host.wait_peers(len(hosts) - 1, timeout=30)
    trees.write(hosts[0].share, {"drop": b"from " + hosts[0].name.encode()})
    netlab.settle(list(hosts))


def members(lab, ways, **kw):
    """Hosts that are members of one group, stopped again; each is to be started with the flags in its .way."""
    hosts = [lab.host(**kw) for _ in ways]
    first = hosts[0]
    for host, way in zip(hosts, ways):
        host.way = way
        host.daemon.start("--discovery", "off")
        if host is first:
            found(first)
        else:
            join(host, first.invite("pics"))
    for host in hosts:
        netlab.until("all are members", lambda: len(host.cli("members", "pics")["members"]) == len(hosts))
    for host in hosts:
        host.daemon.stop()
    return hosts


def start(*hosts):
    for host in hosts:
        host.daemon.start("--discovery", host.way)


@pytest.mark.parametrize("ways", [
    ("embedded", "embedded", "embedded"), pytest.param(("avahi", "avahi", "avahi"), marks=AVAHI),
    pytest.param(("avahi", "embedded", "auto"), marks=AVAHI)], ids="-".join)
def test_members_that_start_at_new_addresses_find_each_other(lab, ways):
    """New addresses, so nothing remembered from joining leads anywhere: only discovery does."""
    hosts = members(lab, ways)
    for host in hosts:
        host.nics[0].set_ip("10.77.0.%d" % (100 + host.index))
        host.run("ip", "-6", "addr", "flush", "dev", "e0")
        if host.way == "avahi":
            host.start_avahi()
    start(*hosts)
    meet(*hosts)
    for host, way in zip(hosts, ways):
        assert host.cli("status")["discovery"] == {"auto": "embedded"}.get(way, way)


@AVAHI
def test_auto_follows_the_daemon_as_it_comes_and_goes(lab):
    a, b = members(lab, ("auto", "auto"))
    start(a, b)
    meet(a, b)

    def way(wanted):
        netlab.until("a uses " + wanted, lambda: a.cli("status")["discovery"] == wanted, 20)
    way("embedded")
    a.start_avahi()
    way("avahi")
    a.stop_avahi(signal.SIGKILL, bus=True)
    way("embedded")
    a.start_avahi()
    way("avahi")
    assert len(a.peers()) == 1
    meet(a, b)


@AVAHI
def test_a_daemon_that_was_absent_at_start_is_used_when_it_comes(lab):
    a, b = members(lab, ("avahi", "avahi"))
    for host in (a, b):
        host.nics[0].set_ip("10.77.0.%d" % (100 + host.index))
        host.run("ip", "-6", "addr", "flush", "dev", "e0")
    start(a, b)
    assert a.peers() == {}
    a.start_avahi()
    b.start_avahi()
    meet(a, b)


@AVAHI
@pytest.mark.parametrize("bus", [False, True], ids=["daemon", "daemon and bus"])
def test_a_killed_daemon_costs_no_connection_and_serves_again_when_back(lab, bus):
    a, b, c = members(lab, ("avahi", "avahi", "avahi"))
    for host in (a, b, c):
        host.start_avahi()
    start(a, b)
    meet(a, b)
    since = a.peers()[b.agent_id()]["since"]
    a.stop_avahi(signal.SIGKILL, bus=bus)
    b.stop_avahi(signal.SIGTERM, bus=bus)
    trees.write(a.share, {"meanwhile": b"no daemon"})
    netlab.settle([a, b])
    a.start_avahi()
    b.start_avahi()
    # Found through the restarted daemons: c has a new address that nobody can have remembered.
    c.nics[0].set_ip("10.77.0.103")
    c.run("ip", "-6", "addr", "flush", "dev", "e0")
    start(c)
    meet(c, a, b)
    assert a.peers()[b.agent_id()]["since"] == since


def test_static_addresses_are_enough(lab):
    hosts = [lab.host() for _ in range(3)]
    netlab.form(hosts, discovery="off")
    meet(*hosts)
    assert hosts[0].cli("status")["discovery"] == "off"


def test_link_local_ipv6_is_enough_for_discovery(lab):
    a, b = lab.host(ipv4=False), lab.host(ipv4=False)
    for host in (a, b):
        host.daemon.start("--discovery", "embedded")
    found(a)
    join(b, a.invite("pics"))
    meet(a, b)
    assert "fe80:" in next(iter(a.peers().values()))["address"]


def test_a_static_link_local_address_with_its_scope_is_enough(lab):
    a, b = lab.host(ipv4=False), lab.host(ipv4=False)
    a.daemon.start("--discovery", "off")
    found(a)
    b.daemon.start("--discovery", "off", "--peer", "[%s]:%d" % (a.ip6, a.port))
    join(b, a.invite("pics"))
    meet(a, b)


def test_a_changed_address_is_followed(lab):
    a, b = lab.host(), lab.host()
    for host in (a, b):
        host.run("ip", "-6", "addr", "flush", "dev", "e0")
        host.daemon.start("--discovery", "embedded")
    found(a)
    join(b, a.invite("pics"))
    meet(a, b)
    b.nics[0].set_ip("10.77.0.77")
    trees.write(b.share, {"from-new": b"address"})
    netlab.until("a talks to the new address", lambda: [p for p in a.peers().values()
                                                       if p["address"].startswith("10.77.0.77:")], 30, every=0.1)
    netlab.settle([b, a])


def test_two_interfaces_make_one_connection_and_one_of_them_may_go(lab):
    left, right = lab.switch(), lab.switch()
    a, b = lab.host(on=[left, right]), lab.host(on=[left, right])
    for host in (a, b):
        host.daemon.start("--discovery", "embedded")
    found(a)
    join(b, a.invite("pics"))
    meet(a, b)
    assert len(a.connections(a.port)) == 1
    used = next(iter(a.peers().values()))["address"]
    number = 1 if used.startswith(b.nics[1].ip) or "e1" in used else 0
    b.nics[number].carrier(False)
    trees.write(a.share, {"second": b"way"})
    netlab.until("they are connected by the other way", lambda: [
        p for p in a.peers().values() if p["address"] != used], 40, every=0.1)
    netlab.settle([a, b])
    assert len(a.connections(a.port)) == 1


@AVAHI
@pytest.mark.parametrize("way", ["embedded", "avahi"])
def test_nothing_is_said_on_an_interface_that_is_not_named(lab, way):
    left, right = lab.switch(), lab.switch()
    a, b = lab.host(on=[right, left]), lab.host(on=[left])
    conf = write(a.path("etc/lanyard.conf"), "[agent]\ninterface = %s\ninterface = later0\n" % a.nics[1].dev)
    for host in (a, b):
        if way == "avahi":
            host.start_avahi()
    heard, unheard = left.capture(), right.capture()
    b.daemon.start("--discovery", way)
    found(b)
    a.daemon.start("--discovery", way, "--config", conf)
    join(a, b.invite("pics"))
    meet(b, a)
    trees.write(a.share, {"drop2": b"and back"})
    netlab.settle([a, b])
    assert heard.stop().find(b"_lanyard") and not unheard.stop().find(b"_lanyard")


def test_members_pass_on_each_others_addresses(lab):
    """c knows b alone, and so does a; by b's word they find each other."""
    a, b, c = members(lab, ("off", "off", "off"))
    for i, host in enumerate((a, b, c)):
        host.nics[0].set_ip("10.77.0.%d" % (100 + i))
        host.run("ip", "-6", "addr", "flush", "dev", "e0")
    b.daemon.start("--discovery", "off")
    for host in (a, c):
        host.daemon.start("--discovery", "off", "--peer", b.address)
    meet(a, b, c)


@pytest.mark.parametrize("way", ["embedded", pytest.param("avahi", marks=AVAHI)])
def test_hosts_of_the_same_name_are_told_apart(lab, way):
    a, b = lab.host("a", hostname="twin"), lab.host("b", hostname="twin")
    for host in (a, b):
        if way == "avahi":
            host.start_avahi()
        host.daemon.start("--discovery", way)
    found(a)
    join(b, a.invite("pics"))
    meet(a, b)
    names = [m["name"] for m in a.cli("members", "pics")["members"]]
    assert names == ["twin", "twin"]


def test_groups_on_the_network_are_seen_unless_hidden(lab):
    a, b = lab.host(), lab.host()
    capture = lab.switches[0].capture()
    for host in (a, b):
        host.daemon.start("--discovery", "embedded")
    a.cli("create", "open-to-see", "--share", a.share)
    a.cli("create", "kept-hidden", "--share", a.path("second"), "--hidden")

    def seen():
        return [g if isinstance(g, str) else g.get("group") or g.get("name") for g in b.cli("groups")["seen"]]
    netlab.until("b sees the group", lambda: "open-to-see" in seen(), 20, every=0.2)
    assert "kept-hidden" not in seen()
    capture.stop()
    assert capture.find(b"open-to-see") and not capture.find(b"kept-hidden")
