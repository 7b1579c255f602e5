"""What a peer says is a claim, never an order: nothing stops, starts again or lies because somebody says so."""
import contextlib
import os
import time

import netlab
import wire
from foe import Foe, Gone


def truthful(scene):
    """The victim goes on and says so."""
    status = scene.victim.cli("status")
    assert status["copied"] is None and scene.victim.status()["error"] is None, status
    assert b"copied" not in scene.victim.lanyard("doctor").out
    netlab.settle([scene.honest, scene.victim])


def test_a_stranger_says_that_the_home_was_copied(scene):
    with scene.attacked("BYE{copied} from a stranger") as m:
        for _ in range(20):
            with Foe(scene.foe, scene.victim) as foe:
                foe.say(wire.hello() + wire.bye("two agents with this identity", copied=True))
                foe.gone(5)
        m.drop()
    truthful(scene)


def test_a_member_says_that_the_home_was_copied(scene):
    """With nothing to show, and with a signature of its own."""
    papers = scene.papers()
    false = wire.message((1, wire.Fixed(7)), (2, wire.Fixed(8)), (4, papers.key.sign(b"lanyard life 1\0" + bytes(17))))
    with scene.attacked("BYE{copied} from a member") as m:
        for evidence in (b"", false, wire.message((1, wire.Fixed(7)), (4, os.urandom(64)))):
            with papers.connect() as foe:
                foe.say(wire.frame(wire.BYE, wire.message((1, "copied"), (2, 1), *([(3, evidence)] if evidence else []))))
                foe.gone(5)
        m.drop()
    truthful(scene)

def epoch_of(papers):
    with papers.connect() as foe:
        return foe.their_epoch


def test_a_member_claims_to_know_more_than_was_ever_told(scene):
    """have_seq beyond all numbers, in the victim's own epoch: no new epoch, no connection of others cut."""
    papers = scene.papers()
    epoch = epoch_of(papers)
    since = {k: p["since"] for k, p in scene.honest.peers().items()}
    before = len(scene.victim.log().splitlines())
    with scene.honest.events() as events, scene.attacked("60 index hellos with a forged have_seq", processor=6) as m:
        for i in range(60):
            with contextlib.suppress(Gone, TimeoutError):
                papers.connect(have_epoch=epoch, have_seq=1 << (20 + i % 40)).close()
        m.drop()
        events.poll(0.2)
        assert [e["event"] for e in events.seen if e["event"] == "peer-disconnected" and e.get("peer") == scene.victim.agent_id()] == []
    assert epoch_of(papers) == epoch
    assert {k: p["since"] for k, p in scene.honest.peers().items()} == since
    assert len(scene.victim.log().splitlines()) - before < 120
    truthful(scene)


def test_a_member_claims_to_have_forgotten_deletions(scene):
    """forgotten beyond what was received, again and again, from an epoch that the victim has met."""
    papers = scene.papers()
    epoch, own = epoch_of(papers), 4711
    with papers.connect(epoch=own, seq=5, have_epoch=epoch, have_seq=1):
        time.sleep(0.3)
    with scene.attacked("60 index hellos with a forged forgotten", processor=6) as m:
        for i in range(60):
            with contextlib.suppress(Gone, TimeoutError):
                papers.connect(epoch=own, seq=1000 + i, have_epoch=epoch, have_seq=1, forgotten=1000 + i).close()
        m.drop()
    assert epoch_of(papers) == epoch
    truthful(scene)
