"""A group most of whose members are one attacker's: what they say of connections, and of who is here."""
import contextlib
import os
import time

import netlab
import pytest
import wire
from foe import Gone, Papers
from scenes import GROUP, Scene

CROWD = 70     # more than the 64 connections that an agent likes to have, and than the 24 members that all connect with all


class Crowd(Scene):
    """`papers`: the memberships of CROWD agents that one host plays, let in by one invite."""

    def __init__(self, lab):
        super().__init__(lab)
        token = self.victim.invite(GROUP, "--uses", str(CROWD))
        self.papers = [Papers(self.foe, self.victim, token) for _ in range(CROWD)]

    def pump(self):
        """Answers pings; how many are still connected."""
        there = 0
        for foe in self.foes:
            with contextlib.suppress(Gone):
                while foe.listen(0) is not None:
                    pass
                there += 1
        return there


@pytest.fixture
def crowd(lab):
    scene = Crowd(lab)
    yield scene
    scene.close()


@pytest.mark.slow
def test_many_agents_of_one_host_do_not_cut_off_a_member(crowd):
    """All connect, say that they need the victim, and that they have nobody else. An honest member comes back, and stays."""
    victim, honest = crowd.victim, crowd.honest
    name = honest.agent_id()
    with crowd.attacked("70 members hold their connections", processor=12, drop=8) as m:
        honest.daemon.kill9()
        for papers in crowd.papers:
            crowd.member(papers).say(wire.keep(True))
        honest.daemon.start("--discovery", "off", "--peer", "%s:%d" % (victim.ip, victim.port))

        def back():
            crowd.pump()
            return name in victim.peers()
        netlab.until("the honest member is connected", back, 30)
        # A connection that neither side needs would end within 20 s. The others stay too: 224 may.
        end = time.monotonic() + 25
        while time.monotonic() < end:
            assert back()
            time.sleep(0.5)
        assert crowd.pump() == CROWD
        m.drop()
        assert len(victim.peers()) == CROWD + 1


def test_a_flood_of_keeps_and_of_lies_about_who_is_here(crowd):
    """One member calls all others here, thousands of times, and changes its mind about the connection as often."""
    foe = crowd.member(crowd.papers[0])
    absent, unknown = [p.key.id for p in crowd.papers[1:]], [os.urandom(32) for _ in range(4000)]
    with crowd.attacked("a flood of KEEP and HERE", processor=8, memory=20, drop=6) as m:
        for i in range(300):
            foe.say(wire.here(foe.channel, unknown) + wire.here(foe.channel, absent * 4, i % 200))
            foe.say(wire.keep(i % 2, i % 3) * 100)
        foe.say(wire.keep(True))
        m.drop()
    # Those of whom it lied are called here, since nobody else can tell; but nobody is a peer for it, or waited for.
    members = crowd.victim.cli("members", GROUP)["members"]
    assert sum(m["here"] for m in members) == CROWD + 2
    assert sum(m["connected"] for m in members) == len(crowd.victim.peers()) == 2
    crowd.victim.wait_sync(peers=CROWD + 1)
