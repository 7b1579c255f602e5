"""Joiners, and agents that come back from a key file, that meet the wrong one first: a member that was removed, one that says no in the
group's name, one that shows another group."""
import json
import os
import shutil
import time

import netlab
import wire
from papers import OWNER, MEMBER, Key, OwnerOf, admission, founding, key_of
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


def restored(scene, host, trap):
    """The host has lost its disk, and nobody but the trap can show it the list of members."""
    word = host.path("passphrase")
    with open(word, "w", encoding="ascii") as f:
        f.write("correct horse")
    host.cli("key", "export", host.path("key"), "--passphrase-file", word)
    for one in (scene.victim, scene.honest):
        one.daemon.stop()
    for path in (host.home, host.share):
        shutil.rmtree(path)
    netlab.trees.write(host.share, {"private": b"for members' eyes"})
    host.cli("key", "import", host.path("key"), "--passphrase-file", word, "--share", host.share)
    host.daemon.start("--discovery", "off", "--peer", trap.address)


def is_not_captured(scene, papers, shown):
    """The honest one is restored and meets the foe, with this list of members, first; then the victim."""
    def answer(trap, foe, theirs, request):
        foe.say(wire.group_open(0, theirs, credential=shown) + wire.roster(0, shown))

    for host in (scene.victim, scene.honest):
        netlab.until("it is removed", lambda h=host: len(h.cli("members", "pics")["members"]) == 2, 20)
    with Trap(scene.foe, papers.group, answer, papers.key, opens=True) as trap:
        restored(scene, scene.honest, trap)
        netlab.until(lambda: "it was shown the old list: %s" % scene.honest.status(),
                     lambda: "older" in (scene.honest.status()["waits_for"] or ""), 30)
        status = scene.honest.status()
        assert status["state"] == "restored" and "older than the key file" in status["waits_for"]
        assert not {wire.INDEX_HELLO, wire.NEWS, wire.LIST, wire.BLOCK} & set(trap.heard)
    scene.victim.daemon.start()
    netlab.until("it is back", lambda: scene.honest.status()["state"] not in ("restored", "error"), 90)
    netlab.settle([scene.victim, scene.honest])
    assert scene.victim.read("private") == b"for members' eyes" and scene.honest.read("hello") == b"world"


def test_a_restored_agent_is_not_captured_by_a_removed_member(scene):
    papers = scene.papers()
    foe = scene.member(papers)
    old = papers.entries
    foe.say(wire.roster(foe.channel, [OwnerOf(scene.victim, old).removes(papers.key.id)]))
    is_not_captured(scene, papers, old)


def test_a_restored_agent_is_not_captured_by_a_removed_owner_that_removes_its_remover(scene):
    papers = scene.papers()
    foe = scene.member(papers)
    owner = OwnerOf(scene.victim, papers.entries)
    made = owner.adds(papers.key.id, OWNER)
    own = OwnerOf(scene.foe, papers.entries, papers.key)
    fork = papers.entries + [made, own.removes(owner.key.id), own.adds(key_of(scene.honest).id, MEMBER)]
    foe.say(wire.roster(foe.channel, [made, owner.removes(papers.key.id)]))
    is_not_captured(scene, papers, fork)


def test_a_restored_agent_takes_no_other_groups_list_and_no_refusal(scene):
    papers = scene.papers()
    key = Key()
    other = founding(key, "pics")

    def answer(trap, foe, theirs, request):
        foe.say(wire.group_open(0, theirs, credential=[other]) + wire.roster(0, [other]) +
                wire.group_close(0, "this agent was removed; \x1b[2J", theirs))

    with Trap(scene.foe, papers.group, answer, key, opens=True) as trap:
        restored(scene, scene.honest, trap)
        netlab.until("it was refused", lambda: trap.requests > 0 and "proves nothing" in (scene.honest.status()["waits_for"] or ""), 30)
        assert scene.honest.status()["state"] == "restored" and "\x1b" not in scene.honest.lanyard("status").out.decode()
        assert not {wire.INDEX_HELLO, wire.NEWS, wire.LIST, wire.BLOCK} & set(trap.heard)
    scene.victim.daemon.start()
    netlab.until("it is back", lambda: scene.honest.status()["state"] not in ("restored", "error"), 90)
    netlab.settle([scene.victim, scene.honest])
