"""The lab's front door: hosts on bridges, with lanyard agents, for tests, for the bench and for playing by hand.

    import netlab
    netlab.enter()                                # first thing in the process: see namespaces.enter
    with netlab.Lab() as lab:
        a, b = lab.host("a"), lab.host("b")       # plugged into one switch unless told otherwise
        netlab.form([a, b], "pics")               # agents started, group founded and joined, connected
        netlab.trees.write(a.share, {"hello": b"world"})
        netlab.settle([a, b])                     # both say in sync, and the trees are identical

Environment: LANYARD_BUILD (folder of lanyardd and lanyard), LANYARD_LAB_DIR (where the hosts' folders go; a real disk),
LANYARD_LAB_KEEP=1 (leave them there), LANYARD_LAB_FACTOR (stretches every timeout, for slow builds).
No pytest here.
"""
import namespaces
import trees
from agents import AgentHost, apart, form, in_sync, settle, start_flags
from namespaces import FACTOR, ROOT, LabError, enter, until

__all__ = ["AgentHost", "FACTOR", "Lab", "LabError", "ROOT", "apart", "enter", "form", "in_sync", "settle", "start_flags",
           "trees", "until"]


class Lab(namespaces.Lab):
    host_class = AgentHost
