"""share puts files from anywhere into the group; unshare keeps files as an agent's own, and share undoes it."""
import os

import agents
import netlab
from netlab import trees, until
from test_on_demand import four


def share(host, *args, code=0):
    got = host.lanyard("share", "pics", *args)
    assert got.code == code, got
    return got


def write(host, path, data):
    trees.write(host.share, {path: data})


def heard(hosts, path, data):
    for host in hosts:
        until("%s has %s" % (host.name, path), lambda: os.path.exists(host.file(path)) and host.read(path) == data, 20)


def test_files_and_folders_from_anywhere_are_put_into_the_group(lab):
    a, b, c, d = hosts = four(lab, {"old": b"old"}, modes="d")
    outside = b.path("outside")
    trees.write(outside, {"one.txt": b"1" * 100000, "album/x.jpg": b"x", "album/deep/y.jpg": b"y"})
    os.symlink("x.jpg", os.path.join(outside, "album", "link"))
    os.chmod(os.path.join(outside, "one.txt"), 0o640)
    os.utime(os.path.join(outside, "one.txt"), ns=(10**18, 10**18 + 7))
    share(b, os.path.join(outside, "one.txt"), os.path.join(outside, "album"))
    share(b, os.path.join(outside, "one.txt"), "--to", "new/place")
    netlab.settle([b, a, c], peers=[3, 3, 3])
    picture = trees.picture(a.share)
    assert set(picture) == {b"old", b"one.txt", b"album", b"album/x.jpg", b"album/deep", b"album/deep/y.jpg", b"album/link", b"new",
                            b"new/place", b"new/place/one.txt"}
    assert picture[b"one.txt"].mode == 0o640 and picture[b"one.txt"].mtime == 10**18 + 7
    assert os.readlink(a.file("album/link")) == b"x.jpg"
    until("d lists it", lambda: b"album/deep/y.jpg" in d.files("pics"))
    assert set(trees.picture(d.share)) == set()
    # Nothing is overwritten: neither a file nor a folder, and the source stays.
    write(b, "outside.txt", b"in the share")
    trees.write(outside, {"outside.txt": b"another", "one.txt": b"changed"})
    for name in ("outside.txt", "one.txt", "album"):
        got = share(b, os.path.join(outside, name), code=1)
        assert "in the share already" in got.err
    assert b.read("outside.txt") == b"in the share" and b.read("one.txt") == b"1" * 100000
    got = share(b, os.path.join(outside, "nothing"), code=1)
    assert "No such file" in got.err
    # What d puts in is the group's, and stays at d.
    trees.write(d.path("mine"), {"from-d": b"d"})
    share(d, d.path("mine", "from-d"))
    heard(hosts, "from-d", b"d")


def test_what_is_unshared_is_left_alone_in_both_directions(lab):
    a, b, c, d = hosts = four(lab, {"notes": b"shared", "f/one": b"1", "f/two": b"2", "else": b"e"})
    c.cli("unshare", "pics", "notes", "f")
    assert c.status()["unshared"] == 2
    listed = c.files("pics")
    assert not listed[b"notes"]["shared"] and listed[b"notes"]["own"] and listed[b"else"]["shared"]
    write(c, "notes", b"private")
    write(c, "f/three", b"3")
    os.unlink(c.file("f/one"))
    write(a, "notes", b"the group's")
    write(a, "f/two", b"22")
    os.unlink(b.file("else"))
    heard([b, d], "notes", b"the group's")
    until("c has followed", lambda: not os.path.exists(c.file("else")))
    for host in (a, b, d):
        host.wait_sync(peers=3)
        assert host.read("f", "one") == b"1" and not os.path.exists(host.file("f/three"))
    for _ in range(2):
        c.wait_sync(peers=3)
        assert c.read("notes") == b"private" and c.read("f", "two") == b"2" and not os.path.exists(c.file("f/one"))
        c.daemon.stop()
        c.daemon.start()
        c.wait_peers(3)
    assert {p for p, f in c.files("pics").items() if not f["shared"]} >= {b"notes", b"f/two"}
    # c does not count as one that has it.
    until("b knows", lambda: c.agent_id() not in b.files("pics")[b"f/one"]["members"])


def test_sharing_again_tells_what_was_changed_meanwhile(lab):
    a, b, c, d = hosts = four(lab, {"edited": b"1", "kept": b"2", "gone": b"3", "deleted": b"4", "both": b"5"})
    c.cli("unshare", "pics", "edited", "kept", "gone", "deleted", "both")
    write(c, "edited", b"by c")
    os.unlink(c.file("gone"))
    write(c, "both", b"by c too")
    os.unlink(a.file("deleted"))
    write(a, "both", b"by a")
    write(a, "kept", b"by a")
    heard([b, d], "both", b"by a")
    until("it is deleted", lambda: not os.path.exists(d.file("deleted")))
    share(c, "edited", "kept", "gone", "deleted", "both")
    assert c.status()["unshared"] == 0
    heard(hosts, "edited", b"by c")
    heard(hosts, "kept", b"by a")
    # Taken away while it was c's own: that is not a deletion, and the group's comes back. Deleted by the group: c's user wants it there.
    heard(hosts, "gone", b"3")
    heard(hosts, "deleted", b"4")
    netlab.settle([c, a, b, d])
    copies = [p for p in trees.picture(a.share) if p.startswith(b"both.conflict-")]
    assert len(copies) == 1 and {a.read("both"), a.read(os.fsdecode(copies[0]))} == {b"by a", b"by c too"}


def test_sharing_a_folder_again_tells_what_was_made_in_it_meanwhile(lab):
    a, b, c, d = four(lab, {"f/old": b"old"}, modes="d")
    for host in (c, d):
        host.cli("unshare", "pics", "f")
        write(host, "f/of-" + host.name, host.name.encode())
        write(host, "f/deep/of-" + host.name, host.name.encode())
        host.wait_sync(peers=3)
    assert set(trees.picture(a.share)) == {b"f", b"f/old"}
    for host in (c, d):
        share(host, "f")
        heard([a, b], "f/of-" + host.name, host.name.encode())
        heard([a, b], "f/deep/of-" + host.name, host.name.encode())
    netlab.settle([c, a, b], peers=[3, 3, 3])


def test_what_is_unshared_stays_so_without_the_file_that_says_it(lab):
    a, b, c, d = hosts = four(lab, {"diary": b"1", "f/old": b"old", "x": b"x"})
    c.cli("unshare", "pics", "diary", "f")
    write(c, "diary", b"private")
    c.daemon.stop()
    os.unlink(c.file(".lanyard/choices"))
    write(c, "f/new", b"private")
    write(c, "x", b"public")
    c.daemon.start()
    heard(hosts, "x", b"public")
    c.wait_sync(peers=3)
    assert c.status()["unshared"] == 2
    assert (a.read("diary"), b.read("diary"), c.read("diary")) == (b"1", b"1", b"private")
    assert not os.path.exists(a.file("f/new")) and not os.path.exists(b.file("f/new"))
    share(c, "diary", "f")
    heard([a, b, d], "diary", b"private")
    heard([a, b, d], "f/new", b"private")


def test_an_unshared_file_is_own_on_demand_as_well(lab):
    a, b, c, d = four(lab, {"x": b"x", "y": b"y"}, modes="d")
    d.cli("get", "pics", "x")
    d.cli("unshare", "pics", "x", "y")
    write(a, "x", b"new")
    write(a, "y", b"new")
    write(d, "y", b"my own")
    heard([b, c], "y", b"new")
    d.wait_sync(peers=3)
    assert d.read("x") == b"x" and d.read("y") == b"my own"
    got = d.lanyard("get", "pics", "x", "--timeout", "0")
    assert got.code == 1 and "share it first" in got.err
    d.cli("mode", "pics", "mirror")
    d.wait_sync(peers=3)
    assert d.read("x") == b"x" and a.read("y") == b"new"


def test_a_folder_above_the_share_is_not_put_into_it_nor_anything_into_folders_of_lanyard_s_own(lab):
    a, b = lab.host("a"), lab.host("b")
    agents.form([a, b])
    os.mkdir(b.path("real"))
    trees.write(b.path("real"), {"file": b"f"})
    os.mkdir(b.path("real", "mounted"))
    lab.bind(b.share, b.path("real", "mounted"))
    share(b, os.path.dirname(b.share), "--to", "sub", code=1)
    got = share(b, b.path("real"), code=1)
    assert "which cannot be put into itself" in got.err
    trees.write(b.path("more"), {"choices": b"mine"})
    for folder in (".lanyard", "..", "x/../..", "/x", "x//y"):
        got = share(b, b.path("more", "choices"), "--to", folder, code=1)
        assert "not a folder for files of the group" in got.err and b"shared" not in got.out
    got = share(b, "/dev/null", code=1)
    assert b"shared" not in got.out
    assert set(trees.picture(b.share)) <= {b"real", b"real/file", b"sub"} and not os.path.exists(b.file(".lanyard/choices"))
