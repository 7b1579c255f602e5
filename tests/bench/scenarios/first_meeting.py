"""Both ends hold the same many files, and neither knows it. Each hashes them while it sees nobody, one after the other, so that the
meeting itself is all that is left when they see each other."""
import os

import ground

TITLE = "first meeting of two that hold the same %(count)d files"
SIZES = {"small": {"count": 4000, "folders": 20}, "full": {"count": 100000, "folders": 500}}
ROWS = (("alone_a", "one hashes them alone", "s"), ("alone_b", "the other does", "s"),
        ("seconds", "from the connection until both are in sync", "s"),
        ("wire", "on the wire", "bytes"), ("cpu", "CPU of the meeting, both ends", "s"), ("records_sent", "records sent as news", "n"))
PEERS = ("lanyard",)


def run(stand, size):
    stand.peer.part()
    stand.seed(lambda share: ground.small_files(os.path.join(share, "many"), size["count"], 100, size["folders"]))
    stand.b.cut()
    ground.await_quiet()
    alone = [stand.peer.alone(host) for host in (stand.a, stand.b)]
    wire = stand.wire()
    met, cpu = stand.peer.meet()
    wire = stand.wire() - wire
    stand.compare()
    return {"alone_a": alone[0], "alone_b": alone[1], "seconds": met, "wire": wire, "cpu": cpu, **stand.peer.extra()}
