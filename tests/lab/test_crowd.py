"""Many agents on one network, all with embedded discovery: everybody finds everybody, and nobody dies of what the others say."""
import os
import time

import pytest

import netlab
from netlab import trees

def crowd(lab, number):
    """That many hosts, their agents started all at once."""
    hosts = [lab.host("h%d" % i) for i in range(number)]
    lab.introduce()
    for host in hosts:
        host.daemon.start("--discovery", "embedded", wait=False)
    for host in hosts:
        netlab.until("the agent of %s answers" % host.name, host.daemon._answers, 60)
    return hosts


def alive(hosts):
    for host in hosts:
        if not host.daemon.running():
            raise netlab.LabError("an agent died\n" + host.daemon.tail())
    return True


@pytest.mark.parametrize("number", [12, pytest.param(48, marks=[pytest.mark.slow, pytest.mark.seconds(400)])])
def test_a_crowd_that_comes_all_at_once_meets_as_a_whole(lab, number):
    """Each is connected with each, the last to join as well; none has died of what the others announced."""
    hosts = crowd(lab, number)
    first, *others = hosts
    first.cli("create", "pics", "--share", first.share)
    token = first.invite("pics")
    for host in others:
        host.cli("join", "--invite", token, "--share", host.share, timeout=120)
    for host in reversed(hosts):
        netlab.until(lambda: "%s has met %d of %d others" % (host.name, len(host.peers()), number - 1),
                     lambda: alive(hosts) and len(host.peers()) == number - 1, 240, every=0.2)
    trees.write(first.share, {"drop": b"to everybody"})
    for host in hosts:
        netlab.until("the drop is with %s" % host.name, lambda: alive(hosts) and "drop" in os.listdir(host.share), 60)


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
