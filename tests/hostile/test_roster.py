"""A roster that somebody tries to fill: by admissions without end, by old dates, by one token for any number of names."""
import contextlib
import time

import netlab
import wire
from foe import Foe, Gone
from papers import Key, Token, addition, admission

ADMITS = 64     # one member's
USES = 100      # one invite's


def members(host):
    return {m["agent"] for m in host.cli("members", "pics")["members"]}


def another_joins(scene):
    """An honest one, by the honest member; while the owner knows all that the foe has said."""
    joiner = scene.lab.host("joiner")
    token = scene.victim.invite("pics")
    joiner.daemon.start("--discovery", "off", "--peer", scene.honest.address)
    joiner.cli("join", "--invite", token, "--share", joiner.share)
    netlab.until("both know", lambda: all(joiner.agent_id() in members(h) for h in (scene.victim, scene.honest)), 30)
    return joiner


def flood(scene, papers, foe, number, when):
    """The foe admits that many new agents."""
    entries = [admission(papers.key, papers.token.request(Key()), when) for _ in range(number)]
    for at in range(0, number, 200):
        foe.say(wire.roster(foe.channel, entries[at:at + 200]))


def test_admissions_without_end(scene):
    papers = scene.papers()
    foe = scene.member(papers)
    before = members(scene.victim)
    with scene.attacked("4,000 admissions by one member", processor=20):
        flood(scene, papers, foe, 4000, int(time.time()))
        netlab.until("all that count are in", lambda: len(members(scene.victim)) == len(before) + ADMITS, 30)
    joiner = another_joins(scene)
    # As many as before, whatever came: they know each other's rosters to be the same.
    assert before <= members(scene.victim)
    netlab.until("the honest member agrees", lambda: members(scene.honest) == members(scene.victim), 30)
    assert len(members(scene.victim)) == len(before) + ADMITS + 1
    joiner.cli("leave", "pics")
    netlab.until("it has left", lambda: len(members(scene.victim)) == len(before) + ADMITS, 30)
    scene.victim.daemon.stop()
    begin = time.monotonic()
    scene.victim.daemon.start()
    assert time.monotonic() - begin < 3 * netlab.FACTOR
    assert before <= members(scene.victim)


def test_admissions_of_1970_push_nobody_out(scene):
    papers = scene.papers()
    foe = scene.member(papers)
    before = members(scene.victim)
    with scene.attacked("1,100 admissions dated 1970", processor=20):
        flood(scene, papers, foe, 1100, 0)
        netlab.until("all that count are in", lambda: len(members(scene.victim)) == len(before) + ADMITS, 30)
    joiner = another_joins(scene)
    for host in (scene.victim, scene.honest, joiner):
        netlab.until("they are all members still", lambda: before <= members(host), 20)


def test_words_of_one_that_is_no_owner(scene):
    papers = scene.papers()
    foe = scene.member(papers)
    with scene.attacked("9,000 additions by one that is not an owner", processor=20):
        for at in range(0, 9000, 500):
            foe.say(wire.roster(foe.channel, [addition(papers.key, papers.group, Key().id, at + i + 1, 0) for i in range(500)]))
    assert len(members(scene.victim)) == 3
    another_joins(scene)


def test_one_token_for_any_number_of_names(scene):
    token = Token(scene.victim.invite("pics"))
    before, let_in, refused = members(scene.victim), 0, 0
    with scene.attacked("110 names by one token", processor=30):
        for _ in range(USES + 10):
            foe = Foe(scene.foe, scene.victim)
            with contextlib.closing(foe), contextlib.suppress(Gone):
                foe.meet(token.group)
                foe.say(wire.group_open(foe.channel, foe.theirs, join=token.request(foe.key, foe.binding)))
                answer = next(kind for kind, _ in iter(lambda: foe.listen(20), None) if kind in (wire.GROUP_OPEN, wire.GROUP_CLOSE))
                let_in += answer == wire.GROUP_OPEN
                refused += answer == wire.GROUP_CLOSE
    assert (let_in, refused) == (USES, 10)
    assert len(members(scene.victim)) == len(before) + USES
    another_joins(scene)
