"""Members that announce blocks of files that have no record, and never will: what they cost, and that nothing comes of it."""
import contextlib
import os
import struct

import netlab
import pytest
import wire
from foe import Gone
from netlab import trees

BLOCK = 64 << 10
MIB = 1 << 20


def blocks(number, length=BLOCK):
    return b"".join(struct.pack(">I", length) + os.urandom(32) for _ in range(number))


def coming_parts(host):
    return [n for n in os.listdir(host.file(".lanyard/parts")) if n.endswith(b".coming")]


def visible(host):
    return sorted(n for n in os.listdir(host.share) if n != ".lanyard")


def marked(scene, foe):
    """Returns when the victim has handled all that the foe said before."""
    foe.say(wire.ping(77))
    foe.hear(wire.PONG)


def test_ever_new_files_that_never_come(scene):
    """Two thousand files, each under an id of its own, of which nothing is given; and one that never ends."""
    with scene.attacked("ever new files before their records", memory=80, processor=20, disk=8) as m:
        foe = scene.member()
        run = blocks(512)
        for i in range(2000):
            foe.say(wire.coming(foe.channel, i, b"file-%d" % (i % 300), run))
        for i in range(400):
            foe.say(wire.coming(foe.channel, 7_000_000, b"endless", run, at=i * 512 * BLOCK))
        marked(scene, foe)
        netlab.until("a few coming parts at most", lambda: len(coming_parts(scene.victim)) <= 4, 10)
        m.drop()
    assert visible(scene.victim) == visible(scene.honest)
    # What is paused takes nothing, and gives up what came.
    scene.victim.cli("pause", "pics")
    netlab.until("nothing is left", lambda: coming_parts(scene.victim) == [], 20)


def test_runs_of_one_block(scene):
    """A hundred thousand runs of one file, of a block each."""
    with scene.attacked("100,000 runs of one block", memory=20, processor=20, disk=8) as m:
        foe = scene.member()
        one = blocks(1)
        for batch in range(100):
            foe.say(b"".join(wire.coming(foe.channel, 1, b"endless", one, at=(1000 * batch + i) * BLOCK) for i in range(1000)))
        marked(scene, foe)
        m.drop()


def test_blocks_that_are_not_what_was_announced(scene):
    with scene.attacked("wrong blocks before a record", memory=80, processor=20, disk=64):
        foe = scene.member()
        foe.say(wire.coming(foe.channel, 1, b"lies", blocks(64)))
        with contextlib.suppress(Gone):
            for _ in range(200):
                one = foe.listen(1.0)
                if one is None:
                    break
                if one[0] == wire.GET:
                    for w in map(wire.fields, wire.fields(one[1])[5]):
                        foe.say(wire.block(w[1][0], bytes(w[3][0])))
    assert visible(scene.victim) == visible(scene.honest)


PLACES = [b"../outside", b"/etc/passwd", b".lanyard/parts/x", b"a/../../b", b"a//b", b".lanyardignore"]


@pytest.mark.parametrize("path", PLACES)
def test_a_path_that_no_record_may_have(scene, path):
    foe = scene.member()
    with contextlib.suppress(Gone):
        for i in range(4):
            foe.say(wire.coming(foe.channel, i, path, blocks(64)))
        marked(scene, foe)
    assert coming_parts(scene.victim) == []


def test_a_reader_announces_in_vain(scene):
    foe = scene.member(scene.papers(role="reader"), role=3)
    for i in range(10):
        foe.say(wire.coming(foe.channel, i, b"reader-%d" % i, blocks(64)))
    marked(scene, foe)
    assert coming_parts(scene.victim) == []


def test_what_is_ignored_here_is_not_taken(scene):
    trees.write(scene.victim.share, {"own.iso": b"1"})
    trees.write(scene.victim.share, {".lanyardignore": b"*.iso\n"})  # counted by the scan that follows
    netlab.until("it goes by its rules", lambda: scene.victim.status()["ignored"] == 1, 30)
    foe = scene.member()
    foe.say(wire.coming(foe.channel, 1, b"dir/film.iso", blocks(64)))
    marked(scene, foe)
    assert coming_parts(scene.victim) == []


IMPOSSIBLE = {
    "an id of another path": [(1, b"one", 0, (64, BLOCK)), (1, b"two", 64 * BLOCK, (64, BLOCK))],
    "runs that overlap": [(1, b"one", 0, (64, BLOCK)), (1, b"one", 63 * BLOCK, (64, BLOCK))],
    "blocks of a few bytes": [(1, b"one", 0, (64, 16))],
    "beyond the largest file": [(1, b"one", (1 << 40) - 1, (64, BLOCK))],
}


def is_closed(foe, said):
    try:
        for number, path, at, (n, length) in said:
            foe.say(wire.coming(foe.channel, number, path, blocks(n, length), at))
        return foe.gone(10)
    except Gone:
        return True


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_no_member_says_ends_the_connection(scene, what):
    assert is_closed(scene.member(), IMPOSSIBLE[what] * 4)


def test_what_members_say_does_not(scene):
    foe = scene.member()
    for i in range(4):
        foe.say(wire.coming(foe.channel, i, b"one", blocks(64)))
        foe.say(wire.coming(foe.channel, i, b"one", blocks(64), 64 * BLOCK))
        foe.say(wire.coming(foe.channel, i, b"one", ended=True))
    marked(scene, foe)
