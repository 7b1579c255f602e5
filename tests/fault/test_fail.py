"""Every call fails once: the agent lives on, says so when it cannot simply try again, and converges afterwards.

Each kind of failure is given to each call that can fail that way, one call a run: all of them when LANYARD_FAULT=all, otherwise
a stride through each workload.  An agent that meets it while it starts may refuse to, with a message and exit code 1.
"""
import errno
import hashlib
import os
import time

import pytest

import stand
import test_crash
import workloads
from stand import ALL, CHANGES, FAIL, KINDS, StandError, error_name
from test_crash import pair  # noqa: F401 (a fixture)

QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "1"))
LONGEST = 30  # seconds until all is well again

ROOM = ("create", "write", "rename", "link", "mkdir", "trunc", "sync", "allocate")
FAILURES = [
    (errno.ENOSPC, ROOM),
    (errno.EDQUOT, ROOM),
    (errno.EIO, tuple(k for k in KINDS if k != "clone")),
    (errno.EMFILE, ("create", "open")),
    (errno.ENOMEM, ("create", "open", "mkdir", "rename", "stat", "list")),
    (errno.EACCES, ("create", "rename", "unlink", "mkdir", "open")),
    (errno.EINTR, ("create", "open", "write", "read", "trunc", "sync", "allocate")),
    (0, ("write", "read")),
]
WARM = [w for w in workloads.RECEIVED if w.name in ("new", "update", "updmedium", "bigupdate", "foldermove", "delete", "mode",
                                                    "filetofolder", "symlink", "batch")]
MINE = [w for w in workloads.SENT if w.name in ("s-new", "s-update", "s-foldermove", "s-delete")]
COLD = [w for w in workloads.COLD if w.name in ("conflict", "deleteedit", "return")]
CASES = [(w, "peer") for w in WARM] + [(w, "victim") for w in MINE] + [(w, "peer") for w in COLD]
if not ALL and "LANYARD_FAULT_POINTS" not in os.environ:
    CASES = [c for c in CASES if c[0].name in ("new", "updmedium", "s-new")]


def begin(s, workload, number, actor, point, error, kinds):
    """Act with the failure armed; for a cold workload until the victim answers, or has refused to start."""
    run = test_crash.set_up(s, workload, number, actor)
    if not workload.cold:
        s.victim.fault.arm(FAIL, point, error, kinds)
        workload.act(run)
        return run
    workload.act(run)
    s.victim.fault.arm(FAIL, point, error, kinds)
    s.victim.start(wait=False)
    try:
        stand.until("the victim answers or ends", s.victim.answers)
    except StandError:
        if s.victim.running():
            raise
        said = s.victim.tail(3)
        assert s.victim.proc.returncode == 1 and ("error" in said or "lanyardd:" in said), (
            "ended with %d\n%s" % (s.victim.proc.returncode, said))
        s.victim.fault.disarm()
        s.victim.start()
    return run


def converge(s):
    """`lanyard wait` may say in time what is wrong and go on; it is asked until all is well."""
    end = time.monotonic() + LONGEST
    while True:
        assert s.victim.running(), "the victim died: %s\n%s" % (s.victim.proc.returncode, s.victim.tail())
        if all(a.waiting(5).wait(20) == 0 for a in s.agents):
            return
        assert time.monotonic() < end, "does not converge: %s\n%s" % (s.victim.status(), s.victim.tail())


def fail_at(s, workload, number, actor, point, error, kinds):
    """One point: what failed, None when there was no such call."""
    run = begin(s, workload, number, actor, point, error, kinds)
    fault = s.victim.fault
    try:
        converge(s)
        calls, what = fault.page.count, fault.what if fault.fired else None
        assert calls < 20000, "the agent spins: %d calls" % calls
        fault.disarm()
        s.settle()
        for agent in s.agents:
            test_crash.not_lost(run, workload, test_crash.not_torn(run, agent))
        workload.check(run, run.seen(s.victim))
        assert not s.victim.status()["problems"]
    except (AssertionError, StandError, OSError) as e:
        raise AssertionError("%s, call %d with %s (%s): %s\n%s" % (
            workload.name, point, error_name(error), fault.what, e, s.victim.tail())) from e
    finally:
        fault.disarm()
    return what


@pytest.mark.parametrize("workload,actor", CASES, ids=lambda x: getattr(x, "name", x))
def test_every_call_fails_once(pair, workload, actor, record_property):  # noqa: F811
    failed, number, kinds_seen = 0, 0, {}
    for error, kinds in FAILURES:
        # A run in which nothing fails says how many calls there are.
        number += 1
        begin(pair, workload, number, actor, 1 << 30, error, kinds)
        converge(pair)
        time.sleep(0.02)
        total = pair.victim.fault.disarm()
        stride = 1 if ALL else max(1, total // QUICK_POINTS)
        first = 1 if ALL else 1 + int(hashlib.sha256(("%s%d" % (workload.name, error)).encode()).hexdigest(), 16) % stride
        for point in range(first, total + 1, stride):
            number += 1
            what = fail_at(pair, workload, number, actor, point, error, kinds)
            if what is not None:
                failed += 1
                kinds_seen[what.split()[0]] = kinds_seen.get(what.split()[0], 0) + 1
    assert failed > 0
    record_property("failures", failed)
    print("%s: %d calls failed: %s" % (workload.name, failed, kinds_seen))
