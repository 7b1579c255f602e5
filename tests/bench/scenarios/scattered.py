"""A big file that both ends have is changed in place: one in a hundred of its pages of 4 KiB, here and there."""
import os
import random

import ground
from scenarios import cost, cost_rows

TITLE = "1 %% of the pages of a file of %(size)s changed in place"
SIZES = {"small": {"size": 64 << 20}, "full": {"size": 1 << 30}}
ROWS = cost_rows()
PAGE = 4096


def run(stand, size):
    path = os.path.join(stand.a.share, "big")
    stand.seed(lambda share: ground.big_file(os.path.join(share, "big"), size["size"]))
    stand.peer.start()
    dice = random.Random(5)
    pages = dice.sample(range(size["size"] // PAGE), size["size"] // PAGE // 100)

    def change():
        with open(path, "r+b", buffering=0) as file:
            for page in pages:
                os.pwrite(file.fileno(), os.urandom(PAGE), page * PAGE)

    before = os.stat(os.path.join(stand.b.share, "big")).st_ino
    return cost(stand.timed(change, {"replaced": {"big": before}}))
