"""Work that a peer chooses, on the loop: a few bytes that cost the victim seconds in which it answers nobody."""
import contextlib
import hashlib
import os
import time

import netlab
import wire
from foe import Foe, Gone
from papers import Key, admission, Token


def big_file(scene, mb):
    """A file of the victim's with many blocks, known to everybody; (size, number of blocks, root, list)."""
    with open(scene.victim.file("big"), "wb") as f:
        f.write(os.urandom(mb << 20))
    netlab.settle([scene.victim, scene.honest], timeout=60)


def content_of(foe, name):
    """What the victim told of a file."""
    while True:
        for one in wire.records(foe.hear(wire.NEWS)):
            if bytes(one[1][0]) == name:
                return one[6][0], one[7][0], bytes(one[8][0])


def blocks_of(foe, size, number, root):
    foe.say(wire.list_get(foe.channel, 1, size, number, root))
    data = bytes(wire.fields(foe.hear(wire.LIST))[3][0])
    at, found = 0, []
    for i in range(0, len(data), 36):
        n = int.from_bytes(data[i:i + 4], "big")
        found.append((at, n, data[i + 4:i + 36]))
        at += n
    return found


def test_a_cancel_of_millions_against_many_wants(scene):
    """16,000 wants, none of which is served since nothing is read, and a CANCEL that names two million others."""
    big_file(scene, 8)
    with scene.attacked("a packed CANCEL against many wants", processor=15) as m:
        foe = scene.member()
        size, number, root = content_of(foe, b"big")
        at, n, digest = blocks_of(foe, size, number, root)[-1]
        for batch in range(15):
            foe.say(wire.get(foe.channel, size, number, root,
                             [wire.want(10_000 + 1024 * batch + i, at, n, digest) for i in range(1024)]))
        with contextlib.suppress(Gone):
            foe.say(wire.zipped(wire.CANCEL, wire.message((1, b"\1" * ((4 << 20) - 16)))))
        m.drop()


def test_a_megabyte_of_zipped_pings(scene):
    """Every PING unpacks to 4 MiB."""
    with scene.attacked("1 MiB of zipped PINGs", processor=5) as m:
        foe = scene.member()
        one = wire.bomb(wire.PING, 4 << 20)
        with contextlib.suppress(Gone):
            foe.say(one * ((1 << 20) // len(one)), patience=2)
        m.drop()


def test_a_megabyte_of_zipped_messages_of_every_kind(scene):
    """What unpacks to much and means nothing: unknown fields, unknown types, lists nobody asked for."""
    papers = scene.papers()
    for kind in (wire.NEWS, wire.ROSTER, wire.LIST, wire.ADDRESSES, 99):
        body = wire.message((1, 0), (100, b"\0" * ((4 << 20) - 20)))
        with scene.attacked("1 MiB of zipped frames of type %d" % kind, processor=6) as m:
            foe = scene.member(papers)
            one = wire.zipped(kind, body)
            with contextlib.suppress(Gone):
                foe.say(one * ((1 << 20) // len(one)), patience=2)
            m.drop()
            foe.close()


def test_list_after_list(scene):
    """Two thousand LIST_GETs of a list of 8,000 blocks, and nothing is read."""
    big_file(scene, 128)
    with scene.attacked("2,000 LIST_GETs, nothing read", processor=15, memory=60) as m:
        foe = scene.member()
        size, number, root = content_of(foe, b"big")
        with contextlib.suppress(Gone):
            foe.say(b"".join(wire.list_get(foe.channel, 10 + i, size, number, root, i % 7) for i in range(2000)), patience=3)
        m.drop()


def test_a_stranger_that_knows_the_group_shows_false_papers(scene):
    """Whoever once saw a token knows the group's ID. On each connection 26 entries that nobody has seen, each with three signatures
    that hold: 8 ms of a processor, which must not be the loop's."""
    papers = scene.papers()
    token = Token(scene.victim.invite("pics"))
    with scene.attacked("false credentials on 60 connections", processor=3, status=1.5) as m:
        for _ in range(60):
            false = [admission(Key(), token.request(Key(), os.urandom(32)), 1_700_000_000) for _ in range(26)]
            with contextlib.suppress(Gone, TimeoutError, OSError):
                foe = Foe(scene.foe, scene.victim).meet(papers.group)
                # The founding entry goes first, as in any credential.
                foe.say(wire.group_open(foe.channel, foe.theirs, credential=papers.entries[:1] + false))
                foe.hear(wire.GROUP_CLOSE, 10)
                foe.close()
        m.drop()


def test_wants_of_what_nobody_has(scene):
    """Sixty thousand blocks of contents that the victim never heard of, 1,024 in a message."""
    with scene.attacked("60,000 wants of unknown contents", processor=6) as m:
        foe = scene.member()
        with contextlib.suppress(Gone):
            for i in range(60):
                root = hashlib.sha256(b"%d" % i).digest()
                foe.say(wire.get(foe.channel, 1 << 30, 9000, root,
                                 [wire.want(1024 * i + j, 65536 * j, 65536, root) for j in range(1024)]), patience=5)
                while foe.listen() is not None:
                    pass
        m.drop()
