"""Storms: creations, renames and deletions as fast as the disk goes, on one member or two, with the events lost on the way.

When it is over all trees are identical to the last file (P3), each agent's list of files is what is there (P9), what one member alone
wrote is what he left (P2), and nothing is there that nobody wrote.  LANYARD_STORM is the number of operations: 1,000,000 with
LANYARD_FAULT=all.
"""
import os
import random
import signal
import time

import pytest

from stand import ALL, GROUP, Stand, StandError
import trees  # noqa: E402
from agents import name_bytes  # noqa: E402

OPERATIONS = int(os.environ.get("LANYARD_STORM") or (1_000_000 if ALL else 12_000))
QUIET = 30 + OPERATIONS // 1000  # seconds until all is well again, at most
STEADY, NAMES = 700, 600         # files that stay, so that no burst looks like an accident; names in the storm


class Storm:
    """One user's storm in his own share; `left` is what should be there afterwards when nobody else writes."""

    def __init__(self, agent, seed, top="storm"):
        self.agent, self.rng, self.top = agent, random.Random(seed), agent.path(top)
        self.seed, self.done, self.left = seed, 0, {}
        self.folders = ["", "a", "a/b", "c"]

    def steady(self):
        """Made before the storm, and left alone."""
        for folder in self.folders:
            os.makedirs(os.path.join(self.top, folder), exist_ok=True)
        trees.many(self.agent.path("steady"), STEADY, size=20, seed=self.seed)

    def name(self):
        n = self.rng.randrange(NAMES)
        return os.path.join(self.folders[n % len(self.folders)], "n%d" % n)

    def operation(self):
        name, dice = self.name(), self.rng.random()
        path = os.path.join(self.top, name)
        if dice < 0.45:
            data = b"%d/%d\n" % (self.seed, self.done)
            with open(path, "wb") as f:
                f.write(data)
            self.left[name] = data
        elif dice < 0.65:
            os.unlink(path)
            self.left.pop(name, None)
        elif dice < 0.9:
            to = self.name()
            os.rename(path, os.path.join(self.top, to))
            if to != name:
                self.left[to] = self.left.pop(name, None)
        elif dice < 0.95:
            os.mkdir(path)
            os.rmdir(path)
        else:
            # A folder with something in it, moved and moved back.
            folder = os.path.join(self.top, self.rng.choice(("a/b", "c")))
            os.rename(folder, folder + ".moved")
            os.rename(folder + ".moved", folder)

    def blow(self, operations):
        for _ in range(operations):
            try:
                self.operation()
            except OSError:
                pass  # no such file, or the other user's doing
            self.done += 1


def blow_at_once(storms, operations):
    """Each storm in a process of its own, so that they are fast and together."""
    children = []
    for storm in storms:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                storm.blow(operations)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)


def calm(s):
    """All in sync, identical, and listed as they are; the picture of it."""
    end = time.monotonic() + QUIET
    while True:
        try:
            picture = s.settle(QUIET)
            break
        except StandError as e:
            # One that was in sync may have heard of something since.
            if "say in sync" not in str(e) or time.monotonic() > end:
                raise
            time.sleep(0.2)
    wanted = {p: e.size for p, e in picture.items() if e.kind == "file"}
    for agent in s.agents:
        listed = {name_bytes(f["path"]): f["size"] for f in agent.cli("files", GROUP)["files"]
                  if f["kind"] == "file" and f["here"]}
        assert listed == wanted, "%s lists %d files, %d are there: %s" % (
            agent.name, len(listed), len(wanted), sorted(set(listed.items()) ^ set(wanted.items()))[:5])
        status = agent.status()
        assert not status["problems"] and not status["held"], status
    return picture


def as_left(storm, picture, top=b"storm/"):
    found = {os.fsdecode(p)[len(top):] for p, e in picture.items() if p.startswith(top) and e.kind == "file"}
    assert found == set(storm.left), "not what was left: %s" % sorted(found ^ set(storm.left))[:5]
    for name, data in storm.left.items():
        with open(os.path.join(storm.top, name), "rb") as f:
            assert f.read() == data, name


@pytest.mark.parametrize("overflow", (False, True), ids=("watched", "overflow"))
def test_a_storm_of_one(overflow, record_property):
    """With overflow the agents stand still meanwhile, and far more happens than the kernel keeps events for."""
    with Stand(("writer", "second"), faulty=()) as s:
        storm = Storm(s.peer, 1)
        storm.steady()
        s.settle()
        for agent in s.agents if overflow else ():
            agent.proc.send_signal(signal.SIGSTOP)
        storm.blow(OPERATIONS if not overflow else max(OPERATIONS, 12_000))
        for agent in s.agents:
            agent.proc.send_signal(signal.SIGCONT)
        as_left(storm, calm(s))
        if overflow:
            assert "faster than they could be read" in s.peer.tail(1000), "no overflow: %s" % s.peer.tail()
        record_property("operations", storm.done)
        print("%d operations by one" % storm.done)


def test_a_storm_of_two(record_property):
    """Two members in the same names, and a third who only watches."""
    with Stand(("one", "two", "third"), faulty=()) as s:
        storms = [Storm(agent, seed) for seed, agent in enumerate(s.agents[:2], 1)]
        storms[0].steady()
        s.settle()
        blow_at_once(storms, OPERATIONS // 2)
        # What nobody else touches is there whatever went on around it.
        own = {}
        for storm in storms:
            for i in range(100):
                name = "own-%d-%d" % (storm.seed, i)
                own[name] = b"%s\n" % name.encode()
                with open(os.path.join(storm.agent.share, name), "wb") as f:
                    f.write(own[name])
        picture = calm(s)
        for name, data in own.items():
            for agent in s.agents:
                with open(agent.path(name), "rb") as f:
                    assert f.read() == data
        for path, e in picture.items():
            if e.kind == "file" and path.startswith(b"storm/"):
                with open(s.peer.path(os.fsdecode(path)), "rb") as f:
                    # What was opened and not written yet may have been renamed by the other user.
                    seed, number = (f.read() or b"1/0").split(b"/")
                assert int(seed) in (1, 2) and 0 <= int(number) < OPERATIONS // 2, "%s: nobody wrote that" % path
        record_property("operations", OPERATIONS)
        print("%d operations by two" % OPERATIONS)
