"""Swapped under its hands: P5 (nothing outside of the share is read, written or told), and P2 and P3 when all is over.

The library of preload.c puts a symlink that leads out, another mount or somebody else's file in the place of what a call of the
agent is about to touch, or of the folder that is in, and takes it away again: at call 1, 2, 3... of each workload, all of them
when LANYARD_FAULT=all, a stride otherwise; then at random calls of many changes; then from a thread of its own, as fast as it
goes.  LANYARD_RACES is the number of tries of each random sort.
"""
import hashlib
import os
import random
import signal
import time

import pytest

import outside
import test_crash
import workloads
from stand import ALL, KINDS, LINK, MOUNT, OTHER, PARENT, PATH, SELF, SWAP, Stand, StandError, until

QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "2"))
RACES = int(os.environ.get("LANYARD_RACES") or (10000 if ALL else 60))
HELD = 0.1     # seconds for which what does not go back by itself stays
CAN_MOUNT = os.geteuid() == 0
HOWS = [LINK, OTHER] + ([MOUNT] if CAN_MOUNT else [])
LEAD_OUT = [h for h in HOWS if h != OTHER]
WHATS_NAMES, HOWS_NAMES = ("self", "parent", "path"), ("link", "mount", "other")


@pytest.fixture
def pair():
    # The peer lies so much deeper that a symlink that leads out of the victim's share leads nowhere there, also when it is moved:
    # the test's own calls follow symlinks.
    with Races(names=("f/" * 8 + "peer", "victim")) as s:
        yield s


class Races(Stand):
    """Two agents, what the victim must not touch, and orders for the library."""
    under = []  # words before the victim's command

    def form(self):
        # Mounts are made for the victim alone, so that this process sees what is under them.
        self.victim.wrap = (["unshare", "-m", "--propagation", "private"] if CAN_MOUNT else []) + self.under
        self.victim.roots = (self.victim.share,)
        super().form()
        self.outside = outside.Outside(os.path.join(self.dir, "outside"))
        self.asides = 0

    def order(self, what, how, back=0, chance=0, seed=1, race=0, paths=()):
        swap = self.victim.fault.page.swap
        aside = os.path.join(self.dir, "aside", str(self.asides))
        self.asides += 1
        os.makedirs(aside)
        for name, value in (("what", what), ("how", how), ("back", back), ("chance", chance), ("seed", seed), ("tries", 0),
                            ("again", 0), ("undo", 0), ("race", race), ("path", os.fsencode(":".join(paths))),
                            ("below", os.fsencode(self.victim.share)), ("aside", os.fsencode(aside)),
                            ("file", os.fsencode(self.outside.file)), ("folder", os.fsencode(self.outside.path))):
            setattr(swap, name, value)
        return swap

    def undo(self):
        """All is put back as it was, and nothing is swapped any more."""
        swap = self.victim.fault.page.swap
        swap.undo, swap.race = 1, 0
        self.victim.fault.disarm()
        until("what was swapped is back", lambda: not swap.in_)
        if swap.how == MOUNT:
            # No event tells that a mount is gone: new rules make the agent look at everything sooner than it would.
            workloads.put(self.victim, self.victim.path(".lanyardignore"), b"# %d\n" % self.asides)

    def check(self):
        self.outside.check()
        for agent in self.agents:
            told = outside.leaked(agent.dir)
            assert not told, "%s holds a secret: %s" % (agent.name, told)


def contents(*folders):
    found = set()
    for folder in folders:
        for at, _, names in os.walk(folder):
            for name in names:
                full = os.path.join(at, name)
                if os.path.isfile(full) and not os.path.islink(full):
                    with open(full, "rb") as f:
                        found.add(hashlib.file_digest(f, "sha256").hexdigest())
    return found


def act(run, workload):
    """A victim that acts itself stands still meanwhile, so that it is not the test that walks into what is swapped."""
    if run.actor is not run.victim:
        workload.act(run)
        return
    run.victim.proc.send_signal(signal.SIGSTOP)
    try:
        workload.act(run)
    finally:
        run.victim.proc.send_signal(signal.SIGCONT)


def quiet(s, seconds):
    """Both say in sync, or the time is over."""
    waits = [a.waiting(seconds) for a in s.agents]
    end = time.monotonic() + seconds
    while any(w.poll() is None for w in waits) and time.monotonic() < end:
        time.sleep(0.003)
    for w in waits:
        if w.poll() is None:
            w.kill()
        w.wait()


def swap_at(s, workload, number, actor, point, what, how, back):
    """One point: what was called when something was swapped, None when there was no such call."""
    run = test_crash.set_up(s, workload, number, actor)
    fault, swap = s.victim.fault, s.order(what, how, back)
    fault.arm(SWAP, point, kinds=KINDS)
    try:
        act(run, workload)
        if back:
            quiet(s, 2)
        else:
            end = time.monotonic() + 2
            while not swap.tries and time.monotonic() < end:
                time.sleep(0.003)
            quiet(s, HELD)
        s.undo()
        s.settle(100)
        s.check()
        kept = contents(*(a.share for a in s.agents), os.path.join(s.dir, "aside"))
        for name, digest in run.final.items():
            assert digest in (None, Ellipsis) or digest in kept, "%s is lost" % name
    except (AssertionError, StandError, OSError) as e:
        raise AssertionError("%s, call %d (%s), %s swapped for %s, back after %d: %s\n%s\n%s" % (
            workload.name, point, fault.what, WHATS_NAMES[what], HOWS_NAMES[how], back, e, s.victim.tail(), s.peer.tail())) from e
    return fault.what if swap.tries else None


def calls_of(s, workload, actor):
    run = test_crash.set_up(s, workload, 0, actor)
    s.order(PATH, LINK)
    s.victim.fault.arm(SWAP, 1 << 30, kinds=KINDS)
    act(run, workload)
    s.settle()
    time.sleep(0.05)
    return s.victim.fault.disarm()


WORK = [(w, "peer") for w in workloads.RECEIVED] + [(w, "victim") for w in workloads.SENT]
if not ALL:
    WORK = [c for c in WORK if c[0].name in ("update", "updmedium", "folderdelete", "mode", "filetofolder", "s-update", "s-batch")]
SORTS = [(what, how, back) for what in (SELF, PARENT) for how in HOWS for back in (1, 2, 0)]


@pytest.mark.parametrize("workload,actor", WORK, ids=lambda x: getattr(x, "name", x))
def test_something_else_stands_where_a_call_goes(pair, workload, actor, record_property):
    total = calls_of(pair, workload, actor)
    assert total > 5, "only %d calls are seen" % total
    tries, number, kinds = 0, 0, {}
    order = [(p, sort) for p in range(1, total + 1) for sort in SORTS]
    if not ALL:
        # Each workload has its own sample, the same in each run.
        order = random.Random(workload.name).sample(order, min(len(order), QUICK_POINTS * 3))
    for point, (what, how, back) in order:
        number += 1
        called = swap_at(pair, workload, number, actor, point, what, how, back)
        if called is not None:
            tries += 1
            kinds[called.split()[0]] = kinds.get(called.split()[0], 0) + 1
    assert tries > 0
    record_property("tries", tries)
    print("%s: %d calls, %d swaps: %s" % (workload.name, total, tries, kinds))


class Work:
    """Changes of all kinds by the peer, without end, in a folder that the victim holds as well."""

    def __init__(self, s, seed):
        self.s, self.rng, self.number = s, random.Random(seed), 0
        self.top = "w%d" % seed
        self.names = ["d/f%d" % i for i in range(4)] + ["d/e/f%d" % i for i in range(4)] + ["f%d" % i for i in range(4)]
        for name in self.names:
            self.write(name, 300)

    def path(self, name):
        return self.s.peer.path(self.top, name)

    def write(self, name, size):
        self.number += 1
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        workloads.put(self.s.peer, self.path(name), workloads.noise("%s/%d" % (self.top, self.number), size))

    def step(self):
        name, other = self.rng.choice(self.names), self.rng.choice(self.names)
        dice = self.rng.random()
        try:
            if dice < 0.4:
                self.write(name, self.rng.choice((10, 3000, 3000, 300_000)))
            elif dice < 0.5:
                os.unlink(self.path(name))
            elif dice < 0.65:
                os.rename(self.path(name), self.path(other))
            elif dice < 0.8:
                os.chmod(self.path(name), self.rng.choice((0o600, 0o644, 0o755)))
            elif dice < 0.9:
                os.utime(self.path(name), ns=(10**9 * self.number, 10**9 * self.number))
            elif dice < 0.95:
                os.rename(self.path("d/e"), self.path("e"))
                self.s.peer.waiting(1).wait()
                os.rename(self.path("e"), self.path("d/e"))
            else:
                self.s.victim.lanyard("restore", "g", "%s/%s" % (self.top, name))
        except OSError:
            pass  # the victim's side of it took the file away


def settled(s):
    """All is in sync and identical again, and nothing outside was touched or told."""
    try:
        s.settle(100)
    except StandError as e:
        raise StandError("%s\n%s\n%s" % (e, s.victim.status(), s.victim.tail())) from e
    s.check()


def keep_swapping(s, work, swap, tries, seconds):
    """Work until that many swaps were done, or the time is over: how many were."""
    end = time.monotonic() + seconds
    s.victim.fault.arm(SWAP, kinds=KINDS)
    while swap.tries < tries and time.monotonic() < end:
        assert s.victim.running(), "the victim died: %s\n%s" % (s.victim.proc.returncode, s.victim.tail())
        for _ in range(5):
            work.step()
        time.sleep(0.002)
    s.undo()
    return swap.tries


@pytest.mark.parametrize("how", HOWS if ALL else LEAD_OUT, ids=HOWS_NAMES.__getitem__)
@pytest.mark.parametrize("what", (SELF, PARENT), ids=WHATS_NAMES.__getitem__)
def test_something_else_stands_at_random_calls(pair, what, how, record_property):
    """Swapped at one call in ten, back one to three calls later."""
    work, done, seed = Work(pair, 1), 0, 0
    while done < RACES:
        seed += 1
        swap = pair.order(what, how, back=1 + seed % 3, chance=10, seed=seed)
        got = keep_swapping(pair, work, swap, min(300, RACES - done), 2 if not ALL else 20)
        settled(pair)
        done += got
        if not ALL:
            break
    assert done > 0
    record_property("tries", done)
    print("%s by %s: %d swaps at random calls" % (WHATS_NAMES[what], HOWS_NAMES[how], done))


def inside(s, work):
    """Folders and files on all ways to the share's content."""
    return [s.victim.path(work.top, n) for n in ("", "d", "d/e", "f0", "d/f1", "d/e/f2")] + [
        s.victim.path(".lanyard", n) for n in ("parts", "versions")]


def root(s, _):
    return [s.victim.share, s.victim.path(".lanyard")]


@pytest.mark.parametrize("how", HOWS, ids=HOWS_NAMES.__getitem__)
@pytest.mark.parametrize("where", (inside, root) if ALL else (inside,), ids=lambda f: f.__name__)
def test_something_comes_and_goes_as_fast_as_it_can(pair, where, how, record_property):
    """A thread swaps, also within one call of the agent."""
    work, done, seed = Work(pair, 1), 0, 0
    pair.settle()
    paths = where(pair, work)
    while done < RACES * 10:
        seed += 1
        swap = pair.order(PATH, how, seed=seed, race=1, paths=[p.rstrip("/") for p in paths])
        done += keep_swapping(pair, work, swap, RACES * 10, 1 if not ALL else 20)
        settled(pair)
        if not ALL:
            break
    assert done > 0
    record_property("tries", done)
    print("%s by %s: %d swaps" % (where.__name__, HOWS_NAMES[how], done))


@pytest.mark.parametrize("how", HOWS if ALL else HOWS[:1], ids=HOWS_NAMES.__getitem__)
def test_the_share_itself_is_swapped(pair, how):
    """What stands where the share was is not taken for it; when it is back, all goes on."""
    work = Work(pair, 1)
    pair.settle()
    for path in (pair.victim.share, pair.victim.path(".lanyard"))[:2 if ALL else 1]:
        swap = pair.order(PATH, how, paths=[path])
        pair.victim.fault.arm(SWAP, 1, kinds=KINDS)
        for _ in range(20):
            work.step()
        until("the share was swapped", lambda: swap.tries)
        for _ in range(20):
            work.step()
        quiet(pair, 0.5)
        pair.undo()
        settled(pair)
