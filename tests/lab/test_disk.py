"""Disks that fill, vanish, refuse: the file waits with its reason, nothing is lost, and it goes on by itself."""
import contextlib
import os
import re
import shutil
import time

import pytest

import netlab
from netlab import trees

MIB = 1 << 20
# As root without the right to pass over permissions; as uid 0 in a user namespace the same words work.
NO_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search", "--"]


def reason(host, path):
    """Wait until path is a problem here; its reason."""
    path = os.fsencode(path)
    return netlab.until(lambda: "%r is listed as a problem: %s" % (path, host.problems()),
                        lambda: host.problems().get(path), 20)


def not_in_sync(host):
    assert not host.status()["in_sync"]
    assert host.lanyard("wait", "--timeout", "1").code == 1


def test_a_full_disk_is_waited_out(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.share, "8m")
    netlab.form([a, b])
    trees.write(a.share, {"small-before": b"1"})
    netlab.settle([a, b])
    trees.write(a.share, {"too-big": trees.noise(20 * MIB)})
    assert re.search("space|full", reason(b, "too-big"))
    not_in_sync(b)
    problem = b.status()["problems"][0]
    assert 0 <= time.time() - problem["since"] < 60 and "retried" in problem["next"]
    assert re.search(r"too-big: the disk is full \(for \d+s; .*retried in", b.lanyard("status").out.decode())
    assert a.lanyard("wait", "--timeout", "1", "--peers", "1").code == 1
    assert not os.path.exists(b.file("too-big"))
    # Nothing spins meanwhile.
    ticks = cpu_ticks(b)
    netlab.until("three seconds of waiting", waited(3), 5)
    assert cpu_ticks(b) - ticks < 60 * netlab.FACTOR
    lab.remount(b.share, size="64m")
    b.wait_sync(60, peers=1)
    netlab.settle([a, b])
    netlab.until("no problems left", lambda: b.problems() == {})


def test_since_when_a_connected_member_lacks_files(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.share, "8m")
    netlab.form([a, b])
    trees.write(a.share, {"small": b"1"})
    netlab.settle([a, b])
    b_id = b.agent_id()

    def of_b():
        return next(m for m in a.cli("members", "pics")["members"] if m["agent"] == b_id)

    assert (of_b()["behind_files"], of_b()["behind_since"]) == (0, None)
    before = int(time.time())
    trees.write(a.share, {"too-big": trees.noise(20 * MIB)})
    assert reason(b, "too-big")
    since = of_b()["behind_since"]
    assert of_b()["connected"] and of_b()["behind_files"] == 1 and before <= since <= time.time()
    said = a.lanyard("status").out.decode(), a.lanyard("members", "pics").out.decode()
    assert re.search(r"^  b lacks 1 file since \S+$", said[0], re.M) and re.search(r"^b .* 1 file behind since \S+$", said[1], re.M), said
    # Whatever comes meanwhile, and also if it is the same file again, it has not had everything since then.
    netlab.until("two seconds pass", waited(2), 5)
    trees.write(a.share, {"another": b"2", "too-big": trees.noise(21 * MIB)})
    netlab.until("b has the small one", lambda: os.path.exists(b.file("another")), 20)
    netlab.until("a knows", lambda: of_b()["behind_files"] == 1, 20)
    assert of_b()["behind_since"] == since
    # Neither a stop nor a kill begins it again.
    for end in (a.daemon.stop, a.daemon.kill9):
        end()
        netlab.until("a second passes", waited(1), 5)
        a.daemon.start()
        a.wait_peers(1)
        assert (of_b()["behind_files"], of_b()["behind_since"]) == (1, since)
    lab.remount(b.share, size="64m")
    netlab.settle([a, b], 60)
    assert (of_b()["behind_files"], of_b()["behind_since"]) == (0, None)
    assert " lacks " not in a.lanyard("status").out.decode()
    a.daemon.stop()
    a.daemon.start()
    a.wait_peers(1)
    assert (of_b()["behind_files"], of_b()["behind_since"]) == (0, None)


def cpu_ticks(host):
    with open("/proc/%d/stat" % host.daemon.pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def waited(seconds):
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def test_room_made_by_the_user_is_taken(lab):
    """No remount: a file is deleted at the receiver, and with it goes the shortage."""
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.path("disk"), "12m")
    b.share = b.path("disk", "share")
    trees.write(b.path("disk"), {"ballast": bytes(8 * MIB)})
    netlab.form([a, b])
    trees.write(a.share, {"big": trees.noise(6 * MIB)})
    assert re.search("space|full", reason(b, "big"))
    os.unlink(b.path("disk", "ballast"))
    b.wait_sync(60, peers=1)
    netlab.settle([a, b])


def test_a_full_disk_under_the_index_is_waited_out(lab):
    """The home is on another disk than the share, and it is that one that is full."""
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.home, "16m", ",mode=700")
    netlab.form([a, b])
    trees.write(a.share, {"before": b"1"})
    netlab.settle([a, b])
    with open(os.path.join(b.home, "ballast"), "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(bytes(4096))
    trees.many(a.path("new"), 2000, 200)
    os.rename(a.path("new"), a.file("new"))
    trees.write(b.share, {"from-b": b"2"})
    # Whatever could be taken up, what shows is whole, and nobody claims to be done while it is not.
    if b.lanyard("wait", "--peers", "1", "--timeout", "3").code == 0:
        netlab.settle([b, a])
    whole = trees.picture(a.share)
    for path, entry in trees.picture(b.share).items():
        assert path == b"from-b" or entry == whole[path]
    os.unlink(os.path.join(b.home, "ballast"))
    b.wait_sync(60, peers=1)
    assert b"from-b" in netlab.settle([a, b], timeout=60)


def test_a_vanished_share_is_an_error_and_no_deletion(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {"precious": b"1", "d/also": b"2"})
    netlab.form([a, b])
    netlab.settle([a, b])
    os.rename(b.share, b.path("away"))
    netlab.until("b says error", lambda: b.status()["state"] == "error", 20)
    not_in_sync(b)
    trees.write(a.share, {"new": b"3"})
    a.lanyard("wait", "--timeout", "2")
    assert a.read("precious") == b"1" and a.read("d/also") == b"2"
    assert not os.path.exists(b.share) or trees.picture(b.share) == {}
    if os.path.exists(b.share):
        shutil.rmtree(b.share)
    os.rename(b.path("away"), b.share)
    b.wait_sync(60, peers=1)
    assert set(netlab.settle([a, b])) == {b"precious", b"d", b"d/also", b"new"}


def test_a_disk_that_is_not_mounted_is_an_error_and_no_deletion(lab):
    """The share is a mount point; the agent is started while only the empty folder beneath it is there."""
    a, b = lab.host("a"), lab.host("b")
    disk = b.path("disk")
    os.makedirs(disk)
    trees.write(a.share, {"precious": b"1"})
    lab.bind(disk, b.share)
    netlab.form([a, b])
    netlab.settle([a, b])
    b.daemon.stop()
    lab.umount(b.share)
    b.daemon.start()
    netlab.until("b says error", lambda: b.status()["state"] == "error", 20)
    not_in_sync(b)
    # Unmounted while it runs is the same: first mounted again, which it must notice by itself.
    lab.bind(disk, b.share)
    b.wait_sync(60, peers=1)
    netlab.settle([a, b])
    lab.umount(b.share)
    netlab.until("b says error", lambda: b.status()["state"] == "error", 40)
    a.lanyard("wait", "--timeout", "1")
    assert a.read("precious") == b"1" and os.listdir(b.share) == []
    lab.bind(disk, b.share)
    b.wait_sync(60, peers=1)
    assert set(netlab.settle([a, b])) == {b"precious"}


@pytest.mark.parametrize("ask", ["status", "wait"])
def test_a_disk_that_went_a_moment_ago_is_not_called_in_sync(lab, ask):
    """Nothing tells of it; whoever is asked has to look."""
    a, b = lab.host("a"), lab.host("b")
    disk = b.path("disk")
    os.makedirs(disk)
    lab.bind(disk, b.share)
    trees.write(a.share, {"precious": b"1"})
    netlab.form([a, b])
    netlab.settle([a, b])

    def said():
        if ask == "wait":
            assert b.lanyard("wait", "--timeout", "1").code == 1
        assert b.status()["state"] == "error" and not b.status()["in_sync"]
    lab.umount(b.share)
    said()
    lab.bind(disk, b.share)
    b.wait_sync(60, peers=1)
    lab.tmpfs(b.share, "8m")
    said()
    assert a.read("precious") == b"1"
    lab.umount(b.share)
    b.wait_sync(60, peers=1)
    assert set(netlab.settle([a, b])) == {b"precious"}


def test_what_is_mounted_in_a_share_is_listed(lab):
    """No event tells that a disk was mounted there, nor of what a user then puts on it."""
    a, b = netlab.in_sync(lab, {"plain/doc": b"1", "odd name\\/doc": b"2"})
    lab.tmpfs(a.share + "/plain", "4m")
    lab.tmpfs(a.share + "/odd name\\", "4m")
    trees.write(a.share, {"plain/own": b"own"})
    a.wait_sync(peers=1)
    assert {p: r.split(":")[0] for p, r in a.problems().items()} == {
        p: "another file system is mounted here" for p in (b"plain", b"odd name\\")}
    lab.umount(a.share + "/plain")
    lab.umount(a.share + "/odd name\\")
    netlab.until("nothing is listed any more", lambda: not a.problems(), 60)
    assert b"plain/own" not in netlab.settle([a, b])


def test_a_removed_folder_of_parts_is_made_anew(lab):
    a, b = netlab.in_sync(lab, {"doc": b"1"})
    shutil.rmtree(os.path.join(b.share, ".lanyard", "parts"))
    trees.write(a.share, {"doc": b"2", "big": trees.noise(2 * MIB)})
    assert not b.status()["in_sync"]
    b.wait_sync(60, peers=1)
    netlab.settle([a, b])


def test_a_read_only_disk_is_waited_out(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.share, "32m")
    netlab.form([a, b])
    trees.write(a.share, {"before": b"1"})
    netlab.settle([a, b])
    lab.remount(b.share, read_only=True)
    trees.write(a.share, {"after": b"2", "big": trees.noise(2 * MIB)})
    assert "ead-only" in reason(b, "after")
    not_in_sync(b)
    # Where the reason is, is said elsewhere.
    assert a.status()["waits_for"] == "b to install our changes"
    assert b"  waits for b to install our changes\n" in a.lanyard("status").out
    lab.remount(b.share)
    b.wait_sync(60, peers=1)
    netlab.settle([a, b])


def test_an_unreadable_file_is_listed_and_the_rest_goes_on(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.daemon.stop()
    a.daemon.start(wrap=NO_OVERRIDE)
    a.wait_peers(1)
    trees.write(a.path("new"), {"locked": b"1", "locked-folder/x": b"2", "open": b"3"})
    for name in ("locked", "locked-folder"):
        os.chmod(a.path("new", name), 0)
    os.rename(a.path("new"), a.file("new"))
    assert "mode 0000" in reason(a, "new/locked") and "chmod u+rw" in reason(a, "new/locked")
    assert "mode 0000" in reason(a, "new/locked-folder") and "chmod u+rwx" in reason(a, "new/locked-folder")
    netlab.until("the rest came", lambda: os.path.exists(b.file("new/open")), 20)
    os.chmod(a.file("new/locked"), 0o644)
    os.chmod(a.file("new/locked-folder"), 0o755)
    a.wait_sync(60, peers=1)
    netlab.settle([a, b])


def test_an_unreadable_folder_at_the_start_of_a_scan_deletes_nothing(lab):
    """What cannot be listed is not what is gone."""
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {"d/x": b"1", "d/e/y": b"2", "z": b"3"})
    netlab.form([a, b])
    netlab.settle([a, b])
    a.daemon.stop()
    os.chmod(a.file("d"), 0)
    a.daemon.start(wrap=NO_OVERRIDE)
    a.wait_peers(1)
    assert reason(a, "d")
    trees.write(a.share, {"later": b"4"})
    netlab.until("later came", lambda: os.path.exists(b.file("later")), 20)
    assert b.read("d/x") == b"1" and b.read("d/e/y") == b"2"
    os.chmod(a.file("d"), 0o755)
    a.wait_sync(60, peers=1)
    netlab.settle([a, b])


def test_a_place_that_cannot_be_written_waits_with_its_reason(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {"d/x": b"1"})
    netlab.form([a, b])
    netlab.settle([a, b])
    b.daemon.stop()
    b.daemon.start(wrap=NO_OVERRIDE)
    b.wait_peers(1)
    os.chmod(a.file("d"), 0o555)
    netlab.settle([a, b])
    # Its owner may always change the mode, so the agent could too; what counts is that the file comes or is explained.
    trees.write(a.share, {"d/new": b"2", "elsewhere": b"3"})
    netlab.until("the rest came", lambda: os.path.exists(b.file("elsewhere")), 20)
    netlab.until("d/new came or is explained", lambda: os.path.exists(b.file("d/new")) or b"d/new" in b.problems(), 20)
    os.chmod(a.file("d"), 0o755)
    b.wait_sync(60, peers=1)
    netlab.settle([a, b])


def test_a_lost_index_merges_and_deletes_nothing(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {"one": b"1", "two": b"2", "three": b"3"})
    netlab.form([a, b])
    netlab.settle([a, b])
    b.daemon.stop()
    trees.write(a.share, {"one": b"changed"})
    os.unlink(a.file("two"))
    a.wait_sync()
    gone = [os.path.join(at, n) for at, _, names in os.walk(b.home) for n in names if n.startswith("index.db")]
    assert gone
    for path in gone:
        os.unlink(path)
    b.daemon.start()
    b.wait_peers(1)
    b.wait_sync(peers=1)
    tree = netlab.settle([a, b])
    assert {b"one", b"three"} <= set(tree)
    assert b"changed" in {b.read(p) for p in tree}


def test_a_damaged_index_is_said_and_merges(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, 300, 1000, 100)
    netlab.form([a, b])
    netlab.settle([a, b])
    b.daemon.stop()
    for at, _, names in os.walk(b.home):
        for name in names:
            if name.startswith("index.db"):
                path = os.path.join(at, name)
                with open(path, "r+b") as f:
                    f.write(trees.noise(max(4096, os.path.getsize(path))))
    b.daemon.start()
    b.wait_peers(1)
    b.wait_sync(60, peers=1)
    assert len(netlab.settle([a, b])) == 303
    assert "index" in b.log()
