"""Something else stands where a call of a command that chooses goes: the file, or the folder it is in, is swapped for a symlink that leads out, for a mount, or for somebody else's file.  Nothing outside is touched or told.
"""
import os
import random

import choosing
import pytest
import test_races
from stand import ALL, KINDS, MOUNT, PARENT, SELF, SWAP, StandError, until
from test_choices import ReaderStand, ended, set_up

QUICK_POINTS = int(os.environ.get("LANYARD_FAULT_POINTS", "3"))
CHOICES = [c for c in choosing.CHOICES + choosing.READERS if ALL or c.name in ("drop", "unshare", "revert")]


class ReaderRaces(test_races.Races, ReaderStand):
    """The victim is a reader."""


@pytest.fixture
def pair(request):
    names = ("f/" * 8 + "peer", "victim")  # as in test_races
    reader = request.node.callspec.params["choice"] in choosing.READERS
    with (ReaderRaces if reader else test_races.Races)(names=names) as s:
        yield s


def swap_at(s, choice, number, point, what, how, back):
    """One point: what was called when something was swapped, None when there was no such call."""
    run = set_up(s, choice, number)
    before = run.seen(run.peer)
    fault, swap = s.victim.fault, s.order(what, how, back)
    fault.arm(SWAP, point, kinds=KINDS)
    try:
        code = ended(run, choice.act(run))
        test_races.quiet(s, test_races.HELD)
        s.undo()
        s.check()
        # What was put there is a change of its user's at most: it takes nothing from the group but in its own place.
        lost = {n for n in before if n not in run.seen(run.peer)}
        assert not lost, "told as a deletion: %s" % sorted(lost)
        until(lambda: "given again, it ends: %s" % run.victim.lanyard(*run.again).stderr,
              lambda: code == 0 or run.victim.lanyard(*run.again).returncode == 0, 30, 0.2)
        for agent in s.agents:
            agent.wait_sync(100)
        s.check()
        lost = {n for n in before if n not in run.seen(run.peer)}
        assert not lost, "told as a deletion afterwards: %s" % sorted(lost)
    except (AssertionError, StandError, OSError) as e:
        raise AssertionError("%s, call %d (%s), %s swapped for %s, back after %d: %s\n%s\n%s" % (
            choice.name, point, fault.what, test_races.WHATS_NAMES[what], test_races.HOWS_NAMES[how], back, e, s.victim.tail(),
            s.peer.tail())) from e
    return fault.what if swap.tries else None


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: c.name)
def test_something_else_stands_where_a_command_goes(pair, choice, record_property):
    run = set_up(pair, choice, 0)
    pair.order(SELF, test_races.LEAD_OUT[0])
    pair.victim.fault.arm(SWAP, 1 << 30, kinds=KINDS)
    assert ended(run, choice.act(run)) == 0, run.said
    total = pair.victim.fault.disarm()
    order = [(p, what, how, back) for p in range(1, total + 1) for what in (SELF, PARENT) for how in test_races.HOWS for back in (1, 2, 0)]
    if not ALL:
        order = random.Random(choice.name).sample(order, min(len(order), QUICK_POINTS))
    tries = 0
    for number, (point, what, how, back) in enumerate(order, 1):
        tries += swap_at(pair, choice, number, point, what, how, back) is not None
    assert tries > 0
    record_property("tries", tries)
    print("%s: %d calls, %d swaps" % (choice.name, total, tries))


@pytest.mark.skipif(not test_races.CAN_MOUNT, reason="needs root")
@pytest.mark.parametrize("choice", [c for c in CHOICES if c.name == "drop"], ids=lambda c: c.name)
def test_what_a_drop_took_aside_and_cannot_put_back_is_not_told_as_deleted(pair, choice):
    """A mount stands where the file was taken aside, so that it can neither be compared, removed nor moved."""
    tries = [swap_at(pair, choice, p, p, SELF, MOUNT, 0) for p in range(23, 28)]
    assert any(t is not None and t.split()[1].endswith(".swap") for t in tries), "none of these calls is for what was taken aside: %s" % tries
