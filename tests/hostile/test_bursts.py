"""A member tells all that others have deleted, or overwrites it: what they have stays as it is until somebody there says release."""
import base64
import contextlib
import hashlib
import os
import struct

import pytest

import netlab
import wire

COUNT = 300


def rows_of(foe, paths):
    """What the victim says of these paths: {path: (writers, counters)}."""
    found = {}
    while len(found) < len(paths):
        for r in wire.records(foe.hear(wire.NEWS)):
            if bytes(r[1][0]) not in paths:
                continue
            packed = bytes(r[11][0])
            counters, at = [], 0
            while at < len(r[12][0]):
                n, at = wire.read_varint(r[12][0], at)
                counters.append(n)
            found[bytes(r[1][0])] = (list(struct.unpack("<%dQ" % (len(packed) // 8), packed)), counters)
    return found


def newer(foe, version, counter):
    """A version that knows of `version`, by foe."""
    return dict(zip(("writers", "counters"), zip(*sorted(list(zip(*version)) + [(foe.epoch, counter)]))))


def gone(foe, path, version, seq, by):
    return wire.record(path, seq, deleted=True, by=by, **newer(foe, version, seq))


def replaced(foe, path, version, seq, by):
    content = b"foe's now: " + path
    return wire.record(path, seq, size=len(content), nblocks=1, root=hashlib.sha256(content).digest(), content=content, by=by,
                       **newer(foe, version, seq))


def emptied(foe, path, version, seq, by):
    return wire.record(path, seq, by=by, **newer(foe, version, seq))


def files_of(host):
    found = {}
    for at, _, names in os.walk(os.fsencode(host.share) + b"/many"):
        for name in names:
            path = os.path.relpath(os.path.join(at, name), os.fsencode(host.share))
            found[path] = host.read(path)
    return found


@pytest.fixture
def many(scene):
    """300 files of the victim's user."""
    netlab.trees.many(scene.victim.file("many"), COUNT, 100, COUNT)
    netlab.settle([scene.victim, scene.honest])
    return files_of(scene.victim)


def attack(scene, many, deed, a_message, names):
    """names: who is said to have done it. Returns the papers, and foe with what it said last."""
    papers = scene.papers()
    foe = scene.member(papers)
    rows = rows_of(foe, many)
    said, seq = [], 0
    for path in sorted(many):
        seq += 1
        said.append(deed(foe, path, rows[path], seq, names[seq % len(names)] if names else papers.key.short))
    for at in range(0, len(said), a_message):
        foe.say(wire.news(foe.channel, at, min(at + a_message, len(said)), said[at:at + a_message]))
    return papers


def id_text(key):
    digits = base64.b32encode(key.id).decode().lower().rstrip("=")
    return "-".join(digits[i:i + 7] for i in range(0, len(digits), 7))


def assert_held(scene, many, papers, passed, brings=False):
    """By the victim, so that the honest member hears of no more than the few that passed."""
    victim = scene.victim
    netlab.until(lambda: "%s holds %s" % (victim.name, victim.status()["holds"]),
                 lambda: sum(h["files"] for h in victim.status()["holds"]) >= COUNT - passed, 20)
    hold, = victim.status()["holds"]
    assert hold["by"] == id_text(papers.key) and hold["brings"] == brings and not victim.status()["in_sync"]
    for host in (victim, scene.honest):
        now = files_of(host)
        assert len([p for p in many if now.get(p) == many[p]]) >= COUNT - passed


@pytest.mark.parametrize("deed, passed", ((gone, 0), (replaced, 20), (emptied, 20)), ids=("deleted", "replaced", "emptied"))
def test_a_member_takes_away_everything(scene, many, deed, passed):
    with scene.attacked("%d of %d files %s by a member" % (COUNT, COUNT, deed.__name__)):
        papers = attack(scene, many, deed, 100, None)
        assert_held(scene, many, papers, passed)


def test_a_member_takes_away_everything_in_the_name_of_others(scene, many):
    names = [int.from_bytes(os.urandom(8), "big") for _ in range(40)]
    with scene.attacked("%d files deleted in the name of 40 others" % COUNT):
        papers = attack(scene, many, gone, 100, names)
        assert_held(scene, many, papers, 0, brings=True)


def test_a_member_overwrites_one_file_again_and_again(scene):
    """The user's text stays among the versions, however many come after it."""
    with open(scene.victim.file("hello"), "wb") as f:
        f.write(b"the user's text")
    netlab.settle([scene.victim, scene.honest])
    papers = scene.papers()
    foe = scene.member(papers)
    version = rows_of(foe, {b"hello"})[b"hello"]
    with scene.attacked("overwrites of one file, again and again"):
        for seq in range(1, 81):
            content = b"foe's, %d" % seq
            foe.say(wire.news(foe.channel, seq - 1, seq, [wire.record(
                "hello", seq, size=len(content), nblocks=1, root=hashlib.sha256(content).digest(), content=content,
                mtime_ns=1_700_000_000_000_000_000 + seq, by=papers.key.short, **newer(foe, version, seq))]))
            # Foe answers no question: what is not taken at once never is.
            while (wire.fields(foe.hear(wire.NEWS_ACK))[3] or [0])[0] < seq:
                pass

    def kept():
        """Names and contents; some may just be going."""
        found = {}
        for at, _, names in os.walk(scene.victim.file(".lanyard/versions")):
            for name in names:
                with contextlib.suppress(FileNotFoundError), open(os.path.join(at, name), "rb") as f:
                    found[name] = f.read()
        return found
    netlab.until(lambda: "%d versions are thinned" % len(kept()), lambda: 1 < len(kept()) < 30, 20)
    assert b"the user's text" in kept().values()
