"""The scenarios of vm-test/ on network namespaces, and the disk that its machines lose data with."""
import os
import struct
import subprocess
import sys

import pytest

import netlab

VM_TEST = os.path.join(netlab.ROOT, "vm-test")
sys.path.append(VM_TEST)
from volatile import DISCARD, FLUSH, FUA, SECTOR, VolatileDisk  # noqa: E402


@pytest.mark.avahi
def test_a_scenario_of_the_machines_runs_on_namespaces(tmp_path):
    got = subprocess.run([sys.executable, os.path.join(VM_TEST, "run"), "--hosts", "netns", "--logs", str(tmp_path), "month", "power"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert got.returncode == 0 and "verdict: passed, 5 steps" in got.stdout, got.stdout
    assert "needs machines: power" in got.stdout


def entry(sector, data, flags=0, sectors=None):
    """One entry of the log as qemu's driver blklogwrites writes it."""
    count = len(data) // SECTOR if sectors is None else sectors
    return struct.pack("<4Q", sector, count, flags, 0).ljust(SECTOR, b"\0") + data


def block(letter):
    return letter * SECTOR


def test_a_volatile_disk_keeps_what_was_flushed_and_by_chance_what_was_not(tmp_path):
    kept_of_many = set()
    for seed in range(20):
        path = str(tmp_path / ("disk%d" % seed))
        with open(path, "wb") as f:
            f.write(block(b"o") * 8)
        disk = VolatileDisk(path, seed)
        assert "driver=blklogwrites,node-name=disk,file=below,log=log,log-sector-size=512" in disk.words()
        with open(disk.log, "wb") as f:
            f.write(bytes(SECTOR) + entry(0, block(b"a")) + entry(1, block(b"b") * 2) + entry(2, b"", DISCARD, sectors=1)
                    + entry(0, b"", FLUSH) + entry(0, block(b"c")) + entry(3, block(b"d")) + entry(4, block(b"e"), FUA)
                    + entry(5, block(b"f"))[:SECTOR + 100])
        with open(path, "wb") as f:
            f.write(b"what the machine itself saw last")
        kept, lost = disk.lose()
        with open(path, "rb") as f:
            now = f.read()
        found = [now[i:i + 1] for i in range(0, len(now), SECTOR)]
        # Flushed, or written through; discarded; never wholly written; and what nobody touched.
        assert found[1:3] == [b"b", b"\0"] and found[4:] == [b"e", b"o", b"o", b"o"]
        assert found[0] in (b"a", b"c") and found[3] in (b"o", b"d")
        assert kept + lost == 2 * SECTOR and kept == SECTOR * ((found[0] == b"c") + (found[3] == b"d"))
        assert sorted(os.listdir(tmp_path)) == sorted("disk%d" % i for i in range(seed + 1))
        kept_of_many.add((found[0], found[3]))
    # Each of the two is lost or not by itself, so a later one may be there without an earlier one.
    assert len(kept_of_many) == 4
