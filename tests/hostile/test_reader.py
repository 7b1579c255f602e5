"""A reader with a program of its own says all that could change something: nobody's rows, numbers, epoch or files change.
And one that was removed is told nothing."""
import contextlib
import hashlib
import os
import sqlite3
import struct
import time

import netlab
import pytest
import wire
from foe import Foe, Gone
from netlab import trees
from papers import addition, leave, removal, signed, word, REVOKE

READER, MEMBER, OWNER = 3, 2, 1
FILES = {"hello": b"world", "folder/kept": b"group's", "folder/other": b"group's too"}


@pytest.fixture
def grounds(lab):
    import scenes
    s = scenes.Scene(lab, FILES)
    yield s
    s.close()


def database(host):
    """The index of the host's only group, as it is on the disk."""
    groups = host.path("home", "groups")
    return os.path.join(groups, os.listdir(groups)[0], "index.db")


def picture(host):
    """All that the group may have changed at the host: files, rows with their numbers and versions, what waits for peers,
    the epoch, and what is known of deletions."""
    db = sqlite3.connect("file:%s?mode=ro" % database(host), uri=True)
    try:
        rows = db.execute("SELECT seq, key, deleted, version, modified_by, via FROM files ORDER BY seq").fetchall()
        waits = db.execute("SELECT count(*) FROM wanted").fetchall()
        epoch = db.execute("SELECT epoch FROM state").fetchall()
        meta = db.execute("SELECT name, value FROM meta WHERE name LIKE 'known %' OR name LIKE 'passed %' OR name = 'forgotten'"
                          " ORDER BY name").fetchall()
    finally:
        db.close()
    return trees.picture(host.share), rows, waits, epoch, meta


def told(foe):
    """{path: fields of the record} of what the victim tells."""
    found = {}
    for kind, payload in foe.hear_all(1.0) + foe.heard:
        for f in wire.records(payload) if kind == wire.NEWS else ():
            found[f[1][0]] = f
    return found


def vector(f):
    """(writers, counters) of a record's fields."""
    writers = [w for p in f[11] for w in struct.unpack("<%dQ" % (len(p) // 8), p)]
    counters = []
    for p in f[12]:
        at = 0
        while at < len(p):
            n, at = wire.read_varint(p, at)
            counters.append(n)
    return writers, counters


def file_of(foe, path, seq, content, writers, counters, **more):
    return wire.record(path, seq, size=len(content), nblocks=1, root=hashlib.sha256(content).digest(), writers=writers,
                       counters=counters, content=content, **more)


def records(foe, heard):
    """Everything that a NEWS can say, of paths that are there and of others. Each is (path, record without a number)."""
    victim, far = foe.their_epoch, (1 << 47)
    for path, f in sorted(heard.items()):
        writers, counters = vector(f)
        by = f[13][0]
        later = [c + 1 for c in counters]
        yield lambda n, p=path, w=writers, c=later, b=by: file_of(foe, p, n, b"later", w, c, by=b)
        yield lambda n, p=path, w=writers, c=counters, b=by: file_of(foe, p, n, b"equal version", w, c, by=b)
        yield lambda n, p=path, w=writers, c=later, b=by: wire.record(p, n, deleted=True, writers=w, counters=c, by=b)
        yield lambda n, p=path, b=by: file_of(foe, p, n, b"far ahead", [victim], [far], by=b)
        yield lambda n, p=path: file_of(foe, p, n, b"concurrent", [foe.epoch], [n], by=foe.key.short,
                                        mtime_ns=4_000_000_000_000_000_000)
        yield lambda n, p=path: wire.record(p, n, kind=wire.DIR, mode=0o755, mtime_ns=0, writers=[foe.epoch], counters=[n],
                                            by=foe.key.short)
        yield lambda n, p=path: wire.record(p, n, kind=wire.SYMLINK, mode=0, target="/etc/passwd", writers=[foe.epoch],
                                            counters=[n], by=foe.key.short)
        # The content that is there, under another version: a member might join the two.
        if f[2][0] == wire.FILE and f[8]:
            yield lambda n, p=path, f=f: wire.record(p, n, size=f[6][0], nblocks=1, root=f[8][0],
                                                     writers=sorted([victim, foe.epoch]), counters=[far, n])
        yield lambda n, p=path, w=writers, c=later: file_of(foe, p, n, b"absent", w, c, more=[(21, 1)])
    for i in range(3):
        yield lambda n, i=i: file_of(foe, "new-%d" % i, n, b"reader's", [foe.epoch], [n], by=foe.key.short)
        yield lambda n, i=i: wire.record("never-%d" % i, n, deleted=True, writers=[victim], counters=[far])
    yield lambda n: file_of(foe, "claimed", n, b"same as the user's", [foe.epoch], [n], by=foe.key.short)


def say_news(foe, heard):
    made = [make(i + 1) for i, make in enumerate(records(foe, heard))]
    for i, record in enumerate(made):
        foe.say(wire.news(foe.channel, i, i + 1, [record]))
    foe.say(wire.news(foe.channel, 0, len(made), made))
    return len(made)


def heard_out(foe):
    """The victim has dealt with all that was said: it answers a ping that came behind it."""
    foe.say(wire.ping(77))
    foe.hear(wire.PONG)


def honest_edit(scene, path, content):
    """The group goes on: the victim's user edits, and the honest member gets it."""
    with open(scene.victim.file(path), "wb") as f:
        f.write(content)
    netlab.until("%s is at the honest member" % path, lambda: os.path.exists(scene.honest.file(path)) and
                 scene.honest.read(path) == content, 20)


def unchanged(scene, before, what):
    scene.close()  # a peer that acknowledges nothing keeps them from being in sync
    netlab.settle([scene.victim, scene.honest])
    assert picture(scene.victim) == before[0], what
    assert picture(scene.honest) == before[1], what


def begin(scene, role=READER, **hello):
    """Papers of a reader and a connection; role: what its hello says that it is."""
    papers = scene.papers(role="reader")
    netlab.until("both know it", lambda: all(len(h.cli("members", "pics")["members"]) == 3
                                             for h in (scene.victim, scene.honest)), 20)
    netlab.settle([scene.victim, scene.honest])
    before = picture(scene.victim), picture(scene.honest)
    return papers, scene.keep(papers.connect(role=role, **hello)), before


@pytest.mark.parametrize("role", [0, OWNER, MEMBER, READER, 4, 1 << 31])
def test_news(grounds, role):
    """Whatever its hello says of its role."""
    papers, foe, before = begin(grounds, role)
    heard = told(foe)
    assert set(heard) == {p.encode() for p in FILES} | {b"folder"}
    number = say_news(foe, heard)
    heard_out(foe)
    acknowledged = [wire.fields(p) for k, p in foe.heard if k == wire.NEWS_ACK]
    assert not [a for a in acknowledged if a[2] and a[2][0]]
    assert number > 30
    unchanged(grounds, before, "news as role %d" % role)
    # A user who puts the very bytes there makes a version of his own.
    honest_edit(grounds, "claimed", b"same as the user's")
    claimed = told(grounds.keep(papers.connect(role=READER)))[b"claimed"]
    assert foe.epoch not in vector(claimed)[0]


def test_hellos(grounds):
    """Claims about the victim's numbers and its own, with and without signatures of the victim."""
    papers, foe, before = begin(grounds)
    payloads = [p for k, p in foe.hear_all(1.0) + foe.heard if k == wire.NEWS]
    news = wire.fields(payloads[-1])
    signature, upto = news[5][0], news[3][0]
    epoch, seq = foe.their_epoch, foe.their_seq
    foe.close()
    claims = [dict(have_epoch=epoch, have_seq=1 << 40, settled=1 << 40), dict(have_epoch=epoch, have_seq=upto, settled=upto),
              dict(forgotten=1 << 40, have_epoch=epoch, have_seq=1), dict(seq=1 << 40), dict(seq=1 << 62),
              dict(have_epoch=epoch, have_seq=seq, shown=upto, signature=signature),
              dict(have_epoch=epoch, have_seq=seq + 9, shown=seq + 9, signature=signature),
              dict(have_epoch=epoch, have_seq=seq + 9, shown=seq + 9, signature=os.urandom(64)), dict(on_demand=True)]
    for i, claim in enumerate(claims):
        for own_epoch in (7, 7, 8 + i):  # the same twice, then another
            again = grounds.keep(papers.connect(epoch=own_epoch, role=(READER, MEMBER)[i % 2], **claim))
            assert again.their_epoch == epoch
            heard_out(again)
            again.close()
    unchanged(grounds, before, "hellos")


def test_a_signature_that_another_was_sent(grounds):
    """A member gives the reader what it was sent: the victim has made that number, so its index was not rolled back."""
    papers, foe, before = begin(grounds)
    foe.close()
    friend = grounds.keep(grounds.papers().connect())
    honest_edit(grounds, "hello", b"newer")
    news = wire.fields([p for k, p in friend.hear_all(1.0) + friend.heard if k == wire.NEWS][-1])
    assert news[3][0] > foe.their_seq
    friend.close()
    netlab.settle([grounds.victim, grounds.honest])
    before = picture(grounds.victim), picture(grounds.honest)
    again = grounds.keep(papers.connect(have_epoch=foe.their_epoch, have_seq=news[3][0], shown=news[3][0], signature=news[5][0]))
    heard_out(again)
    assert again.their_epoch == foe.their_epoch
    unchanged(grounds, before, "a signature of another")


def test_acknowledgements_holds_and_blocks(grounds):
    papers, foe, before = begin(grounds)
    heard = told(foe)
    f = heard[b"hello"]
    writers, counters = vector(f)
    for received in (1, foe.their_seq, 1 << 40, (1 << 62)):
        for epoch in (foe.their_epoch, foe.epoch, 1):
            foe.say(wire.news_ack(foe.channel, received, received, epoch))
    for request in range(64):
        foe.say(wire.hold_answer(foe.channel, request))
    about = wire.record("hello", 0, size=5, nblocks=1, root=hashlib.sha256(b"world").digest(), writers=writers,
                        counters=counters)
    foe.say(wire.hold_ask(foe.channel, 5, about))
    answer = wire.fields(foe.hear(wire.HOLD_ANSWER))
    assert answer[2] == [5] and answer[3] == [1]
    foe.say(wire.block(1, b"x" * 100) + wire.cancel([1, 2, 3]))
    # It may read: it is served like everybody.
    foe.say(wire.get(foe.channel, 5, 1, hashlib.sha256(b"world").digest(),
                     [wire.want(9, 0, 5, hashlib.sha256(b"world").digest())]))
    assert foe.hear(wire.BLOCK)[9:] == b"world"
    unchanged(grounds, before, "acknowledgements")


def roster_of(host):
    """What the roster says of each member; when it was last seen is not among that."""
    return {m["agent"]: (m["role"], m["name"], m["since"]) for m in host.cli("members", "pics")["members"]}


def test_words_about_the_roster(grounds):
    """It signs what only an owner may say."""
    papers, foe, before = begin(grounds)
    members = roster_of(grounds.victim)
    now = int(time.time())
    victim = foe.victim_id
    entries = [removal(papers.key, papers.group, victim, 1, now), addition(papers.key, papers.group, papers.key.id, 2, now, OWNER),
               addition(papers.key, papers.group, os.urandom(32), 3, now), removal(papers.key, papers.group, papers.key.id, 4, now),
               signed(papers.key, word(REVOKE, papers.group, 5, now, b"\0" * 32, os.urandom(32)))]
    foe.say(wire.roster(foe.channel, entries))
    heard_out(foe)
    assert roster_of(grounds.victim) == members
    unchanged(grounds, before, "roster entries")


def test_a_removed_member_is_told_nothing(grounds):
    """Neither on the connection that it has, nor on another, nor the blocks of what it can name; by nobody."""
    papers = grounds.papers()
    foe = grounds.keep(papers.connect())
    told(foe)
    ids = {m["agent"] for m in grounds.honest.cli("members", "pics")["members"]}
    agent, = ids - {grounds.victim.agent_id(), grounds.honest.agent_id()}
    grounds.victim.cli("remove", "pics", agent)
    netlab.until("both know it", lambda: all(len(h.cli("members", "pics")["members"]) == 2
                                             for h in (grounds.victim, grounds.honest)), 20)
    secret = b"after the removal"
    root = hashlib.sha256(secret).digest()
    with open(grounds.victim.file("secret"), "wb") as f:
        f.write(secret)
    netlab.until("it is at the honest member", lambda: os.path.exists(grounds.honest.file("secret")), 20)
    netlab.settle([grounds.victim, grounds.honest])

    def nothing(connection):
        with contextlib.suppress(Gone, TimeoutError):
            connection.say(wire.get(0, len(secret), 1, root, [wire.want(1, 0, len(secret), root)]))
            connection.say(wire.list_get(0, 2, len(secret), 1, root))
        for kind, payload in connection.hear_all(1.5):
            assert kind not in (wire.INDEX_HELLO, wire.NEWS, wire.LIST), kind
            assert kind != wire.BLOCK or payload[4] == 2, "served"
            assert b"secret" not in payload

    nothing(foe)
    for host in (grounds.victim, grounds.honest):
        with contextlib.suppress(Gone):
            again = grounds.keep(papers.knock(host))
            again.say(wire.group_open(again.channel, again.theirs, credential=papers.credential))
            again.say(wire.index_hello(again.channel, 5, role=MEMBER))
            again.say(wire.news(again.channel, 0, 1, [file_of(again, "mine", 1, b"x", [5], [1])]))
            nothing(again)
    assert not os.path.exists(grounds.victim.file("mine"))
    assert not os.path.exists(grounds.honest.file("mine"))
