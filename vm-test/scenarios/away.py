"""Time: clocks that are off, machines that sleep, and a laptop that is away for a month."""
import re
import time

from member import settle
from namespaces import until

from .ground import insist, machines_only

HOUR, DAY = 3600, 86400


@machines_only("a clock of its own")
def clock(ground):
    """a clock five years off"""
    a, b, c = ground.together()
    with ground.step("VMB boots five years ahead"):
        b.shut_down()
        ahead = a.now() + 5 * 365 * DAY
        ground.boot(b, clock=ahead)
        insist(abs(b.now() - ahead) < HOUR, b.now())
        ground.passes("from-the-future")
    with ground.step("what VMB wrote in the future is edited on VMA, and the edit wins"):
        b.write("dated.txt", b"written five years ahead\n")
        settle([b, a, c])
        a.write("dated.txt", b"edited now\n")
        tree = settle([a, b, c])
        insist(c.read("dated.txt") == b"edited now\n", c.read("dated.txt"))
        insist(not [p for p in tree if b"dated.conflict" in p], "a conflict copy of a plain edit")
    with ground.step("VMC's clock falls back five years"):
        c.set_clock(ahead - 10 * 365 * DAY)
        c.restart_service()
        ground.passes("from-the-past")
    with ground.step("the clocks are right again"):
        for vm in (b, c):
            vm.set_clock(time.time())
        ground.passes("from-the-present")


def suspend(ground):
    """suspend and resume"""
    a, b, c = ground.together()
    with ground.step("VMC sleeps: the others drop it, and go on"):
        c.suspend()
        for vm in (a, b):
            vm.wait_peers(1)
        a.write("while-c-slept.txt", b"from VMA\n")
        b.wait_sync(peers=1)
    with ground.step("it wakes up, and has what came meanwhile"):
        c.wake()
        if ground.lab.machines_here:
            c.set_clock(time.time() + 8 * HOUR)
        ground.passes("after-sleep")
        insist(c.exists("while-c-slept.txt"), "what was written while VMC slept is missing on it")
        if ground.lab.machines_here:
            c.set_clock(time.time())


def month(ground):
    """a laptop that is away for a month"""
    a, b, c = ground.together()
    with ground.step("a share to go away with"):
        a.files_of_noise("album", 200, 8192)
        a.files_of_noise("letters", 60, 512)
        a.noise_file("film-to-move.bin", 8 << 20, seed=21)
        a.write("plan.txt", b"as it was\n")
        before = settle([a, b, c])
    with ground.step("VMC leaves; it is worked on without a network, and then switched off"):
        c.cable(False)
        c.wait_peers(0)
        c.write("album/f0000", b"retouched on the way\n")
        c.write("album/f0001", b"kept, although VMA deletes it\n")
        c.write("plan.txt", b"as VMC wants it\n")
        c.write("diary-of-c.txt", b"written on the way\n")
        c.sh("rm '%s'/letters/f000*" % c.share)
        c.wait_sync()
        c.shut_down()
    with ground.step("a month passes, and much is changed, moved and deleted"):
        later = None
        if ground.only_machines("the month itself: the clocks stay as they are"):
            later = a.now() + 31 * DAY
            for vm in (a, b):
                vm.set_clock(later)
        a.sh("cd '%s' && mkdir -p archive/2024 && chown -R %s archive && mv letters archive/2024/ && "
             "mv film-to-move.bin archive/ && rm album/f0001 album/f01[0-4]* && "
             "for f in album/f015* album/f016*; do echo more >>$f; done" % (a.share, a.user))
        b.write("plan.txt", b"as VMB wants it\n")
        b.files_of_noise("new-album", 100, 4096)
        for vm in (a, b, a):
            vm.wait_sync(300, peers=1)
    with ground.step("VMC comes back: nothing of anybody is lost, nothing deleted returns, nothing moved is fetched"):
        if later:
            c.start(wait=False, clock=later)
            c.booted()
        else:
            c.start()
        c.cable(True)
        ground.connected(a, b, c)
        tree = settle([a, b, c], timeout=300)
        came_home(a, tree, before)
        received = c.counters()["bytes_received"]
        insist(received < 4 << 20, "%d bytes for what is mostly moved" % received)
    if later:
        for vm in (a, b, c):
            vm.set_clock(time.time())


def came_home(vm, tree, before):
    read = {name: vm.read(name) for name in ("album/f0000", "album/f0001", "plan.txt", "diary-of-c.txt")}
    insist(read["album/f0000"] == b"retouched on the way\n" and read["diary-of-c.txt"] == b"written on the way\n", read)
    insist(read["album/f0001"] == b"kept, although VMA deletes it\n", read)
    plans = [name for name in tree if name.startswith(b"plan")]
    insist(sorted(vm.read(name.decode()) for name in plans) == [b"as VMB wants it\n", b"as VMC wants it\n"], plans)
    # Ten letters went on VMC, all were moved on VMA: what was deleted in one place and moved in another stays.
    letters = [name for name in tree if name.startswith(b"archive/2024/letters/")]
    insist(len(letters) == 60, letters)
    insist(not [name for name in tree if name.startswith((b"letters/", b"film-to-move"))], "what was moved is back")
    insist(tree[b"archive/film-to-move.bin"] == before[b"film-to-move.bin"], "the film is another one")
    insist(not [name for name in tree if re.match(rb"album/f01[0-4]", name)], "what was deleted is back")
    insist(len([name for name in tree if name.startswith(b"new-album/")]) == 100, "new files are missing")
