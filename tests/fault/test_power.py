"""Power cuts on a disk that loses what was not flushed, on ext4 and on xfs.

A seeded story is told by two users: one at the peer, whose disk is safe, one at the victim, whose home and share are on a volatile
disk (volatile.py).  At random moments images are made of what a power cut could leave there, each is mounted and held
against what had been promised by then; at times the power really goes, and the victim lives on from such an image.

Promised is: what `lanyard wait` at the peer said is in sync is on the victim's disk; what the victim's user synced is there; no
file of the share is torn.  After life has gone on: all that was ever promised is in a tree or among the versions, and the
members are identical; what was in sync before the cut is taken for what it was, not for a change of the victim's own: it makes no conflict
copy and does not come back when it was deleted meanwhile.

`make power-test SECONDS=600 SEED=1` goes on for as long as wanted.
"""
import os
import random
import signal
import time

import pytest
import workloads
from stand import StandError, trees, until
from rename2 import EXCHANGE, NOREPLACE, rename2  # in tests/lab, which stand has made known
from volatile import HOWS, MIB, NOSYNC, PowerStand, Volume

SECONDS = float(os.environ.get("LANYARD_POWER_SECONDS") or 9)
SEED = int(os.environ.get("LANYARD_POWER_SEED") or 1)
PEERS = ["p/%s" % n for n in ("a", "b", "c.txt", "d/e", "d/f", "g/h/i")]
BOTH = ["both/a.txt", "both/b"]
MINE = ["mine/a", "mine/d/b"]
LOOSE = ["loose/a", "loose/b"]
SIZES = (0, 700, 5000, 90_000, 400_000)


class Violation(AssertionError):
    """A promise was broken."""


def kept(share):
    """The digests of what is kept among a share's versions, or on its way there."""
    found = set()
    for folder in ("versions", "parts"):
        for at, _, names in os.walk(os.path.join(share, ".lanyard", folder)):
            found.update(trees.digest(os.path.join(at, n)) for n in names)
    return found


def sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folders(path, top):
    """Folders that survive a power cut."""
    if path == top or os.path.isdir(path):
        return
    make_folders(os.path.dirname(path), top)
    os.makedirs(path, exist_ok=True)
    sync_folder(os.path.dirname(path))


class Story:
    """What the users did, and what may be expected of it."""

    def __init__(self, stand, seed):
        self.stand, self.seed, self.rng = stand, seed, random.Random(seed)
        self.history = {}   # the peer's name -> its contents one after the other, None: not there
        self.acked = {}     # the peer's name -> the place in its history that the victim has at least
        self.mine = {}      # the victim's name -> what is there, synced
        self.written = {}   # every promised content -> who wrote it
        self.shown = set()  # contents that the victim's user did not sync and the peer had
        self.known = set()  # the peer's names of which the victim had everything when its power was cut
        self.taken = set()  # contents that a user who saw them replaced or deleted
        self.waits, self.script, self.number, self.copies = [], [], 0, set()
        self.counts = {"operations": 0, "images": 0, "cuts": 0, "copies": 0}

    def say(self, *what):
        self.script.append(" ".join(map(str, what)))
        self.counts["operations"] += 1

    def fresh(self, agent, size=None):
        """A file outside of the share with a content that never was before."""
        self.number += 1
        data = b"%d/%d %s\n" % (self.seed, self.number, agent.name.encode())
        data += self.rng.randbytes(self.rng.choice(SIZES) if size is None else size)
        path = os.path.join(agent.dir, "fresh")
        with open(path, "wb") as f:
            f.write(data)
        return path, trees.digest(path)

    def place(self, agent, path, name):
        """Put it there; what was there is taken away."""
        target = agent.path(name)
        while True:
            make_folders(os.path.dirname(target), agent.share)
            if rename2(path, target, EXCHANGE):
                self.take(path)
                return
            if rename2(path, target, NOREPLACE):
                return

    def take(self, path):
        self.taken.add(trees.digest(path))
        os.unlink(path)

    def out(self, agent, name):
        there = os.path.join(agent.dir, "out")
        try:
            os.rename(agent.path(name), there)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return there

    # --- the peer's user ---

    def past(self, name):
        return self.history.setdefault(name, [None])

    def put(self, name=None, size=None):
        name = name or self.rng.choice(PEERS)
        path, digest = self.fresh(self.stand.peer, size)
        self.say("peer writes", name, digest[:8])
        self.written[digest] = name
        self.past(name).append(digest)
        self.place(self.stand.peer, path, name)

    def put_many(self):
        at = "p/many-%d" % self.number
        for i in range(self.rng.choice((5, 24, 60))):
            self.put("%s/%d" % (at, i), 300)

    def put_big(self):
        self.put(size=3 * MIB)

    def remove(self):
        name = self.rng.choice(sorted(self.history) or PEERS)
        there = self.out(self.stand.peer, name)
        if there is not None:
            self.say("peer deletes", name)
            self.past(name).append(None)
            self.take(there)

    def move(self):
        name = self.rng.choice(sorted(self.history) or PEERS)
        there = self.out(self.stand.peer, name)
        if there is None:
            return
        other = "p/moved-%d" % self.number
        self.number += 1
        self.say("peer moves", name, other)
        self.past(other).append(trees.digest(there))
        self.past(name).append(None)
        self.place(self.stand.peer, there, other)

    # --- the victim's user ---

    def keep(self, name=None):
        """A write as a careful program does it."""
        victim, name = self.stand.victim, name or self.rng.choice(MINE)
        path, digest = self.fresh(victim)
        with open(path, "rb") as f:
            os.fsync(f.fileno())
        self.say("victim writes", name, digest[:8])
        self.place(victim, path, name)
        sync_folder(os.path.dirname(victim.path(name)))
        self.written[digest] = name
        if name in MINE:
            self.mine[name] = digest

    def loose(self):
        """A write as most programs do it."""
        victim = self.stand.victim
        path, digest = self.fresh(victim)
        name = self.rng.choice(LOOSE)
        self.say("victim writes without a sync", name, digest[:8])
        os.makedirs(os.path.dirname(victim.path(name)), exist_ok=True)
        os.rename(path, victim.path(name))

    def both(self):
        name = self.rng.choice(BOTH)
        self.keep(name)
        path, digest = self.fresh(self.stand.peer)
        self.say("peer writes", name, digest[:8])
        self.written[digest] = name
        self.place(self.stand.peer, path, name)

    # --- what is promised ---

    def ask(self):
        """Ask the peer to say when all that it has is safe at the victim."""
        self.say("wait")
        self.waits.append((self.stand.peer.waiting(30), {n: len(h) - 1 for n, h in self.history.items()}))

    def hear(self):
        for proc, then in list(self.waits):
            if proc.poll() is None:
                continue
            self.waits.remove((proc, then))
            if proc.returncode == 0:
                self.say("in sync")
                for name, at in then.items():
                    self.acked[name] = max(at, self.acked.get(name, 0))

    def forget_waits(self):
        for proc, _ in self.waits:
            proc.kill()
            proc.wait()
        self.waits = []

    def may_show(self, name):
        """The contents that a name of the peer's may have at the victim; None among them: nothing need be there."""
        return self.past(name)[self.acked.get(name, 0):]

    def seen(self, share):
        return {os.fsdecode(p): e.data for p, e in trees.picture(share).items() if e.kind == "file"}

    def judge(self, image, how):
        """What is on an image before any agent looked at it."""
        self.counts["images"] += 1
        with self.stand.volume.look(image) as at:
            seen = self.seen(os.path.join(at, "share"))
        for name, digest in seen.items():
            plain = workloads.plain_name(name)
            if plain.startswith("loose/"):
                continue
            if digest not in self.written:
                raise Violation("%s: %s is torn (P1)" % (how, name))
            if name in self.history and digest not in self.may_show(name):
                raise Violation("%s: %s is older than what was in sync (P2, P9)" % (how, name))
        for name in self.history:
            if name not in seen and None not in self.may_show(name):
                raise Violation("%s: %s was in sync and is not there (P2, P9)" % (how, name))
        for name, digest in self.mine.items():
            if seen.get(name) != digest:
                raise Violation("%s: %s was synced by the user and is not there (P2)" % (how, name))

    def judge_images(self, hows):
        self.hear()
        volume = self.stand.volume
        images = [(how, volume.cut(how, self.rng.getrandbits(32))) for how in hows]
        self.say("images:", *hows)
        for how, image in images:
            try:
                self.judge(image, how)
            finally:
                os.unlink(image)

    def judge_end(self):
        """All is quiet, and the members are identical."""
        seen = self.seen(self.stand.peer.share)
        for name in self.history:
            may = self.past(name)[-1:] if name in self.known else self.may_show(name)
            if seen.get(name) not in may:
                raise Violation("%s was in sync and then changed or deleted, and is back" % name)
        have = set(seen.values()) | self.taken
        missing = (set(self.written) | self.shown) - have
        if missing:
            missing -= kept(self.stand.peer.share) | kept(self.stand.victim.share)
        if missing:
            raise Violation("lost (P2): %s" % [self.written.get(d, "loose") for d in missing])
        left = leftovers(self.stand.victim)
        if left:
            raise Violation("left in parts: %s" % left)
        self.history = {n: [seen.get(n)] for n in self.history}
        self.acked = {n: 0 for n in self.history}
        copies = {n for n in seen if ".conflict-" in n and not n.startswith("both/")}
        false = [n for n in copies - self.copies if workloads.plain_name(n) in self.known]
        if false:
            raise Violation("what was in sync was taken for a change: %s" % false)
        self.counts["copies"] += len(copies - self.copies)
        self.copies = copies
        self.mine = {n: seen.get(n) for n in self.mine}

    # --- the story ---

    def act(self):
        self.rng.choice(self.deeds)()
        time.sleep(self.rng.choice((0, 0, 0.01, 0.05, 0.2)))

    def chapter(self):
        """Deeds, images at random moments, a power cut, deeds while the victim is down, and the return."""
        peer = [self.put] * 6 + [self.put_many, self.put_many, self.put_big, self.remove, self.remove, self.move, self.ask, self.ask]
        # A user's sync makes much else safe, so there are chapters without.
        self.deeds = peer if self.rng.random() < 0.5 else peer + [self.keep, self.keep, self.loose, self.both, self.both]
        for _ in range(self.rng.randrange(4, 16)):
            self.act()
            if self.rng.random() < 0.2:
                self.judge_images([self.rng.choice(HOWS)])
        if self.rng.random() < 0.7:
            self.ask()
            time.sleep(self.rng.random() * 0.3)
        self.judge_images(self.rng.sample(HOWS, 2))
        how, seed = self.rng.choice(HOWS), self.rng.getrandbits(32)
        self.hear()
        self.known = {n for n, h in self.history.items() if self.acked.get(n) == len(h) - 1}
        # What the victim's user did not sync may be gone there, and that is a change as any other; the peer keeps what it had.
        self.shown = {d for n, d in self.seen(self.stand.peer.share).items() if n.startswith("loose/")}
        self.say("power cut:", how)
        self.stand.lose_power(how, seed, lambda image: self.judge(image, how))
        self.counts["cuts"] += 1
        self.forget_waits()
        self.deeds = [self.put, self.remove]
        for _ in range(self.rng.randrange(3)):
            self.act()
        self.stand.victim.start()
        self.stand.settle(60)
        self.judge_end()


def leftovers(agent):
    end = time.monotonic() + 3
    while True:
        left = os.listdir(agent.path(".lanyard", "parts"))
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.02)


def tell(stand, seed, seconds, most=10**9):
    """Chapters for so long; the story's counts."""
    story = Story(stand, seed)
    end = time.monotonic() + seconds
    try:
        while story.counts["cuts"] < most and time.monotonic() < end:
            story.chapter()
    except (AssertionError, StandError, OSError) as e:
        kind = Violation if isinstance(e, Violation) else AssertionError
        raise kind("seed %d: %s\n%s\n%s" % (
            seed, e, "\n".join(story.script[-60:]), "\n".join(a.tail() for a in stand.agents))) from e
    finally:
        story.forget_waits()
    return story.counts


@pytest.mark.parametrize("kind", ("ext4", "xfs"))
def test_power_cuts_at_random_moments(kind, record_property):
    total, seed, end = {}, SEED, time.monotonic() + SECONDS
    while time.monotonic() < end:
        with PowerStand(kind) as stand:
            for key, n in tell(stand, seed, end - time.monotonic(), 20).items():
                total[key] = total.get(key, 0) + n
        seed += 1
    assert total["cuts"] > 0 and total["images"] > 0
    record_property("power cuts", total["cuts"])
    print("%s, seeds %d to %d: %s" % (kind, SEED, seed - 1, total))


@pytest.mark.parametrize("kind", ("ext4", "xfs"))
def test_what_was_in_sync_is_not_taken_for_a_change_of_ones_own(kind):
    """The files are synced before they are put in place, their rows were not: files that no row knew came back when deleted."""
    with PowerStand(kind) as stand:
        story = Story(stand, SEED)
        for name in PEERS[:2]:
            story.put(name, 3000)
        stand.peer.wait_sync()
        stand.lose_power("none", SEED, lambda image: story.judge(image, "none"))
        os.unlink(stand.peer.path(PEERS[0]))
        story.put(PEERS[1], 4000)
        stand.victim.start()
        assert set(story.seen(stand.peer.share)) == {PEERS[1]}
        stand.settle()
        assert set(story.seen(stand.peer.share)) == {PEERS[1]}


@pytest.mark.parametrize("kind", ("ext4", "xfs"))
def test_the_disk_loses_what_was_not_synced(kind, tmp_path):
    """The disk itself: else the other tests would prove nothing."""
    volume = Volume(str(tmp_path / "volume"), kind)
    data = trees.noise(50_000)
    try:
        for name in ("synced", "loose"):
            with open(os.path.join(volume.at, name), "wb") as f:
                f.write(data)
                if name == "synced":
                    f.flush()
                    os.fsync(f.fileno())
                    sync_folder(volume.at)
        counters = volume.disk.counters()
        assert counters["flushes"] > 0 and counters["writes"] > 0
        for how in HOWS:
            image = volume.cut(how, 1)
            with volume.look(image) as at:
                assert trees.digest(os.path.join(at, "synced")) == trees.hashlib.sha256(data).hexdigest()
                there = os.path.join(at, "loose")
                assert not os.path.exists(there) or os.path.getsize(there) == 0
    finally:
        volume.power_off()


@pytest.mark.parametrize("kind", ("ext4", "xfs"))
def test_an_agent_that_does_not_sync_is_caught(kind):
    """The same story and the same checks, with syncs that do nothing: they must find something to complain of."""
    for seed in range(SEED, SEED + 20):
        with PowerStand(kind, NOSYNC) as stand:
            try:
                tell(stand, seed, 60, 3)
            except Violation as e:
                print("%s: %s" % (kind, str(e).splitlines()[0]))
                return
    raise AssertionError("20 stories without a sync, and nothing was found")


def claims(share, size):
    """{part's name: the map's bytes, one per block} of unfinished downloads of that many bytes."""
    found, parts = {}, os.path.join(share, ".lanyard", "parts")
    for name in os.listdir(parts):
        if name.endswith(".map"):
            with open(os.path.join(parts, name), "rb") as f:
                raw = f.read()
            at = 12 + int.from_bytes(raw[8:12], "big")
            number = int.from_bytes(raw[at + 8:at + 12], "big")
            if int.from_bytes(raw[at:at + 8], "big") == size and len(raw) == at + 44 + 37 * number:
                found[name[:-4]] = raw[-number:]
    return found


def half_here(stand, story, name, size):
    """The peer stands still while the victim has a part of its file; how many blocks that is."""
    story.put(name, size)
    size = os.path.getsize(stand.peer.path(name))

    def some():
        return any(sum(c) > len(c) / 8 for c in claims(stand.victim.share, size).values())
    until("some blocks are here", lambda: some() or os.path.exists(stand.victim.path(name)), every=0.001)
    stand.peer.proc.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    return size, max((sum(c) for c in claims(stand.victim.share, size).values()), default=0)


@pytest.mark.parametrize("kind", ("ext4", "xfs") if "LANYARD_POWER_SECONDS" in os.environ else ("ext4",))
def test_a_download_goes_on_after_a_power_cut(kind):
    """Blocks that were here for a while are not fetched again; those that the cut took are noticed, and are."""
    with PowerStand(kind) as stand:
        story = Story(stand, SEED)
        for number in range(6):
            size, had = half_here(stand, story, "p/big-%d" % number, 40 * MIB)
            if had > 0:
                break
            # It was too quick for us.
            stand.peer.proc.send_signal(signal.SIGCONT)
            stand.settle()
        assert had > 0

        def safe():
            image = stand.volume.cut("none", SEED)
            with stand.volume.look(image) as at:
                left = claims(os.path.join(at, "share"), size)
            os.unlink(image)
            return any(sum(c) >= had for c in left.values())
        until("the blocks are safe", safe, 25, every=1)
        stand.lose_power("torn", SEED)
        stand.peer.proc.send_signal(signal.SIGCONT)
        stand.victim.start()
        stand.settle()
        counters = stand.victim.status()["counters"]
        print("%s: %d blocks before the cut, %d not fetched again" % (kind, had, counters["blocks_resumed"]))
        assert counters["blocks_resumed"] >= had
