"""The commands that write files themselves, killed at any call or with a call that fails: `get --to`, and `share` of files from
elsewhere.  Nothing that has its name is torn, what is done is said, what failed is said, and given again it ends.
"""
import errno
import hashlib
import os
import random
import shutil
import signal

import pytest
import test_crash
import workloads
from stand import ALL, CHANGES, FAIL, GROUP, KILL, Fault, Stand, contents, error_name, until

QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "4"))
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT)
FILES = {"in/x": 3000, "in/y": 300_000, "in/d/z": 0}


@pytest.fixture
def pair():
    with Stand() as s:
        yield s


class GetTo:
    """Copies go out of the share, which stays as it is."""
    name = "getto"

    def prepare(self, run):
        run.victim.cli("mode", GROUP, "on-demand")
        os.makedirs(run.path(run.peer))
        for name, size in FILES.items():
            run.write(run.peer, name, run.bytes(name, size))
        until("the victim lists them", lambda: run.victim.lanyard("files", GROUP, run.dir).stdout.count(b"\n") > len(FILES))
        run.out = os.path.join(run.victim.dir, "out", run.dir)
        os.makedirs(run.out)
        run.root = run.out
        run.again = ("get", GROUP, run.dir + "/in", "--to", run.out)

    def place(self, run):
        """Where the files are that the command makes."""
        return run.out

    def clean(self, run):
        """What it made goes, so that it can be given again; its parts stay."""
        for name in FILES:
            if os.path.exists(os.path.join(run.out, name)):
                os.unlink(os.path.join(run.out, name))

    def check(self, run):
        names = sorted(os.path.relpath(os.path.join(at, n), run.out) for at, _, ns in os.walk(run.out) for n in ns)
        assert names == sorted(FILES), "there are %s" % names
        assert run.seen(run.victim) == {}, "they are in the share"
        assert run.seen(run.peer) == run.final


class CopyIn:
    """Files come into the share, and the group gets them whole."""
    name = "copyin"

    def prepare(self, run):
        run.victim.cli("mode", GROUP, "mirror")
        os.makedirs(run.path(run.victim))
        source = os.path.join(run.victim.dir, "source", run.dir)
        for name, size in FILES.items():
            data = run.bytes(name, size)
            run.final[name] = run.allow(name, data)
            os.makedirs(os.path.dirname(os.path.join(source, name)), exist_ok=True)
            with open(os.path.join(source, name), "wb") as f:
                f.write(data)
        run.root = run.victim.share
        run.again = ("share", GROUP, os.path.join(source, "in"), "--to", run.dir)

    def place(self, run):
        return run.path(run.victim)

    def clean(self, run):
        """What is there already is not overwritten, nor filled up."""
        shutil.rmtree(os.path.join(self.place(run), "in"), ignore_errors=True)

    def check(self, run):
        until("the peer has them", lambda: run.seen(run.peer) == run.final)


def whole(run, copy):
    """Which of the files have their names; none of them is torn, here or at the peer."""
    place, found = copy.place(run), set()
    if os.path.isdir(place):
        for name, f in contents(place):
            if name in FILES:
                assert hashlib.file_digest(f, "sha256").hexdigest() in run.contents[name], "%s is torn" % name
                found.add(name)
    test_crash.not_torn(run, run.peer)
    return found


def copy_at(s, fault, copy, number, action, point, error=0):
    """One point; what was called there, None when it was not come by."""
    run = workloads.Run(s, copy, number)
    copy.prepare(run)
    fault.arm(action, point, error, CHANGES)
    process = s.victim.begin(*run.again, fault=fault, roots=(run.root,))
    said = process.communicate(timeout=60)[1].decode(errors="replace")
    calls = fault.disarm()
    try:
        if fault.fired and action == KILL:
            assert process.returncode == -signal.SIGKILL
        found = whole(run, copy)
        if process.returncode == 0:
            assert found == set(FILES), "it said that it is done"
        else:
            assert fault.fired, "it fails by itself"
            assert action == KILL or said.startswith("lanyard: "), "it failed, and says nothing"
            copy.clean(run)
            got = s.victim.lanyard(*run.again)
            assert got.returncode == 0, "given again, it fails: %s" % got.stderr.decode()
        assert whole(run, copy) == set(FILES)
        copy.check(run)
        until("no part is left", lambda: os.listdir(s.victim.path(".lanyard", "parts")) == [], 5)
        until("no problem is left", lambda: not s.victim.status()["problems"])
    except AssertionError as e:
        raise AssertionError("%s, point %d (%s) %s, code %d, said %r: %s\n%s" % (
            copy.name, point, fault.what, error_name(error), process.returncode, said, e, s.victim.tail())) from e
    return fault.what if fault.fired else None, calls


@pytest.mark.parametrize("copy", (GetTo(), CopyIn()), ids=lambda c: c.name)
def test_a_command_that_copies_killed_or_with_a_call_that_fails(pair, copy, record_property):
    fault = Fault(os.path.join(pair.dir, "command"))
    _, total = copy_at(pair, fault, copy, 0, KILL, test_crash.MORE_THAN_ANY)
    assert total > 5, "only %d calls are seen" % total
    cases = [(KILL, p, 0) for p in range(1, total + 1)] + [(FAIL, p, e) for p in range(1, total + 1) for e in ERRORS]
    if not ALL:
        cases = random.Random(copy.name).sample(cases, min(len(cases), 2 * QUICK_POINTS))
    fired = 0
    for number, (action, point, error) in enumerate(cases, 1):
        fired += copy_at(pair, fault, copy, number, action, point, error)[0] is not None
    assert fired > 0
    record_property("points", fired)
    print("%s: %d calls, %d killed or failed" % (copy.name, total, fired))
