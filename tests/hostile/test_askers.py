"""Strangers that ask to join: they fill their own room only, choose no code, and learn one word."""
import contextlib
import os

import netlab
import wire
from asking import ACCEPTED, LATER, NO, SALT, WAITING, Asker
from foe import Gone
from papers import Key, Token, owners_answer, public_tag, request_part, vouched

OF_ADDRESS = 4      # requests of one address
OF_GIVER = 32       # requests that one member gave a salt for
SALTS = 60          # an hour, by one member
SALTS_OF_ADDRESS = 8


def group_of(scene):
    return Token(scene.victim.invite("pics")).group


def waiting(host):
    return host.cli("requests", "pics")["requests"]


def codes(host):
    return {r["code"] for r in waiting(host)}


def asker(scene, group, source=None, key=None, host=None):
    a = Asker(host or scene.foe, scene.victim, group, key, source)
    scene.keep(a.foe)
    return a


def an_honest_one(scene, group):
    """Asks from a machine of its own; its request waits at both members."""
    a = asker(scene, group, host=scene.lab.host("guest"))
    assert a.asks(name="guest", message="the laptop in room 2") == WAITING
    for host in (scene.victim, scene.honest):
        netlab.until("it waits", lambda: a.code() in codes(host), 20)
    return a


def log_lines(scene):
    return scene.victim.daemon.log().count("\n")


def test_many_keys_of_one_machine_fill_only_its_room(scene):
    group = group_of(scene)
    honest = an_honest_one(scene, group)
    given, before = 0, log_lines(scene)
    with scene.attacked("250 keys of one machine ask", memory=60, processor=20, drop=15):
        for _ in range(250):
            with contextlib.suppress(Gone, OSError, TimeoutError):
                a = asker(scene, group)
                given += a.asks(message="x" * 200) == WAITING
                a.close()
    assert 0 < given <= SALTS_OF_ADDRESS
    for host in (scene.victim, scene.honest):
        assert honest.code() in codes(host)
        assert len(waiting(host)) <= 1 + OF_ADDRESS
    assert log_lines(scene) - before < 60


def test_many_addresses_get_no_more_than_the_members_salts(scene):
    """40 addresses, 6 keys each: what the owner has seen stays, and a newcomer still gets a word."""
    group, given = group_of(scene), 0
    honest = an_honest_one(scene, group)
    sources = scene.addresses(40)
    with scene.attacked("240 keys from 40 addresses ask", memory=60, processor=20, drop=15):
        for i in range(240):
            with contextlib.suppress(Gone, OSError, TimeoutError):
                a = asker(scene, group, sources[i % len(sources)])
                given += a.asks() == WAITING
                a.close()
            # It answers pings meanwhile, or it would be dropped as silent where the flood takes over 10 s.
            honest.foe.heard += honest.foe.hear_all(0)
    assert given <= SALTS
    assert len(waiting(scene.victim)) <= 1 + OF_GIVER
    assert honest.code() in codes(scene.victim)
    # A member that gives no more salts still accepts whoever has asked it.
    scene.victim.cli("accept", "pics", honest.code())
    while honest.hear() != ACCEPTED:
        pass
    assert honest.answer[5] == [group]


def test_one_commitment_has_one_salt(scene):
    """A second salt for one commitment would be a try at a code that costs nothing."""
    a = asker(scene, group_of(scene))
    assert a.ask() == SALT
    salt = a.salt
    for _ in range(3):
        assert a.ask() == SALT
        assert a.salt == salt
    assert a.ask(r=os.urandom(32)) == SALT
    assert a.salt != salt
    # It was for the second commitment: the first r does not open it, and then it is used up.
    a.foe.say(wire.ask_reveal(a.tag, a.part()))
    a.foe.say(wire.ask_reveal(a.tag, a.part()))
    assert not [k for k, _ in a.foe.hear_all(1.0) if k == wire.ASK_ANSWER]
    assert waiting(scene.victim) == []


def flip_last_bit(part):
    return part[:-1] + bytes([part[-1] ^ 1])


def test_nobody_lies_about_the_salt(scene):
    group, other = group_of(scene), Key()
    lies = {
        "another salt": lambda a: a.part(s=os.urandom(32)),
        "another r": lambda a: a.part(r=os.urandom(32)),
        "another giver": lambda a: request_part(a.key, a.tag, a.r, a.salt, other.id, 1),
        "another group": lambda a: request_part(a.key, bytes(16), a.r, a.salt, a.foe.victim_id, 1),
        "another's key": lambda a: request_part(a.key, a.tag, a.r, a.salt, a.foe.victim_id, 1, key=other),
        "no signature": lambda a: flip_last_bit(a.part()),
        "number 0": lambda a: a.part(number=0),
        "a control character": lambda a: a.part(message="\x1b[2J"),
        "nothing": lambda a: b"",
    }
    for (what, lie), source in zip(lies.items(), scene.addresses(len(lies))):
        a = asker(scene, group, source)
        assert a.ask() == SALT, what
        a.foe.say(wire.ask_reveal(a.tag, lie(a)))
        assert not [k for k, _ in a.foe.hear_all(0.3) if k == wire.ASK_ANSWER], what
        a.close()
    # A request whose giver is not a member, or did not sign it, is not taken over.
    a = asker(scene, group)
    part = request_part(a.key, a.tag, a.r, os.urandom(32), other.id, 1)
    assert a.ask(entries=[vouched(other, part), vouched(other, a.part(s=os.urandom(32)))], number=1) == SALT
    assert waiting(scene.victim) == []


def test_a_request_is_nobody_elses(scene):
    """Heard on the way, or by a false member: it can be shown by the agent that made it, and by nobody else."""
    group = group_of(scene)
    honest = an_honest_one(scene, group)
    thief = asker(scene, group)
    assert thief.ask(entries=[honest.entry], number=1) == SALT
    scene.victim.cli("reject", "pics", honest.code())
    netlab.until("nobody waits", lambda: not waiting(scene.honest), 20)
    # Nor does it come back after a rejection, whoever brings it.
    member = scene.member()
    member.say(wire.requests(member.channel, [honest.entry]))
    member.say(wire.ping(7))
    member.hear(wire.PONG)
    assert waiting(scene.victim) == [] == waiting(scene.honest)


def test_a_stranger_learns_one_word(scene):
    group = group_of(scene)
    secret = [group, scene.victim.cli("status")["agent"].encode(), b"honest", b"victim", b"pics"]
    a = asker(scene, group)
    assert a.asks() == WAITING
    heard = a.foe.heard + a.foe.hear_all(1.0)
    for kind, payload in heard + [(wire.ASK_ANSWER, v) for vs in a.answer.values() for v in vs if isinstance(v, bytes)]:
        for s in secret:
            assert s not in payload, kind
    # A group that does not exist, and one that is hidden, are the same word.
    scene.victim.cli("create", "attic", "--hidden", "--share", scene.victim.path("attic"))
    hidden = Token(scene.victim.invite("attic")).group
    for tag in (public_tag(os.urandom(32)), public_tag(hidden)):
        assert a.ask(tag=tag) == NO
        assert set(a.answer) - {1, 2} == {k for k in a.answer if not a.answer[k]} - {1, 2}


def test_one_that_asks_without_end_is_sent_away(scene):
    a = asker(scene, group_of(scene))
    with scene.attacked("a stranger asks 20,000 times", processor=15):
        with contextlib.suppress(Gone, OSError):
            a.foe.say(b"".join(wire.ask(a.tag, os.urandom(32)) for _ in range(20000)), patience=10)
        assert a.foe.gone()


def test_a_member_invents_requests(scene):
    """One member says that it gave salts to 6,000 strangers, bars everybody, and signs for others."""
    group = group_of(scene)
    honest = an_honest_one(scene, group)
    papers = scene.papers()
    foe, tag = scene.member(papers), public_tag(group)
    entries = []
    for i in range(1500):
        stranger = Key()
        part = request_part(stranger, tag, os.urandom(32), os.urandom(32), papers.key.id, 1)
        entries.append(vouched(papers.key, part, "10.9.%d.%d" % (i // 250, i % 250)))
    entries += [owners_answer(papers.key, tag, honest.key.id, 1, verdict) for verdict in (1, 2, 3)]
    entries += [flip_last_bit(honest.entry)]
    with scene.attacked("6,000 invented requests by a member", processor=20):
        for _ in range(4):
            for at in range(0, len(entries), 250):
                foe.say(wire.requests(foe.channel, entries[at:at + 250]))
        netlab.until("its room is full", lambda: len(waiting(scene.victim)) == 1 + OF_GIVER, 30)
    for host in (scene.victim, scene.honest):
        netlab.until("the honest one is there", lambda: honest.code() in codes(host), 20)
        assert len(waiting(host)) <= 1 + OF_GIVER


def test_a_reader_gives_no_salt(scene):
    """Its word as a giver does not count, so it cannot make a code for an accomplice."""
    group = group_of(scene)
    papers = scene.papers()
    foe = scene.member(papers)
    member = next(m["agent"] for m in scene.victim.cli("members", "pics")["members"]
                  if m["agent"] not in (scene.victim.agent_id(), scene.honest.agent_id()))
    scene.victim.cli("role", "pics", member, "reader")
    foe.close()
    foe = papers.knock()
    foe.say(wire.group_open(foe.channel, foe.theirs, credential=papers.credential))
    foe.hear(wire.GROUP_OPEN)
    stranger = Key()
    part = request_part(stranger, public_tag(group), os.urandom(32), os.urandom(32), papers.key.id, 1)
    foe.say(wire.requests(foe.channel, [vouched(papers.key, part)]))
    foe.say(wire.ping(7))
    foe.hear(wire.PONG)
    assert waiting(scene.victim) == []
    honest = an_honest_one(scene, group)
    assert codes(scene.victim) == {honest.code()}
