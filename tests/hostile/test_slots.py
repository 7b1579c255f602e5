"""Slots: a stranger cannot hold those that a member needs."""
import contextlib
import time

import netlab
from foe import Gone, dial


def back_again(scene):
    """How long the honest member, restarted behind a gate that lets nobody dial it, is away."""
    scene.honest.daemon.stop()
    begin = time.monotonic()
    scene.honest.daemon.start("--discovery", "off", "--peer", scene.victim.address, "--listen", "127.0.0.1:4170")
    scene.honest.wait_peers(1)
    return time.monotonic() - begin


def test_a_stranger_with_many_keys_does_not_hold_the_sessions(scene):
    """270 identities from one machine with 40 addresses: none has shown a membership, none keeps a member out."""
    sources = scene.addresses(40)
    with scene.attacked("270 keys want all sessions", memory=60, processor=15, drop=15):
        for i in range(270):
            with contextlib.suppress(Gone, OSError):
                scene.stranger(source=sources[i % len(sources)])
        away = back_again(scene)
    assert away < 6 * netlab.FACTOR, "the member was kept out for %.1f s" % away


def test_a_stranger_does_not_get_the_sessions_of_members(scene):
    """A hundred connections of strangers on top of the member's: the member stays."""
    sources = scene.addresses(30)
    since = scene.honest.peers()
    with scene.attacked("100 keys beside a member", memory=60, processor=15, drop=15):
        for i in range(100):
            with contextlib.suppress(Gone, OSError):
                scene.stranger(source=sources[i % len(sources)])
    assert {k: p["since"] for k, p in scene.honest.peers().items()} == {k: p["since"] for k, p in since.items()}


def test_idle_tcp_does_not_hold_the_handshakes(scene):
    """Ten addresses with ten idle connections each; the oldest silent one makes room for whoever comes."""
    sources = scene.addresses(10)
    idle = []
    with scene.attacked("idle TCP from ten addresses", memory=40, drop=15):
        for i in range(100):
            with contextlib.suppress(OSError):
                idle.append(dial(scene.foe, scene.victim, sources[i % 10]))
        away = back_again(scene)
    for sock in idle:
        sock.close()
    assert away < 6 * netlab.FACTOR, "the member was kept out for %.1f s" % away


def test_a_newcomer_with_an_invite_gets_in_beside_strangers(scene):
    """An invited agent is a stranger until it has shown its invite: those that show nothing make room for it."""
    sources = scene.addresses(40)
    token = scene.victim.invite("pics")
    guest = scene.lab.host("guest")
    guest.daemon.start("--discovery", "off", "--peer", scene.victim.address)
    with scene.attacked("270 keys before an invited agent", memory=60, processor=15, drop=15):
        for i in range(270):
            with contextlib.suppress(Gone, OSError):
                scene.stranger(source=sources[i % len(sources)])
        begin = time.monotonic()
        guest.cli("join", "--invite", token, "--share", guest.share)
        took = time.monotonic() - begin
    assert took < 6 * netlab.FACTOR, "joining took %.1f s" % took
