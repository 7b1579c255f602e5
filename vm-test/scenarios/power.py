"""Power cuts: the machine ends without a warning; what its kernel and its disk's cache had not flushed is lost, and of what
the disk had taken since the last flush some is there and some is not (volatile.py)."""
from member import settle, trees
from namespaces import until

from .ground import MEBI, Download, insist, machines_only

FILES = 1000
SMALL = 4096


@machines_only("power")
def power(ground):
    """power cut during a batch of installs, and during a large download"""
    a, b, c = ground.together()
    with ground.step("power of VMB is cut while %d files arrive" % FILES):
        # What the user of VMB wrote and saw on the disk must survive as well (P2).
        b.write("kept-on-b.txt", b"written on VMB before the cut\n")
        b.sh("sync %s/kept-on-b.txt" % b.share)
        settle([b, a, c])
        # Slow enough that the cut falls into the middle.
        b.limit("4mbit")
        a.files_of_noise("batch", FILES, SMALL)
        until("VMB has some of the batch", lambda: b.count("batch") > FILES // 20, 180, every=0.05)
        cut(b)
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
        tree = settle([a, b, c], timeout=300)
        insist(tree == whole, "\n".join(trees.differences(whole, tree)))
        received, missing = b.counters()["bytes_received"], (len(whole) - len(intact)) * SMALL
        insist(received <= missing + MEBI, (received, missing))
    with ground.step("power of VMC is cut within a large download, and it resumes"):
        film = Download(a, c, "film-power.bin", max(32, ground.big_mb // 2) * MEBI, seed=9)
        # The map of verified blocks is written periodically; the promise is about what it says.
        c.sh("sync", timeout=120)
        film.underway()
        cut(c)
        film.go_on()
        ground.boot(c)
        ground.connected(a, b, c)
        settle([a, b, c], timeout=600)
        film.resumed(slack=4 * MEBI)
    with ground.step("power of all three is cut at once, right after a drop"):
        a.write("last-word.txt", b"dropped a moment before the lights went out\n")
        a.sh("sync %s/last-word.txt" % a.share)
        for vm in (a, b, c):
            cut(vm)
        ground.boot(a, b, c)
        ground.connected(a, b, c)
        tree = settle([a, b, c])
        insist(b"last-word.txt" in tree and len(tree) == len(whole) + 2, (len(tree), len(whole)))


def cut(vm):
    kept, lost = vm.cut_power()
    print("              %s's disk: %d KiB after the last flush lost, %d KiB not" % (vm.name, lost >> 10, kept >> 10))


def nothing_torn(vm, whole):
    """Insist that whatever vm has is exactly as in whole (P1); returns vm's picture."""
    found = vm.picture()
    torn = [path for path, entry in found.items() if entry.kind == "file" and whole.get(path) != entry]
    insist(not torn, torn[:10])
    return found
