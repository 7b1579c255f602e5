"""Both ends hold the same many files, and neither knows it: one hashes them alone, then the other hashes them and meets it."""
import os

import ground

TITLE = "first meeting of two that hold the same %(count)d files"
SIZES = {"small": {"count": 4000, "folders": 20}, "full": {"count": 100000, "folders": 500}}
ROWS = (("alone", "one hashes them alone", "s"), ("seconds", "the other hashes them, and both are in sync", "s"),
        ("wire", "on the wire", "bytes"), ("cpu", "CPU, both ends", "s"), ("records_sent", "records sent as news", "n"))
PEERS = ("lanyard",)


def run(stand, size):
    stand.seed(lambda share: ground.small_files(os.path.join(share, "many"), size["count"], 100, size["folders"]))
    ground.await_quiet()
    wire = stand.wire()
    alone, together, cpu = stand.peer.meet()
    stand.compare()
    return {"alone": alone, "seconds": together, "wire": stand.wire() - wire, "cpu": cpu, **stand.peer.extra()}
