"""A member names lanyard's own folder, at any depth and as the disks of some spell it: it is never taken."""
import hashlib
import os

import netlab
import wire

RULES = (b".lanyardignore", b".LANYARDIGNORE", b".lanyardignore. ")

OURS = (b".lanyard/parts/x", b"a/.lanyard/versions/x", b"a/.lanyard", b".LANYARD/share", b".lanyard./x", b"LANYAR~1/x",
        b".lan\xe2\x80\x8dyard/x", b"\xef\xbb\xbf.lanyard/x")


def test_names_of_lanyards_own_folder(scene):
    papers = scene.papers()
    with scene.attacked("names of lanyard's own folder"):
        foe = scene.member(papers)
        told = [wire.record(path, i, size=1, nblocks=1, content=b"x", root=hashlib.sha256(b"x").digest(),
                            writers=[foe.epoch], counters=[i], by=papers.key.short)
                for i, path in enumerate((*OURS, b"a/last"), 1)]
        foe.say(wire.news(foe.channel, 0, len(told), told))
        for host in (scene.victim, scene.honest):
            netlab.until("the last is there", lambda: os.path.exists(host.file("a/last")), 20)
    foe.close()
    for host in (scene.victim, scene.honest):
        assert not [path for path in OURS if os.path.lexists(os.path.join(os.fsencode(host.share), path))]
    netlab.settle([scene.victim, scene.honest])


def test_rules_that_ignore_everything(scene):
    papers = scene.papers()
    with scene.attacked("ignore rules for others") as meter:
        foe = scene.member(papers)
        told = [wire.record(path, i, size=2, nblocks=1, content=b"*\n", root=hashlib.sha256(b"*\n").digest(),
                            writers=[foe.epoch], counters=[i], by=papers.key.short)
                for i, path in enumerate((*RULES, b"last"), 1)]
        foe.say(wire.news(foe.channel, 0, len(told), told))
        for host in (scene.victim, scene.honest):
            netlab.until("the last is there", lambda: os.path.exists(host.file("last")), 20)
        assert meter.drop() < 20
    foe.close()
    for host in (scene.victim, scene.honest):
        assert not [path for path in RULES if os.path.lexists(os.path.join(os.fsencode(host.share), path))]
