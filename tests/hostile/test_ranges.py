"""A first meeting whose other side lies: what it says of its digests costs little, and no row of an honest member is worse for it."""
import contextlib
import os

import netlab
import pytest
import wire
from foe import Gone
from netlab import trees

COUNT = 2500
NO, BEGIN, NODES, ITEMS, DONE = range(5)


@pytest.fixture
def meeting(scene):
    """The scene, with enough files that a first meeting compares; scene.rows: how many rows there are, if one says so."""
    stage = scene.victim.path("stage")
    trees.many(stage, COUNT, 20)
    os.rename(stage, os.path.join(os.fsdecode(scene.victim.share), "many"))
    netlab.settle([scene.victim, scene.honest], timeout=90)
    return scene


def number(fields, which):
    return (fields[which] or [0])[0]


def hear_what(foe, what, patience=30):
    """The next RANGES of this kind; all news meanwhile are a failure."""
    while True:
        said = wire.fields(foe.hear(wire.RANGES, patience))
        if number(said, 2) == what:
            return said


def begun(scene, papers=None):
    """A member that compares, and claims as many rows as the victim has; it knows the digest of the victim's root."""
    foe = scene.member(papers, ranges=True, no_inline=True)
    rows = number(hear_what(foe, BEGIN), 3)
    foe.say(wire.ranges(foe.channel, BEGIN, rows))
    return foe, rows, bytes(hear_what(foe, NODES)[4][0])


def unharmed(scene):
    """Nothing was lost or changed, and what is new still gets through."""
    trees.write(scene.victim.share, {"after": b"the attack"})
    tree = netlab.settle([scene.victim, scene.honest], timeout=60)
    assert len(tree) > COUNT
    for host in (scene.victim, scene.honest):
        assert not host.problems("pics")


def told(foe, patience=30):
    """How many records come as news until one that is not of `many` and no more within a second."""
    n = 0
    with contextlib.suppress(Gone):
        n += len(wire.fields(foe.hear(wire.NEWS, patience))[4])
        while n < COUNT:
            one = foe.listen(1.0)
            if one is None:
                break
            if one[0] == wire.NEWS:
                n += len(wire.fields(one[1])[4])
    return n


MISFITS = {
    "more nodes than there are": lambda foe: wire.ranges(foe.channel, NODES, digests=os.urandom(16 * 4096)),
    "half a digest": lambda foe: wire.ranges(foe.channel, NODES, digests=b"half"),
    "items before their leaves": lambda foe: wire.ranges(foe.channel, ITEMS, digests=bytes(4)),
    "rows that nobody asked for": lambda foe: wire.same(foe.channel, [(1, 1, 1)], True),
}


def each_ends_in_news(scene, cases, on=lambda foe, root: None):
    """Each of them on a connection of its own, once the comparison has come to `on`; as many as a group compares at once."""
    papers = scene.papers()
    for what, made in cases.items():
        foe, _, root = begun(scene, papers)
        on(foe, root)
        foe.say(made(foe))
        hear_what(foe, NO)
        assert told(foe) >= COUNT, what
        foe.close()
    unharmed(scene)


def test_what_does_not_fit_ends_in_news(meeting):
    each_ends_in_news(meeting, MISFITS)


def test_a_liar_that_claims_to_have_all_is_told_nothing_and_gives_nothing(meeting):
    """It sends the victim's own digest back. The versions that it tells are as good as those in its news would be: they end no row."""
    foe, rows, root = begun(meeting)
    foe.say(wire.ranges(foe.channel, NODES, digests=root))
    left = rows
    while left > 0:
        left -= len(wire.fields(foe.hear(wire.SAME))[2])
    assert left == 0
    for at in range(0, rows, 500):
        some = range(at + 1, min(at + 500, rows) + 1)
        foe.say(wire.same(foe.channel, [(foe.epoch, n, n) for n in some], at + 500 >= rows))
    hear_what(foe, DONE)
    foe.say(wire.ranges(foe.channel, DONE))
    unharmed(meeting)


def test_versions_beyond_all_others_are_refused(meeting):
    foe, _, root = begun(meeting)
    foe.say(wire.ranges(foe.channel, NODES, digests=root))
    with contextlib.suppress(Gone):
        foe.say(wire.same(foe.channel, [(foe.epoch, 1 << 62, n) for n in range(1, 400)]))
        assert foe.gone(10)
    unharmed(meeting)


STANDSTILLS = {
    "too few rows": lambda foe: wire.same(foe.channel, [None] * 10, True),
    "no rows, and more of them to come": lambda foe: wire.same(foe.channel, []),
    "what it began with": lambda foe: wire.ranges(foe.channel, BEGIN, COUNT),
}


def test_what_gets_nowhere_ends_in_news(meeting):
    """Nobody waits for what is said again and again."""
    def on(foe, root):
        foe.say(wire.ranges(foe.channel, NODES, digests=root))
        foe.hear(wire.SAME)
    each_ends_in_news(meeting, STANDSTILLS, on)


def test_a_comparison_that_ends_halfway_ends_in_news_of_all(meeting):
    """What it told until then made rows that count as come from it: it is told of them all the same."""
    foe, rows, root = begun(meeting)
    foe.say(wire.ranges(foe.channel, NODES, digests=root) + wire.same(foe.channel, [(foe.epoch, n, n) for n in range(1, 501)]) +
            wire.ranges(foe.channel, NO))
    assert told(foe) >= rows
    unharmed(meeting)


def test_a_row_that_becomes_another_before_it_is_told_is_told(meeting):
    """It is quicker than the victim, whose rows have to be read: they are joined with its own before they are told."""
    first, rows, root = begun(meeting)
    first.say(wire.ranges(first.channel, NODES, digests=root))
    first.say(wire.same(first.channel, [(first.epoch, n, n) for n in range(1, rows + 1)], True))
    hear_what(first, DONE)
    first.say(wire.ranges(first.channel, DONE))
    first.close()
    foe, rows, root = begun(meeting)
    foe.say(wire.ranges(foe.channel, NODES, digests=root) + wire.same(foe.channel, [(foe.epoch, n, n) for n in range(1, 101)]))
    each = []
    while len(each) < rows:
        each += [wire.fields(one)[11] for one in wire.fields(foe.hear(wire.SAME))[2]]
    assert not sum(not writers for writers in each)  # each has two of them or three, so none is told by what it shares
    unharmed(meeting)


def test_all_told_again(meeting):
    """It wants again all that it has just taken: once, as news, and no more."""
    foe, rows, root = begun(meeting)
    foe.say(wire.ranges(foe.channel, NODES, digests=root))
    left = rows
    while left > 0:
        left -= len(wire.fields(foe.hear(wire.SAME))[2])
    foe.say(wire.same(foe.channel, [None] * 2000))
    foe.say(wire.same(foe.channel, [None] * (rows - 2000), True))
    hear_what(foe, DONE)
    foe.say(wire.ranges(foe.channel, DONE, again=[1] * 10, everything=True))
    assert told(foe) >= COUNT
    unharmed(meeting)


def test_connecting_again_and_again_compares_few_times(meeting):
    papers, begins, refused = meeting.papers(), 0, 0
    with meeting.attacked("first meetings without end", memory=20, processor=20):
        for _ in range(12):
            with papers.connect(ranges=True, no_inline=True) as foe:
                what = number(wire.fields(foe.hear(wire.RANGES, 30)), 2)
                begins += what == BEGIN
                refused += what == NO
    assert 1 <= begins <= 5
    assert refused >= 7
    unharmed(meeting)


def test_a_reader_is_not_compared_with(meeting):
    foe = meeting.member(meeting.papers(role="reader"), ranges=True, role=3)
    assert number(wire.fields(foe.hear(wire.RANGES)), 2) == NO
    assert told(foe) >= COUNT
