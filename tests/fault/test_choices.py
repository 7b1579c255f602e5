"""Killed, or with a call that fails, while its user chooses: drop, mode, get, unshare, share, revert.

For each the victim is killed at every call of it that changes the disk, and once more while it starts again; or each call fails
once (LANYARD_FAULT=all; otherwise a few of them).  Nothing is torn, no content is lost, absence by choice is never told as a
deletion, the command does not say that it is done when it is not, and given again it ends.
"""
import errno
import os
import random
import subprocess
import time

import choosing
import pytest
import stand
import test_crash
import workloads
from stand import ALL, CHANGES, FAIL, GROUP, KILL, Stand, StandError, error_name, until

QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "2"))
ERRORS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES)
TWICE = 40  # a start has about as many calls


class ReaderStand(Stand):
    """The victim is a reader."""

    def form(self):
        for a in self.agents:
            a.start()
        self.peer.cli("create", GROUP, "--share", self.peer.share)
        token = self.peer.lanyard("invite", GROUP, "--role", "reader").stdout.decode().strip()
        self.victim.cli("join", "--invite", token, "--share", self.victim.share)
        self.settle()


@pytest.fixture
def pair(request):
    with (ReaderStand if request.node.callspec.params["choice"] in choosing.READERS else Stand)() as s:
        yield s


def in_sync(s):
    for a in s.agents:
        a.wait_sync()


def set_up(s, choice, number):
    run = choosing.ChoiceRun(s, choice, number)
    choice.prepare(run)
    in_sync(s)
    return run


def not_torn(run):
    for agent in run.stand.agents:
        for name, digest in run.seen(agent).items():
            plain = workloads.plain_name(name)
            assert digest in run.contents.get(plain, ()), "%s: %s is torn" % (agent.name, name)


def ended(run, process):
    """What the command said: its code; None when it did not end in time."""
    try:
        _, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError("the command does not end") from None
    run.said = err.decode(errors="replace")
    return process.returncode


def finish(run, choice, done):
    """The command is given again unless it said that it is done; then all is as it should be."""
    group = dict(run.group)  # as it must be before what is chosen has its effect
    not_torn(run)
    if not done:
        seen = run.seen(run.peer)
        for name, digest in group.items():
            assert seen.get(name) in run.contents[name], "told as a deletion: %s is gone at the peer" % name
            del digest
        end = time.monotonic() + 20
        while True:
            got = run.victim.lanyard(*run.again, timeout=60)
            if got.returncode == 0 or finished_already(got):
                break
            assert time.monotonic() < end, "given again, it fails: %s" % got.stderr.decode()
            time.sleep(0.05)
    run.mine = choice.want(run)
    agree(run)
    choice.after(run)
    agree(run)


def finished_already(got):
    return b"in the share already" in got.stderr or b"is shared already" in got.stderr


def agree(run):
    """In sync, each has what it must have, and `files` says so."""
    def differs():
        for agent, wanted in ((run.peer, run.group), (run.victim, run.mine)):
            seen = run.seen(agent)
            if seen != wanted:
                return "%s: missing %s, not wanted %s, other %s" % (
                    agent.name, sorted(set(wanted) - set(seen)), sorted(set(seen) - set(wanted)),
                    sorted(n for n in seen if n in wanted and seen[n] != wanted[n]))
        rows = run.rows(run.victim)
        said = {n for n, r in rows.items() if r["here"]}
        if said != set(run.mine) & set(rows) or set(run.group) - set(rows):
            return "files says here: %s, not %s" % (sorted(said), sorted(run.mine))
        return None
    end = time.monotonic() + 10
    in_sync(run.stand)
    while differs():
        assert time.monotonic() < end, differs()
        time.sleep(0.02)


def choose_at(s, choice, number, point, error=None):
    """One point: killed there, or with a call that fails there.  What was called, None when it came through."""
    run = set_up(s, choice, number)
    fault, what, code = s.victim.fault, None, None
    if error is None:
        fault.arm(KILL, point)
    else:
        fault.arm(FAIL, point, error, CHANGES)
    try:
        code = ended(run, choice.act(run))
        end = time.monotonic() + 0.05
        while not fault.fired and time.monotonic() < end:
            time.sleep(0.003)
        if error is not None and fault.fired:
            what = fault.what
        fault.disarm()
        if error is None and fault.fired:
            s.victim.proc.wait(stand.PATIENCE)
            what = fault.what
            choice.meanwhile(run)
            start_again(s, point)
        assert s.victim.running(), "the victim died"
        finish(run, choice, code == 0)
        if error is None:  # else what could not be removed goes at the next start
            until("no part is left", lambda: os.listdir(s.victim.path(".lanyard", "parts")) == [], 5)
        until(lambda: "no problems: %s" % s.victim.status()["problems"], lambda: not s.victim.status()["problems"], 30)
    except (AssertionError, StandError, OSError) as e:
        raise AssertionError("%s, point %d (%s)%s, the command said %s %s: %s\n%s\n%s" % (
            choice.name, point, fault.what or what, "" if error is None else " with " + error_name(error), code, run.said, e,
            s.victim.tail(), s.peer.tail())) from e
    return what


def start_again(s, point):
    """Killed once more at some call of its start, if it comes by that many."""
    fault = s.victim.fault
    fault.arm(KILL, 1 + point * 7 % TWICE)
    s.victim.start(wait=False)
    try:
        until("the victim answers", s.victim.answers)
        in_sync(s)
    except StandError:
        if not fault.fired:
            raise
    fault.disarm()
    if fault.fired:
        s.victim.proc.wait(stand.PATIENCE)
        s.victim.start()


def points_of(s, choice):
    run = set_up(s, choice, 0)
    s.victim.fault.arm(KILL, test_crash.MORE_THAN_ANY)
    assert ended(run, choice.act(run)) == 0, run.said
    in_sync(s)
    time.sleep(0.05)
    calls = s.victim.fault.disarm()
    finish(run, choice, True)
    return calls


def points(choice, total, tag):
    if ALL:
        return list(range(1, total + 3))
    rng = random.Random(choice.name + tag)
    return sorted(rng.sample(range(1, total + 1), min(total, QUICK_POINTS)))


ALL_CHOICES = choosing.CHOICES + choosing.READERS
FAILING_CHOICES = ALL_CHOICES
if not ALL and "LANYARD_FAULT_POINTS" not in os.environ:
    # An index that cannot be written is tried again after 5 s.
    FAILING_CHOICES = [c for c in ALL_CHOICES if c.name == "ondemand"]


@pytest.mark.parametrize("choice", ALL_CHOICES, ids=lambda c: c.name)
def test_killed_at_any_call_while_its_user_chooses(pair, choice, record_property):
    total = points_of(pair, choice)
    kinds, number = {}, 0
    for point in points(choice, total, "kill"):
        number += 1
        what = choose_at(pair, choice, number, point)
        if what is not None:
            kinds[what.split()[0]] = kinds.get(what.split()[0], 0) + 1
    record_property("crash points", sum(kinds.values()))
    print("%s: %d calls, killed at %s" % (choice.name, total, kinds))


def test_a_revert_is_done_when_the_index_says_so():
    """The files are in the versions, and the index cannot be written: it is not done, and the command does not say so."""
    s, choice = ReaderStand(), choosing.RevertFile("revertfull")
    s.victim.roots = (s.victim.home,)
    with s:
        run = set_up(s, choice, 1)
        s.victim.fault.arm(FAIL, 1, errno.ENOSPC, ("write",), times=1 << 20)
        code = ended(run, choice.act(run))
        s.victim.fault.disarm()
        assert code == 1, "it said %d %s" % (code, run.said)
        finish(run, choice, False)


@pytest.mark.parametrize("choice", FAILING_CHOICES, ids=lambda c: c.name)
def test_a_call_fails_while_its_user_chooses(pair, choice, record_property):
    total = points_of(pair, choice)
    failed, number = 0, 0
    for error in ERRORS:
        for point in points(choice, total, "fail%d" % error)[:None if ALL else QUICK_POINTS // 2]:
            number += 1
            failed += choose_at(pair, choice, number, point, error) is not None
    record_property("failures", failed)
    print("%s: %d calls, %d failures" % (choice.name, total, failed))
