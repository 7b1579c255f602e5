"""The README's first screen: `make run` here, the line it prints there, and a dropped file is on both."""
import fcntl
import os
import pty
import re
import select
import shutil
import termios
import time

import pytest

import agents
import netlab
from netlab import trees

pytestmark = pytest.mark.plain

LINE = re.compile(rb"^make run INVITE=(lanyard1-[A-Za-z0-9_-]+)\r?$", re.M)
SHARING = rb"Sharing"


def _ignored(folder, names):
    if folder != netlab.ROOT:
        return {n for n in names if n == "__pycache__"}
    return {n for n in names if n.startswith(("build", ".")) or n == "share"}


# Of a build, what `make all` looks at; with the tests it is six times as large.
PRODUCT = {"agent", "base", "discovery", "gen", "sync", "liblanyard.a", "lanyard", "lanyardd"}


def _not_needed(folder, names):
    return set(names) - PRODUCT if folder == agents.BUILD else set()


class Checkout:
    """A copy of this source tree on a host, built already, with a terminal in it."""

    def __init__(self, host):
        self.host, self.build = host, os.path.basename(agents.BUILD)
        self.dir = host.path("lanyard")
        shutil.copytree(netlab.ROOT, self.dir, ignore=_ignored)
        shutil.copytree(agents.BUILD, os.path.join(self.dir, self.build), ignore=_not_needed)
        host.home, host.share = os.path.join(self.dir, ".lanyard-home"), os.path.join(self.dir, "share")

    def start(self, *words, until=SHARING, seconds=30):
        """Type `make run WORDS`; returns what was printed up to `until`."""
        self.leader, follower = pty.openpty()
        self.proc = self.host.popen(
            "make", "-C", self.dir, "run", "B=" + self.build, *words, stdin=follower, stdout=follower, stderr=follower,
            env=agents.clean_env(self.host), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        return self.read(until, seconds)

    def read(self, until, seconds):
        said, end = b"", time.monotonic() + seconds * netlab.FACTOR
        while time.monotonic() < end and not re.search(until, said):
            if select.select([self.leader], [], [], 0.1)[0]:
                try:
                    said += os.read(self.leader, 65536)
                except OSError:
                    break
        assert re.search(until, said), said.decode(errors="replace")
        return said

    def stop(self):
        """Ctrl-C; nothing may be left running, and nobody complains."""
        pid = int(open(os.path.join(self.host.home, "lock")).read())
        os.write(self.leader, b"\x03")
        self.proc.wait(10 * netlab.FACTOR)
        said = b""
        while True:
            try:
                got = os.read(self.leader, 65536)
            except OSError:
                break
            if not got:
                break
            said += got
        os.close(self.leader)
        assert not os.path.exists("/proc/%d" % pid)
        assert b"stopping" in said and b"rror" not in said and b"anitizer" not in said, said.decode(errors="replace")


def test_two_commands_bring_up_two_hosts_and_ctrl_c_loses_nothing(lab):
    a, b = Checkout(lab.host("a")), Checkout(lab.host("b"))
    said = a.start()
    tokens = LINE.findall(said)
    assert len(tokens) == 1, said
    b.start("INVITE=" + tokens[0].decode())
    assert [g["group"] for g in b.host.cli("groups")["groups"]] == ["home"]
    trees.write(a.host.share, {"hello": b"world"})
    netlab.settle([a.host, b.host])
    ids = [c.host.agent_id() for c in (a, b)]
    a.stop()
    b.stop()
    trees.write(b.host.share, {"meanwhile": b"1"})
    assert len(LINE.findall(a.start())) == 1
    # The same line pasted again does no harm.
    b.start("INVITE=" + tokens[0].decode())
    assert [c.host.agent_id() for c in (a, b)] == ids
    a.host.wait_peers(1)
    assert netlab.settle([a.host, b.host])
    assert a.host.read("meanwhile") == b"1"
    a.stop()
    b.stop()


def test_a_second_run_and_a_bad_invite_say_so(lab):
    a = Checkout(lab.host("a"))
    a.start("GROUP=our pictures")
    assert [g["group"] for g in a.host.cli("groups")["groups"]] == ["our pictures"]
    again = a.host.run("make", "-C", a.dir, "run", "B=" + a.build, check=False, timeout=30 * netlab.FACTOR)
    assert again.returncode != 0 and b"runs on" in again.stderr and a.host.agent_id()
    a.stop()
    b = Checkout(lab.host("b"))
    bad = b.host.run("make", "-C", b.dir, "run", "B=" + b.build, "INVITE=lanyard1-x", check=False,
                     timeout=30 * netlab.FACTOR)
    assert bad.returncode != 0 and b"token" in bad.stderr and not LINE.search(bad.stdout)
    assert b.host.lanyard("status").code == 3


def test_two_on_a_machine_without_a_network_find_each_other_by_name(lab):
    a = Checkout(lab.host("a"))
    a.host.link_down()
    a.host.run("ip", "addr", "flush", "dev", "e0")
    said = a.start()
    peer = re.search(rb"PEER=(127\.0\.0\.1:\d+)\r?$", said, re.M)
    assert peer, said
    b = Checkout(lab.host("b"))
    b.host.prefix = a.host.prefix
    b.start("INVITE=" + LINE.findall(said)[0].decode(), "PEER=" + peer.group(1).decode(), "LISTEN=0")
    trees.write(a.host.share, {"hello": b"world"})
    netlab.settle([a.host, b.host])
    b.stop()
    a.stop()


def test_a_taken_port_says_what_to_do(lab):
    a = Checkout(lab.host("a"))
    home, a.host.home = a.host.home, a.host.path("other")
    a.host.daemon.start("--discovery", "off")
    taken = a.host.run("make", "-C", a.dir, "run", "B=" + a.build, "LISTEN=4170", check=False, timeout=30 * netlab.FACTOR)
    assert taken.returncode != 0 and b"LISTEN=0" in taken.stderr and not LINE.search(taken.stdout)
    a.host.daemon.stop()
    a.host.home = home
    a.start()
    a.stop()


def process_lists(word):
    """The arguments of every process here that contain a word."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                line = f.read()
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


def test_no_process_has_the_invite_among_its_words(lab):
    a, b = Checkout(lab.host("a")), Checkout(lab.host("b"))
    token = LINE.findall(a.start())[0]
    said = b.start("INVITE=" + token.decode())
    assert not process_lists(token), (process_lists(token), said)
    assert process_lists(b"INVITE=xxxx")  # make's own, overwritten
    pid = int(open(os.path.join(b.host.home, "lock")).read())
    with open("/proc/%d/environ" % pid, "rb") as f:
        assert token not in f.read()
    netlab.settle([a.host, b.host])
    b.stop()
    a.stop()


def test_the_first_five_minutes_without_a_token(lab):
    a, b = Checkout(lab.host("a")), Checkout(lab.host("b"))
    a.start()
    said = b.start()
    assert re.search(rb"^make run JOIN=home +# of a +1 member\r?$", said, re.M), said
    assert not LINE.search(said) and b.host.cli("groups")["groups"] == []
    b.stop()
    said = b.start("JOIN=home", "MESSAGE=the laptop", until=rb"confirmation code: [a-z2-7-]{9}")
    code = re.search(rb"confirmation code: ([a-z2-7-]{9})", said).group(1).decode()
    netlab.until("a shows the same code", lambda: [r["code"] for r in a.host.cli("requests")["requests"]] == [code], 20)
    request, = a.host.cli("requests")["requests"]
    assert (request["name"], request["message"]) == ("b", "the laptop")
    # It goes on asking when it is started again, whatever it is told.
    b.stop()
    b.start(until=code.encode())
    a.host.cli("accept", "home", code)
    netlab.until("b is a member", lambda: [g for g in b.host.cli("groups")["groups"] if g["role"]], 20)
    trees.write(a.host.share, {"hello": b"world"})
    b.host.wait_peers(1)
    netlab.settle([a.host, b.host])
    b.stop()
    b.start("JOIN=home", until=rb"Owners invite other machines")
    b.stop()
    a.stop()


def test_a_line_says_who_is_there_and_what_came(lab):
    a, b = Checkout(lab.host("a")), Checkout(lab.host("b"))
    said = a.start(until=b"home: in-sync, nobody else is in it yet, 0 files in " + os.fsencode(a.host.share))
    b.start("INVITE=" + LINE.findall(said)[0].decode(), until=b"home: in-sync, with a, 0 files in " + os.fsencode(b.host.share))
    a.read(b"home: in-sync, with b", 20)
    trees.write(a.host.share, {"hello": b"world"})
    assert re.search(rb"^home: hello came\r?$", b.read(rb"home: in-sync, with a, 1 file in ", 20), re.M)
    b.stop()
    a.read(b"home: in-sync; away: b, 1 file in ", 20)
    a.stop()


@pytest.mark.skipif(os.geteuid() != 0 or os.path.exists("/proc/self/uid_map") and
                    int(open("/proc/self/uid_map").read().split()[2]) == 1, reason="a namespace of one user")
def test_what_an_earlier_run_as_another_user_has_left_is_named(lab):
    a = Checkout(lab.host("a"))
    os.mkdir(a.host.home)
    os.chown(a.host.home, 61234, 61234)
    got = a.host.run("make", "-C", a.dir, "run", "B=" + a.build, check=False, timeout=30 * netlab.FACTOR)
    said = got.stderr.decode()
    assert got.returncode != 0 and ".lanyard-home belongs to" in said and "sudo chown -R " in said and "LISTEN" not in said
