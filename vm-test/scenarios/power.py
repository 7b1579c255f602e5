"""Power cuts: the machine ends without a warning, and what its kernel had not flushed is lost.

What this cannot show: a disk that loses or reorders what it had already taken.  Writes that reached qemu survive.
"""
import machines
from machines import trees, until

from .ground import insist

FILES = 1000
SMALL = 4096
MEBI = 1 << 20


def power(ground):
    """power cut during a batch of installs, and during a large download"""
    a, b, c = ground.together()
    with ground.step("power of VMB is cut while %d files arrive" % FILES):
        # What the user of VMB wrote and saw on the disk must survive as well (P2).
        b.write("kept-on-b.txt", b"written on VMB before the cut\n")
        b.sh("sync %s/kept-on-b.txt" % b.share)
        machines.settle([b, a, c])
        # Slow enough that the cut falls into the middle.
        b.limit("4mbit")
        a.sh("mkdir /srv/.batch && cd /srv/.batch && head -c %d /dev/urandom | split -b %d -a 4 -d - f && chown -R lanyard: . && "
             "cd / && mv /srv/.batch %s/batch" % (FILES * SMALL, SMALL, a.share))
        until("VMB has some of the batch", lambda: arrived(b) > FILES // 20, 180, every=0.05)
        b.cut_power()
        b.limit(None)
        whole = a.picture()
    with ground.step("VMB boots without a network: no torn file, nothing of its own lost"):
        b.start(wait=False)
        b.cable(False)
        b.booted()
        intact = nothing_torn(b, whole)
        insist(b"kept-on-b.txt" in intact, "a file that was on the disk is gone")
        there = len([path for path in intact if path.startswith(b"batch/f")])
        print("              %d of %d files of the batch had arrived" % (there, FILES))
        insist(there < FILES, "the cut came too late to tell anything")
    with ground.step("VMB gets the rest, and nobody takes the loss for a deletion"):
        b.cable(True)
        ground.connected(a, b, c)
        tree = machines.settle([a, b, c], timeout=300)
        insist(tree == whole, "\n".join(trees.differences(whole, tree)))
        received, missing = b.counters()["bytes_received"], (len(whole) - len(intact)) * SMALL
        insist(received <= missing + MEBI, (received, missing))
    with ground.step("power of VMC is cut within a large download, and it resumes"):
        resumes(ground, a, b, c, max(32, ground.big_mb // 2) * MEBI)
    with ground.step("power of all three is cut at once, right after a drop"):
        a.write("last-word.txt", b"dropped a moment before the lights went out\n")
        a.sh("sync %s/last-word.txt" % a.share)
        for vm in (a, b, c):
            vm.cut_power()
        ground.boot(a, b, c)
        ground.connected(a, b, c)
        tree = machines.settle([a, b, c])
        insist(b"last-word.txt" in tree and len(tree) == len(whole) + 2, (len(tree), len(whole)))


def resumes(ground, a, b, c, size):
    c.limit("40mbit")
    a.noise_file("film-power.bin", size, seed=9)

    def half_done():
        got = [d for d in c.cli("downloads")["downloads"] if d["path"] == "film-power.bin" and d["state"] == "D"]
        return got and got[0]["done"] >= size // 3 and got[0]
    done = until("VMC has a third of the file", half_done, 300, every=0.2)["done"]
    # The map of verified blocks is written every now and then; what it says is what the promise is about.
    c.limit("1mbit")
    c.sh("sync", timeout=120)
    insist(not c.exists("film-power.bin"), "VMC had all of it before the cut")
    c.cut_power()
    c.limit(None)
    ground.boot(c)
    ground.connected(a, b, c)
    machines.settle([a, b, c], timeout=600)
    after = c.counters()
    insist(after["blocks_resumed"] > 0 and after["bytes_received"] <= size - done + 4 * MEBI, (size, done, after))


def arrived(vm):
    return int(vm.sh("find %s/batch -type f 2>/dev/null | wc -l" % vm.share))


def nothing_torn(vm, whole):
    """Insist that whatever vm has is exactly as in whole (P1); returns vm's picture."""
    found = vm.picture()
    torn = [path for path, entry in found.items() if entry.kind == "file" and whole.get(path) != entry]
    insist(not torn, torn[:10])
    return found
