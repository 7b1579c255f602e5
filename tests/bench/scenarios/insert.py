"""A big file that both ends have gets 1 KiB inserted near its start."""
import os
import shutil

import ground
from scenarios import cost, cost_rows

TITLE = "1 KiB inserted into a file of %(size)s"
SIZES = {"small": {"size": 64 << 20}, "full": {"size": 1 << 30}}
ROWS = cost_rows()
AT = 10000


def run(stand, size):
    path = os.path.join(stand.a.share, "big")
    stand.seed(lambda share: ground.big_file(os.path.join(share, "big"), size["size"]))
    stand.peer.start()
    staged = os.path.join(stand.stage, "big")
    with open(path, "rb") as old, open(staged, "wb") as new:
        new.write(old.read(AT) + os.urandom(1024))
        shutil.copyfileobj(old, new, 1 << 20)
    return cost(stand.timed(lambda: os.rename(staged, path), {"sizes": {"big": size["size"] + 1024}}))
