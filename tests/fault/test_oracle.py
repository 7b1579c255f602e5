"""An outside oracle: a seeded generator drives three real agents as a black box, and explains what it sees at the end, or fails.

Operations are writes, deletions, renames and mode changes in one agent's share, kill -9, SIGSTOP, pause, clean stops and starts.
Every content is written once only.  What a write or a deletion took away is known exactly, since the new file is exchanged
with the old one.  After quiet: all trees are alike (P3), every file is whole (P1), and each content ever written is in the
tree, in a member's versions, or was taken away by a user who had it before him (P2).

`make oracle SECONDS=600 SEED=1` goes on for as long as wanted; a failure names its seed.
"""
import ctypes
import errno
import os
import random
import signal
import time

from stand import GROUP, Stand, trees

SECONDS = float(os.environ.get("LANYARD_ORACLE_SECONDS") or 15)
SEED = int(os.environ.get("LANYARD_ORACLE_SEED") or 1)
STEPS = 40
NAMES = [os.path.join(d, n) for d in ("", "d", "d/e", "x") for n in ("a.txt", "b", "c.tar.gz")]
AT_FDCWD, NOREPLACE, EXCHANGE = -100, 1, 2
libc = ctypes.CDLL(None, use_errno=True)


def rename2(old, new, flags):
    """True when done, False when the target is (EXCHANGE) not or (NOREPLACE) already there."""
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags) == 0:
        return True
    if ctypes.get_errno() in (errno.ENOENT, errno.EEXIST, errno.ENOTDIR):
        return False
    raise OSError(ctypes.get_errno(), "rename", new)


class Oracle:
    def __init__(self, stand, seed):
        self.stand, self.rng, self.seed = stand, random.Random(seed), seed
        self.written, self.taken, self.script = {}, set(), []
        self.stopped, self.paused = set(), set()

    def say(self, *what):
        self.script.append(" ".join(map(str, what)))

    def took(self, path):
        """A user saw this content and put something else, or nothing, in its place."""
        self.taken.add(trees.digest(path))
        os.unlink(path)

    def place(self, agent, fresh, name):
        target = agent.path(name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        while True:
            if rename2(fresh, target, EXCHANGE):
                self.took(fresh)
                return
            if rename2(fresh, target, NOREPLACE):
                return
            os.makedirs(os.path.dirname(target), exist_ok=True)

    def write(self, agent):
        name = self.rng.choice(NAMES)
        data = b"%d/%d %s\n" % (self.seed, len(self.written), agent.name.encode())
        data += self.rng.randbytes(self.rng.choice((0, 100, 3000, 90_000, 300_000)))
        fresh = os.path.join(agent.dir, "fresh")
        with open(fresh, "wb") as f:
            f.write(data)
        self.say(agent.name, "writes", name, len(data))
        self.written[trees.digest(fresh)] = self.script[-1]
        self.place(agent, fresh, name)

    def out(self, agent, name):
        """The file is taken out of the share; None when there is none."""
        there = os.path.join(agent.dir, "out")
        try:
            os.rename(agent.path(name), there)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return there

    def delete(self, agent):
        name = self.rng.choice(NAMES)
        there = self.out(agent, name)
        if there is not None:
            self.say(agent.name, "deletes", name)
            self.took(there)

    def move(self, agent):
        name, other = self.rng.sample(NAMES, 2)
        there = self.out(agent, name)
        if there is not None:
            self.say(agent.name, "moves", name, "to", other)
            self.place(agent, there, other)

    def chmod(self, agent):
        name = self.rng.choice(NAMES)
        try:
            os.chmod(agent.path(name), self.rng.choice((0o600, 0o644, 0o755)))
            self.say(agent.name, "changes the mode of", name)
        except (FileNotFoundError, NotADirectoryError):
            pass

    def kill(self, agent):
        self.stopped.discard(agent)
        if agent.running():
            self.say("kill -9", agent.name)
            agent.kill9()
        else:
            self.start(agent)

    def end(self, agent):
        self.stopped.discard(agent)
        if agent.running():
            self.say("stop", agent.name)
            agent.stop()
        else:
            self.start(agent)

    def start(self, agent):
        if not agent.running():
            self.say("start", agent.name)
            agent.start()

    def freeze(self, agent):
        if agent in self.stopped:
            self.stopped.discard(agent)
            self.say("SIGCONT", agent.name)
            agent.proc.send_signal(signal.SIGCONT)
        elif agent.running():
            self.stopped.add(agent)
            self.say("SIGSTOP", agent.name)
            agent.proc.send_signal(signal.SIGSTOP)

    def pause(self, agent):
        if not agent.running() or agent in self.stopped:
            return
        verb = "resume" if agent in self.paused else "pause"
        self.paused ^= {agent}
        self.say(verb, agent.name)
        agent.cli(verb, GROUP)

    def run(self):
        moves = [self.write] * 10 + [self.delete] * 3 + [self.move] * 3 + [self.chmod] * 2
        moves += [self.kill, self.kill, self.end, self.freeze, self.freeze, self.pause]
        for _ in range(STEPS):
            self.rng.choice(moves)(self.rng.choice(self.stand.agents))
            time.sleep(self.rng.choice((0, 0, 0.005, 0.05, 0.2)))
        for agent in self.stand.agents:
            if agent in self.stopped:
                self.freeze(agent)
            self.start(agent)
            if agent in self.paused:
                self.pause(agent)

    def explain(self, picture):
        seen = {e.data for e in picture.values() if e.kind == "file"}
        strangers = [p for p, e in picture.items() if e.kind == "file" and e.data not in self.written]
        assert not strangers, "nobody wrote what is in %s" % strangers
        missing = set(self.written) - seen - self.taken
        missing -= set() if not missing else self.kept()
        assert not missing, "lost: %s" % [self.written[d] for d in missing]

    def kept(self):
        found = set()
        for agent in self.stand.agents:
            for folder in ("versions", "kept"):
                for at, _, names in os.walk(agent.path(".lanyard", folder)):
                    found.update(trees.digest(os.path.join(at, n)) for n in names)
        return found


def test_everything_that_is_seen_can_be_explained(record_property):
    end, seed, operations = time.monotonic() + SECONDS, SEED, 0
    written, taken = {}, set()
    with Stand(("a", "b", "c"), ()) as stand:
        while True:
            oracle = Oracle(stand, seed)
            oracle.written, oracle.taken = written, taken
            try:
                oracle.run()
                oracle.explain(stand.settle(60))
            except Exception as e:
                raise AssertionError("seed %d: %s\n%s\n%s" % (
                    seed, e, "\n".join(oracle.script), "\n".join(a.tail() for a in stand.agents))) from e
            operations += len(oracle.script)
            seed += 1
            if time.monotonic() > end:
                break
    record_property("operations", operations)
    print("seeds %d to %d: %d operations, %d contents explained" % (SEED, seed - 1, operations, len(written)))
