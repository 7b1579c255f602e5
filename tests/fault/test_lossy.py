"""Disks that keep less of a file than ours: content comes, what such a disk makes of modes, times and names is nobody else's
truth, and what it cannot do is done another way (tests/fault/lossy_disk.c).
"""
import os
import shutil
import stat
import subprocess

import pytest
import stand
import trees
from stand import GROUP, Stand, StandError, until
from volatile import GUARD, own_mounts

SERVER = os.path.join(stand.BUILD, "tests", "fault", "lossy_disk")
ALL = ("modes", "utime", "names", "flags", "links", "syncdir")
NS = 1700000001123456789
FAR = 3976214400_123456789  # in 2096


class LossyStand(Stand):
    """The shares of the last agents are on disks that lack something: lacks has a tuple for each of them."""

    def __init__(self, *lacks, names=("peer", "third", "victim")):
        own_mounts("/dev/fuse")
        super().__init__(names, ())
        self.servers = []
        try:
            for a, lack in zip(self.agents[len(names) - len(lacks):], lacks):
                self.put_on(a, lack)
        except BaseException:
            self.__exit__()
            raise

    def put_on(self, a, lack):
        real = os.path.join(a.dir, "real")
        os.makedirs(real)
        server = subprocess.Popen(GUARD + [SERVER, real, a.share, *lack], stdin=subprocess.DEVNULL)
        self.servers.append((a.share, server))

        def mounted():
            if server.poll() is not None:
                raise StandError("lossy_disk ended with %d" % server.returncode)
            return os.path.ismount(a.share)
        until("the disk is there", mounted)

    def __exit__(self, *exc):
        for a in self.agents:
            a.kill9()
        for at, server in self.servers:
            subprocess.run(["umount", "-l", at], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            server.kill()
            server.wait()
        if os.environ.get("LANYARD_FAULT_KEEP") is None:
            shutil.rmtree(self.dir, ignore_errors=True)

    def settle(self, seconds=20, below=""):
        """All in sync; those on good disks identical, and the others identical except in modes and times."""
        for _ in range(2):
            for a in self.agents:
                a.wait_sync(seconds, len(self.agents) - 1)
        pictures = [trees.picture(a.share) for a in self.agents]
        good = len(self.agents) - len(self.servers)
        for i, other in enumerate(pictures[1:], 1):
            one = pictures[0]
            if i >= good:
                one, other = contents(one), contents(other)
            said = trees.differences(one, other)
            if said:
                raise StandError("peer and %s differ:\n%s\n%s" % (
                    self.agents[i].name, "\n".join(said), self.agents[i].tail()))
        return pictures[0]


def contents(picture):
    return {path: e._replace(mode=None, mtime=None) for path, e in picture.items()}


def write_odd(share):
    """One of each that some disk cannot keep."""
    trees.write(share, {"key": b"secret", "script": b"#!/bin/sh\n", "far": b"future", "dir/in": b"it", "big": trees.noise(3 << 20)})
    os.symlink("key", os.path.join(share, "link"))
    for name, mode, ns in (("key", 0o600, NS), ("script", 0o750, NS + 1), ("far", 0o640, FAR), ("big", 0o400, NS + 3), ("dir/in", 0o604, NS + 4)):
        os.chmod(os.path.join(share, name), mode)
        os.utime(os.path.join(share, name), ns=(ns, ns))
    os.utime(os.path.join(share, "link"), ns=(NS + 5, NS + 5), follow_symlinks=False)
    os.chmod(os.path.join(share, "dir"), 0o710)


def stat_of(a, name):
    st = os.lstat(a.path(name))
    return stat.S_IMODE(st.st_mode), st.st_mtime_ns


def rescan(a):
    """Off and on: everything there is checked again."""
    a.stop()
    a.start()


@pytest.mark.parametrize("lack", [("modes",), ("chmod",), ("utime",), ("seconds",), ("flags",), ("flags", "links"),
                                  ("syncdir",), ("names",), ALL, ("chmod", "seconds")], ids="-".join)
def test_what_a_disk_cannot_keep_is_nobody_elses_truth(lack):
    with LossyStand(lack) as s:
        write_odd(s.peer.share)
        before = trees.picture(s.peer.share)
        assert s.settle() == before
        rescan(s.victim)
        assert s.settle() == before
        # A user's doing there is told, and what the disk cannot keep goes on as it was asked.
        os.rename(s.victim.path("key"), s.victim.path("dir/moved"))
        with open(s.victim.path("script"), "a") as f:
            f.write("exit\n")
        s.settle()
        assert stat_of(s.peer, "dir/moved") == (0o600, NS)
        assert stat_of(s.peer, "script")[0] == 0o750
        now = trees.picture(s.peer.share)
        for name in (b"far", b"big", b"dir", b"dir/in", b"link"):
            assert now[name] == before[name]
        # And what comes for what is there already, and what goes.
        trees.write(s.peer.share, {"far": b"again", "big": trees.noise(2 << 20, 2)})
        os.chmod(s.peer.path("dir/in"), 0o660)
        os.unlink(s.peer.path("script"))
        os.rename(s.peer.path("dir"), s.peer.path("folder"))
        after = trees.picture(s.peer.share)
        assert s.settle() == after
        rescan(s.victim)
        assert s.settle() == after
        assert not s.victim.status()["problems"]


def test_two_that_keep_no_modes_tell_each_other_nothing():
    with LossyStand(("modes", "seconds"), ("chmod", "utime")) as s:
        write_odd(s.peer.share)
        before = trees.picture(s.peer.share)
        assert s.settle() == before
        for a in s.agents[1:]:
            rescan(a)
        assert s.settle() == before
        sent = [a.status()["counters"]["records_sent"] for a in s.agents]
        for a in s.agents:
            a.cli("verify", GROUP)
        assert s.settle() == before
        assert sent == [a.status()["counters"]["records_sent"] for a in s.agents]


def test_what_a_disk_lacks_is_said():
    with LossyStand(("modes",), ALL) as s:
        assert [a.status()["disk_lacks"] for a in s.agents[:1]] == [[]]
        third, victim = (a.status()["disk_lacks"] for a in s.agents[1:])
        assert len(third) == 1 and "permissions" in third[0]
        said = " ".join(victim)
        assert all(word in said for word in ("permissions", "times", "long names", "power cut", "exchange", "hard links")), said
        assert "its disk does not store permissions" in s.victim.lanyard("status").stdout.decode()
        assert "does not store permissions" in s.victim.lanyard("doctor").stdout.decode()
        s.victim.cli("leave", GROUP)
        made = s.victim.lanyard("create", "another", "--share", s.victim.path("another"))
        assert made.returncode == 0 and b"note: the disk of" in made.stderr and b"does not store permissions" in made.stderr
        assert not os.listdir(s.victim.path("another", ".lanyard", "parts"))


def reasons(a, n):
    until(lambda: "%d problems: %r" % (n, a.status()["problems"]), lambda: len(a.status()["problems"]) == n)
    return {p["path"]: p["reason"] for p in a.status()["problems"]}


def test_what_such_a_disk_cannot_hold_has_its_true_reason():
    with LossyStand(("symlinks",), names=("peer", "victim")) as s:
        os.symlink("to", s.peer.path("link"))
        assert reasons(s.victim, 1) == {"link": "this disk cannot hold symlinks"}


def test_names_that_differ_in_case_alone_harm_nobody():
    with LossyStand(("case",), names=("peer", "victim")) as s:
        trees.write(s.peer.share, {"name": b"one", "dir/in": b"two"})
        s.settle()
        trees.write(s.peer.share, {"NAME": b"three", "DIR/in": b"four"})
        before = trees.picture(s.peer.share)
        found = reasons(s.victim, 3)
        assert set(found) == {"NAME", "DIR", "DIR/in"} and all("upper and lower case" in r for r in found.values())
        rescan(s.victim)
        assert set(reasons(s.victim, 3)) == {"NAME", "DIR", "DIR/in"}
        assert trees.picture(s.peer.share) == before
        # The cure.
        os.rename(s.peer.path("NAME"), s.peer.path("other"))
        os.rename(s.peer.path("DIR"), s.peer.path("folder"))
        s.settle()


def test_a_lost_index_on_such_a_disk_changes_nobody():
    with LossyStand(("modes", "seconds"), names=("peer", "victim")) as s:
        write_odd(s.peer.share)
        before = trees.picture(s.peer.share)
        assert s.settle() == before
        s.victim.stop()
        group, = os.listdir(os.path.join(s.victim.home, "groups"))
        for name in os.listdir(os.path.join(s.victim.home, "groups", group)):
            if name.startswith("index.db"):
                os.unlink(os.path.join(s.victim.home, "groups", group, name))
        s.victim.start()
        assert s.settle() == before


@pytest.mark.parametrize("lack", [("names",), ("names", "flags", "links")], ids="-".join)
def test_the_longest_names_a_disk_has_are_edited_deleted_and_in_conflict(lack):
    with LossyStand(lack) as s:
        name = "n" * 139 + ".txt"
        trees.write(s.peer.share, {name: b"1", "x" + name[1:]: b"1", "y" + name[1:]: trees.noise(1 << 20)})
        s.settle()
        trees.write(s.peer.share, {name: b"two", "y" + name[1:]: trees.noise(1 << 20, 2)})
        os.unlink(s.peer.path("x" + name[1:]))
        s.settle()
        assert len(s.victim.cli("versions", GROUP, name)["versions"]) == 1
        s.victim.stop()
        trees.write(s.victim.share, {name: b"mine"})
        trees.write(s.peer.share, {name: b"theirs"})
        s.victim.start()
        now = s.settle()
        assert len(now) == 3 and max(len(n) for n in now) <= 143
        assert not s.victim.status()["problems"]


class VaultStand(LossyStand):
    """A sealed group, whose victim is a vault."""

    def form(self):
        peer, third, victim = self.agents
        for a in self.agents:
            a.start()
        peer.cli("create", GROUP, "--share", peer.share, "--sealed")
        for a, options in ((third, ()), (victim, ("--role", "vault"))):
            a.cli("join", "--invite", peer.lanyard("invite", GROUP, *options).stdout.decode().strip(), "--share", a.share)
        for a in self.agents:
            a.wait_sync(peers=2)

    def handed_over(self, one, other):
        """What the one has comes to the other through the vault alone."""
        one.wait_sync()
        self.victim.wait_sync()
        one.stop()
        other.start()
        other.wait_sync()
        said = trees.differences(trees.picture(one.share), trees.picture(other.share))
        if said:
            raise StandError("%s and %s differ:\n%s\n%s" % (one.name, other.name, "\n".join(said), self.victim.tail()))


@pytest.mark.parametrize("lack", [("modes", "seconds", "flags", "links", "symlinks", "case"), ("chmod", "utime", "names", "flags", "links", "syncdir")],
                         ids=("fat", "others"))
def test_a_vault_on_such_a_disk_keeps_all_that_members_have(lack):
    with VaultStand(lack) as s:
        third, vault = s.agents[1:]
        third.stop()
        write_odd(s.peer.share)
        trees.write(s.peer.share, {"Case": b"1", "case": b"2", "n" * 255: b"long"})
        s.handed_over(s.peer, third)
        vault.kill9()
        vault.start()
        third.wait_sync()
        trees.write(third.share, {"far": b"again", "big2": trees.noise(2 << 20, 2)})
        os.unlink(third.path("script"))
        os.rename(third.path("dir"), third.path("folder"))
        s.handed_over(third, s.peer)
        assert vault.cli("verify", GROUP)["rotten_count"] == 0
        assert not vault.status()["problems"] and not vault.status()["error"]
        assert os.listdir(vault.share) == [".lanyard"]
