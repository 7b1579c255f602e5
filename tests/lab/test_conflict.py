"""Two people change the same thing: everything they wrote survives, everywhere, once (P2, P3)."""
import os
import shutil

import pytest

import netlab
from netlab import apart, in_sync, trees

MIB = 1 << 20


def contents(host, tree):
    return sorted(host.read(p) for p, e in tree.items() if e.kind == "file")


def test_concurrent_edits_both_survive_and_the_winner_is_the_same(lab):
    a, b = in_sync(lab, {"doc.txt": b"old"})
    tree = apart(a, b, lambda: trees.write(a.share, {"doc.txt": b"by a"}),
                 lambda: trees.write(b.share, {"doc.txt": b"by b"}))
    assert contents(a, tree) == [b"by a", b"by b"] and b"doc.txt" in tree
    copy, = set(tree) - {b"doc.txt"}
    assert copy.startswith(b"doc.conflict-") and copy.endswith(b".txt")


def test_three_concurrent_edits_all_survive_exactly_once(lab):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    netlab.form([a, b, c])
    trees.write(a.share, {"doc": b"old"})
    netlab.settle([a, b, c])
    for host in (a, b, c):
        host.cut()
    for host in (a, b, c):
        host.wait_peers(0, timeout=30)
        trees.write(host.share, {"doc": b"by " + host.name.encode()})
        host.wait_sync()
    for host in (a, b, c):
        host.mend()
    for host in (a, b, c):
        host.wait_peers(2, timeout=60)
    tree = netlab.settle([a, b, c])
    assert contents(b, tree) == [b"by a", b"by b", b"by c"]


def test_the_same_edit_on_both_sides_is_no_conflict(lab):
    a, b = in_sync(lab, {"doc": b"old"})
    tree = apart(a, b, lambda: trees.write(a.share, {"doc": b"new"}), lambda: trees.write(b.share, {"doc": b"new"}))
    assert set(tree) == {b"doc"} and b.read("doc") == b"new"


@pytest.mark.parametrize("editor", ["a", "b"])
def test_an_edit_beats_a_deletion(lab, editor):
    a, b = in_sync(lab, {"doc": b"old", "dir/doc": b"old"})
    hosts = {"a": a, "b": b}
    other = "b" if editor == "a" else "a"

    def edit():
        trees.write(hosts[editor].share, {"doc": b"edited", "dir/doc": b"edited too"})

    def delete():
        os.unlink(hosts[other].file("doc"))
        shutil.rmtree(hosts[other].file("dir"))
    tree = apart(a, b, *((edit, delete) if editor == "a" else (delete, edit)))
    assert {p for p, e in tree.items() if e.kind == "file"} == {b"doc", b"dir/doc"}
    assert contents(b, tree) == [b"edited", b"edited too"]


def test_a_folder_against_a_file_keeps_both_contents(lab):
    a, b = in_sync(lab, {"start": b""})
    tree = apart(a, b, lambda: trees.write(a.share, {"x/inside": b"in the folder"}),
                 lambda: trees.write(b.share, {"x": b"the file"}))
    assert {b"in the folder", b"the file"} <= set(contents(a, tree))


def test_a_rename_against_an_edit_keeps_the_edit(lab):
    a, b = in_sync(lab, {"doc": b"old"})
    tree = apart(a, b, lambda: os.rename(a.file("doc"), a.file("moved")),
                 lambda: trees.write(b.share, {"doc": b"edited"}))
    assert b"edited" in contents(a, tree) and b"old" in contents(a, tree)


def test_an_edit_made_while_a_new_version_comes_survives(lab):
    """The look at the moment of replacement: the edit is seen although the download began before it."""
    a, b = in_sync(lab, {"film.bin": trees.noise(MIB)})
    new = trees.noise(12 * MIB, seed=7)
    a.limit("40mbit")
    trees.write(a.share, {"film.bin": new})
    netlab.until("the download runs", lambda: [d for d in b.cli("downloads")["downloads"]
                                              if d["state"] == "D" and 0 < d["done"] < d["size"]], 20)
    trees.write(b.share, {"film.bin": b"edited by b meanwhile"})
    a.limit(None)
    b.wait_sync(peers=1, timeout=60)
    tree = netlab.settle([a, b], timeout=60)
    assert contents(a, tree) == sorted([new, b"edited by b meanwhile"])


def test_rounds_of_simultaneous_writes_lose_nothing(lab):
    a, b = in_sync(lab, {"doc": b"start"})
    for i in range(8):
        mine, theirs = b"a in round %d" % i, b"b in round %d" % i
        for host in (a, b):
            host.daemon.pause()
        trees.write(a.share, {"doc": mine})
        trees.write(b.share, {"doc": theirs})
        for host in (a, b):
            host.daemon.resume()
        b.wait_sync(peers=1)
        found = contents(b, netlab.settle([a, b]))
        # Neither could have arrived before the other was written, so neither replaced the other knowingly.
        assert found.count(mine) == 1 and found.count(theirs) == 1, (i, found)


def put(host, name, content, mtime):
    """A whole file with its time, renamed into the share in one step."""
    fresh = host.path("fresh")
    with open(fresh, "wb") as f:
        f.write(content)
    trees.age(fresh, mtime)
    os.rename(fresh, host.file(name))


def test_a_winner_that_gives_way_to_an_older_file_meets_the_loser_again(lab):
    a, b = in_sync(lab, {"doc": b"old"})
    # b is heard and hears nothing: a judges what b wrote, wins, and forgets it.
    b.run("nft", "add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }; "
          "add rule inet t i iif lo accept")
    put(a, "doc", b"by a", 2 * 10**18)
    heard = a.counters()["records_received"]
    put(b, "doc", b"by b", 10**18)
    netlab.until("a has heard of b's", lambda: a.counters()["records_received"] > heard, 10)
    b.daemon.kill9()
    b.run("nft", "delete table inet t")
    # What a has now would have lost against b's.
    put(a, "doc", b"by a, older", 10**18 // 2)
    a.wait_peers(0, timeout=30)
    a.wait_sync()
    b.daemon.start()
    b.wait_peers(1)
    tree = netlab.settle([a, b])
    assert contents(a, tree) == [b"by a, older", b"by b"]
