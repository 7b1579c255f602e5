"""What the victim's user chooses while the victim is killed, or made to fail, at every call: workloads of commands.

The peer has everything, and what the group has is what the peer has: whatever the victim's user drops, keeps to himself or never
asked for, it must not change there by itself.
"""
import hashlib
import json
import os

from stand import GROUP, contents, until
from workloads import Run

FILES = ("a", "d/b", "d/c", "d/e/f")


class ChoiceRun(Run):
    """`group`: name -> digest of what the group must have; `mine`: what the victim must have once the command is done."""

    def __init__(self, stand, choice, number):
        super().__init__(stand, choice, number)
        self.group, self.mine, self.said = {}, {}, None
        self.meanwhile_done = False

    def give(self, agent, name, data, **kw):
        """A file of the group's."""
        self.write(agent, name, data, **kw)
        self.group[name] = self.final[name]

    def own(self, name, data):
        """A file that the victim's user writes."""
        self.write(self.victim, name, data)
        return self.final[name]

    def rows(self, agent):
        """{name: what `files` says of it}, files only."""
        got = agent.lanyard("--json", "files", GROUP, self.dir)
        if b"there is no " in got.stderr:
            return {}
        rows = json.loads(got.stdout)["files"]
        return {r["path"][len(self.dir) + 1:]: r for r in rows if r["kind"] == "file"}

    def lanyard(self, *args):
        """The victim's command, not waited for: the victim may die of it."""
        self.again = args
        return self.victim.begin(*args)

    def whole(self, agent, *names):
        return all(self.seen(agent).get(n) == self.group[n] for n in names or self.group)


class Choice:
    """prepare() is in sync before anything is counted; act() starts the command that is counted; want() says what is the victim's
    once the command has said that it is done.  mode: the victim's before that."""
    mode = "on-demand"
    had = ()  # what the victim has chosen

    def __init__(self, name):
        self.name = name

    def prepare(self, run):
        run.victim.cli("mode", GROUP, self.mode)
        os.makedirs(run.path(run.peer))
        for name in FILES:
            run.give(run.peer, name, run.bytes(name, 300_000 if name == "d/c" else 2000))
        until("the victim lists it all", lambda: set(run.rows(run.victim)) == set(run.group))
        if self.had:
            run.victim.cli("get", GROUP, *(os.path.join(run.dir, n) for n in self.had))
        if self.mode == "mirror":
            until("the victim has it all", lambda: run.whole(run.victim))

    def act(self, run):
        raise NotImplementedError

    def meanwhile(self, run):
        """What others do while the victim is dead."""

    def after(self, run):
        """What others do once the command is done, and how it must end: nothing by default."""

    def want(self, run):
        return {n: d for n, d in run.group.items() if any(n == h or n.startswith(h + "/") for h in self.had)}


class DropFile(Choice):
    had = ("a", "d")

    def act(self, run):
        return run.lanyard("drop", GROUP, run.dir + "/a")

    def want(self, run):
        return {n: d for n, d in run.group.items() if n != "a"}


class DropFolder(DropFile):
    def act(self, run):
        return run.lanyard("drop", GROUP, run.dir + "/d")

    def want(self, run):
        return {"a": run.group["a"]}


class DropChanged(DropFile):
    """The peer changes what the victim drops, before the victim is back: that stays the group's, and does not come."""

    def meanwhile(self, run):
        run.give(run.peer, "a", run.bytes("later", 2500))
        until("the peer has seen it", lambda: run.rows(run.peer)["a"]["size"] == 2500)


class Get(Choice):
    def act(self, run):
        return run.lanyard("get", GROUP, run.dir + "/d", run.dir + "/a")

    def want(self, run):
        return dict(run.group)


class ToOnDemand(Choice):
    mode = "mirror"

    def act(self, run):
        return run.lanyard("mode", GROUP, "on-demand")

    def want(self, run):
        return dict(run.group)

    def after(self, run):
        """What is new does not come, what is here is kept up to date."""
        run.give(run.peer, "new", run.bytes("new", 1000))
        run.give(run.peer, "a", run.bytes("later", 2500))
        until("the victim lists the new file", lambda: "new" in run.rows(run.victim))
        until("the change has come", lambda: run.seen(run.victim).get("a") == run.group["a"])
        assert "new" not in run.seen(run.victim)
        run.mine = {n: d for n, d in run.group.items() if n != "new"}


class ToMirror(Choice):
    had = ("a",)

    def act(self, run):
        return run.lanyard("mode", GROUP, "mirror")

    def want(self, run):
        return dict(run.group)


class Unshare(Choice):
    had = ("a", "d")

    def act(self, run):
        return run.lanyard("unshare", GROUP, run.dir + "/a", run.dir + "/d/e")

    def after(self, run):
        """Neither side's changes go to the other."""
        run.give(run.peer, "a", run.bytes("theirs", 2500))
        run.mine["d/e/f"] = run.own("d/e/f", run.bytes("own", 2600))
        run.give(run.peer, "sign", run.bytes("sign", 10))
        until("the victim has heard of it", lambda: "sign" in run.rows(run.victim))


class UnshareAtMirror(Unshare):
    mode = "mirror"
    had = ()

    def want(self, run):
        return dict(run.group)

    def after(self, run):
        super().after(run)
        run.mine["sign"] = run.group["sign"]
        until("the sign has come", lambda: run.seen(run.victim).get("sign") == run.group["sign"])


class Share(Choice):
    """What was unshared is shared again: one file as it was, one that its user changed, one that he took away."""
    had = ("a", "d")

    def prepare(self, run):
        super().prepare(run)
        until("it is here", lambda: run.whole(run.victim))
        run.victim.cli("unshare", GROUP, run.dir + "/a", run.dir + "/d")
        run.mine_changed = run.own("a", run.bytes("own", 2600))
        os.unlink(run.path(run.victim, "d/b"))

    def act(self, run):
        return run.lanyard("share", GROUP, run.victim.path(run.dir, "a"), run.victim.path(run.dir, "d"))

    def want(self, run):
        run.group["a"] = run.mine_changed
        return dict(run.group)


class CopyIn(Choice):
    """Files from elsewhere are put into the group."""

    def prepare(self, run):
        super().prepare(run)
        self.source = os.path.join(run.victim.dir, "source", run.dir)
        os.makedirs(os.path.join(self.source, "in"))
        self.added = {}
        for name, size in (("in/x", 3000), ("in/y", 300_000)):
            data = run.bytes(name, size)
            with open(os.path.join(self.source, name), "wb") as f:
                f.write(data)
            self.added[name] = run.allow(name, data)

    def act(self, run):
        return run.lanyard("share", GROUP, os.path.join(self.source, "in"), "--to", run.dir)

    def want(self, run):
        run.group.update(self.added)
        return dict(self.added)


class Revert(Choice):
    """A reader puts the group's back: what it had becomes versions."""
    mode = "mirror"

    def prepare(self, run):
        super().prepare(run)
        run.changed = [run.own("a", run.bytes("own", 2600)), run.own("d/c", run.bytes("own2", 200_000)),
                       run.own("new/n", run.bytes("own3", 700))]
        os.unlink(run.path(run.victim, "d/b"))
        until("the reader's changes are seen", lambda: run.victim.status()["local_changes"] >= 4)

    def act(self, run):
        return run.lanyard("revert", GROUP, run.dir)

    def want(self, run):
        return dict(run.group)

    def after(self, run):
        kept = set()
        for top in (run.victim.share,):
            kept.update(hashlib.file_digest(f, "sha256").hexdigest() for _, f in contents(top))
        lost = set(run.changed) - kept
        assert not lost, "lost: %d of the reader's contents" % len(lost)


class RevertFile(Revert):
    """Nothing but files, so that all is done in one turn."""

    def prepare(self, run):
        Choice.prepare(self, run)
        run.changed = [run.own("a", run.bytes("own", 2600))]
        until("the reader's change is seen", lambda: run.victim.status()["local_changes"] == 1)


CHOICES = [c(n) for n, c in (
    ("drop", DropFile), ("dropfolder", DropFolder), ("dropchanged", DropChanged),
    ("ondemand", ToOnDemand), ("mirror", ToMirror), ("get", Get), ("unshare", Unshare), ("unsharemirror", UnshareAtMirror),
    ("share", Share), ("copyin", CopyIn))]
READERS = [c(n) for n, c in (("revert", Revert),)]
