"""The hostile peer proves itself: it speaks well enough to be let in, to be told and to be believed."""
import hashlib
import os

import netlab
import wire


def test_it_can_join_tell_a_file_and_be_told_one(scene):
    papers = scene.papers()
    assert papers.key.id.hex() and len(papers.entries) >= 2
    with scene.attacked("none: a member that behaves"):
        foe = scene.member(papers)
        writer = foe.epoch
        told = wire.record("from-foe", 1, size=5, nblocks=1, root=hashlib.sha256(b"hello").digest(), writers=[writer],
                           counters=[1], by=papers.key.short, content=b"hello")
        foe.say(wire.news(foe.channel, 0, 1, [told]))
        netlab.until("the victim has it", lambda: os.path.exists(scene.victim.file("from-foe")), 20)
        names = set()
        while b"hello" not in names:
            names |= {bytes(r[1][0]) for r in wire.records(foe.hear(wire.NEWS))}
    assert scene.victim.read("from-foe") == b"hello"
    netlab.until("the honest member has it", lambda: os.path.exists(scene.honest.file("from-foe")), 20)
