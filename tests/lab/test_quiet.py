"""When nothing changes nothing is said (P3): after convergence, over restarts, for changes that are none."""
import os
import time

import pytest

import netlab
from netlab import trees

pytestmark = pytest.mark.plain

PING_BYTES = 2000  # a second, for three agents: pings and their acknowledgements


def quiet(hosts, switch, seconds=4.0):
    """Watch for a span of time: no record, no block, hardly a byte.  The span itself is what is measured here."""
    before, wire, start = [h.counters() for h in hosts], switch.bytes(), time.monotonic()
    while time.monotonic() - start < seconds:
        time.sleep(0.1)
    spent = switch.bytes() - wire
    for host, was in zip(hosts, before):
        now = host.counters()
        assert {k: now[k] - was[k] for k in was if now[k] != was[k]} == {}, host.name
    assert spent < PING_BYTES * seconds, spent


def test_after_convergence_the_wire_is_silent_but_for_pings(lab):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    trees.many(a.share, 500, 2000, 50)
    netlab.form([a, b, c])
    netlab.settle([a, b, c])
    trees.write(b.share, {"new": trees.noise(300_000)})
    os.unlink(c.file("d000/f000001"))
    for host in (a, b, c):
        host.wait_sync(peers=2)
    netlab.settle([b, c, a])
    quiet([a, b, c], lab.switches[0])


def test_the_receivers_own_renames_are_not_told_back(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    trees.many(a.share, 200, 2000, 50)
    netlab.settle([a, b])
    assert b.counters()["records_sent"] == 0 and a.counters()["records_received"] == 0
    # 200 files and 4 folders; a file that was seen before its writer was done is told twice, which is rare.
    assert 204 <= a.counters()["records_sent"] == b.counters()["records_received"] <= 220


def test_a_restart_with_nothing_changed_sends_no_record(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, 2000, 500, 100)
    netlab.form([a, b])
    netlab.settle([a, b])
    for host in (a, b):
        wire = lab.switches[0].bytes()
        host.daemon.stop()
        host.daemon.start()
        host.wait_peers(1)
        for each in (a, b):
            each.wait_sync(peers=1)
        assert host.counters()["records_sent"] == host.counters()["records_received"] == 0
        assert lab.switches[0].bytes() - wire < 40_000
    assert a.counters()["blocks_sent"] == 0


def test_what_changed_while_off_is_all_that_is_sent(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, 1000, 500, 100)
    netlab.form([a, b])
    netlab.settle([a, b])
    a.daemon.stop()
    trees.write(a.share, {"d000/f000000": b"changed", "new": b"new"})
    os.unlink(a.file("d001/f000100"))
    a.daemon.start()
    a.wait_peers(1)
    netlab.settle([a, b])
    assert a.counters()["records_sent"] == 3


def test_reading_and_rewriting_the_same_says_nothing_new(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, 100, 5000, 50)
    netlab.form([a, b])
    netlab.settle([a, b])
    sent = b.counters()["records_sent"]
    for path, entry in trees.picture(b.share).items():
        if entry.kind == "file":
            b.read(path)
    # A write of equal bytes is a new time stamp and no new content.
    content = a.read("d000/f000001")
    trees.write(a.share, {"d000/f000001": content})
    blocks = a.counters()["blocks_sent"]
    netlab.settle([a, b])
    assert b.counters()["records_sent"] == sent and a.counters()["blocks_sent"] == blocks
