"""A disk that does not answer (a dead NFS server) stops its own group, which says so, and nothing else."""
import os
import signal

import pytest
from stand import GROUP, PATIENCE, until
import trees
from test_lossy import LossyStand

OTHER = "other"


class HangingStand(LossyStand):
    """The victim's share is on a disk that hang() makes silent; a second group of both is on disks that work."""

    def form(self):
        super().form()
        self.others = [os.path.join(a.dir, "other") for a in self.agents]
        self.peer.cli("create", OTHER, "--share", self.others[0])
        token = self.peer.lanyard("invite", OTHER).stdout.decode().strip()
        self.victim.cli("join", "--invite", token, "--share", self.others[1])
        trees.write(self.peer.share, {"a": b"before", "dir/b": b"before"})
        self.settle()

    def hang(self):
        self.servers[0][1].send_signal(signal.SIGSTOP)
        # Something to be done there, so that workers find out.
        trees.write(self.peer.share, {"new": b"while it hangs", "a": b"changed", "dir/b": b"changed"})

    def answer(self):
        self.servers[0][1].send_signal(signal.SIGCONT)

    def other_works(self, name):
        """What is put into the other group arrives, as if nothing was the matter."""
        trees.write(self.others[0], {name: b"x" * 100})
        until("%s is in the other group\n%s" % (name, self.victim.tail()),
              lambda: os.path.exists(os.path.join(self.others[1], name)))
        assert self.victim.lanyard("wait", OTHER, "--peers", "1", "--timeout", "20").returncode == 0

    def hung(self):
        return next(g for g in self.victim.cli("status")["groups"] if g["group"] == GROUP)

    def says_so(self):
        return "has not answered since" in (self.hung()["error"] or "")


@pytest.fixture
def hanging():
    with HangingStand((), names=("peer", "victim")) as s:
        try:
            yield s
        finally:
            s.answer()


def test_a_disk_that_hangs_stops_its_own_group_alone(hanging):
    s = hanging
    since = [c["since"] for c in s.victim.cli("peers")["peers"]]
    s.hang()
    s.other_works("one")
    until("status says that the disk does not answer", s.says_so, 40)
    s.other_works("two")
    assert not s.hung()["in_sync"]
    assert s.victim.lanyard("wait", GROUP, "--timeout", "0").returncode == 1
    # What would need the disk is refused with the reason, now.
    got = s.victim.lanyard("versions", GROUP, "a")
    assert got.returncode == 1 and b"has not answered" in got.stderr
    # Nobody lost the connection meanwhile.
    assert [c["since"] for c in s.victim.cli("peers")["peers"]] == since
    s.answer()
    s.settle()
    assert s.hung()["error"] is None
    assert open(s.victim.path("new"), "rb").read() == b"while it hangs"


def test_an_agent_whose_disk_hangs_ends_and_begins(hanging):
    s = hanging
    s.hang()
    until("status says that the disk does not answer", s.says_so, 40)
    s.victim.stop()
    assert b"stopping without it" in open(s.victim.log_path, "rb").read()
    # It begins beside a disk that does not answer, and goes on when it does.
    s.victim.start()
    s.other_works("three")
    s.answer()
    s.settle()


def test_settings_are_not_read_again_by_an_agent_that_ends(hanging):
    s = hanging
    s.hang()
    s.other_works("six")
    s.victim.proc.send_signal(signal.SIGTERM)
    until("it stops\n" + s.victim.tail(), lambda: b"stopping (SIGTERM)" in open(s.victim.log_path, "rb").read())
    # It waits for the disk, and turns its loop meanwhile.
    with open(os.path.join(s.victim.home, "lanyard.conf"), "w", encoding="utf-8") as f:
        f.write("[agent]\npeer = 192.0.2.1:9\n")
    s.victim.proc.send_signal(signal.SIGHUP)
    s.answer()
    assert s.victim.proc.wait(PATIENCE) == 0, s.victim.tail()
    assert b"settings: read again" not in open(s.victim.log_path, "rb").read()
    s.victim.start()
    s.settle()


def test_what_is_left_while_its_disk_hangs_stays_left_when_the_agent_ends(hanging):
    s = hanging
    s.hang()
    until("status says that the disk does not answer", s.says_so, 40)
    assert s.victim.lanyard("leave", GROUP).returncode == 0
    s.victim.stop()
    s.victim.start()
    assert [g["group"] for g in s.victim.cli("status")["groups"]] == [OTHER]
    s.other_works("five")
    s.answer()
    token = s.peer.lanyard("invite", GROUP).stdout.decode().strip()
    s.victim.cli("join", "--invite", token, "--share", s.victim.share)
    s.settle()


def test_what_is_left_while_its_disk_hangs_ends_when_it_answers(hanging):
    s = hanging
    s.hang()
    until("status says that the disk does not answer", s.says_so, 40)
    assert s.victim.lanyard("leave", GROUP).returncode == 0
    assert [g["group"] for g in s.victim.cli("status")["groups"]] == [OTHER]
    s.other_works("four")
    # The folder is nobody else's before the old group's .lanyard is out of it.
    got = s.victim.lanyard("create", "next", "--share", s.victim.share)
    assert got.returncode == 1 and b"still being left" in got.stderr
    s.answer()
    until(".lanyard is removed\n" + s.victim.tail(), lambda: not os.path.exists(s.victim.path(".lanyard")))
    assert open(s.victim.path("dir/b"), "rb").read() in (b"before", b"changed")
    token = s.peer.lanyard("invite", GROUP).stdout.decode().strip()
    s.victim.cli("join", "--invite", token, "--share", s.victim.share)
    s.settle()
