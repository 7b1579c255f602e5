"""The lab's front door: hosts on bridges, with lanyard agents, for tests, for the bench and for playing by hand.

    import netlab
    netlab.enter()                                # first thing in the process: see namespaces.enter
    with netlab.Lab() as lab:
        a, b = lab.host("a"), lab.host("b")       # plugged into one switch unless told otherwise
        a.daemon.start("--discovery", "embedded")
        a.cli("create", "G", "--share", a.share)
        b.daemon.start("--discovery", "embedded")
        b.cli("join", "--invite", a.invite("G"), "--share", b.share)
        netlab.trees.write(a.share, {"hello": b"world"})
        a.wait_sync(peers=1)
        assert netlab.trees.differences(a.share, b.share) == []

Environment: LANYARD_BUILD (folder of lanyardd and lanyard), LANYARD_LAB_DIR (where the hosts' folders go; a real disk),
LANYARD_LAB_KEEP=1 (leave them there), LANYARD_LAB_FACTOR (stretches every timeout, for slow builds).
No pytest here.
"""
import namespaces
import trees  # noqa: F401 (part of the front door)
from agents import AgentHost
from namespaces import FACTOR, ROOT, LabError, enter, until  # noqa: F401


class Lab(namespaces.Lab):
    host_class = AgentHost
