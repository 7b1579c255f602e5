"""What there is not enough of: disk, memory."""
from member import settle, trees
from namespaces import until

from .ground import MEBI, insist

# What the service may have for any number of files; 64 MB of it is what may be on its way, see `memory` in lanyard.conf(5).
CAP_MB = 128


def full(ground):
    """a full disk"""
    a, b, c = ground.together()
    with ground.step("VMC's disk is full: it says so, keeps what it has, and the others go on"):
        before = c.picture()
        c.fill_disk(leave=4 * MEBI)
        a.noise_file("too-big-for-c.bin", 24 * MEBI, seed=11)
        until("VMB has the file", lambda: b.exists("too-big-for-c.bin"), 300, every=0.5)
        print("              VMC says: %s" % until("VMC says why it lacks the file", lambda: why(c), 120, every=0.5))
        said = trees.differences(before, {p: e for p, e in c.picture().items() if p in before})
        insist(not said, said)
    with ground.step("there is room again: VMC gets it without a hand touching it"):
        c.empty_disk()
        settle([a, b, c], timeout=300)
        insist(not why(c) and not c.problems(), (why(c), c.problems()))


def why(vm):
    """What vm says about the file: or, where the index lies on the same disk and was first to lack room, about the group."""
    return vm.problems().get(b"too-big-for-c.bin") or vm.status()["error"]


def memory(ground):
    """a memory cap, and a peer that offers very many files"""
    a, b, c = ground.together()
    patience = 600 + ground.many // 20
    # VMB has no part in it, and would only take time from the others.
    group, share, other_share = "many", a.disk + "/many", c.disk + "/many"
    with ground.step("VMA has %d files in another group" % ground.many):
        a.sh("mkdir '{share}' && cd '{share}' && for d in $(seq -w 0 {last}); do mkdir d$d && ( cd d$d && "
             "head -c {bytes} /dev/urandom | split -b 16 -a 4 -d - f ); done && chown -R {user}: '{share}'".format(
                 share=share, last=(ground.many - 1) // 1000, bytes=16 * min(1000, ground.many), user=a.user), timeout=patience)
        a.cli("create", group, "--share", share)
        a.wait_sync(patience, group=group)
    with ground.step("VMC may take %d MB of memory, joins, and gets them all" % CAP_MB):
        c.cap_memory(CAP_MB)
        until("the agent of VMC answers", c.answers, 120, every=0.5)
        c.sh("install -d -o %s '%s'" % (c.user, other_share))
        c.cli("join", "--invite", a.invite(group), "--share", other_share, timeout=120)
        c.wait_sync(patience, peers=1, group=group)
        kills, restarts, peak = c.memory_report()
        print("              the agent of VMC took %d MB at most" % peak)
        insist((kills, restarts) == (0, 0) and peak <= CAP_MB, (kills, restarts, peak))
        there = c.count(other_share)
        insist(there == ground.many, there)
    with ground.step("it goes, with the other group, where it came from"):
        for vm, folder in ((c, other_share), (a, share)):
            vm.cli("leave", group)
            vm.sh("rm -rf '%s'" % folder, timeout=patience)
        c.uncap_memory()
        ground.passes("after-many")
