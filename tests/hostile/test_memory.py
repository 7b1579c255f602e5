"""Memory that a peer chooses: what waits for somebody who does not read, what is kept for somebody who never ends."""
import contextlib
import os

import netlab
import pytest
import wire
from foe import Gone
from test_loop import big_file, content_of


def many_rows(scene, n):
    """That many rows of the victim's with long names: megabytes of news for a member that has none of them."""
    folder = scene.victim.file("rows")
    os.mkdir(folder)
    for i in range(n):
        with open(os.path.join(folder, b"%05d-" % i + b"long-name-" * 20), "w"):
            pass
    netlab.settle([scene.victim, scene.honest], timeout=60)


def test_eight_that_do_not_read(scene):
    """Eight members ask for all there is, again and again, and read nothing."""
    big_file(scene, 128)
    many_rows(scene, 3000)
    everybody = [scene.papers() for _ in range(8)]
    wanted = content_of(scene.member(everybody[0]), b"big")
    with scene.attacked("8 connections that do not read", memory=60, processor=20) as m:
        for papers in everybody:
            foe = scene.member(papers)
            with contextlib.suppress(Gone):
                foe.say(b"".join(wire.list_get(foe.channel, 10 + i, *wanted) for i in range(200)), patience=1)
                foe.say(wire.ping() * 20000, patience=1)
                for i in range(40):
                    foe.say(wire.group_open(foe.channel, foe.theirs, credential=papers.credential, digest=os.urandom(32)), patience=1)
        m.drop()


@pytest.mark.slow
def test_one_that_does_not_read_is_dropped(scene):
    """Its pings go on, so it is not silent; what waits for it does not wait for ever."""
    big_file(scene, 128)
    foe = scene.member()
    wanted = content_of(foe, b"big")
    with scene.victim.events() as events:
        foe.say(b"".join(wire.list_get(foe.channel, 10 + i, *wanted) for i in range(200)), patience=1)

        def gone():
            with contextlib.suppress(Gone):
                foe.say(wire.ping())
            return any(e["event"] == "peer-disconnected" for e in events.poll(1.0) or events.seen)
        netlab.until("it is dropped", gone, 60)



