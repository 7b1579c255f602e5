"""A small disk that is filled to the last byte and freed again, many times, while files come and go: under the share, and under
the home.  Nothing is torn, nothing is lost, nothing spins, and at the end the members are identical and no part is left.

`make fault-test FULL=300` fills it that many times; otherwise it is a dozen.
"""
import contextlib
import os
import random
import time

import pytest
from stand import Stand, trees, until
from test_power import kept, leftovers
from volatile import MIB, own_mounts, run

TIMES = int(os.environ.get("LANYARD_FULL") or 12)
SEED = int(os.environ.get("LANYARD_POWER_SEED") or 1)
NAMES = ["a", "b.txt", "d/c", "d/e/f", "g"]
SIZES = (0, 300, 4000, 60_000, 300_000, MIB)
# A disk that is full all the time leaves little to do. Processor seconds, and lines of the log, for each time.
CPU_MOST, LINES_MOST = 0.3, 20


class FullStand(Stand):
    """The victim's share, or its home, or the two together, are on a disk of their own, of 24 MiB."""

    def __init__(self, what):
        own_mounts()
        super().__init__(("peer", "victim"), ())
        if what == "home":
            self.disk = self.victim.home
        else:
            # The share is a folder of the disk, so that the filler stands beside it.
            self.disk = os.path.join(self.victim.dir, "disk")
            os.makedirs(self.disk)
        run("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", self.disk)
        if what != "home":
            self.victim.share = os.path.join(self.disk, "share")
            os.makedirs(self.victim.share)
        if what == "both":
            self.victim.home = os.path.join(self.disk, "home")
            os.makedirs(self.victim.home, mode=0o700)

    def fill(self):
        """To the last byte."""
        with open(os.path.join(self.disk, "filler"), "ab", buffering=0) as f:
            for size in (MIB, 4096, 1):
                with contextlib.suppress(OSError):
                    while f.write(bytes(size)) == size:
                        pass

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.disk, "filler"))

    def __exit__(self, *exc):
        for a in self.agents:
            a.kill9()
        run("umount", "-l", self.disk)
        super().__exit__(*exc)


class Users:
    """One at the peer, one at the victim: each content is written once, and what a user took away is known."""

    def __init__(self, stand, seed):
        self.stand, self.rng = stand, random.Random(seed)
        self.written, self.taken, self.number = {}, set(), 0

    def write(self, agent):
        """Whole or not at all: a disk that is full refuses the user, too."""
        name = ("peer/" if agent is self.stand.peer else "mine/") + self.rng.choice(NAMES)
        self.number += 1
        data = b"%d " % self.number + self.rng.randbytes(self.rng.choice(SIZES))
        target = agent.path(name)
        # On the share's disk, but out of the share where there is room for that.
        fresh = os.path.join(os.path.dirname(agent.share), "fresh")
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(fresh, "wb") as f:
                f.write(data)
            if os.path.exists(target):
                self.taken.add(trees.digest(target))
            self.written[trees.digest(fresh)] = name
            os.rename(fresh, target)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)

    def delete(self, agent):
        target = agent.path(("peer/" if agent is self.stand.peer else "mine/") + self.rng.choice(NAMES))
        if os.path.isfile(target):
            self.taken.add(trees.digest(target))
            os.unlink(target)

    def act(self):
        agent = self.rng.choice((self.stand.peer, self.stand.peer, self.stand.victim))
        self.rng.choice((self.write, self.write, self.write, self.delete))(agent)

    def whole(self, agent):
        for at, folders, names in os.walk(agent.share):
            folders[:] = [n for n in folders if n != ".lanyard"]
            for path in (os.path.join(at, n) for n in names):
                # What goes away while we look was whole a moment ago.
                with contextlib.suppress(FileNotFoundError):
                    assert trees.digest(path) in self.written, "%s: %r is torn" % (agent.name, path)


def cpu_seconds(agent):
    with open("/proc/%d/stat" % agent.proc.pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def log_lines(agent):
    with open(agent.log_path, "rb") as f:
        return f.read().count(b"\n")


@pytest.mark.parametrize("what", ("share", "home"))
def test_a_disk_filled_and_freed_many_times(what, record_property):
    with FullStand(what) as stand:
        victim, users = stand.victim, Users(stand, SEED)
        cpu, lines = cpu_seconds(victim), log_lines(victim)
        for number in range(TIMES):
            for _ in range(users.rng.randrange(3)):
                users.act()
            time.sleep(users.rng.choice((0, 0.005, 0.03)))
            stand.fill()
            for _ in range(users.rng.randrange(1, 5)):
                users.act()
                time.sleep(users.rng.choice((0, 0.02, 0.1)))
            stand.fill()
            assert victim.running(), victim.tail()
            for agent in stand.agents:
                users.whole(agent)
            stand.free()
            # Sometimes all may come in order before the next time.
            if number % 6 == 5:
                until(lambda: "in sync again: %s\n%s" % (victim.status(), victim.tail()),
                      lambda: victim.waiting(5).wait(20) == 0, 60)
        until(lambda: "in sync at the end: %s\n%s" % (victim.status(), victim.tail()),
              lambda: victim.waiting(5).wait(20) == 0, 60)
        stand.settle(60)
        cpu, lines = cpu_seconds(victim) - cpu, log_lines(victim) - lines
        print("%s: filled %d times, %d contents written; %.1f s of processor time, %d lines in the log" % (
            what, TIMES, len(users.written), cpu, lines))
        seen = {e.data for e in trees.picture(stand.peer.share).values() if e.kind == "file"}
        lost = set(users.written) - seen - users.taken - kept(stand.peer.share) - kept(victim.share)
        assert not lost, "lost: %s" % [users.written[d] for d in lost]
        assert leftovers(victim) == []
        assert victim.status()["problems"] == []
        assert "full" in victim.tail(LINES_MOST * TIMES), "it was never full"
        assert cpu < CPU_MOST * TIMES and lines < LINES_MOST * TIMES
        record_property("times filled", TIMES)


def test_a_file_that_is_too_large_leaves_the_index_its_room():
    """Home and share are on one disk: what does not fit beside a reserve is not begun, and all else goes on."""
    with FullStand("both") as stand:
        victim, peer = stand.victim, stand.peer
        with open(peer.path("large"), "wb") as f:
            f.write(random.Random(SEED).randbytes(20 * MIB))
        problem = until(lambda: "a problem: %s" % victim.status(), lambda: victim.status()["problems"])[0]
        assert problem["path"] == "large" and "reserved for the agent's index" in problem["reason"], problem
        for number in range(200):
            with open(peer.path("peer-%d" % number), "wb") as f:
                f.write(b"%d" % number)
            with open(victim.path("mine-%d" % number), "wb") as f:
                f.write(b"%d" % number)
        until("both have what is small", lambda: os.path.exists(victim.path("peer-199")) and os.path.exists(peer.path("mine-199")))
        disk = os.statvfs(victim.share)
        assert disk.f_bavail * disk.f_frsize > 8 * MIB, "a part of it is here"
        assert "index" not in victim.tail(1000).replace("the agent's index", ""), victim.tail(1000)
        run("mount", "-o", "remount,size=64m", stand.disk)
        until(lambda: "in sync: %s" % victim.status(), lambda: victim.waiting(5).wait(20) == 0, 60)
        assert trees.digest(victim.path("large")) == trees.digest(peer.path("large"))


def fetch_numbers(agent):
    return {n["name"]: n["value"] for n in agent.cli("debug", "dump")["groups"][0]["numbers"] if n["part"] == "fetch"}


def test_a_file_that_does_not_fit_is_taken_once_while_it_is_written():
    """Its blocks come before its record, until the disk is full. They are dropped, and what else is written of it does not
    come at all: it would fill the disk over and over."""
    with FullStand("both") as stand:
        victim, peer, rng = stand.victim, stand.peer, random.Random(SEED)
        with open(peer.path("large"), "wb", buffering=0) as f:
            for number in range(160):
                f.write(rng.randbytes(MIB))
                time.sleep(0.01)  # its pace, as of a copy over a network
                if number % 20 == 0:
                    with open(peer.path("small-%d" % number), "wb") as small:
                        small.write(b"%d" % number)
        until(lambda: "a problem: %s" % victim.status(),
              lambda: [p for p in victim.status()["problems"] if p["path"] == "large"], 60)
        until("what is small is here", lambda: os.path.exists(victim.path("small-140")))
        dropped, received = fetch_numbers(victim)["coming_dropped_bytes"], victim.status()["counters"]["bytes_received"]
        print("%.1f MiB dropped, %.1f received" % (dropped / MIB, received / MIB))
        assert dropped > 0, "nothing came before the record"
        # What was under way when the disk was full comes too; again and again it would be nearly all of the file.
        assert received < 64 * MIB, "what did not fit came again"
        until(lambda: "left: %s" % os.listdir(victim.path(".lanyard", "parts")),
              lambda: not [n for n in os.listdir(victim.path(".lanyard", "parts")) if n.endswith(".coming")])
        # Several workers wrote at the same time, and none of them into what is kept for the index.
        assert "the index cannot be written" not in victim.tail(1000), victim.tail(1000)
