"""One big incompressible file, moved into the share."""
import os

import ground
from scenarios import cost, cost_rows

TITLE = "one file of %(size)s"
SIZES = {"small": {"size": 64 << 20}, "full": {"size": 2 << 30}}
ROWS = cost_rows()


def run(stand, size):
    stand.peer.start()
    staged = os.path.join(stand.stage, "big")
    ground.big_file(staged, size["size"])
    return cost(stand.timed(lambda: os.rename(staged, os.path.join(stand.a.share, "big")), {"": {"big"}}))
