"""Joiners that meet the wrong one first: a member that was removed, and one that says no in the group's name."""
import json
import os
import time

import netlab
import wire
from papers import OwnerOf, admission
from trap import Trap


def joining(host, token, trap, seconds="6s"):
    """A join that nobody but the trap can answer."""
    netlab.trees.write(host.share, {"private": b"for members' eyes"})
    host.daemon.start("--discovery", "off", "--peer", trap.address)
    return host.lanyard("join", "--invite", token, "--share", host.share, "--timeout", seconds)


def comes_in(scene, joiner):
    """When the real ones are back."""
    for host in (scene.victim, scene.honest):
        host.daemon.start()
    netlab.until("it has joined", lambda: joiner.status()["state"] not in ("joining", "error"), 90)
    netlab.settle([scene.victim, scene.honest, joiner])
    assert scene.victim.read("private") == b"for members' eyes"


def test_a_joiner_is_not_captured_by_a_removed_member(scene):
    papers = scene.papers()
    foe = scene.member(papers)
    old = papers.entries
    foe.say(wire.roster(foe.channel, [OwnerOf(scene.victim, old).removes(papers.key.id)]))
    netlab.until("it is removed", lambda: len(scene.victim.cli("members", "pics")["members"]) == 2, 20)
    netlab.until("the other one knows", lambda: len(scene.honest.cli("members", "pics")["members"]) == 2, 20)
    token = scene.victim.invite("pics")
    for host in (scene.victim, scene.honest):
        host.daemon.stop()

    def answer(trap, foe, theirs, request):
        shown = old + [admission(papers.key, request, int(time.time()))]
        foe.say(wire.group_open(0, theirs, credential=shown) + wire.roster(0, shown))

    joiner = scene.lab.host("joiner")
    with Trap(scene.foe, papers.group, answer, papers.key) as trap:
        got = joining(joiner, token, trap)
        status = joiner.status()
        assert trap.requests > 0
        assert got.code == 1 and "older than the invite" in got.err, got
        assert status["state"] == "joining" and "older than the invite" in status["waits_for"]
        assert not {wire.INDEX_HELLO, wire.NEWS, wire.LIST, wire.BLOCK} & set(trap.heard)
    comes_in(scene, joiner)


def test_a_refusal_is_not_the_end_of_a_join(scene):
    """Whoever knows the group's ID can say so in the name of all."""
    papers = scene.papers()
    token = scene.victim.invite("pics")
    for host in (scene.victim, scene.honest):
        host.daemon.stop()

    def answer(trap, foe, theirs, request):
        foe.say(wire.group_close(0, "the invite has expired; \x1b[2J", theirs))

    joiner = scene.lab.host("joiner")
    with Trap(scene.foe, papers.group, answer) as trap:
        got = joining(joiner, token, trap)
        assert trap.requests > 0
        assert got.code == 1 and "the invite has expired" in got.err and "\x1b" not in got.err, got
        status = joiner.status()
        assert status["state"] == "joining" and "proves nothing" in status["waits_for"], json.dumps(status)
        assert os.path.exists(joiner.file("private"))
        comes_in(scene, joiner)
