"""What happens in the share is seen: at once where events tell, in the end in any case."""
import os
import random
import re
import shutil
import subprocess
import sys
import time

import pytest

import netlab
from netlab import trees

MIB = 1 << 20


def pair(lab, **kw):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b], **kw)
    return a, b


def limited(what, number):
    """Words that start a program in a user namespace of its own in which inotify is limited; files stay root's."""
    return ["unshare", "-U", "-r", "sh", "-c", 'echo %d >/proc/sys/user/max_inotify_%s && exec "$@"' % (number, what), "sh"]


def test_deep_folders_filled_as_they_are_made_are_found(lab):
    """Files that were there before the watch was."""
    a, b = pair(lab)
    for i in range(60):
        trees.write(a.share, {"/".join(["t%d" % i] + ["d%d" % j for j in range(8)] + ["f"]): b"%d" % i})
        trees.write(a.share, {"t%d/d0/side" % i: b"s", "t%d/d0/d1/d2/other" % i: b"o"})
    assert len(netlab.settle([a, b])) == 60 * (9 + 3)


def test_a_tree_moved_in_and_out_is_seen_whole(lab):
    a, b = pair(lab)
    trees.many(a.path("outside"), 500, 200, 20)
    os.rename(a.path("outside"), a.file("inside"))
    assert len(netlab.settle([a, b])) == 500 + 25 + 1
    # Within the share, then out of it; new files in the moved folders are seen as well.
    os.rename(a.file("inside"), a.file("elsewhere"))
    trees.write(a.share, {"elsewhere/d003/new": b"1"})
    netlab.settle([a, b])
    os.rename(a.file("elsewhere/d003"), a.path("taken"))
    tree = netlab.settle([a, b])
    assert b"elsewhere/d003/new" not in tree and len(tree) == 501 + 25 + 1 - 22


def test_more_events_than_the_queue_holds(lab):
    """The agent stands still while more happens than the kernel remembers for it."""
    with open("/proc/sys/fs/inotify/max_queued_events") as f:
        limit = int(f.read())
    a, b = pair(lab)
    trees.write(a.share, {"gone": b"1", "d/x": b"2"})
    netlab.settle([a, b])
    a.daemon.pause()
    count = limit // 2
    for i in range(count):
        folder = "d%03d" % (i // 500)
        if i % 500 == 0:
            os.mkdir(a.file(folder))
        os.close(os.open(a.file("%s/f%06d" % (folder, i)), os.O_CREAT | os.O_WRONLY))
        os.utime(a.file("%s/f%06d" % (folder, i)))
    os.rename(a.file("d/x"), a.file("d/y"))
    for i in range(limit // 2):
        os.chmod(a.file("d/y"), 0o600 + i % 2 * 0o44)
        os.chmod(a.file("d000/f000001"), 0o600 + i % 2 * 0o44)
    os.unlink(a.file("gone"))
    trees.write(a.share, {"d/last": b"3"})
    a.daemon.resume()
    for host in (a, b):
        host.wait_peers(1, timeout=30)
    tree = netlab.settle([a, b], timeout=120)
    assert b"d/last" in tree and b"d/x" not in tree and b"gone" not in tree
    assert sum(e.kind == "file" for e in tree.values()) == count + 2


def test_too_few_watches_are_said_and_lived_with(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.many(a.share, 400, 100, 5)
    a.daemon.start("--discovery", "off", wrap=limited("watches", 20))
    a.cli("create", "pics", "--share", a.share)
    b.daemon.start("--discovery", "off", "--peer", a.address)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    netlab.settle([a, b])
    netlab.until("the log names the sysctl", lambda: "fs.inotify.max_user_watches" in a.log())
    line = [x for x in a.log().splitlines() if "fs.inotify.max_user_watches" in x][0]
    # And the number that would do: there are 80 folders and the root.
    assert any(int(n) >= 81 for n in re.findall(r"\d+", line)), line
    assert sum("fs.inotify.max_user_watches" in x for x in a.log().splitlines()) <= 3
    (one,) = a.status()["problems"]
    assert one["path"] == "." and "max_user_watches" in one["reason"]
    netlab.until("the clock has gone on", lambda: time.time() >= one["since"] + 1)
    assert a.status()["problems"][0]["since"] == one["since"]
    # What no watch tells is found by looking; a SIGHUP makes it look now.
    trees.write(a.share, {"d079/new": b"1", "d000/new": b"2"})
    a.daemon.reload()
    netlab.until("both came", lambda: all(os.path.exists(b.file(p)) for p in ("d079/new", "d000/new")), 90)
    netlab.settle([a, b])


def test_no_inotify_at_all_is_lived_with(lab):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off", wrap=limited("instances", 0))
    trees.write(a.share, {"d/x": b"1"})
    a.cli("create", "pics", "--share", a.share)
    b.daemon.start("--discovery", "off", "--peer", a.address)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    netlab.settle([a, b])
    assert "fs.inotify.max_user_instances" in a.log()
    # The other direction needs no watch.
    trees.write(b.share, {"from-b": b"2"})
    netlab.settle([b, a])


WRITER = """
import os, sys, time
f = open(sys.argv[1], "ab", 0)
print("open", flush=True)
end = time.monotonic() + float(sys.argv[2])
n = 0
while time.monotonic() < end:
    f.write(b"line %08d\\n" % n)
    n += 1
    time.sleep(0.02)
f.close()
"""


def test_a_file_that_keeps_growing_arrives_when_its_writer_closes_it(lab):
    a, b = pair(lab)
    writer = a.popen(sys.executable, "-c", WRITER, a.file("log"), "4", stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"open\n"
    # Its neighbours are not held up.
    trees.write(a.share, {"neighbour": b"1"})
    netlab.until("the neighbour came", lambda: os.path.exists(b.file("neighbour")), at_most=3)
    assert writer.wait(30) == 0
    closed = time.monotonic()
    whole = a.read("log")
    netlab.until("the whole log came", lambda: os.path.exists(b.file("log")) and b.read("log") == whole, 10)
    assert time.monotonic() - closed < 3 * netlab.FACTOR
    netlab.settle([a, b])


def test_a_file_rewritten_all_the_time_is_waited_for_with_a_bound(lab):
    """Closed and written again ten times per second, without end: some version of it must still arrive, whole."""
    a, b = pair(lab)
    code = ("import sys,time\nprint('go',flush=True)\nn=0\n"
            "while True:\n n+=1\n open(sys.argv[1],'wb').write(b'%06d\\n' % n * 5000)\n time.sleep(0.1)\n")
    writer = a.popen(sys.executable, "-c", code, a.file("busy"), stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"go\n"
    netlab.until("a version came", lambda: os.path.exists(b.file("busy")), 60)
    for _ in range(20):
        got = b.read("busy")
        assert got == got[:7] * (len(got) // 7)
    writer.kill()
    writer.wait()
    netlab.settle([a, b])


def test_a_big_copy_into_the_share_is_not_sent_half_done(lab):
    a, b = pair(lab)
    trees.noise_file(a.path("film"), 40 * MIB)
    with open(a.path("film"), "rb") as old, open(a.file("film"), "wb") as new:
        for _ in range(20):
            new.write(old.read(2 * MIB))
            new.flush()
            if os.path.exists(b.file("film")):
                assert trees.digest(b.file("film")) == trees.digest(a.path("film"))
            time.sleep(0.05)
    netlab.settle([a, b], timeout=60)
    assert trees.digest(b.file("film")) == trees.digest(a.path("film"))


@pytest.mark.plain
def test_a_drop_is_visible_quickly(lab):
    """Not a measurement (that is the bench): only that nothing polls."""
    a, b = pair(lab)
    took = []
    for i in range(20):
        name = "drop%d" % i
        start = time.monotonic()
        trees.write(a.share, {name: trees.noise(4096, seed=i)})
        netlab.until("the drop is visible", lambda: os.path.exists(b.file(name)), 5, every=0.001)
        took.append(time.monotonic() - start)
    assert sorted(took)[10] < 0.25 * netlab.FACTOR, took
    netlab.settle([a, b])


def test_the_share_reached_by_another_name_is_the_same(lab):
    a, b = lab.host("a"), lab.host("b")
    os.symlink(a.share, a.path("link-to-share"))
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.path("link-to-share"))
    b.daemon.start("--discovery", "off", "--peer", a.address)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.path("new", "deep", "share"))
    b.share = b.path("new", "deep", "share")
    trees.write(a.path("link-to-share"), {"x": b"1"})
    netlab.settle([a, b])
    assert b.read("x") == b"1"


@pytest.mark.seconds(240)
def test_a_storm_of_every_kind_of_change_converges(lab):
    """Random creations, edits, renames, deletions on both sides at once; in the end both trees are identical (P3)."""
    a, b = pair(lab)
    # However slowly it goes, what it replaces and deletes is less than half of the share, which would be held.
    trees.write(a.share, {"still/%d" % i: b"x" for i in range(150)})
    netlab.settle([a, b])
    rng = random.Random(20)
    names = ["f%02d" % i for i in range(25)] + ["d%d/g%d" % (i % 4, i) for i in range(25)]

    def act(host):
        name, other = rng.choice(names), rng.choice(names)
        kind = rng.randrange(8)
        try:
            if kind < 4:
                trees.write(host.share, {name: b"%d" % rng.randrange(10 ** 9) * rng.randrange(1, 2000)})
            elif kind == 4:
                os.unlink(host.file(name))
            elif kind == 5:
                os.makedirs(os.path.dirname(host.file(other)), exist_ok=True)
                os.rename(host.file(name), host.file(other))
            elif kind == 6:
                os.chmod(host.file(name), rng.choice((0o600, 0o644, 0o755)))
            else:
                shutil.rmtree(host.file("d%d" % rng.randrange(4)))
        except OSError:
            pass  # The agent moves under our feet here: not there any more, not empty any more.
    for _ in range(1200):
        act(rng.choice((a, b)))
    b.wait_sync(60, peers=1)
    a.wait_sync(60, peers=1)
    tree = netlab.settle([a, b], timeout=60)
    assert tree
    for host in (a, b):
        assert host.problems() == {}
