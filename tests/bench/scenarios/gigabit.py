"""One big incompressible file, moved into the share, over a link of 1 Gbit/s: how close to the time that its bytes take there."""
import os

import ground
from scenarios import cost, cost_rows

TITLE = "one file of %(size)s at 1 Gbit/s"
SIZES = {"small": {"size": 32 << 20}, "full": {"size": 512 << 20}}
ROWS = (("limit", "of the time that its bytes take", "%"),) + cost_rows()
PAYLOAD = 1448 / 1514  # of a full frame of TCP over Ethernet


def run(stand, size):
    for host in (stand.a, stand.b):
        host.limit("1gbit")
    stand.peer.start()
    staged = os.path.join(stand.stage, "big")
    ground.big_file(staged, size["size"])
    result = stand.timed(lambda: os.rename(staged, os.path.join(stand.a.share, "big")), {"": {"big"}})
    return {"limit": 100 * result["seconds"] * 1e9 * PAYLOAD / (size["size"] * 8), **cost(result)}
