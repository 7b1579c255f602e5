"""What a change of a large file costs on the wire, between two members that meet through a vault alone."""
import os
import shutil

import pytest

from netlab import trees
from test_sealed_vault import handed_over, three

pytestmark = pytest.mark.plain
MB = int(os.environ.get("LANYARD_LAB_SEALED_MB", "64"))
RUNS = 4  # pieces that together are a hundredth of the file
UNTIL_EQUAL = 26  # blocks; 5 on average, with as much of a standard deviation
PATCH = 4096  # bytes, more than a block costs of which nothing is new
SLACK = 1 << 20  # bytes of lists, records, acknowledgements, of what keeps connections, and of other protocols


def average(size):
    """Bytes of a file's average block (docs/protocol.md, Blocks)."""
    return 1 << min(max(size.bit_length() - 1 - 12, 16), 20)


def most(size, run):
    """Bytes of the blocks that change with a run of that many bytes. One has at least 7/8 of the average, and is sent as if it had 5/4 of it.
    Behind the run some are cut elsewhere, until the file is cut where it was: patches bring them."""
    block = average(size)
    return (run // (block * 7 // 8) + 3) * block * 5 // 4 + UNTIL_EQUAL * PATCH


@pytest.mark.slow
@pytest.mark.seconds(240 + MB)
@pytest.mark.in_memory(MB * 5 << 20)
def test_a_hundredth_of_a_large_file_costs_its_blocks_to_the_vault_and_from_it(lab):
    a, b, v = three(lab)
    b.daemon.stop()
    size, run = MB << 20, (MB << 20) // 100 // RUNS
    trees.noise_file(a.path("large"), size)
    os.rename(a.path("large"), a.file("large"))
    handed_over(a, b, v)
    stored = v.status()["vault"]["stored_bytes"]
    assert stored > size
    before = b.tx(), v.tx()
    shutil.copyfile(b.file("large"), b.path("changed"))
    with open(b.path("changed"), "r+b") as f:
        for i in range(RUNS):
            f.seek(i * (size // RUNS) + size // 37)
            f.write(trees.noise(run, i))
    os.rename(b.path("changed"), b.file("large"))
    b.wait_sync(60 + MB, peers=1)
    v.wait_sync(60 + MB)
    to_vault = b.tx() - before[0]
    b.daemon.stop()
    a.daemon.start()
    a.wait_sync(60 + MB, peers=1)
    from_vault = v.tx() - before[1]
    bound = RUNS * most(size, run) + SLACK
    more = v.status()["vault"]["stored_bytes"] - stored
    print("%d MiB, %d runs of %d bytes: %d bytes to the vault, %d from it, which stores %d more than %d; bound %d" % (
        MB, RUNS, run, to_vault, from_vault, more, stored, bound))
    said = trees.differences(trees.picture(a.share), trees.picture(b.share))
    assert not said, "\n".join(said)
    assert RUNS * run < to_vault < bound and RUNS * run < from_vault < bound
    assert RUNS * run < more < bound
