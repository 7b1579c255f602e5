"""What the agents are made to do while the victim is killed, or made to fail, at every call.

A workload works in a folder of its own, so that one pair of agents serves thousands of runs.  It says which contents each
name may ever show (whole versions; anything else is torn) and which must be there at the end.
"""
import hashlib
import os
import random
import time

from stand import GROUP, contents, until

MIB = 1 << 20


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def put(agent, path, data, mode=0o644, mtime=None):
    """A file that appears whole: made outside of the share, so that no agent ever sees it half written."""
    tmp = os.path.join(agent.dir, "put.tmp")
    with open(tmp, "wb") as f:
        f.write(data)
    os.chmod(tmp, mode)
    if mtime is not None:
        os.utime(tmp, ns=(mtime, mtime))
    os.rename(tmp, path)


class Run:
    """One run of one workload: the agents, the folder, and all contents the user ever wrote, by name."""

    def __init__(self, stand, workload, number):
        self.stand, self.peer, self.victim = stand, stand.peer, stand.victim
        self.dir = "%s-%d" % (workload.name, number)
        self.seed = number
        self.contents = {}  # name in the folder -> set of digests it may show
        self.final = {}     # name -> digest of what must be there at the end, None: nothing, Ellipsis: any allowed

    def path(self, agent, name=""):
        return agent.path(self.dir, name) if name else agent.path(self.dir)

    def bytes(self, tag, size):
        return noise("%s/%s" % (self.dir, tag), size)

    def allow(self, name, data):
        digest = hashlib.sha256(data).hexdigest()
        self.contents.setdefault(name, set()).add(digest)
        return digest

    def write(self, agent, name, data, **kw):
        self.final[name] = self.allow(name, data)
        os.makedirs(os.path.dirname(self.path(agent, name)), exist_ok=True)
        put(agent, self.path(agent, name), data, **kw)

    def remove(self, agent, name):
        os.unlink(self.path(agent, name))
        self.final[name] = None

    def move(self, agent, old, new):
        """A file or a folder; what may be seen under the old name may be seen under the new one."""
        os.rename(self.path(agent, old), self.path(agent, new))
        for name in [n for n in self.contents if n == old or n.startswith(old + "/")]:
            moved = new + name[len(old):]
            self.contents.setdefault(moved, set()).update(self.contents[name])
            self.final[moved] = self.final[name]
            self.final[name] = None

    def seen(self, agent):
        """{name: digest} of the regular files in the run's folder."""
        return {name: hashlib.file_digest(f, "sha256").hexdigest() for name, f in contents(self.path(agent))}


def plain_name(name):
    """x.conflict-20260101-120000-abcdef.txt is a copy of x.txt."""
    folder, base = os.path.split(name)
    at = base.find(".conflict-")
    if at < 0:
        return name
    rest = base[at + 1:]
    dot = rest.find(".")
    return os.path.join(folder, base[:at] + (rest[dot:] if dot >= 0 else ""))


class Workload:
    """name; prepare() is synced before anything is counted; act() is what is counted; check() adds to the general checks.

    cold: act() happens while the victim is stopped, and what is counted begins with its start.
    """
    cold = False
    lossless = ()  # names whose every content must be there at the end, conflict copies included

    def __init__(self, name):
        self.name = name

    def prepare(self, run):
        os.makedirs(run.path(run.peer))

    def act(self, run):
        raise NotImplementedError

    def meanwhile(self, run):
        """What the other does after the victim was killed, before it starts again."""

    def check(self, run, seen):
        pass


class NewFile(Workload):
    def act(self, run):
        run.write(run.actor, "f", run.bytes(1, 3000))


class NewFileMedium(Workload):
    """More than fits in a note: asked for by blocks."""

    def act(self, run):
        run.write(run.actor, "f", run.bytes(1, 400_000))


class EmptyFile(Workload):
    def act(self, run):
        run.write(run.actor, "f", b"")


class Update(Workload):
    def prepare(self, run):
        super().prepare(run)
        run.write(run.peer, "f", run.bytes(1, 3000))

    def act(self, run):
        run.write(run.actor, "f", run.bytes(2, 5000))


class UpdateMedium(Update):
    def act(self, run):
        run.write(run.actor, "f", run.bytes(1, 3000) + run.bytes(2, 400_000))


class Delete(Update):
    def act(self, run):
        run.remove(run.actor, "f")


class Rename(Update):
    def act(self, run):
        run.move(run.actor, "f", "g")


class FolderMove(Workload):
    def prepare(self, run):
        super().prepare(run)
        for i in range(4):
            run.write(run.peer, "d/e/f%d" % i, run.bytes(i, 1500))

    def act(self, run):
        run.move(run.actor, "d", "moved")


class Gathered(FolderMove):
    """As `mkdir new; mv old/* new/`: most of it comes before the new folder is watched."""

    def act(self, run):
        os.mkdir(run.path(run.actor, "new"))
        for i in range(4):
            run.move(run.actor, "d/e/f%d" % i, "new/f%d" % i)


class FolderDelete(FolderMove):
    def act(self, run):
        for i in range(4):
            run.remove(run.actor, "d/e/f%d" % i)
        os.rmdir(run.path(run.actor, "d/e"))
        os.rmdir(run.path(run.actor, "d"))


class Batch(Workload):
    count = 24

    def act(self, run):
        for i in range(self.count):
            run.write(run.actor, "f%02d" % i, run.bytes(i, 500 + i))


class Symlink(Update):
    def act(self, run):
        os.symlink("f", run.path(run.actor, "link"))

    def check(self, run, seen):
        for agent in run.stand.agents:
            assert os.readlink(run.path(agent, "link")) == "f"


class FileToLink(Update):
    def act(self, run):
        run.remove(run.actor, "f")
        os.symlink("nowhere", run.path(run.actor, "f"))

    def check(self, run, seen):
        for agent in run.stand.agents:
            assert os.readlink(run.path(agent, "f")) == "nowhere"


class FileToFolder(Update):
    def act(self, run):
        run.remove(run.actor, "f")
        run.write(run.actor, "f/inside", run.bytes(2, 2000))


class Mode(Update):
    def act(self, run):
        os.chmod(run.path(run.actor, "f"), 0o600)

    def check(self, run, seen):
        for agent in run.stand.agents:
            assert os.stat(run.path(agent, "f")).st_mode & 0o777 == 0o600


class Touch(Update):
    def act(self, run):
        os.utime(run.path(run.actor, "f"), ns=(10**18, 10**18))

    def check(self, run, seen):
        for agent in run.stand.agents:
            assert os.stat(run.path(agent, "f")).st_mtime_ns == 10**18


class Big(Workload):
    """A file of many blocks.  After each kill no block that was in the part may be fetched again (P8)."""
    size = 4 * MIB

    def act(self, run):
        run.write(run.actor, "f", run.bytes(1, self.size))


class Growing(Workload):
    """A file that is written in place from front to back: its blocks come before its record, to a coming part."""
    size = 20 * MIB

    def act(self, run):
        data = run.bytes(1, self.size)
        run.final["f"] = run.allow("f", data)
        with open(run.path(run.actor, "f"), "wb", buffering=0) as f:
            for at in range(0, self.size, MIB // 2):
                f.write(data[at:at + MIB // 2])
                time.sleep(0.005)  # its pace, as of a copy over a network


class BigUpdate(Big):
    """An insertion near the start: most blocks are copied from the old file."""
    size = 2 * MIB

    def prepare(self, run):
        super().prepare(run)
        run.write(run.peer, "f", run.bytes(1, self.size))

    def act(self, run):
        old = run.bytes(1, self.size)
        run.write(run.actor, "f", old[:1000] + b"inserted" + old[1000:])


class Sparse(Workload):
    def act(self, run):
        run.write(run.actor, "f", run.bytes(1, 5000) + bytes(MIB) + run.bytes(2, 5000) + bytes(MIB))


class DeletedMeanwhile:
    """The victim is killed while it receives, and the owner deletes what it was receiving before it is back.  Whatever
    the victim had put in its place by then is not its own: nothing of it may come back."""

    def meanwhile(self, run):
        for name in [n for n, digest in run.final.items() if digest is not None]:
            run.remove(run.peer, name)
        # Known to the owner's agent, so that the victim's return meets deletions.
        until("the owner's agent has seen the deletions", lambda: not run.peer.files(run.dir))


class NewFileDeleted(DeletedMeanwhile, NewFile):
    pass


class MediumDeleted(DeletedMeanwhile, NewFileMedium):
    pass


class UpdateDeleted(DeletedMeanwhile, Update):
    pass


class BatchDeleted(DeletedMeanwhile, Batch):
    count = 12  # fewer than would be held


class RenameDeleted(DeletedMeanwhile, Rename):
    pass


class Conflict(Workload):
    """Both change the same file while they do not hear each other; the victim's change is older, or newer."""
    cold = True
    lossless = ("f.txt",)
    victim_time, peer_time = 1_600_000_000, 1_700_000_000

    def prepare(self, run):
        super().prepare(run)
        run.write(run.peer, "f.txt", run.bytes(0, 3000))
        run.base = run.final["f.txt"]

    def act(self, run):
        run.write(run.victim, "f.txt", run.bytes(1, 3100), mtime=self.victim_time * 10**9)
        run.write(run.peer, "f.txt", run.bytes(2, 3200), mtime=self.peer_time * 10**9)
        run.final["f.txt"] = Ellipsis


class ConflictNewer(Conflict):
    victim_time, peer_time = 1_700_000_000, 1_600_000_000


class ConflictBig(Conflict):
    def act(self, run):
        run.write(run.victim, "f.txt", run.bytes(1, 400_000), mtime=self.victim_time * 10**9)
        run.write(run.peer, "f.txt", run.bytes(2, 410_000), mtime=self.peer_time * 10**9)
        run.final["f.txt"] = Ellipsis


class EditBeatsDelete(Conflict):
    def act(self, run):
        run.write(run.victim, "f.txt", run.bytes(1, 3100))
        os.unlink(run.path(run.peer, "f.txt"))


class DeleteAgainstEdit(Conflict):
    def act(self, run):
        run.write(run.peer, "f.txt", run.bytes(1, 3100))
        os.unlink(run.path(run.victim, "f.txt"))


class FileAgainstFolder(Conflict):
    lossless = ("x",)

    def prepare(self, run):
        Workload.prepare(self, run)

    def act(self, run):
        run.write(run.victim, "x", run.bytes(1, 3100))
        run.write(run.peer, "x/inside", run.bytes(2, 3200))
        run.final = {}

    def check(self, run, seen):
        wanted = set().union(*run.contents.values())
        assert wanted <= set(seen.values()), "lost: %s" % sorted(wanted - set(seen.values()))


class Return(Workload):
    """The victim comes back to a folder in which everything changed, on both sides."""
    cold = True

    def prepare(self, run):
        super().prepare(run)
        for i in range(6):
            run.write(run.peer, "f%d" % i, run.bytes(i, 1500))

    def act(self, run):
        run.write(run.peer, "f0", run.bytes("new", 1600))
        run.remove(run.peer, "f1")
        run.move(run.peer, "f2", "g2")
        run.write(run.victim, "f3", run.bytes("mine", 1700))
        run.remove(run.victim, "f4")
        run.move(run.victim, "f5", "g5")
        run.write(run.victim, "own/h", run.bytes("own", 1800))


class Restore(Workload):
    """The victim's user brings back what the peer replaced.  Done or not, both contents are there."""

    def prepare(self, run):
        super().prepare(run)
        run.write(run.peer, "f", run.bytes(1, 30_000))
        run.stand.settle(below=run.dir)
        run.write(run.peer, "f", run.bytes(2, 40_000))

    def act(self, run):
        run.victim.lanyard("restore", GROUP, run.dir + "/f")
        run.final["f"] = Ellipsis

    def check(self, run, seen):
        kept = set()
        for agent in run.stand.agents:
            for top in (run.path(agent), agent.path(".lanyard", "versions")):
                kept.update(hashlib.file_digest(f, "sha256").hexdigest() for _, f in contents(top))
        wanted = set().union(*run.contents.values())
        assert wanted <= kept, "lost: %s" % sorted(wanted - kept)


class Resolve(Restore):
    """The victim's user settles a conflict."""

    def prepare(self, run):
        Workload.prepare(self, run)
        run.stand.settle(below=run.dir)
        run.victim.stop()
        run.write(run.victim, "f.txt", run.bytes(1, 3100))
        run.write(run.peer, "f.txt", run.bytes(2, 3200))
        run.final["f.txt"] = Ellipsis
        run.victim.start()

    def act(self, run):
        run.victim.lanyard("resolve", GROUP, run.dir + "/f.txt", "--keep", "mine")


RECEIVED = [c(n) for n, c in (
    ("new", NewFile), ("medium", NewFileMedium), ("empty", EmptyFile), ("update", Update), ("updmedium", UpdateMedium),
    ("delete", Delete), ("rename", Rename), ("foldermove", FolderMove), ("gathered", Gathered),
    ("folderdelete", FolderDelete), ("batch", Batch),
    ("symlink", Symlink), ("filetolink", FileToLink), ("filetofolder", FileToFolder), ("mode", Mode), ("touch", Touch),
    ("big", Big), ("bigupdate", BigUpdate), ("sparse", Sparse), ("newdeleted", NewFileDeleted),
    ("mediumdeleted", MediumDeleted), ("updatedeleted", UpdateDeleted), ("batchdeleted", BatchDeleted),
    ("renamedeleted", RenameDeleted))]
SENT = [c(n) for n, c in (
    ("s-new", NewFile), ("s-update", Update), ("s-delete", Delete), ("s-rename", Rename), ("s-foldermove", FolderMove),
    ("s-gathered", Gathered), ("s-batch", Batch), ("s-filetofolder", FileToFolder), ("s-mode", Mode))]
COLD = [c(n) for n, c in (
    ("conflict", Conflict), ("conflictnewer", ConflictNewer), ("conflictbig", ConflictBig), ("editdelete", EditBeatsDelete),
    ("deleteedit", DeleteAgainstEdit), ("filefolder", FileAgainstFolder), ("return", Return))]
COMMANDED = [c(n) for n, c in (("restore", Restore), ("resolve", Resolve))]
