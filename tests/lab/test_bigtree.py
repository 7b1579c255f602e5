"""A real tree: what /usr/share holds, at least 50,000 files with its symlinks, there and then changed in a thousand places."""
import os
import random
import shutil

import pytest

import netlab
from netlab import trees

WANTED = int(os.environ.get("LANYARD_LAB_TREE_FILES", "50000"))
BIGGEST = 256 << 10   # a few huge files would only measure the disk


def copy_real_tree(to):
    """Copy /usr/share's files, folders and links, with times; fill up with made files where it has too few."""
    files = 0
    for at, folders, names in os.walk(b"/usr/share"):
        here = os.path.join(os.fsencode(to), b"share", os.path.relpath(at, b"/usr/share"))
        os.makedirs(here, exist_ok=True)
        for name in [n for n in folders if os.path.islink(os.path.join(at, n))] + names:
            source = os.path.join(at, name)
            if os.path.islink(source) or os.path.isfile(source) and os.path.getsize(source) <= BIGGEST:
                shutil.copy2(source, os.path.join(here, name), follow_symlinks=False)
                files += 1
        if files >= WANTED * 1.1:
            break
    if files < WANTED:
        trees.many(os.path.join(to, "made"), WANTED - files, 3000)


def change_in_a_thousand_places(hosts, seed=8):
    """Edits, deletions, renames, moves, modes, links and new files, each host in its own half of the files."""
    rng = random.Random(seed)
    tree = trees.picture(hosts[0].share)
    paths = sorted(p for p, e in tree.items() if e.kind == "file")
    rng.shuffle(paths)
    for i, path in enumerate(paths[:1000]):
        host = hosts[i % len(hosts)]
        full = host.file(path)
        kind = i // len(hosts) % 8
        if kind == 0:
            with open(full, "ab") as f:
                f.write(b"one line more\n")
        elif kind == 1:
            with open(full, "r+b") as f:
                f.write(b"x" * rng.randrange(1, 100))
        elif kind == 2:
            os.unlink(full)
        elif kind == 3:
            os.rename(full, full + b".renamed")
        elif kind == 4:
            os.makedirs(host.file("moved-on-" + host.name), exist_ok=True)
            os.rename(full, host.file(b"moved-on-%s/%d" % (host.name.encode(), i)))
        elif kind == 5:
            os.chmod(full, 0o600)
        elif kind == 6:
            os.unlink(full)
            os.symlink(b"../" * rng.randrange(4) + b"somewhere", full)
        else:
            trees.write(host.share, {path + b".new/sub/file": b"new %d" % i})


@pytest.mark.slow
@pytest.mark.seconds(400)
def test_a_real_tree_arrives_and_so_do_a_thousand_changes(lab):
    a, b = lab.host("a"), lab.host("b")
    copy_real_tree(a.share)
    netlab.form([a, b], timeout=200)
    tree = netlab.settle([a, b], timeout=200)
    kinds = [e.kind for e in tree.values()]
    assert kinds.count("file") + kinds.count("symlink") >= WANTED
    assert kinds.count("symlink") > 100

    before = b.counters()["bytes_received"]
    change_in_a_thousand_places([a, b])
    b.wait_sync(100, peers=1)
    changed = netlab.settle([a, b], timeout=100)
    assert changed != tree
    assert not [p for p in changed if b".conflict-" in p and p not in tree]
    assert b.counters()["bytes_received"] - before < 40 << 20
    assert a.problems() == b.problems() == {}
    _, most = b.daemon.rss()
    print("b's memory at most: %d MB" % (most >> 20))

    # Nothing changed, nothing is sent.
    b.daemon.stop()
    b.daemon.start()
    b.wait_peers(1)
    netlab.settle([b, a], timeout=60)
    assert b.counters()["records_sent"] == b.counters()["records_received"] == 0
