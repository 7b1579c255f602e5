"""What a stranger is told: who it speaks to, and nothing else."""
import wire
from foe import Foe
from scenes import GROUP


def first_hello(scene):
    with Foe(scene.foe, scene.victim) as foe:
        foe.say(wire.hello())
        return wire.fields(foe.hear(wire.HELLO))


def test_a_stranger_learns_neither_the_name_nor_the_number_of_groups(scene):
    one = first_hello(scene)
    for i in range(3):
        scene.victim.cli("create", "more-%d" % i, "--share", scene.victim.path("more-%d" % i))
    four = first_hello(scene)
    for hello in (one, four):
        assert b"victim" not in b"".join(hello[3])
    assert len(one[5]) == len(four[5])
    # The members still know each other by name.
    assert [p["name"] for p in scene.honest.peers().values()] == ["victim"]
    assert GROUP in [g["group"] for g in scene.victim.cli("status")["groups"]]
