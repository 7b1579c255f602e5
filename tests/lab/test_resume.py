"""Interrupted downloads: nothing torn is ever visible (P1), nothing verified is fetched again (P8)."""
import os
import time

import pytest

import netlab
from netlab import trees

MIB = 1 << 20


def downloading(host, path, least):
    def test():
        got = [d for d in host.cli("downloads")["downloads"] if d["path"] == path and d["state"] == "D"]
        return got and got[0]["done"] >= least and got[0]["done"]
    return netlab.until("%s downloads %s" % (host.name, path), test, 30)


def pair(lab, size, rate):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit(rate)
    trees.noise_file(a.path("big"), size)
    os.rename(a.path("big"), a.file("big"))
    return a, b


@pytest.mark.parametrize("way", ["kill9", "stop"])
def test_an_interrupted_receiver_fetches_nothing_twice(lab, way):
    size = 48 * MIB
    a, b = pair(lab, size, "80mbit")
    done = downloading(b, "big", size // 3)
    getattr(b.daemon, way)()
    assert done < size and not os.path.exists(b.file("big"))
    a.limit(None)
    blocks = a.counters()["blocks_sent"]
    b.daemon.start()
    b.wait_peers(1)
    b.wait_sync(peers=1, timeout=60)
    netlab.settle([a, b])
    after = b.counters()
    assert after["blocks_resumed"] > 0
    assert after["bytes_received"] <= size - done + MIB
    assert a.counters()["blocks_sent"] - blocks == after["blocks_received"]
    # Parts are gone once they have become files.
    left = [f for _, _, names in os.walk(b.file(".lanyard")) for f in names if f.endswith(b".part")]
    assert left == []


def test_a_killed_source_comes_back_and_the_download_goes_on(lab):
    size = 48 * MIB
    a, b = pair(lab, size, "80mbit")
    downloading(b, "big", size // 3)
    received = b.counters()["bytes_received"]
    a.daemon.kill9()
    b.wait_peers(0)
    assert received > 0 and not os.path.exists(b.file("big"))
    a.limit(None)
    a.daemon.start()
    b.wait_peers(1)
    netlab.settle([a, b], timeout=60)
    # b kept running, so its counter covers both halves: nothing came twice.
    assert b.counters()["bytes_received"] <= size + MIB


def test_a_folder_renamed_while_its_file_is_fetched_costs_nothing_again(lab):
    """Parts are known by content: the part of the old path goes on as that of the new one."""
    size = 48 * MIB
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit("80mbit")
    trees.write(a.share, {"old/": None, "old/small": b"1"})
    trees.noise_file(a.path("big"), size)
    os.rename(a.path("big"), a.file("old/big"))
    downloading(b, "old/big", size // 3)
    os.rename(a.file("old"), a.file("new"))
    downloading(b, "new/big", size // 3)
    a.limit(None)
    netlab.settle([a, b])
    assert set(trees.picture(b.share)) == {b"new", b"new/big", b"new/small"}
    # What was under way at that moment may be asked for twice.
    assert b.counters()["bytes_received"] < size + 12 * MIB


def test_killed_again_and_again_still_never_torn(lab):
    size, kills = 40 * MIB, 0
    a, b = pair(lab, size, "30mbit")
    for part in range(1, 5):
        done = downloading(b, "big", part * size // 6)
        b.daemon.kill9()
        assert not os.path.exists(b.file("big"))
        kills += done < size
        b.daemon.start()
        b.wait_peers(1)
    a.limit(None)
    b.wait_sync(peers=1, timeout=60)
    netlab.settle([a, b])
    assert kills == 4


def test_many_small_files_and_kills_leave_only_whole_files(lab):
    """At every kill whatever can be seen at the receiver is whole; in the end all is there."""
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit("30mbit")
    count = 3000
    trees.many(a.path("new"), count, 3000, 100)
    os.rename(a.path("new"), a.file("new"))
    whole = trees.picture(a.share)
    for part in range(1, 4):
        def enough():
            return sum(len(names) for _, _, names in os.walk(b.file("new"))) >= part * count // 5
        netlab.until("part of the files came", enough, 30)
        b.daemon.kill9()
        seen = {p: e for p, e in trees.picture(b.share).items() if e.kind == "file"}
        assert seen and all(whole[p] == e for p, e in seen.items())
        b.daemon.start()
        b.wait_peers(1)
    a.limit(None)
    b.wait_sync(peers=1, timeout=60)
    netlab.settle([a, b])


def test_a_name_shows_only_whole_versions_while_they_change(lab):
    """Look as fast as possible while versions replace each other: each look sees one of them, whole."""
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {"f": bytes([0]) * 300_000})
    netlab.form([a, b])
    netlab.settle([a, b])
    looks = versions = 0
    last = None
    for i in range(1, 15):
        trees.write(a.path("tmp"), {"f": bytes([i]) * 300_000})
        os.replace(a.path("tmp", "f"), a.file("f"))
        end = time.monotonic() + 20 * netlab.FACTOR
        while last != i:
            got = b.read("f")
            assert len(got) == 300_000 and got == got[:1] * 300_000
            looks += 1
            versions += got[0] != last
            last = got[0]
            assert time.monotonic() < end, "version %d did not come" % i
    assert versions >= 14 and looks > versions
    netlab.settle([a, b])


def test_a_restart_while_indexing_loses_nothing(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    trees.many(a.file("new"), 5000, 500, 100)
    a.daemon.kill9()
    a.daemon.start()
    a.wait_peers(1)
    a.daemon.stop()
    a.daemon.start()
    a.wait_peers(1)
    assert len(netlab.settle([a, b], timeout=60)) == 5000 + 50 + 1
