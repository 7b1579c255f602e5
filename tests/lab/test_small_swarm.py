"""Many small files for several receivers: their maker sends each to one of them, which brings it to the others."""
import os
import subprocess

import pytest

import netlab
from netlab import trees
from roles import agree, members, newcomer

pytestmark = pytest.mark.plain

SIZE = 4096


def burst(host, count):
    """That many files appear in the host's share at once, in a folder `new`."""
    stage = host.path("stage")
    trees.many(stage, count, SIZE)
    os.rename(stage, os.path.join(os.fsdecode(host.share), "new"))


def files(host):
    return sum(len(names) for _, _, names in os.walk(os.path.join(os.fsdecode(host.share), "new")))


def complete(hosts, count, timeout=120):
    for host in hosts:
        netlab.until(lambda: "%s has %d of %d files" % (host.name, files(host), count), lambda: files(host) == count, timeout)


def same(hosts):
    pictures = [trees.picture(h.share) for h in hosts]
    for other in pictures[1:]:
        assert not trees.differences(pictures[0], other)


def test_the_maker_sends_about_one_copy(lab):
    hosts = members(lab, "abcde")
    a, *others = hosts
    before = {h: h.tx() for h in hosts}
    burst(a, 3000)
    netlab.settle(hosts, timeout=120)
    sent = {h: (h.tx() - before[h]) / (3000 * SIZE) for h in hosts}
    print({h.name: round(n, 3) for h, n in sent.items()})
    # Without carriers it is 4. A slow build on a busy machine stands still for longer than one waits for a carrier.
    assert sent[a] < (1.3 if netlab.FACTOR == 1 else 2)
    assert sum(sent.values()) < 5  # each of four got each file once, and the records
    assert sum(sent[h] > 0.1 for h in others) >= 2
    # Who has waited in vain for the one that carries a file asks for it; how long one waits goes by the carrier's pace. A machine that
    # stands still for some seconds makes one of them give up one carrier, which had 512 files to bring at most. A slow build stands
    # still more often; then asking is still less than once for each file.
    assert sum(h.counters()["blocks_sent"] for h in hosts) < (600 if netlab.FACTOR == 1 else 3000)


def test_with_one_receiver_all_is_told_as_ever(lab):
    a, b = members(lab, "ab")
    before = a.tx()
    burst(a, 1000)
    netlab.settle([a, b], timeout=60)
    assert 1.0 < (a.tx() - before) / (1000 * SIZE) < 1.15
    assert a.counters()["blocks_sent"] == b.counters()["blocks_received"] == 0


def test_a_lone_small_file_goes_straight_to_all(lab):
    hosts = members(lab, "abcd")
    a, *others = hosts
    before, relayed = a.tx(), sum(h.tx() for h in others)
    trees.write(a.share, {"drop": trees.noise(32 << 10)})
    netlab.settle(hosts)
    assert a.tx() - before > 3 * (32 << 10)
    # A receiver that is long about it, on a busy machine, is given it by another one too.
    assert sum(h.tx() for h in others) - relayed < 3 * (32 << 10)


def test_readers_bring_them_too(lab):
    a, b = members(lab, "ab")
    readers = []
    for name in "rst":
        r = newcomer(lab, name, [a, b, *readers])
        r.cli("join", "--invite", a.invite("pics", "--role", "reader"), "--share", r.share)
        readers.append(r)
    agree([a, b, *readers], {a: "owner", b: "member", **{r: "reader" for r in readers}})
    for host in (a, b, *readers):
        host.wait_peers(4)
    before = a.tx()
    burst(a, 2000)
    complete([b, *readers], 2000)
    same([a, b, *readers])
    print(round((a.tx() - before) / (2000 * SIZE), 3))
    assert (a.tx() - before) / (2000 * SIZE) < 1.5


def test_members_with_equal_files_send_no_bytes(lab):
    """A disk was copied: both read it for the first time when they meet."""
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, 2000, SIZE)
    subprocess.run(["cp", "-a", a.share + "/.", b.share], check=True)
    netlab.form([a, b])
    netlab.settle([a, b], timeout=60)
    assert a.tx() + a.rx() < 2000 * SIZE / 5
    assert a.counters()["blocks_received"] == b.counters()["blocks_received"] == 0
    # They are in step: what is new now is sent inside the news.
    trees.write(a.share, {"new": trees.noise(SIZE, 77)})
    netlab.settle([a, b])
    assert b.counters()["blocks_received"] == 0


@pytest.mark.parametrize("end", ["killed", "stopped", "removed"])
def test_nothing_is_lost_with_a_carrier(lab, end):
    """One of three receivers goes in the middle: the others get all, and it gets the rest when it is back."""
    hosts = members(lab, "abcd")
    a, b, c, d = hosts
    for host in hosts:
        host.limit("50mbit")
    burst(a, 2000)
    netlab.until("something has come", lambda: files(b) > 100, 60)
    if end == "killed":
        b.daemon.kill9()
    elif end == "stopped":
        b.daemon.pause()
    else:
        a.cli("remove", "pics", b.id)
    complete([c, d], 2000)
    same([a, c, d])
    for host in hosts:
        host.limit(None)
    if end == "killed":
        b.daemon.start()
    elif end == "stopped":
        b.daemon.resume()
    if end != "removed":
        complete([b], 2000)
        netlab.settle(hosts, timeout=60)
