"""What a member may say of paths: versions of a thousand writers, counters at their end, deletions of what never was."""
import base64
import contextlib
import hashlib
import os
import struct
import sys

import netlab
import pytest
import wire
from foe import Gone

sys.setrecursionlimit(20_000)  # os.walk of a nest


def file_of(foe, path, seq, content, writers, counters=None):
    return wire.record(path, seq, size=len(content), nblocks=1, root=hashlib.sha256(content).digest(), writers=writers,
                       counters=counters or [1] * len(writers), by=foe.key.short, content=content)


def tell(scene, papers, path, content, writers, counters=None):
    """One record of a member that connects for it; whether its file comes to the victim."""
    foe = scene.member(papers)
    with contextlib.suppress(Gone):
        foe.say(wire.news(foe.channel, 0, 1, [file_of(foe, path, 1, content, writers, counters)]))
    try:
        netlab.until("it is there", lambda: os.path.exists(scene.victim.file(path)), at_most=5)
    except netlab.LabError:
        return False
    finally:
        foe.close()
    return True


def edit(scene, path, content):
    """The victim's user edits the file; the honest member gets it."""
    with open(scene.victim.file(path), "wb") as f:
        f.write(content)
    netlab.until("%s is at the honest member" % path, lambda: os.path.exists(scene.honest.file(path)) and
                 scene.honest.read(path) == content, 20)


def test_a_record_of_a_thousand_writers(scene):
    """The user edits a file that as many writers have changed as a record may name: the change is sent, here and by the others."""
    papers = scene.papers()
    with scene.attacked("a record of 1,024 writers"):
        if not tell(scene, papers, "crowded", b"theirs", range(1, 1025)):
            assert tell(scene, papers, "crowded", b"theirs", range(1, 129))
        edit(scene, "crowded", b"the user's")
        with open(scene.honest.file("crowded"), "wb") as f:
            f.write(b"the other user's")
        netlab.until("it is back", lambda: scene.victim.read("crowded") == b"the other user's", 20)
    netlab.settle([scene.victim, scene.honest])
    assert not [n for n in os.listdir(scene.victim.share) if "conflict" in n]


def test_a_version_at_the_end_of_all_counters(scene):
    """Nobody could go on from it: it is not taken, and the file stays the user's."""
    papers = scene.papers()
    with scene.attacked("a version at the end of all counters"):
        assert not tell(scene, papers, "last", b"theirs", range(1, 129), [(1 << 63) - 1] * 128)
        edit(scene, "last", b"the user's")
        edit(scene, "hello", b"changed")
    netlab.settle([scene.victim, scene.honest])


def test_a_number_beyond_all(scene):
    """A record by a number that no index can hold is not taken, and what comes with it is."""
    papers = scene.papers()
    with scene.attacked("a record number beyond all"):
        foe = scene.member(papers)
        foe.say(wire.news(foe.channel, 0, 1 << 50, [file_of(foe, "first", 1, b"1", [foe.epoch]),
                                                    file_of(foe, "beyond", 1 << 48, b"2", [foe.epoch])]))
        netlab.until("the first is there", lambda: os.path.exists(scene.victim.file("first")), 10)
        edit(scene, "first", b"changed")
    assert not os.path.exists(scene.victim.file("beyond"))
    assert group_of(scene.victim)["wanted"] == 0


def folder(foe, path, seq, writers, deleted=False):
    """Its version says that it knows all that these writers ever did."""
    writers = sorted(writers | {foe.epoch})
    return wire.record(path, seq, kind=wire.DIR, mode=0o755, mtime_ns=0, deleted=deleted, writers=writers,
                       counters=[1 << 40] * len(writers), by=foe.key.short)


def writers_told(foe):
    """Of all records that the victim tells until it is quiet."""
    found = set()
    for kind, payload in foe.hear_all(1.5):
        for record in wire.records(payload) if kind == wire.NEWS else ():
            for packed in record[11]:
                found |= set(struct.unpack("<%dQ" % (len(packed) // 8), packed))
    return found


@pytest.mark.slow
def test_a_nest_of_folders_comes_and_goes(scene):
    """Some 2,000 folders one in another, made and deleted: each in a time that does not grow with the number of the others."""
    papers, nest = scene.papers(), ["/".join("d" * (i + 1)) for i in range(1980)]
    with scene.attacked("2,000 folders one in another, made", processor=8, disk=96, drop=15) as m:
        foe = scene.member(papers)
        foe.say(wire.news(foe.channel, 0, len(nest), [folder(foe, p, i + 1, set()) for i, p in enumerate(nest)]))
        netlab.until("they are there", lambda: os.path.exists(scene.victim.file(nest[-1])), 60)
        m.drop()
    netlab.settle([scene.victim, scene.honest], timeout=60)
    writers = writers_told(scene.member(papers, epoch=foe.epoch))
    with scene.attacked("2,000 folders one in another, deleted", processor=10, disk=96, drop=15) as m:
        again = scene.member(papers, epoch=foe.epoch)  # the other was silent for too long
        again.say(wire.news(again.channel, 0, 2 * len(nest), [folder(again, p, len(nest) + 1 + i, writers, True)
                                                              for i, p in enumerate(nest)]))
        netlab.until("they are gone", lambda: not os.path.exists(scene.victim.file("d")), 60)
        m.drop()


def test_deletions_of_what_never_was(scene):
    """150,000 tombstones of paths that nobody has, of which a share of one file has no use: few are kept, and `status` says whose."""
    papers = scene.papers()
    with scene.attacked("150,000 deletions of what never was", disk=64, processor=25, memory=60) as m:
        foe = scene.member(papers)
        for first in range(0, 150_000, 3000):
            told = [wire.record("gone-%08d-%s" % (i, "x" * 40), i + 1, deleted=True, writers=[foe.epoch], counters=[i + 1],
                                by=foe.key.short) for i in range(first, first + 3000)]
            with contextlib.suppress(Gone):
                foe.say(wire.news(foe.channel, first, first + 3000, told))
        m.drop()
        netlab.until("all is told", lambda: any(p["path"].startswith("gone-") for p in problems(scene)), 60)
    assert tombstones(scene.victim) < 40_000
    assert tombstones(scene.honest) < 40_000
    edit(scene, "hello", b"changed")


def group_of(host):
    return host.cli("status")["groups"][0]


def problems(scene):
    return group_of(scene.victim)["problems"]


def tombstones(host):
    return group_of(host)["tombstones"]


def test_files_that_never_come(scene):
    """70,000 files that their announcer does not deliver: as many wait as the share makes likely, and `status` says whose they are."""
    papers = scene.papers()
    with scene.attacked("70,000 files that never come", disk=96, processor=40, memory=80, status=6, drop=10) as m:
        foe = scene.member(papers)
        for first in range(0, 70_000, 2000):
            told = [wire.record("never-%06d" % i, i + 1, size=100_000, nblocks=1, root=hashlib.sha256(b"%d" % i).digest(),
                                writers=[foe.epoch], counters=[i + 1], by=foe.key.short) for i in range(first, first + 2000)]
            with contextlib.suppress(Gone):
                foe.say(wire.news(foe.channel, first, first + 2000, told))
        netlab.until("it is full", lambda: any("more files than may be pending" in p["reason"] for p in problems(scene)), 90)
        m.drop()
    assert group_of(scene.victim)["wanted"] < 60_000
    foe.close()
    who = "; announced by x (%s)" % base64.b32encode(foe.key.id).decode().lower()[:7]
    netlab.until("status says whose word they are", lambda: any(p["reason"].endswith(who) for p in problems(scene)), 30)
    edit(scene, "hello", b"changed")
