"""What a peer's change replaces or deletes is kept, comes back, and is bounded; conflicts are listed and settled (P2)."""
import os
import re
import shutil
import time

import pytest

import netlab
from netlab import trees, until

MIB = 1 << 20


def pair(lab, files, **kw):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, files)
    netlab.form([a, b], **kw)
    netlab.settle([a, b])
    return a, b


def versions(host, path):
    return host.cli("versions", "pics", path)["versions"]


def kept(host):
    """The contents of all kept versions of a host, sorted. Some may be thinned meanwhile."""
    out = []
    for top, _, names in os.walk(os.path.join(host.share, ".lanyard", "versions")):
        for name in names:
            try:
                with open(os.path.join(top, name), "rb") as f:
                    out.append(f.read())
            except FileNotFoundError:
                pass
    return sorted(out)


def settings(host, *lines):
    os.makedirs(host.home, mode=0o700, exist_ok=True)
    with open(os.path.join(host.home, "lanyard.conf"), "w") as f:
        f.write("[agent]\n" + "".join(line + "\n" for line in lines))


def test_everything_that_is_kept_is_listed(lab):
    """Also what a path that is gone had, and what resolve put away: under the path that it was a copy of."""
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    assert b.lanyard("versions", "pics").code == 1
    trees.write(a.share, {"d/doc.txt": b"one", "gone": b"1", "both": b"0"})
    netlab.settle([a, b])
    trees.write(a.share, {"d/doc.txt": b"two"})
    os.unlink(a.file("gone"))
    netlab.settle([a, b])
    netlab.apart(a, b, lambda: trees.write(a.share, {"both": b"mine"}), lambda: trees.write(b.share, {"both": b"theirs"}))
    b.cli("resolve", "pics", "both", "--keep", "mine")
    netlab.settle([b, a])
    everything = b.cli("versions", "pics")
    found = {v["path"]: v for v in everything["versions"]}
    assert not everything["more"] and {"d/doc.txt", "gone", "both"} <= set(found)
    for path, v in found.items():
        assert v["version"] in [w["version"] for w in versions(b, path)] and v["name"] == path.split("/")[-1]
    plain = b.lanyard("versions", "pics").out.decode()
    assert re.search(r"^%s .*d/doc.txt$" % found["d/doc.txt"]["version"], plain, re.M)
    b.cli("restore", "pics", "gone")
    assert open(b.file("gone"), "rb").read() == b"1"


def test_what_a_peer_replaces_is_kept_and_its_own_writer_keeps_nothing(lab):
    big = trees.noise(3 * MIB, 1)
    a, b = pair(lab, {"doc.txt": b"one", "d/film.bin": big})
    trees.write(a.share, {"doc.txt": b"two", "d/film.bin": trees.noise(3 * MIB, 2)})
    netlab.settle([a, b])
    assert kept(b) == sorted([b"one", big]) and kept(a) == []
    one, = versions(b, "doc.txt")
    assert one["size"] == 3 and one["kind"] == "file"
    assert len(versions(b, "d/film.bin")) == 1 and versions(b, "nothing") == []
    plain = b.lanyard("versions", "pics", "doc.txt")
    assert plain.code == 0 and one["version"].encode() in plain.out and b" \n" not in plain.out
    assert b.lanyard("versions", "pics", "nothing").code == 1
    assert b.lanyard("versions", "pics", "../x").code == 1


def test_what_a_peer_deletes_is_kept(lab):
    a, b = pair(lab, {"d/doc.txt": b"one", "d/e/other": b"two"})
    os.symlink("doc.txt", a.file("d/link"))
    netlab.settle([a, b])
    shutil.rmtree(a.file("d"))
    netlab.settle([a, b])
    assert not os.path.exists(b.file("d"))
    assert [len(versions(b, p)) for p in ("d/doc.txt", "d/e/other", "d/link")] == [1, 1, 1]
    assert versions(b, "d/link")[0]["kind"] == "symlink"
    b.cli("restore", "pics", "d/link")
    b.cli("restore", "pics", "d/e/other")
    tree = netlab.settle([b, a])
    assert os.readlink(a.file("d/link")) == b"doc.txt" and a.read("d/e/other") == b"two"
    assert b"d/doc.txt" not in tree


def test_a_restored_version_travels_to_all_and_what_it_replaces_is_kept(lab):
    hosts = [lab.host(n) for n in "abc"]
    a, b, c = hosts
    trees.write(a.share, {"doc.txt": b"one"})
    os.chmod(a.file("doc.txt"), 0o640)
    netlab.form(hosts)
    netlab.settle(hosts)
    for text in (b"two", b"three"):
        second = int(time.time())
        trees.write(a.share, {"doc.txt": text})
        netlab.settle(hosts)
        until("the clock's next second, of which one version stays", lambda: int(time.time()) > second, 10)
    newest, oldest = versions(b, "doc.txt")
    did = b.cli("restore", "pics", "doc.txt", oldest["version"])
    assert did["version"] == oldest["version"] and did["to"] == "doc.txt"
    netlab.settle([b, a, c])
    assert [h.read("doc.txt") for h in hosts] == [b"one"] * 3
    assert os.stat(c.file("doc.txt")).st_mode & 0o7777 == 0o640
    assert kept(b) == sorted([b"one", b"two", b"three"])  # the version restored is still one
    assert b"three" in kept(a) and b"three" in kept(c)
    # Setuid does not come back, whoever had set it.
    os.chmod(b.file("doc.txt"), 0o4755)
    netlab.settle([b, a, c])
    assert os.stat(c.file("doc.txt")).st_mode & 0o7777 == 0o755
    trees.write(a.share, {"doc.txt": b"four"})
    netlab.settle(hosts)
    b.cli("restore", "pics", "doc.txt", "--to", "was-setuid")
    netlab.settle([b, a, c])
    assert os.stat(b.file("was-setuid")).st_mode & 0o7777 == 0o755
    trees.write(a.share, {"doc.txt": b"three"})
    netlab.settle(hosts)
    trees.write(a.share, {"doc.txt": b"five"})
    netlab.settle(hosts)
    # Without a version: the newest. By option, and to another place, whose folder is made.
    b.cli("restore", "pics", "doc.txt")
    netlab.settle([b, a, c])
    assert a.read("doc.txt") == b"three"
    b.cli("restore", "pics", "doc.txt", "--version", newest["version"], "--to", "new/place.txt")
    netlab.settle([b, a, c])
    assert [h.read("new/place.txt") for h in hosts] == [b"two"] * 3
    assert a.read("doc.txt") == b"three"


def test_a_restore_that_cannot_be_says_why(lab):
    a, b = pair(lab, {"doc.txt": b"one", "d/x": b"x"})
    trees.write(a.share, {"doc.txt": b"two"})
    netlab.settle([a, b])
    for args, words in ((("doc.txt", "1999"), "no version"), (("other",), "no version"),
                        (("doc.txt", "--to", "d"), "a folder is there"), (("doc.txt", "--to", "../out"), "relative"),
                        (("doc.txt", "--to", ".lanyard/x"), "relative")):
        got = b.lanyard("restore", "pics", *args)
        assert got.code == 1 and words in got.err, (args, got)
    assert b.lanyard("restore", "pics").code == 2
    assert b.read("doc.txt") == b"two"


def test_old_versions_go_by_age(lab):
    a, b = lab.host("a"), lab.host("b")
    settings(b, "versions-age = 3s")
    trees.write(a.share, {"doc": b"one"})
    netlab.form([a, b])
    netlab.settle([a, b])
    trees.write(a.share, {"doc": b"two"})
    netlab.settle([a, b])
    assert kept(b) == [b"one"]
    trees.write(a.share, {"doc": b"three"})
    netlab.settle([a, b])
    time.sleep(3)
    trees.write(a.share, {"doc": b"four"})
    netlab.settle([a, b])
    until(lambda: "old versions go: %s" % kept(b), lambda: not {b"one", b"two"} & set(kept(b)), 15)
    assert b.read("doc") == b"four"


def test_versions_stay_within_their_share_of_the_disk(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.share, "64m")
    trees.write(a.share, {"doc": trees.noise(2 * MIB, 0)})
    netlab.form([a, b])
    netlab.settle([a, b])
    for i in range(1, 6):
        second = int(time.time())
        trees.write(a.share, {"doc": trees.noise(2 * MIB, i)})
        netlab.settle([a, b])
        until("the clock's next second, of which one version stays", lambda: int(time.time()) > second, 10)
    # Ten percent of 64 MiB: three of the five.
    until(lambda: "%d versions" % len(versions(b, "doc")), lambda: len(versions(b, "doc")) == 3, 15)


def test_a_member_that_overwrites_again_and_again_pushes_out_only_its_own(lab):
    """Before, the 500 versions of a path were simply the last ones, and all of the last ten minutes stayed."""
    a, b = pair(lab, {"doc.txt": b"the text of b's user, before"})
    trees.write(b.share, {"doc.txt": b"the text of b's user"})
    netlab.settle([a, b])
    for i in range(520):
        trees.write(a.share, {"doc.txt": b"a was here, %d" % i})
        if i % 20 == 0:
            netlab.settle([a, b])
    tree = netlab.settle([a, b])
    assert set(tree) == {b"doc.txt"} and b.read("doc.txt") == b"a was here, 519"
    # 26 rounds at least were told one by one, within a few seconds.
    until(lambda: "%d versions" % len(versions(b, "doc.txt")), lambda: len(versions(b, "doc.txt")) < 26, 20)
    assert b"the text of b's user" in kept(b)


@pytest.mark.parametrize("kept_here", (True, False), ids=("versions", "versions-off"))
def test_a_storm_of_conflicts_leaves_ten_copies_and_keeps_the_rest(lab, kept_here):
    """Where no versions are kept, which an eleventh copy could become, all of them stay."""
    a, b = lab.host("a"), lab.host("b")
    for host in (a, b):
        settings(host, "" if kept_here else "versions-age = off")
    trees.write(a.share, {"doc.txt": b"start"})
    netlab.form([a, b])
    netlab.settle([a, b])
    lost = set()  # the side that lost each round; the other was replaced knowingly in the next
    for i in range(13):
        for host in (a, b):
            host.daemon.pause()
        mine, theirs = b"a in round %d" % i, b"b in round %d" % i
        trees.write(a.share, {"doc.txt": mine})
        trees.write(b.share, {"doc.txt": theirs})
        for host in (a, b):
            host.daemon.resume()
        netlab.settle([a, b])
        lost.add(mine if a.read("doc.txt") == theirs else theirs)
    tree = netlab.settle([a, b])
    copies = [p for p in tree if b".conflict-" in p]
    assert len(copies) == (10 if kept_here else 13)
    found = {a.read(p) for p in tree} | set(kept(a))
    assert lost <= found and lost <= {b.read(p) for p in tree} | set(kept(b))


def test_conflicts_are_listed_and_resolved(lab):
    a, b = pair(lab, {"d/doc.txt": b"old", "two": b"old", "three": b"old"})
    b.daemon.stop()
    trees.write(a.share, {"d/doc.txt": b"by a", "two": b"by a", "three": b"by a"})
    a.wait_sync()
    trees.write(b.share, {"d/doc.txt": b"by b", "two": b"by b", "three": b"by b"})
    b.daemon.start()
    netlab.settle([a, b])
    listed = a.cli("conflicts", "pics")["conflicts"]
    assert listed == a.cli("conflicts")["conflicts"]
    assert sorted(c["path"] for c in listed) == ["d/doc.txt", "three", "two"]
    for c in listed:
        assert c["group"] == "pics" and len(c["sides"]) == 2 and c["sides"][1]["path"] == c["copy"]
        assert {s["mine"]: s["by"] for s in c["sides"]} == {True: a.agent_id(), False: b.agent_id()}
        assert {s["mine"]: a.read(s["path"]) for s in c["sides"]} == {True: b"by a", False: b"by b"}
    assert b"d/doc.txt" in a.lanyard("conflicts").out
    a.cli("resolve", "pics", "d/doc.txt", "--keep", "mine")
    a.cli("resolve", "pics", "two", "--keep", "theirs")
    copy, = [c["copy"] for c in listed if c["path"] == "three"]
    a.cli("resolve", "pics", copy, "--keep", "both")
    tree = netlab.settle([a, b])
    for host in (a, b):
        assert host.cli("conflicts")["conflicts"] == []
        assert host.read("d/doc.txt") == b"by a" and host.read("two") == b"by b"
    assert sorted(a.read(p) for p in tree if p.startswith(b"three")) == [b"by a", b"by b"]
    # What did not stay is a version, on whichever side.
    assert {b"by a", b"by b"} <= set(kept(a))
    got = a.lanyard("resolve", "pics", "two", "--keep", "mine")
    assert got.code == 1 and "not in conflict" in got.err
    assert a.lanyard("resolve", "pics", "two").code == 2


def test_conflicts_of_long_names_are_resolved_by_their_names(lab):
    """A copy's name is shortened then, so that it is not in it any more what it is a copy of."""
    names = ["x" * 255, "y" * 250 + ".text", "ä" * 127, "z" * 218]
    a, b = pair(lab, {n: b"old" for n in names + ["x" * 254 + "y", "xx"]})
    b.daemon.stop()
    trees.write(a.share, {n: b"by a" for n in names})
    a.wait_sync()
    trees.write(b.share, {n: b"by b" for n in names})
    b.daemon.start()
    b.wait_peers(1)
    netlab.settle([a, b])
    listed = a.cli("conflicts", "pics")["conflicts"]
    # Two of that length begin so: what was in conflict cannot be told, and neither is named.
    unsure, = [c for c in listed if c["path"] not in names]
    assert len(listed) == 4 and unsure["path"] not in ("x" * 255, "x" * 254 + "y") and len(unsure["sides"]) == 1
    assert {s["by"] for c in listed if c is not unsure for s in c["sides"]} == {a.agent_id(), b.agent_id()}
    a.cli("resolve", "pics", names[1], "--keep", "mine")
    a.cli("resolve", "pics", names[2], "--keep", "theirs")
    a.cli("resolve", "pics", [c["copy"] for c in listed if c["path"] == names[3]][0], "--keep", "mine")
    a.cli("resolve", "pics", unsure["copy"], "--keep", "both")
    netlab.settle([a, b])
    assert [b.read(n) for n in names[1:]] == [b"by a", b"by b", b"by a"]
    assert b.cli("conflicts", "pics")["conflicts"] == [] and b.read("x" * 255) == b"by b"


def settle_released(a, b):
    """In sync, where b may hold what a did."""
    def released():
        b.cli("release", "pics")
        return b.status()["held"] == 0 and a.lanyard("wait", "--timeout", "1").code == 0
    until("b takes what it held", released, 60)
    return netlab.settle([a, b])


def test_kill_at_any_moment_of_replacing_loses_nothing(lab):
    """The agent is killed again and again while it takes over changed and deleted files: each content that was ever
    here is somewhere."""
    names = ["f%02d" % i for i in range(40)]
    a, b = pair(lab, {n: b"0 of " + n.encode() for n in names})
    written = {b"%d of %s" % (r, n.encode()) for r in range(4) for n in names}
    seen = set()  # the newest version of a path is never thinned, the others are: they may be of the same second
    for r in range(1, 4):
        trees.write(a.share, {n: b"%d of %s" % (r, n.encode()) for n in names})
        for delay in (0.005, 0.02, 0.05, 0.1):
            time.sleep(delay)
            b.daemon.kill9()
            b.daemon.start()
            b.cli("release", "pics")
        b.wait_peers(1)
        settle_released(a, b)
        seen.update(kept(b))
    for n in names:
        os.unlink(a.file(n))
    until("the deletion of all is held", lambda: a.status()["held"] != 0, 10)
    a.cli("release", "pics")
    for delay in (0.005, 0.02, 0.05, 0.1):
        time.sleep(delay)
        b.daemon.kill9()
        b.daemon.start()
        b.cli("release", "pics")
    b.wait_peers(1)
    tree = settle_released(a, b)
    assert not tree
    lost = written - seen.union(kept(b))
    # A version that b never had is none that it could lose.
    assert not {w for w in lost if w.startswith(b"3 of") or w.startswith(b"0 of")}, lost
    until("parts/ is empty", lambda: os.listdir(os.path.join(b.share, ".lanyard", "parts")) == [], 10)
