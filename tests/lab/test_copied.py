"""A home that was copied to a second machine: two agents with one identity. It is noticed, and nothing is lost."""
import os
import shutil

import pytest

import netlab
from netlab import trees, until


def set_machine(host, number):
    """Give the host a machine ID of its own; otherwise all have this machine's, as clones of one disk would."""
    path = host.path("machine-id")
    with open(path, "w") as f:
        f.write("%032x\n" % number)
    host.run("mount", "--bind", path, "/etc/machine-id")


def copy_home(old, new):
    """new is a second machine with old's home, and old's share at the same place."""
    shutil.rmtree(new.share)
    shutil.copytree(old.share, new.share, symlinks=True)
    shutil.copytree(old.home, new.home, symlinks=True, ignore=shutil.ignore_patterns("*.sock", "control*"))
    new.run("mount", "--bind", new.share, old.share)


def trio(lab, machines=False):
    hosts = [lab.host(n) for n in "abd"]
    if machines:
        if not os.path.exists("/etc/machine-id"):
            pytest.skip("this machine has no /etc/machine-id")
        for i, host in enumerate(hosts):
            set_machine(host, i + 1)
    a, b, d = hosts
    trees.write(a.share, {"one": b"1"})
    netlab.form([a, b])
    netlab.settle([a, b])
    return hosts


def start(host, *peers):
    host.daemon.start("--discovery", "off", *[x for p in peers for x in ("--peer", p.address)])


def wait_stopped(host):
    until(lambda: "%s goes on: %s" % (host.name, host.status()), lambda: host.status()["error"], 30)
    assert "this home was copied" in host.status()["error"] and host.status()["state"] == "error"
    assert "this home was copied" in host.cli("status")["copied"] and b"identity" in host.lanyard("doctor").out


def test_two_copies_that_cannot_be_told_apart_both_stop_when_a_third_sees_them(lab):
    a, b, d = trio(lab)
    b.daemon.stop()
    copy_home(b, d)
    trees.write(d.share, {"of the copy": b"2"})
    start(b, a)
    start(d, a)
    wait_stopped(b)
    wait_stopped(d)
    assert a.status()["error"] is None
    assert d.read("of the copy") == b"2" and b.read("one") == d.read("one") == b"1"
    # As the message says: the copy goes, the other is started again.
    d.daemon.stop()
    b.daemon.stop()
    trees.write(b.share, {"more": b"3"})
    start(b, a)
    netlab.settle([b, a])
    assert a.read("more") == b"3" and b.cli("status")["copied"] is None


def test_two_copies_that_meet_notice_it_by_themselves(lab):
    a, b, d = trio(lab)
    a.daemon.stop()
    copy_home(b, d)  # while b runs
    start(d, b)
    wait_stopped(b)
    wait_stopped(d)


def test_the_copy_stops_and_the_other_goes_on_where_the_machine_tells_them_apart(lab):
    a, b, d = trio(lab, machines=True)
    copy_home(b, d)  # while b runs
    trees.write(d.share, {"of the copy": b"2"})
    start(d, a)
    wait_stopped(d)
    trees.write(a.share, {"two": b"22"})
    until(lambda: "b does not go on: %s" % b.status(), lambda: os.path.exists(b.file("two")), 30)
    trees.write(b.share, {"three": b"333"})
    netlab.settle([b, a])
    assert a.read("three") == b"333" and d.read("of the copy") == b"2"


def test_a_home_on_a_new_machine_goes_on(lab):
    a, b, d = trio(lab, machines=True)
    b.daemon.stop()
    copy_home(b, d)
    trees.write(d.share, {"two": b"22"})
    start(d, a)
    tree = netlab.settle([d, a])
    assert set(tree) == {b"one", b"two"}
    assert "another machine" in d.log() and d.cli("status")["copied"] is None
