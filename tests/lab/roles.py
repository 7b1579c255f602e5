"""Lists of members, as several hosts see them."""
import netlab


def roles(host, group="pics"):
    """{agent ID: role} as this host sees it."""
    return {m["agent"]: m["role"] for m in host.cli("members", group)["members"]}


def agree(hosts, expected, timeout=20):
    """Wait until each of these hosts has the list of members {host: role}; the others need not run."""
    wanted = {h.id: role for h, role in expected.items()}
    for host in hosts:
        netlab.until(lambda: "%s sees %s, not %s" % (host.name, roles(host), wanted), lambda: roles(host) == wanted, timeout)


def members(lab, names, owners=1):
    """Hosts that are members and know it of one another; the first of them are owners. Each has its ID in .id."""
    hosts = [lab.host(n) for n in names]
    netlab.form(hosts)
    for host in hosts:
        host.id = host.agent_id()
    for host in hosts[1:owners]:
        hosts[0].cli("role", "pics", host.id, "owner")
    agree(hosts, {h: "owner" if i < owners else "member" for i, h in enumerate(hosts)})
    return hosts


def newcomer(lab, name, via):
    """A host that is not a member yet, and knows only these."""
    host = lab.host(name)
    flags = [f for v in via for f in ("--peer", v.address)]
    host.daemon.start("--discovery", "off", *flags)
    host.id = host.agent_id()
    return host


def outside(host, *words, timeout=20):
    """Wait until the host's own status says that it is out, in these words."""
    def says():
        error = host.status()["error"] or ""
        return "no longer a member" in error and all(w in error for w in words)
    netlab.until(lambda: "%s says that it is out (%s): %s" % (host.name, words, host.status()["error"]), says, timeout)


def refused(host, *args, words=()):
    """The command is refused (exit 1), and the message says these words."""
    got = host.lanyard(*args)
    assert got.code == 1, (args, got)
    for word in words:
        assert word in got.err, (args, got.err)
