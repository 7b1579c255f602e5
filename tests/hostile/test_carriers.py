"""Receivers that others wait for: a carrier of small files that brings nothing, or something else, and bytes that nobody waits for."""
import contextlib
import hashlib
import os
import threading

import netlab
import wire
from foe import Gone
from netlab import trees

COUNT, SIZE = 1500, 4096


class Carrier(threading.Thread):
    """A member that the victim and the honest one are connected with: it acknowledges all, and does with what it is to carry as it likes."""

    def __init__(self, scene, bring):
        super().__init__(daemon=True)
        papers = scene.papers()
        netlab.until("the honest one knows the newcomer", lambda: len(scene.honest.cli("members", "pics")["members"]) == 3, 20)
        self.source, self.other = scene.member(papers), scene.keep(papers.connect(victim=scene.honest))
        self.short = int.from_bytes(self.source.key.id[:8], "big")
        self.bring, self.named, self.over = bring, 0, threading.Event()

    def run(self):
        with contextlib.suppress(Gone):
            while not self.over.is_set():
                one = self.source.listen(0.05)
                if one and one[0] == wire.NEWS:
                    self.told(wire.fields(one[1]))
                one = self.other.listen(0)
                if one and one[0] == wire.NEWS:
                    self.acknowledge(self.other, wire.fields(one[1]))

    def acknowledge(self, foe, news):
        upto = (news[3] or [0])[0]
        foe.say(wire.news_ack(foe.channel, upto, upto, foe.their_epoch))

    def told(self, news):
        carrier = news[6][0] if news[6] else 0
        for record in map(wire.fields, news[4]):
            if carrier == self.short and record[22] and record[15]:
                self.named += 1
                self.bring(self.other, bytes(record[8][0]), bytes(record[15][0]))
        self.acknowledge(self.source, news)


def burst(host):
    stage = host.path("stage")
    trees.many(stage, COUNT, SIZE)
    os.rename(stage, os.path.join(os.fsdecode(host.share), "new"))


def arrives(scene):
    """All files are with the honest one, as the victim has them."""
    def count():
        return sum(len(f) for _, _, f in os.walk(os.path.join(os.fsdecode(scene.honest.share), "new")))
    netlab.until(lambda: "%d of %d files have come" % (count(), COUNT), lambda: count() == COUNT, 60)
    netlab.until("both trees are identical", lambda: not trees.differences(trees.picture(scene.victim.share), trees.picture(scene.honest.share)), 10)


def carried(scene, bring):
    carrier = Carrier(scene, bring)
    carrier.start()
    burst(scene.victim)
    try:
        arrives(scene)
    finally:
        carrier.over.set()
        carrier.join(5)
    return carrier


def test_one_that_brings_nothing(scene):
    """Files wait for it once, and are got from their maker then."""
    carrier = carried(scene, lambda foe, root, data: None)
    assert carrier.named > 50


def test_one_that_brings_something_else(scene):
    """Each lie is found before it is in place, and nobody waits for the carrier then."""
    carrier = carried(scene, lambda foe, root, data: foe.say(wire.relay(foe.channel, [(root, data[::-1])]), patience=2))
    assert carrier.named > 50
    netlab.until("the lie was found", lambda: "hash does not match of bytes" in scene.honest.daemon.log(), 10)


def test_bytes_that_nobody_waits_for(scene):
    """128 MB of contents without a record: what came last is kept for a moment, 4 MiB of it."""
    with scene.attacked("contents without a record", memory=40, disk=16) as m:
        foe = scene.member()
        data = os.urandom(32 << 10)
        for i in range(128):
            roots = [hashlib.sha256(b"%d %d" % (i, k)).digest() for k in range(32)]
            foe.say(wire.relay(foe.channel, [(root, data) for root in roots]))
        m.drop()


def test_contents_of_one_byte_that_nobody_waits_for(scene):
    """Half a million of them, which count by the memory that they take."""
    with scene.attacked("contents of one byte without a record", memory=40, disk=16) as m:
        foe = scene.member()
        for i in range(125):
            foe.say(wire.relay(foe.channel, [((i * 4000 + k).to_bytes(32, "big"), b"x") for k in range(4000)]))
        m.drop()


def test_impossible_relays(scene):
    """No contents, roots of another number, a content of no bytes, or of too many: the connection ends."""
    root = bytes(32)
    for contents in ([], [(root[:31], b"x")], [(root, b"")], [(root, bytes((64 << 10) + 1))]):
        foe = scene.member()
        foe.say(wire.relay(foe.channel, contents))
        assert foe.gone(5), contents


def test_a_carrier_that_nobody_knows(scene):
    """A maker names a carrier that does not exist, or itself: it is asked at once."""
    foe = scene.member()
    for i, carrier in enumerate((12345, int.from_bytes(foe.key.id[:8], "big"))):
        data = os.urandom(SIZE)
        foe.say(wire.news(foe.channel, i, i + 1, [wire.record(
            b"named-%d" % i, i + 1, size=SIZE, nblocks=1, root=hashlib.sha256(data).digest(), writers=[foe.epoch], counters=[i + 1],
            by=foe.epoch, more=((22, 1),))], carrier))
        get = wire.fields(foe.hear(wire.GET))
        foe.say(wire.block(wire.fields(get[5][0])[1][0], data))
        netlab.until("it is here", lambda: os.path.exists(scene.victim.file("named-%d" % i)), 10)
