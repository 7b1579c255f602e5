"""Hosts with more interfaces than the one that matters: which of their addresses are told, and by which they are found."""
import netlab
from netlab import trees
from test_config import write
from test_discovery import found, join, meet, members


def bridges(host, number):
    """As many networks of containers, whose bridges have addresses and nobody behind them that others could reach."""
    lines = []
    for i in range(number):
        # A port with a carrier, so that the bridge has one.
        lines += ["link add br-%d type bridge" % i, "link add veth%d type veth peer name inside%d" % (i, i),
                  "link set veth%d master br-%d up" % (i, i), "link set inside%d up" % i, "link set br-%d up" % i,
                  "addr add 172.%d.0.1/16 dev br-%d" % (18 + i, i)]
    host.lab.check(host.prefix() + ["ip", "-batch", "-"], input="".join(line + "\n" for line in lines).encode())


def late(lab, number):
    """A host with that many bridges, and the interface that leads to the others made after them."""
    host = lab.host(on=[])
    bridges(host, number)
    host.attach(lab.switches[0] if lab.switches else lab.switch())
    return host


def test_hosts_with_forty_bridges_meet(lab):
    """The kernel lists the bridges first, and lets no socket join the multicast groups of that many."""
    a, b = late(lab, 40), late(lab, 40)
    for host in (a, b):
        host.daemon.start("--discovery", "embedded")
    found(a)
    join(b, a.invite("pics"))
    meet(a, b)
    # Found by its announcement alone: at an address that nobody remembers.
    b.daemon.stop()
    b.nics[0].set_ip("10.77.0.99")
    b.run("ip", "-6", "addr", "flush", "dev", "e0")
    b.daemon.start()
    meet(b, a)


def test_the_token_names_the_address_that_leads_somewhere(lab):
    """Nine bridges, eight addresses in a token, and no discovery to make good for it."""
    a = late(lab, 9)
    b = lab.host()
    a.daemon.start("--discovery", "off")
    b.daemon.start("--discovery", "off")
    found(a)
    join(b, a.invite("pics"))
    meet(a, b)


def test_the_setting_is_heeded_before_interfaces_are_counted(lab):
    """a is to be found on a bridge of its own, the last of many."""
    a, b = late(lab, 40), lab.host()
    a.run("ip", "link", "set", "e0", "down")
    a.run("ip", "addr", "flush", "dev", "e0")
    a.run("ip", "link", "set", "e0", "master", "br-39", "up")
    a.run("ip", "addr", "add", "10.77.0.1/24", "dev", "br-39")
    a.run("ip", "route", "replace", "224.0.0.0/4", "dev", "br-39")
    conf = write(a.path("etc/lanyard.conf"), "[agent]\ninterface = br-39\n")
    a.daemon.start("--discovery", "embedded", "--config", conf)
    b.daemon.start("--discovery", "embedded")
    found(a)
    join(b, a.invite("pics"))
    meet(b, a)


def test_members_tell_all_their_own_addresses(lab):
    """a and c share a network on which b is not: b has never reached either of them there."""
    left, right, far = lab.switch(), lab.switch(), lab.switch()
    a, b, c = lab.host(on=[left, far]), lab.host(on=[left, right]), lab.host(on=[right, far])
    for host in (a, b, c):
        host.way = "off"
    b.daemon.start("--discovery", "off")
    found(b)
    a.daemon.start("--discovery", "off", "--peer", b.address)
    c.daemon.start("--discovery", "off", "--peer", "%s:%d" % (b.nics[1].ip, b.port))
    join(a, b.invite("pics"))
    join(c, b.invite("pics"))
    meet(a, b, c)
    assert [p["address"] for p in a.peers().values() if p["address"].startswith("10.77.2.")]


def test_members_tell_of_an_address_that_they_get(lab):
    left, right = lab.switch(), lab.switch()
    a, b, c = lab.host(on=[left]), lab.host(on=[left, right]), lab.host(on=[right])
    b.daemon.start("--discovery", "off")
    found(b)
    a.daemon.start("--discovery", "off", "--peer", b.address)
    c.daemon.start("--discovery", "off", "--peer", "%s:%d" % (b.nics[1].ip, b.port))
    join(a, b.invite("pics"))
    join(c, b.invite("pics"))
    b.wait_peers(2)
    assert len(a.peers()) == len(c.peers()) == 1
    for host in (a, c):
        host.attach(lab.switch() if len(lab.switches) == 2 else lab.switches[2])
    meet(a, b, c)


def test_link_local_addresses_are_told_on_their_link(lab):
    """Three without IPv4, two of whom know the third's address alone."""
    a, b, c = (lab.host(ipv4=False) for _ in range(3))
    b.daemon.start("--discovery", "off")
    found(b)
    for host in (a, c):
        host.daemon.start("--discovery", "off", "--peer", "[%s]:%d" % (b.ip6, b.port))
        join(host, b.invite("pics"))
    meet(a, b, c)
