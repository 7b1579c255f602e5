"""Every call site fails once: the agent lives on, says so when it cannot simply try again, and converges afterwards.

A call site is the function of the system that is called, and all functions it is called from.  A run of each workload in which
nothing fails says which sites it comes by; each kind of failure is then given to each site that can fail that way, at its first call
there, one a run, in the first workload that comes by: all of them when LANYARD_FAULT=all, otherwise a few.  An agent that meets it
while it starts may refuse to, with a message and exit code 1.
"""
import errno
import os
import random
import time

import pytest

import stand
import test_crash
import workloads
from stand import ALL, FAIL, FAILING, Stand, StandError, error_name

QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "1"))  # of each sort of failure in each workload
LONGEST = 30  # seconds until all is well again
NEVER = 1 << 30
LOOKS = 5 if ALL else 1  # runs in which the sites of a workload are noted: not all runs come by the same ones
TRIES = 5  # runs until the site that is to fail is come by

ROOM = ("create", "write", "rename", "link", "mkdir", "trunc", "sync", "allocate")
FAILURES = [
    (errno.ENOSPC, ROOM + ("watch",)),
    (errno.EDQUOT, ROOM),
    (errno.EIO, tuple(k for k in FAILING if k not in ("clone", "map", "watch", "socket"))),
    (errno.EMFILE, ("create", "open", "socket")),
    (errno.ENOMEM, ("create", "open", "mkdir", "rename", "stat", "list", "map", "watch", "socket")),
    (errno.EACCES, ("create", "rename", "unlink", "mkdir", "open")),
    (errno.EINTR, ("create", "open", "write", "read", "trunc", "sync", "allocate", "lock")),
    (0, ("write", "read")),
]
CASES = [(w, "peer") for w in workloads.RECEIVED] + [(w, "victim") for w in workloads.SENT + workloads.COMMANDED] + [(w, "peer") for w in workloads.COLD]
if not ALL and "LANYARD_FAULT_POINTS" not in os.environ:
    CASES = [c for c in CASES if c[0].name in ("new", "updmedium", "s-new")]
# "2/4": of all sites only the second fourth, so that four can run at once: what takes the time is that the agent tries again later.
PART, PARTS = (int(n) for n in os.environ.get("LANYARD_FAULT_PART", "1/1").split("/"))

met = set()  # (site, error) of all workloads so far


class Agents:
    """The agents, and others when something went wrong with them; how many runs they have seen."""

    def __init__(self):
        self.stand = None
        self.fresh()

    def fresh(self):
        self.close()
        self.stand = Stand()
        self.stand.__enter__()
        self.stand.left = set()  # in parts/, since it could not be removed
        self.number = 0

    def close(self):
        if self.stand is not None:
            self.stand.__exit__()

    def next(self):
        self.number += 1
        return self.number


@pytest.fixture
def agents():
    a = Agents()
    yield a
    a.close()


def begin(s, workload, number, actor, point, error, site=0):
    """Act with the failure armed; for a cold workload until the victim answers, or has refused to start."""
    run = test_crash.set_up(s, workload, number, actor)
    if not workload.cold:
        s.victim.fault.arm(FAIL, point, error, FAILING, site=site)
        workload.act(run)
        return run
    workload.act(run)
    s.victim.fault.arm(FAIL, point, error, FAILING, site=site)
    s.victim.start(wait=False)
    try:
        stand.until("the victim answers or ends", s.victim.answers)
    except StandError:
        if s.victim.running():
            raise
        said = s.victim.tail(3)
        # What may not be read is a wrong setting.
        assert s.victim.proc.returncode in ((1, 78) if error == errno.EACCES else (1,)) and ("error" in said or "lanyardd:" in said), (
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


def fail_at(s, workload, number, actor, site, error):
    """The first call at a site fails: what failed, None when the site was not come by."""
    run = begin(s, workload, number, actor, 1, error, site)
    fault = s.victim.fault
    try:
        converge(s)
        calls, what = fault.page.count, fault.what if fault.fired else None
        assert calls < 20000, "the agent spins: %d calls" % calls
        fault.disarm()
        s.settle(below=run.dir)
        for agent in s.agents:
            test_crash.not_lost(run, workload, test_crash.not_torn(run, agent))
        workload.check(run, run.seen(s.victim))
        # A periodic check comes again within 12 s.
        stand.until(lambda: "the problems are over: %s" % s.victim.status()["problems"], lambda: not s.victim.status()["problems"], LONGEST)
        # What could not be found or removed is removed at the next start; what could not be made takes no space.
        left = set(test_crash.leftovers(run)) - s.left
        s.left |= left
        assert not left or not (fault.what or "").startswith(ROOM), "left in parts: %s" % left
    except (AssertionError, StandError, OSError) as e:
        raise AssertionError("%s, %s with %s at %s: %s\n%s" % (
            workload.name, fault.what, error_name(error), fault.where(), e, s.victim.tail())) from e
    finally:
        fault.disarm()
    return what


def test_a_group_that_cannot_be_read_at_the_start_is_read_later(agents):
    victim = agents.stand.victim
    victim.stop()
    folder = os.path.join(victim.home, "groups")
    settings = os.path.join(folder, os.listdir(folder)[0], "settings")
    os.rename(settings, settings + ".away")
    victim.start()
    assert victim.cli("status")["groups"] == []
    os.rename(settings + ".away", settings)
    stand.until("the group is there", lambda: victim.cli("status")["groups"])
    agents.stand.settle()


def sites_of(agents, workload, actor):
    """{site: kind} of runs in which nothing fails."""
    sites = {}
    for _ in range(LOOKS):
        s = agents.stand
        begin(s, workload, agents.next(), actor, NEVER, 0)
        converge(s)
        time.sleep(0.02)
        s.victim.fault.disarm()
        sites.update((stack, kind) for stack, (kind, _) in s.victim.fault.sites().items())
    return sites


def chosen(workload, sites):
    """(site, error) of what is to fail."""
    for error, kinds in FAILURES:
        mine = sorted(site for site, kind in sites.items() if kind in kinds and (site, error) not in met and (site >> 1) % PARTS == PART - 1)
        if not ALL:
            # Each workload has its own sample, the same in each run of one build.
            mine = random.Random("%s%d" % (workload.name, error)).sample(mine, min(len(mine), QUICK_POINTS))
        for site in mine:
            met.add((site, error))
            yield site, error


@pytest.mark.parametrize("workload,actor", CASES, ids=lambda x: getattr(x, "name", x))
def test_every_call_site_fails_once(agents, workload, actor, record_property):
    failed, missed, wrong, kinds = 0, 0, [], {}
    sites = sites_of(agents, workload, actor)
    for site, error in chosen(workload, sites):
        what = None
        try:
            for _ in range(TRIES):
                what = what or fail_at(agents.stand, workload, agents.next(), actor, site, error)
        except (AssertionError, StandError, OSError) as e:
            wrong.append(str(e))
            print(e, flush=True)
            agents.fresh()
            what = "wrong "
        failed, missed = failed + (what is not None), missed + (what is None)
        if what is not None:
            kinds[what.split()[0]] = kinds.get(what.split()[0], 0) + 1
    record_property("failures", failed)
    print("%s: %d call sites, %d failures (%d not come by again): %s" % (workload.name, len(sites), failed, missed, kinds), flush=True)
    assert not wrong, "%d failures were not survived:\n%s" % (len(wrong), "\n\n".join(wrong))
