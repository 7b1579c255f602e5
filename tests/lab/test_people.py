"""Two people and the system's agent in one folder: whatever their umask, each can go on with what the other made and with what
comes from elsewhere, and nobody else's modes change. Without sudo they may look, and are told what they may not.
"""
import json
import os
import shutil
import stat
import subprocess

import agents
import netlab
import pytest
from netlab import trees, until

AGENT, ALICE, BOB, CAROL = 901, 1001, 1002, 1003  # users; the agent's group is the first two people's as well
GROUP = "office"


def may_be_others():
    return subprocess.run(["setpriv", "--reuid=%d" % ALICE, "--regid=%d" % ALICE, "--clear-groups", "true"],
                          capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not may_be_others(), reason="cannot be other users here")


class Office:
    """Host a, whose agent is the user AGENT with a runtime folder as systemd makes it, and host b with an agent of root."""

    def __init__(self, lab):
        self.a, self.b = lab.host("a"), lab.host("b")
        a = self.a
        # The programs and the folders must be there for those users too.
        os.chmod(lab.dir, 0o755)
        self.bin = a.path("bin")
        os.makedirs(self.bin)
        for name in ("lanyard", "lanyardd"):
            shutil.copy(os.path.join(agents.BUILD, name), self.bin)
        self.share = a.path("office")
        os.makedirs(self.share)
        os.makedirs(a.home, mode=0o700, exist_ok=True)
        for path in (a.home, self.share):
            os.chown(path, AGENT, AGENT)
        os.chmod(self.share, 0o2775)
        a.run("install", "-d", "-o", str(AGENT), "-g", str(AGENT), "-m", "755", "/run/lanyard")
        self.log = open(a.path("agent.log"), "ab")
        self.agent = a.popen(*self.words(AGENT, (), "lanyardd"), "--home", a.home, "--listen", str(a.port), stdout=self.log,
                             stderr=self.log, umask=0o077, env=agents.clean_env(a, {"RUNTIME_DIRECTORY": "/run/lanyard"}))
        until("the agent answers", lambda: self.say(AGENT, "status", home=True).returncode == 0, 20)
        self.b.daemon.start()
        assert self.say(AGENT, "create", GROUP, "--share", self.share, home=True).returncode == 0
        token = self.say(AGENT, "invite", GROUP, home=True).stdout.decode().strip()
        self.b.cli("join", "--invite", token, "--share", self.b.share)

    def words(self, uid, groups, program):
        return ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid,
                "--groups=%s" % ",".join(map(str, groups)) if groups else "--clear-groups", os.path.join(self.bin, program)]

    def say(self, uid, *args, groups=(), home=False, env=()):
        """`lanyard ARGS` as that user."""
        more = ["--home", self.a.home] if home else []
        return self.a.run(*self.words(uid, groups, "lanyard"), *more, *args, check=False,
                          env=agents.clean_env(self.a, {"HOME": "/nonexistent", "USER": "me", **dict(env)}))

    def person(self, uid, umask, script):
        """A shell script of one of the two, in the share."""
        got = self.a.run("setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--groups=%d" % AGENT, "sh", "-ec",
                         "umask %s; cd '%s'; %s" % (umask, self.share, script), check=False)
        assert got.returncode == 0, got.stderr.decode()

    def settle(self):
        for _ in range(2):
            assert self.say(AGENT, "wait", GROUP, "--peers", "1", "--timeout", "30", home=True).returncode == 0
            self.b.wait_sync(30, 1)

    def end(self):
        self.agent.terminate()
        self.agent.wait()
        self.log.close()


@pytest.fixture
def office(lab):
    o = Office(lab)
    yield o
    o.end()


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.mark.parametrize("umask", ["022", "077"])
def test_a_week_in_an_office(office, umask):
    o, b = office, office.b.share
    # Each goes on with what the other began, in folders that the other made.
    o.person(ALICE, umask, "mkdir plans; echo alice > plans/report; echo one > plans/list")
    o.person(BOB, umask, "echo bob >> plans/report; mkdir plans/drafts; echo bob > plans/drafts/new; rm plans/list")
    o.person(ALICE, umask, "echo alice >> plans/drafts/new; mv plans/drafts/new plans/drafts/old; mkdir plans/drafts/more")
    o.settle()
    assert open(os.path.join(b, "plans/report")).read() == "alice\nbob\n"
    assert open(os.path.join(b, "plans/drafts/old")).read() == "bob\nalice\n"
    assert not os.path.exists(os.path.join(b, "plans/list"))
    # What comes from elsewhere is theirs as well, and what it is to them is not told back.
    trees.write(b, {"from-b": b"b\n", "plans/report": b"edited at b\n", "key": b"secret", "tools/run": b"#!/bin/sh\n"})
    os.chmod(os.path.join(b, "key"), 0o600)
    os.chmod(os.path.join(b, "tools/run"), 0o755)
    os.chmod(os.path.join(b, "tools"), 0o750)
    o.settle()
    o.person(BOB, umask, "echo bob >> from-b; echo bob >> plans/report; test -x tools/run; touch tools/more; cat key >/dev/null")
    o.person(ALICE, umask, "echo alice >> plans/report; rm from-b; cp plans/report x; mv x plans/report; echo new > tools/run")
    o.settle()
    assert open(os.path.join(b, "plans/report")).read() == "edited at b\nbob\nalice\n"
    assert not os.path.exists(os.path.join(b, "from-b"))
    assert mode(os.path.join(b, "key")) == 0o600
    assert mode(os.path.join(b, "tools/run")) == 0o755
    assert mode(os.path.join(b, "tools")) == 0o750
    assert not [n for _, _, names in os.walk(b) for n in names if ".conflict-" in n]


def test_what_the_agent_may_not_read_is_told_with_its_cure(office):
    o = office
    o.person(ALICE, "022", "echo mine > private; chmod 600 private; mkdir -m 700 closed")

    def problems():
        status = json.loads(o.say(AGENT, "--json", "status", home=True).stdout)
        return {p["path"]: p["reason"] for p in status["groups"][0]["problems"]}
    until(lambda: "both are told, not %s" % problems(), lambda: {"private", "closed"} <= problems().keys(), 20)
    for path, said in problems().items():
        assert "user %d" % ALICE in said and "user %d" % AGENT in said and "chmod g+r" in said, (path, said)
    o.person(ALICE, "022", "chmod g+rw private; chmod g+rwx closed")
    o.settle()
    assert open(os.path.join(o.b.share, "private")).read() == "mine\n"


def test_people_may_look_and_are_told_what_needs_sudo(office):
    o = office
    got = o.say(BOB, "--json", "status", groups=(AGENT,))
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["groups"][0]["group"] == GROUP
    o.person(ALICE, "022", "echo hello >note.txt")
    o.settle()
    for words, says in ((("files", GROUP), "note.txt"), (("downloads",), ""), (("events",), "file-changed"), (("members", GROUP), "owner"),
                        (("status", "--brief"), ", with b"), (("peers",), "b")):
        got = o.say(BOB, *words, groups=(AGENT,))
        assert got.returncode == 0 and says in got.stdout.decode(), (words, got)
    o.b.daemon.stop()
    until("those who look see who is away", lambda: b"1 of 2 members are here; b away" in o.say(BOB, "status", groups=(AGENT,)).stdout)
    for words in (("pause",), ("leave", GROUP), ("invite", GROUP), ("conflicts",), ("get", GROUP, "note.txt", "--to", "/tmp/x")):
        got = o.say(BOB, *words, groups=(AGENT,))
        assert got.returncode == 1 and b"sudo" in got.stderr, (words, got)
    got = o.say(CAROL, "status")
    assert got.returncode == 3 and b"adduser" in got.stderr, got
    for uid, groups in ((BOB, (AGENT,)), (CAROL, ())):
        got = o.say(uid, "doctor", groups=groups)
        assert b"sudo lanyard doctor" in got.stdout, got
        assert b"cannot start" not in got.stdout and b"start lanyardd" not in got.stdout, got
    # Whose own agent has stopped is not told to have the system's do it instead.
    own = o.a.path("bob")
    os.makedirs(os.path.join(own, ".local/state/lanyard"))
    open(os.path.join(own, ".local/state/lanyard/key.pem"), "w").close()
    got = o.say(BOB, "pause", groups=(AGENT,), env={"HOME": own})
    assert got.returncode == 3 and b"sudo" not in got.stderr and b"start lanyardd" in got.stderr, got
    # Nothing was changed by any of them.
    status = json.loads(o.say(AGENT, "--json", "status", home=True).stdout)
    assert [g["state"] for g in status["groups"]] != ["paused"]


def test_a_second_agent_of_a_machine_takes_a_free_port(lab):
    a = lab.host("a")
    home = a.path("other-home")
    a.daemon.start("--discovery", "off", "--listen", "4170")
    log = open(a.path("second.log"), "ab")
    second = a.popen(os.path.join(agents.BUILD, "lanyardd"), "--home", home, "--discovery", "off", stdout=log, stderr=log,
                     env=agents.clean_env(a))
    try:
        until("the second answers", lambda: a.lanyard("status", home=home).code == 0, 20)
        port = json.loads(a.lanyard("--json", "status", home=home).out)["port"]
        assert port not in (0, 4170)
    finally:
        second.terminate()
        assert second.wait(20) == 0
        log.close()


def test_two_agents_of_a_machine_do_not_share_one_folder(lab):
    """One's drop would be the other's deletion, at every member."""
    a = lab.host("a")
    trees.write(a.share, {"kept": b"x"})
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    token = a.invite("pics")
    home = a.path("second")
    second = a.popen(os.path.join(agents.BUILD, "lanyardd"), "--home", home, "--discovery", "off", "--listen", "0",
                     stderr=subprocess.DEVNULL, env=agents.clean_env(a))
    try:
        until("the second agent answers", lambda: a.lanyard("status", home=home).code == 0, 20)
        a.lanyard("join", "--invite", token, "--share", a.share, "--timeout", "10", home=home)

        def said():
            return json.loads(a.lanyard("--json", "status", home=home).out)["groups"][0]["error"] or ""
        until(lambda: "the second says why it shares nothing: %s" % said(),
              lambda: "another agent on this machine" in said(), 20)
        assert a.status()["error"] is None
        # The folder is free once the first has left it.
        a.daemon.stop()
        until(lambda: "the second has the folder: %s" % said(), lambda: said() == "", 90)
    finally:
        second.terminate()
        assert second.wait(20) == 0


def test_an_agent_of_another_user_is_called_that(office):
    got = office.say(ALICE, "status", home=True)
    assert got.returncode == 3 and b"belongs to user %d, and answers nobody else" % AGENT in got.stderr, got.stderr
