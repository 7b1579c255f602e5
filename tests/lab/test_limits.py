"""Limits of the settings file: speed and memory, for good and until the next reload."""
import time

import pytest

import netlab
import trees
from test_config import write

pytestmark = pytest.mark.plain

RATE = 4_000_000
SIZE = 12_000_000


def pair(lab, **settings):
    """Two members, b with these settings; returns (a, b, b's settings file)."""
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    conf = settle_with(b, settings, peer=a.address)
    b.daemon.start("--config", conf)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    a.wait_peers(1)
    netlab.settle([a, b])
    return a, b, conf


def settle_with(host, settings, **more):
    keys = dict(discovery="off", **more)
    keys.update(settings)
    return write(host.path("etc/lanyard.conf"),
                 "[agent]\n" + "".join("%s = %s\n" % (k.replace("_", "-"), v) for k, v in keys.items()))


def moved_in(source, target, name):
    """Seconds until a file of SIZE has come from source to target."""
    start = time.monotonic()
    trees.write(source.share, {name: trees.noise(SIZE)})
    netlab.settle([source, target])
    return time.monotonic() - start


def test_what_is_sent_keeps_to_its_limit_and_a_reload_lifts_it(lab):
    a, b, conf = pair(lab, upload_limit="4M")
    assert moved_in(b, a, "slow") > SIZE / RATE - 0.5
    # A note goes before the blocks that wait: they would take 20 s.
    trees.write(b.share, {"big": trees.noise(80_000_000, 2)})
    netlab.until("the download is under way", lambda: a.counters()["blocks_received"] > 0)
    with a.events() as events:
        trees.write(b.share, {"note": b"x"})
        events.wait("file-installed", path=b"note")
    assert b"big" not in [p for p, f in a.files("pics").items() if f["here"]]
    settle_with(b, {}, peer=a.address)
    b.daemon.reload()
    netlab.until("it is read", lambda: "settings: read again" in b.log())
    assert "takes effect after a restart" not in b.log()
    netlab.settle([b, a])


def test_what_is_received_keeps_to_its_limit(lab):
    a, b, _ = pair(lab, download_limit="4M")
    assert moved_in(a, b, "slow") > SIZE / RATE - 0.5


def test_what_is_sent_to_several_keeps_to_one_limit(lab):
    """The limit is of all connections together. The receivers pass on to one another what they have, so it sends one copy at least."""
    a, b, _ = pair(lab, upload_limit="4M")
    c = lab.host("c")
    c.daemon.start("--discovery", "off", "--peer", a.address, "--peer", b.address)
    c.cli("join", "--invite", a.invite("pics"), "--share", c.share)
    netlab.settle([a, b, c])
    start = time.monotonic()
    trees.write(b.share, {"slow": trees.noise(SIZE), "slower": trees.noise(SIZE, 2)})
    netlab.settle([b, a, c])
    assert time.monotonic() - start > 2 * SIZE / RATE - 0.5


def test_little_memory_is_enough(lab):
    a, b, _ = pair(lab, memory="8M")
    trees.write(a.share, {"big": trees.noise(60_000_000), "more": trees.noise(9_000_000, 2)})
    netlab.settle([a, b])
    trees.write(b.share, {"back": trees.noise(30_000_000, 3)})
    netlab.settle([b, a])
