"""A member's file or folder gives nobody the rights of another machine's users: setuid, setgid and sticky stay behind."""
import hashlib
import os
import stat

import netlab
import wire


def mode(host, name):
    return stat.S_IMODE(os.lstat(host.file(name)).st_mode)


def test_setuid_files_and_setgid_folders(scene):
    papers = scene.papers()
    with scene.attacked("setuid files, setgid and sticky folders"):
        foe = scene.member(papers)
        content = b"#!/bin/sh\nid\n"
        told = [wire.record("dir", 1, kind=wire.DIR, mode=0o7777, writers=[foe.epoch], counters=[1], by=papers.key.short)]
        for i, bits in enumerate((0o4755, 0o2755, 0o6777, 0o7000), 2):
            told.append(wire.record("dir/%o" % bits, i, mode=bits, size=len(content), nblocks=1, content=content,
                                    root=hashlib.sha256(content).digest(), writers=[foe.epoch], counters=[i],
                                    by=papers.key.short))
        foe.say(wire.news(foe.channel, 0, len(told), told))
        for host in (scene.victim, scene.honest):
            netlab.until("all are there", lambda: os.path.exists(host.file("dir/7000")), 20)
    foe.close()
    netlab.settle([scene.victim, scene.honest])
    for host in (scene.victim, scene.honest):
        assert mode(host, "dir") == 0o777
        for bits in (0o4755, 0o2755, 0o6777, 0o7000):
            assert mode(host, "dir/%o" % bits) == bits & 0o777
    # Neither told back nor away: what is set here stays here.
    os.chmod(scene.victim.file("dir"), 0o3777)
    os.chmod(scene.victim.file("dir/4755"), 0o4755)
    netlab.settle([scene.victim, scene.honest])
    assert mode(scene.honest, "dir") == 0o777 and mode(scene.honest, "dir/4755") == 0o755
    assert mode(scene.victim, "dir") == 0o3777


def test_times_at_the_ends_of_what_can_be_said(scene):
    papers = scene.papers()
    times = (-(1 << 63), -(1 << 63) + 1, -1, (1 << 63) - 1)
    with scene.attacked("times of other millennia"):
        foe = scene.member(papers)
        foe.say(wire.news(foe.channel, 0, len(times), [
            wire.record("time%d" % i, i, mtime_ns=ns, size=1, nblocks=1, content=b"x", root=hashlib.sha256(b"x").digest(),
                        writers=[foe.epoch], counters=[i], by=papers.key.short) for i, ns in enumerate(times, 1)]))
        for host in (scene.victim, scene.honest):
            netlab.until("all are there", lambda: os.path.exists(host.file("time%d" % len(times))), 20)
    foe.close()
    netlab.settle([scene.victim, scene.honest])
