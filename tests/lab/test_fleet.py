"""Machines that form a group by their settings alone: one secret, one founder, no command on any of them."""
import os

import netlab
import trees
from test_config import lanyardd, write

SECRET = "a5" * 16


def settle_down(host, founder="web1", secret=SECRET, group="photos", more=""):
    """The same settings for all, except where this host's share is."""
    write(host.path("etc/secret"), secret + "\n")
    return write(host.path("etc/lanyard.conf"), "[agent]\ndiscovery = embedded\n%s[group %s]\nshare = %s\nsecret-file = %s\n"
                 "founder = %s\n" % (more, group, host.share, host.path("etc/secret"), founder))


def start(*hosts, **how):
    for host in hosts:
        host.daemon.start("--config", settle_down(host, **how))


def in_group(host):
    return [(g["id"], g["role"]) for g in host.cli("groups")["groups"] if g["role"]]


def joined(*hosts, timeout=40):
    for host in hosts:
        netlab.until("%s is in a group" % host.name, lambda: in_group(host), timeout)
    groups = [in_group(host) for host in hosts]
    assert len({one[0] for group in groups for one in group}) == 1, groups
    return [group[0][1] for group in groups]


def test_machines_with_the_same_settings_come_together_as_one_group(lab):
    """In whatever order they start; a later start, a lost home and a removed machine change nothing about that."""
    a, b, c = lab.host("web2"), lab.host("web1"), lab.host("web3")
    start(a, c)
    trees.write(a.share, {"x": b"1"})
    start(b)
    assert joined(a, b, c) == ["member", "owner", "member"]
    for host in (a, b, c):
        host.wait_peers(2)
    netlab.settle([a, b, c])
    assert c.read("x") == b"1"
    group = in_group(b)[0][0]
    # A second start founds nothing new.
    for host in (b, a):
        host.daemon.stop()
        host.daemon.start()
    assert joined(a, b, c) == ["member", "owner", "member"] and in_group(b)[0][0] == group
    # Nor does a founder that has lost its home, while the group is there: it asks, and an owner decides.
    a_id = a.agent_id()
    b.cli("role", "photos", a_id, "owner")
    netlab.until("a owns it, too", lambda: in_group(a)[0][1] == "owner")
    b.daemon.stop()
    lab.check(["rm", "-rf", b.home])
    b.daemon.start()
    assert joined(a, b, c)[1] == "member" and in_group(b)[0][0] == group
    # An owner's removal holds, though the removed machine has the secret and asks again.
    c_id = c.agent_id()
    a.cli("remove", "photos", c_id)
    netlab.until("c is out", lambda: c.status("photos")["state"] == "error")
    c.cli("leave", "photos")
    seen = len(c.log())
    netlab.until("c asks again", lambda: any(x["group"] == "photos" and x["code"] for x in c.cli("status")["asked"]), 30)
    netlab.until("a sees it", lambda: [r["agent"] for r in a.cli("requests")["requests"]] == [c_id], 20)
    assert "is a member: it has the secret" not in c.log()[seen:] and in_group(c) == []
    assert c_id not in [m["agent"] for m in a.cli("members", "photos")["members"]]


def test_a_group_of_that_name_by_somebody_without_the_secret_is_not_joined(lab):
    rogue, a = lab.host("rogue"), lab.host("web2")
    rogue.daemon.start("--discovery", "embedded")
    rogue.cli("create", "photos", "--share", rogue.share)
    trees.write(a.share, {"private": b"1"})
    start(a)
    netlab.until("a asks", lambda: rogue.cli("requests")["requests"], 30)
    asked, = rogue.cli("requests")["requests"]
    assert SECRET not in str(asked) and asked["message"].startswith("proof by the secret")
    rogue.cli("accept", "photos", asked["code"])
    netlab.until("a says why not", lambda: "its founder did not have the secret of the settings" in a.log(), 30)
    assert in_group(a) == [] and not os.path.exists(rogue.file("private"))
    # The founder comes, and a finds the right one.
    b = lab.host("web1")
    netlab.until("it does not ask there again", lambda: a.cli("status")["asked"] == [])
    rogue.daemon.stop()
    start(b)
    assert joined(a, b) == ["member", "owner"]
    netlab.settle([b, a])


def test_who_has_another_secret_is_not_let_in(lab):
    a, b = lab.host("web1"), lab.host("web2")
    start(a)
    joined(a)
    start(b, secret="b6" * 16)
    netlab.until("a sees the request", lambda: a.cli("requests")["requests"], 30)
    assert in_group(b) == [] and len(a.cli("members", "photos")["members"]) == 1
    # With the right one it asks again, once the request with the wrong one is out of the way.
    a.cli("reject", "photos", b.agent_id())
    netlab.until("b knows", lambda: "an owner rejected the request" in b.log())
    # The owner has decided, and is not asked again by the same settings.
    netlab.until("b says why it is not in", lambda: "none of its owners has let this agent in yet" in b.log(), 30)
    assert b.log().count("the confirmation code is") == 1 and a.cli("requests")["requests"] == []
    b.daemon.stop()
    write(b.path("etc/secret"), SECRET)
    b.daemon.start()
    assert joined(a, b) == ["owner", "member"]


def test_the_settings_say_what_is_wrong_with_a_secret(lab):
    a = lab.host("a")
    conf = settle_down(a, secret="short")
    code, _, err = lanyardd(a, "--config", conf, "--check-config")
    assert code == 78 and "fewer than 32 characters" in err and "openssl rand" in err, err
    os.unlink(a.path("etc/secret"))
    code, out, err = lanyardd(a, "--config", conf, "--check-config")
    assert code == 0 and "settings are good" in out and "note: " in err and "does not exist" in err, err
    # Nobody founds without being named.
    a.daemon.start("--config", conf)
    netlab.until("it says so", lambda: a.path("etc/secret") + ": cannot be read" in a.log())
    assert a.cli("groups")["groups"] == []
