"""What a member may say of paths: versions of a thousand writers, counters at their end, deletions of what never was."""
import contextlib
import hashlib
import os

import netlab
import wire
from foe import Gone


def file_of(foe, path, seq, content, writers, counters=None):
    return wire.record(path, seq, size=len(content), nblocks=1, root=hashlib.sha256(content).digest(), writers=writers,
                       counters=counters or [1] * len(writers), by=foe.key.short, content=content)


def tell(scene, papers, path, content, writers, counters=None):
    """One record of a member that connects for it; whether its file comes to the victim."""
    foe = scene.member(papers)
    with contextlib.suppress(Gone):
        foe.say(wire.news(foe.channel, 0, 1, [file_of(foe, path, 1, content, writers, counters)]))
    try:
        netlab.until("it is there", lambda: os.path.exists(scene.victim.file(path)), 5)
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
    """The user edits a file that so many have changed as one may say: his change is told, here and by the others."""
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
