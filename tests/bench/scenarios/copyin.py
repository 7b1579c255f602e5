"""A big file is copied into the share at the rate of the link to the other end: from its close until it is complete there.

A tool that begins when the writer has closed the file takes the whole transfer from then on."""
import os
import time

import ground
from scenarios import cost, cost_rows

TITLE = "one file of %(size)s copied in at the link's rate, 1 Gbit/s"
SIZES = {"small": {"size": 64 << 20}, "full": {"size": 1 << 30}}
ROWS = (("after", "from close to complete", "s"),) + cost_rows()
RATE = 117_000_000  # bytes of a file per second through 1 Gbit/s, at most
PIECE = 1 << 20


def copy(source, target):
    """Like cp, and as fast as the link."""
    begin, done = time.monotonic(), 0
    with open(source, "rb", buffering=0) as r, open(target, "wb", buffering=0) as w:
        while piece := r.read(PIECE):
            w.write(piece)
            done += len(piece)
            time.sleep(max(0.0, begin + done / RATE - time.monotonic()))


def run(stand, size):
    stand.a.limit("1gbit")
    stand.b.limit("1gbit")
    stand.peer.start()
    staged, spent = os.path.join(stand.stage, "big"), []
    ground.big_file(staged, size["size"])

    def change():
        begin = time.monotonic()
        copy(staged, os.path.join(stand.a.share, "big"))
        spent.append(time.monotonic() - begin)

    result = stand.timed(change, {"": {"big"}})
    return {"after": result["seconds"] - spent[0], **cost(result)}
