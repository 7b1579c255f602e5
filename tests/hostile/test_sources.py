"""Sources that tell of a file and do not give it: what they keep the victim from, and what it remembers of them."""
import contextlib
import hashlib
import os
import struct
import time

import agents
import netlab
import pytest
import wire
from foe import Gone

BLOCK = 64 << 10


class File:
    """A content and its list, cut as we like."""

    def __init__(self, name, digests, length=BLOCK, data=None):
        self.name, self.length, self.data = name, length, data
        self.list = b"".join(struct.pack(">I", length) + d for d in digests)
        self.number, self.size = len(digests), length * len(digests)
        self.root = hashlib.sha256(self.list).digest()

    def record(self, seq, writer):
        return wire.record(self.name, seq, size=self.size, nblocks=self.number, root=self.root, writers=[writer], counters=[1],
                           by=writer)


def give(foe, files, seconds, silent_about=(), until=lambda: False):
    """Answers what is asked: lists always, blocks of files that have data; nothing of what it is silent about."""
    by_root, end = {f.root: f for f in files}, time.monotonic() + seconds
    with contextlib.suppress(Gone):
        while time.monotonic() < end and not until():
            one = foe.listen(0.5)
            if one is None or one[0] not in (wire.LIST_GET, wire.GET):
                continue
            asked = wire.fields(one[1])
            if one[0] == wire.LIST_GET:
                f, first = by_root[bytes(asked[5][0])], (asked[6] or [0])[0]
                part = f.list[36 * first:36 * (first + 100_000)]
                foe.say(wire.zipped(wire.LIST, wire.message((1, asked[2][0]), (2, first), (3, part))))
                continue
            f = by_root[bytes(asked[4][0])]
            for w in map(wire.fields, asked[5]):
                if f.name in silent_about:
                    continue
                at, n = (w[2] or [0])[0], w[3][0]
                foe.say(wire.block(w[1][0], f.data[at:at + n]) if f.data else wire.block(w[1][0], b"", 2))


def digests(data):
    """Of its blocks."""
    return [hashlib.sha256(data[i:i + BLOCK]).digest() for i in range(0, len(data), BLOCK)]


@pytest.mark.slow
def test_long_lists_of_what_never_comes(scene):
    """Lists of a million blocks, a few kilobytes each on the wire; of the blocks none can be had.

    While a file is tried its list, 37 MB, is on the disk beside its part: one of the eight at a time, whenever we look.
    """
    files = [File(b"huge-%d" % i, [hashlib.sha256(b"%d" % i).digest()] * (1 << 20), 32 << 10) for i in range(8)]
    with scene.attacked("long lists of what never comes", memory=180, processor=40, disk=80, status=6, drop=8) as m:
        foe = scene.member()
        foe.say(wire.news(foe.channel, 0, len(files), [f.record(i + 1, foe.epoch) for i, f in enumerate(files)]))
        give(foe, files, 10)
        m.drop()


def test_a_list_that_one_source_never_gives(scene):
    """Two members tell of a file; the first never says what its blocks are."""
    data = os.urandom(200 * BLOCK)
    f = File(b"wanted", digests(data), data=data)
    silent, giver = scene.papers(), scene.papers()
    with scene.attacked("a source that is silent", processor=8):
        mute = scene.member(silent)
        mute.say(wire.news(mute.channel, 0, 1, [f.record(1, 77)]))
        mute.hear(wire.LIST_GET)
        foe = scene.member(giver)
        foe.say(wire.news(foe.channel, 0, 1, [f.record(1, 77)]))
        here = lambda: os.path.exists(scene.victim.file("wanted"))
        give(foe, [f], 25, until=here)
        assert here()
    assert scene.victim.read("wanted") == data
    netlab.until("the honest member has it", lambda: os.path.exists(scene.honest.file("wanted")), 30)


def test_a_chattering_source_holds_up_no_small_content(scene):
    """Two members tell of three blocks; the first was asked for them, and sends pings instead."""
    data = os.urandom(3 * BLOCK)
    f = File(b"owed", digests(data), data=data)
    chatterer, giver = scene.papers(), scene.papers()
    with scene.attacked("a source that chatters", processor=8):
        foe = scene.member(chatterer)
        foe.say(wire.news(foe.channel, 0, 1, [f.record(1, 77)]))
        asked = wire.fields(foe.hear(wire.LIST_GET))
        foe.say(wire.frame(wire.LIST, wire.message((1, asked[2][0]), (2, 0), (3, f.list))))
        foe.hear(wire.GET)

        def here():
            foe.say(wire.ping())
            return os.path.exists(scene.victim.file("owed"))
        honest = scene.member(giver)
        honest.say(wire.news(honest.channel, 0, 1, [f.record(1, 77)]))
        give(honest, [f], 25, until=here)
        assert here()
    assert scene.victim.read("owed") == data


@pytest.mark.slow
def test_many_files_of_a_silent_source(scene):
    """All places for downloads are taken by what only a silent member has."""
    files = [File(b"never-%d" % i, [hashlib.sha256(b"%d %d" % (i, k)).digest() for k in range(100)]) for i in range(40)]
    with scene.attacked("many files of a silent source", processor=8):
        foe = scene.member()
        foe.say(wire.news(foe.channel, 0, len(files), [f.record(i + 1, foe.epoch) for i, f in enumerate(files)]))
        give(foe, files, 3, silent_about={f.name for f in files})
        with open(scene.honest.path("big"), "wb") as big:
            big.write(os.urandom(16 << 20))
        os.rename(scene.honest.path("big"), scene.honest.file("big"))

        def answered():
            with contextlib.suppress(Gone):
                foe.listen(0.2)
            return os.path.exists(scene.victim.file("big"))
        netlab.until("the victim has what the honest member has", answered, 45)


def test_a_copy_outside_the_share_takes_no_wrong_bytes(scene):
    """A source of a file that only it has tells its true list and gives other bytes."""
    data = os.urandom(50 * BLOCK)
    f = File(b"copied", digests(data), data=bytes(len(data)))
    victim, out = scene.victim, scene.victim.path("copied")
    group = victim.status()["group"]
    victim.cli("mode", group, "on-demand")
    victim.wait_sync()

    def copy(foe):
        run = victim.popen(os.path.join(agents.BUILD, "lanyard"), "--home", victim.home, "get", group, "copied", "--to", out,
                           env=agents.clean_env(victim))
        give(foe, [f], 25, until=lambda: run.poll() is not None)
        return run.wait(20)
    liar = scene.member()
    liar.say(wire.news(liar.channel, 0, 1, [f.record(1, 77)]))
    netlab.until("it is listed", lambda: b"copied" in victim.files(group), 20)
    assert copy(liar) == 1 and not os.path.exists(out)
    f.data = data
    giver = scene.member(scene.papers(), on_demand=True)  # one that says of each file whether it has it
    giver.say(wire.news(giver.channel, 0, 1, [f.record(1, 77)]))
    assert copy(giver) == 0
    with open(out, "rb") as copied:
        assert copied.read() == data
    assert not os.path.exists(victim.file("copied"))
