"""What a peer says is a claim, never an order: nothing stops, begins anew or lies because somebody says so."""
import os

import netlab
import wire
from foe import Foe


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
