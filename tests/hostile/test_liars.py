"""Agents in no group that answer whoever asks to join: what they say neither lets an asker in nor keeps it out."""
import os

import netlab
import pytest
import wire
from asking import ACCEPTED, BARRED, LATER, NO, SALT, WAITING, Liar, answer
from papers import vouched


def says(state, **more):
    """The same answer to everything."""
    return lambda liar, foe, kind, m: foe.say(answer(m[1][0], state, **more))


def gives_a_salt(liar, foe, kind, m):
    """As a member would: a second code, with a giver that no member knows."""
    if kind == wire.ASK:
        foe.say(answer(m[1][0], SALT, salt=os.urandom(32), number=(1 << 64) - 1))
    else:
        foe.say(answer(m[1][0], WAITING, entry=vouched(liar.key, m[2][0])))


def alters_the_request(liar, foe, kind, m):
    if kind == wire.ASK:
        foe.say(answer(m[1][0], SALT, salt=os.urandom(32)))
    else:
        part = bytearray(m[2][0])
        part[-70] ^= 1
        foe.say(answer(m[1][0], WAITING, entry=vouched(liar.key, bytes(part))))


def rubbish(liar, foe, kind, m):
    foe.say(answer(m[1][0], WAITING, entry=os.urandom(700)) + answer(m[1][0], SALT, salt=os.urandom(32)) * 20 +
            answer(os.urandom(16), ACCEPTED, group=os.urandom(32)))


def knows_r_and_gives_another_salt(liar, foe, kind, m):
    """With r it can compute which salt makes the code that it wants."""
    foe.say(answer(m[1][0], SALT, salt=os.urandom(32)))


def drops_what_it_carries(liar, foe, kind, m):
    """So that it is asked again, for another code, and again."""
    gives_a_salt(liar, foe, kind, m)
    if kind == wire.ASK_REVEAL:
        foe.say(answer(m[1][0], LATER))


def floods(liar, foe, kind, m):
    """Each answer is stored and shown, so it is sent away."""
    foe.say(answer(m[1][0], LATER) * 500)


def is_silent(liar, foe, kind, m):
    pass


SALTS_OF_ADDRESS = 8
LIES = {
    "no": says(NO),
    "carried": says(WAITING),
    "another group": says(ACCEPTED, group=bytes(32)),
    "barred, while a member carries it": says(BARRED),
    "a salt": gives_a_salt,
    "another request": alters_the_request,
    "a salt for a known r": knows_r_and_gives_another_salt,
    "code after code": drops_what_it_carries,
    "rubbish": rubbish,
    "a flood": floods,
    "nothing": is_silent,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_neither_lets_in_nor_keeps_out(lab, lie):
    """The asker meets the liar and a member at the same time, compares a code with the owner, and is let in."""
    owner, guest, foe = lab.host("owner"), lab.host("guest"), lab.host("foe")
    owner.daemon.start("--discovery", "embedded", "--listen", str(owner.port))
    owner.cli("create", "pics", "--share", owner.share)
    with Liar(foe, LIES[lie]) as liar:
        guest.daemon.start("--discovery", "embedded", "--listen", str(guest.port), "--peer", liar.address)
        netlab.until("the group is seen", lambda: guest.cli("groups")["seen"], 20)
        guest.lanyard("join", "pics", "--share", guest.share, "--timeout", "0")
        netlab.until("the owner has the request", lambda: owner.cli("requests")["requests"], 20)
        request, = owner.cli("requests")["requests"]
        netlab.until("the guest has its code", lambda: request["code"] in guest.cli("status")["asked"][0]["codes"], 20)
        often = SALTS_OF_ADDRESS + 1 if lie == "code after code" else 1
        netlab.until("the liar was asked", lambda: liar.asked >= often, 20)
        if lie == "a flood":
            netlab.until("it is sent away", lambda: "answers too often" in guest.daemon.log(), 20)
        assert not guest.cli("groups")["groups"]
        owner.cli("accept", "pics", request["code"])
        netlab.until("the guest is a member", lambda: guest.cli("groups")["groups"], 20)
        guest.wait_peers(1)
    # No r is revealed twice, and few are to one address.
    assert len(set(liar.revealed)) == len(liar.revealed) <= SALTS_OF_ADDRESS
