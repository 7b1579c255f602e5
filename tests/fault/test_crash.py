"""Killed at every call that changes the disk: P1 (nothing torn is seen), P2 (nothing is lost), P3 and P8 after the restart.

For each workload the victim is killed at its first call, at its second, and so on until it gets through unharmed: all points,
not a sample, when LANYARD_FAULT=all; otherwise a stride through each workload that `make check` has time for.
"""
import hashlib
import json
import os
import time

import pytest

import stand
import workloads
from stand import ALL, KILL, Stand, StandError

# A quick run takes this many points of a workload, at equal distances.
QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "2"))
MORE_THAN_ANY = 3000


@pytest.fixture
def pair():
    with Stand() as s:
        yield s


def quiet(run):
    """Wait until both say in sync, or the victim is dead: True when it is."""
    waits = [run.victim.waiting(), run.peer.waiting()]
    try:
        while run.victim.running() and any(w.poll() is None for w in waits):
            time.sleep(0.003)
        return not run.victim.running()
    finally:
        for w in waits:
            if w.poll() is None:
                w.kill()
            w.wait()


def not_torn(run, agent):
    seen = run.seen(agent)
    for name, digest in seen.items():
        assert digest in run.contents.get(workloads.plain_name(name), ()), "%s: %s is torn" % (agent.name, name)
    return seen


def not_lost(run, workload, seen):
    for name, digest in run.final.items():
        if digest is None:
            assert name not in seen, "%s is back" % name
        elif digest is not Ellipsis:
            assert seen.get(name) == digest, "%s is not what was written last" % name
    for name in workload.lossless:
        base = getattr(run, "base", None)
        wanted = run.contents[name] - {base}
        have = [d for n, d in seen.items() if workloads.plain_name(n) == name and d != base]
        assert set(have) >= wanted, "%s: a content is lost" % name
        assert len(have) == len(set(have)), "%s: a content is there twice: %s" % (name, sorted(seen))


def in_parts(run, size):
    """(blocks, of how many) that the maps of unfinished downloads claim, also of one whose part just became the file."""
    parts, blocks, total = run.victim.path(".lanyard", "parts"), 0, 0
    for name in os.listdir(parts):
        if not name.endswith(".map"):
            continue
        with open(os.path.join(parts, name), "rb") as f:
            raw = f.read()
        at = 12 + int.from_bytes(raw[8:12], "big")
        number = int.from_bytes(raw[at + 8:at + 12], "big")
        if int.from_bytes(raw[at:at + 8], "big") == size and len(raw) == at + 44 + 37 * number:
            blocks, total = blocks + sum(raw[-number:]), total + number
    return blocks, total


def set_up(s, workload, number, actor):
    run = workloads.Run(s, workload, number)
    run.actor = s.victim if actor == "victim" else s.peer
    workload.prepare(run)
    s.settle(below=run.dir)
    if workload.cold:
        s.victim.stop()
    return run


def crash_at(s, workload, number, actor, point):
    """One point.  What was being called when the victim died, or None when it came through."""
    run = set_up(s, workload, number, actor)
    fault = s.victim.fault
    if workload.cold:
        workload.act(run)
        fault.arm(KILL, point)
        s.victim.start(wait=False)
    else:
        fault.arm(KILL, point)
        workload.act(run)
    died = not after_start(run) or quiet(run)
    fault.disarm()
    if fault.fired:
        s.victim.proc.wait(stand.PATIENCE)
    what = None
    try:
        if died or fault.fired:
            assert fault.fired, "the victim died by itself (%s)\n%s" % (s.victim.proc.returncode, s.victim.tail())
            what = fault.what
            workload.meanwhile(run)
            recover(run, workload)
        s.settle(below=run.dir)
        for agent in s.agents:
            not_lost(run, workload, not_torn(run, agent))
        workload.check(run, run.seen(s.victim))
        assert leftovers(run) == [], "left in parts: %s" % leftovers(run)
    except (AssertionError, StandError, OSError) as e:
        raise AssertionError("%s, point %d (%s): %s\n%s\n%s" % (
            workload.name, point, what, e, s.victim.tail(), s.peer.tail())) from e
    return what


def after_start(run):
    """A cold victim has to get as far as answering before anybody can wait for it.  False: it is dead."""
    try:
        stand.until("the victim answers", run.victim.answers)
    except StandError:
        if run.victim.running():
            raise
        return False
    return True


def recover(run, workload):
    not_torn(run, run.victim)
    big = isinstance(workload, workloads.Big) and run.actor is run.peer
    have, total = in_parts(run, workload.size) if big else (0, 0)
    run.victim.start()
    if not have:
        return
    run.stand.settle(below=run.dir)
    counters = run.victim.status()["counters"]
    assert counters["blocks_received"] <= total - have, "P8: %d of %d blocks were there, %s" % (
        have, total, json.dumps(counters))


def leftovers(run):
    end = time.monotonic() + 2
    while True:
        left = [n for n in os.listdir(run.victim.path(".lanyard", "parts"))]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.01)


def points_of(s, workload, actor):
    """How many points an unharmed run has."""
    fault = s.victim.fault
    run = set_up(s, workload, 0, actor)
    if workload.cold:
        workload.act(run)
        fault.arm(KILL, MORE_THAN_ANY)
        s.victim.start()
    else:
        fault.arm(KILL, MORE_THAN_ANY)
        workload.act(run)
    s.settle(below=run.dir)
    time.sleep(0.05)
    return fault.disarm()


def crash_everywhere(s, workload, actor, record_property):
    total = points_of(s, workload, actor)
    assert total > 3, "%s: only %d calls are seen" % (workload.name, total)
    stride = 1 if ALL else max(1, total // QUICK_POINTS)
    # Where a quick run begins differs from workload to workload, not from run to run.
    first = 1 if ALL else 1 + int(hashlib.sha256(workload.name.encode()).hexdigest(), 16) % stride
    kinds, killed, unharmed, point = {}, 0, 0, first
    # Timing moves calls about: at every point, the end is where two runs in a row came through; else all that were chosen are tried.
    while unharmed < 2 if ALL else point <= total:
        what = crash_at(s, workload, point, actor, point)
        if what is None:
            unharmed += 1
        else:
            unharmed, killed = 0, killed + 1
            kinds[what.split()[0]] = kinds.get(what.split()[0], 0) + 1
        point += stride
        assert point < MORE_THAN_ANY
    assert killed > 0
    s.settle()
    record_property("crash points", killed)
    print("%s: %d calls, killed at %d: %s" % (workload.name, total, killed, kinds))


@pytest.mark.parametrize("workload", workloads.RECEIVED, ids=lambda w: w.name)
def test_a_receiver_killed_at_any_call(pair, workload, record_property):
    crash_everywhere(pair, workload, "peer", record_property)


def test_a_receiver_killed_while_a_file_is_written_at_the_peer(pair, record_property):
    """At each call while blocks come before the record, and while the download of the record takes them over."""
    workload, coming, point = workloads.Growing("growing"), set(), 1
    total = points_of(pair, workload, "peer")
    stride = 1 if ALL else max(1, total // (3 * QUICK_POINTS))
    while point <= total:
        what = crash_at(pair, workload, point, "peer", point)
        if what is not None and ".coming" in what:
            coming.add(point)
        point += stride
    assert coming, "no coming part was met in %d calls" % total
    record_property("crash points", len(coming))
    print("%d calls, killed at %d of a coming part" % (total, len(coming)))


@pytest.mark.parametrize("workload", workloads.SENT, ids=lambda w: w.name)
def test_a_sender_killed_at_any_call(pair, workload, record_property):
    crash_everywhere(pair, workload, "victim", record_property)


@pytest.mark.parametrize("workload", workloads.COMMANDED, ids=lambda w: w.name)
def test_an_agent_killed_at_any_call_of_a_command(pair, workload, record_property):
    crash_everywhere(pair, workload, "victim", record_property)


@pytest.mark.parametrize("workload", workloads.COLD, ids=lambda w: w.name)
def test_a_returning_agent_killed_at_any_call(pair, workload, record_property):
    crash_everywhere(pair, workload, "peer", record_property)
