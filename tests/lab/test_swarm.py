"""One content, several members that get it at once: the source sends little more than one copy, and what one has, all can get."""
import os
import time

import pytest

import netlab

pytestmark = pytest.mark.plain

MIB = 1 << 20
SPEEDS = {"200mbit": 200e6, "1gbit": 1e9}  # bit/s


def stand(lab, receivers, rate, late=0):
    """A group on links of that rate: the source, those that receive from the start, and those that join when told."""
    hosts = [lab.host("h%d" % i) for i in range(receivers + 1 + late)]
    netlab.form(hosts, "pics")
    for host in hosts:
        host.limit(rate)
    return hosts


def drop(host, size, name="big"):
    """Moves a file of noise into the share; returns its bytes."""
    staged = host.path("staged")
    noise = os.urandom(size)
    with open(staged, "wb") as f:
        f.write(noise)
    os.rename(staged, os.path.join(host.share, name))
    return noise


def whole(hosts, noise, name="big", seconds=90):
    for host in hosts:
        netlab.until("%s has it all" % host.name, lambda: os.path.exists(os.path.join(host.share, name)), seconds)
        with open(os.path.join(host.share, name), "rb") as f:
            assert f.read() == noise


def got(host):
    """Blocks that came to this host from its peers."""
    return host.counters()["blocks_received"]


@pytest.mark.parametrize("receivers, size, rate, most", [
    (4, 48 * MIB, "200mbit", 1.2),
    pytest.param(4, 512 * MIB, "1gbit", 1.2, marks=[pytest.mark.slow, pytest.mark.seconds(300)]),
    pytest.param(8, 128 * MIB, "200mbit", 1.2, marks=[pytest.mark.slow, pytest.mark.seconds(300)]),
])
@pytest.mark.in_memory(2560 * MIB)  # a disk that stalls all receivers at once makes them ask the source again
def test_the_source_sends_little_more_than_one_copy(lab, receivers, size, rate, most):
    source, *others = stand(lab, receivers, rate)
    before = source.tx()
    began = time.monotonic()
    noise = drop(source, size)
    whole(others, noise)
    copies = (source.tx() - before) / size
    # Where the processors take far longer than the link would, receivers fall behind by chance: then it is still not
    # one copy for each.
    if time.monotonic() - began > 3 * 8 * size / SPEEDS[rate]:
        most = 0.75 * receivers
    assert 1.0 <= copies <= most, "the source sent %.2f copies" % copies


def test_several_contents_at_once_cost_little_more_than_one_copy_each(lab):
    size, names = 12 * MIB, ["one", "two", "three", "four"]
    source, *others = stand(lab, 3, "200mbit")
    staged = source.path("together")
    os.mkdir(staged)
    noises = {name: os.urandom(size) for name in names}
    for name, noise in noises.items():
        with open(os.path.join(staged, name), "wb") as f:
            f.write(noise)
    before = source.tx()
    os.rename(staged, os.path.join(source.share, "together"))
    for name, noise in noises.items():
        whole(others, noise, os.path.join("together", name))
    copies = (source.tx() - before) / (size * len(names))
    assert 1.0 <= copies <= 1.2, "the source sent %.2f copies" % copies


def test_the_source_dies_when_every_block_exists_somewhere(lab):
    """It is killed when it has sent every block and some again, while the others' uplinks are too slow for any to have all: they complete
    from one another."""
    size = 24 * MIB
    source, *others = stand(lab, 4, "100mbit")
    for host in others:
        host.run("tc", "qdisc", "replace", "dev", "e0", "root", "tbf", "rate", "8mbit", "burst", "128kb", "latency", "100ms")
    before = source.tx()
    noise = drop(source, size)
    netlab.until("all is out", lambda: source.tx() - before > 1.6 * size, 60)
    source.daemon.kill9()
    assert not any(os.path.exists(os.path.join(host.share, "big")) for host in others), "one was too quick for the test"
    whole(others, noise)


def test_one_that_joins_late_gets_it_from_all(lab):
    size = 48 * MIB
    source, *others = stand(lab, 3, "200mbit")
    late = others.pop()
    late.daemon.stop()
    before = source.tx()
    noise = drop(source, size)
    netlab.until("half of it is there", lambda: min(got(h) for h in others) > 0 and source.tx() - before > size // 2, 60)
    late.daemon.start(*netlab.start_flags(late, [source] + others, "off"))
    whole(others + [late], noise)
    copies = (source.tx() - before) / size
    assert copies <= 1.7, "the source sent %.2f copies" % copies


def test_one_that_is_stopped_holds_nobody_up(lab):
    """It took blocks that nobody else had, and is silent from then on: the others get these from the source."""
    size = 48 * MIB
    source, *others = stand(lab, 4, "200mbit")
    stopped = others.pop()
    before = source.tx()
    noise = drop(source, size)
    netlab.until("it has some", lambda: source.tx() - before > size // 4 and got(stopped) > 0, 60)
    stopped.daemon.pause()
    whole(others, noise)
    stopped.daemon.resume()
    whole([stopped], noise)
