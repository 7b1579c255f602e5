"""The swarm's messages: maps of what nobody has, claims without end, requests of any block, and givers that give nothing, or noise."""
import contextlib
import os

import netlab
import pytest
import wire
from foe import Gone
from test_loop import big_file, blocks_of, content_of

MILLION = 1 << 20


def unknown(nblocks=MILLION):
    """A content that nobody has."""
    return nblocks << 16, nblocks, os.urandom(32)


def heard_out(foe):
    """The victim has read everything that was said, or ended the connection."""
    with contextlib.suppress(Gone):
        foe.say(wire.ping(77))
        foe.hear(wire.PONG)


def test_maps_of_a_million_blocks(scene):
    """Eight members tell of 32 contents of a million blocks each that nobody has, again and again: 4 MiB of bitmaps at a time
    from each of them."""
    everybody = [scene.papers() for _ in range(8)]
    bits = b"\x55" * (MILLION // 8)
    with scene.attacked("maps of a million blocks, from 8 members", memory=60, processor=20) as m:
        for papers in everybody:
            foe = scene.member(papers)
            with contextlib.suppress(Gone):
                for i in range(96):
                    foe.say(wire.blocks_map(foe.channel, i, unknown(), bits=bits, tell=i % 2), patience=5)
            heard_out(foe)
        m.drop()


def test_maps_that_unpack_to_a_million_blocks(scene):
    """Every map is 60 bytes long and says that the sender has all blocks but the first, of a file of the victim's own or of none."""
    big_file(scene, 64)
    with scene.attacked("20,000 short maps of many blocks", memory=60, processor=25) as m:
        foe = scene.member()
        mine = content_of(foe, b"big")
        with contextlib.suppress(Gone):
            for i in range(200):
                foe.say(b"".join(wire.blocks_map(foe.channel, j % 40, mine if j % 2 else unknown(), runs=[1, mine[1] - 1] if j % 2 else [1, MILLION - 1])
                                 for j in range(100)))
        heard_out(foe)
        m.drop()


def test_claims_of_a_million_blocks(scene):
    """20,000 HAVEs of 10 bytes each say again that a member has a million blocks of a content that nobody has."""
    with scene.attacked("20,000 HAVEs of a million blocks", memory=40, processor=8) as m:
        foe = scene.member()
        foe.say(wire.blocks_map(foe.channel, 1, unknown()))
        one = wire.have(foe.channel, 1, [0, MILLION])
        with contextlib.suppress(Gone):
            for _ in range(200):
                foe.say(one * 100)
        heard_out(foe)
        m.drop()


def test_claims_without_end(scene):
    """HAVEs of a file of the victim's: of blocks that were claimed before, and of maps that there are not."""
    big_file(scene, 64)
    with scene.attacked("a flood of HAVE", memory=40, processor=20) as m:
        foe = scene.member()
        mine = content_of(foe, b"big")
        foe.say(wire.blocks_map(foe.channel, 1, mine))
        foe.hear(wire.MAP)
        one = wire.have(foe.channel, 1, [0, 1] + [1, 1] * (mine[1] // 2 - 1)) + wire.have(foe.channel, 7, [0, MILLION])
        with contextlib.suppress(Gone):
            for _ in range(200):
                foe.say(one * 20)
        heard_out(foe)
        m.drop()


@pytest.mark.parametrize("what", ["a block after the last", "a run of nothing", "a map of a content that cannot be", "bits after the last"])
def test_numbers_out_of_range(scene, what):
    """The connection ends, and nobody else's does."""
    big_file(scene, 8)
    foe = scene.member()
    size, nblocks, root = mine = content_of(foe, b"big")
    foe.say(wire.blocks_map(foe.channel, 1, mine))
    foe.hear(wire.MAP)
    said = {
        "a block after the last": wire.have(foe.channel, 1, [nblocks - 1, 2]) * 3,
        "a run of nothing": wire.have(foe.channel, 1, [1, 0]),
        "a map of a content that cannot be": wire.blocks_map(foe.channel, 2, (nblocks - 1, nblocks, root)),
        "bits after the last": wire.blocks_map(foe.channel, 2, mine, bits=b"\xff" * ((nblocks + 7) // 8) if nblocks % 8 else b"\1" * (nblocks // 8 + 1)),
    }[what]
    with contextlib.suppress(Gone):
        foe.say(said)
    assert foe.gone()
    with scene.attacked("after " + what) as m:
        m.drop()


def test_requests_of_any_block_without_end(scene):
    """Sixteen thousand credits that are never read, one more message of them, and the same of a content that nobody has."""
    big_file(scene, 64)
    papers = [scene.papers() for _ in range(4)]
    with scene.attacked("a flood of ANY, nothing read", memory=60, processor=15) as m:
        for i, one in enumerate(papers):
            foe = scene.member(one)
            content = content_of(foe, b"big") if i % 2 else unknown(5000)
            with contextlib.suppress(Gone):
                foe.say(wire.blocks_map(foe.channel, 1, content), patience=3)
                for batch in range(17):
                    foe.say(wire.any_block(foe.channel, content, range(1024 * batch, 1024 * batch + 1024)), patience=3)
        m.drop()


def test_the_victim_chooses_each_block_once(scene):
    """A member that behaves gets every block of the file for ANY, each once and in order, and then is told that all are out."""
    big_file(scene, 2)
    foe = scene.member()
    content = content_of(foe, b"big")
    blocks = blocks_of(foe, *content)
    foe.say(wire.blocks_map(foe.channel, 1, content))
    told = wire.fields(foe.hear(wire.MAP))
    assert (told[3][0], told[4][0], bytes(told[5][0])) == content and told[6] == [1]
    numbers = []
    for i in range(len(blocks) + 1):
        foe.say(wire.any_block(foe.channel, content, [100 + i]))
        answer = foe.hear(wire.BLOCK)
        assert int.from_bytes(answer[:4], "big") == 100 + i
        if answer[4] == 3:
            break
        assert answer[4] & 4
        numbers.append(int.from_bytes(answer[9:13], "big"))
    assert numbers == list(range(len(blocks)))


def test_a_named_block_does_not_wait_behind_any(scene):
    """Who asks for a hundred blocks of the victim's choice and then for one by its name gets that one among the first."""
    big_file(scene, 16)
    foe = scene.member()
    content = content_of(foe, b"big")
    at, n, digest = blocks_of(foe, *content)[-1]
    foe.say(wire.blocks_map(foe.channel, 1, content))
    foe.hear(wire.MAP)
    foe.say(wire.any_block(foe.channel, content, range(100, 200)) + wire.get(foe.channel, *content, [wire.want(7, at, n, digest)]))
    numbers = [int.from_bytes(foe.hear(wire.BLOCK)[:4], "big") for _ in range(101)]
    assert numbers.index(7) < 30


@pytest.mark.parametrize("gives", ["nothing", "noise"])
def test_a_giver_that_lies(scene, gives):
    """It says that it has all of what the honest member drops, and answers no request, or each with noise. It is asked for
    few blocks then, and the file arrives as it is."""
    papers, asked = scene.papers(), []
    foe, told = scene.member(papers), scene.keep(papers.connect(victim=scene.honest))
    staged = scene.honest.path("staged")
    with open(staged, "wb") as f:
        f.write(os.urandom(16 << 20))
    scene.honest.limit("30mbit")
    with scene.attacked("a giver of " + gives, memory=100, processor=20) as m:
        os.rename(staged, scene.honest.file("big"))
        content = content_of(told, b"big")  # the victim says it of itself once it has it
        assert not os.path.exists(scene.victim.file("big"))
        foe.say(wire.blocks_map(foe.channel, 1, content, all=True, tell=False))

        def arrived():
            with contextlib.suppress(Gone):
                one = foe.listen(0.05)
                said = wire.fields(one[1]) if one is not None and one[0] == wire.GET else None
                for want in map(wire.fields, said[5] if said and bytes(said[4][0]) == content[2] else ()):
                    asked.append(want[1][0])
                    if gives == "noise":
                        foe.say(wire.block(want[1][0], os.urandom(want[3][0])))
            return os.path.exists(scene.victim.file("big"))
        # Not settle(): the meter drops files meanwhile, so at no moment need the two be equal.
        netlab.until("it arrives", arrived, 90)
        m.drop()
    assert 0 < len(asked) < content[1] / 2, "%d of %d blocks were asked of it" % (len(asked), content[1])
    with open(scene.honest.file("big"), "rb") as a, open(scene.victim.file("big"), "rb") as b:
        assert a.read() == b.read()
